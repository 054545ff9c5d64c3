"""WeFlow's and EchoTrace's JSON of one WeChat chat.

    {"weflow":{"version":"1.0.3","exportedAt":1704164645,"format":"arkme-json"},
     "session":{"wxid":"room@chatroom","nickname":"…","remark":"","displayName":"…","type":"群聊","lastTimestamp":…,"messageCount":2},
     "senders":[{"senderID":1,"wxid":"wxid_alice","displayName":"Alice","nickname":"…","groupNickname":"…"}],   in one variant
     "messages":[{"localId":1,"createTime":1704164645,"formattedTime":"2024-01-02 11:04:05","type":"文本消息","localType":1,
       "content":"你好","isSend":0,"senderUsername":"wxid_alice","senderDisplayName":"Alice","platformMessageId":"…",
       "replyToMessageId":"…","quotedSender":"…","quotedContent":"…"}]}

EchoTrace has no `weflow`, and `username` in the place of `wxid`. A row may lack its sender, its time, its content; content may be an object
or blanks; the room as its own sender is the program. A reply's content is `own words[引用 name：quote]`. `isSend` 1 tells the owner.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from clone_agent.importers.body import Body
from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.encoding import find_encoding, text_pieces
from clone_agent.importers.format import HEAD_SIZE, Head, ReadOptions, Record
from clone_agent.importers.json_shape import shape_of
from clone_agent.importers.json_stream import Damaged, JsonStream
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.importers.wechat_bodies import described, read_body
from clone_agent.importers.wechat_chat import OWNER, Bubble, Chats, named, peer_of, room_id, room_kind
from clone_agent.importers.wechat_kinds import kind_of_name, kind_of_number
from clone_agent.importers.wechat_xml import is_xml, plain, read_app_message
from clone_agent.records import ChatKind, Kind, Skipped

_KNOWN_VERSION = re.compile(r"v?[0-4](?:\.|\Z)")
_SESSION = re.compile(r'"session"\s*:\s*\{[^{}]*"(?:wxid|username)"\s*:')
_ROWS = re.compile(r'"messages"\s*:\s*\[\s*(?:\]|\{[^{}]*"(?:createTime|localId)"\s*:)')
_WEFLOW = re.compile(r'"weflow"\s*:\s*\{\s*(?:\}|"(?:version|exportedAt|generator|format)"\s*:)')
_FACTS = frozenset({"weflow", "session", "senders"})
_WORDS_IN = ("text", "content", "title", "desc")


def matches(head: Head) -> bool:
    """An object with WeFlow's head, or with a session and rows as both programs write them."""
    shape = shape_of(head.text)
    if shape.has("chatlab") or shape.has("chatInfo"):
        return False
    is_row = shape.has_row("createTime") or shape.has_row("localId")
    text = head.text
    return (
        (shape.has("weflow") and _WEFLOW.search(text) is not None)
        or (shape.has("messages") and is_row and (shape.has("session") or shape.has_row("isSend", "content")))
        or (shape.has("session") and _SESSION.search(text) is not None and _ROWS.search(text) is not None)
    )


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row of the chat. Facts that stand behind the rows are read first."""
    with source.open() as stream:
        encoding = find_encoding(stream.read(HEAD_SIZE))
    facts = _facts(source, encoding)
    chat = _Chat.of(facts, source, options.timezone)
    if facts.unknown_version:
        yield Skipped(source=source.name, reason=f"WeFlow version {facts.unknown_version} is not known, read as version 1")
    name = source.name
    with source.open() as stream:
        parts = JsonStream(text_pieces(stream, encoding), name=name)
        for key in parts.members(anchors=("messages",)):
            if key == "messages" and parts.peek() == "[":
                for number, row in enumerate(parts.elements(), start=1):
                    yield from chat.row(row, f"{name}#{number}")
            else:
                parts.skip()
        if parts.is_damaged:
            yield Skipped(source=source.name, reason="damaged, cannot be decoded")


@dataclass(slots=True)
class _Facts:
    """What the file says about itself."""

    session: dict[str, Any] = field(default_factory=dict)
    senders: dict[str, dict[str, Any]] = field(default_factory=dict)  # by senderID
    unknown_version: str = ""


def _facts(source: Source, encoding: str) -> _Facts:
    """Read up to the rows, and past them only when something is still missing."""
    found: dict[str, object] = {}
    with source.open() as stream:
        parts = JsonStream(text_pieces(stream, encoding), name=source.name)
        for key in parts.members(anchors=("session", "senders", "messages")):
            if key in _FACTS:
                found[key] = parts.value_or_none()
                continue
            if key == "messages" and "session" in found and ("senders" in found or not _has_numbers(source, encoding)):
                break
            parts.skip()
    facts = _Facts()
    if isinstance(session := found.get("session"), dict):
        facts.session = session
    for sender in _list(found.get("senders")):
        if isinstance(sender, dict) and "senderID" in sender:
            facts.senders[str(sender["senderID"])] = sender
    told = found.get("weflow")
    version = str(told.get("version", "1")) if isinstance(told, dict) else "1"
    if _KNOWN_VERSION.match(version) is None:
        facts.unknown_version = re.sub(r"[^\w.-]", "", version)[:20] or "without a number"
    return facts


def _has_numbers(source: Source, encoding: str) -> bool:
    with source.open() as stream:
        return '"senderID"' in stream.read(HEAD_SIZE).decode(encoding, "replace")


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []


class _Chat:
    """The chat that is being read."""

    def __init__(self, *, room: str, name: str, kind: ChatKind, wxid: str, senders: dict[str, dict[str, Any]], zone: ZoneInfo) -> None:
        self._room = room
        self._name = name
        self._kind = kind
        self._wxid = wxid
        self._senders = senders
        self._zone = zone
        self._chats = Chats()
        self._names: dict[str, str] = {wxid: name}

    @classmethod
    def of(cls, facts: _Facts, source: Source, zone: ZoneInfo) -> "_Chat":
        """From what the file says, or its place where it says nothing."""
        session, peer = facts.session, peer_of(source)
        wxid = _text(session.get("wxid")) or _text(session.get("username")) or peer.wxid
        name = next((clean_name(_text(session.get(key))) for key in ("displayName", "remark", "nickname") if _text(session.get(key))), "")
        told = _text(session.get("type"))
        kind = ChatKind.GROUP if "群" in told or told == "group" else room_kind(wxid)
        return cls(
            room=room_id(wxid) if wxid else peer.conversation,
            name=name or wxid or peer.name,
            kind=kind,
            wxid=wxid,
            senders=facts.senders,
            zone=zone,
        )

    def row(self, row: object, place: str) -> Iterator[Record]:
        """The message of one row, or why there is none."""
        if not isinstance(row, dict):
            is_end = isinstance(row, Damaged) and row.is_end
            yield Skipped(source=place, reason="cut off in the middle" if is_end else "damaged, cannot be decoded")
            return
        sent_at = read_time(row.get("createTime"), self._zone) or read_time(row.get("formattedTime"), self._zone)
        body, reply_to = _body(row)
        sender, name = self._sender(row)
        if sent_at is None or not (sender or body.kind is Kind.SYSTEM):
            yield Skipped(source=place, reason="no time stamp" if sent_at is None else "no sender")
            return
        if sender and sender == self._wxid and self._kind is ChatKind.GROUP:
            body = Body(Kind.SYSTEM, body.text or body.quoted)
        elif _is_own(row) and body.kind is not Kind.SYSTEM:
            yield from self._chats.learn_owner(sender)
        number = row.get("platformMessageId") or row.get("serverId") or row.get("localId")
        bubble = Bubble(
            sender=sender,
            sender_name=name,
            sent_at=sent_at,
            body=body,
            reply_to=reply_to,
            source_id=str(number) if isinstance(number, str | int | float) else None,
            source=place,
        )
        yield from self._chats.message(bubble, room=self._room, name=self._name, kind=self._kind)

    def _sender(self, row: dict[str, Any]) -> tuple[str, str]:
        """Id and name; "" where nobody is told."""
        number = row.get("senderID", row.get("senderId"))
        listed = self._senders.get(str(number), {}) if number is not None else {}
        sender = _text(row.get("senderUsername")) or _text(listed.get("wxid")) or _text(listed.get("username"))
        names = (
            row.get("senderDisplayName"),
            row.get("senderGroupNickname"),
            *(listed.get(key) for key in ("groupNickname", "displayName", "nickname")),
        )
        name = next((clean_name(_text(told)) for told in names if _text(told)), "")
        sender = "" if sender == "unknown" else sender
        if not sender and _is_own(row):
            sender = self._chats.owner or OWNER
        elif not sender and self._kind is ChatKind.PRIVATE and row.get("isSend") in (0, "0", False):
            sender = self._wxid
        if not sender and name:
            sender = named(name)
        if name:
            self._names[sender] = name
        return sender, name or self._names.get(sender) or sender.removeprefix("name:")


def _is_own(row: dict[str, Any]) -> bool:
    return row.get("isSend") in (1, "1", True)


def _body(row: dict[str, Any]) -> tuple[Body, str | None]:
    """Kind, words and attachments of a row, and the number of the message it answers."""
    kind, written = _kind(row), clean(_words(row.get("content"))).strip()
    answered = row.get("replyToMessageId")
    reply_to = str(answered) if isinstance(answered, str | int) and str(answered).strip("0") else None
    if is_xml(written):
        return _from_xml(written, kind)
    body = read_body(written) if kind is None else described(plain(written) if kind is Kind.SYSTEM else written, kind)
    if body.kind is Kind.TEXT and reply_to is not None:
        body = body._replace(kind=Kind.REPLY)
    told = clean(_words(row.get("quotedContent"))).strip()
    return body._replace(quoted=told or body.quoted), reply_to


def _from_xml(xml: str, kind: Kind | None) -> tuple[Body, str | None]:
    if kind is Kind.SYSTEM:
        return Body(kind, plain(xml)), None
    if kind in {None, Kind.UNKNOWN, Kind.REPLY, Kind.CARD, Kind.FORWARD, Kind.FILE} and "<appmsg" in xml:
        app = read_app_message(xml)
        return Body(app.kind, app.text, app.quoted, app.attachments), app.reply_to
    return Body(kind or Kind.UNKNOWN), None


def _kind(row: dict[str, Any]) -> Kind | None:
    """By name, else by number; None where several kinds share the name and the body has to tell."""
    told, number = _text(row.get("type")), row.get("localType")
    if "/" in told and "引用" in told:  # EchoTrace: 链接/文件/引用消息
        return None
    kind = kind_of_name(told) if told else Kind.UNKNOWN
    if kind is Kind.UNKNOWN and isinstance(number, int) and not isinstance(number, bool):
        kind = kind_of_number(number)
    return kind if told or isinstance(number, int) else None


def _words(value: object) -> str:
    """The words of a field that is a text, or an object with one."""
    if isinstance(value, dict):
        return next((text for key in _WORDS_IN if (text := _text(value.get(key)))), "")
    return _text(value)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
