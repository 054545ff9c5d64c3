"""Archive -> passages and their words, only what is new. Vectors follow in `memory.vectors`; search by words works at once.

A conversation is read again when its revision rose; of its sessions only the new and the changed ones are cut, indexed and embedded.
Every step can be killed and is taken up where it was: sessions are known by a hash of what they say.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from clone_agent.archive import Archive, ConversationInfo
from clone_agent.records import Memory, Session
from memory.passages import bursts
from memory.table import PassageTable

_RULES = 1  # raised when passages are cut differently, so that every session is cut anew
_SESSIONS_A_COMMIT = 100

OnProgress = Callable[[int, int], None]


@dataclass(slots=True)
class Counts:
    """What an indexing run changed."""

    added: int = 0  # passages
    removed: int = 0


@dataclass(slots=True)
class Progress:
    """Tells the caller how far a run is: messages read plus passages embedded, of all of them as far as known."""

    on_progress: OnProgress | None
    total: int = 0
    done: int = field(default=0)

    def advance(self, count: int) -> None:
        """Report `count` more units."""
        self.done += count
        if self.on_progress is not None:
            self.on_progress(min(self.done, self.total), self.total)


def stale(archive: Archive, table: PassageTable) -> list[ConversationInfo]:
    """The conversations whose messages changed since they were indexed."""
    known = table.revisions()
    return [info for info in archive.conversations() if info.messages and known.get(info.conversation.id) != info.revision]


def pending(archive: Archive, table: PassageTable) -> int:
    """How many conversations changed since they were indexed, or wait for their vectors."""
    return len({info.conversation.id for info in stale(archive, table)} | table.without_vectors())


def update_words(archive: Archive, table: PassageTable, *, progress: Progress, only: str | None = None) -> Counts:
    """Bring passages and the lexical index up to date with the archive, or with one conversation of it."""
    counts = Counts()
    if only is not None:
        _update_conversation(archive, table, only, archive.revision(only), counts, progress)
        return counts
    changed = stale(archive, table)
    missing = table.revisions().keys() - {info.conversation.id for info in archive.conversations() if info.messages}
    for gone in missing:
        with table.transaction():
            _drop(table, list(table.sessions(gone).values()), counts)
            table.set_revision(gone, None)
    for info in changed:
        _update_conversation(archive, table, info.conversation.id, info.revision, counts, progress)
    if counts.removed or missing:
        with table.transaction():
            table.drop_keys()
            table.lexical.optimize()
    return counts


def _update_conversation(
    archive: Archive, table: PassageTable, conversation: str, revision: int, counts: Counts, progress: Progress
) -> None:
    old = table.sessions(conversation)
    new: list[tuple[bytes, list[Memory]]] = []
    for session in archive.sessions(conversation):
        memories = list(bursts(session))
        digest = _digest(memories)
        if old.pop(digest, None) is None and memories:
            new.append((digest, memories))
        progress.advance(_length(session))
        if len(new) >= _SESSIONS_A_COMMIT:
            _add(table, conversation, new, counts)
    _add(table, conversation, new, counts)
    with table.transaction():
        _drop(table, list(old.values()), counts)
        table.set_revision(conversation, revision)


def _add(table: PassageTable, conversation: str, new: list[tuple[bytes, list[Memory]]], counts: Counts) -> None:
    with table.transaction():
        for digest, memories in new:
            table.add_session(conversation, digest, memories)
            counts.added += len(memories)
    new.clear()


def _drop(table: PassageTable, sessions: Sequence[int], counts: Counts) -> None:
    for session in sessions:
        counts.removed += table.remove_session(session)


def _length(session: Session) -> int:
    return sum(len(turn.messages) for turn in session.turns)


def _digest(memories: Sequence[Memory]) -> bytes:
    said = [(memory.message_ids, memory.speaker, memory.text, memory.started_at.isoformat()) for memory in memories]
    return hashlib.blake2b(json.dumps([_RULES, said]).encode(), digest_size=16).digest()
