"""The archive: one SQLite file that holds every imported message and is the source of truth.

Imports stream, are idempotent (a message's id is made of what it says, so the same message is stored once however often and in whatever
format it comes) and are committed in batches. The lexical index and the copies of the vectors live in the same file but belong to
`memory`. Times are kept as milliseconds since 1970 in UTC with the offset of the place in minutes.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path, PurePath

from clone_agent.archive_people import BY_USER, Person, join, list_people, set_owner, undo_join
from clone_agent.archive_schema import STEPS
from clone_agent.archive_writer import ArchiveWriter, ImportReport
from clone_agent.errors import StoreError
from clone_agent.home import DataHome
from clone_agent.migrations import migrate
from clone_agent.persona import persona_of
from clone_agent.records import ChatKind, Conversation, Kind, Message, Persona, Session, Skipped
from clone_agent.sessions import SESSION_GAP, sessions
from clone_agent.storage import storage_error

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_LINE = 2**63 - 1  # SQLite's largest number; an id may consist of digits alone, and is no line
_COLUMNS = (
    "messages.id, sender, sender_name, sent_at, utc_offset, messages.kind, text, quoted, reply_to, source_id, mentions, attachments, source"
)

# Everybody who speaks in a conversation, with the account (p) and the account that stands for the person (main).
_SPEAKERS = (
    "FROM (SELECT DISTINCT sender, person FROM messages WHERE conversation = (SELECT n FROM conversations WHERE id = ?)) m"
    " JOIN people p ON p.n = m.person JOIN people main ON main.n = coalesce(p.main, p.n)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationInfo:
    """A conversation with what the archive holds of it."""

    conversation: Conversation
    messages: int
    revision: int  # rises whenever its messages change
    first: datetime | None  # in the zone in which it was sent; None: there is no message
    last: datetime | None


@dataclass(slots=True)
class _Names:
    """Display names, with namesakes in one chat told apart."""

    by_sender: dict[tuple[str, str], str] = field(default_factory=dict)  # conversation, `Message.sender`
    by_person: dict[tuple[str, str], str] = field(default_factory=dict)  # conversation, person id


class Archive:
    """Everything that was imported. Open it with `Archive.open`, close it or use it in a `with` block."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._names = _Names()

    @classmethod
    def open(cls, home: Path, *, create: bool = False) -> "Archive":
        """Open the archive of a data home.

        Raises:
            NoHomeError: there is none and `create` is False.
            StoreError: the file is damaged or newer than this program.
        """
        place = DataHome(home)
        (place.create if create else place.require)()
        try:
            connection = sqlite3.connect(place.archive, isolation_level=None, check_same_thread=False)
            try:
                for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON", "cache_size=-65536", "busy_timeout=5000"):
                    connection.execute(f"PRAGMA {pragma}")
                migrate(connection, "archive", STEPS)
                place.archive.chmod(0o600)
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as cause:
            raise storage_error(cause) or StoreError(
                f"{place.archive} cannot be opened ({cause}).",
                remedy="Restore it from a copy, or move it away and import the exports again.",
            ) from cause
        return cls(connection)

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def add(
        self,
        records: Iterable[Conversation | Message | Skipped],
        *,
        source: str = "",
        on_record: Callable[[int], None] | None = None,
        are_times_right: bool = False,
    ) -> ImportReport:
        """Store a reader's records; what is there already is left alone.

        Args:
            records: what an importer yields. A message's conversation comes before it.
            source: name of the export, kept in the list of imports; "": no export, not listed.
            on_record: called now and then with the number of records seen.
            are_times_right: where a chat is stored with all its times hours away, read in another zone, move what is stored.

        Raises:
            ExportError: a chat is stored so, and `are_times_right` is False.
        """
        self._names = _Names()
        report = ArchiveWriter(self.connection, are_times_right=are_times_right).write(records, source=source, on_record=on_record)
        known = self.owner_ids()
        if not report.owners <= known:
            self.set_owner(known | report.owners)
        return report

    def conversations(self) -> list[ConversationInfo]:
        """Every conversation, the one with most messages first."""
        rows = self.connection.execute(
            "SELECT c.id, c.platform, c.name, c.kind, c.owner, c.revision, count(m.n), min(m.sent_at), max(m.sent_at),"
            " (SELECT utc_offset FROM messages WHERE conversation = c.n ORDER BY sent_at, n LIMIT 1),"
            " (SELECT utc_offset FROM messages WHERE conversation = c.n ORDER BY sent_at DESC, n DESC LIMIT 1)"
            " FROM conversations c LEFT JOIN messages m ON m.conversation = c.n GROUP BY c.n ORDER BY count(m.n) DESC, c.n"
        )
        return [
            ConversationInfo(
                conversation=Conversation(id=row[0], platform=row[1], name=row[2], kind=ChatKind(row[3]), owner=row[4]),
                revision=row[5],
                messages=row[6],
                first=None if row[7] is None else _moment(row[7], row[9]),
                last=None if row[8] is None else _moment(row[8], row[10]),
            )
            for row in rows
        ]

    def conversation(self, conversation_id: str) -> Conversation:
        """One conversation by its id.

        Raises:
            KeyError: there is none.
        """
        row = self.connection.execute("SELECT platform, name, kind, owner FROM conversations WHERE id = ?", (conversation_id,)).fetchone()
        if row is None:
            raise KeyError(conversation_id)
        return Conversation(id=conversation_id, platform=row[0], name=row[1], kind=ChatKind(row[2]), owner=row[3])

    def revision(self, conversation_id: str) -> int:
        """A number that rises whenever the messages of a conversation change; 0 for one that is not there."""
        row = self.connection.execute("SELECT revision FROM conversations WHERE id = ?", (conversation_id,)).fetchone()
        return 0 if row is None else int(row[0])

    def people(self) -> list[Person]:
        """Everybody who speaks, the most talkative first; accounts that were joined are one person."""
        return list_people(self.connection)

    def join_people(self, person_ids: Sequence[str], *, reason: str = BY_USER) -> Person:
        """Make one person of several; see `clone_agent.archive_people.join`."""
        self._names = _Names()
        return join(self.connection, person_ids, reason=reason)

    def undo_join(self) -> tuple[Person, ...]:
        """Take the latest join back; see `clone_agent.archive_people.undo_join`."""
        self._names = _Names()
        return undo_join(self.connection)

    def set_owner(self, person_ids: Iterable[str]) -> None:
        """Say which people are the owner; everybody else is not."""
        set_owner(self.connection, person_ids)

    def owner_ids(self) -> frozenset[str]:
        """Ids of the owner's accounts; empty while nobody knows who that is."""
        return frozenset(row[0] for row in self.connection.execute("SELECT id FROM people WHERE is_owner"))

    def owner_in(self, conversation: str) -> str | None:
        """`Message.sender` of the owner in a conversation, the one with most messages; None where they say nothing."""
        row = self.connection.execute(
            "SELECT m.sender FROM messages m JOIN people p ON p.n = m.person WHERE p.is_owner AND m.conversation ="
            " (SELECT n FROM conversations WHERE id = ?) GROUP BY m.sender ORDER BY count(*) DESC LIMIT 1",
            (conversation,),
        ).fetchone()
        return None if row is None else str(row[0])

    def senders(self, conversation: str) -> list[tuple[str, str]]:
        """Every `Message.sender` of a conversation with the latest name of the account."""
        rows = self.connection.execute(f"SELECT m.sender, p.name {_SPEAKERS} ORDER BY m.sender", (conversation,))
        return [(sender, name) for sender, name in rows]

    def persona(self) -> Persona:
        """The owner's name and the language of most of their words."""
        names = self.connection.execute("SELECT name FROM people WHERE is_owner ORDER BY last_seen DESC LIMIT 1").fetchone()
        texts = self.connection.execute(
            "SELECT text FROM messages WHERE person IN (SELECT n FROM people WHERE is_owner) AND text != '' ORDER BY n DESC LIMIT 500"
        )
        return persona_of(self.fact("owner_name") or (names[0] if names else ""), (row[0] for row in texts))

    def fact(self, name: str) -> str | None:
        """A single value that was kept with `keep_fact`."""
        row = self.connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def keep_fact(self, name: str, value: str) -> None:
        """Keep a single value, such as the name that the owner goes by."""
        self.connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def messages(self, conversation: str) -> Iterator[Message]:
        """A conversation's messages in time order, equal times in file order."""
        rows = self.connection.execute(
            f"SELECT {_COLUMNS} FROM messages WHERE conversation = (SELECT n FROM conversations WHERE id = ?) ORDER BY sent_at, n",  # noqa: S608
            (conversation,),
        )
        for row in rows:
            yield _message(row, conversation)

    def sessions(self, conversation: str, *, gap: timedelta = SESSION_GAP) -> Iterator[Session]:
        """A conversation cut into sessions of turns (see `clone_agent.sessions`)."""
        yield from sessions(
            self.messages(conversation),
            conversation=self.conversation(conversation),
            owner=self.owner_ids(),
            name_of=lambda message: self.display_name(conversation, message.sender),
            person_of=self.speakers(conversation).__getitem__,
            gap=gap,
        )

    def said_by(self, person_ids: Sequence[str]) -> Iterator[Message]:
        """Everything that these accounts said, in any conversation."""
        rows = self.connection.execute(
            f"SELECT {_COLUMNS}, c.id FROM messages JOIN conversations c ON c.n = messages.conversation"  # noqa: S608
            " WHERE person IN (SELECT n FROM people WHERE id IN (SELECT value FROM json_each(?)))",
            (json.dumps(list(person_ids)),),
        )
        for row in rows:
            yield _message(row[:-1], row[-1])

    def messages_by_id(self, ids: Sequence[str]) -> list[Message]:
        """The messages with these ids that are still there, in the order asked for."""
        rows = self.connection.execute(
            f"SELECT {_COLUMNS}, c.id FROM json_each(?) wanted JOIN messages ON messages.id = wanted.value"  # noqa: S608
            " JOIN conversations c ON c.n = messages.conversation ORDER BY wanted.key",
            (json.dumps(list(ids)),),
        )
        return [_message(row[:-1], row[-1]) for row in rows]

    def find_message(self, key: str) -> Message | None:
        """The message with this id, or the one that stands at this place of its export (`chat.txt:120`).

        A line inside a message counts as the message; of a path, the file's name counts.
        """
        file, _, line = key.rpartition(":")
        file = f"{PurePath(file).name}:"
        row = self.connection.execute(
            "SELECT id, 0 FROM messages WHERE id = ?1 UNION ALL SELECT id, 0 FROM messages WHERE source = ?1 UNION ALL"
            " SELECT id, line FROM (SELECT id, source, substr(source, length(?2) + 1) + 0 AS line FROM messages"
            " WHERE substr(source, 1, length(?2)) = ?2 AND substr(source, length(?2) + 1) NOT GLOB '*[^0-9]*')"
            " WHERE line <= ?3 ORDER BY 2 DESC LIMIT 1",
            (key, file, min(int(line.lstrip("0")[:19] or 0), _LAST_LINE) if line.isascii() and line.isdigit() else 0),
        ).fetchone()
        found = self.messages_by_id([row[0]]) if row else []
        return found[0] if found else None

    def around(self, message_id: str, *, before: int = 3, after: int = 3) -> list[Message]:
        """A message with its neighbours in the same conversation, in time order; empty when it is gone."""
        found = self.connection.execute(
            "SELECT m.conversation, m.sent_at, m.n, c.id FROM messages m JOIN conversations c ON c.n = m.conversation WHERE m.id = ?",
            (message_id,),
        ).fetchone()
        if found is None:
            return []
        chat, sent_at, n, conversation = found
        earlier = self.connection.execute(
            f"SELECT {_COLUMNS} FROM messages WHERE conversation = ? AND (sent_at, n) < (?, ?) ORDER BY sent_at DESC, n DESC LIMIT ?",  # noqa: S608
            (chat, sent_at, n, before),
        ).fetchall()
        later = self.connection.execute(
            f"SELECT {_COLUMNS} FROM messages WHERE conversation = ? AND (sent_at, n) >= (?, ?) ORDER BY sent_at, n LIMIT ?",  # noqa: S608
            (chat, sent_at, n, after + 1),
        ).fetchall()
        return [_message(row, conversation) for row in [*reversed(earlier), *later]]

    def display_name(self, conversation: str, sender: str) -> str:
        """The latest name of a sender; namesakes in one chat carry the end of their number."""
        key = (conversation, sender)
        if key not in self._names.by_sender:
            self._name_chat(conversation)
        return self._names.by_sender.get(key, sender.removeprefix("name:"))

    def person_name(self, conversation: str, person: str) -> str:
        """The same for the id of a person or account."""
        key = (conversation, person)
        if key not in self._names.by_person:
            self._name_chat(conversation)
        return self._names.by_person.get(key, person.rpartition(":")[2])

    def speakers(self, conversation: str) -> dict[str, str]:
        """`Message.sender` to person id."""
        rows = self.connection.execute(
            f"SELECT m.sender, main.id {_SPEAKERS}",
            (conversation,),
        )
        return dict(rows)

    def _name_chat(self, conversation: str) -> None:
        rows = self.connection.execute(
            "SELECT m.sender, p.id, main.id, main.is_owner, (SELECT name FROM people one WHERE one.n = main.n OR one.main = main.n"  # noqa: S608
            f" ORDER BY name = '', last_seen DESC LIMIT 1) {_SPEAKERS}",
            (conversation,),
        ).fetchall()
        owner_name = self.fact("owner_name")
        shown = {main: owner_name if is_owner and owner_name else name for _, _, main, is_owner, name in rows}
        bearers = Counter(shown.values())
        for sender, account, main, _, _ in rows:
            name = shown[main] if bearers[shown[main]] == 1 else f"{shown[main]}({main[-4:]})"
            self._names.by_sender[conversation, sender] = name
            self._names.by_person[conversation, main] = self._names.by_person[conversation, account] = name


@lru_cache(maxsize=256)
def _zone(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes))


def _moment(milliseconds: int, offset: int) -> datetime:
    """When something was sent: milliseconds since 1970 in UTC, shown `offset` minutes east of Greenwich."""
    return (_EPOCH + timedelta(milliseconds=milliseconds)).astimezone(_zone(offset))


def _message(row: Sequence[str | int | None], conversation: str) -> Message:
    message_id, sender, sender_name, sent_at, offset, kind, text, quoted, reply_to, source_id, mentions, attachments, source = row
    assert isinstance(sent_at, int)
    assert isinstance(offset, int)
    return Message(
        id=str(message_id),
        conversation=conversation,
        sender=str(sender),
        sender_name=str(sender_name),
        sent_at=_moment(sent_at, offset),
        kind=Kind(str(kind)),
        text=str(text),
        quoted=str(quoted),
        reply_to=None if reply_to is None else str(reply_to),
        source_id=None if source_id is None else str(source_id),
        mentions=tuple(json.loads(str(mentions))) if mentions else (),
        attachments=tuple(json.loads(str(attachments))) if attachments else (),
        source=str(source),
    )
