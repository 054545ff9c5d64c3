"""Writing an import into the archive: batches, people, names, counts.

A batch is one transaction, so a killed import keeps every batch it finished and a second run adds the rest.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from clone_agent.records import Conversation, Message, Skipped
from clone_agent.sessions import person_id
from clone_agent.tombstones import Tombstones

BATCH = 5_000
_NEVER = -(2**62)
_FORGOTTEN = -1  # the number of a conversation that the user had forgotten as a whole
_INSERT = "INSERT OR IGNORE INTO messages VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_Row = tuple[str | int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import brought."""

    messages: int  # read, repeats of stored ones included
    added: int
    skipped: dict[str, int]  # reason -> how many
    conversations: tuple[str, ...]  # ids of those that were met
    forgotten: int = 0  # left out because the user had them forgotten
    owners: frozenset[str] = frozenset()  # person ids that the exports themselves call the owner


@dataclass(slots=True)
class _Chat:
    """A conversation that is being written."""

    conversation: Conversation
    number: int
    rows: list[_Row] = field(default_factory=list)


@dataclass(slots=True)
class _Speaker:
    """A person as far as this import knows."""

    number: int
    name: str
    last_seen: int
    names: set[str]
    is_stale: bool = False


class ArchiveWriter:
    """Writes one import. Made for one call of `write`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._chats: dict[str, _Chat] = {}
        self._speakers: dict[tuple[str, str], _Speaker] = {}
        self._skipped: Counter[str] = Counter()
        tombstones = Tombstones(connection)
        self._tombstones = None if tombstones.are_empty else tombstones
        self._messages = self._added = self._forgotten = self._waiting = 0

    def write(
        self, records: Iterable[Conversation | Message | Skipped], *, source: str, on_record: Callable[[int], None] | None
    ) -> ImportReport:
        """Store the records; see `Archive.add`."""
        for seen, record in enumerate(records, start=1):
            if isinstance(record, Message):
                self._take(record)
            elif isinstance(record, Conversation):
                self._meet(record)
            else:
                self._skipped[record.reason] += 1
            if on_record is not None and seen % 2_000 == 0:
                on_record(seen)
        self._flush()
        report = ImportReport(
            messages=self._messages,
            added=self._added,
            skipped=dict(self._skipped),
            conversations=tuple(self._chats),
            forgotten=self._forgotten,
            owners=self._owners(),
        )
        self._connection.execute(
            "INSERT INTO imports(source, finished_at, messages, added, skipped) VALUES (?, ?, ?, ?, ?)",
            (
                source if report.messages > report.forgotten else "",  # a file of forgotten messages is often named after the person
                datetime.now(UTC).isoformat(timespec="seconds"),
                report.messages,
                report.added,
                json.dumps(report.skipped),
            ),
        )
        return report

    def _take(self, message: Message) -> None:
        self._messages += 1
        chat = self._chats[message.conversation]
        sent_at = message.sent_at
        milliseconds = round(sent_at.timestamp() * 1000)
        if self._tombstones is not None and (chat.number == _FORGOTTEN or self._is_forgotten(chat.conversation, message, milliseconds)):
            self._forgotten += 1
            return
        offset = sent_at.utcoffset()
        speaker = self._speaker(chat.conversation, message, milliseconds)
        chat.rows.append(
            (
                message.id,
                chat.number,
                speaker.number,
                message.sender,
                message.sender_name,
                milliseconds,
                0 if offset is None else offset.days * 1440 + offset.seconds // 60,
                message.kind._value_,  # `.value` is a descriptor call, felt in millions of rows
                message.text,
                message.quoted,
                message.reply_to,
                message.source_id,
                json.dumps(message.mentions, ensure_ascii=False) if message.mentions else None,
                json.dumps(message.attachments, ensure_ascii=False) if message.attachments else None,
                message.source,
            )
        )
        self._waiting += 1
        if self._waiting >= BATCH:
            self._flush()

    def _is_forgotten(self, conversation: Conversation, message: Message, milliseconds: int) -> bool:
        assert self._tombstones is not None
        person = person_id(conversation, message.sender)
        return self._tombstones.holds_message(message.id, sent_ms=milliseconds, text=message.text, person=person)

    def _meet(self, conversation: Conversation) -> None:
        if self._tombstones is not None and self._tombstones.holds_chat(conversation.id):
            self._chats[conversation.id] = _Chat(conversation, _FORGOTTEN)
            return
        self._connection.execute(
            "INSERT INTO conversations(id, platform, name, kind, owner) VALUES (?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET"
            " name = coalesce(nullif(excluded.name, ''), name), kind = excluded.kind, owner = coalesce(excluded.owner, owner)",
            (conversation.id, conversation.platform, conversation.name, conversation.kind.value, conversation.owner),
        )
        number = self._connection.execute("SELECT n FROM conversations WHERE id = ?", (conversation.id,)).fetchone()[0]
        known = self._chats.get(conversation.id)
        self._chats[conversation.id] = _Chat(conversation, number, known.rows if known else [])

    def _speaker(self, conversation: Conversation, message: Message, milliseconds: int) -> _Speaker:
        key = (conversation.id, message.sender)
        speaker = self._speakers.get(key)
        if speaker is None:
            speaker = self._speakers[key] = self._load_speaker(person_id(conversation, message.sender), message, milliseconds)
        name = message.sender_name
        if name not in speaker.names:
            self._connection.execute("INSERT OR IGNORE INTO names VALUES (?, ?)", (speaker.number, name))
            speaker.names.add(name)
        if milliseconds >= speaker.last_seen:
            speaker.last_seen, speaker.is_stale = milliseconds, True
            speaker.name = name or speaker.name
        return speaker

    def _load_speaker(self, person: str, message: Message, milliseconds: int) -> _Speaker:
        self._connection.execute(
            "INSERT OR IGNORE INTO people(id, name, last_seen) VALUES (?, ?, ?)", (person, message.sender_name, milliseconds)
        )
        number, name, last_seen = self._connection.execute("SELECT n, name, last_seen FROM people WHERE id = ?", (person,)).fetchone()
        names = {row[0] for row in self._connection.execute("SELECT name FROM names WHERE person = ?", (number,))}
        return _Speaker(number, name, last_seen, names)

    def _flush(self) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for chat in self._chats.values():
                if not chat.rows:
                    continue
                added = connection.executemany(_INSERT, chat.rows).rowcount
                if added:
                    connection.execute("UPDATE conversations SET revision = revision + 1 WHERE n = ?", (chat.number,))
                self._added += added
                chat.rows.clear()
            stale = [speaker for speaker in self._speakers.values() if speaker.is_stale]
            connection.executemany(
                "UPDATE people SET name = ?1, last_seen = ?2 WHERE n = ?3 AND last_seen <= ?2",
                [(speaker.name, speaker.last_seen, speaker.number) for speaker in stale],
            )
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        for speaker in stale:
            speaker.is_stale = False
        self._waiting = 0

    def _owners(self) -> frozenset[str]:
        """Who the exports call the owner; known from now on even where they never said a word."""
        chats = (chat.conversation for chat in self._chats.values())
        owners = frozenset(person_id(conversation, conversation.owner) for conversation in chats if conversation.owner is not None)
        self._connection.executemany(
            "INSERT OR IGNORE INTO people(id, name, last_seen) VALUES (?, '', ?)", [(owner, _NEVER) for owner in sorted(owners)]
        )
        return owners
