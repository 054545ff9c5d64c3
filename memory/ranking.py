"""Question -> ranked passages: words and vectors, of each passage and of what stands around it, fused with what the question names.

The arms are BM25 of a passage's own words, of the exchange around it and of a wider stretch (`memory.nearby`), and the vectors of passages
and of segments; a segment's score goes to its passages. Each arm is divided by its best score, and the arms are summed with weights.
Passages that one of the named people speaks, or that fall into the named time, get a fixed amount more; since the arms alone may miss
them, the named time is also searched on its own when it holds few. Last, among passages on the subject those are preferred that could be
the answer (`memory.answers`): of the kind that is asked for, or right after a line that asks.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from memory.answers import asks, suits, wanted
from memory.embed import Embedder
from memory.nearby import Numbers, Postings, Scores, Stretch, candidates, held, own_words, words_around
from memory.store import VectorSearch
from memory.table import Facts, PassageTable
from memory.when import Span, without_time

ARM_DEPTH = 200
_MOST_SPREAD = 300  # turns that segments hand their scores to
_FEWEST_IN_SPAN = 3  # fewer passages in the named time: it was probably not meant, or nothing was said then
_MOST_IN_SPAN = 5_000  # more: a search of their own costs time and finds nothing new
_NEAR, _FAR = 2, 8  # passages on each side
_FAR_LENGTH = 300  # characters on each side that the wider stretch has in the mean
_JUDGED = 8  # best passages whose words count for the coverage
_LOOKED_AT = 400  # best passages of which is asked whether they could be the answer
_SECOND_AFTER = 0.6  # of what the first passage after a question gets


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What each arm and preference counts; chosen by `benchmarks/memory_weights.py` on the development sets."""

    turn: float = 0.2  # BM25 of a passage's own words
    near: float = 0.3  # ... of the exchange around it
    far: float = 0.15  # ... of the wider stretch around it
    dense_turn: float = 0.2
    dense_segment: float = 0.15
    person: float = 0.25
    time: float = 0.4
    answer: float = 0.5  # of the kind that is asked for
    asks: float = 0.2  # taken off a passage that asks
    follows: float = 0.2  # for the two passages after one that asks


FUSED = Weights()
# An encoder that hardly knows the question's language adds little: the shipped one in English, an English one in Chinese (memory.md, 7).
FUSED_WEAK = Weights(near=0.4, far=0.2, dense_turn=0.1, dense_segment=0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a question names besides its subject."""

    people: frozenset[str] = frozenset()  # speakers to prefer
    chats: frozenset[str] = frozenset()  # conversations to prefer: the private ones with these people
    span: Span | None = None
    others: tuple[str, ...] = ()  # names known to the memory that do not stand in the question: answers to "who"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Passages, best first, and how surely they are about the question."""

    numbers: tuple[int, ...]
    scores: tuple[float, ...]  # 0 to 1
    cosine: float  # of the nearest passage
    coverage: float  # of the question's rare words by the best passages and what surrounds them

    @property
    def confidence(self) -> float:
        """Mean of similarity and coverage, 0 to 1."""
        return max(0.0, min(1.0, (self.cosine + self.coverage) / 2))


NOTHING = Ranking(numbers=(), scores=(), cosine=0.0, coverage=0.0)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for each passage that was found, before the weights."""

    facts: Facts
    stretch: Stretch
    columns: Mapping[str, Scores]  # by the names of `Weights` up to `time`: arms divided by their best, then 0 to 1
    cosine: float
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
            return NOTHING
        weights = self._weights or self._weights_for(question)
        evidence = self.collect(question, named=named, allowed=allowed)
        scores = fuse(evidence, weights, question=question, others=named.others)
        order = np.lexsort((-evidence.facts.numbers, -scores))
        order = order[scores[order] > 0]
        whole = weights.person + weights.time + weights.answer + 1.0
        return Ranking(
            numbers=tuple(evidence.facts.numbers[order].tolist()),
            scores=tuple(np.minimum(1.0, scores[order] / whole).tolist()),
            cosine=evidence.cosine,
            coverage=self._coverage(question, named, evidence, order[:_JUDGED].tolist()),
        )

    def collect(self, question: str, *, named: Named = Named(), allowed: Collection[int] | None = None) -> Evidence:
        """Find passages and what speaks for each."""
        query = self._table.lexical.query(question)
        postings = self._table.lexical.postings(query)
        vector = self._vector(question)
        turns, segments, chosen = self._found(postings, vector, allowed, ARM_DEPTH)
        span = None if named.span is None else _milliseconds(named.span)
        if named.span is not None:
            within = self._within(named.span, allowed)
            span = span if len(within) >= _FEWEST_IN_SPAN else None
            if span is not None and len(within) <= _MOST_IN_SPAN:
                more_turns, more_segments, more = self._found(postings, vector, within, ARM_DEPTH // 4)
                turns, segments, chosen = more_turns | turns, more_segments | segments, np.concatenate([chosen, more])
        facts = self._table.facts(np.unique(np.concatenate([chosen, [*turns], [*segments]]).astype(np.int64)).tolist())
        lengths = np.array([len(text) for text in facts.texts], dtype=np.float32)
        stretch = Stretch(facts.numbers, facts.sessions, facts.people, lengths, self._table.mean_length())
        if not len(facts.numbers):
            return Evidence(facts, stretch, {field.name: np.zeros(0, dtype=np.float32) for field in fields(Weights)[:7]}, 0.0, span)
        columns = self._words(postings, stretch, allowed) | {"dense_turn": _of(turns, facts), "dense_segment": _of(segments, facts)}
        columns = {name: _by_best(scores) for name, scores in columns.items()}
        return Evidence(facts, stretch, columns | self._named(facts, named, span), max(turns.values(), default=0.0), span)

    def _words(self, postings: Postings, stretch: Stretch, allowed: Collection[int] | None) -> dict[str, Scores]:
        radius = _far(stretch)
        near = words_around(postings, stretch, _NEAR)
        found = {"turn": own_words(postings, stretch), "near": near}
        found["far"] = near if radius == _NEAR else words_around(postings, stretch, radius)
        if allowed is not None:
            is_allowed = np.isin(stretch.numbers, np.fromiter(allowed, dtype=np.int64))
            found = {name: np.where(is_allowed, scores, 0).astype(np.float32) for name, scores in found.items()}
        return found

    def _named(self, facts: Facts, named: Named, span: tuple[int, int] | None) -> dict[str, Scores]:
        speaks = np.isin(facts.people, self._table.keys(named.people))
        person = np.where(speaks, 1.0, np.where(np.isin(facts.places, self._table.keys(named.chats)), 0.5, 0.0))
        time = np.zeros(len(facts.numbers), dtype=np.float32)
        if span is not None and named.span is not None:
            time[facts.is_within(span)] = named.span.confidence
        return {"person": person.astype(np.float32), "time": time}

    def _found(
        self, postings: Postings, vector: NDArray[np.float32] | None, allowed: Collection[int] | None, depth: int
    ) -> tuple[dict[int, float], dict[int, float], Numbers]:
        """Passages by their vectors, by their segments' vectors, and those worth a look for their words."""
        if allowed is not None:
            kept = np.unique(np.fromiter(allowed, dtype=np.int64))
            limited = {term: numbers[np.isin(numbers, kept, assume_unique=True)] for term, numbers in postings.numbers.items()}
            postings = Postings(limited, postings.idf)
        chosen = candidates(postings)
        if vector is None or self._vectors is None:
            return {}, {}, chosen
        turns = dict(self._vectors.search("turn", vector, top_k=depth, among=allowed))
        near = None if allowed is None else self._table.segments_of(allowed)
        segments = self._vectors.search("segment", vector, top_k=depth, among=near)
        return turns, self._spread(segments, allowed), chosen

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

    def _coverage(self, question: str, named: Named, evidence: Evidence, best: Sequence[int]) -> float:
        """The share of the subject's words, weighed by rarity: mean of what the exchanges hold together and the best stretch alone."""
        query = self._table.lexical.query(question if named.span is None else without_time(question))
        if query.is_bare and named.span is not None:  # "去年国庆我们去哪了": the time is the subject
            return float(evidence.span is not None and evidence.facts.is_within(evidence.span)[list(best)].any())
        total = sum(query.idf.values()) + query.missing
        if not total or not best:
            return 0.0
        postings, weights = self._table.lexical.postings(query), np.array(list(query.idf.values()))
        exchanges = held(postings, evidence.stretch, best, _NEAR).any(axis=0) @ weights
        stretch = (held(postings, evidence.stretch, best, _far(evidence.stretch)) @ weights).max()
        return float((exchanges + stretch) / 2 / total)

    def _weights_for(self, question: str) -> Weights:
        if self._embedder is None:
            return FUSED
        is_han = any("\u3400" <= char <= "\u9fff" for char in question)
        return FUSED if (self._embedder.knows_chinese if is_han else self._embedder.knows_english) else FUSED_WEAK

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


def together(rankings: Sequence[Ranking]) -> Ranking:
    """The rankings of a question's parts as one: a passage has the best of its scores, each ranking's best counting the same."""
    if len(rankings) == 1:
        return rankings[0]
    best: dict[int, float] = {}
    for ranking in rankings:
        top = max(ranking.scores, default=0.0) or 1.0
        for number, score in zip(ranking.numbers, ranking.scores, strict=True):
            best[number] = max(best.get(number, 0.0), score / top)
    order = sorted(best, key=lambda number: -best[number])
    scale = max((max(ranking.scores, default=0.0) for ranking in rankings), default=0.0)
    return Ranking(
        numbers=tuple(order),
        scores=tuple(best[number] * scale for number in order),
        cosine=float(np.mean([ranking.cosine for ranking in rankings])),
        coverage=float(np.mean([ranking.coverage for ranking in rankings])),
    )


def fuse(evidence: Evidence, weights: Weights, *, question: str, others: Collection[str] = ()) -> Scores:
    """One score for each passage of the evidence; 0 where neither words nor vectors speak for it."""
    arms = np.zeros(len(evidence.facts.numbers), dtype=np.float32)
    for name in ("turn", "near", "far", "dense_turn", "dense_segment"):
        arms += getattr(weights, name) * evidence.columns[name]
    is_found = arms > 0
    base = arms + weights.person * evidence.columns["person"] + weights.time * evidence.columns["time"]
    looked = np.flatnonzero(is_found)
    if len(looked) > _LOOKED_AT:
        looked = looked[np.argpartition(base[looked], -_LOOKED_AT)[-_LOOKED_AT:]]
    is_asking = np.zeros(len(base), dtype=bool)
    is_asking[looked] = [asks(evidence.facts.texts[row]) for row in looked]
    scores = base - weights.asks * is_asking + weights.follows * _after_asking(evidence.facts, base, is_asking)
    if weights.answer and (want := wanted(question)) is not None:
        around = 0.5 * evidence.columns["near"] + 0.3 * evidence.columns["far"] + 0.2 * evidence.columns["dense_segment"]
        scores[looked] += weights.answer * around[looked] * [suits(evidence.facts.texts[row], want, others) for row in looked]
    return np.where(is_found, np.maximum(scores, 1e-6), 0).astype(np.float32)


def _after_asking(facts: Facts, base: Scores, is_asking: NDArray[np.bool_]) -> Scores:
    """What a passage inherits from one that asks, one or two before it in the session."""
    handed = np.zeros(len(base), dtype=np.float32)
    for shift, share in ((1, 1.0), (2, _SECOND_AFTER)):
        here, before = np.arange(shift, len(base)), np.arange(len(base) - shift)
        is_next = (facts.numbers[here] - facts.numbers[before] == shift) & (facts.sessions[here] == facts.sessions[before])
        handed[here] = np.maximum(handed[here], base[before] * is_asking[before] * is_next * share)
    return handed


def _far(stretch: Stretch) -> int:
    """How many passages the wider stretch reaches to each side: more where they are short."""
    return int(np.clip(round(_FAR_LENGTH / max(1.0, stretch.mean_length)), _NEAR, _FAR))


def _of(found: Mapping[int, float], facts: Facts) -> Scores:
    scores = np.zeros(len(facts.numbers), dtype=np.float32)
    numbers, values = np.fromiter(found, dtype=np.int64), np.fromiter(found.values(), dtype=np.float32)
    places = np.minimum(np.searchsorted(facts.numbers, numbers), len(scores) - 1)
    is_there = facts.numbers[places] == numbers  # else deleted, but not yet in the vector store
    scores[places[is_there]] = values[is_there]
    return scores


def _by_best(scores: Scores) -> Scores:
    best = scores.max(initial=0.0)
    return np.maximum(scores, 0) / best if best > 0 else np.zeros_like(scores)


def _milliseconds(span: Span) -> tuple[int, int]:
    return round(span.start.timestamp() * 1000), round(span.end.timestamp() * 1000)
