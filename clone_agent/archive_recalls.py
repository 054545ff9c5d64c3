"""A message that was taken back, as two exporters tell it: one keeps what was sent, the other has the program's line from when it went.

They are one event. The message is worth more than the line, so the line is left out, or goes, where another export has the message.
"""

import re
import sqlite3
from collections.abc import Sequence

from clone_agent.archive_schema import ID, KIND, SENDER_NAME, SENT_AT, TEXT, Row
from clone_agent.records import Kind

_WINDOW = 300_000  # milliseconds in which QQ and WeChat let people take a message back, and a little more
_NOTICE = re.compile(
    r"[\"“]?(?P<name>.{0,60}?)[\"”]? ?(?:撤回了一条(?:成员)?消息.{0,20}|(?:recalled|unsent|withdrew) a message\.?)",
    re.S,
)
_ANYBODY = frozenset({"", "你", "您", "我", "对方", "you", "You"})


def pair_recalls(
    connection: sqlite3.Connection, chat: int, rows: Sequence[Row], *, newest: int, taken: set[int]
) -> tuple[dict[str, int], dict[int, str]]:
    """What of an import and of the store is the same message taken back.

    Args:
        connection: of the archive.
        chat: number of the conversation.
        rows: of the import, not found in the store otherwise.
        newest: number of the last message that was stored before.
        taken: stored messages that are something else of this import; those found here are added.

    Returns:
        Ids of lines that tell of a stored message, with its number; and numbers of stored lines that tell of a row, with its id.
    """
    told: dict[str, int] = {}
    outdone: dict[int, str] = {}
    for row in rows:
        sent_at, text = int(row[SENT_AT] or 0), str(row[TEXT])
        if row[KIND] == Kind.RECALL and text:
            lines = _near(connection, chat, Kind.SYSTEM, sent_at, sent_at + _WINDOW, newest)
            found = [(n, _who(words)) for n, _, words in lines if n not in taken and _NOTICE.fullmatch(words)]
            if (n := _of(str(row[SENDER_NAME]), found)) is not None:
                outdone[n] = str(row[ID])
                taken.add(n)
        elif row[KIND] == Kind.SYSTEM and _NOTICE.fullmatch(text):
            messages = _near(connection, chat, Kind.RECALL, sent_at - _WINDOW, sent_at, newest)
            found = [(n, name) for n, name, words in reversed(messages) if n not in taken and words]
            if (n := _of(_who(text), found)) is not None:
                told[str(row[ID])] = n
                taken.add(n)
    return told, outdone


def _near(connection: sqlite3.Connection, chat: int, kind: Kind, first: int, last: int, newest: int) -> list[tuple[int, str, str]]:
    rows = connection.execute(
        "SELECT n, sender_name, text FROM messages WHERE conversation = ? AND sent_at BETWEEN ? AND ? AND kind = ? AND n <= ?"
        " ORDER BY sent_at, n",
        (chat, first, last, kind.value, newest),
    )
    return rows.fetchall()


def _who(line: str) -> str:
    """The name in the program's line; "" where it names nobody."""
    found = _NOTICE.fullmatch(line)
    name = found["name"].strip() if found is not None else ""
    return "" if name in _ANYBODY else name


def _of(name: str, found: Sequence[tuple[int, str]]) -> int | None:
    """The nearest one under a name; the only one where names differ, since exporters know people by different ones."""
    same = next((n for n, other in found if name and name == other), None)
    if same is not None or not found:
        return same
    return found[0][0] if len(found) == 1 or not name else None
