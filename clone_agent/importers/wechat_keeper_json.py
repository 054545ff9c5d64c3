"""WeChat: JSON of chatlog-keeper, a list of rows or one row a line.

    [{"ts":1704067200,"sender":"小明","sender_wxid":"wxid_a","chat_room":"","conversation_id":"wxid_a","content":"你好","msg_type":1,"is_self":false}]

`ts` is seconds since 1970, `msg_type` WeChat's own number (1 text, 3 picture … 10000 system); `chat_room` is the group's id, or empty.
"""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.json_fields import Row, decode, text_in
from clone_agent.importers.json_stream import Damaged
from clone_agent.importers.opening import json_of, lines_of
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.importers.wechat_bodies import Body, described
from clone_agent.importers.wechat_chat import OWNER, Bubble, Chats, named, room_id, room_kind
from clone_agent.importers.wechat_kinds import kind_of_number
from clone_agent.importers.wechat_xml import is_xml, plain, read_app_message
from clone_agent.records import Kind, Skipped

_ROW = re.compile(r'\s*\[?\s*\{(?=[^{}]*"ts"\s*:)(?=[^{}]*"(?:sender_wxid|conversation_id)"\s*:)(?=[^{}]*"content"\s*:)')


def matches(head: Head) -> bool:
    """A row with its time, a wxid or conversation, and a content."""
    return _ROW.match(head.text.lstrip("\ufeff")) is not None


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row; one conversation for each `chat_room`, else for each `conversation_id`."""
    chats = Chats()
    for place, row in _rows(source):
        if not isinstance(row, dict):
            is_end = isinstance(row, Damaged) and row.is_end
            yield Skipped(source=place, reason="cut off in the middle" if is_end else "damaged, cannot be decoded")
        else:
            yield from _message(row, place, chats, options.timezone)


def _rows(source: Source) -> Iterator[tuple[str, object]]:
    with json_of(source) as parts:
        if parts.peek() == "[":
            for number, row in enumerate(parts.elements(), start=1):
                yield f"{source.name}#{number}", row
            return
    for number, line in enumerate(lines_of(source), start=1):
        if line.strip():
            try:
                yield f"{source.name}:{number}", decode(line.lstrip("\ufeff"))
            except (ValueError, RecursionError):
                yield f"{source.name}:{number}", None


def _message(row: Row, place: str, chats: Chats, zone: ZoneInfo) -> Iterator[Record]:
    sent_at = read_time(row.get("ts"), zone)
    room = text_in(row.get("chat_room")) or text_in(row.get("conversation_id"))
    sender, name = text_in(row.get("sender_wxid")), clean_name(text_in(row.get("sender")))
    is_own = row.get("is_self") in (True, 1, "1", "true")
    sender = sender or (OWNER if is_own else named(name) if name else "")
    if sent_at is None:
        yield Skipped(source=place, reason="no time stamp")
        return
    number = row.get("msg_type")
    body, reply_to = _body(
        int(number) if isinstance(number, int | str) and str(number).isdecimal() else 1, clean(text_in(row.get("content")))
    )
    if not sender and body.kind is not Kind.SYSTEM:
        yield Skipped(source=place, reason="no sender")
        return
    if is_own and body.kind is not Kind.SYSTEM:
        yield from chats.learn_owner(sender)
    bubble = Bubble(
        sender=sender,
        sender_name=name or sender.removeprefix("name:"),
        sent_at=sent_at,
        kind=body.kind,
        text=body.text,
        quoted=body.quoted,
        reply_to=reply_to,
        attachments=body.attachments,
        source=place,
    )
    shown = name if not is_own and room == sender else "" if chats.knows(room_id(room)) else room
    yield from chats.message(bubble, room=room_id(room), name=shown, kind=room_kind(room))


def _body(number: int, content: str) -> tuple[Body, str | None]:
    kind = kind_of_number(number, 0)
    if kind is Kind.SYSTEM:
        return Body(kind, plain(content)), None
    if is_xml(content):
        app = read_app_message(content, sub_type=0)
        return (Body(app.kind, app.text, app.quoted, app.attachments), app.reply_to) if "<appmsg" in content else (Body(kind), None)
    return described(content, kind), None
