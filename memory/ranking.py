"""Question -> ranked passages: four arms, fused, with a soft preference for the people and the time that the question names.

The arms are BM25 and vectors, each over turns and over segments; a segment's score goes to its turns. Each arm gives its best 200,
divided by the best of them, and the arms are summed with weights. Passages that one of the named people speaks, or that fall into the
named time, get a fixed amount more; since the arms alone may miss them, the named time is also searched on its own when it holds few.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory.embed import Embedder
from memory.lexical import Query, coverage
from memory.store import VectorSearch
from memory.table import Fact, PassageTable
from memory.when import Span, without_time

ARM_DEPTH = 200
_MOST_SPREAD = 600  # turns that segments hand their scores to: in a chat of short bubbles a segment has forty
_FEWEST_IN_SPAN = 3  # fewer passages in the named time: it was probably not meant, or nothing was said then
_MOST_IN_SPAN = 5_000  # more: a search of their own costs time and finds nothing new
_JUDGED = 8  # best passages whose words count for the coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What each arm and preference counts; chosen by `benchmarks/memory_weights.py` on the development sets."""

    lexical_turn: float = 0.4
    lexical_segment: float = 0.2
    dense_turn: float = 0.3
    dense_segment: float = 0.1
    person: float = 0.25
    time: float = 0.4

    @property
    def is_lexical(self) -> bool:
        """Whether the words count at all."""
        return self.lexical_turn + self.lexical_segment > 0


FUSED = Weights()
# An English encoder sees Chinese as noise (memory.md, 7).
FUSED_FOREIGN = Weights(lexical_turn=0.5, lexical_segment=0.3, dense_turn=0.12, dense_segment=0.08)
BM25_ALONE = Weights(lexical_turn=1, lexical_segment=0, dense_turn=0, dense_segment=0, person=0, time=0)
DENSE_ALONE = Weights(lexical_turn=0, lexical_segment=0, dense_turn=1, dense_segment=0, person=0, time=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a question names besides its subject."""

    people: frozenset[str] = frozenset()  # speakers to prefer
    chats: frozenset[str] = frozenset()  # conversations to prefer: the private ones with these people
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Passages, best first, and how surely they are about the question."""

    numbers: tuple[int, ...]
    scores: tuple[float, ...]  # 0 to 1
    cosine: float  # of the nearest passage
    coverage: float  # of the question's rare words by the best passages

    @property
    def confidence(self) -> float:
        """Mean of similarity and coverage, 0 to 1."""
        return max(0.0, min(1.0, (self.cosine + self.coverage) / 2))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the arms found for one question, before the weights."""

    question: str
    named: Named
    arms: tuple[dict[int, float], dict[int, float], dict[int, float], dict[int, float]]  # raw scores of turns, in the order of `Weights`
    facts: dict[int, Fact]  # of every turn found
    span: tuple[int, int] | None  # the named time in milliseconds, if enough was said in it


class Ranker:
    """Ranks the passages of one table for questions."""

    def __init__(
        self, table: PassageTable, vectors: VectorSearch | None, embedder: Embedder | None, weights: Weights | None = None
    ) -> None:
        self._table = table
        self._vectors = vectors
        self._embedder = embedder
        self._weights = weights

    def rank(self, question: str, *, named: Named = Named(), allowed: Collection[int] | None = None) -> Ranking:
        """Rank passages for a question; `allowed` limits them."""
        if allowed is not None and not allowed:
            return Ranking(numbers=(), scores=(), cosine=0.0, coverage=0.0)
        weights = self._weights or self._weights_for(question)
        evidence = self.collect(question, named=named, allowed=allowed, weights=weights)
        scores = fuse(evidence, weights)
        order = sorted(scores, key=lambda number: (-scores[number], -number))
        whole = weights.person + weights.time + 1.0
        return Ranking(
            numbers=tuple(order),
            scores=tuple(min(1.0, scores[number] / whole) for number in order),
            cosine=max(evidence.arms[2].values(), default=0.0),
            coverage=self._coverage(evidence, order[:_JUDGED]),
        )

    def collect(
        self, question: str, *, named: Named = Named(), allowed: Collection[int] | None = None, weights: Weights = FUSED
    ) -> Evidence:
        """Search the arms that have a weight, each to its depth."""
        query = self._table.lexical.query(question)
        vector = self._vector(question)
        arms = self._arms(query, vector, allowed, ARM_DEPTH, weights)
        span = _milliseconds(named.span) if named.span is not None and weights.time else None
        if span is not None and named.span is not None:
            within = self._within(named.span, allowed)
            span = span if len(within) >= _FEWEST_IN_SPAN else None
            if span is not None and len(within) <= _MOST_IN_SPAN:
                for arm, more in zip(arms, self._arms(query, vector, within, ARM_DEPTH // 4, weights), strict=True):
                    arm.update({number: max(score, arm.get(number, score)) for number, score in more.items()})
        facts = self._table.facts({number for arm in arms for number in arm})
        return Evidence(question, named, (arms[0], arms[1], arms[2], arms[3]), facts, span)

    def _coverage(self, evidence: Evidence, best: list[int]) -> float:
        texts = self._table.texts(best)
        if evidence.named.span is None:
            return coverage(self._table.lexical.query(evidence.question), texts)
        in_time = evidence.span is not None and any(_is_within(evidence.facts[number], evidence.span) for number in best)
        return coverage(self._table.lexical.query(without_time(evidence.question)), texts, is_in_time=in_time)

    def _weights_for(self, question: str) -> Weights:
        foreign = self._embedder is not None and not self._embedder.is_multilingual
        return FUSED_FOREIGN if foreign and any("\u3400" <= char <= "\u9fff" for char in question) else FUSED

    def _vector(self, question: str) -> NDArray[np.float32] | None:
        if self._embedder is None or self._vectors is None:
            return None
        vector = self._embedder.encode([question])[0]
        return vector if vector.any() else None

    def _within(self, span: Span, allowed: Collection[int] | None) -> list[int]:
        within = self._table.select(after=span.start, before=span.end)
        if allowed is None:
            return within
        kept = set(allowed)
        return [number for number in within if number in kept]

    def _arms(
        self, query: Query, vector: NDArray[np.float32] | None, allowed: Collection[int] | None, depth: int, weights: Weights
    ) -> list[dict[int, float]]:
        limits = {"turn": allowed, "segment": None if allowed is None else self._table.segments_of(allowed)}
        arms: list[dict[int, float]] = []
        for weight, granularity in ((weights.lexical_turn, "turn"), (weights.lexical_segment, "segment")):
            found = self._table.lexical.search(granularity, query, top_k=depth, among=limits[granularity]) if weight else []
            arms.append(dict(found) if granularity == "turn" else self._spread(found, allowed))
        for weight, granularity in ((weights.dense_turn, "turn"), (weights.dense_segment, "segment")):
            found = []
            if weight and vector is not None and self._vectors is not None:
                found = self._vectors.search(granularity, vector, top_k=depth, among=limits[granularity])
            arms.append(dict(found) if granularity == "turn" else self._spread(found, allowed))
        return arms

    def _spread(self, found: Sequence[tuple[int, float]], allowed: Collection[int] | None) -> dict[int, float]:
        """A segment's score for each of its turns, the best segments first; a turn in two segments takes the better."""
        kept = None if allowed is None else set(allowed)
        members = self._table.members(number for number, _ in found)
        spread: dict[int, float] = {}
        for number, score in found:
            for turn in members.get(number, ()):
                if (kept is None or turn in kept) and turn not in spread:
                    spread[turn] = score
            if len(spread) >= _MOST_SPREAD:
                break
        return spread


def fuse(evidence: Evidence, weights: Weights) -> dict[int, float]:
    """One score for each turn: the arms, each divided by its best, summed with their weights, and what the question's names add."""
    fused: dict[int, float] = defaultdict(float)
    sums = (weights.lexical_turn, weights.lexical_segment, weights.dense_turn, weights.dense_segment)
    for arm, weight in zip(evidence.arms, sums, strict=True):
        best = max(arm.values(), default=0.0)
        if weight and best > 0:
            for number, score in arm.items():
                if number in evidence.facts:  # else deleted, but not yet in the vector store
                    fused[number] += weight * max(0.0, score) / best
    named = evidence.named
    for number in fused:
        fact = evidence.facts[number]
        if fact.person in named.people:
            fused[number] += weights.person
        elif fact.conversation in named.chats:
            fused[number] += weights.person / 2
        if evidence.span is not None and named.span is not None and _is_within(fact, evidence.span):
            fused[number] += weights.time * named.span.confidence
    return dict(fused)


def _milliseconds(span: Span) -> tuple[int, int]:
    return round(span.start.timestamp() * 1000), round(span.end.timestamp() * 1000)


def _is_within(fact: Fact, span: tuple[int, int]) -> bool:
    return fact.started_ms < span[1] and fact.ended_ms >= span[0]
