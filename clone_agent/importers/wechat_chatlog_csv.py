"""chatlog's CSV of WeChat.

    Time,SenderName,Sender,TalkerName,Talker,Content
    2024-01-01 08:00:00,小明,wxid_a,测试群,1@chatroom,新年快乐
    2024-01-01 08:01:40,小红,wxid_b,测试群,1@chatroom,"> 小明(wxid_a) 01-01 08:00:00
    > 新年快乐
    同乐"
    2024-01-01 08:03:20,,wxid_me,测试群,1@chatroom,![动画表情](http://…)

UTF-8 without a byte order mark, LF, local time. Content is what chatlog's plain text shows: `![图片](…)`, `[文件|name](…)`, a quote in
lines that begin with `> `. Nothing flags the owner: in a private chat it is the one who is not the talker.
"""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from clone_agent.importers.body import Body
from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.importers.wechat_bodies import read_body, read_quote_above
from clone_agent.importers.wechat_chat import Bubble, Chats, named, room_id, room_kind
from clone_agent.importers.wechat_csv import Row, columns_of, read_rows
from clone_agent.records import ChatKind, Kind, Skipped

_COLUMNS = ("Time", "SenderName", "Sender", "TalkerName", "Talker", "Content")
_ROW_START = re.compile(r'"?\d{4}[-/]\d{1,2}[-/]\d{1,2}[ T]\d{1,2}:\d{2}[^,]{0,12},')
_UNREAD = re.compile(r"Type: \d+ Content: ")


def matches(head: Head) -> bool:
    """The line of columns."""
    return set(columns_of(head.text)) >= set(_COLUMNS)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row; one conversation for each talker."""
    reader = _Reader(options.timezone)
    for row in read_rows(source, start=_ROW_START):
        if isinstance(row, Skipped):
            yield row
        else:
            yield from reader.message(row)


class _Reader:
    """Rows to records."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._chats = Chats()
        self._names: dict[str, str] = {}

    def message(self, row: Row) -> Iterator[Record]:
        """The message of one row, or why there is none."""
        sent_at = read_time(row["Time"], self._zone)
        if sent_at is None:
            yield Skipped(source=row.source, reason="no time stamp")
            return
        talker, sender, name = row["Talker"].strip(), row["Sender"].strip(), clean_name(row["SenderName"])
        body = _body(row, sender, talker)
        if not talker:
            yield Skipped(source=row.source, reason="no talker")
            return
        if not sender and name:
            sender = named(name)
        if name:
            self._names[sender] = name
        kind = room_kind(talker)
        if kind is ChatKind.PRIVATE and body.kind is not Kind.SYSTEM and sender != talker:
            yield from self._chats.learn_owner(sender)
        talker_name = clean_name(row["TalkerName"])
        bubble = Bubble(
            sender=sender,
            sender_name=name or self._names.get(sender) or (talker_name if sender == talker else "") or sender,
            sent_at=sent_at,
            body=body,
            source=row.source,
        )
        yield from self._chats.message(bubble, room=room_id(talker), name=talker_name or talker, kind=kind)


def _body(row: Row, sender: str, talker: str) -> Body:
    content = clean(row["Content"])
    is_nobody = sender == "系统消息" or (not sender and not row["SenderName"].strip())
    if is_nobody or (sender == talker and talker.endswith("@chatroom")):
        return Body(Kind.SYSTEM, content)
    if _UNREAD.match(content):
        return Body(Kind.UNKNOWN)
    return read_quote_above(content) or read_body(content)
