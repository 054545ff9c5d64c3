"""Question -> ranked passages: words and vectors, of each passage and of what stands around it, fused with what the question names.

Passages come from BM25 (`memory.nearby`) and from the vectors of passages and of segments; a segment's score goes to its passages. What
speaks for each (`memory.evidence`) is weighed (`memory.weights`). Since the arms alone may miss what was said in a named time, it is also
searched on its own when it holds few.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from memory.confidence import MOST_TERMS, NO_SIGNS, Signs, mean, probability, reconsidered
from memory.embed import Embedder
from memory.evidence import NEAR, Evidence, far, of_answering, of_meaning, of_words
from memory.lexical import Query
from memory.nearby import Numbers, Postings, Scores, Stretch, candidates, held
from memory.outline import Limit
from memory.store import VectorSearch
from memory.table import Facts, PassageTable
from memory.weights import NAMES, Weights, fuse, weights_for
from memory.when import Span, find_span, without_time

ARM_DEPTH = 200
_MOST_SPREAD = 300  # turns that segments hand their scores to
_FEWEST_IN_SPAN = 3  # fewer passages in the named time: it was probably not meant, or nothing was said then
_MOST_IN_SPAN = 5_000  # more: a search of their own costs time and finds nothing new
_JUDGED = 8  # best passages whose words count for the confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a question names besides its subject."""

    people: frozenset[str] = frozenset()  # speakers to prefer
    chats: frozenset[str] = frozenset()  # conversations to prefer: the private ones with these people
    asker: frozenset[str] = frozenset()  # who asks, where the question says "I"
    span: Span | None = None
    owner: frozenset[str] = frozenset()  # who the clone is
    others: tuple[str, ...] = ()  # names known to the memory that do not stand in the question: answers to "who"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Passages, best first, and how surely they are about the question."""

    numbers: tuple[int, ...]
    scores: tuple[float, ...]  # 0 to 1
    signs: Signs = NO_SIGNS
    odds: float | None = None  # logarithm of the odds that any passage answers the question, where a cross-encoder has looked
    # What speaks for each passage, (passages, `memory.weights.NAMES`); None: something else ranked them.
    reasons: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    asks_of_a_time: bool = False  # alone ("去年国庆我们去哪了"): a line of another year would answer as well by its words

    @property
    def confidence(self) -> float:
        """How likely they are on the subject, 0 to 1."""
        if not self.numbers:
            return 0.0
        before = probability(self.signs)
        return before if self.odds is None else reconsidered(before, self.odds)


NOTHING = Ranking(numbers=(), scores=())


class Ranker:
    """Ranks the passages of one table for questions."""

    def __init__(
        self, table: PassageTable, vectors: VectorSearch | None, embedder: Embedder | None, weights: Weights | None = None
    ) -> None:
        self._table = table
        self._vectors = vectors
        self._embedder = embedder
        self._weights = weights

    def rank(self, question: str, *, named: Named = Named(), allowed: Limit | None = None) -> Ranking:
        """Rank passages for a question; `allowed` limits them."""
        if allowed is not None and not len(allowed):
            return NOTHING
        evidence = self.collect(question, named=named, allowed=allowed)
        scores = fuse(evidence, self._weights or weights_for(question, self._embedder))
        subject = self._table.lexical.query(question if named.span is None else without_time(question))
        order = np.lexsort((-evidence.facts.numbers, -scores))
        order = order[scores[order] > 0]
        return Ranking(
            numbers=tuple(evidence.facts.numbers[order].tolist()),
            scores=tuple(scores[order].tolist()),
            reasons=np.stack([evidence.columns[name][order] for name in NAMES], axis=1),
            signs=self._signs(subject, named, evidence, order[:_JUDGED].tolist(), scores),
            asks_of_a_time=named.span is not None and subject.is_bare,
        )

    def collect(self, question: str, *, named: Named = Named(), allowed: Limit | None = None) -> Evidence:
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
        cosine = max(turns.values(), default=0.0)
        if not len(facts.numbers):
            return Evidence(facts, stretch, dict.fromkeys(NAMES, np.zeros(0, dtype=np.float32)), 0.0, span)
        columns = of_words(postings, stretch, total=sum(query.idf.values()) + query.missing)
        if allowed is not None:
            is_allowed = allowed.holds(stretch.numbers)
            columns = {name: np.where(is_allowed, scores, 0).astype(np.float32) for name, scores in columns.items()}
        columns |= of_meaning(turns, segments, self._cosines(vector, facts), facts, stretch)
        columns |= of_answering(question, named.others, facts, stretch, columns)
        return Evidence(facts, stretch, columns | self._named(facts, named, span), cosine, span)

    def _cosines(self, vector: NDArray[np.float32] | None, facts: Facts) -> Scores:
        """How near each passage is, from the copies in SQLite."""
        cosines = np.zeros(len(facts.numbers), dtype=np.float32)
        if vector is None:
            return cosines
        found = [row for row, held in enumerate(facts.vectors) if held is not None and len(held) == 2 * len(vector)]
        if found:
            half = np.frombuffer(b"".join([facts.vectors[row] or b"" for row in found]), dtype=np.float16)
            cosines[found] = half.reshape(len(found), -1).astype(np.float32) @ vector
        return cosines

    def _named(self, facts: Facts, named: Named, span: tuple[int, int] | None) -> dict[str, Scores]:
        speaks = np.isin(facts.people, self._table.keys(named.people))
        person = np.where(speaks, 1.0, np.where(np.isin(facts.places, self._table.keys(named.chats)), 0.5, 0.0))
        time = np.zeros(len(facts.numbers), dtype=np.float32)
        if span is not None and named.span is not None:
            time[facts.is_within(span)] = named.span.confidence
        askers = self._table.keys(named.asker)
        return {
            "person": person.astype(np.float32),
            "time": time,
            "asker_chat": np.isin(facts.places, self._table.outline.places_of(askers) if askers else []).astype(np.float32),
            "asker_says": np.isin(facts.people, askers).astype(np.float32),
            "owner": np.isin(facts.people, self._table.keys(named.owner)).astype(np.float32),
        }

    def _found(
        self, postings: Postings, vector: NDArray[np.float32] | None, allowed: Limit | None, depth: int
    ) -> tuple[dict[int, float], dict[int, float], Numbers]:
        """Passages by their vectors, by their segments' vectors, and those worth a look for their words."""
        if allowed is not None:
            limited = {term: numbers[allowed.holds(numbers)] for term, numbers in postings.numbers.items()}
            postings = Postings(limited, postings.idf)
        chosen = candidates(postings)
        if vector is None or self._vectors is None:
            return {}, {}, chosen
        found = self._vectors.search("turn", vector, top_k=depth, among=allowed)
        around = self._vectors.search("segment", vector, top_k=depth, among=allowed)
        return dict(found), self._spread(around, allowed), chosen

    def _spread(self, found: Sequence[tuple[int, float]], allowed: Limit | None) -> dict[int, float]:
        """A segment's score for each of its turns, the best segments first; a turn in two segments takes the better."""
        members = self._table.members(number for number, _ in found)
        spread: dict[int, float] = {}
        for number, score in found:
            for turn in members.get(number, ()):
                if turn not in spread and (allowed is None or allowed.has(turn)):
                    spread[turn] = score
            if len(spread) >= _MOST_SPREAD:
                break
        return spread

    def _signs(self, subject: Query, named: Named, evidence: Evidence, best: Sequence[int], scores: Scores) -> Signs:
        """What tells whether the best passages are on the subject."""
        if not best:
            return NO_SIGNS
        is_together = evidence.facts.sessions[list(best)] == evidence.facts.sessions[best[0]]
        total = sum(subject.idf.values()) + subject.missing
        exchanges = surroundings = terms = 0.0
        if subject.is_bare and named.span is not None:  # "去年国庆我们去哪了": the time is the subject
            is_within = evidence.span is not None and evidence.facts.is_within(evidence.span)[list(best)].any()
            exchanges = surroundings = terms = float(is_within or any(_tells_of(evidence.facts, row, named.span) for row in best))
        elif total and subject.terms:
            postings, rarity = self._table.lexical.postings(subject), np.array(list(subject.idf.values()))
            exchanges = float(held(postings, evidence.stretch, best, NEAR).any(axis=0) @ rarity) / total
            surroundings = float(held(postings, evidence.stretch, best[:1], far(evidence.stretch))[0] @ rarity) / total
            terms = min(1.0, len(subject.terms) / MOST_TERMS)
        return Signs(
            cosine=evidence.cosine,
            exchanges=exchanges,
            surroundings=surroundings,
            together=float(is_together.mean()),
            terms=terms,
            scores=float(scores[list(best[:2])].sum()) / 2,
        )

    def _vector(self, question: str) -> NDArray[np.float32] | None:
        if self._embedder is None or self._vectors is None:
            return None
        vector = self._embedder.encode([question])[0]
        return vector if vector.any() else None

    def _within(self, span: Span, allowed: Limit | None) -> Limit:
        within = self._table.select(during=(span.start, span.end))
        return within if allowed is None else within & allowed


def together(rankings: Sequence[Ranking]) -> Ranking:
    """The rankings of a question's parts as one: a passage has the best of its scores, each ranking's best counting the same."""
    if len(rankings) == 1:
        return rankings[0]
    best: dict[int, float] = {}
    reasons: dict[int, NDArray[np.float32]] = {}
    for ranking in rankings:
        top = max(ranking.scores, default=0.0) or 1.0
        for place, (number, score) in enumerate(zip(ranking.numbers, ranking.scores, strict=True)):
            if score / top > best.get(number, 0.0):
                best[number] = score / top
                if ranking.reasons is not None:
                    reasons[number] = ranking.reasons[place]
    order = sorted(best, key=lambda number: -best[number])
    scale = max((max(ranking.scores, default=0.0) for ranking in rankings), default=0.0)
    return Ranking(
        numbers=tuple(order),
        scores=tuple(best[number] * scale for number in order),
        reasons=np.stack([reasons[number] for number in order]) if order and len(reasons) == len(order) else None,
        signs=mean([ranking.signs for ranking in rankings]),
        asks_of_a_time=all(ranking.asks_of_a_time for ranking in rankings),
    )


def _tells_of(facts: Facts, row: int, span: Span) -> bool:
    """Whether a passage, whenever it was said, names that time itself: "你们去年国庆也在那儿"."""
    said_at = datetime.fromtimestamp(int(facts.started_ms[row]) / 1000, tz=span.start.tzinfo)
    told = find_span(facts.texts[row], now=said_at)
    return told is not None and told.start < span.end and span.start < told.end


def _milliseconds(span: Span) -> tuple[int, int]:
    return round(span.start.timestamp() * 1000), round(span.end.timestamp() * 1000)
