"""Who, where and when of every passage, held in memory, so that limits on people, chats and time cost no reading: 40 bytes a passage.

Passages are never changed: they are added under higher numbers, and removed. So what is held is brought up to date by reading what is new;
only when passages are gone of which nobody told, all of it is read again.
"""

import sqlite3
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from memory.nearby import Numbers

_AT_ONCE = 50_000  # passages read in one go


class Limit:
    """Some passages or segments, and a quick way to tell whether a number is one of them."""

    def __init__(self, numbers: Iterable[int] | Numbers) -> None:
        given = numbers if isinstance(numbers, np.ndarray) else np.fromiter(numbers, dtype=np.int64)
        self._is_held = np.zeros(int(given.max(initial=0)) + 1, dtype=bool)
        self._is_held[given] = True
        self.numbers: Numbers = np.flatnonzero(self._is_held)

    def __len__(self) -> int:
        return len(self.numbers)

    def holds(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Which of these it holds."""
        return np.asarray(self._is_held[np.minimum(numbers, len(self._is_held) - 1)] & (numbers < len(self._is_held)), dtype=np.bool_)

    def has(self, number: int) -> bool:
        """Whether it holds one."""
        return number < len(self._is_held) and bool(self._is_held[number])

    def __and__(self, other: "Limit") -> "Limit":
        return Limit(self.numbers[other.holds(self.numbers)])


class Outline:
    """The outline of the passages of one file; read when it is first asked for."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.clear()

    def clear(self) -> None:
        """Forget what is held: a transaction was rolled back."""
        self._columns = np.zeros((5, 0), dtype=np.int64)  # number, person, conversation, start and end in milliseconds
        self._gone: set[int] = set()
        self._version: tuple[int, int] | None = None

    def drop(self, numbers: Iterable[int]) -> None:
        """Note that passages are removed."""
        self._gone.update(numbers)

    def select(
        self,
        *,
        speakers: tuple[Iterable[int], Iterable[int]] | None,
        conversations: Iterable[int] | None,
        after_ms: int | None,
        before_ms: int | None,
        during_ms: tuple[int, int] | None,
    ) -> Limit:
        """The passages within every limit that is not None.

        Args:
            speakers: people, and conversations: a passage counts when one of the people speaks or it stands in one of the conversations.
            conversations: where it must stand.
            after_ms: it must not have ended before.
            before_ms: it must have ended before: a passage is shown whole, and its last bubbles may be what is to be hidden.
            during_ms: it must overlap this stretch, its end not included.
        """
        self._refresh()
        number, person, place, started, ended = self._columns
        is_within = np.ones(len(number), dtype=bool)
        if speakers is not None:
            is_within &= np.isin(person, list(speakers[0])) | np.isin(place, list(speakers[1]))
        if conversations is not None:
            is_within &= np.isin(place, list(conversations))
        if after_ms is not None:
            is_within &= ended >= after_ms
        if before_ms is not None:
            is_within &= ended < before_ms
        if during_ms is not None:
            is_within &= (started < during_ms[1]) & (ended >= during_ms[0])
        return Limit(number[is_within])

    def places_of(self, people: Iterable[int]) -> list[int]:
        """The conversations in which any of these people speaks."""
        self._refresh()
        _, person, place, _, _ = self._columns
        return [int(each) for each in np.unique(place[np.isin(person, list(people))])]

    def speakers(self, places: Iterable[int]) -> list[tuple[int, int]]:
        """Every conversation among these with everybody who speaks in it."""
        self._refresh()
        _, person, place, _, _ = self._columns
        is_wanted = np.isin(place, list(places))
        most = int(person.max(initial=0)) + 1
        pairs = np.sort(place[is_wanted] * most + person[is_wanted])
        return [divmod(int(pair), most) for pair in pairs[np.diff(pairs, prepend=-1) > 0]]

    def _refresh(self) -> None:
        version = (int(self._connection.execute("PRAGMA data_version").fetchone()[0]), self._connection.total_changes)
        if version == self._version:
            return
        if self._gone:
            self._columns = self._columns[:, ~np.isin(self._columns[0], list(self._gone))]
            self._gone.clear()
        self._read_on()
        if self._columns.shape[1] != self._connection.execute("SELECT count(*) FROM memory_passages").fetchone()[0]:
            self._columns = self._columns[:, :0]
            self._read_on()
        self._version = version

    def _read_on(self) -> None:
        newest = int(self._columns[0, -1]) if self._columns.shape[1] else 0
        rows = self._connection.execute(
            "SELECT n, person, conversation, started_at, ended_at FROM memory_passages WHERE n > ? ORDER BY n", (newest,)
        )
        parts = [self._columns]
        while batch := rows.fetchmany(_AT_ONCE):
            parts.append(np.array(batch, dtype=np.int64).T)
        self._columns = np.concatenate(parts, axis=1)
