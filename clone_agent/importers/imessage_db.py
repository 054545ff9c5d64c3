"""Messages on macOS and iOS: `chat.db`, `sms.db` (also `3d0d7e5fb2ce288813306e4d4636395e047a3d28` of an unencrypted backup).

    message      guid, text, attributedBody, handle_id, is_from_me, date, item_type, associated_message_type, thread_originator_guid …
    handle       ROWID, id (number or mail)
    chat         ROWID, chat_identifier, display_name, style (43 a group, 45 two people)
    chat_message_join (chat_id, message_id)    chat_handle_join (chat_id, handle_id)
    attachment   ROWID, transfer_name, filename, mime_type      message_attachment_join (message_id, attachment_id)

`date` is nanoseconds since 2001-01-01 UTC, seconds before macOS 10.13. Where `text` is NULL the words are in `attributedBody`
(`typedstream`); an edited message holds its last words there. `associated_message_type` 1000 is a sticker laid on a message, 2000 to 2999 a
reaction, 3000 to 3999 a reaction taken back. `item_type` other than 0 is the program's. The owner is who sent rows with `is_from_me`.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from clone_agent.errors import ExportError
from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.imessage_txt import OWNER, PLATFORM, PROGRAM
from clone_agent.importers.json_fields import file_name
from clone_agent.importers.media import kind_of_file, kind_of_type
from clone_agent.importers.source import Source
from clone_agent.importers.sqlite_files import SQLITE, Table, open_database
from clone_agent.importers.typedstream import text_of
from clone_agent.records import ChatKind, Kind, Skipped

_NAMES = re.compile(r"(?i)(?:chat|sms).*\.db|3d0d7e5fb2ce288813306e4d4636395e047a3d28")
_EPOCH = datetime(2001, 1, 1, tzinfo=UTC)
_NANOSECONDS_FROM = 10**11  # seconds reach this in the year 5138
_GROUP = 43
_STICKER = 1000
_REACTIONS = range(2000, 4000)
_COLUMNS = (
    *("guid", "text", "attributedBody", "handle_id", "is_from_me", "date", "item_type", "associated_message_type"),
    *("thread_originator_guid", "group_title", "is_audio_message", "balloon_bundle_id", "date_retracted", "date_edited"),
)
_BALLOONS = {
    "PeerPayment": Kind.TRANSFER,
    "DigitalTouch": Kind.IMAGE,
    "Handwriting": Kind.IMAGE,
    "findmy": Kind.LOCATION,
    "MSMessageExtension": Kind.CARD,
}
_OBJECT = "\ufffc"
Value = int | float | str | bytes | None


def matches(head: Head) -> bool:
    """A SQLite file with its tables, or with its name where the tables stand farther in."""
    if not head.data.startswith(SQLITE):
        return False
    return b"chat_message_join" in head.data or b"attributedBody" in head.data or _NAMES.fullmatch(head.name) is not None


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row of the table of messages, in the order of time."""
    with closing(open_database(source)) as database:
        try:
            reader = _Reader(database, source, options)
        except sqlite3.Error as cause:
            raise ExportError(f"{source.name} is a damaged database.", remedy="Copy it again, together with its -wal file.") from cause
        yield from reader.rows()


@dataclass(slots=True)
class _Directory:
    """People, chats and files by the number of their row."""

    handles: dict[int, str] = field(default_factory=dict)
    chats: dict[int, tuple[str, str, ChatKind]] = field(default_factory=dict)  # identifier, name, kind
    files: dict[int, tuple[str, str]] = field(default_factory=dict)  # name, type

    @classmethod
    def of(cls, database: sqlite3.Connection) -> "_Directory":
        found = cls()
        for number, identifier in _rows(database, "handle", "ROWID", "id"):
            found.handles[_int(number)] = _text(identifier)
        for number, identifier, name, style in _rows(database, "chat", "ROWID", "chat_identifier", "display_name", "style"):
            kind = ChatKind.GROUP if style == _GROUP else ChatKind.PRIVATE
            found.chats[_int(number)] = (_text(identifier), _text(name), kind)
        for number, name, path, told in _rows(database, "attachment", "ROWID", "transfer_name", "filename", "mime_type"):
            found.files[_int(number)] = (_text(name) or file_name(_text(path)), _text(told))
        return found


class _Reader:
    """Reads one database."""

    def __init__(self, database: sqlite3.Connection, source: Source, options: ReadOptions) -> None:
        self._database = database
        self._source = source
        self._zone = options.timezone
        self._messages = Table.of(database, "message")
        self._directory = _Directory.of(database)
        self._has_joins = Table.of(database, "chat_message_join") is not None
        self._has_files = Table.of(database, "message_attachment_join") is not None
        self._chats: dict[str, Chat] = {}

    def rows(self) -> Iterator[Record]:
        """Every row as a message or a `Skipped`."""
        if self._messages is None:
            return
        known = self._messages.columns
        wanted = ", ".join(f'm."{column}"' if column in known else "NULL" for column in _COLUMNS)
        chat, join = ("j.chat_id", "LEFT JOIN chat_message_join j ON j.message_id = m.ROWID") if self._has_joins else ("NULL", "")
        query = f"SELECT m.ROWID, {chat}, {wanted} FROM message m {join} ORDER BY m.date, m.ROWID"  # noqa: S608  names are our own
        try:
            for number, chat_number, *values in self._database.execute(query):
                yield from self._row(number, chat_number, dict(zip(_COLUMNS, values, strict=True)))
        except sqlite3.Error:
            yield Skipped(source=f"{self._source.name}/message", reason="damaged, cannot be decoded")

    def _row(self, number: int, chat_number: int | None, row: Mapping[str, Value]) -> Iterator[Record]:
        place = f"{self._source.name}/message#{number}"
        sent_at = self._time(row["date"])
        if sent_at is None:
            yield Skipped(source=place, reason="no time stamp")
            return
        if _int(row["associated_message_type"]) in _REACTIONS:
            yield Skipped(source=place, reason="a reaction")
            return
        handle = self._directory.handles.get(_int(row["handle_id"]), "")
        chat = self._chat(chat_number, handle)
        is_own = bool(_int(row["is_from_me"]))
        if is_own:
            chat.learn_owner(named(OWNER))
        if _int(row["item_type"]):
            yield from chat.add(
                Bubble(
                    sender=named(PROGRAM),
                    sender_name=PROGRAM,
                    sent_at=sent_at,
                    kind=Kind.SYSTEM,
                    text=_text(row["group_title"]),
                    source_id=_text(row["guid"]) or None,
                    source=place,
                )
            )
            return
        files = self._files(number)
        words = _words(row)
        target = _text(row["thread_originator_guid"]) or None
        yield from chat.add(
            Bubble(
                sender=named(OWNER) if is_own else handle or named("unknown"),
                sender_name=OWNER if is_own else handle,
                sent_at=sent_at,
                kind=_kind(row, words, files, is_reply=target is not None),
                text=words,
                reply_to=target,
                source_id=_text(row["guid"]) or None,
                attachments=tuple(name for name, _ in files if name),
                source=place,
            )
        )

    def _time(self, written: Value) -> datetime | None:
        if not isinstance(written, int) or written <= 0:
            return None
        seconds, rest = divmod(written, 10**9) if written >= _NANOSECONDS_FROM else (written, 0)
        try:
            return (_EPOCH + timedelta(seconds=seconds, microseconds=rest // 1000)).astimezone(self._zone)
        except OverflowError:
            return None

    def _files(self, number: int) -> list[tuple[str, str]]:
        if not self._has_files:
            return []
        query = "SELECT attachment_id FROM message_attachment_join WHERE message_id = ?"
        return [self._directory.files.get(_int(one), ("", "")) for (one,) in self._database.execute(query, (number,))]

    def _chat(self, number: int | None, handle: str) -> Chat:
        identifier, name, kind = self._directory.chats.get(number or 0, (handle or "unknown", "", ChatKind.PRIVATE))
        if identifier not in self._chats:
            shown = name or (identifier if kind is ChatKind.PRIVATE else "")
            self._chats[identifier] = Chat(PLATFORM, chat_id(PLATFORM, identifier), name=shown, kind=kind)
        return self._chats[identifier]


def _words(row: Mapping[str, Value]) -> str:
    """Own words, without the signs that stand for files."""
    written, body = _text(row["text"]), row["attributedBody"]
    if not written.strip() and isinstance(body, bytes):
        written = text_of(body) or ""
    return written.replace(_OBJECT, "").strip()


def _kind(row: Mapping[str, Value], words: str, files: list[tuple[str, str]], *, is_reply: bool) -> Kind:
    if _int(row["date_retracted"]) or (not words and not files and _int(row["date_edited"])):
        return Kind.RECALL
    if words:
        return Kind.REPLY if is_reply else Kind.TEXT
    if _int(row["is_audio_message"]):
        return Kind.VOICE
    if _int(row["associated_message_type"]) == _STICKER:
        return Kind.STICKER
    balloon = _text(row["balloon_bundle_id"])
    if (told := next((kind for part, kind in _BALLOONS.items() if part in balloon), None)) is not None:
        return told
    if not files:
        return Kind.UNKNOWN
    name, told_type = files[0]
    return kind_of_type(told_type) if told_type else kind_of_file(name)


def _rows(database: sqlite3.Connection, name: str, *columns: str) -> Iterator[tuple[Value, ...]]:
    """The rows of a table that may be missing; ROWID is no column that a table lists."""
    table = Table.of(database, name)
    if table is not None:
        wanted = ", ".join(f'"{one}"' if one == "ROWID" or one in table.columns else "NULL" for one in columns)
        yield from database.execute(f'SELECT {wanted} FROM "{name}"')  # noqa: S608  names are our own


def _text(value: Value) -> str:
    return value if isinstance(value, str) else "" if value is None or isinstance(value, bytes) else str(value)


def _int(value: Value) -> int:
    return value if isinstance(value, int) else 0
