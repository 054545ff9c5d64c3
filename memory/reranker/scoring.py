"""Question and passages, or stretches of talks, -> scores, by a cross-encoder that `weights.save_small` wrote."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

from clone_agent.errors import ModelError
from memory.reranker.pairs import MARK, MOST_TALK_TOKENS, MOST_TOKENS
from memory.reranker.weights import load_small, load_talks

_PART = 12  # pairs computed together, of like length: more pad more


class PairScorer:
    """A small cross-encoder, ready.

    Raises:
        ModelError: the folder does not hold one.
    """

    def __init__(self, folder: Path) -> None:
        self._model, self._tokenizer = _loaded(folder)

    @torch.inference_mode()
    def scores(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """The logarithm of the odds that each passage answers the question: float32 of shape (passages,)."""
        found = np.zeros(len(passages), dtype=np.float32)
        for part, ids in _parts(self._tokenizer, question, passages, most=MOST_TOKENS):
            with _autocast(self._model):
                logits = self._model(**{name: tensor.to(self._model.device) for name, tensor in ids.items()}).logits
            found[part] = logits[:, 0].float().cpu().numpy()
        return found


class TalkScorer:
    """The same cross-encoder as it reads a stretch of a talk at once, and scores each of its passages.

    Raises:
        ModelError: the folder does not hold one.
    """

    def __init__(self, folder: Path) -> None:
        self._model, self._tokenizer = _loaded(folder, reads_talks=True)
        self._mark = mark_of(self._tokenizer)

    @torch.inference_mode()
    def scores(self, question: str, talks: Sequence[str]) -> list[NDArray[np.float32]]:
        """The logarithm of the odds that each passage of each stretch answers; none for those that lie beyond what it reads."""
        found = [np.zeros(0, dtype=np.float32)] * len(talks)
        for part, ids in _parts(self._tokenizer, question, talks, most=MOST_TALK_TOKENS):
            with _autocast(self._model):
                rows, scores = marked_scores(self._model, {name: tensor.to(self._model.device) for name, tensor in ids.items()}, self._mark)
            for row, place in enumerate(part):
                found[place] = scores[rows == row].float().cpu().numpy()
        return found


def mark_of(tokenizer: PreTrainedTokenizerFast) -> int:
    """The token of the mark."""
    found = tokenizer.convert_tokens_to_ids(MARK)
    assert isinstance(found, int)
    return found


def marked_scores(model: BertForSequenceClassification, ids: Mapping[str, Tensor], mark: int) -> tuple[Tensor, Tensor]:
    """What the model says at every mark: for each the row of `ids` that it stands in, and its score; both of shape (marks,)."""
    pooler = model.bert.pooler
    assert pooler is not None
    states = model.bert(**ids).last_hidden_state
    rows, places = (ids["input_ids"] == mark).nonzero(as_tuple=True)
    pooled = torch.tanh(pooler.dense(states[rows, places]))
    return rows, model.classifier(pooled)[:, 0]


def _loaded(folder: Path, *, reads_talks: bool = False) -> tuple[BertForSequenceClassification, PreTrainedTokenizerFast]:
    try:
        model, tokenizer = load_small(folder)
        if reads_talks:
            load_talks(model, folder)
    except Exception as cause:  # the loaders raise a dozen kinds, of three libraries
        remedy = "Reinstall the package, or set memory.reranker to none."
        raise ModelError(f"The reranker in {folder.name} cannot be loaded ({type(cause).__name__}).", remedy=remedy) from cause
    model.to("cuda" if torch.cuda.is_available() else "cpu")  # type: ignore[arg-type]  # its wrapper loses the overloads
    return model, tokenizer


def _autocast(model: BertForSequenceClassification) -> torch.autocast:
    """Twice as fast where the processor multiplies bfloat16; the scores differ by some hundredths."""
    # torch leaves the first of these untyped.
    has_onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    half = model.device.type == "cuda" or (has_onednn and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()))
    return torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=half)


def _parts(
    tokenizer: PreTrainedTokenizerFast, question: str, texts: Sequence[str], *, most: int
) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
    """The pairs of question and text in parts of like length: their places, and the tokens."""
    encoded = [tokenizer(question, text, truncation="longest_first", max_length=most)["input_ids"] for text in texts]
    order = sorted(range(len(texts)), key=lambda place: len(encoded[place]))
    for start in range(0, len(order), _PART):
        part = order[start : start + _PART]
        batch = tokenizer.pad({"input_ids": [encoded[place] for place in part]}, return_tensors="pt")
        yield part, {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
