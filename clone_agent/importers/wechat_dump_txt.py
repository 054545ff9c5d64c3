"""wechat-dump's text of one WeChat chat, from an Android phone.

    1|小明:2024-01-01 08:00:00:你好: 半角冒号          type, nick (me: the owner), local time, content
    3|me:2024-01-01 08:00:10:Image|img:th_abc          a picture's or sticker's file behind the content
    34|小明:2024-01-01 08:00:20:Voice
    1|me:2024-01-01 08:00:30:两行
    第二行                                             a content's further lines stand as they are

UTF-8, LF. A nick may hold colons: the first stamp ends it. Types are WeChat's own, app messages (49) with Android's flags; links are
`URL:…`, files `FILE:name`, places `LOCATION:…`, and what the program could not shorten is XML.
"""

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from clone_agent.importers.body import Body
from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.damage import digits, is_nearly
from clone_agent.importers.encoding import find_encoding, find_record_end, text_records
from clone_agent.importers.format import HEAD_SIZE, Head, ReadOptions, Record
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.importers.wechat_chat import OWNER, Bubble, Chats, Peer, named, peer_of, room_kind
from clone_agent.importers.wechat_kinds import kind_of_number
from clone_agent.importers.wechat_xml import is_xml, plain, read_app_message
from clone_agent.records import ChatKind, Kind, Skipped

_START = re.compile(r"(?P<type>-?\d{1,10})\|(?P<nick>[^\n]{0,120}?):(?P<time>\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}):(?P<content>.*)", re.S)
_IMAGE = re.compile(r"(?P<content>.*)\|img:(?P<path>[^|\n]{1,300})", re.S)
_LOOK_AHEAD = 5000
_LONGEST_HEAD = 152  # characters up to the words
_LONGEST = 1_000_000
_ME = "me"


class _Row(NamedTuple):
    """One message as it stands in the file."""

    line: int
    type: int
    nick: str
    time: str
    content: str


def matches(head: Head) -> bool:
    """A first line with type, nick and stamp."""
    first = next((line for line in re.split(r"\r\n|\n|\r", head.text[:4000]) if line.strip()), "")
    return _START.fullmatch(first) is not None


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message; the file is one conversation."""
    rows = _rows(source)
    ahead = list(islice(rows, _LOOK_AHEAD))
    others = {clean_name(row.nick) for row in ahead if isinstance(row, _Row) and row.nick != _ME and row.type != 10000}
    place = peer_of(source)
    kind = room_kind(place.wxid) if place.wxid else ChatKind.GROUP if len(others) > 1 else ChatKind.PRIVATE
    peer = place if place.wxid or kind is ChatKind.GROUP or not others else Peer(name=next(iter(others)), wxid="")
    chats, room, file = Chats(), peer.conversation, source.name
    for row in chain(ahead, rows):
        if isinstance(row, Skipped):
            yield row
            continue
        yield from _message(row, chats, peer, room, kind, options.timezone, file)


def _rows(source: Source) -> Iterator[_Row | Skipped]:
    with source.open() as stream:
        head = stream.read(HEAD_SIZE)
    encoding = find_encoding(head)
    with source.open() as stream:
        start: re.Match[str] | None = None
        content: list[str] = []
        first = size = 0
        is_lost = False  # the head above is damaged
        for number, line in enumerate(text_records(stream, encoding, find_record_end(head.decode(encoding, "replace"))), start=1):
            found = _START.fullmatch(line) if "|" in line[:12] else None
            if found is None:
                if _is_damaged(line):
                    if start is not None:
                        yield _Row(first, int(start["type"]), start["nick"], start["time"], "\n".join(content))
                    yield Skipped(source=f"{source.name}:{number}", reason="a damaged head")
                    start, is_lost = None, True
                size += len(line)
                if start is None and is_lost:
                    continue
                if start is None and line.strip():
                    yield Skipped(source=f"{source.name}:{number}", reason="no message begins here")
                elif size <= _LONGEST:
                    content.append(line)
                continue
            if start is not None:
                yield _Row(first, int(start["type"]), start["nick"], start["time"], "\n".join(content))
            start, content, first, size, is_lost = found, [found["content"]], number, 0, False
        if start is not None:
            yield _Row(first, int(start["type"]), start["nick"], start["time"], "\n".join(content))


def _is_damaged(line: str) -> bool:
    top = line[:_LONGEST_HEAD]
    return digits(top) >= 13 and is_nearly(line, _START.fullmatch, signs="0-: |", within=_LONGEST_HEAD)


def _message(row: _Row, chats: Chats, peer: Peer, room: str, kind: ChatKind, zone: ZoneInfo, file: str) -> Iterator[Record]:
    source = f"{file}:{row.line}"
    sent_at = read_time(row.time, zone)
    if sent_at is None:
        yield Skipped(source=source, reason="impossible time stamp")
        return
    name = clean_name(row.nick)
    sender = OWNER if row.nick == _ME else peer.sender if kind is ChatKind.PRIVATE else named(name)
    if sender == OWNER:
        yield from chats.learn_owner(OWNER)
    body, reply_to = _body(row)
    bubble = Bubble(
        sender=sender,
        sender_name="我" if sender == OWNER else name,
        sent_at=sent_at,
        body=body,
        reply_to=reply_to,
        source=source,
    )
    yield from chats.message(bubble, room=room, name=peer.name, kind=kind)


def _body(row: _Row) -> tuple[Body, str | None]:
    """Kind and words of a row, and the number of the message it answers."""
    kind, content = kind_of_number(row.type), clean(row.content).strip()
    if kind is Kind.TEXT:
        return Body(kind, content), None
    image = _IMAGE.fullmatch(content)
    content, path = (image["content"].strip(), image["path"]) if image else (content, "")
    attachments = (clean_name(path.replace("\\", "/").rpartition("/")[2]),) if path and kind is not Kind.SYSTEM else ()
    if kind is Kind.SYSTEM:
        return Body(kind, plain(content)), None
    if "<appmsg" in content:
        app = read_app_message(content)
        return Body(app.kind, app.text, app.quoted, app.attachments or attachments), app.reply_to
    if kind is Kind.CARD and content.startswith("FILE:"):
        return Body(Kind.FILE, attachments=(clean_name(content.removeprefix("FILE:")),)), None
    if kind is Kind.REPLY:
        return Body(Kind.UNKNOWN if is_xml(content) or not content else kind, "" if is_xml(content) else content), None
    shown = content.removeprefix("URL:") if kind is Kind.CARD and not is_xml(content) else ""
    return Body(kind, quoted=shown, attachments=attachments), None
