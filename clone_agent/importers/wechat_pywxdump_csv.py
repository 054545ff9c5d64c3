r"""PyWxDump's CSV of WeChat, which is WeClone's input too; also WeFlow's "WeClone CSV".

    id,MsgSvrID,type_name,is_sender,talker,room_name,msg,src,CreateTime
    7,4073926741244663531,文本,1,wxid_me,wxid_friend,小马尔代夫,,2024-10-04 11:43:05
    53,1244017411047763227,引用回复,0,wxid_friend,wxid_friend,"我们两个人骑

    [引用](2024-10-04 21:25:04)小虫:租了个大的",,2024-10-04 21:25:30

UTF-8 (WeFlow: with a byte order mark, CRLF, no room_name, times with Z), RFC quoting with line ends inside fields; `csv/<chat>/` holds
files of 5000 rows and a `users.json` with names. `talker` is unreliable in one's own rows (我, or the contact), `is_sender` is not; a
系统通知 may carry is_sender=1 and is nobody's speech. Excel writes `2024/10/4 11:42` and 8.1E+18 for the number of a message.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from zoneinfo import ZoneInfo

from clone_agent.importers.body import Body
from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import MessageIds
from clone_agent.importers.new_message import new_message
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.importers.wechat_bodies import read_body, read_old_quote
from clone_agent.importers.wechat_csv import columns_of, read_rows
from clone_agent.importers.wechat_kinds import kind_of_name
from clone_agent.message_ids import second_of
from clone_agent.records import ChatKind, Conversation, Kind, Skipped

PLATFORM = "wechat"
_NEEDED = ("MsgSvrID", "type_name", "is_sender", "talker", "msg", "CreateTime")
_ROW_START = re.compile(r"\"?\d+\"?,\"?[\d.+E]*\"?,\"?[^,\"\n]{1,24}\"?,\"?[01]\"?,")
_LOOK_AHEAD = 2000
_LEAST = 7  # cells of a row: WeFlow has eight columns, and the last may be missing
_SYSTEM = "name:系统消息"
_OWNER = "name:我"
_QUOTE = re.compile(r"(?P<own>.*?)\s*\[引用\]\((?P<time>[^()\n]{8,25})\)(?P<name>[^:：\n]{0,60})[:：](?P<quoted>.*)", re.S)
_TAG = re.compile(r"<[^<>]{1,200}>")
_MENTION = re.compile(r"@([^\s@]{1,40})\u2005")


def matches(head: Head) -> bool:
    """The header line."""
    columns = columns_of(head.text)
    return all(name in columns for name in _NEEDED)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row; one conversation for each `room_name`."""
    yield from read_messages(_rows(source), source, options)


def read_messages(rows: Iterator["Row | Skipped"], source: Source, options: ReadOptions) -> Iterator[Record]:
    """The messages of rows, of which the first ones tell who is who."""
    ahead = list(islice(rows, _LOOK_AHEAD))
    reader = RowReader(source, options.timezone, [row for row in ahead if isinstance(row, Row)])
    for row in chain(ahead, rows):
        if isinstance(row, Skipped):
            yield row
        else:
            yield from reader.message(row)


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands."""

    source: str
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    @property
    def is_own(self) -> bool:
        """Whether the owner sent it."""
        return self["is_sender"].strip() == "1"

    @property
    def is_program(self) -> bool:
        """Whether it is a notice of WeChat's."""
        return kind_of_name(self["type_name"]) is Kind.SYSTEM


def _rows(source: Source) -> Iterator[Row | Skipped]:
    for row in read_rows(source, start=_ROW_START, least=_LEAST):
        yield row if isinstance(row, Skipped) else Row(row.source, row.cells)


class RowReader:
    """Rows to messages, with what the first rows tell about who is who. PyWxDump's JSON has the same rows."""

    def __init__(self, source: Source, zone: ZoneInfo, ahead: list[Row]) -> None:
        self._zone = zone
        self._names = _names(source)
        rooms = {row["room_name"].strip() for row in ahead} - {""}
        own = Counter(row["talker"].strip() for row in ahead if row.is_own and row["talker"].strip() not in {"", "我", *rooms})
        others = Counter(row["talker"].strip() for row in ahead if not row.is_own and row["talker"].strip() and not row.is_program)
        if not rooms:
            for name in others:
                del own[name]
        self._owner = _identity(own.most_common(1)[0][0]) if own else _OWNER
        self._room = next(iter(others)) if len(others) == 1 else source.stem  # of rows without a room
        self._people: dict[str, set[str]] = {}
        for row in ahead:
            if not row.is_own and not row.is_program and row["talker"].strip() not in {self._owner, ""}:
                self._people.setdefault(self._room_of(row), set()).add(row["talker"].strip())
        self._ids: dict[str, MessageIds] = {}

    def _room_of(self, row: Row) -> str:
        return row["room_name"].strip() or self._room

    def _is_group(self, room: str) -> bool:
        return room.endswith("@chatroom") or len(self._people.get(room, ())) > 1

    def _sender(self, row: Row, room: str, kind: Kind) -> str:
        if kind is Kind.SYSTEM:
            return _SYSTEM
        if row.is_own:
            return self._owner
        # In a private chat the other one is the room, whatever `talker` says (test_person_0_730.csv:2 has the owner's id there).
        return _identity(row["talker"].strip() or room if self._is_group(room) else room)

    def message(self, row: Row) -> Iterator[Record]:
        """The message of a row, with its conversation before the first one; or why there is none."""
        sent_at = read_time(row["CreateTime"], self._zone)
        if sent_at is None:
            yield Skipped(source=row.source, reason="no time stamp")
            return
        room = self._room_of(row)
        conversation = f"{PLATFORM}:{room}"
        if conversation not in self._ids:
            self._ids[conversation] = MessageIds(PLATFORM, conversation)
            yield self._conversation(room, conversation)
        kind, text, quoted = _content(row)
        sender = self._sender(row, room, kind)
        number = row["MsgSvrID"].strip()
        source_id = number if number.isdigit() and number != "0" else None
        yield new_message(
            id=self._ids[conversation].next(sender=sender, second=second_of(sent_at), kind=kind, text=text, source_id=source_id),
            conversation=conversation,
            sender=sender,
            sender_name=self._name(sender),
            sent_at=sent_at,
            kind=kind,
            text=text,
            quoted=quoted,
            source_id=source_id,
            mentions=tuple(clean_name(name) for name in _MENTION.findall(text)) if "@" in text else (),
            attachments=_attachments(row["src"], kind),
            source=row.source,
        )

    def _conversation(self, room: str, identity: str) -> Conversation:
        kind = ChatKind.GROUP if self._is_group(room) else ChatKind.PRIVATE
        return Conversation(id=identity, platform=PLATFORM, name=self._names.get(room) or clean_name(room), kind=kind, owner=self._owner)

    def _name(self, sender: str) -> str:
        if sender == self._owner and not sender.startswith("name:"):
            return self._names.get(sender) or "我"
        return self._names.get(sender) or clean_name(sender.removeprefix("name:"))


def _identity(talker: str) -> str:
    """`Message.sender`: WeFlow has shown names where PyWxDump has wxids."""
    return talker if re.fullmatch(r"[!-~]+", talker) else f"name:{clean_name(talker)}"


def _names(source: Source) -> dict[str, str]:
    """Remark or nick by id, from the `users.json` beside the file or its folder."""
    data = source.beside("users.json") or source.above("users.json")
    try:
        users = json.loads(data) if data is not None else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(users, dict):
        return {}
    named = {str(key): user for key, user in users.items() if isinstance(user, dict)}
    return {key: clean_name(str(user.get("remark") or user.get("nickname") or "")) for key, user in named.items()}


def _content(row: Row) -> tuple[Kind, str, str]:
    """Kind, own words, other people's words."""
    told, written = row["type_name"], clean(row["msg"]).strip()
    kind = kind_of_name(told)
    if kind is Kind.SYSTEM or written.startswith("<revokemsg>"):
        return Kind.SYSTEM, _TAG.sub("", written).strip(), ""
    if kind is Kind.TEXT:
        # WeFlow calls whatever is no picture, voice, video, sticker or file a "text".
        body = read_old_quote(written) or (read_body(written) if told.isascii() else Body(Kind.TEXT if written else Kind.UNKNOWN, written))
        return body.kind, body.text, body.quoted
    if kind is Kind.REPLY:
        quote = _QUOTE.fullmatch(written)
        own, quoted = (quote["own"].strip(), quote["quoted"].strip()) if quote else (written, "")
        return (Kind.REPLY if own else Kind.UNKNOWN), own, quoted
    return kind, "", written if kind in {Kind.CARD, Kind.FORWARD} else ""


def _attachments(src: str, kind: Kind) -> tuple[str, ...]:
    if not src or src.startswith("http") or kind not in {Kind.IMAGE, Kind.VIDEO, Kind.VOICE, Kind.FILE}:
        return ()
    return (clean_name(re.split(r"[\\/]", src)[-1]),)
