"""Messenger and Instagram: `message_1.json`, `message_2.json` … of one thread.

    {"participants":[{"name":"小明"},{"name":"José"}],
     "messages":[{"sender_name":"José","timestamp_ms":1700000002000,"content":"hi","photos":[{"uri":"…"}],"share":{"link":"…"}}],
     "title":"José","thread_path":"inbox/jose_123"}
    {"participants":["A","B"],"threadName":"A_1","messages":[{"senderName":"A","timestamp":1700000000000,"text":"hi","type":"text"}]}

Newest message first; the second shape is that of end-to-end encrypted chats. Every string is UTF-8 that was taken for Latin-1 and is
mended, where it can be. There are only names; a chat of two is titled with the other one's name.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.json_fields import Row, file_name, list_in, row_in, rows_in, text_in
from clone_agent.importers.json_shape import shape_of
from clone_agent.importers.json_stream import Damaged
from clone_agent.importers.opening import json_of
from clone_agent.importers.source import Source
from clone_agent.records import ChatKind, Kind, Skipped

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TURNED = 20_000  # messages that are held to put the oldest first; a file of Meta's has at most 10,000
_SHAPE = re.compile(r'"sender_name"\s*:\s*"(?:[^"\\]|\\.)*"\s*,\s*"timestamp_ms"|"senderName"\s*:(?=.*"timestamp"\s*:\s*\d)', re.S)
_MEDIA = (
    ("sticker", Kind.STICKER),
    ("gifs", Kind.STICKER),
    ("photos", Kind.IMAGE),
    ("videos", Kind.VIDEO),
    ("audio_files", Kind.VOICE),
    ("files", Kind.FILE),
    ("media", Kind.IMAGE),
)
# What stands behind who did it. Somebody's own sentence with these words begins otherwise: `Sorry I missed your call`.
_NOTICE = re.compile(
    r"(?:liked a message|reacted .{1,16} to (?:your|a|their) .{0,12}message|reacted to .{0,20}message|"
    r"(?:added|removed) .{1,200} (?:to|from) the group|(?:left|joined|created) the (?:group|video chat|call)|named the group .{1,120}|"
    r"(?:set|changed|cleared) (?:the|your|his|her|their)(?: own)? (?:nicknames?|(?:chat )?theme|quick reaction|emoji|group(?: \w+)?)"
    r"(?: (?:for|to|as|of|from) .{1,160})?|(?:started|missed) (?:a|an|your) .{0,12}(?:call|chat)|"
    r"(?:and .{1,80} )?are now connected(?: on \w+)?|can now message and call.{0,120}|started sharing.{0,120}|"
    r"sent an attachment|shared a (?:story|post|reel))\.?",
    re.I,
)
_MISSED = re.compile(r"(?P<who>.{1,80}?) missed your .{0,12}(?:call|chat)\.?")


def matches(head: Head) -> bool:
    """An object with messages that have a sender's name and milliseconds."""
    shape = shape_of(head.text)
    if not shape.has("messages") or shape.has("chatInfo"):
        return False
    is_row = shape.has_row("sender_name", "timestamp_ms") or shape.has_row("senderName", "timestamp")
    is_other = any(isinstance(row.get("sender"), dict) for row in shape.rows)
    return is_row or (not is_other and _SHAPE.search(head.text) is not None)  # the first rows may be damaged


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message, the oldest first."""
    chat, people = _open_chat(source)
    with json_of(source) as parts:
        for key in parts.members(anchors=("messages",)):
            if key == "messages" and parts.peek() == "[":
                yield from _turned(_read_rows(parts.elements(), source, options.timezone, people), chat)
            else:
                parts.skip()
        if parts.is_damaged:
            yield Skipped(source=source.name, reason="damaged, cannot be decoded")


def _turned(found: Iterator[Bubble | Skipped], chat: Chat) -> Iterator[Record]:
    held: list[Bubble] = []
    for one in found:
        if isinstance(one, Skipped):
            yield one
            continue
        held.append(one)
        if len(held) >= _TURNED:
            yield from _oldest_first(held, chat)
            held = []
    yield from _oldest_first(held, chat)


def _oldest_first(held: list[Bubble], chat: Chat) -> Iterator[Record]:
    """Messages in time order, whichever end of the file is the older one."""
    is_rising = bool(held) and held[0].sent_at < held[-1].sent_at
    for bubble in held if is_rising else reversed(held):
        yield from chat.add(bubble)


def _open_chat(source: Source) -> tuple[Chat, frozenset[str]]:
    """The chat, and who is in it."""
    facts: Row = {}
    with json_of(source) as parts:
        for key in parts.members(anchors=("messages",)):
            if key in {"participants", "title", "thread_path", "threadName"}:
                facts[key] = parts.value_or_none()
            else:
                parts.skip()
    people = [_mended(one.get("name") if isinstance(one, dict) else one) for one in list_in(facts.get("participants"))]
    title = clean_name(_mended(facts.get("title")) or re.sub(r"_\d+$", "", _mended(facts.get("threadName"))))
    thread = text_in(facts.get("thread_path")) or text_in(facts.get("threadName"))
    platform = "instagram" if "instagram" in f"{source.tree.label}/{source.path}/{thread}".lower() else "messenger"
    names = [clean_name(name) for name in people]
    others = [name for name in names if name != title]
    kind = (ChatKind.GROUP if len(people) > 2 else ChatKind.PRIVATE) if people else None
    owner = named(others[0]) if len(people) == 2 and len(others) == 1 else None
    key = file_name(thread) or title or source.stem
    return Chat(platform, chat_id(platform, key), name=title, kind=kind, owner=owner), frozenset(names)


def _read_rows(rows: Iterator[object], source: Source, zone: ZoneInfo, people: frozenset[str]) -> Iterator[Bubble | Skipped]:
    for number, row in enumerate(rows, start=1):
        place = f"{source.name}#{number}"
        if not isinstance(row, dict):
            is_end = isinstance(row, Damaged) and row.is_end
            yield Skipped(source=place, reason="cut off in the middle" if is_end else "damaged, cannot be decoded")
            continue
        sent_at = _time(row.get("timestamp_ms", row.get("timestamp")), zone)
        if sent_at is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        yield _bubble(row, sent_at, place, people)


def _bubble(row: Row, sent_at: datetime, place: str, people: frozenset[str]) -> Bubble:
    name = clean_name(_mended(row.get("sender_name", row.get("senderName"))))
    written = _mended(row.get("content", row.get("text")))
    kind, words, quoted = _content(row, written, is_notice=bool(written) and _is_notice(written.strip(), name, people))
    return Bubble(
        sender=named(name),
        sender_name=name,
        sent_at=sent_at,
        kind=kind,
        text=words,
        quoted=quoted,
        attachments=tuple(
            file_name(_mended(one.get("uri"))) for key, _ in _MEDIA if key in row for one in _media(row[key]) if one.get("uri")
        ),
        source=place,
    )


def _content(row: Row, written: str, *, is_notice: bool) -> tuple[Kind, str, str]:
    """Kind, own words, other people's words."""
    if row.get("is_unsent") or row.get("isUnsent"):
        return Kind.RECALL, "", ""
    if "call_duration" in row or row.get("type") in {"Call", "call"}:
        return Kind.CALL, "", ""
    if row.get("type") in {"Subscribe", "Unsubscribe"}:
        return Kind.SYSTEM, written, ""
    share = row_in(row.get("share"))
    shared = "\n".join(part for key in ("share_text", "link") if (part := _mended(share.get(key))))
    media = next((kind for key, kind in _MEDIA if key in row and _media(row[key])), None)
    if is_notice:
        return (media, "", "") if media is not None else (Kind.CARD, "", shared) if share else (Kind.SYSTEM, written, "")
    if written:
        return Kind.TEXT, written, shared
    return (media, "", "") if media is not None else (Kind.CARD if share else Kind.UNKNOWN, "", shared)


def _is_notice(text: str, name: str, people: frozenset[str]) -> bool:
    """Whether a text tells what its sender did: behind the sender's name, its first word, `You`, or nothing."""
    if (missed := _MISSED.fullmatch(text)) is not None:  # stands under the name of who called
        return any(missed["who"] in _called(one) for one in people)
    told = next((who for who in ("You", *_called(name)) if text.startswith(f"{who} ")), "")
    return _NOTICE.fullmatch(text[len(told) :].lstrip()) is not None


def _called(name: str) -> tuple[str, ...]:
    """A name as a notice has it: whole, or its first word."""
    return (name, name.partition(" ")[0]) if name else ()


def _media(value: object) -> list[Row]:
    return [value] if isinstance(value, dict) else rows_in(value)


def _mended(value: object) -> str:
    """UTF-8 that was taken for Latin-1, as it was meant; anything else as it is."""
    text = text_in(value)
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _time(value: object, zone: ZoneInfo) -> datetime | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return (_EPOCH + timedelta(milliseconds=value)).astimezone(zone)
    except (OverflowError, ValueError):
        return None
