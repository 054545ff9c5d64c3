"""One message of QQ Chat Exporter's HTML, as an element of the page."""

from datetime import datetime

from clone_agent.importers.chats import Bubble, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.html_parts import Element
from clone_agent.importers.json_fields import file_name
from clone_agent.importers.qce_txt import read_lines
from clone_agent.records import Kind

_SYSTEM_NAMES = frozenset({"系统消息", "0", "未知", "系统", ""})
_FILES = {"img": Kind.IMAGE, "video": Kind.VIDEO, "audio": Kind.VOICE}


def read_message(message: Element, sent_at: datetime, place: str) -> Bubble:
    """The message of an element with the class `message`; its sender is known by name alone."""
    who = message.first("message-sender")
    name = clean_name(who.text()) if who is not None else ""
    content = message.first("message-content") or message.first("content") or Element("div")
    reply = content.first("reply-content")
    lines = _without(content, reply).text().split("\n")
    if name in _SYSTEM_NAMES:
        text = "\n".join(lines)
        return Bubble(sender=named("系统消息"), sender_name="系统消息", sent_at=sent_at, kind=Kind.SYSTEM, text=text, source=place)
    media = [one for one in content.all() if one.tag in _FILES]
    body = read_lines(lines)
    kind, text, quoted = body.kind, body.text, body.quoted
    if reply is not None:
        told = reply.text()
        quoted = quoted or told.partition(":")[2].strip()
        kind = Kind.REPLY if text else kind
    if not text and kind is Kind.UNKNOWN and media:
        kind = _FILES[media[0].tag]
    target = reply.attributes.get("data-reply-to", "").removeprefix("msg-") if reply is not None else ""
    return Bubble(
        sender=named(name),
        sender_name=name,
        sent_at=sent_at,
        kind=kind,
        text=text,
        quoted=quoted,
        reply_to=target or None,
        source_id=message.attributes.get("data-message-id") or None,
        attachments=tuple(path for one in media if (path := file_name(one.attributes.get("src", ""))) and not path.startswith("data:")),
        source=place,
    )


def _without(content: Element, left_out: Element | None) -> Element:
    """The element without one that stands somewhere inside."""
    if left_out is None:
        return content
    rest = Element(content.tag, content.attributes, content.classes)
    rest.parts = [_without(part, left_out) if isinstance(part, Element) else part for part in content.parts if part is not left_out]
    return rest
