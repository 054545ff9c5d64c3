"""MemoTrace's newer CSV of WeChat, often in a zip as `聊天记录/小红(wxid_red)/小红.csv`.

    消息ID,类型,发送人,时间,内容,备注,昵称,更多信息
    1,文本,小红,2024-02-01 10:00:00,在吗,小红,小红,more
    2,引用消息,我,2024-02-01 10:01:00,"在
    引用：小红: 在吗",我,我,more

UTF-8 with a byte order mark, LF or CRLF, line ends inside fields; a re-saved file may have lost the columns behind 内容. 发送人 is the
name shown, 备注 and 昵称 are the sender's too. The owner is 我, or in a private chat the one after whom the file is not named. What is no
text is a description: 【图片】, 【文件】a.pdf 1.20MB …, 【语音】transcript.
"""

import re
from collections.abc import Iterator
from itertools import chain, islice
from zoneinfo import ZoneInfo

from clone_agent.importers.body import Body
from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.importers.wechat_bodies import described, read_body
from clone_agent.importers.wechat_chat import OWNER, Bubble, Chats, named, peer_of, room_kind
from clone_agent.importers.wechat_csv import Row, columns_of, read_rows
from clone_agent.importers.wechat_kinds import kind_of_name
from clone_agent.importers.wechat_xml import is_xml, plain
from clone_agent.records import ChatKind, Kind, Skipped

_NEEDED = ("消息ID", "类型", "发送人", "时间", "内容")
_ROW_START = re.compile(r'"?[-\d.E+]*"?,"?[^,"\n]{1,24}"?,(?:"[^\n]{1,200}?"|[^,\n]{0,100}),"?\d{4}[-/]\d{1,2}[-/]\d{1,2}[ T]\d{1,2}:')
_LOOK_AHEAD = 5000
_OWN_NAMES = frozenset({"我", "Me"})


def matches(head: Head) -> bool:
    """The line of columns."""
    columns = columns_of(head.text)
    return all(name in columns for name in _NEEDED) and columns[0] == _NEEDED[0]


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row; the file is one conversation."""
    rows = read_rows(source, start=_ROW_START, least=len(_NEEDED))
    ahead = list(islice(rows, _LOOK_AHEAD))
    chat = _Chat(source, [row for row in ahead if isinstance(row, Row)], options.timezone)
    yield from chat.owner_told()
    for row in chain(ahead, rows):
        if isinstance(row, Skipped):
            yield row
        else:
            yield from chat.message(row)


class _Chat:
    """The chat that is being read."""

    def __init__(self, source: Source, ahead: list[Row], zone: ZoneInfo) -> None:
        self._peer = peer_of(source)
        self._zone = zone
        self._room = self._peer.conversation
        self._chats = Chats()
        rows = [row for row in ahead if _body(row).kind is not Kind.SYSTEM]
        speakers = {clean_name(row["发送人"]) for row in rows} - {""}
        others = {name for row in rows for name in (clean_name(row["备注"]), clean_name(row["昵称"])) if self._is_peer(row)}
        strangers = speakers - others - {self._peer.name}
        self._peer_names = others | {self._peer.name}
        if self._peer.wxid:
            self._kind = room_kind(self._peer.wxid)
        else:
            self._kind = ChatKind.GROUP if len(speakers) > 2 else ChatKind.PRIVATE
        self._own = speakers & _OWN_NAMES
        if not self._own and self._kind is ChatKind.PRIVATE and len(strangers) == 1 and (self._peer.wxid or strangers != speakers):
            self._own = strangers
        self._is_peer_known = bool(self._peer_names & speakers)

    def _is_peer(self, row: Row) -> bool:
        return self._peer.name in (clean_name(row["发送人"]), clean_name(row["备注"]), clean_name(row["昵称"]))

    def owner_told(self) -> Iterator[Record]:
        """Remember the owner where the rows tell."""
        if self._own:
            yield from self._chats.learn_owner(_own_id(next(iter(self._own))))

    def message(self, row: Row) -> Iterator[Record]:
        """The message of one row, or why there is none."""
        sent_at = read_time(row["时间"], self._zone)
        if sent_at is None:
            yield Skipped(source=row.source, reason="no time stamp")
            return
        body = _body(row)
        name = clean_name(row["发送人"]) or clean_name(row["备注"]) or clean_name(row["昵称"])
        number = row["消息ID"].strip()
        bubble = Bubble(
            sender=self._sender(name),
            sender_name=name,
            sent_at=sent_at,
            body=body,
            source_id=number if number.isdigit() and number.strip("0") else None,
            source=row.source,
        )
        yield from self._chats.message(bubble, room=self._room, name=self._peer.name, kind=self._kind)

    def _sender(self, name: str) -> str:
        if name in self._own:
            return _own_id(name)
        is_peer = self._kind is ChatKind.PRIVATE and (name in self._peer_names or (bool(self._own) and not self._is_peer_known))
        return self._peer.sender if is_peer and self._peer.wxid else named(name)


def _own_id(name: str) -> str:
    return OWNER if name in _OWN_NAMES else named(name)


def _body(row: Row) -> Body:
    kind, content = kind_of_name(row["类型"]), clean(row["内容"]).strip()
    if kind is Kind.SYSTEM:
        return Body(kind, plain(content))
    if is_xml(content):
        return Body(kind if kind not in {Kind.TEXT, Kind.REPLY} else Kind.UNKNOWN)
    if kind is Kind.TEXT:
        return Body(kind if content else Kind.UNKNOWN, content)
    if kind is Kind.UNKNOWN:
        return Body(kind) if not row["类型"].strip() or "未知" in row["类型"] else read_body(content)
    return described(content, kind)
