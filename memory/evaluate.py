"""Recall on labelled questions, through the code that answers questions.

Each history of a folder (`memory.labelled`) is a memory of its own, built in RAM, with exact vector search in place of Chroma; no data
home is needed. The same questions go to simpler methods, so that what the whole adds can be seen.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from memory.embed import Embedder, load_embedder
from memory.labelled import SELF, History, asked_at, build_history, read_lines, understand
from memory.metrics import Figures, auroc, kept_and_rejected, summarise
from memory.packing import BUDGET, pack
from memory.ranking import ARM_DEPTH, Named, Ranker, Ranking, together
from memory.reranking import Asked, Reranker, load_reranker
from memory.weights import Weights


class Ranks(Protocol):
    """Ranks the passages of one history."""

    def rank(self, question: str, *, named: Named) -> Ranking:
        """The passages for a question, best first."""
        ...


_FOREIGN = 200  # questions of a history that are put to the next one, at most

Method = Callable[[History, Embedder], Ranks]


def weighed(weights: Weights | None) -> Method:
    """The ranking of this package with other weights; None: those that answer questions."""
    return lambda history, embedder: Ranker(history.table, history.vectors, embedder, weights)


class _WordsAlone:
    """BM25 over turns as SQLite computes it."""

    def __init__(self, history: History, embedder: Embedder) -> None:
        self._words = history.table.lexical

    def rank(self, question: str, *, named: Named) -> Ranking:
        return _ranking(self._words.search("turn", self._words.query(question), top_k=ARM_DEPTH))


class _VectorsAlone:
    """The nearest turns."""

    def __init__(self, history: History, embedder: Embedder) -> None:
        self._vectors = history.vectors
        self._embedder = embedder

    def rank(self, question: str, *, named: Named) -> Ranking:
        return _ranking(self._vectors.search("turn", self._embedder.encode([question])[0], top_k=ARM_DEPTH))


def _ranking(found: Sequence[tuple[int, float]]) -> Ranking:
    numbers, scores = tuple(number for number, _ in found), tuple(score for _, score in found)
    return Ranking(numbers=numbers, scores=scores)


METHODS: Mapping[str, Method] = {"fused": weighed(None), "bm25": _WordsAlone, "dense": _VectorsAlone}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryReport:
    """What came out, by method."""

    folder: str
    embedding: str
    reranker: str | None
    unit: str  # "turn" or "session"
    questions: int
    dropped: int  # questions without gold
    turns: int
    index_s: float  # seconds to index all histories, words and vectors
    p50_ms: float  # of one fused question
    p95_ms: float
    methods: dict[str, Figures] = field(default_factory=dict)
    abstention: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The fused figures on top, as documented in `benchmarks/memory.md`; the other methods below `baselines`."""
        whole: dict[str, Any] = asdict(self)
        methods = whole.pop("methods")
        fused = methods.pop("fused")
        whole |= fused["values"] | {name: fused[name] for name in ("by_category", "interval")}
        whole["baselines"] = {name: figures["values"] for name, figures in methods.items()}
        return whole


def evaluate_memory(
    folder: Path,
    *,
    embedding: str | None = None,
    unit: str = "turn",
    budget: int = BUDGET,
    methods: Mapping[str, Method] = METHODS,
    reranker: str | None = None,
) -> MemoryReport:
    """Measure recall on the labelled questions of `folder`.

    Args:
        folder: holds `turns.jsonl` and `questions.jsonl`.
        embedding: a model's name or folder; None: the one that ships.
        unit: "turn", or "session" to rank the sessions of the turns instead.
        budget: characters of packed context for `evidence@budget`.
        methods: how to rank, by name; "fused" must be one of them.
        reranker: name or folder of a cross-encoder that looks again at the best of "fused"; None: nothing does.

    Raises:
        UsageError: the folder does not hold the two files.
        ModelError: the embedding model or the reranker cannot be loaded.
    """
    turns, questions = read_lines(folder, "turns"), read_lines(folder, "questions")
    embedder = load_embedder(embedding)
    asked = [question for question in questions if question.get("gold")]
    by_history: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for question in asked:
        by_history[str(question["history"])].append(question)
    run = _Run(methods, unit=unit, budget=budget, reranker=load_reranker(reranker))
    index_s, foreign = 0.0, list[dict[str, Any]]()
    for history, lines in groupby(sorted(turns, key=lambda turn: str(turn["history"])), key=lambda turn: str(turn["history"])):
        started = time.perf_counter()
        memory = build_history(list(lines), embedder)
        index_s += time.perf_counter() - started
        run.ask(memory, embedder, by_history[history], foreign)
        foreign = by_history[history][:_FOREIGN]
        memory.table.connection.close()
    milliseconds = run.milliseconds
    return MemoryReport(
        folder=folder.name,
        embedding=embedder.name,
        reranker=None if run.reranker is None else run.reranker.name,
        unit=unit,
        questions=len(asked),
        dropped=len(questions) - len(asked),
        turns=len(turns),
        index_s=round(index_s, 3),
        p50_ms=round(float(np.percentile(milliseconds, 50)), 2) if milliseconds else 0.0,
        p95_ms=round(float(np.percentile(milliseconds, 95)), 2) if milliseconds else 0.0,
        methods={name: summarise(rows, budget=budget) for name, rows in run.rows.items()},
        abstention={"auroc": auroc(**run.confidences), **kept_and_rejected(**run.confidences)},
    )


class _Run:
    """What the questions of one history after the other come to."""

    def __init__(self, methods: Mapping[str, Method], *, unit: str, budget: int, reranker: Reranker | None) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in methods}
        self.milliseconds: list[float] = []  # of each question to "fused"
        self.confidences: dict[str, list[float]] = {"answerable": [], "foreign": []}
        self.reranker = reranker
        self._methods, self._unit, self._budget = methods, unit, budget

    def ask(self, memory: History, embedder: Embedder, questions: Sequence[dict[str, Any]], foreign: Sequence[dict[str, Any]]) -> None:
        """Put a history's questions to every method, and those of another history to "fused"."""
        rankers = {name: method(memory, embedder) for name, method in self._methods.items()}
        for name, ranker in rankers.items():
            for question in questions:
                started = time.perf_counter()
                ranking = _rank(ranker, memory, question, self.reranker if name == "fused" else None)
                if name == "fused":
                    self.milliseconds.append(1000 * (time.perf_counter() - started))
                    self.confidences["answerable"].append(ranking.confidence)
                self.rows[name].append(_row(memory, question, ranking, self._unit, self._budget))
        self.confidences["foreign"] += [_rank(rankers["fused"], memory, question, self.reranker).confidence for question in foreign]


def _rank(ranker: Ranks, memory: History, question: dict[str, Any], reranker: Reranker | None) -> Ranking:
    parts = understand(memory, question)
    whole = " ".join(text for text, _ in parts)
    if isinstance(ranker, Ranker):
        ranking = together([ranker.rank(text, named=named) for text, named in parts])
        if reranker is None:
            return ranking
        asked = Asked(question=whole, on=asked_at(memory, question).date(), askers=SELF)
        return reranker.rerank(ranking, asked, memory.table, memory.table.memories)
    return ranker.rank(whole, named=Named())  # the others know nothing of parts


def _row(memory: History, question: dict[str, Any], ranking: Ranking, unit: str, budget: int) -> dict[str, Any]:
    ranked = [memory.ids[number - 1] for number in ranking.numbers]
    gold = {str(turn) for turn in question["gold"]}
    packed = pack(ranking.numbers, memory.table, memories=memory.table.memories, top_k=len(memory.ids), budget=budget)
    evidence = len(gold & {found.id for _, found in packed}) / len(gold)
    if unit == "session":
        ranked = list(dict.fromkeys(memory.sessions[turn] for turn in ranked))
        gold = {memory.sessions[turn] for turn in gold if turn in memory.sessions}
    return {
        "ranked": ranked[:20],
        "gold": gold,
        "evidence": evidence,
        "category": str(question.get("category", "")),
        "history": str(question["history"]),
    }
