"""Words around passages: which passages are worth a look, and BM25 of a passage's own words and of the exchange it stands in.

Works on postings: for each term of the question the numbers of the passages that hold it. A session's passages have consecutive numbers,
so the surroundings of passage n are n - radius .. n + radius, cut where the session ends. A passage that nobody else's words surround (a
diary, notes to oneself) is no part of an exchange and stands for itself. A term counts once a passage.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Scores = NDArray[np.float32]

K1 = 1.2
_OWN_B, _AROUND_B = 0.75, 0.3  # how much a long passage, and long surroundings, lose
_BEST_OWN = 100  # passages looked at for their own words
_BEST_BLOCKS = 40  # stretches of eight passages looked at for their words together, from each of two ways to cut
_PAD = 5  # characters: what a passage is long without words


@dataclass(frozen=True, slots=True)
class Postings:
    """Where the terms of a question stand."""

    numbers: Mapping[str, Numbers]  # ascending
    idf: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Passages in ascending order of their numbers, with what scoring them needs."""

    numbers: Numbers
    sessions: NDArray[np.int64]
    people: NDArray[np.int64]
    lengths: NDArray[np.float32]  # characters
    mean_length: float  # of all passages, about
    # By shift: the same neighbours are asked for a dozen times a question.
    _positions: dict[int, tuple[NDArray[np.int64], NDArray[np.bool_]]] = field(default_factory=dict, repr=False, compare=False)

    def position(self, shift: int | Numbers) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """For each passage where its neighbour `shift` further stands here, and whether it does and is of the same session."""
        if isinstance(shift, int) and shift in self._positions:
            return self._positions[shift]
        found = np.searchsorted(self.numbers, self.numbers + shift)
        found = np.minimum(found, len(self.numbers) - 1)
        position = found, (self.numbers[found] == self.numbers + shift) & (self.sessions[found] == self.sessions)
        if isinstance(shift, int):
            self._positions[shift] = position
        return position


def candidates(postings: Postings) -> Numbers:
    """The passages with the best words of their own, with two neighbours on each side, and the best stretches of eight."""
    held = [(numbers, postings.idf[term]) for term, numbers in postings.numbers.items() if len(numbers)]
    if not held:
        return np.zeros(0, dtype=np.int64)
    own = _best(held, _BEST_OWN)
    chosen = [own[:, None] + np.arange(-2, 3)]
    for shift in (0, 4):
        blocks = _best([(_distinct((numbers + shift) >> 3), idf) for numbers, idf in held], _BEST_BLOCKS)
        chosen.append((blocks[:, None] << 3) - shift + np.arange(8))
    return np.unique(np.concatenate([part.ravel() for part in chosen]))


def _best(held: list[tuple[Numbers, float]], count: int) -> Numbers:
    """The numbers whose terms weigh most together."""
    base = min(int(numbers[0]) for numbers, _ in held)
    weights = np.concatenate([np.full(len(numbers), idf) for numbers, idf in held])
    sums = np.bincount(np.concatenate([numbers for numbers, _ in held]) - base, weights=weights)
    known = np.flatnonzero(sums)
    if len(known) > count:
        known = known[np.argpartition(sums[known], -count)[-count:]]
    return np.asarray(known + base, dtype=np.int64)


def _distinct(ascending: Numbers) -> Numbers:
    return ascending[np.r_[True, ascending[1:] != ascending[:-1]]]


def own_words(postings: Postings, stretch: Stretch) -> Scores:
    """BM25 of each passage's own words."""
    lengths = stretch.lengths + _PAD
    return _bm25(postings, lambda numbers: _is_in(stretch.numbers, numbers), lengths / (stretch.mean_length + _PAD), _OWN_B)


def words_around(postings: Postings, stretch: Stretch, radius: int) -> Scores:
    """BM25 of each passage's surroundings, itself included, `radius` passages on each side."""
    first, last, lengths = _edges(stretch, radius)

    def count(numbers: Numbers) -> NDArray[np.int64]:
        return np.asarray(np.searchsorted(numbers, last, side="right") - np.searchsorted(numbers, first, side="left"), dtype=np.int64)

    return _bm25(postings, count, lengths / ((2 * radius + 1) * (stretch.mean_length + _PAD)), _AROUND_B)


def words_before(postings: Postings, stretch: Stretch, *, share: float, reach: int) -> Scores:
    """How much of the question's words, weighed by rarity, a passage and the `reach` before it hold: `share` of a word for each step back.

    An answer comes after what it answers, so what was said before a passage tells more of its subject than what was said after it.
    """
    scores = np.zeros(len(stretch.numbers), dtype=np.float32)
    is_answering = in_exchange(stretch)
    for term, numbers in postings.numbers.items():
        if not len(numbers):
            continue
        last = np.searchsorted(numbers, stretch.numbers, side="right") - 1
        steps = stretch.numbers - numbers[np.maximum(last, 0)]
        _, is_there = stretch.position(-steps)
        counts = (last >= 0) & is_there & (steps <= np.where(is_answering, reach, 0))
        scores += postings.idf[term] * np.where(counts, share ** np.clip(steps, 0, reach), 0)
    return scores


def handed_on(stretch: Stretch, values: Scores, shares: Sequence[float]) -> Scores:
    """What a passage inherits from those before it in its session: the most of their values, of the one k before it `shares[k - 1]`."""
    inherited = np.zeros(len(values), dtype=np.float32)
    for steps, share in enumerate(shares, start=1):
        found, is_there = stretch.position(-steps)
        inherited = np.maximum(inherited, np.where(is_there, share * values[found], 0))
    return inherited


def in_exchange(stretch: Stretch) -> NDArray[np.bool_]:
    """Whether somebody else speaks within two passages."""
    is_exchange = np.zeros(len(stretch.numbers), dtype=bool)
    for shift in (-2, -1, 1, 2):
        found, is_there = stretch.position(shift)
        is_exchange |= is_there & (stretch.people[found] != stretch.people)
    return is_exchange


def held(postings: Postings, stretch: Stretch, rows: Sequence[int], radius: int) -> NDArray[np.bool_]:
    """Which terms stand in the surroundings of passages: shape (rows, terms), the terms in the order of the postings."""
    first, last, _ = _edges(stretch, radius)
    first, last = first[list(rows)], last[list(rows)]
    columns = [np.searchsorted(numbers, last, side="right") > np.searchsorted(numbers, first) for numbers in postings.numbers.values()]
    return np.array(columns, dtype=bool).reshape(len(columns), len(rows)).T


def _edges(stretch: Stretch, radius: int) -> tuple[Numbers, Numbers, NDArray[np.float32]]:
    """The first and last number of each passage's surroundings and their length in characters."""
    first, last = stretch.numbers.copy(), stretch.numbers.copy()
    lengths = stretch.lengths + _PAD
    is_exchange = np.zeros(len(first), dtype=bool)
    for direction in (-1, 1):
        reaches = np.ones(len(first), dtype=bool)
        for step in range(1, radius + 1):
            found, is_there = stretch.position(direction * step)
            reaches &= is_there
            (last if direction > 0 else first)[reaches] += direction
            lengths = lengths + np.where(reaches, stretch.lengths[found] + _PAD, 0).astype(np.float32)
            is_exchange |= reaches & (stretch.people[found] != stretch.people)
    first = np.where(is_exchange, first, stretch.numbers)
    last = np.where(is_exchange, last, stretch.numbers)
    return first, last, np.where(is_exchange, lengths, stretch.lengths + _PAD).astype(np.float32)


def _is_in(wanted: Numbers, numbers: Numbers) -> NDArray[np.int64]:
    found = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
    return np.asarray(numbers[found] == wanted, dtype=np.int64)


def _bm25(postings: Postings, count: Callable[[Numbers], NDArray[np.int64]], lengths: NDArray[np.float32], b: float) -> Scores:
    scores = np.zeros(len(lengths), dtype=np.float32)
    slack = K1 * (1 - b + b * lengths)
    for term, numbers in postings.numbers.items():
        if len(numbers):
            times = count(numbers)
            scores += postings.idf[term] * times * (K1 + 1) / (times + slack)
    return scores
