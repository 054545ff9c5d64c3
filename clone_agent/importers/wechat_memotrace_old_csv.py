"""MemoTrace's (WeChatMsg's) older CSV: rows of WeChat's own database.

    localId,TalkerId,Type,SubType,IsSender,CreateTime,Status,StrContent,StrTime,Remark,NickName,Sender
    1,2,1,0,0,1704164645,3,你好,2024-01-02 11:04:05                                private: the first nine cells and no more
    1,5,1,0,1,1704164706,2,好,2024-01-02 11:05:06,,我的昵称,wxid_me                 group: all twelve

UTF-8 with a byte order mark, LF or CRLF, line ends inside fields. `CreateTime` is UTC, `StrTime` local. `Type` is 1 text, 3 image,
34 voice, 43 video, 47 sticker, 49 app message with `SubType` 57 reply, 2000 transfer …, 50 call, 10000 system; what is no text is XML.
`TalkerId` numbers the chats: one in a file named after the contact, many in the file of everything. Nobody's wxid stands in private rows.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from clone_agent.importers.body import Body
from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.importers.wechat_bodies import described
from clone_agent.importers.wechat_chat import OWNER, PLATFORM, Bubble, Chats, Peer, peer_of, room_kind
from clone_agent.importers.wechat_csv import Row, columns_of, read_rows
from clone_agent.importers.wechat_kinds import APP, kind_of_number
from clone_agent.importers.wechat_xml import is_xml, plain, read_app_message
from clone_agent.records import ChatKind, Kind, Skipped

_NEEDED = frozenset({"localId", "TalkerId", "Type", "IsSender", "CreateTime", "StrContent"})
_ROW_START = re.compile(r'"?\d+"?,"?-?\d*"?,"?-?\d+"?,"?-?\d*"?,"?[01]"?,"?\d{9,13}"?,')
_LEAST = 8
_MOST_OTHERS = 2  # people remembered of a chat before it is known to be a group


def matches(head: Head) -> bool:
    """The line of columns."""
    columns = columns_of(head.text)
    return columns[:1] == ["localId"] and set(columns) >= _NEEDED


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row; one conversation for each `TalkerId`. A first pass finds out how many there are and who is the owner."""
    chats = Chats()
    talks = _Talks(source, _rows(source))
    yield from chats.learn_owner(talks.owner)
    for row in _rows(source):
        if isinstance(row, Skipped):
            yield row
        else:
            yield from _message(row, talks, chats, options.timezone)


def _rows(source: Source) -> Iterator[Row | Skipped]:
    return read_rows(source, start=_ROW_START, least=_LEAST)


@dataclass(frozen=True, slots=True)
class _Talk:
    """One chat of the file."""

    peer: Peer
    room: str  # `Conversation.id`
    kind: ChatKind


class _Talks:
    """What the rows as a whole tell."""

    def __init__(self, source: Source, rows: Iterator[Row | Skipped]) -> None:
        others: dict[str, set[str]] = {}
        own: Counter[str] = Counter()
        for row in rows:
            if isinstance(row, Skipped):
                continue
            speakers = others.setdefault(row["TalkerId"], set())
            sender = row["Sender"].strip()
            if _is_own(row):
                own[sender] += 1
            elif sender and len(speakers) < _MOST_OTHERS and _number(row["Type"]) not in {10000, 10002}:
                speakers.add(sender)
        del own[""]
        self.owner = own.most_common(1)[0][0] if own else OWNER
        self._talks = {talker: _talk(peer_of(source), talker, names, is_only=len(others) == 1) for talker, names in others.items()}

    def __getitem__(self, talker: str) -> _Talk:
        return self._talks[talker]


def _talk(place: Peer, talker: str, others: set[str], *, is_only: bool) -> _Talk:
    """The chat behind a `TalkerId`. Private rows name nobody."""
    kind = ChatKind.GROUP if others else ChatKind.PRIVATE
    if is_only:
        return _Talk(place, place.conversation, room_kind(place.wxid) if place.wxid else kind)
    return _Talk(Peer(name=f"{place.name} {talker}", wxid=""), chat_id(PLATFORM, place.name, talker), kind)


def _message(row: Row, talks: _Talks, chats: Chats, zone: ZoneInfo) -> Iterator[Record]:
    sent_at = read_time(row["CreateTime"], zone) or read_time(row["StrTime"], zone)
    if sent_at is None:
        yield Skipped(source=row.source, reason="no time stamp")
        return
    talk = talks[row["TalkerId"]]
    sender, name = _sender(row, talk.peer, talks.owner)
    body, reply_to = _body(row, sender)
    bubble = Bubble(
        sender=sender,
        sender_name=name,
        sent_at=sent_at,
        body=body,
        reply_to=reply_to,
        source_id=row["localId"].strip() or None,
        source=row.source,
    )
    yield from chats.message(bubble, room=talk.room, name=talk.peer.name, kind=talk.kind)


def _sender(row: Row, peer: Peer, owner: str) -> tuple[str, str]:
    """Id and name; the remark that the owner gave somebody counts before the nick."""
    sender = row["Sender"].strip()
    name = clean_name(row["Remark"]) or clean_name(row["NickName"])
    if _is_own(row):
        return sender or owner, name or "我"
    return sender or peer.sender, name or sender or peer.name


def _body(row: Row, sender: str) -> tuple[Body, str | None]:
    number, sub_type = _number(row["Type"]), _number(row["SubType"])
    kind = kind_of_number(number, sub_type)
    content = clean(row["StrContent"]).strip()
    if kind is Kind.SYSTEM and number != APP:
        return Body(kind, plain(content)), None
    if number & 0xFFFF == APP and is_xml(content):
        app = read_app_message(content, sub_type=sub_type)
        return Body(app.kind, app.text, app.quoted, app.attachments), app.reply_to
    if kind is Kind.TEXT:
        content = content.removeprefix(f"{sender}:\n")
        return Body(kind if content else Kind.UNKNOWN, content), None
    return (Body(kind) if is_xml(content) else described(content, kind)), None


def _is_own(row: Row) -> bool:
    return row["IsSender"].strip() == "1"


def _number(cell: str) -> int:
    try:
        return int(cell.strip() or 0)
    except ValueError:
        return 0
