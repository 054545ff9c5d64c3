"""Folders of labelled questions about past talks: turns and questions as JSON lines -> a memory for each history, in RAM.

The format stands in `benchmarks/memory.md`. A turn is a passage; its `reply` counts as part of it.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from clone_agent.errors import UsageError
from clone_agent.records import ChatTurn, Memory
from memory.embed import Embedder
from memory.question import named_people, parts, resolve
from memory.ranking import Named
from memory.store import ExactVectors
from memory.table import PassageTable
from memory.when import find_span

_KEYS = {"turns": ("id", "history", "session", "speaker", "text"), "questions": ("history", "question")}
SELF = ("我", "user")  # speakers who are the one that asks
_START = datetime(2000, 1, 1, tzinfo=UTC)  # for turns without a time


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """One history's memory, with what a question needs besides it."""

    table: PassageTable
    vectors: ExactVectors
    ids: list[str]  # of passage number - 1
    sessions: dict[str, str]
    names: dict[str, list[str]]
    last: datetime


def read_lines(folder: Path, name: str) -> list[dict[str, Any]]:
    """The records of `turns.jsonl` or `questions.jsonl`.

    Raises:
        UsageError: the file is missing, or a line of it is not what it should be. The message names the line, not its words.
    """
    path = folder / f"{name}.jsonl"
    if not path.is_file():
        raise UsageError(f"{path} is missing.", remedy="Name a folder with turns.jsonl and questions.jsonl (see benchmarks/memory.md).")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # no other line end counts: JSON may hold U+2028 as it is
    except UnicodeDecodeError as cause:
        raise UsageError(f"{path.name} is not UTF-8 text.", remedy="Save it as UTF-8.") from cause
    return [_record(line, name, f"{path.name}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]


def _record(line: str, name: str, where: str) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(line)
        missing = [key for key in _KEYS[name] if key not in record]
    except (ValueError, TypeError):
        missing = list(_KEYS[name])
    if missing:
        raise UsageError(f"{where}: expected an object with {', '.join(missing)}.", remedy="See benchmarks/memory.md for the format.")
    return record


def build_history(turns: Sequence[dict[str, Any]], embedder: Embedder) -> History:
    """Index the turns of one history in RAM; each turn is a passage."""
    table = PassageTable(sqlite3.connect(":memory:", isolation_level=None))
    memories = list(_memories(turns))
    with table.transaction():
        for session, group in groupby(zip(turns, memories, strict=True), key=lambda pair: str(pair[0]["session"])):
            table.add_session("history", session.encode(), [memory for _, memory in group])
        numbers = table.numbers("turn")
        table.set_vectors(numbers, embedder.encode(table.texts(numbers)))
    names = {speaker: [speaker] for speaker in {memory.speaker for memory in memories} if speaker not in (*SELF, "assistant")}
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


def understand(memory: History, question: Mapping[str, Any]) -> list[tuple[str, Named]]:
    """The parts of a question with their subject filled in, each with what it names."""
    history = [ChatTurn(role="user", text=turn if isinstance(turn, str) else str(turn["text"])) for turn in question.get("context") or ()]
    text = resolve(str(question["question"]), history, names=memory.names)
    now = asked_at(memory, question)
    return [(part, _named(part, memory, now)) for part in parts(text)]


def asked_at(memory: History, question: Mapping[str, Any]) -> datetime:
    """When a question is asked: when it says, or at the history's end."""
    return _moment(question.get("asked_at")) or memory.last


def _named(part: str, memory: History, now: datetime) -> Named:
    others = tuple(name for name in memory.names if name not in part)
    return Named(people=named_people(part, memory.names), span=find_span(part, now=now), others=others)
