r"""Telegram Desktop: `result.json`, of one chat or of everything.

    {"name":"Bob","type":"personal_chat","id":700000000,"messages":[
      {"id":3644,"type":"message","date":"2019-07-12T16:55:32","date_unixtime":"1562921732","from":"Bob","from_id":"user700000000",
       "text":[{"type":"link","text":"https://google.com"}," 👀"]}]}
    {"personal_information":{"user_id":555},"chats":{"list":[{…one chat as above…}]},"left_chats":{"list":[…]}}

UTF-8, LF. `date` is local and has no zone, `date_unixtime` is newer; either may be missing. Control characters are written as `\x0B`,
which is no JSON and is repaired on the way in. A deleted account has no name. In a personal chat the chat's id is the other person's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.encoding import find_encoding, text_pieces
from clone_agent.importers.format import HEAD_SIZE, Head, ReadOptions, Record, head_of
from clone_agent.importers.identity import MessageIds, chat_id
from clone_agent.importers.json_facts import facts_of
from clone_agent.importers.json_shape import shape_of
from clone_agent.importers.json_stream import Damaged, JsonStream
from clone_agent.importers.new_message import new_message
from clone_agent.importers.opening import json_of
from clone_agent.importers.source import Source
from clone_agent.message_ids import second_of
from clone_agent.records import ChatKind, Conversation, Kind, Message, Skipped

PLATFORM = "telegram"
_SERVICE = "name:Telegram"
_KINDS = {"personal_chat": ChatKind.PRIVATE, "private_group": ChatKind.GROUP} | dict.fromkeys(
    ("private_supergroup", "public_supergroup"), ChatKind.GROUP
)
_MEDIA = {
    "sticker": Kind.STICKER,
    "animation": Kind.STICKER,
    "voice_message": Kind.VOICE,
    "video_message": Kind.VIDEO,
    "video_file": Kind.VIDEO,
    "audio_file": Kind.FILE,
}
_CONTENTS = (
    ("photo", Kind.IMAGE),
    ("location_information", Kind.LOCATION),
    ("live_location_period_seconds", Kind.LOCATION),
    ("contact_information", Kind.CARD),
    ("poll", Kind.CARD),
    ("game_title", Kind.CARD),
    ("invoice_information", Kind.CARD),
    ("file", Kind.FILE),
)
_NO_JSON = re.compile(r"(?<!\\)((?:\\\\)*)\\x([0-9A-Fa-f]{2})")
_UNFINISHED = re.compile(r"\\+(?:x[0-9A-Fa-f]?)?\Z")
_ROW_TYPES = frozenset({"message", "service", "unsupported"})
_FACTS = ("name", "type", "id")
_TIMES = frozenset({"date", "date_unixtime"})
_CHAT = re.compile(r'"messages"\s*:\s*\[\s*(?:\{\s*(?:"id"\s*:\s*-?\d+\s*,\s*)?"type"\s*:\s*"(?:message|service|unsupported)"|\])')


def matches(head: Head) -> bool:
    """An object with Telegram's list of chats, or with messages that begin as Telegram's do."""
    shape = shape_of(head.text)
    if shape.has("chats.list") or shape.has("left_chats.list") or shape.has("personal_information"):
        return True
    if not shape.rows:  # no message, or one longer than the first bytes
        return shape.has("messages") and not shape.has("chatInfo") and _CHAT.search(head.text) is not None
    return shape.has("messages") and any(row.get("type") in _ROW_TYPES and not _TIMES.isdisjoint(row) for row in shape.rows)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message of every chat; the owner is told by the full export, and by a personal chat once both have spoken."""
    with source.open() as stream:
        encoding = find_encoding(stream.read(HEAD_SIZE))
    with source.open() as stream:
        parts = JsonStream(_repaired(text_pieces(stream, encoding)), name=source.name)
        yield from _Reader(parts, source, options.timezone).whole()
        if parts.is_damaged:
            yield Skipped(source=source.name, reason="damaged, cannot be decoded")


def _repaired(pieces: Iterator[str]) -> Iterator[str]:
    rest = ""
    for piece in pieces:
        text = rest + piece
        unfinished = _UNFINISHED.search(text)
        cut = unfinished.start() if unfinished else len(text)
        rest = text[cut:]
        yield _NO_JSON.sub(r"\1\\u00\2", text[:cut]) if "\\x" in text else text[:cut]
    yield rest


def _user(told: object) -> str | None:
    number = told.get("user_id") if isinstance(told, dict) else None
    return f"user{number}" if isinstance(number, int | str) else None


def _facts_of_chats(parts: JsonStream) -> Iterator[dict[str, object]]:
    for key in parts.members(anchors=("list",)):
        if key != "list" or parts.peek() != "[":
            parts.skip()
            continue
        for _ in parts.places():
            facts: dict[str, object] = {}
            for name in parts.members(anchors=("messages",)):
                if name in _FACTS:
                    facts[name] = parts.value_or_none()
                else:
                    parts.skip()
            yield facts


@dataclass(slots=True)
class _Chat:
    """A chat that is being read."""

    conversation: Conversation
    ids: MessageIds
    peer: str | None  # the other person's id in a personal chat
    is_new: bool = True


class _Reader:
    """Walks over one export."""

    def __init__(self, parts: JsonStream, source: Source, zone: ZoneInfo) -> None:
        self._parts = parts
        self._source = source
        self._zone = zone
        self._is_single = not shape_of(head_of(source).text).has("chats")
        self._owner: str | None = None
        self._behind: dict[tuple[str, int], dict[str, object]] | None = None
        self._row = 0

    def whole(self) -> Iterator[Record]:
        """The top of the file: a full export, or one chat."""
        facts = facts_of(self._source, _FACTS, needed=("id", "type")) if self._is_single else {}
        for key in self._parts.members(anchors=("chats", "left_chats", "messages")):
            if key == "personal_information":
                self._owner = _user(self._parts.value_or_none())
            elif key in {"chats", "left_chats"} and self._parts.peek() == "{":
                yield from self._chats(key)
            elif key == "messages" and self._parts.peek() == "[":
                yield from self._messages(facts)
            else:
                self._parts.skip()

    def _chats(self, kind: str) -> Iterator[Record]:
        for key in self._parts.members(anchors=("list",)):
            if key != "list" or self._parts.peek() != "[":
                self._parts.skip()
                continue
            for number in self._parts.places():
                facts: dict[str, object] = {}
                for name in self._parts.members(anchors=("messages",)):
                    if name == "messages" and self._parts.peek() == "[":
                        facts = facts if "type" in facts else self._facts_behind(kind, number) | facts
                        yield from self._messages(facts)
                    else:
                        facts[name] = self._parts.value_or_none()

    def _facts_behind(self, kind: str, number: int) -> dict[str, object]:
        """What is told of a chat behind its messages: the whole file is looked through once for all chats that are written so."""
        if self._behind is None:
            self._behind = {}
            with json_of(self._source) as parts:
                for key in parts.members(anchors=("chats", "left_chats")):
                    if key == "personal_information":
                        self._owner = _user(parts.value_or_none())
                    elif key in {"chats", "left_chats"} and parts.peek() == "{":
                        self._behind |= {(key, place): facts for place, facts in enumerate(_facts_of_chats(parts))}
                    else:
                        parts.skip()
        return self._behind.get((kind, number), {})

    def _messages(self, facts: dict[str, object]) -> Iterator[Record]:
        chat = self._open_chat(facts)
        for row in self._parts.elements():
            self._row += 1
            place = f"{self._source.name}#{self._row}"
            if not isinstance(row, dict):
                reason = "cut off in the middle" if isinstance(row, Damaged) and row.is_end else "damaged, cannot be decoded"
                yield Skipped(source=place, reason=reason)
                continue
            message = self._message(row, chat, place)
            if chat.is_new and isinstance(message, Message):
                chat.is_new = False
                yield chat.conversation
            if (
                isinstance(message, Message)
                and chat.conversation.owner is None
                and message.sender != chat.peer
                and _is_owner(message, chat)
            ):
                chat.conversation = replace(chat.conversation, owner=message.sender)
                yield chat.conversation
            yield message

    def _open_chat(self, facts: dict[str, object]) -> _Chat:
        told, number = str(facts.get("type", "")), facts.get("id")
        name = clean_name(_text(facts.get("name")))
        kind = _KINDS.get(told, ChatKind.OTHER if told else ChatKind.PRIVATE)
        identity = (
            f"{PLATFORM}:{number}" if isinstance(number, int) else chat_id(PLATFORM, *((name,) if name else ("unnamed", self._source.stem)))
        )
        peer = f"user{number}" if told == "personal_chat" and isinstance(number, int) else None
        conversation = Conversation(id=identity, platform=PLATFORM, name=name, kind=kind, owner=self._owner)
        return _Chat(conversation, MessageIds(PLATFORM, identity), peer)

    def _message(self, row: dict[str, Any], chat: _Chat, place: str) -> Message | Skipped:
        sent_at = self._time(row)
        if sent_at is None or row.get("type") == "unsupported":
            return Skipped(source=place, reason="unsupported by the exporter" if row.get("type") == "unsupported" else "no time stamp")
        written = clean(_joined(row.get("text"))).strip()
        sender, sender_name = (_SERVICE, "Telegram") if row.get("type") == "service" else _sender(row)
        kind, text, quoted = _content(row, written)
        source_id = str(row["id"]) if isinstance(row.get("id"), int | str) else None
        target = row.get("reply_to_message_id")
        return new_message(
            id=chat.ids.next(sender=sender, second=second_of(sent_at), kind=kind, text=text, source_id=source_id),
            conversation=chat.conversation.id,
            sender=sender,
            sender_name=sender_name,
            sent_at=sent_at,
            kind=kind,
            text=text,
            quoted=quoted,
            reply_to=str(target) if isinstance(target, int | str) else None,
            source_id=source_id,
            mentions=_mentions(row),
            attachments=_attachments(row),
            source=place,
        )

    def _time(self, row: dict[str, Any]) -> datetime | None:
        try:
            if (seconds := row.get("date_unixtime")) is not None:
                return datetime.fromtimestamp(int(seconds), UTC).astimezone(self._zone)
            moment = datetime.fromisoformat(str(row.get("date")))
        except (ValueError, OverflowError, OSError, TypeError):
            return None
        return moment.replace(tzinfo=self._zone) if moment.tzinfo is None else moment.astimezone(self._zone)


def _is_owner(message: Message, chat: _Chat) -> bool:
    return chat.peer is not None and message.sender != _SERVICE and not message.sender.startswith("name:")


def _sender(row: dict[str, Any]) -> tuple[str, str]:
    name, sender = clean_name(_text(row.get("from"))), row.get("from_id")
    if isinstance(sender, int):
        return f"user{sender}", name
    return (sender if isinstance(sender, str) and sender else f"name:{name}"), name


def _content(row: dict[str, Any], written: str) -> tuple[Kind, str, str]:
    """Kind, own words, other people's words."""
    if row.get("type") == "service":
        return (Kind.CALL if row.get("action") == "phone_call" else Kind.SYSTEM), "", ""
    media = _MEDIA.get(str(row.get("media_type"))) or next((kind for key, kind in _CONTENTS if key in row), None)
    if "forwarded_from" in row or "forwarded_from_id" in row:  # null where the account that wrote it is deleted
        return Kind.FORWARD, "", written
    if row.get("via_bot"):  # chosen by the sender, worded by the bot
        return media or Kind.CARD, "", written
    if written:
        return (Kind.REPLY if row.get("reply_to_message_id") is not None else Kind.TEXT), written, ""
    return media or Kind.UNKNOWN, "", ""


def _joined(text: object) -> str:
    if isinstance(text, list):
        return "".join(_joined(part.get("text") if isinstance(part, dict) else part) for part in text)
    return _text(text)


def _mentions(row: dict[str, Any]) -> tuple[str, ...]:
    entities = row.get("text_entities") or row.get("text")
    found = [part for part in entities if isinstance(part, dict)] if isinstance(entities, list) else []
    named = (
        f"user{part['user_id']}" if "user_id" in part else _text(part.get("text")).removeprefix("@")
        for part in found
        if _mentions_somebody(part)
    )
    return tuple(dict.fromkeys(name for name in named if name))


def _mentions_somebody(part: dict[str, Any]) -> bool:
    return part.get("type") in {"mention", "mention_name"}


def _attachments(row: dict[str, Any]) -> tuple[str, ...]:
    paths = (_text(row.get("file_name")) or _text(row.get("file")), _text(row.get("photo")))
    return tuple(clean_name(path.rpartition("/")[2]) for path in paths if path and not path.startswith("(File"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
