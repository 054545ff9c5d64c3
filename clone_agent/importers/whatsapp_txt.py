"""WhatsApp: the text of an exported chat, alone or in its zip.

    12/9/20, 23:55 - Messages and calls are end-to-end encrypted. …      no name: the program's
    12/9/20, 23:55 - Alice: text                                         Android; lines below go on with the text
    12/9/20, 23:56 - Alice: IMG-20201209-WA0001.jpg (file attached)      the caption stands below
    ‎[13/01/2024, 3:06:00 PM] Bob: ‎<attached: 00000004-PHOTO-….jpg>       iOS; ‎ is U+200E, which marks what the program wrote
    [13/01/2024, 3:07:00 PM] Bob: text ‎<This message was edited>         is cut off

UTF-8; LF on Android, CRLF on iOS with LF inside messages. Local time. `whatsapp_heads` tells the shapes of heads and the order of dates,
`whatsapp_phrases` what the program writes for media and in many languages. There are only names, which are those of the phone's contacts. A
private chat's file is named after the other one; where he speaks and only one other does, that one is the owner.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import PurePosixPath

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.dates import DAY_TAKEN_FIRST
from clone_agent.importers.dates import Order as DateOrder
from clone_agent.importers.encoding import find_record_end
from clone_agent.importers.format import Head, ReadOptions, Record, head_of
from clone_agent.importers.identity import chat_id
from clone_agent.importers.opening import entries_of, lines_of
from clone_agent.importers.qq_root_txt import matches as is_qq_text
from clone_agent.importers.source import Source
from clone_agent.importers.whatsapp_heads import OrderFinder, Shape, clock_of, find_shape, heads_of, numbers_of
from clone_agent.importers.whatsapp_names import LongNames, is_same, parted, shown
from clone_agent.importers.whatsapp_phrases import MARK, is_notice, is_notice_head, read_content
from clone_agent.records import ChatKind, Kind, Skipped

PLATFORM = "whatsapp"
_PROGRAM = "WhatsApp"
_LOOK_AHEAD = 5000  # records whose names are gathered before reading
_TITLES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"WhatsApp[ -]Chat(?: with| mit| met| con|s with)? ?[-–]? ?(?P<name>.+)",
        r"(?:Chat|Conversaci[oó]n) de WhatsApp con (?P<name>.+)",
        r"Conversa (?:do|de) WhatsApp com (?P<name>.+)",
        r"(?:Discussion|Conversation) WhatsApp avec (?P<name>.+)",
        r"Chat WhatsApp con (?P<name>.+)",
        r"Чат WhatsApp с (?:контактом )?(?P<name>.+)",
        r"(?P<name>.+) ile WhatsApp Sohbeti",
        r"[与與](?P<name>.+)的 ?WhatsApp ?(?:聊天|對話|对话)(?:记录|記錄|紀錄)?",
        r"WhatsApp ?(?:聊天|對話|对话)[ -]*(?P<name>.+)",
        r"(?P<name>.+)とのWhatsApp(?:トーク|チャット)",
        r"(?P<name>.+)님과의 WhatsApp 대화",
    )
)
_COPY = re.compile(r"(?: ?\(\d+\)|\.txt|\.zip)+$")  # what a system adds to a name


def matches(head: Head) -> bool:
    """Lines that begin with WhatsApp's heads."""
    is_text = head.text.lstrip()[:1] not in {"{", "<"} and not is_qq_text(head)
    return is_text and find_shape(head.text.split("\n")) is not None


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message of the text."""
    head = head_of(source).text
    shape = find_shape(head.split("\n")) or Shape.DASH
    end = find_record_end(head)
    overview = _Overview.of(source, shape, end)
    if not overview.finder.is_told and options.date_order is None:
        yield Skipped(source=source.name, reason=DAY_TAKEN_FIRST)
    reader = _Reader(source, overview, options)
    for entry in entries_of(source, shape.head, end=end):
        place = f"{source.name}:{entry.line}"
        if entry.head is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        yield from reader.message(entry.head, entry.body, place)


def order_doubt(source: Source) -> str | None:
    """A date of the chat, where its dates do not tell which number is the day."""
    head = head_of(source).text
    shape, end = find_shape(head.split("\n")) or Shape.DASH, find_record_end(head)
    first = next(heads_of(head.split("\n"), shape), None)
    if first is not None and len(first["a"]) == 4:
        return None  # the year comes first, and then the month
    if _Overview.of(source, shape, end).finder.is_told:
        return None
    heads = heads_of(lines_of(source, end=end), shape)
    return next((found["date"] for found in heads if found["a"] != found["b"]), None)


@dataclass(slots=True)
class _Overview:
    """What must be known before the first message: the order of the dates, who speaks, what the chat is called."""

    finder: OrderFinder = field(default_factory=OrderFinder)
    speakers: set[str] = field(default_factory=set)
    title: str = ""  # of the file, its folder or its zip
    is_ios: bool = False  # U+200E at the beginning marks what the program wrote
    notice_name: str = ""  # who carries the program's first notice: on iOS the chat
    long_names: Mapping[str, str] = field(default_factory=dict)  # what stands before the first colon -> the name, where that holds one

    @classmethod
    def of(cls, source: Source, shape: Shape, end: str) -> "_Overview":
        found, head_of_line, names = cls(title=_title(source), is_ios=shape is Shape.BRACKET), shape.head, LongNames()
        for number, line in enumerate(lines_of(source, end=end)):
            if number > _LOOK_AHEAD and found.finder.is_sure:
                break
            head = head_of_line(line)
            if head is None:
                continue
            found.finder.add(head)
            if number <= _LOOK_AHEAD:
                found._meet(head["rest"])
                names.add(head["rest"])
        found.long_names = names.told(found.title)
        found.speakers = {found.long_names.get(name, name) for name in found.speakers}
        return found

    def _meet(self, rest: str) -> None:
        name, sign, text = parted(rest)
        if not sign or is_notice_head(name):
            return
        if is_notice(text):
            self.notice_name = self.notice_name or clean_name(name)
        elif not text.startswith(MARK) or read_content(text, is_ios=self.is_ios).kind is not Kind.SYSTEM:
            self.speakers.add(shown(name))

    @property
    def kind(self) -> ChatKind | None:
        """A group where the first notice carries a name that nobody speaks under; None where nothing tells."""
        return ChatKind.GROUP if self.notice_name and self.notice_name not in self.speakers else None

    @property
    def owner(self) -> str | None:
        """Who is not the one that the chat is named after, where there are just these two."""
        others = {name for name in self.speakers if not is_same(name, self.title)}
        return named(others.pop()) if len(self.speakers) == 2 and len(others) == 1 else None


class _Reader:
    """Keeps the chat of one file."""

    def __init__(self, source: Source, overview: _Overview, options: ReadOptions) -> None:
        self._overview = overview
        self._zone = options.timezone
        self._order = overview.finder.told(options.date_order or DateOrder.DAY_FIRST)
        self._days: dict[str, date | None] = {}
        self._stamp: str | None = None  # as the last message has it: most messages share the minute with the one above
        self._moment: datetime | None = None
        name = overview.title or overview.notice_name
        parts = (name,) if name else ("unnamed", *_folder_and_stem(source))
        self._chat = Chat(PLATFORM, chat_id(PLATFORM, *parts), name=name, kind=overview.kind, owner=overview.owner)

    def message(self, head: re.Match[str], body: list[str], place: str) -> Sequence[Record]:
        """The message of a head and the lines below it."""
        stamp = head.string[: head.start("rest")]
        if stamp != self._stamp:
            self._stamp, self._moment = stamp, self._time(head)
        sent_at = self._moment
        if sent_at is None:
            return (Skipped(source=place, reason="no time stamp"),)
        name, text = self._speech(head["rest"])
        written = ("\n".join([text, *body]) if body else text).rstrip()
        content = read_content(written, is_ios=self._overview.is_ios) if name else None
        if content is None or content.kind is Kind.SYSTEM:
            words = written if content is None else content.text
            return self._chat.add(Bubble(named(_PROGRAM), _PROGRAM, sent_at, Kind.SYSTEM, place, words))
        kind, words, quoted, attachments, mentions = content
        sender = f"name:{name}"
        if kind is Kind.TEXT and not (quoted or attachments or mentions):
            return self._chat.words(sender, name, sent_at, words, place)
        return self._chat.add(Bubble(sender, name, sent_at, kind, place, words, quoted, mentions=mentions, attachments=attachments))

    def _time(self, head: re.Match[str]) -> datetime | None:
        written = head["date"]
        if written not in self._days:
            self._days[written] = self._order.date(numbers_of(head))
        day, clock = self._days[written], clock_of(head)
        return datetime(day.year, day.month, day.day, *clock, tzinfo=self._zone) if day is not None and clock is not None else None

    def _speech(self, rest: str) -> tuple[str, str]:
        """Name and text; no name for the program's lines."""
        name, sign, text = parted(rest)
        if (long := self._overview.long_names.get(name)) is not None:
            return (shown(long), rest[len(long) + 2 :]) if rest.startswith(f"{long}: ") else ("", rest)
        if not sign:
            # A colon without a blank is one only behind a name that is known: `10:30` and links have colons too.
            name, sign, text = rest.partition(":")
            sign = sign if shown(name) in self._overview.speakers else ""
        return (shown(name), text) if sign and not is_notice_head(name) else ("", rest)


def _title(source: Source) -> str:
    """The chat's name by the name of the file, else of its folder or zip."""
    for written in (source.stem, *_folder_and_stem(source)):
        bare = _COPY.sub("", written).strip()
        for pattern in _TITLES:
            if (found := pattern.fullmatch(bare)) is not None:
                return clean_name(found["name"])
    return ""


def _folder_and_stem(source: Source) -> tuple[str, ...]:
    """The name of the folder or zip that a `_chat.txt` lies in; any other name stands for itself."""
    if source.stem != "_chat":
        return (source.stem,)
    return (PurePosixPath(source.path).parent.name or PurePosixPath(source.tree.label).stem, source.stem)
