"""ChatLab's standard format, JSON and JSONL: what other programs hand chats over in.

    {"chatlab":{"version":"0.0.2","exportedAt":1711468800},
     "meta":{"name":"群","platform":"qq","type":"group","groupId":"600100","ownerId":"10000"},
     "members":[{"platformId":"10001","accountName":"Alice","groupNickname":"A"}],
     "messages":[{"sender":"10001","accountName":"Alice","timestamp":1711468800,"type":0,"content":"你好","platformMessageId":"100"}]}

As JSONL each object stands on a line of its own, with `_type` header, member or message; a byte order mark, lines that begin with `#`
and blank lines are allowed. `timestamp` is in seconds, `content` may be null. Types: 0 text, 1 image, 2 voice, 3 video, 4 file, 5 emoji,
7 link, 8 location, 20 red packet, 21 transfer, 22 poke, 23 call, 24 share, 25 reply, 26 forward, 27 contact, 80 system, 81 recall,
99 other.

Files that `clone_agent.exporting` wrote say more under `cloneAgent`, in `meta` the conversation's `id` and `kind`, in a message its `id`,
`sentAt` and whatever the row alone does not tell: `kind`, `text`, `quoted`, `mentions`, `attachments`, `name`.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from clone_agent.importers.chats import Bubble, Chat
from clone_agent.importers.encoding import find_encoding, text_pieces
from clone_agent.importers.format import HEAD_SIZE, Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.json_facts import facts_of
from clone_agent.importers.json_fields import Row, list_in, row_in, text_in
from clone_agent.importers.json_lines import Undecoded, json_lines
from clone_agent.importers.json_shape import shape_of
from clone_agent.importers.json_stream import Damaged, JsonStream
from clone_agent.importers.qq_pc_blocks import group_chat_id
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.records import ChatKind, Kind, Skipped

_KINDS = {
    0: Kind.TEXT,
    1: Kind.IMAGE,
    2: Kind.VOICE,
    3: Kind.VIDEO,
    4: Kind.FILE,
    5: Kind.STICKER,
    7: Kind.CARD,
    8: Kind.LOCATION,
    20: Kind.RED_PACKET,
    21: Kind.TRANSFER,
    23: Kind.CALL,
    24: Kind.CARD,
    25: Kind.REPLY,
    26: Kind.FORWARD,
    27: Kind.CARD,
    80: Kind.SYSTEM,
    81: Kind.RECALL,
}
TYPES = {kind: number for number, kind in reversed(_KINDS.items())} | {Kind.UNKNOWN: 99}
EXTENSION = "cloneAgent"
_KIND_NAMES = frozenset(kind.value for kind in Kind)
_OWN = frozenset({Kind.TEXT, Kind.REPLY})
_CARRIED = frozenset({Kind.CARD, Kind.FORWARD, Kind.SYSTEM, Kind.RECALL})  # their content is worth keeping, but is nobody's own words
_KEYS = ("chatlab", "meta", "members", "messages")
_MILLISECONDS = 10**11  # a stamp from here on is none of seconds
_MESSAGE_ID = re.compile(r"[0-9a-f]{32}(?:-\d{1,9})?")


class Reading(NamedTuple):
    """What a row says."""

    kind: Kind
    text: str = ""
    quoted: str = ""
    mentions: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()


def matches(head: Head) -> bool:
    """An object with `chatlab`, or lines with `_type`."""
    lines = [line for line in re.split(r"\r?\n", head.text[:20_000]) if line.strip() and not line.lstrip().startswith("#")]
    if lines and '"_type"' in lines[0] and lines[0].lstrip().startswith("{"):
        return True
    shape = shape_of(head.text)
    return shape.has("chatlab") or shape.has_row("accountName", "timestamp", "sender")


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message, from either shape."""
    with source.open() as stream:
        data = stream.read(HEAD_SIZE)
    encoding = find_encoding(data)
    text = data.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    reader = _Reader(source, options)
    if text.startswith("#") or '"_type"' in text.partition("\n")[0]:
        yield from _read_lines(source, reader)
        return
    facts = facts_of(source, ("chatlab", "meta", "members"), needed=("meta",))
    yield from _unknown_version(facts.get("chatlab"), reader.file)
    reader.meta = row_in(facts.get("meta"))
    for member in list_in(facts.get("members")):
        reader.meet(row_in(member))
    with source.open() as stream:
        yield from _read_object(JsonStream(text_pieces(stream, encoding), name=source.name), reader)


def _read_lines(source: Source, reader: "_Reader") -> Iterator[Record]:
    for number, row in json_lines(source):
        place = f"{reader.file}:{number}"
        if not isinstance(row, dict):
            if not isinstance(row, Undecoded):
                yield Skipped(source=place, reason="no message")
            elif not row.line.startswith("#"):
                yield Skipped(source=place, reason="damaged, cannot be decoded")
            continue
        match row.get("_type"):
            case "message":
                yield from reader.message(row, place)
            case "header":
                reader.meta = row_in(row.get("meta"))
                yield from _unknown_version(row.get("chatlab"), reader.file)
            case "member":
                reader.meet(row)
            case _:
                yield Skipped(source=place, reason="no message")


def _read_object(parts: JsonStream, reader: "_Reader") -> Iterator[Record]:
    for key in parts.members(anchors=_KEYS):
        if key == "messages" and parts.peek() == "[":
            for number, row in enumerate(parts.elements(), start=1):
                place = f"{reader.file}#{number}"
                if isinstance(row, Damaged):
                    yield Skipped(source=place, reason="cut off in the middle" if row.is_end else "damaged, cannot be decoded")
                else:
                    yield from reader.message(row_in(row), place)
        else:
            parts.skip()
    if parts.is_damaged:
        yield Skipped(source=reader.file, reason="damaged, cannot be decoded")


def _unknown_version(about: object, file: str) -> Iterator[Skipped]:
    version = text_in(row_in(about).get("version"))
    if version and not version.startswith("0."):
        yield Skipped(source=file, reason="unknown version of ChatLab's format, read as far as possible")


class _Reader:
    """Rows to messages, with what header and members tell."""

    def __init__(self, source: Source, options: ReadOptions) -> None:
        self.file = source.name
        self.meta: Row = {}
        self._stem = source.stem
        self._zone = options.timezone
        self._names: dict[str, str] = {}
        self._chat: Chat | None = None

    def meet(self, member: Row) -> None:
        """Remember a member's name."""
        self._names[text_in(member.get("platformId"))] = text_in(member.get("groupNickname")) or text_in(member.get("accountName"))

    def message(self, row: Row, place: str) -> Sequence[Record]:
        """The message of a row."""
        more = row_in(row[EXTENSION]) if EXTENSION in row else None
        stamp = row.get("timestamp")
        sent_at = (_exact_time(more) if more else None) or read_time(stamp, self._zone)
        if sent_at is None:
            return (Skipped(source=place, reason="no time stamp"),)
        sender, content, number = text_in(row.get("sender")), row.get("content"), row.get("type")
        name = text_in(row.get("groupNickname")) or text_in(row.get("accountName")) or self._names.get(sender, "")
        chat = self._chat = self._chat or self._open()
        reply_to, source_id = _id_in(row.get("replyToMessageId")), _id_in(row.get("platformMessageId"))
        if number == 0 and not more and isinstance(content, str) and reply_to is None:
            second = stamp if isinstance(stamp, int) and stamp < _MILLISECONDS else None
            return chat.words(sender or f"name:{name}", name, sent_at, content, place, second, source_id=source_id)
        said = plain_reading(number, text_in(content))
        if more:
            name, said = text_in(more.get("name", name)), _with_more(said, more)
        return chat.add(
            Bubble(
                sender or f"name:{name}",
                name,
                sent_at,
                said.kind,
                place,
                said.text,
                said.quoted,
                reply_to,
                source_id,
                said.mentions,
                said.attachments,
                _message_id(more) if more else "",
            )
        )

    def _open(self) -> Chat:
        platform, told = text_in(self.meta.get("platform")) or "unknown", self.meta.get("type")
        name, owner = text_in(self.meta.get("name")), text_in(self.meta.get("ownerId")) or None
        kind = {"group": ChatKind.GROUP, "private": ChatKind.PRIVATE}.get(told) if isinstance(told, str) else None
        more = row_in(self.meta.get(EXTENSION))
        if more.get("kind") in set(ChatKind):
            kind = ChatKind(more["kind"])
        known = text_in(more.get("id"))
        is_known = known.startswith(f"{platform}:") and known.isprintable()
        identity = known if is_known else self._identity(platform, name, owner, is_group=kind is ChatKind.GROUP)
        return Chat(platform, identity, name=name, kind=kind, owner=owner)

    def _identity(self, platform: str, name: str, owner: str | None, *, is_group: bool) -> str:
        """The conversation's id, the same as from the platform's own exporters where the numbers are told."""
        number = text_in(self.meta.get("groupId")) if is_group else self._peer(owner)
        if not number:
            if not name:
                return chat_id(platform, "unnamed", self._stem)
            return group_chat_id(name) if is_group and platform == "qq" else chat_id(platform, "group" if is_group else "private", name)
        if platform == "qq":
            return f"qq:{'group' if is_group else 'private'}:{number}"
        return f"{platform}:{number.removeprefix('user') if platform == 'telegram' else number}"

    def _peer(self, owner: str | None) -> str:
        others = [member for member in self._names if member != owner]
        return others[0] if owner is not None and len(others) == 1 else ""


def _id_in(value: object) -> str | None:
    return (text_in(value) or None) if value is not None else None


def plain_reading(number: object, content: str) -> Reading:
    """What a row of this type with this content says."""
    if isinstance(number, str) and number.isdecimal():
        number = int(number)  # some programs write every value as a string
    kind = _KINDS.get(number, Kind.UNKNOWN) if isinstance(number, int) else Kind.UNKNOWN
    if kind in _OWN:
        return Reading(kind, text=content) if content.strip() else Reading(Kind.UNKNOWN)
    return Reading(kind, quoted=content if kind in _CARRIED else "", attachments=(content,) if kind is Kind.FILE and content else ())


def _with_more(said: Reading, more: Row) -> Reading:
    """The reading with what the extension corrects."""
    return Reading(
        kind=Kind(more["kind"]) if more.get("kind") in _KIND_NAMES else said.kind,
        text=text_in(more.get("text", said.text)),
        quoted=text_in(more.get("quoted", said.quoted)),
        mentions=tuple(text_in(one) for one in list_in(more.get("mentions"))),
        attachments=tuple(text_in(one) for one in list_in(more["attachments"])) if "attachments" in more else said.attachments,
    )


def _exact_time(more: Row) -> datetime | None:
    """The moment in its own zone, to the millisecond."""
    try:
        moment = datetime.fromisoformat(text_in(more.get("sentAt")))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _message_id(more: Row) -> str:
    """The id that the archive gave; "" where there is none of its shape."""
    told = text_in(more.get("id"))
    return told if _MESSAGE_ID.fullmatch(told) else ""
