"""Discord: JSON of DiscordChatExporter, one channel a file; large ones in parts that are named `… [part 2].json`.

    {"guild":{"id":"1","name":"测试服"},
     "channel":{"id":"2","type":"GuildTextChat","category":"文字频道","name":"闲聊"},
     "dateRange":{…},"exportedAt":"…",
     "messages":[{"id":"11","type":"Reply","timestamp":"2026-01-01T08:00:05.5+08:00","content":"嗯",
                  "author":{"id":"101","name":"bob","nickname":"Bob","isBot":false},
                  "attachments":[],"embeds":[],"stickers":[],"mentions":[],"reference":{"messageId":"10"}}],
     "messageCount":1}

UTF-8. Times carry an offset and 0 to 7 decimals. Only `Default`, `Reply` and the rows of commands are speech; calls, joins, pins and the
like are the program's. `forwardedMessage` is somebody else's. The same row may come twice. The owner is not marked.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.json_facts import facts_of
from clone_agent.importers.json_fields import Row, file_name, row_in, rows_in, text_in
from clone_agent.importers.json_shape import shape_of
from clone_agent.importers.json_stream import Damaged
from clone_agent.importers.media import kind_of_file
from clone_agent.importers.opening import json_of
from clone_agent.importers.source import Source
from clone_agent.records import ChatKind, Kind, Skipped

PLATFORM = "discord"
_PROGRAM = "Discord"
_SPEECH = frozenset({"Default", "Reply", "ChatInputCommand", "ContextMenuCommand", "ApplicationCommand", "0", "19", "20", "23"})
_EMOJI = re.compile(r"\s?<a?:\w{1,40}:\d{5,25}>|\s?<a?:\w{1,40}:\d+>")
_REMEMBERED = 100_000  # ids of rows, to know one that comes again


def matches(head: Head) -> bool:
    """An object with a guild and a channel, or with rows that have an author and what only this program writes."""
    shape = shape_of(head.text)
    return shape.has("guild", "channel") or shape.has_row("author", "timestamp", "content", "isPinned")


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row of `messages`."""
    facts = facts_of(source, ("guild", "channel"), needed=("channel",))
    chat = _open_chat(row_in(facts.get("guild")), row_in(facts.get("channel")), source)
    with json_of(source) as parts:
        for key in parts.members(anchors=("guild", "channel", "messages")):
            if key == "messages" and parts.peek() == "[":
                yield from _rows(parts.elements(), chat, source, options.timezone)
            else:
                parts.skip()
        if parts.is_damaged:
            yield Skipped(source=source.name, reason="damaged, cannot be decoded")


def _open_chat(guild: Row, channel: Row, source: Source) -> Chat:
    number, told = text_in(channel.get("id")), text_in(channel.get("type"))
    is_direct = told.startswith("Direct") or (not told and text_in(guild.get("id")) == "0")
    kind = ChatKind.PRIVATE if is_direct and "Group" not in told else ChatKind.GROUP
    chat = f"{PLATFORM}:{number}" if number else chat_id(PLATFORM, "unnamed", source.stem)
    return Chat(PLATFORM, chat, name=text_in(channel.get("name")), kind=kind)


def _rows(rows: Iterator[object], chat: Chat, source: Source, zone: ZoneInfo) -> Iterator[Record]:
    seen: OrderedDict[str, None] = OrderedDict()
    for number, row in enumerate(rows, start=1):
        place = f"{source.name}#{number}"
        if not isinstance(row, dict):
            is_end = isinstance(row, Damaged) and row.is_end
            yield Skipped(source=place, reason="cut off in the middle" if is_end else "damaged, cannot be decoded")
            continue
        source_id = text_in(row.get("id"))
        if source_id and source_id in seen:
            yield Skipped(source=place, reason="the same message again")
            continue
        seen[source_id] = None
        if len(seen) > _REMEMBERED:
            seen.popitem(last=False)
        sent_at = _time(row.get("timestamp"), zone)
        if sent_at is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        yield from chat.add(_bubble(row, sent_at, source_id or None, place))


def _bubble(row: Row, sent_at: datetime, source_id: str | None, place: str) -> Bubble:
    told = text_in(row.get("type"))
    author = row_in(row.get("author"))
    if told not in _SPEECH and told:
        kind = Kind.CALL if told in {"Call", "3"} else Kind.SYSTEM
        text = text_in(row.get("content")) if kind is Kind.SYSTEM else ""
        return Bubble(
            sender=named(_PROGRAM), sender_name=_PROGRAM, sent_at=sent_at, kind=kind, text=text, source_id=source_id, source=place
        )
    name = text_in(author.get("nickname")) or text_in(author.get("name"))
    kind, text, quoted = _content(row)
    target = text_in(row_in(row.get("reference")).get("messageId")) if told in {"Reply", "19"} else ""
    return Bubble(
        sender=text_in(author.get("id")) or named(name),
        sender_name=name,
        sent_at=sent_at,
        kind=kind,
        text=text,
        quoted=quoted,
        reply_to=target or None,
        source_id=source_id,
        mentions=tuple(text_in(one.get("id")) or text_in(one.get("name")) for one in rows_in(row.get("mentions"))),
        attachments=tuple(_file(one) for one in rows_in(row.get("attachments"))),
        source=place,
    )


def _content(row: Row) -> tuple[Kind, str, str]:
    """Kind, own words, other people's words."""
    written = text_in(row.get("content"))
    words = _EMOJI.sub("", written).strip()
    forwarded = row_in(row.get("forwardedMessage"))
    if forwarded:
        return (Kind.TEXT, words, text_in(forwarded.get("content"))) if words else (Kind.FORWARD, "", text_in(forwarded.get("content")))
    embeds = rows_in(row.get("embeds"))
    quoted = "\n".join(part for one in embeds for key in ("title", "description") if (part := text_in(one.get(key))))
    if words:
        return (Kind.REPLY if row.get("type") in {"Reply", "19"} else Kind.TEXT), words, quoted
    kinds = [kind_of_file(_file(one)) for one in rows_in(row.get("attachments"))]
    if kinds:
        return kinds[0], "", quoted
    if row.get("stickers") or written.strip():
        return Kind.STICKER, "", quoted
    return (Kind.CARD if embeds or row.get("poll") else Kind.UNKNOWN), "", quoted


def _file(attachment: Row) -> str:
    return text_in(attachment.get("fileName")) or file_name(attachment.get("url"))


def _time(written: object, zone: ZoneInfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text_in(written).strip())
        return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)
    except (ValueError, OverflowError):
        return None
