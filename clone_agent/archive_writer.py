"""Writing an import into the archive: batches, people, names, counts.

A batch is one transaction, so a killed import keeps every batch it finished and a second run adds the rest.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from clone_agent.archive_matching import Matcher, Place
from clone_agent.archive_schema import Row, second_of
from clone_agent.message_ids import IMPOSSIBLE, is_possible
from clone_agent.message_ids import second_of as second_of_moment
from clone_agent.records import Conversation, Message, Skipped
from clone_agent.sessions import person_id
from clone_agent.tombstones import Tombstones

BATCH = 5_000
_NO_OFFSET = timedelta()
_NEVER = -(2**62)
_FORGOTTEN = -1  # the number of a conversation that the user had forgotten as a whole
_INSERT = "INSERT OR IGNORE INTO messages VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_MOST_HELD = 200  # rows of one second that wait for the next batch


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import brought."""

    messages: int  # read, repeats of stored ones included
    added: int
    skipped: dict[str, int]  # reason -> how many
    conversations: tuple[str, ...]  # ids of those that were met
    forgotten: int = 0  # left out because the user had them forgotten
    matched: int = 0  # among the repeats: stored before from another exporter, under another id
    owners: frozenset[str] = frozenset()  # person ids that the exports themselves call the owner
    first: datetime | None = None  # when the earliest message that was read was sent; None where there was none
    last: datetime | None = None  # when the latest was


@dataclass(slots=True)
class _Chat:
    """A conversation that is being written."""

    conversation: Conversation
    place: Place
    rows: list[Row] = field(default_factory=list)


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

    def __init__(self, connection: sqlite3.Connection, *, are_times_right: bool = False) -> None:
        self._connection = connection
        self._chats: dict[str, _Chat] = {}
        self._speakers: dict[tuple[str, str], _Speaker] = {}
        self._skipped: Counter[str] = Counter()
        self._matcher = Matcher(connection, are_times_right=are_times_right)
        tombstones = Tombstones(connection)
        self._tombstones = None if tombstones.are_empty else tombstones
        self._first: tuple[int, datetime] | None = None  # milliseconds since 1970, and the same in its zone
        self._last: tuple[int, datetime] | None = None
        self._messages = self._added = self._forgotten = self._waiting = 0

    def write(
        self, records: Iterable[Conversation | Message | Skipped], *, source: str, on_record: Callable[[int], None] | None
    ) -> ImportReport:
        """Store the records; see `Archive.add`."""
        try:
            self._store(records, on_record)
        except BaseException:
            self._drop_begun()
            raise
        if self._forgotten:
            self._drop_begun()
        report = ImportReport(
            messages=self._messages,
            added=self._added,
            skipped=dict(self._skipped),
            conversations=self._conversations(),
            forgotten=self._forgotten,
            matched=self._matcher.matched,
            owners=self._owners(),
            first=self._first[1] if self._first else None,
            last=self._last[1] if self._last else None,
        )
        if source:
            self._note_import(source, report)
        return report

    def _store(self, records: Iterable[Conversation | Message | Skipped], on_record: Callable[[int], None] | None) -> None:
        for seen, record in enumerate(records, start=1):
            if isinstance(record, Message):
                self._take(record)
            elif isinstance(record, Conversation):
                self._meet(record)
            else:
                self._skipped[record.reason] += 1
            if on_record is not None and seen % 2_000 == 0:
                on_record(seen)
        self._flush(is_last=True)

    def _drop_begun(self) -> None:
        """Take back the chats that the import has begun and put nothing into: it failed, or all of theirs was forgotten."""
        numbers = json.dumps([chat.place.number for chat in self._chats.values()])
        with suppress(sqlite3.Error):  # a full disk: the import's own error says so
            self._connection.execute(
                "DELETE FROM conversations WHERE n IN (SELECT value FROM json_each(?))"
                " AND NOT EXISTS (SELECT 1 FROM messages WHERE conversation = conversations.n)",
                (numbers,),
            )

    def _note_import(self, source: str, report: ImportReport) -> None:
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

    def _take(self, message: Message) -> None:
        sent_at = message.sent_at
        second = second_of_moment(sent_at)
        if not is_possible(second):
            self._skipped[IMPOSSIBLE] += 1
            return
        self._messages += 1
        chat = self._chats[message.conversation]
        offset = sent_at.utcoffset() or _NO_OFFSET
        milliseconds = second * 1000 + sent_at.microsecond // 1000  # rounded up it might fall into another second than its id says
        if self._first is None or milliseconds < self._first[0]:
            self._first = (milliseconds, sent_at)
        if self._last is None or milliseconds > self._last[0]:
            self._last = (milliseconds, sent_at)
        if self._tombstones is not None and (
            chat.place.number == _FORGOTTEN or self._is_forgotten(chat.conversation, message, milliseconds)
        ):
            self._forgotten += 1
            return
        if chat.place.zone is None:
            chat.place.zone = sent_at.tzinfo
        speaker = self._speaker(chat.conversation, message, milliseconds)
        chat.rows.append(
            (
                message.id,
                chat.place.number,
                speaker.number,
                message.sender,
                message.sender_name,
                milliseconds,
                offset.days * 1440 + offset.seconds // 60,
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
        known = self._chats.get(conversation.id)
        if known is not None:
            known.conversation = conversation
            self._tell(conversation, known.place.number)
            return
        if self._tombstones is not None and self._tombstones.holds_chat(conversation.id):
            self._chats[conversation.id] = _Chat(conversation, Place(conversation, _FORGOTTEN, 0, is_known=False))
            return
        self._flush()
        alias = self._connection.execute("SELECT conversation FROM chat_aliases WHERE id = ?", (conversation.id,)).fetchone()
        if alias is None:
            self._connection.execute(
                "INSERT OR IGNORE INTO conversations(id, platform, name, kind, owner) VALUES (?, ?, ?, ?, ?)",
                (conversation.id, conversation.platform, conversation.name, conversation.kind.value, conversation.owner),
            )
        find = "SELECT n FROM conversations WHERE id = ?"
        number = alias[0] if alias is not None else self._connection.execute(find, (conversation.id,)).fetchone()[0]
        self._tell(conversation, number)
        self._chats[conversation.id] = _Chat(conversation, self._matcher.meet(conversation, number, is_alias=alias is not None))

    def _tell(self, conversation: Conversation, number: int) -> None:
        """Keep what is told of a conversation; of one that has another id here, only what was not known."""
        self._connection.execute(
            "UPDATE conversations SET name = coalesce(nullif(CASE WHEN id = ?1 THEN ?2 ELSE name END, ''), nullif(name, ''), ?2),"
            " kind = CASE WHEN id = ?1 THEN ?3 ELSE kind END, owner = CASE WHEN id = ?1 THEN coalesce(?4, owner) ELSE owner END"
            " WHERE n = ?5",
            (conversation.id, conversation.name, conversation.kind.value, conversation.owner, number),
        )

    def _conversations(self) -> tuple[str, ...]:
        """The ids of the stored conversations that were met."""
        numbers = json.dumps([chat.place.number for chat in self._chats.values()])
        rows = self._connection.execute("SELECT DISTINCT c.id FROM json_each(?) w JOIN conversations c ON c.n = w.value", (numbers,))
        return tuple(row[0] for row in rows)

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

    def _flush(self, *, is_last: bool = False) -> None:
        connection = self._connection
        if not self._waiting and not is_last:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            waiting = [self._write_chat(chat, is_last=is_last) for chat in self._chats.values() if chat.rows]
            stale = [speaker for speaker in self._speakers.values() if speaker.is_stale]
            connection.executemany(
                "UPDATE people SET name = ?1, last_seen = ?2 WHERE n = ?3 AND last_seen <= ?2",
                [(speaker.name, speaker.last_seen, speaker.number) for speaker in stale],
            )
            if is_last:
                self._matcher.finish()
        except BaseException:
            connection.rollback()  # nothing to do where SQLite has taken it back by itself, as when the disk is full
            raise
        connection.execute("COMMIT")
        for speaker in stale:
            speaker.is_stale = False
        self._waiting = sum(waiting)

    def _write_chat(self, chat: _Chat, *, is_last: bool) -> int:
        """Store a chat's rows and say how many of them wait for the next batch: those of one second are matched together."""
        ready = len(chat.rows)
        if chat.place.is_known and not is_last:
            second = second_of(chat.rows[-1])
            ready -= sum(1 for _ in takewhile(lambda row: second_of(row) == second, reversed(chat.rows[-_MOST_HELD:])))
        rows, held = chat.rows[:ready], chat.rows[ready:]
        added = self._connection.executemany(_INSERT, self._matcher.fresh(chat.place, rows)).rowcount if rows else 0
        if added > 0:
            self._connection.execute("UPDATE conversations SET revision = revision + 1 WHERE n = ?", (chat.place.number,))
        self._added += max(added, 0)
        chat.rows = held
        return len(held)

    def _owners(self) -> frozenset[str]:
        """Who the exports call the owner; known from now on even where they never said a word."""
        chats = (chat.conversation for chat in self._chats.values())
        owners = frozenset(person_id(conversation, conversation.owner) for conversation in chats if conversation.owner is not None)
        self._connection.executemany(
            "INSERT OR IGNORE INTO people(id, name, last_seen) VALUES (?, '', ?)", [(owner, _NEVER) for owner in sorted(owners)]
        )
        return owners
