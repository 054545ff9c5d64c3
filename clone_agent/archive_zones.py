"""A chat that is stored already, but was read in another time zone: every message stands hours away from where an import has it.

Nobody can say by the messages alone which of the two is right, so an import refuses, unless the user says that its own times are.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from clone_agent.archive_schema import SENT_AT, TEXT, UTC_OFFSET, Row
from clone_agent.errors import ExportError
from clone_agent.message_ids import second_of

_SAMPLE = 16  # rows of a batch that are looked for
_MOST_AWAY = 86_400_000 - 1  # milliseconds; what is said a day apart, as a greeting is, is said twice
_STEP = 900_000  # zones differ by quarters of an hour
_LEAST_HITS = 3
_LEAST_LETTERS = 16  # in all that was found
_SHORTEST = 4  # characters; shorter words are said too often
_WALL = 0  # stands for "the same clock, read in another zone", whatever that makes in hours


class Shift(NamedTuple):
    """How the stored messages of a chat stand to the import's."""

    chat: int
    milliseconds: int  # stored minus import, of most messages
    is_wall: bool  # both show the same clock, so that only the zone differs


def find_shift(connection: sqlite3.Connection, chats: Sequence[int], rows: Sequence[Row], *, newest: int) -> Shift | None:
    """The stored chat that holds what these rows say, all of it away by the difference of two zones; None where there is none.

    Args:
        connection: of the archive.
        chats: numbers of the chats that may be the same.
        rows: messages that were not found at their own times.
        newest: number of the last message that was stored before.
    """
    by_text = {str(row[TEXT]): row for row in rows if len(str(row[TEXT])) >= _SHORTEST}
    texts = list(by_text)[:: len(by_text) // _SAMPLE + 1]
    for chat in chats if len(texts) >= _LEAST_HITS else ():
        sample = [by_text[text] for text in texts]
        found = _pairs(connection, chat, sample, newest)
        for kind in sorted(found, key=lambda kind: -len(found[kind])):
            hits = found[kind]
            away = Counter(hits.values()).most_common(1)[0][0]
            is_enough = len(hits) >= _LEAST_HITS and sum(map(len, hits)) >= _LEAST_LETTERS
            # What people say every day comes again hours away, too; but then most of what stands around it does not.
            if is_enough and len(hits) * 2 > _within(connection, chat, sample, away, newest):
                return Shift(chat, away, kind == _WALL)
    return None


def known_shift(chat: int, known: Sequence[tuple[Row, int, int]]) -> Shift | None:
    """How a chat stands to an import whose ids it holds; None where both agree on the time.

    An id is made of the time at which its message was first read. Where that was the wrong one and what is stored was corrected since, the
    same reading of the same export comes with known ids and wrong times.

    Args:
        chat: number of the chat.
        known: rows of the import, each with the `sent_at` and `utc_offset` of the message that is stored under its id.
    """
    away = [(sent_at - int(row[SENT_AT] or 0), offset - int(row[UTC_OFFSET] or 0)) for row, sent_at, offset in known]
    shifted = [(apart, zones) for apart, zones in away if apart and apart % _STEP == 0]
    if len(shifted) * 2 <= len(away):
        return None
    walls = sum(apart == -zones * 60_000 for apart, zones in shifted)
    return Shift(chat, Counter(apart for apart, _ in shifted).most_common(1)[0][0], walls * 2 > len(shifted))


def _within(connection: sqlite3.Connection, chat: int, rows: Sequence[Row], away: int, newest: int) -> int:
    """How many of the rows lie in the time of the chat, once they are moved."""
    query = "SELECT min(sent_at), max(sent_at) FROM messages WHERE conversation = ? AND n <= ?"
    first, last = connection.execute(query, (chat, newest)).fetchone()
    return sum(first <= int(row[SENT_AT] or 0) + away <= last for row in rows)


def refuse(shift: Shift) -> ExportError:
    """The error of an import whose times disagree with what is stored."""
    hours = f"{abs(shift.milliseconds) / 3_600_000:g} hours {'later' if shift.milliseconds > 0 else 'earlier'}"
    return ExportError(
        f"It holds a chat that is stored already with the same messages {hours}: one of the two was read in the wrong time zone.",
        remedy="Import it with the --timezone that it was written in; if you do, add --move-times, which corrects what is stored.",
    )


def move(connection: sqlite3.Connection, shift: Shift, zone: tzinfo | None) -> None:
    """Set the stored messages of a chat to the times of an import that is right, which reads its clocks in `zone`."""
    stored = connection.execute("SELECT n, sent_at, utc_offset FROM messages WHERE conversation = ?", (shift.chat,)).fetchall()
    moved = [(*_moved(sent_at, offset, shift, zone), n) for n, sent_at, offset in stored]
    connection.executemany("UPDATE messages SET sent_at = ?, utc_offset = ? WHERE n = ?", moved)
    connection.execute("UPDATE conversations SET revision = revision + 1 WHERE n = ?", (shift.chat,))


def _moved(sent_at: int, offset: int, shift: Shift, zone: tzinfo | None) -> tuple[int, int]:
    seconds, rest = divmod(sent_at if shift.is_wall else sent_at - shift.milliseconds, 1000)
    if not shift.is_wall or zone is None:
        return seconds * 1000 + rest, offset
    clock = datetime.fromordinal(719_163 + (seconds + offset * 60) // 86_400)
    of_day = (seconds + offset * 60) % 86_400
    moment = clock.replace(hour=of_day // 3600, minute=of_day // 60 % 60, second=of_day % 60, tzinfo=zone)
    away = moment.utcoffset()
    return second_of(moment) * 1000 + rest, 0 if away is None else away.days * 1440 + away.seconds // 60


def _pairs(connection: sqlite3.Connection, chat: int, rows: Sequence[Row], newest: int) -> dict[int, dict[str, int]]:
    """Texts that the chat holds within a day of a row: kind of difference -> text -> milliseconds, each text once a kind."""
    wanted = [[int(row[SENT_AT] or 0), row[TEXT], int(row[UTC_OFFSET] or 0)] for row in rows]
    stored = connection.execute(
        "SELECT w.value ->> 1, m.sent_at - (w.value ->> 0), m.utc_offset - (w.value ->> 2) FROM json_each(?1) w CROSS JOIN messages m"
        " ON m.conversation = ?2 AND m.sent_at BETWEEN (w.value ->> 0) - ?3 AND (w.value ->> 0) + ?3 AND m.text = w.value ->> 1"
        " WHERE m.n <= ?4",
        (json.dumps(wanted), chat, _MOST_AWAY, newest),
    )
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for text, away, offset in stored:
        if away and away % _STEP == 0:
            found[_WALL if away == -offset * 60_000 else away][text] = away
    return found
