"""What speaks for each passage that was found: one column a reason, each 0 to 1. `memory.weights` weighs them.

The first reasons are the arms: words of the passage itself, of the exchange around it and of a wider stretch, and nearness of meaning,
its own and its segment's. In a chat of short bubbles the answer ("三十三年。") shares no word with its question, so the others look at
how people answer: after what they were asked, with a line of the kind that is asked for, seldom with a question.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory.answers import asks, is_alike, settles, suits
from memory.asked import wanted, wants_the_end
from memory.nearby import Postings, Scores, Stretch, handed_on, in_exchange, own_words, words_around, words_before
from memory.table import Facts

NEAR, FAR = 2, 8  # passages on each side
_FAR_LENGTH = 300  # characters on each side that the wider stretch has in the mean
_LOOKED_AT = 400  # best passages of which is asked what kind of line they are
_BEFORE = (0.9, 0.8, 0.7, 0.6)  # of the nearness of the passages before
_FOLLOWS = (1.0, 0.6)  # of what speaks for a question, for the two passages after it
_ALIKE = (1.0, 0.6, 0.4)  # for the three passages after a question that asks for the same
_LONG = math.log(150)  # characters at which a passage gets no more for being long
# How near a passage is to the subject, before anything else is weighed.
_SUBJECT = {"turn": 0.2, "near": 0.3, "far": 0.15, "dense_turn": 0.2, "dense_segment": 0.15}
_AROUND = {"near": 0.5, "far": 0.3, "dense_segment": 0.2}

ARMS = ("turn", "near", "far", "dense_turn", "dense_segment")  # a passage for which none of these speaks was not found


@dataclass(frozen=True, slots=True)
class Evidence:
    """The passages that were found for a question, in ascending order, and what speaks for each."""

    facts: Facts
    stretch: Stretch
    columns: Mapping[str, Scores]  # by the names of `memory.weights.Weights`
    cosine: float  # of the nearest passage
    span: tuple[int, int] | None  # the named time in milliseconds, if enough was said in it

    @property
    def is_found(self) -> NDArray[np.bool_]:
        """Which passages any of the arms found."""
        return np.asarray(sum(self.columns[name] for name in ARMS) > 0, dtype=np.bool_)


def far(stretch: Stretch) -> int:
    """How many passages the wider stretch reaches to each side: more where they are short."""
    return int(np.clip(round(_FAR_LENGTH / max(1.0, stretch.mean_length)), NEAR, FAR))


def of_words(postings: Postings, stretch: Stretch, *, total: float) -> dict[str, Scores]:
    """What the question's words tell; `total` is what all of them weigh, those that stand nowhere included."""
    radius = far(stretch)
    near = words_around(postings, stretch, NEAR)
    found = {"turn": own_words(postings, stretch), "near": near}
    found["far"] = near if radius == NEAR else words_around(postings, stretch, radius)
    columns = {name: by_best(scores) for name, scores in found.items()}
    for name, share, reach in (("before", 0.75, 12), ("long_before", 0.93, 24)):
        columns[name] = words_before(postings, stretch, share=share, reach=reach) / max(total, 1e-6)
    return columns


def of_meaning(
    turns: Mapping[int, float], segments: Mapping[int, float], cosines: Scores, facts: Facts, stretch: Stretch
) -> dict[str, Scores]:
    """What nearness of meaning tells: of passages and segments that were searched for, and of each passage with those before it."""
    before = np.where(in_exchange(stretch), handed_on(stretch, cosines, _BEFORE), 0)
    return {
        "dense_turn": by_best(_of(turns, facts)),
        "dense_segment": by_best(_of(segments, facts)),
        "dense_before": np.maximum(0, np.maximum(cosines, before)).astype(np.float32),
    }


def of_answering(
    question: str, others: Collection[str], facts: Facts, stretch: Stretch, columns: Mapping[str, Scores]
) -> dict[str, Scores]:
    """What tells an answer from other lines on the subject; `columns` are of words and meaning, `others` names that answer a "who"."""
    subject = sum(share * columns[name] for name, share in _SUBJECT.items())
    around = sum(share * columns[name] for name, share in _AROUND.items())
    rows = _best(subject + 0.2 * columns["before"] + 0.2 * columns["long_before"], _LOOKED_AT)
    want = wanted(question)

    def each(judge: Callable[[str], float]) -> Scores:
        judged = np.zeros(len(facts.numbers), dtype=np.float32)
        judged[rows] = [judge(facts.texts[row]) for row in rows]
        return judged

    asking = each(asks)
    kind = each(lambda text: suits(text, want, others, question=question) if want else 0.0)
    alike = each(lambda text: bool(want and (other := wanted(text)) and is_alike(other.kind, want.kind)))
    answer = (kind * around).astype(np.float32)
    late = _late(facts, stretch)
    return {
        "kind": kind,
        "answer": answer,
        "asks": asking,
        "follows": handed_on(stretch, subject * asking, _FOLLOWS),
        "alike": handed_on(stretch, alike, _ALIKE) * (1 - asking),
        "length": (np.minimum(1.0, np.log(stretch.lengths + 1) / _LONG) * in_exchange(stretch)).astype(np.float32),
        "late": late,
        "last": late * kind * wants_the_end(question),
        "settles": each(settles) * answer,
    }


def _late(facts: Facts, stretch: Stretch) -> Scores:
    """How late each passage of an exchange was said, among those found."""
    places = np.argsort(np.argsort(facts.started_ms, kind="stable"), kind="stable")
    return (places / max(1, len(places) - 1) * in_exchange(stretch)).astype(np.float32)


def by_best(scores: Scores) -> Scores:
    """Scores as shares of the best one."""
    best = scores.max(initial=0.0)
    return np.maximum(scores, 0) / best if best > 0 else np.zeros_like(scores)


def _best(scores: Scores, count: int) -> list[int]:
    rows = np.arange(len(scores)) if len(scores) <= count else np.argpartition(scores, -count)[-count:]
    return [int(row) for row in rows]


def _of(found: Mapping[int, float], facts: Facts) -> Scores:
    scores = np.zeros(len(facts.numbers), dtype=np.float32)
    numbers, values = np.fromiter(found, dtype=np.int64), np.fromiter(found.values(), dtype=np.float32)
    places = np.minimum(np.searchsorted(facts.numbers, numbers), len(scores) - 1)
    is_there = facts.numbers[places] == numbers  # else deleted, but not yet in the vector store
    scores[places[is_there]] = values[is_there]
    return scores
