"""The passages in SQLite: bursts with their text, people, times and float16 vectors, and the segments that group them.

A session's bursts have consecutive numbers, so a segment is a first and a last number. Numbers are never used twice, which keeps a late
deletion in the vector store from hitting a new passage. Conversations and people are kept by their archive ids through `memory_keys`.
Times are milliseconds since 1970 in UTC.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from clone_agent.migrations import migrate
from clone_agent.records import Memory
from memory.lexical import LexicalIndex
from memory.outline import Limit, Outline
from memory.passages import segments
from memory.table_schema import STEPS

_TABLES = {"turn": "memory_passages", "segment": "memory_segments"}

Half = NDArray[np.float16]
_SAMPLED = 200  # passages that tell the mean length


@dataclass(frozen=True, slots=True)
class Facts:
    """What ranking needs to know of passages, in ascending order of their numbers; people and places as `PassageTable.keys` gives them."""

    numbers: NDArray[np.int64]
    sessions: NDArray[np.int64]
    people: NDArray[np.int64]
    places: NDArray[np.int64]
    started_ms: NDArray[np.int64]
    ended_ms: NDArray[np.int64]
    texts: list[str]
    vectors: list[bytes | None]  # as they are kept, float16

    def is_within(self, span: tuple[int, int]) -> NDArray[np.bool_]:
        """Which of them overlap a stretch of time in milliseconds, its end not included."""
        return (self.started_ms < span[1]) & (self.ended_ms >= span[0])


class PassageTable:
    """The passages of one SQLite file. The caller holds the transactions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        migrate(connection, "memory", STEPS)
        self.connection = connection
        self.lexical = LexicalIndex(connection)
        self.outline = Outline(connection)
        self._keys: dict[str, int] = {}
        self._mean: tuple[int, float] | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is kept together or not at all."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            self._keys.clear()
            self.outline.clear()
            raise
        self.connection.execute("COMMIT")

    def add_session(self, conversation: str, digest: bytes, memories: Sequence[Memory]) -> None:
        """Store a session's bursts and segments and index their words."""
        where = self._key(conversation)
        session = self.connection.execute("INSERT INTO memory_sessions(conversation, hash) VALUES (?, ?)", (where, digest)).lastrowid
        numbers = [self._insert(session or 0, where, memory) for memory in memories]
        self.lexical.add("turn", ((number, memory.text) for number, memory in zip(numbers, memories, strict=True)))
        for span in segments([memory.text for memory in memories]):
            row = (session, numbers[span.start], numbers[span.stop - 1])
            self.connection.execute("INSERT INTO memory_segments(session, first, last) VALUES (?, ?, ?)", row)

    def _insert(self, session: int, conversation: int, memory: Memory) -> int:
        offset = memory.started_at.utcoffset() or timedelta()
        row = (session, conversation, self._key(memory.speaker), _milliseconds(memory.started_at), _milliseconds(memory.ended_at))
        number = self.connection.execute(
            "INSERT INTO memory_passages(session, conversation, person, started_at, ended_at, utc_offset, text, messages)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, int(offset.total_seconds() // 60), memory.text, json.dumps(memory.message_ids)),
        ).lastrowid
        return number or 0

    def remove_session(self, session: int) -> int:
        """Take a session out, words and vectors included; the vector store learns of it through `removed`. Returns its passages."""
        passages = self.connection.execute("SELECT n, text FROM memory_passages WHERE session = ? ORDER BY n", (session,)).fetchall()
        texts: dict[int, str] = dict(passages)
        spans = self.connection.execute("SELECT n FROM memory_segments WHERE session = ?", (session,)).fetchall()
        self.lexical.delete("turn", passages)
        self.outline.drop(texts)
        for granularity, numbers in (("turn", list(texts)), ("segment", [span[0] for span in spans])):
            self.connection.executemany("INSERT INTO memory_removed VALUES (?, ?)", [(granularity, number) for number in numbers])
            self.connection.execute(f"DELETE FROM {_TABLES[granularity]} WHERE session = ?", (session,))  # noqa: S608
        self.connection.execute("DELETE FROM memory_sessions WHERE n = ?", (session,))
        return len(texts)

    def drop_gone(self) -> None:
        """Forget that conversations were indexed which the archive in the same file has no more and which have no passages."""
        self.connection.execute(
            "DELETE FROM memory_state WHERE conversation NOT IN (SELECT conversation FROM memory_sessions) AND conversation NOT IN"
            " (SELECT k.n FROM memory_keys k JOIN conversations c ON c.id = k.key)"
        )

    def drop_keys(self) -> None:
        """Drop the ids of people and conversations of which nothing is left."""
        self.connection.execute(
            "DELETE FROM memory_keys WHERE n NOT IN (SELECT person FROM memory_passages UNION SELECT conversation FROM memory_passages"
            " UNION SELECT conversation FROM memory_sessions UNION SELECT conversation FROM memory_state)"
        )
        self._keys.clear()

    def sessions(self, conversation: str) -> dict[bytes, int]:
        """The sessions of a conversation that are indexed: digest to number."""
        rows = self.connection.execute("SELECT hash, n FROM memory_sessions WHERE conversation = ?", (self._key(conversation),))
        return {bytes(digest): number for digest, number in rows}

    def revisions(self) -> dict[str, int]:
        """The revision at which each conversation was indexed."""
        return dict(self.connection.execute("SELECT key, revision FROM memory_state JOIN memory_keys ON memory_keys.n = conversation"))

    def set_revision(self, conversation: str, revision: int | None) -> None:
        """Note that a conversation is indexed up to a revision, or no more at all."""
        key = self._key(conversation)
        if revision is None:
            self.connection.execute("DELETE FROM memory_state WHERE conversation = ?", (key,))
        else:
            self.connection.execute("INSERT OR REPLACE INTO memory_state VALUES (?, ?)", (key, revision))

    def fact(self, name: str) -> str | None:
        """A single value kept with the passages, such as the fingerprint of the embedding model."""
        row = self.connection.execute("SELECT value FROM memory_facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def keep_fact(self, name: str, value: str) -> None:
        """Keep a single value."""
        self.connection.execute("INSERT OR REPLACE INTO memory_facts VALUES (?, ?)", (name, value))

    def drop_fact(self, name: str) -> None:
        """Keep a value no longer."""
        self.connection.execute("DELETE FROM memory_facts WHERE name = ?", (name,))

    def count(self, granularity: str, *, stored_only: bool = False) -> int:
        """How many turns or segments there are, or how many of them the vector store has acknowledged."""
        limit = " WHERE stored = 1" if stored_only else ""
        return int(self.connection.execute(f"SELECT count(*) FROM {_TABLES[granularity]}{limit}").fetchone()[0])  # noqa: S608

    def numbers(self, granularity: str) -> list[int]:
        """All turns or segments, in order."""
        return [row[0] for row in self.connection.execute(f"SELECT n FROM {_TABLES[granularity]} ORDER BY n")]  # noqa: S608

    def unstored(self, granularity: str) -> list[int]:
        """Numbers that the vector store has not acknowledged, in order."""
        return [row[0] for row in self.connection.execute(f"SELECT n FROM {_TABLES[granularity]} WHERE stored = 0 ORDER BY n")]  # noqa: S608

    def waiting(self, granularity: str, *, limit: int) -> list[int]:
        """Numbers of at most `limit` turns that have a vector, or segments, which the vector store has not acknowledged."""
        where = "stored = 0 AND vector IS NOT NULL" if granularity == "turn" else "stored = 0"
        rows = self.connection.execute(f"SELECT n FROM {_TABLES[granularity]} WHERE {where} ORDER BY n DESC LIMIT {limit:d}")  # noqa: S608
        return [row[0] for row in rows]

    def unembedded(self) -> int:
        """How many turns nobody has embedded yet."""
        return int(self.connection.execute("SELECT count(*) FROM memory_passages WHERE stored = 0 AND vector IS NULL").fetchone()[0])

    def without_vectors(self) -> set[str]:
        """The conversations with passages that nobody has embedded yet."""
        rows = self.connection.execute(
            "SELECT DISTINCT k.key FROM memory_passages p JOIN memory_keys k ON k.n = p.conversation"
            " WHERE p.stored = 0 AND p.vector IS NULL"
        )
        return {row[0] for row in rows}

    def sample_stored(self, count: int, *, seed: float) -> list[int]:
        """At most `count` turns that the vector store has acknowledged, spread over the table; `seed` from 0 to 1."""
        first, last = self.connection.execute("SELECT coalesce(min(n), 0), coalesce(max(n), -1) FROM memory_passages").fetchone()
        step = max(1, (last - first + 1) // count)
        starts = range(first + int(seed * step), last + 1, step)
        rows = self.connection.execute(
            "SELECT DISTINCT (SELECT n FROM memory_passages WHERE n >= w.value AND stored = 1 ORDER BY n LIMIT 1) FROM json_each(?) w",
            (json.dumps(list(starts)),),
        )
        return [row[0] for row in rows if row[0] is not None]

    def stored(self, granularity: str) -> list[int]:
        """Numbers that the vector store has acknowledged."""
        return [row[0] for row in self.connection.execute(f"SELECT n FROM {_TABLES[granularity]} WHERE stored = 1")]  # noqa: S608

    def sessions_without_messages(self) -> list[tuple[int, str]]:
        """Sessions with a message that the archive in the same file does not have, and their conversations."""
        return self.connection.execute(
            "SELECT DISTINCT p.session, k.key FROM memory_passages p JOIN memory_keys k ON k.n = p.conversation, json_each(p.messages) said"
            " WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = said.value)"
        ).fetchall()

    def mark_stored(self, granularity: str, numbers: Collection[int], *, empty: bool = False) -> None:
        """Note that the vector store has acknowledged these, or that they have no vector (`empty`: an emoji, a name in no vocabulary)."""
        self.connection.execute(
            f"UPDATE {_TABLES[granularity]} SET stored = {2 if empty else 1} WHERE n IN (SELECT value FROM json_each(?))",  # noqa: S608
            (json.dumps(list(numbers)),),
        )

    def forget_stored(self, *, vectors: bool) -> None:
        """Note that the vector store holds nothing any more; with `vectors`, that our own copies are of another model, too."""
        self.connection.execute(f"UPDATE memory_passages SET stored = 0{', vector = NULL' if vectors else ''}")  # noqa: S608
        self.connection.execute("UPDATE memory_segments SET stored = 0")
        self.connection.execute("DELETE FROM memory_removed")
        self.connection.execute("DELETE FROM memory_next")

    def removed(self, granularity: str) -> list[int]:
        """Numbers that are gone but perhaps still in the vector store."""
        return [row[0] for row in self.connection.execute("SELECT n FROM memory_removed WHERE granularity = ?", (granularity,))]

    def clear_removed(self, granularity: str) -> None:
        """Note that the vector store has dropped them."""
        self.connection.execute("DELETE FROM memory_removed WHERE granularity = ?", (granularity,))

    def texts(self, numbers: Sequence[int]) -> list[str]:
        """The texts of passages, in the order asked for."""
        return [row[1] for row in self._rows("text", numbers)]

    def vectors(self, numbers: Sequence[int]) -> tuple[list[int], Half]:
        """The passages among `numbers` that have a vector, and the vectors, float16 of shape (found, dimension)."""
        rows = self.connection.execute(
            "SELECT p.n, p.vector FROM json_each(?) wanted JOIN memory_passages p ON p.n = wanted.value"
            " WHERE p.vector IS NOT NULL ORDER BY wanted.key",
            (json.dumps(list(numbers)),),
        ).fetchall()
        joined = np.frombuffer(b"".join([row[1] for row in rows]), dtype=np.float16)
        return [row[0] for row in rows], joined.reshape(len(rows), -1) if rows else joined

    def set_vectors(self, numbers: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Keep float16 copies of vectors."""
        rows = ((vector.tobytes(), number) for number, vector in zip(numbers, vectors.astype(np.float16), strict=True))
        self.connection.executemany("UPDATE memory_passages SET vector = ? WHERE n = ?", rows)

    def members(self, numbers: Iterable[int]) -> dict[int, range]:
        """The passages of segments."""
        return {number: range(first, last + 1) for number, first, last in self.spans(list(numbers)).T.tolist()}

    def spans(self, numbers: Sequence[int]) -> NDArray[np.int64]:
        """Segments with their first and their last passage, int64 of shape (3, found), in the order asked for."""
        rows = self.connection.execute(
            "SELECT n, first, last FROM json_each(?) wanted JOIN memory_segments ON n = value ORDER BY wanted.key", (json.dumps(numbers),)
        ).fetchall()
        return np.array(rows, dtype=np.int64).reshape(len(rows), 3).T

    def segments_of(self, numbers: Sequence[int]) -> Limit:
        """The segments that hold any of these passages."""
        rows = self.connection.execute(
            "SELECT DISTINCT s.n FROM json_each(?) JOIN memory_passages p ON p.n = value"
            " JOIN memory_segments s ON s.session = p.session AND p.n BETWEEN s.first AND s.last",
            (json.dumps(list(numbers)),),
        )
        return Limit(row[0] for row in rows)

    def facts(self, numbers: Collection[int]) -> Facts:
        """Who, where, when and what of the passages that exist among these."""
        rows = self.connection.execute(
            "SELECT p.n, session, person, conversation, started_at, ended_at, text, vector"
            " FROM json_each(?) w JOIN memory_passages p ON p.n = w.value ORDER BY p.n",
            (json.dumps(list(numbers)),),
        ).fetchall()
        columns = np.array([row[:6] for row in rows], dtype=np.int64).reshape(len(rows), 6).T
        n, session, person, place, start, end = columns
        return Facts(n, session, person, place, start, end, [row[6] for row in rows], [row[7] for row in rows])

    def keys(self, names: Collection[str]) -> list[int]:
        """The numbers that stand for people and conversations in `Facts`; those that no passage has are left out."""
        if not names:
            return []
        return [row[0] for row in self.connection.execute(_KEYS[1:-1], (json.dumps(list(names)),))]

    def mean_length(self) -> float:
        """Characters of a passage in the mean, from a sample."""
        count = self.lexical.count()
        if self._mean is None or self._mean[0] != count:
            most = int(self.connection.execute("SELECT max(n) FROM memory_passages").fetchone()[0] or 0)
            sample = json.dumps(sorted({1 + most * step // _SAMPLED for step in range(_SAMPLED)}))
            row = self.connection.execute(
                "SELECT avg(length(text)) FROM json_each(?) JOIN memory_passages ON n = value", (sample,)
            ).fetchone()
            self._mean = (count, float(row[0] or 1.0))
        return self._mean[1]

    def select(
        self,
        *,
        people: Collection[str] = (),
        chats: Collection[str] = (),
        conversations: Collection[str] | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
        during: tuple[datetime, datetime] | None = None,
    ) -> Limit:
        """The passages that one of `people` speaks or that stand in one of `chats`, in `conversations` and in the time given.

        None of them goes on at `before` or later, while those of `during` only overlap it.

        `people` and `chats` both empty, or `conversations` None, mean no limit of that kind.
        """
        return self.outline.select(
            speakers=(self.keys(people), self.keys(chats)) if people or chats else None,
            conversations=None if conversations is None else self.keys(conversations),
            after_ms=None if after is None else _milliseconds(after),
            before_ms=None if before is None else _milliseconds(before),
            during_ms=None if during is None else (_milliseconds(during[0]), _milliseconds(during[1])),
        )

    def speakers(self, conversations: Collection[str]) -> dict[str, set[str]]:
        """Who speaks in each of these conversations."""
        found: dict[str, set[str]] = {}
        if pairs := self.outline.speakers(self.keys(conversations)):
            wanted = json.dumps(sorted({number for pair in pairs for number in pair}))
            keys = dict(self.connection.execute("SELECT n, k.key FROM memory_keys k JOIN json_each(?) ON n = value", (wanted,)).fetchall())
            for place, person in pairs:
                found.setdefault(keys[place], set()).add(keys[person])
        return found

    def memories(self, numbers: Sequence[int]) -> list[Memory]:
        """The passages as records, in the order asked for. Names and owner are left to whoever knows the archive."""
        columns = "started_at, utc_offset, ended_at, who.key, place.key, text, messages"
        return [_memory(row[1:]) for row in self._rows(columns, numbers)]

    def neighbours(self, number: int) -> list[int]:
        """The passages right before and after in the same session."""
        rows = self.connection.execute(
            "SELECT near.n FROM memory_passages here JOIN memory_passages near ON near.session = here.session"
            " AND near.n IN (here.n - 1, here.n + 1) WHERE here.n = ?",
            (number,),
        )
        return [row[0] for row in rows]

    def _rows(self, columns: str, numbers: Sequence[int]) -> Iterator[tuple]:  # type: ignore[type-arg]  # columns vary
        yield from self.connection.execute(
            f"SELECT p.n, {columns} FROM json_each(?) wanted JOIN memory_passages p ON p.n = wanted.value"  # noqa: S608
            " JOIN memory_keys who ON who.n = person JOIN memory_keys place ON place.n = conversation ORDER BY wanted.key",
            (json.dumps(list(numbers)),),
        )

    def _key(self, key: str) -> int:
        if key not in self._keys:
            self.connection.execute("INSERT OR IGNORE INTO memory_keys(key) VALUES (?)", (key,))
            self._keys[key] = int(self.connection.execute("SELECT n FROM memory_keys WHERE key = ?", (key,)).fetchone()[0])
        return self._keys[key]


_KEYS = "(SELECT k.n FROM memory_keys k JOIN json_each(?) ON k.key = value)"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _milliseconds(moment: datetime) -> int:
    return round((moment - _EPOCH) / timedelta(milliseconds=1))


def _moment(milliseconds: int, offset: int) -> datetime:
    return (_EPOCH + timedelta(milliseconds=milliseconds)).astimezone(timezone(timedelta(minutes=offset)))


def _memory(row: tuple[int, int, int, str, str, str, str]) -> Memory:
    started, offset, ended, person, conversation, text, messages = row
    ids = tuple(json.loads(messages))
    return Memory(
        id=ids[0],
        conversation=conversation,
        conversation_name="",
        speaker=person,
        speaker_name="",
        is_owner=False,
        started_at=_moment(started, offset),
        ended_at=_moment(ended, offset),
        text=text,
        message_ids=ids,
    )
