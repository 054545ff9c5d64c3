"""WeChat: JSON of chatlog-keeper, a list of rows or one row a line.

    [{"ts":1704067200,"sender":"小明","sender_wxid":"wxid_a","chat_room":"","conversation_id":"wxid_a","content":"你好","msg_type":1,"is_self":false}]

`ts` is seconds since 1970, `msg_type` WeChat's own number (1 text, 3 picture … 10000 system); `chat_room` is the group's id, or empty.
"""

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from clone_agent.importers.body import Body
from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.json_fields import Row, text_in
from clone_agent.importers.json_lines import json_lines
from clone_agent.importers.json_shape import shape_of
from clone_agent.importers.json_stream import Damaged
from clone_agent.importers.opening import json_of
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.importers.wechat_bodies import described
from clone_agent.importers.wechat_chat import OWNER, Bubble, Chats, named, room_id, room_kind
from clone_agent.importers.wechat_kinds import kind_of_number
from clone_agent.importers.wechat_xml import is_xml, plain, read_app_message
from clone_agent.records import Kind, Skipped

_YES = (True, 1, "1", "true")


def matches(head: Head) -> bool:
    """A row with its time, a wxid or conversation, and a content."""
    shape = shape_of(head.text)
    of_rows = [row.keys() for row in shape.rows] if not shape.keys else [shape.keys]  # in lines, the first is the outermost object
    return any(row >= {"ts", "content"} and not row.isdisjoint({"sender_wxid", "conversation_id"}) for row in of_rows)


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
    for number, row in json_lines(source):
        yield f"{source.name}:{number}", row


def _message(row: Row, place: str, chats: Chats, zone: ZoneInfo) -> Sequence[Record]:
    sent_at = read_time(row.get("ts"), zone)
    if sent_at is None:
        return (Skipped(source=place, reason="no time stamp"),)
    peer = text_in(row.get("chat_room")) or text_in(row.get("conversation_id"))
    name, is_own = clean_name(text_in(row.get("sender"))), row.get("is_self") in _YES
    sender = text_in(row.get("sender_wxid")) or (OWNER if is_own else named(name) if name else "")
    body, reply_to = _body(row.get("msg_type"), clean(text_in(row.get("content"))))
    if not sender and body.kind is not Kind.SYSTEM:
        return (Skipped(source=place, reason="no sender"),)
    told = list(chats.learn_owner(sender)) if is_own and chats.owner is None and body.kind is not Kind.SYSTEM else []
    shown, room = name or sender.removeprefix("name:"), room_id(peer)
    bubble = Bubble(sender, shown, sent_at, body, place, reply_to)
    chat_name = name if not is_own and peer == sender else "" if chats.knows(room) else peer
    records = chats.message(bubble, room=room, name=chat_name, kind=room_kind(peer))
    return (*told, *records) if told else records


def _body(told: object, content: str) -> tuple[Body, str | None]:
    number = told if isinstance(told, int) else int(told) if isinstance(told, str) and told.isdecimal() else 1
    if number == 1 and not content.startswith("<"):
        return described(content, Kind.TEXT), None
    kind = kind_of_number(number, 0)
    if kind is Kind.SYSTEM:
        return Body(kind, plain(content)), None
    if is_xml(content):
        app = read_app_message(content, sub_type=0)
        return (Body(app.kind, app.text, app.quoted, app.attachments), app.reply_to) if "<appmsg" in content else (Body(kind), None)
    return described(content, kind), None
