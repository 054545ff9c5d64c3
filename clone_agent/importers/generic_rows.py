"""Rows of a table that no known program wrote, to records."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from zoneinfo import ZoneInfo

from clone_agent.errors import ExportError
from clone_agent.importers.chats import Bubble, Chat
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.dates import Order, find_order, read_date
from clone_agent.importers.format import ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.qq_pc_bodies import read_body
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.records import Kind, Skipped

PLATFORM = "table"
_LOOK_AHEAD = 2000
_MOST_SPEAKERS = 10_000  # whose names as written are remembered
_TEXT = Kind.TEXT  # to look up a member of an enumeration takes as long as a call
_SOONEST, _MILLISECONDS = 10**8, 10**10  # stamps between them are seconds
_HAS_DATE = re.compile(r"\d[-/.年]\d|\d{9}")
_YES = frozenset({"1", "true", "yes", "y", "是", "t"})
_KIND_WORDS = {
    Kind.TEXT: "text 文本 文字 1 0",
    Kind.IMAGE: "image photo picture 图片",
    Kind.STICKER: "sticker emoji 表情 动画表情",
    Kind.VOICE: "voice audio 语音",
    Kind.VIDEO: "video 视频",
    Kind.FILE: "file document 文件",
    Kind.CARD: "link card share 链接 卡片",
    Kind.SYSTEM: "system notice 系统 系统消息",
    Kind.CALL: "call 通话",
    Kind.RED_PACKET: "redpacket 红包",
    Kind.TRANSFER: "transfer 转账",
    Kind.LOCATION: "location 位置",
}
_KINDS = {word: kind for kind, words in _KIND_WORDS.items() for word in words.split()}


# One row: where it stands, and what its columns hold: texts or numbers; anything else counts as nothing.
Cells = tuple[str, Mapping[str, object]]


def read_cells(rows: Iterator[Cells | Skipped], columns: Mapping[str, str], source: Source, options: ReadOptions) -> Iterator[Record]:
    """The message of each row.

    Args:
        rows: in file order.
        columns: field to column, as `map_columns` gives it.
        source: for the name of the chat where no column tells.
        options: the zone of times without one, and the order of dates that do not tell it.

    Raises:
        ExportError: the dates do not tell whether the day or the month comes first, and the options do not either.
    """
    ahead = list(islice(rows, _LOOK_AHEAD))
    reader = _Reader(columns, source)
    order = find_order([reader.time(row[1]) for row in ahead if isinstance(row, tuple)]) or options.date_order
    if order is None:
        raise ExportError(
            f"The dates of {source.name} may begin with the day or the month.",
            remedy="Say which with --dates day-first or --dates month-first.",
        )
    zone = options.timezone
    for row in chain(ahead, rows):
        if isinstance(row, tuple):
            place, cells = row
            yield from reader.row(place, cells, order, zone)
        else:
            yield row


def doubtful_date(rows: Iterator[Cells | Skipped], columns: Mapping[str, str], source: Source) -> str | None:
    """A date of a table, where its first rows do not tell which number is the day."""
    reader = _Reader(columns, source)
    written = [reader.time(row[1]) for row in islice(rows, _LOOK_AHEAD) if isinstance(row, tuple)]
    return written[0] if written and find_order(written) is None else None


class _Reader:
    """Knows the columns and keeps the chats of one table."""

    def __init__(self, columns: Mapping[str, str], source: Source) -> None:
        self._time, self._text = columns["time"], columns["text"]
        self._sender, self._number, self._id = columns.get("sender", ""), columns.get("sender_id", ""), columns.get("id")
        self._day, self._kind, self._flag, self._name = (columns.get(field) for field in ("date", "kind", "is_owner", "chat"))
        self._stem = clean_name(source.stem)
        self._chats: dict[str, Chat] = {}
        self._owner: str | None = None
        self._only = self._chat(self._stem)  # of rows that name none
        self._known: dict[tuple[object, object], tuple[str, str]] = {}  # name and number as written -> `Message.sender` and its name

    def time(self, cells: Mapping[str, object]) -> str:
        """The time as written; date and clock joined where they stand apart."""
        time = _text_of(cells.get(self._time))
        if self._day is None or _HAS_DATE.search(time) is not None:
            return time
        return " ".join(part for part in (_text_of(cells.get(self._day)), time) if part)

    def row(self, place: str, cells: Mapping[str, object], order: Order, zone: ZoneInfo) -> Sequence[Record]:
        """The message of a row."""
        stamp = cells.get(self._time)
        sent_at: datetime | None
        if stamp.__class__ is int and _SOONEST <= stamp < _MILLISECONDS:
            sent_at = datetime.fromtimestamp(stamp, zone)
        else:
            sent_at = read_time(stamp, zone) if isinstance(stamp, int) else read_date(self.time(cells), order, zone)
        try:
            sender, name = self._known[cells.get(self._sender), cells.get(self._number)]
        except (KeyError, TypeError):  # a list is no key, and nobody's name
            sender, name = self._speaker(cells.get(self._sender), cells.get(self._number))
        if sent_at is None or not sender:
            return (Skipped(source=place, reason="no time stamp" if sent_at is None else "no sender"),)
        chat = self._chat(clean_name(_text_of(cells.get(self._name)))) if self._name is not None else self._only
        if self._flag is not None and self._owner is None and _text_of(cells.get(self._flag)).lower() in _YES:
            self._owner = sender
            for one in self._chats.values():
                one.learn_owner(sender)
        written = cells.get(self._text)
        kind, words = read_body(written) if self._kind is None and isinstance(written, str) else self._words(cells)
        source_id = (_text_of(cells.get(self._id)) or None) if self._id is not None else None
        if kind is _TEXT:
            second = stamp if isinstance(stamp, int) and stamp < _MILLISECONDS else None
            return chat.words(sender, name, sent_at, words, place, second, None, source_id)
        return chat.add(Bubble(sender=sender, sender_name=name, sent_at=sent_at, kind=kind, text=words, source_id=source_id, source=place))

    def _speaker(self, name: object, number: object) -> tuple[str, str]:
        """`Message.sender` and its name; the first is "" where a row names nobody."""
        shown, told = clean_name(_text_of(name)), _text_of(number)
        speaker = (told or (f"name:{shown}" if shown else ""), shown)
        if isinstance(name, str) and isinstance(number, str | int | None) and len(self._known) < _MOST_SPEAKERS:
            self._known[name, number] = speaker
        return speaker

    def _words(self, cells: Mapping[str, object]) -> tuple[Kind, str]:
        written = _text_of(cells.get(self._text))
        kind, words = read_body(written)
        if self._kind is None:
            return kind, words
        told = _KINDS.get(_text_of(cells.get(self._kind)).lower())
        if told is None or told is Kind.TEXT:
            return kind, words
        return told, (written if told is Kind.SYSTEM else "")

    def _chat(self, name: str) -> Chat:
        name = name or self._stem
        if name not in self._chats:
            self._chats[name] = Chat(PLATFORM, chat_id(PLATFORM, name), name=name, owner=self._owner)
        return self._chats[name]


def _text_of(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) else ""
