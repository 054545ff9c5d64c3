"""Which stored chat an import's chat is, where the two have different ids.

Two chats of one platform are the same when, where they overlap in time, most of what is said in one is said in the other in the same
second, by two people at least, or by one in a chat of the same name. Two chats that both have the platform's number are what their
numbers say.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from clone_agent.archive_schema import KIND, PERSON, SENT_AT, TEXT, Row, second_of
from clone_agent.message_ids import is_numbered, second_prefix
from clone_agent.records import Conversation, Kind

SPEECH = frozenset({Kind.TEXT.value, Kind.REPLY.value})
_SAMPLE = 200  # rows of a batch that are looked for in other chats
_DAY = 86_400
_MOST_NEAR = 20
_LEAST_HITS = 2
_LEAST_SHARE = 0.5  # of what both could hold
_LEAST_LETTERS = 8  # in all that was found; 嗯 and 哈哈 alone prove nothing


class Rival(NamedTuple):
    """A stored chat that may be the same."""

    number: int
    first: int  # second of its first message
    last: int


def rivals_of(connection: sqlite3.Connection, told: Conversation, number: int) -> tuple[Rival, ...]:
    """The stored chats that could be this one, as far as platform and numbers tell.

    Args:
        connection: of the archive.
        told: the conversation as the export tells it.
        number: of the conversation as it is stored, which is no rival of itself.
    """
    rows = connection.execute(
        "SELECT n, id, (SELECT min(sent_at) FROM messages WHERE conversation = c.n), (SELECT max(sent_at) FROM messages"
        " WHERE conversation = c.n) FROM conversations c WHERE platform = ? AND n != ?",
        (told.platform, number),
    ).fetchall()
    has_number = is_numbered(told.id)
    return tuple(
        Rival(n, first // 1000, last // 1000)
        for n, other, first, last in rows
        if first is not None and not (has_number and is_numbered(other))
    )


def same_chat(
    connection: sqlite3.Connection, told: Conversation, rivals: Sequence[Rival], rows: Sequence[Row], *, newest: int
) -> int | None:
    """The number of the stored chat that an import's chat is, by a sample of its rows; None if it is none of the rivals.

    Args:
        connection: of the archive.
        told: the conversation as the export tells it.
        rivals: the stored chats that it may be.
        rows: some of its messages.
        newest: number of the last message that was stored before.
    """
    near = [row for row in rows if any(rival.first <= second_of(row) <= rival.last for rival in rivals)]
    worded = [row for row in near if len(str(row[TEXT])) > 1 and row[KIND] in SPEECH]
    sample = worded[:: len(worded) // _SAMPLE + 1]
    hits = _hits(connection, sample, newest)
    for rival in sorted((rival for rival in rivals if rival.number in hits), key=lambda rival: -len(hits[rival.number])):
        found = hits[rival.number]
        if len(found) < _LEAST_HITS or sum(len(str(sample[number][TEXT])) for number in found) < _LEAST_LETTERS:
            continue
        within = sum(rival.first <= second_of(row) <= rival.last for row in sample)
        # An excerpt may hold little of the longer one, and yet all that it has itself is there.
        there = _spoken(connection, rival.number, sample) if len(sample) == len(worded) else within
        speakers = min(len({sample[number][PERSON] for number in found}), len(set(found.values())))
        if len(found) >= _LEAST_SHARE * min(within, there) and (speakers > 1 or _is_namesake(connection, told, rival.number)):
            return rival.number
    return None


def near_rivals(connection: sqlite3.Connection, told: Conversation, rivals: Sequence[Rival], rows: Sequence[Row]) -> list[int]:
    """Numbers of the rivals that have messages within a day of the rows, those of the same name first; not more than a few."""
    times = [second_of(row) for row in rows]
    near = [one.number for one in rivals if one.first - _DAY <= max(times) and min(times) - _DAY <= one.last]
    return sorted(near, key=lambda number: not _is_namesake(connection, told, number))[:_MOST_NEAR]


def _hits(connection: sqlite3.Connection, sample: Sequence[Row], newest: int) -> dict[int, dict[int, int]]:
    """Chats in which sampled rows are found in the same second: chat -> place in the sample -> account there."""
    wanted = [[second_prefix(second_of(row)), second_prefix(second_of(row) + 1), row[TEXT], place] for place, row in enumerate(sample)]
    found = connection.execute(
        "SELECT m.conversation, w.value ->> 3, m.person FROM json_each(?) w CROSS JOIN messages m ON m.id >= w.value ->> 0"
        " AND m.id < w.value ->> 1 AND m.text = w.value ->> 2 WHERE m.n <= ?",
        (json.dumps(wanted), newest),
    )
    hits: dict[int, dict[int, int]] = defaultdict(dict)
    for chat, place, person in found:
        hits[chat][place] = person
    return hits


def _spoken(connection: sqlite3.Connection, chat: int, sample: Sequence[Row]) -> int:
    """How many messages with words a chat has in the time of the sample."""
    times = [int(row[SENT_AT] or 0) for row in sample]
    row = connection.execute(
        "SELECT count(*) FROM messages WHERE conversation = ? AND sent_at BETWEEN ? AND ? AND length(text) > 1",
        (chat, min(times) - 1000, max(times) + 1000),
    ).fetchone()
    return int(row[0])


def _is_namesake(connection: sqlite3.Connection, told: Conversation, chat: int) -> bool:
    name = connection.execute("SELECT name FROM conversations WHERE n = ?", (chat,)).fetchone()[0]
    return bool(name) and name == told.name
