"""Question and passages -> scores, by a cross-encoder that `weights.save_small` wrote."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from clone_agent.errors import ModelError
from memory.reranker.pairs import MOST_TOKENS
from memory.reranker.weights import load_small

_PART = 12  # pairs computed together, of like length: more pad more


class PairScorer:
    """A small cross-encoder, ready.

    Raises:
        ModelError: the folder does not hold one.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._model, self._tokenizer = load_small(folder)
        except Exception as cause:  # the loaders raise a dozen kinds, of three libraries
            remedy = "Reinstall the package, or set memory.reranker to none."
            raise ModelError(f"The reranker in {folder.name} cannot be loaded ({type(cause).__name__}).", remedy=remedy) from cause
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model.to(self._device)  # type: ignore[arg-type]  # its wrapper loses the overloads
        # Twice as fast where the processor multiplies bfloat16; the scores differ by some hundredths.
        # torch leaves the first of these untyped.
        has_onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
        self._half = self._device.type == "cuda" or (has_onednn and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()))

    @torch.inference_mode()
    def scores(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """The logarithm of the odds that each passage answers the question: float32 of shape (passages,)."""
        pairs = [(question, passage) for passage in passages]
        encoded = [self._tokenizer(*pair, truncation="longest_first", max_length=MOST_TOKENS)["input_ids"] for pair in pairs]
        order = sorted(range(len(pairs)), key=lambda place: len(encoded[place]))
        found = np.zeros(len(pairs), dtype=np.float32)
        for start in range(0, len(order), _PART):
            part = order[start : start + _PART]
            batch = self._tokenizer.pad({"input_ids": [encoded[place] for place in part]}, return_tensors="pt").to(self._device)
            with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._half):
                logits = self._model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
            found[part] = logits[:, 0].float().cpu().numpy()
        return found
