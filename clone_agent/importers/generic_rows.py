"""Rows of a table that no known program wrote, to records."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import NamedTuple

from clone_agent.errors import ExportError
from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.dates import Order, find_order, read_date
from clone_agent.importers.format import ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.qq_pc_bodies import read_body
from clone_agent.importers.source import Source
from clone_agent.records import Kind, Skipped

PLATFORM = "table"
_LOOK_AHEAD = 2000
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


class Cells(NamedTuple):
    """One row: where it stands and what its columns hold."""

    source: str
    cells: Mapping[str, str]


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
    order = find_order([reader.time(row) for row in ahead if isinstance(row, Cells)]) or options.date_order
    if order is None:
        raise ExportError(
            f"The dates of {source.name} may begin with the day or the month.",
            remedy="Say which with --dates day-first or --dates month-first.",
        )
    for row in chain(ahead, rows):
        yield from reader.row(row, order, options) if isinstance(row, Cells) else (row,)


def doubtful_date(rows: Iterator[Cells | Skipped], columns: Mapping[str, str], source: Source) -> str | None:
    """A date of a table, where its first rows do not tell which number is the day."""
    reader = _Reader(columns, source)
    written = [reader.time(row) for row in islice(rows, _LOOK_AHEAD) if isinstance(row, Cells)]
    return written[0] if written and find_order(written) is None else None


class _Reader:
    """Knows the columns and keeps the chats of one table."""

    def __init__(self, columns: Mapping[str, str], source: Source) -> None:
        self._columns = columns
        self._text_column = columns["text"]
        self._has_kinds = "kind" in columns
        self._has_flags = "is_owner" in columns
        self._stem = clean_name(source.stem)
        self._chats: dict[str, Chat] = {}
        self._owner: str | None = None

    def time(self, row: Cells) -> str:
        """The time as written; date and clock joined where they stand apart."""
        time = self._cell(row, "time")
        if "date" not in self._columns or _HAS_DATE.search(time) is not None:
            return time
        return " ".join(part for part in (self._cell(row, "date"), time) if part)

    def row(self, row: Cells, order: Order, options: ReadOptions) -> Iterator[Record]:
        """The message of a row."""
        sent_at = read_date(self.time(row), order, options.timezone)
        name, number = clean_name(self._cell(row, "sender")), self._cell(row, "sender_id")
        if sent_at is None or not (name or number):
            yield Skipped(source=row.source, reason="no time stamp" if sent_at is None else "no sender")
            return
        sender = number or named(name)
        chat = self._chat(clean_name(self._cell(row, "chat")))
        if self._has_flags and self._owner is None and self._cell(row, "is_owner").lower() in _YES:
            self._owner = sender
            for one in self._chats.values():
                one.learn_owner(sender)
        kind, words = self._words(row)
        yield from chat.add(
            Bubble(
                sender=sender,
                sender_name=name,
                sent_at=sent_at,
                kind=kind,
                text=words,
                source_id=self._cell(row, "id") or None,
                source=row.source,
            )
        )

    def _words(self, row: Cells) -> tuple[Kind, str]:
        written = row.cells.get(self._text_column, "")
        kind, words = read_body(written)
        if not self._has_kinds:
            return kind, words
        told = _KINDS.get(self._cell(row, "kind").lower())
        if told is None or told is Kind.TEXT:
            return kind, words
        return told, (written if told is Kind.SYSTEM else "")

    def _cell(self, row: Cells, field: str) -> str:
        column = self._columns.get(field)
        return row.cells.get(column, "").strip() if column is not None else ""

    def _chat(self, name: str) -> Chat:
        name = name or self._stem
        if name not in self._chats:
            self._chats[name] = Chat(PLATFORM, chat_id(PLATFORM, name), name=name, owner=self._owner)
        return self._chats[name]
