"""QQNT's own database `nt_msg.db`, already decrypted: SQLite, also with the first 1024 bytes of QQ still before it.

    c2c_msg_table, group_msg_table      columns with numbers for names
        40001 id   40003 seq   40013 0 received, 1 and 2 sent, 8 passed on   40020 sender's uid   40021 peer's uid or group's number
        40027, 40030 peer's number   40033 sender's number   40050 seconds   40090 card   40093 nick   40800 body   40850 quoted seq
    nt_uid_mapping_table                48902 uid, 1002 number
    profile_info.db  profile_info_v6    1000 uid, 1002 number, 20002 nick, 20009 remark                 (beside, may be missing)
    group_info.db    group_list         60001 number, 60007 name, 60026 remark
                     group_member3      60001 number, 1000 uid, 64003 card, 20002 nick

`qqnt_elements` tells what a body is. A body may be NULL. The owner is who sent the rows marked as sent. Databases that are still encrypted
(`QQ_NT DB` and no SQLite behind it, `SQLite header 3` of QQ for Windows) are refused.
"""

import re
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from clone_agent.errors import ExportError
from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.qq_pc_blocks import PLATFORM
from clone_agent.importers.qqnt_elements import read_body
from clone_agent.importers.source import Source
from clone_agent.importers.sqlite_files import SQLITE, Table, open_database
from clone_agent.records import ChatKind, Kind, Skipped

HEADER = 1024  # bytes that QQ puts before the database
_QQNT = b"QQ_NT DB"
_OLD_QQ = b"SQLite header 3"
_TABLES = {"c2c_msg_table": ChatKind.PRIVATE, "group_msg_table": ChatKind.GROUP}
_COLUMNS = ("40001", "40003", "40013", "40020", "40021", "40027", "40030", "40033", "40050", "40090", "40093", "40800", "40850")
_OWN_NAMES = re.compile(r"(?i)(?:nt_msg|msg3\.0).*\.db")
_NOBODY = frozenset({"", "0"})  # what stands for a number that is not known
_SENT = frozenset({1, 2})
_PASSED_ON = 8
_REMEMBERED = 20_000  # sequence numbers of one chat, to find the message that a reply means
_REMEDY = "Export the chats with QQ Chat Exporter (JSON) instead; encrypted databases are not read here."
Value = int | float | str | bytes | None


def matches(head: Head) -> bool:
    """QQ's own first bytes, or a SQLite file with its tables."""
    data = head.data
    if _QQNT in data[:HEADER] or data.startswith(_OLD_QQ):
        return True
    is_own = _OWN_NAMES.fullmatch(head.name) is not None
    return data.startswith(SQLITE) and (is_own or b"c2c_msg_table" in data or b"group_msg_table" in data)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row of both tables, each chat in the order of time."""
    with source.open() as stream:
        start = stream.read(HEADER + len(SQLITE))
    skip = 0 if start.startswith(SQLITE) else HEADER
    if not start[skip:].startswith(SQLITE):
        raise ExportError(f"{source.name} is still encrypted.", remedy=_REMEDY)
    with closing(open_database(source, skip=skip)) as database:
        people = _People.of(database, source)
        for name, kind in _TABLES.items():
            table = Table.of(database, name)
            if table is None:
                continue
            reader = _Reader(table, kind, people, source, options.timezone)
            yield from reader.rows()


@dataclass(slots=True)
class _People:
    """Names and numbers of people and groups."""

    numbers: dict[str, str] = field(default_factory=dict)  # uid -> number
    names: dict[str, str] = field(default_factory=dict)  # uid or number -> remark or nick
    groups: dict[str, str] = field(default_factory=dict)
    cards: dict[tuple[str, str], str] = field(default_factory=dict)  # group, uid -> card

    @classmethod
    def of(cls, database: sqlite3.Connection, source: Source) -> "_People":
        people = cls()
        for uid, number in _rows(database, "nt_uid_mapping_table", "48902", "1002"):
            if number not in _NOBODY:
                people.numbers[uid] = number
        with closing(_beside(source, "profile_info.db")) as profiles:
            for uid, number, nick, remark in _rows(profiles, "profile_info_v6", "1000", "1002", "20002", "20009"):
                people.names[uid] = remark or nick
                if number not in _NOBODY:
                    people.names[number] = people.names[uid]
                    people.numbers.setdefault(uid, number)
        with closing(_beside(source, "group_info.db")) as groups:
            for number, name, remark in _rows(groups, "group_list", "60001", "60007", "60026"):
                people.groups[number] = remark or name
            for number, uid, card, nick in _rows(groups, "group_member3", "60001", "1000", "64003", "20002"):
                people.cards[number, uid] = card or nick
        return people


def _beside(source: Source, name: str) -> sqlite3.Connection:
    """A database in the same folder; an empty one where there is none."""
    neighbour = source.parent().inside(name)
    try:
        with neighbour.open() as stream:
            start = stream.read(HEADER + len(SQLITE))
        skip = 0 if start.startswith(SQLITE) else HEADER
        return open_database(neighbour, skip=skip) if start[skip:].startswith(SQLITE) else sqlite3.connect(":memory:")
    except (KeyError, ExportError):
        return sqlite3.connect(":memory:")


def _rows(database: sqlite3.Connection, name: str, *columns: str) -> Iterator[list[str]]:
    """The rows of a table as strings; none where there is no such table, as many as there are before damage."""
    try:
        table = Table.of(database, name)
        for row in table.rows(columns) if table is not None else ():
            yield [_text(value) for value in row]
    except sqlite3.Error:
        return


class _Reader:
    """Reads one table of messages."""

    def __init__(self, table: Table, kind: ChatKind, people: _People, source: Source, zone: ZoneInfo) -> None:
        self._table = table
        self._kind = kind
        self._people = people
        self._source = source
        self._zone = zone
        self._chats: dict[str, Chat] = {}
        self._ids: dict[str, OrderedDict[int, str]] = {}  # chat -> seq -> id
        self._owner = self._find_owner()

    def rows(self) -> Iterator[Record]:
        """Every row as a message or a `Skipped`."""
        number, place = 0, f"{self._source.name}/{self._table.name}#"
        try:
            for values in self._table.rows(_COLUMNS, order=("40050", "40003")):
                number += 1
                row = dict(zip(_COLUMNS, values, strict=True))
                yield from self._row(row, f"{place}{_text(row['40001']) or number}")
        except sqlite3.Error:
            yield Skipped(source=f"{self._source.name}/{self._table.name}", reason="damaged, cannot be decoded")

    def _row(self, row: dict[str, Value], place: str) -> Sequence[Record]:
        sent_at = self._time(row["40050"])
        body = row["40800"]
        if sent_at is None or not isinstance(body, bytes) or not body:
            return (Skipped(source=place, reason="no time stamp" if sent_at is None else "an empty row"),)
        try:
            found = read_body(body)
        except (ValueError, RecursionError):
            return (Skipped(source=place, reason="damaged, cannot be decoded"),)
        peer = self._peer(row)
        is_passed_on = row["40013"] == _PASSED_ON and found.kind in {Kind.TEXT, Kind.REPLY}
        sender, name = self._sender(row, peer) if found.kind is not Kind.SYSTEM else (named("系统消息"), "系统消息")
        source_id = _text(row["40001"]) or None
        known = self._ids.setdefault(peer, OrderedDict())
        target = known.get(row["40850"]) if isinstance(row["40850"], int) and row["40850"] else None
        if isinstance(row["40003"], int) and source_id is not None:
            known[row["40003"]] = source_id
            if len(known) > _REMEMBERED:
                known.popitem(last=False)
        chat = self._chat(peer)
        if found.kind is Kind.TEXT and not (is_passed_on or target or found.quoted or found.attachments):
            return chat.words(sender, name, sent_at, found.text, place, source_id=source_id)
        return chat.add(
            Bubble(
                sender=sender,
                sender_name=name,
                sent_at=sent_at,
                kind=Kind.FORWARD if is_passed_on else found.kind,
                text="" if is_passed_on else found.text,
                quoted=found.text if is_passed_on else found.quoted,
                reply_to=target,
                source_id=source_id,
                attachments=found.attachments,
                source=place,
            )
        )

    def _find_owner(self) -> str | None:
        try:
            for values in self._table.rows(("40013", "40033", "40020")):
                if values[0] in _SENT and (sender := self._number(values[1], values[2])):
                    return sender
        except sqlite3.Error:
            pass
        return None

    def _time(self, seconds: Value) -> datetime | None:
        try:
            return datetime.fromtimestamp(seconds, self._zone) if isinstance(seconds, int) and seconds > 0 else None
        except (ValueError, OverflowError, OSError):
            return None

    def _number(self, number: Value, uid: Value) -> str:
        written = _text(number)
        return written if written not in _NOBODY else self._people.numbers.get(_text(uid), _text(uid))

    def _peer(self, row: dict[str, Value]) -> str:
        if self._kind is ChatKind.GROUP:
            return next((text for key in ("40021", "40027", "40030") if (text := _text(row[key])) not in _NOBODY), "0")
        return self._number(row["40030"], row["40021"]) or "0"

    def _sender(self, row: dict[str, Value], peer: str) -> tuple[str, str]:
        uid, number = _text(row["40020"]), self._number(row["40033"], row["40020"])
        card, nick = _text(row["40090"]), _text(row["40093"])
        known = self._people.names.get(uid) or self._people.names.get(number, "")
        if self._kind is ChatKind.GROUP:
            return number or named("未知"), card or self._people.cards.get((peer, uid), "") or known or nick or number
        return number or named("未知"), known or nick or card or number

    def _chat(self, peer: str) -> Chat:
        if peer not in self._chats:
            names = self._people.groups if self._kind is ChatKind.GROUP else self._people.names
            self._chats[peer] = Chat(
                PLATFORM, f"{PLATFORM}:{self._kind.value}:{peer}", name=names.get(peer, ""), kind=self._kind, owner=self._owner
            )
        return self._chats[peer]


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value).strip()
