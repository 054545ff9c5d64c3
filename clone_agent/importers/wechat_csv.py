"""Rows of a CSV that people and programs have had in their hands: a broken quote costs one row and not the rest of the file.

A row ends where its quotes are closed. Lines that make no row together (a quote was lost) are taken apart again where a line begins as the
format's rows do.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass

from clone_agent.importers.header_line import header_line, header_of, separator_of
from clone_agent.importers.opening import lines_of
from clone_agent.importers.source import Source
from clone_agent.records import Skipped

_LONGEST = 200_000  # characters that may stand between an open quote and its end
_NOTHING = re.compile(r"(?!)")
BROKEN = "a broken row"


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands."""

    source: str
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


def columns_of(text: str) -> list[str]:
    """The columns of a CSV, by its first bytes."""
    return _columns(header_of(text))


def _columns(header: str) -> list[str]:
    try:
        return [column.strip() for column in next(csv.reader([header], delimiter=separator_of(header)), [])]
    except csv.Error:
        return []


def read_rows(source: Source, *, start: re.Pattern[str], least: int = 0) -> Iterator[Row | Skipped]:
    """The rows below the line of columns, and a `Skipped` for each that is broken.

    Args:
        source: the file.
        start: what a row begins with, where commas stand between its cells.
        least: cells that a row must have; all columns by default.
    """
    lines = lines_of(source)
    above, header = header_line(lines)
    columns = _columns(header)
    separator = separator_of(header)
    table = _Table(columns, least or len(columns), source.name, start if separator == "," else _NOTHING, separator)
    waiting: list[str] = []
    is_open, size, first = False, 0, above + 1
    for number, line in enumerate(lines, start=above + 1):
        if not waiting:
            if (row := table.plain_row(line, number)) is not None:
                yield row
                continue
            if not line.strip():
                continue
            first = number
        waiting.append(line)
        size += len(line)
        is_open ^= line.count('"') % 2 == 1
        if not is_open or size > _LONGEST:
            found, kept = table.rows(waiting, first)
            yield from found
            first += len(waiting) - len(kept)
            is_open = sum(row.count('"') for row in kept) % 2 == 1
            if kept and not is_open:
                yield from table.rows(kept, first)[0]
                kept = []
            waiting, size = kept, sum(map(len, kept))
    while waiting:
        found, kept = table.rows(waiting, first)
        yield from found
        first += len(waiting) - len(kept)
        waiting = kept


class _Table:
    """Makes rows of lines."""

    def __init__(self, columns: list[str], least: int, name: str, start: re.Pattern[str], separator: str) -> None:
        self._columns = columns
        self._least = least
        self._name = name
        self._start = start
        self._separator = separator

    def plain_row(self, line: str, number: int) -> Row | None:
        """The row that one line is; None where it needs a closer look."""
        line = line.removesuffix("\r")
        quotes = line.count('"')
        if quotes % 2 == 1:
            return None
        try:
            separator = self._separator
            cells = next(csv.reader((line,), strict=True, delimiter=separator)) if quotes else line.split(separator)
        except (csv.Error, StopIteration):
            return None
        if not self._least <= len(cells) <= len(self._columns):
            return None
        return Row(f"{self._name}:{number}", dict(zip(self._columns, cells, strict=False)))

    def rows(self, lines: list[str], number: int) -> tuple[list[Row | Skipped], list[str]]:
        """The row that the lines are, or the rows that begin among them, and the lines of the last one, which may go on."""
        row = self._row(lines, number, is_strict=True)
        starts = [place for place, line in enumerate(lines) if place and self._start.match(line) is not None]
        if isinstance(row, Row) or not starts:
            return [row if isinstance(row, Row) else self._row(lines, number, is_strict=False)], []
        bounds = zip([0, *starts], starts, strict=False)
        return [self._row(lines[begin:end], number + begin, is_strict=False) for begin, end in bounds], lines[starts[-1] :]

    def _row(self, lines: list[str], number: int, *, is_strict: bool) -> Row | Skipped:
        cells = self._cells(lines, is_strict=is_strict)
        if not is_strict and sum(line.count('"') for line in lines) % 2 == 1:
            # The lost quote may have closed a cell that now holds all behind it.
            plain = self._cells([line.replace('"', "") for line in lines], is_strict=False)
            cells = plain if len(plain) > len(cells) else cells
        source = f"{self._name}:{number}"
        return Row(source, dict(zip(self._columns, cells, strict=False))) if cells else Skipped(source=source, reason=BROKEN)

    def _cells(self, lines: list[str], *, is_strict: bool) -> list[str]:
        """The cells of the one row that the lines are; none where they are no row of this table."""
        try:
            rows = csv.reader((f"{line.rstrip(chr(13))}\n" for line in lines), strict=is_strict, delimiter=self._separator)
            found = [row for row in rows if "".join(row).strip()]
        except csv.Error:
            return []
        cells = found[0] if len(found) == 1 else []
        while len(cells) > len(self._columns) and not cells[-1].strip():
            cells.pop()
        return cells if self._least <= len(cells) <= len(self._columns) else []
