"""Recall on labelled questions: `python -m memory.evaluate DIR [--json]`.

Reads any folder with `turns.jsonl` and `questions.jsonl` in the format of `benchmarks/memory.md` and ranks through the code that answers
questions. Each history is a memory of its own, built in RAM, with exact vector search in place of Chroma; no data home is needed.
"""

import argparse
import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from clone_agent.errors import UsageError
from clone_agent.records import ChatTurn, Memory
from memory.embed import Embedder, load_embedder
from memory.metrics import Figures, auroc, kept_and_rejected, summarise
from memory.packing import BUDGET, pack
from memory.question import named_people, resolve
from memory.ranking import BM25_ALONE, DENSE_ALONE, Named, Ranker, Ranking, Weights
from memory.store import ExactVectors
from memory.table import PassageTable
from memory.when import find_span

METHODS: Mapping[str, Weights | None] = {"fused": None, "bm25": BM25_ALONE, "dense": DENSE_ALONE}
_START = datetime(2000, 1, 1, tzinfo=UTC)  # for turns without a time


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryReport:
    """What came out, by method: fused, BM25 alone, dense alone."""

    folder: str
    embedding: str
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


@dataclass(frozen=True, slots=True)
class History:
    """One history's memory, with what a question needs besides it."""

    table: PassageTable
    vectors: ExactVectors
    ids: list[str]  # of passage number - 1
    sessions: dict[str, str]
    names: dict[str, list[str]]
    last: datetime


def evaluate_memory(
    folder: Path, *, embedding: str | None = None, unit: str = "turn", budget: int = BUDGET, methods: Mapping[str, Weights | None] = METHODS
) -> MemoryReport:
    """Measure recall on the labelled questions of `folder`.

    Args:
        folder: holds `turns.jsonl` and `questions.jsonl`.
        embedding: a model's name or folder; None: the one that ships.
        unit: "turn", or "session" to rank the sessions of the turns instead.
        budget: characters of packed context for `evidence@budget`.
        methods: weights by name; None stands for those that answer questions. "fused" must be one of them.

    Raises:
        UsageError: the folder does not hold the two files.
        ModelError: the embedding model cannot be loaded.
    """
    turns, questions = read_lines(folder, "turns"), read_lines(folder, "questions")
    embedder = load_embedder(embedding)
    asked = [question for question in questions if question.get("gold")]
    by_history: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for question in asked:
        by_history[str(question["history"])].append(question)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in methods}
    milliseconds: list[float] = []
    confidences: dict[str, list[float]] = {"answerable": [], "foreign": []}
    index_s, foreign = 0.0, [(question, "") for question in asked[:0]]
    for history, lines in groupby(sorted(turns, key=lambda turn: str(turn["history"])), key=lambda turn: str(turn["history"])):
        started = time.perf_counter()
        memory = build_history(list(lines), embedder)
        index_s += time.perf_counter() - started
        for name, weights in methods.items():
            ranker = Ranker(memory.table, memory.vectors, embedder, weights)
            for question in by_history[history]:
                started = time.perf_counter()
                ranking = _rank(ranker, memory, question)
                if name == "fused":
                    milliseconds.append(1000 * (time.perf_counter() - started))
                    confidences["answerable"].append(ranking.confidence)
                rows[name].append(_row(memory, question, ranking, unit, budget))
        ranker = Ranker(memory.table, memory.vectors, embedder, methods["fused"])
        confidences["foreign"] += [_rank(ranker, memory, question).confidence for question, _ in foreign]
        foreign = [(question, history) for question in by_history[history][:200]]
        memory.table.connection.close()
    return MemoryReport(
        folder=folder.name,
        embedding=embedder.name,
        unit=unit,
        questions=len(asked),
        dropped=len(questions) - len(asked),
        turns=len(turns),
        index_s=round(index_s, 3),
        p50_ms=round(float(np.percentile(milliseconds, 50)), 2) if milliseconds else 0.0,
        p95_ms=round(float(np.percentile(milliseconds, 95)), 2) if milliseconds else 0.0,
        methods={name: summarise(rows[name], budget=budget) for name in methods},
        abstention={"auroc": auroc(**confidences), **kept_and_rejected(**confidences)},
    )


def read_lines(folder: Path, name: str) -> list[dict[str, Any]]:
    """The records of `turns.jsonl` or `questions.jsonl`.

    Raises:
        UsageError: the file is missing.
    """
    path = folder / f"{name}.jsonl"
    if not path.is_file():
        raise UsageError(f"{path} is missing.", remedy="Name a folder with turns.jsonl and questions.jsonl (see benchmarks/memory.md).")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def build_history(turns: Sequence[dict[str, Any]], embedder: Embedder) -> History:
    """Index the turns of one history in RAM; each turn is a passage."""
    table = PassageTable(sqlite3.connect(":memory:", isolation_level=None))
    memories = list(_memories(turns))
    with table.transaction():
        for session, group in groupby(zip(turns, memories, strict=True), key=lambda pair: str(pair[0]["session"])):
            table.add_session("history", session.encode(), [memory for _, memory in group])
        numbers = table.numbers("turn")
        table.set_vectors(numbers, embedder.encode(table.texts(numbers)))
    names = {speaker: [speaker] for speaker in {memory.speaker for memory in memories} if speaker not in ("我", "user", "assistant")}
    return History(
        table=table,
        vectors=ExactVectors(table),
        ids=[memory.id for memory in memories],
        sessions={str(turn["id"]): str(turn["session"]) for turn in turns},
        names=names,
        last=max(memory.ended_at for memory in memories),
    )


def _memories(turns: Sequence[dict[str, Any]]) -> Iterator[Memory]:
    for position, turn in enumerate(turns):
        moment = _moment(turn.get("time")) or _START + timedelta(minutes=position)
        text = turn["text"] + (f"\n{turn['reply']}" if turn.get("reply") else "")
        yield Memory(
            id=str(turn["id"]),
            conversation="history",
            conversation_name="",
            speaker=str(turn["speaker"]),
            speaker_name=str(turn["speaker"]),
            is_owner=False,
            started_at=moment,
            ended_at=moment,
            text=text,
            message_ids=(str(turn["id"]),),
        )


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def understand(memory: History, question: Mapping[str, Any]) -> tuple[str, Named]:
    """The question with its subject filled in, and what it names."""
    history = [ChatTurn(role="user", text=turn if isinstance(turn, str) else str(turn["text"])) for turn in question.get("context") or ()]
    text = resolve(str(question["question"]), history, names=memory.names)
    now = _moment(question.get("asked_at")) or memory.last
    return text, Named(people=named_people(text, memory.names), span=find_span(text, now=now))


def _rank(ranker: Ranker, memory: History, question: dict[str, Any]) -> Ranking:
    text, named = understand(memory, question)
    return ranker.rank(text, named=named)


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


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, help="holds turns.jsonl and questions.jsonl")
    parser.add_argument("--embedding", help="a sentence-transformers model or its folder; default: the one that ships")
    parser.add_argument("--unit", choices=("turn", "session"), default="turn")
    parser.add_argument("--budget", type=int, default=BUDGET, help="characters of packed context (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    report = evaluate_memory(arguments.folder, embedding=arguments.embedding, unit=arguments.unit, budget=arguments.budget)
    if arguments.json:
        print(json.dumps(report.to_json(), ensure_ascii=False, indent=1))
        return
    print(f"{report.folder}: {report.questions} questions, {report.turns} turns, indexed in {report.index_s} s, {report.p95_ms} ms p95")
    for name, figures in report.methods.items():
        print(f"  {name:6}", "  ".join(f"{key} {value:.3f}" for key, value in figures.values.items()))
    print("  abstention", report.abstention)


if __name__ == "__main__":
    main()
