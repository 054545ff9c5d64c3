"""chatlog's JSON of WeChat; its plain text is recognised and refused.

    [{"seq":1704067200001,"time":"2024-01-01T08:00:00+08:00","talker":"1@chatroom","talkerName":"测试群","isChatRoom":true,
      "sender":"wxid_a","senderName":"小明","isSelf":false,"type":1,"subType":0,"content":"新年快乐","contents":{}}]

A reply is type 49, sub-type 57, and holds the message it answers whole in `contents.refer`. Links, files and forwards have their title in
`contents`. `sender` is 系统消息 or empty where the program speaks. One file may hold several chats.

The plain text begins messages with `小明(wxid_a) 15:04:05`: the date is left out when the range is one day, the year when it is one year.
"""

import re
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from clone_agent.errors import ExportError
from clone_agent.importers.body import Body
from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.encoding import find_encoding, text_pieces
from clone_agent.importers.format import Head, ReadOptions, Record, head_of
from clone_agent.importers.json_shape import shape_of
from clone_agent.importers.json_stream import Damaged, JsonStream
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.importers.wechat_bodies import described
from clone_agent.importers.wechat_chat import OWNER, Bubble, Chats, named, room_id, room_kind
from clone_agent.importers.wechat_kinds import kind_of_number
from clone_agent.importers.wechat_xml import is_xml, plain, read_app_message
from clone_agent.records import ChatKind, Kind, Skipped

_PLAIN_HEAD = re.compile(
    r"(?:[^\n]{0,120}\((?:我|系统消息|[\w@.-]{3,60})\)|我|系统消息|wxid_\w+)(?: \[[^\n]{1,200}\])?"
    r" (?:\d{4}-)?(?:\d{2}-\d{2} )?\d{2}:\d{2}:\d{2}"
)


def matches(head: Head) -> bool:
    """Rows with a talker and a flag for the owner, or the plain text's heads."""
    shape = shape_of(head.text)
    is_row = shape.has_row("talker") and (shape.has_row("isSelf") or shape.has_row("isChatRoom"))
    return is_row or _is_plain_text(head.text.lstrip())


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row; one conversation for each talker.

    Raises:
        ExportError: the file is chatlog's plain text.
    """
    head = head_of(source)
    if _is_plain_text(head.text.lstrip()):
        raise ExportError(
            f"{source.name} is chatlog's plain text, which leaves out dates, years and ids.",
            remedy="Ask chatlog for the same with format=json.",
        )
    reader = _Reader(options.timezone)
    name = source.name
    with source.open() as stream:
        parts = JsonStream(text_pieces(stream, find_encoding(head.data)), name=name)
        for number, row in enumerate(_rows(parts), start=1):
            yield from reader.row(row, f"{name}#{number}")
        if parts.is_damaged:
            yield Skipped(source=source.name, reason="damaged, cannot be decoded")


def _rows(parts: JsonStream) -> Iterator[object]:
    if parts.peek() == "[":
        yield from parts.elements()
        return
    for key in parts.members(anchors=("messages", "data", "items")):
        if key in {"messages", "data", "items"} and parts.peek() == "[":
            yield from parts.elements()
        else:
            parts.skip()


def _is_plain_text(text: str) -> bool:
    """Heads at the beginning and behind blank lines, as many as there are paragraphs that begin so."""
    lines = re.split(r"\r\n|\n|\r", text[:20_000])
    heads = [line for before, line in zip(["", *lines], lines, strict=False) if not before.strip() and _PLAIN_HEAD.fullmatch(line)]
    return bool(heads) and heads[0] == lines[0] and len(lines) > 1 and ("(" in heads[0] or len(heads) > 1)


class _Reader:
    """Rows to records."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._chats = Chats()
        self._names: dict[str, str] = {}

    def row(self, row: object, place: str) -> Iterator[Record]:
        """The message of one row, or why there is none."""
        if not isinstance(row, dict):
            is_end = isinstance(row, Damaged) and row.is_end
            yield Skipped(source=place, reason="cut off in the middle" if is_end else "damaged, cannot be decoded")
            return
        sent_at = read_time(row.get("time"), self._zone) or read_time(_seconds(row.get("seq")), self._zone)
        if sent_at is None:
            yield Skipped(source=place, reason="no time stamp")
            return
        talker = _text(row.get("talker"))
        body, reply_to = _body(row)
        sender, name = self._sender(row, talker)
        if not sender and body.kind is not Kind.SYSTEM:
            body = Body(Kind.SYSTEM, body.text or body.quoted)
        if row.get("isSelf") is True and body.kind is not Kind.SYSTEM:
            yield from self._chats.learn_owner(sender)
        number = row.get("seq")
        bubble = Bubble(
            sender=sender,
            sender_name=name,
            sent_at=sent_at,
            body=body,
            reply_to=reply_to,
            source_id=str(number) if isinstance(number, int | str) and number else None,
            source=place,
        )
        kind = ChatKind.GROUP if row.get("isChatRoom") is True else room_kind(talker)
        room = room_id(talker)
        name = clean_name(_text(row.get("talkerName"))) or ("" if self._chats.knows(room) else talker)
        yield from self._chats.message(bubble, room=room, name=name, kind=kind)

    def _sender(self, row: dict[str, Any], talker: str) -> tuple[str, str]:
        """Id and name; "" where the program speaks."""
        sender, name = _text(row.get("sender")), clean_name(_text(row.get("senderName")))
        if sender == "系统消息" or (sender == talker and talker.endswith("@chatroom")):
            return "", ""
        if not sender:
            sender = (self._chats.owner or OWNER) if row.get("isSelf") is True else named(name) if name else ""
        if not name and sender == talker:
            name = clean_name(_text(row.get("talkerName")))
        if name:
            self._names[sender] = name
        return sender, name or self._names.get(sender) or ("我" if row.get("isSelf") is True else sender.removeprefix("name:"))


def _body(row: dict[str, Any]) -> tuple[Body, str | None]:
    """Kind and words of a row, and the number of the message it answers."""
    number, sub_type = _number(row.get("type")), _number(row.get("subType"))
    kind, content = kind_of_number(number, sub_type), clean(_text(row.get("content")))
    told = row.get("contents")
    contents: dict[str, Any] = told if isinstance(told, dict) else {}
    if kind is Kind.SYSTEM:
        return Body(kind, plain(content)), None
    if is_xml(content):
        app = read_app_message(content, sub_type=sub_type)
        return (Body(app.kind, app.text, app.quoted, app.attachments), app.reply_to) if "<appmsg" in content else (Body(kind), None)
    if kind is Kind.REPLY:
        answered = contents.get("refer")
        refer: dict[str, Any] = answered if isinstance(answered, dict) else {}
        target = refer.get("seq")
        reply_to = str(target) if isinstance(target, int | str) and target else None
        return Body(kind if content.strip() else Kind.UNKNOWN, content, _body(refer)[0].text if refer else ""), reply_to
    title, description = clean_name(_text(contents.get("title"))), _text(contents.get("desc"))
    if kind is Kind.FILE:
        return Body(kind, attachments=(title,) if title else ()), None
    if kind in {Kind.CARD, Kind.FORWARD}:
        return Body(kind, quoted="\n".join(part for part in (title, description) if part) or content), None
    return described(content, kind), None


def _seconds(seq: object) -> int | None:
    """`seq` is the second and three digits that count within it."""
    return seq // 1000 if isinstance(seq, int) and not isinstance(seq, bool) else None


def _number(value: object) -> int:
    return value if isinstance(value, int) else int(value) if isinstance(value, str) and value.isdecimal() else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
