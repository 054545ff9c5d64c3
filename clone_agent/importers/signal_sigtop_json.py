"""Signal: JSON of sigtop, the rows of Signal Desktop's own table for one conversation, `Bob (+15550100).json`.

    [{"id":"…","conversationId":"c1","type":"incoming","sent_at":1714608000000,"body":"你好","sourceServiceId":"a1","source":"+15550100",
      "attachments":[{"contentType":"image/jpeg","fileName":"photo.jpg"}],"quote":{"id":1714607000000,"text":"…"}},
     {"type":"outgoing","sent_at":1714608060000,"body":"收到"}, {"type":"group-v2-change", …}]

`sent_at` is milliseconds since 1970, and is what a quote's `id` names. `outgoing` rows are the owner's; any other type is the program's.
"""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.json_fields import Row, list_in, row_in, rows_in, text_in
from clone_agent.importers.json_shape import shape_of
from clone_agent.importers.json_stream import Damaged
from clone_agent.importers.media import kind_of_type
from clone_agent.importers.opening import json_of
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.records import ChatKind, Kind, Skipped

PLATFORM = "signal"
_PROGRAM = "Signal"
_OWNER = "You"
_FILE = re.compile(r"(?P<name>.*?) \((?P<address>\+\d{5,16}|group|[0-9a-f-]{20,40})\)")


def matches(head: Head) -> bool:
    """A list of rows with a conversation, a type and the time of sending."""
    shape = shape_of(head.text)
    return not shape.keys and shape.has_row("conversationId", "sent_at", "type")


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row of the list."""
    told = _FILE.fullmatch(source.stem)
    name = clean_name(told["name"] if told is not None else source.stem)
    kind = None if told is None else ChatKind.GROUP if told["address"] == "group" else ChatKind.PRIVATE
    chat = Chat(PLATFORM, chat_id(PLATFORM, clean_name(source.stem)), name=name, kind=kind)
    with json_of(source) as parts:
        for number, row in enumerate(parts.elements(), start=1):
            place = f"{source.name}#{number}"
            if not isinstance(row, dict):
                is_end = isinstance(row, Damaged) and row.is_end
                yield Skipped(source=place, reason="cut off in the middle" if is_end else "damaged, cannot be decoded")
                continue
            yield from _row(row, place, chat, options.timezone, peer=name if kind is ChatKind.PRIVATE else "")


def _row(row: Row, place: str, chat: Chat, zone: ZoneInfo, *, peer: str) -> Iterator[Record]:
    sent_at = read_time(row.get("sent_at") or row.get("timestamp"), zone)
    if sent_at is None:
        yield Skipped(source=place, reason="no time stamp")
        return
    told = text_in(row.get("type"))
    source_id = text_in(row.get("sent_at")) or None
    if told not in {"incoming", "outgoing"}:
        kind = Kind.CALL if told == "call-history" else Kind.SYSTEM
        words = text_in(row.get("body")) if kind is Kind.SYSTEM else ""
        yield from chat.add(
            Bubble(sender=named(_PROGRAM), sender_name=_PROGRAM, sent_at=sent_at, kind=kind, text=words, source_id=source_id, source=place)
        )
        return
    is_own = told == "outgoing"
    sender, name = (named(_OWNER), _OWNER) if is_own else _sender(row, peer)
    if is_own:
        chat.learn_owner(sender)
    quote = row_in(row.get("quote"))
    files = rows_in(row.get("attachments"))
    words = text_in(row.get("body"))
    yield from chat.add(
        Bubble(
            sender=sender,
            sender_name=name,
            sent_at=sent_at,
            kind=_kind(row, words, files, is_reply=bool(quote)),
            text=words,
            quoted=text_in(quote.get("text")),
            reply_to=text_in(quote.get("id")) or None,
            source_id=source_id,
            mentions=tuple(dict.fromkeys(who for one in _mentioned(row) if (who := one))),
            attachments=tuple(name for one in files if (name := text_in(one.get("fileName")))),
            source=place,
        )
    )


def _sender(row: Row, peer: str) -> tuple[str, str]:
    """Number or service id, and a name where the chat is with one person."""
    sender = text_in(row.get("source")) or text_in(row.get("sourceServiceId")) or text_in(row.get("sourceUuid"))
    name = peer or text_in(row.get("profileName")) or sender
    return sender or named(name or "unknown"), name


def _kind(row: Row, words: str, files: list[Row], *, is_reply: bool) -> Kind:
    if row.get("deletedForEveryone"):
        return Kind.RECALL
    if words:
        return Kind.REPLY if is_reply else Kind.TEXT
    if row.get("sticker"):
        return Kind.STICKER
    if list_in(row.get("contact")):
        return Kind.CARD
    if not files:
        return Kind.UNKNOWN
    return Kind.VOICE if files[0].get("flags") == 1 else kind_of_type(text_in(files[0].get("contentType")))


def _mentioned(row: Row) -> Iterator[str]:
    for one in rows_in(row.get("bodyRanges")):
        yield text_in(one.get("replacementText")) or text_in(one.get("mentionAci")) or text_in(one.get("mentionUuid"))
