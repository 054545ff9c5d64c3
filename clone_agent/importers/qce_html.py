"""QQ Chat Exporter (QQNT): one HTML page.

    <title>测试群 - 聊天记录</title>
    <div class="message" data-message-id="m_3">
      <span class="message-sender">Alice (PM)</span><span class="message-time">2024-01-01 08:04:00</span>
      <div class="message-content">
        <div class="reply-content" data-reply-to="msg-m_1"><strong>Alice (PM):</strong> 原话</div>[回复 Alice (PM): 原话]<br>收到</div>
    </div>

UTF-8, local time, names only; a recalled message is not marked and the owner is not told: JSON of the same program is better. What the text
holds for pictures and the like is that of the TXT.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.html_parts import Element, pieces_of, tree_of
from clone_agent.importers.identity import chat_id
from clone_agent.importers.json_fields import file_name
from clone_agent.importers.qce_txt import read_lines
from clone_agent.importers.qq_pc_blocks import PLATFORM, group_chat_id
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.records import ChatKind, Kind, Skipped

_START = re.compile(r'<div class="message(?: [^"]*)?"[^>]{0,400}?data-message-id=')
_TITLE = re.compile(r"<title>(?P<name>[^<]*?)(?: - 聊天记录)?</title>")
_EXPORTER = re.compile(r"QQ聊天记录|QQChatExporter|qq-chat-exporter", re.I)
_SYSTEM_NAMES = frozenset({"系统消息", "0", "未知", "系统", ""})
_FILES = {"img": Kind.IMAGE, "video": Kind.VIDEO, "audio": Kind.VOICE}


def matches(head: Head) -> bool:
    """A page that names the exporter and is a chat's record."""
    text = head.text.lstrip()
    return text[:1] == "<" and "<html" in text[:500].lower() and _EXPORTER.search(text) is not None and "聊天记录" in text


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message of the page."""
    chat: Chat | None = None
    for line, piece in pieces_of(source, _START):
        if chat is None:
            chat = _open_chat(piece, source)
        if _START.match(piece) is None:
            continue
        place = f"{source.name}:{line}"
        message = next((one for one in tree_of(piece).all("message")), None)
        stamp = message.first("message-time") if message is not None else None
        sent_at = read_time(stamp.text(), options.timezone) if stamp is not None else None
        if message is None or sent_at is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        yield from chat.add(_bubble(message, sent_at, place))


def _open_chat(head: str, source: Source) -> Chat:
    title = _TITLE.search(head)
    name = clean_name(tree_of(title["name"]).text()) if title is not None else ""
    told = re.search(r"群聊|私聊", re.sub(r"<(style|script).*?</\1>", "", head, flags=re.S))
    kind = {"群聊": ChatKind.GROUP, "私聊": ChatKind.PRIVATE}.get(told[0]) if told is not None else None
    if not name:
        return Chat(PLATFORM, chat_id(PLATFORM, "unnamed", source.stem), kind=kind)
    identity = chat_id(PLATFORM, "private", name) if kind is ChatKind.PRIVATE else group_chat_id(name)
    return Chat(PLATFORM, identity, name=name, kind=kind)


def _bubble(message: Element, sent_at: datetime, place: str) -> Bubble:
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
    parts = [_without(part, left_out) if isinstance(part, Element) else part for part in content.parts if part is not left_out]
    return Element(content.tag, content.attributes, parts)
