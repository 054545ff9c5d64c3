"""A second look at the best passages by a cross-encoder, which reads question and passage together. Off unless a model is named.

A passage is shown to the model with the one before and the one after it, since a short bubble says little alone. What the model gives and
what the ranking gave count the same, each scaled to 0 to 1 over the passages looked at; those beyond keep their places.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clone_agent.errors import ModelError
from memory.ranking import Ranking
from memory.table import PassageTable

DEPTH = 30  # passages looked at


class Reranker:
    """A cross-encoder that sentence-transformers loads, by hub name or folder.

    Raises:
        ModelError: it cannot be loaded, or gives more than one score.
    """

    def __init__(self, name_or_path: str) -> None:
        # Not at the top: this import takes seconds and the memory of torch, for something that is off by default.
        from sentence_transformers import CrossEncoder

        self.name = Path(name_or_path).name
        remedy = "Name a cross-encoder with one label, such as BAAI/bge-reranker-v2-m3, or its folder."
        try:
            self._model = CrossEncoder(name_or_path, trust_remote_code=False)
        except Exception as cause:  # the loaders raise a dozen kinds, of three libraries
            raise ModelError(f"The reranker '{self.name}' cannot be loaded ({type(cause).__name__}).", remedy=remedy) from cause
        if self._model.num_labels != 1:
            raise ModelError(f"The reranker '{self.name}' has {self._model.num_labels} labels.", remedy=remedy)

    def scores(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """How well each passage fits the question; only the order means something."""
        found = self._model.predict([(question, passage) for passage in passages], show_progress_bar=False, convert_to_numpy=True)
        return np.asarray(found, dtype=np.float32).reshape(len(passages))

    def rerank(self, ranking: Ranking, question: str, table: PassageTable) -> Ranking:
        """Put the best passages of a ranking in a new order."""
        best = list(ranking.numbers[:DEPTH])
        if len(best) < 2:
            return ranking
        before = _scaled(np.array(ranking.scores[: len(best)], dtype=np.float32))
        mixed = (_scaled(self.scores(question, _with_neighbours(best, table))) + before) / 2
        order = np.argsort(-mixed, kind="stable").tolist()
        kept = sorted(ranking.scores[: len(best)], reverse=True)  # the scores stay, in descending order, so that they still compare
        return replace(
            ranking,
            numbers=(*(best[place] for place in order), *ranking.numbers[len(best) :]),
            scores=(*kept, *ranking.scores[len(best) :]),
        )


def _with_neighbours(numbers: Sequence[int], table: PassageTable) -> list[str]:
    facts = table.facts({near for number in numbers for near in range(number - 1, number + 2)})
    rows = {number: row for row, number in enumerate(facts.numbers.tolist())}

    def text(number: int) -> str:
        session = facts.sessions[rows[number]]
        near = [rows[other] for other in range(number - 1, number + 2) if other in rows]
        return "\n".join(facts.texts[row] for row in near if facts.sessions[row] == session)

    return [text(number) for number in numbers]


def _scaled(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = float(scores.min()), float(scores.max())
    return (scores - low) / (high - low) if high > low else np.zeros_like(scores)
