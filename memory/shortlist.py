"""Which of the passages that were found the cross-encoder reads: those that a small network takes for likeliest.

The weights of the first look (`memory.weights`) are what a person can read, and they say how sure the clone is. But what a reason counts
depends on the others: a bare "三十三年。" is worth reading where its talk is full of the question's words, and not elsewhere. The network
knows what speaks for a passage, what speaks for the best one of its talk, and how far it stands from that one.
`benchmarks/memory_shortlist.py` trains it on invented lives. They are Chinese: for other questions the weights choose.
"""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from memory.ranking import Ranking
from memory.table import PassageTable
from memory.weights import NAMES

FILE = Path(__file__).parent / "shortlist.safetensors"
AMONG = 300  # passages of a ranking that are chosen from
_OF_TALKS = ("turn", "near", "dense_turn", "dense_segment", "dense_before", "before", "long_before", "kind", "answer")
_CLOSELY, _FAR = 4, 30  # passages after the best one of a talk

Floats = NDArray[np.float32]


def chosen(ranking: Ranking, table: PassageTable, *, count: int) -> list[int]:
    """Places in a ranking of the passages to read, in ascending order.

    Args:
        ranking: of a Chinese question, with reasons.
        table: holds its passages.
        count: how many.
    """
    if ranking.reasons is None or len(ranking.numbers) <= count:
        return list(range(min(count, len(ranking.numbers))))
    seen = features(ranking, table)
    return sorted(np.argsort(-likely(seen, _weights()), kind="stable")[:count].tolist())


def features(ranking: Ranking, table: PassageTable) -> Floats:
    """What the network sees of each of the best passages of a ranking: shape (at most `AMONG`, features)."""
    assert ranking.reasons is not None
    numbers = np.array(ranking.numbers[:AMONG])
    facts = table.facts(numbers.tolist())
    rows = np.searchsorted(facts.numbers, numbers)
    lengths = np.array([len(facts.texts[row]) for row in rows], dtype=np.float32)
    return of_talks(ranking.reasons[:AMONG], np.array(ranking.scores[:AMONG], dtype=np.float32), numbers, facts.sessions[rows], lengths)


def of_talks(reasons: Floats, scores: Floats, numbers: NDArray[np.int64], sessions: NDArray[np.int64], lengths: Floats) -> Floats:
    """Reasons, score and length of each passage, the best reasons and score of its talk, how much of that was found, how far its best is.

    All are about 0 to 1.
    """
    _, talks = np.unique(sessions, return_inverse=True)
    told = np.column_stack([reasons[:, [NAMES.index(name) for name in _OF_TALKS]], scores])
    best = np.zeros((talks.max() + 1, told.shape[1]), dtype=np.float32)
    np.maximum.at(best, talks, told)
    leading = np.zeros(talks.max() + 1, dtype=np.int64)
    order = np.argsort(scores, kind="stable")
    leading[talks[order]] = numbers[order]
    way = numbers - leading[talks]
    return np.column_stack(
        [
            reasons,
            scores,
            np.log1p(lengths) / 5,
            best[talks],
            np.log1p(np.bincount(talks)[talks]) / 5,
            np.clip(way, 0, _FAR) / _FAR,
            np.clip(-way, 0, _FAR) / _FAR,
            (way > 0) & (way <= _CLOSELY),
            way == 0,
        ]
    ).astype(np.float32)


def likely(seen: Floats, weights: dict[str, Floats]) -> Floats:
    """How likely each passage answers; only the order means something.

    A weighted sum, and what two layers of a few rectified units add to it: `weights` has `sum`, `first`, `first.bias`, `second`,
    `second.bias` and `last`.
    """
    hidden = np.maximum(seen @ weights["first"] + weights["first.bias"], 0)
    hidden = np.maximum(hidden @ weights["second"] + weights["second.bias"], 0)
    return np.asarray(seen @ weights["sum"] + hidden @ weights["last"], dtype=np.float32)


@cache
def _weights() -> dict[str, Floats]:
    return load_file(FILE)
