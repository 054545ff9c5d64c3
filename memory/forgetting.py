"""Taking messages out of the memory: the passages around them, their words and vectors, in one transaction with the archive's rows."""

import json
from collections.abc import Iterable

from memory.store import retire_generation
from memory.table import PassageTable


def drop_messages(table: PassageTable, message_ids: Iterable[str]) -> int:
    """Take out every session with one of these messages, and leave the vector store's directory behind; returns the passages that go.

    What else was said in those sessions is indexed again at the next `index`. The caller holds the transaction, and has erased the
    messages: chats that are gone leave no id behind.
    """
    sessions = concerned_sessions(table, message_ids)
    removed = sum(table.remove_session(session) for session in sessions)
    table.drop_gone()
    table.drop_keys()
    if removed:
        retire_generation(table, vectors=False)
    return removed


def concerned_passages(table: PassageTable, message_ids: Iterable[str]) -> int:
    """How many passages hold one of these messages."""
    wanted = json.dumps(list(message_ids))
    return int(table.connection.execute(f"SELECT count(DISTINCT n) FROM {_HELD}", (wanted,)).fetchone()[0])  # noqa: S608


def concerned_sessions(table: PassageTable, message_ids: Iterable[str]) -> list[int]:
    """The sessions with one of these messages."""
    wanted = json.dumps(list(message_ids))
    return [row[0] for row in table.connection.execute(f"SELECT DISTINCT session FROM {_HELD}", (wanted,))]  # noqa: S608


_HELD = "(SELECT p.n, p.session FROM memory_passages p, json_each(p.messages) held WHERE held.value IN (SELECT value FROM json_each(?)))"
