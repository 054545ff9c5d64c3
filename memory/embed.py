"""Text to vectors: which model, which dimension, its fingerprint.

A static model (one vector a token, as the one that ships) is read without torch and runs in numpy: it is ready in a tenth of a second and
gives the vectors that sentence-transformers gives. Every other model goes through sentence-transformers.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from clone_agent.errors import ModelError

Vectors = NDArray[np.float32]

SHIPPED_MODEL = Path(__file__).parent / "embedding" / "model"
_BATCH = 4096
_REMEDY = "Name a sentence-transformers model or its folder with --embedding, or reinstall the package for the one that ships."


class Embedder(Protocol):
    """Turns texts into vectors of length 1."""

    name: str
    dimension: int
    fingerprint: str  # 12 hexadecimal digits: differs when the vectors would
    knows_chinese: bool  # False: its vectors count less on Chinese questions
    knows_english: bool

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts: float32 of shape (texts, dimension); a text without a known token gets the zero vector."""
        ...


class StaticEmbedder:
    """A text's vector is the mean of its tokens' vectors, scaled to length 1."""

    def __init__(self, folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        if "embeddings" in weights:
            table = weights["embeddings"].astype(np.float32) * weights["weights"].astype(np.float32)[:, None]
        else:
            table = weights["embedding.weight"].astype(np.float32)
        self._table: Vectors = table
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self.name = "shipped" if folder == SHIPPED_MODEL else folder.name
        self.dimension = int(table.shape[1])
        self.knows_chinese = _knows_han(self._tokenizer.get_vocab())
        self.knows_english = folder != SHIPPED_MODEL  # it saw little English (embedding/README.md)
        self.fingerprint = _fingerprint(self._tokenizer.to_str(), [table])

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts, see `Embedder`."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            encodings = self._tokenizer.encode_batch_fast(list(texts[start : start + _BATCH]), add_special_tokens=False)
            for row, encoding in enumerate(encodings, start=start):
                if ids := encoding.ids:
                    vectors[row] = self._table[ids].mean(axis=0)
        return normalised(vectors)


class TransformerEmbedder:
    """Any model that sentence-transformers loads."""

    def __init__(self, name_or_path: str) -> None:
        # Not at the top: this import takes seconds and the memory of torch, which the shipped model does without.
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(name_or_path, device=None, trust_remote_code=False)
        self.name = Path(name_or_path).name
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self.knows_chinese = _knows_han(self._model.tokenizer.get_vocab())
        self.knows_english = True
        state = self._model.state_dict()
        self.fingerprint = _fingerprint(" ".join(state), [tensor.flatten()[:256].float().cpu().numpy() for tensor in state.values()])

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts, see `Embedder`."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        vectors = self._model.encode(list(texts), batch_size=64, convert_to_numpy=True, show_progress_bar=False)
        return normalised(np.asarray(vectors, dtype=np.float32))


def load_embedder(name_or_path: str | None = None) -> Embedder:
    """Load a model by hub name or folder; None: the one that ships.

    Raises:
        ModelError: it is missing, truncated or of a kind that needs remote code.
    """
    folder = SHIPPED_MODEL if name_or_path is None else Path(name_or_path)
    try:
        if _is_static(folder):
            return StaticEmbedder(folder)
        if name_or_path is None:
            raise FileNotFoundError(folder)
        return TransformerEmbedder(name_or_path)
    except Exception as cause:  # the loaders raise a dozen kinds, of three libraries
        name = "that ships" if name_or_path is None else f"'{folder.name}'"
        raise ModelError(f"The embedding model {name} cannot be loaded ({type(cause).__name__}).", remedy=_REMEDY) from cause


def normalised(vectors: Vectors) -> Vectors:
    """Scale rows to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _is_static(folder: Path) -> bool:
    modules = folder / "modules.json"
    if not modules.is_file():
        return False
    kinds = [str(module["type"]).rsplit(".", maxsplit=1)[-1] for module in json.loads(modules.read_text(encoding="utf-8"))]
    return kinds[0] == "StaticEmbedding" and set(kinds[1:]) <= {"Normalize"}


def _knows_han(vocabulary: Iterable[str]) -> bool:
    return sum(_is_han(token) for token in vocabulary) > 1500


def _is_han(token: str) -> bool:
    return any("\u3400" <= char <= "\u9fff" for char in token)


def _fingerprint(text: str, arrays: Sequence[Vectors]) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=6)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
