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

from clone_agent.importers.chats import Chat
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.html_parts import pieces_of, tree_of
from clone_agent.importers.identity import chat_id
from clone_agent.importers.qce_page import read_message
from clone_agent.importers.qce_viewer import CHUNK, read_scripts
from clone_agent.importers.qq_pc_blocks import PLATFORM, group_chat_id
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.records import ChatKind, Skipped

_START = re.compile(r'<div class="message(?: [^"]*)?"[^>]{0,400}?data-message-id=')
_TITLE = re.compile(r"<title>(?P<name>[^<]*?)(?: - 聊天记录)?</title>")
_EXPORTER = re.compile(r"QQ聊天记录|QQChatExporter|qq-chat-exporter", re.I)


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
            if CHUNK.search(piece) is not None:  # a page of V6 with the messages as data
                yield from read_scripts(source, options, (chat, {}))
                return
        if _START.match(piece) is None:
            continue
        place = f"{source.name}:{line}"
        message = tree_of(piece).first("message")
        stamp = message.first("message-time") if message is not None else None
        sent_at = read_time(stamp.text(), options.timezone) if stamp is not None else None
        if message is None or sent_at is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        yield from chat.add(read_message(message, sent_at, place))


def _open_chat(head: str, source: Source) -> Chat:
    title = _TITLE.search(head)
    name = clean_name(tree_of(title["name"]).text()) if title is not None else ""
    told = re.search(r"群聊|私聊", re.sub(r"<(style|script).*?</\1>", "", head, flags=re.S))
    kind = {"群聊": ChatKind.GROUP, "私聊": ChatKind.PRIVATE}.get(told[0]) if told is not None else None
    if not name:
        return Chat(PLATFORM, chat_id(PLATFORM, "unnamed", source.stem), kind=kind)
    identity = chat_id(PLATFORM, "private", name) if kind is ChatKind.PRIVATE else group_chat_id(name)
    return Chat(PLATFORM, identity, name=name, kind=kind)
