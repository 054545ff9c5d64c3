"""Any CSV with a line of columns, one of which is a time, one a sender, one a text.

    时间,发送者,内容                     or time;sender;content, or with TABs
    2024/1/2 3:04,小明,你好             RFC quoting, line ends inside quotes; UTF-8, GB18030, UTF-16

`columns` tells how columns are recognised by their names; where they are not, the user names them. Tables of known programs have readers of
their own and are not taken here. Where the text is the last column, cells beyond it go on with the text, which holds the separator and
lacks its quotes. Elsewhere a row with too many cells is broken, for they are out of place.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from clone_agent.importers.columns import is_chat, map_columns, suggest
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.generic_rows import doubtful_date, read_cells
from clone_agent.importers.header_line import header_line, header_of, separator_of
from clone_agent.importers.opening import lines_of
from clone_agent.importers.qce_tab_txt import matches as is_qce_text
from clone_agent.importers.source import Source
from clone_agent.records import Skipped

Row = tuple[str, dict[str, str]]  # where it stands, and column to cell
_OF_PROGRAMS = frozenset({"MsgSvrID", "TalkerId", "StrContent", "消息ID", "SenderName", "TalkerName", "更多信息"})
_OF_KAKAOTALK = ["Date", "User", "Message"]
_LONGEST = 200_000  # characters between an open quote and its end
_NEAR = 50  # lines of a row that is looked for once more


def matches(head: Head) -> bool:
    """A first line whose columns surely are a chat's, and none of a known program's."""
    columns = columns_of(head.text)
    is_known = is_qce_text(head) or columns == _OF_KAKAOTALK or _OF_PROGRAMS & set(columns)
    return 3 <= len(columns) <= 60 and not is_known and is_chat(columns)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row below the line of columns."""
    columns, rows = rows_of(source, options.columns)
    yield from read_cells(rows, map_columns(columns, options.columns), source, options)


def order_doubt(source: Source) -> str | None:
    """A date of the table, where its dates do not tell which number is the day."""
    columns, rows = rows_of(source, {})
    found = suggest(columns)
    return doubtful_date(rows, found, source) if {"time", "text"} <= found.keys() else None


def columns_of(text: str) -> list[str]:
    """The columns that a text's line of columns names; none where it is no such line."""
    line = header_of(text)
    return [] if line[:1] in {"{", "[", "<"} or len(line) > 2000 else _cells(line, separator_of(line))


def rows_of(source: Source, told: Mapping[str, str]) -> tuple[list[str], Iterator[Row | Skipped]]:
    """The columns of a table, and its rows. `told`: field to column, where the user names them."""
    lines = lines_of(source)
    above, header = header_line(lines)
    delimiter = separator_of(header)
    columns = _cells(header, delimiter)
    text = told.get("text") or suggest(columns).get("text")
    table = _Table(columns=columns, delimiter=delimiter, name=source.name, ends_in_text=text is not None and columns[-1:] == [text])
    return columns, _rows(enumerate(lines, start=above + 1), table)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """What is known of every row."""

    columns: list[str]
    delimiter: str
    name: str
    ends_in_text: bool

    def row(self, lines: list[str], number: int) -> Row | Skipped:
        """The row that begins in a line."""
        place = f"{self.name}:{number}"
        if len(lines) == 1 and '"' not in lines[0] and "\r" not in lines[0]:  # most rows: nothing that the module `csv` is needed for
            return self._placed(lines[0].split(self.delimiter), place)
        try:
            found = [row for row in csv.reader((f"{line}\n" for line in lines), delimiter=self.delimiter) if row]
        except csv.Error:
            found = []
        if len(found) != 1 or (len(lines) > 1 and any(found[0][len(self.columns) :])):  # cells of the rows behind a lost quote
            return _broken(place)
        return self._placed(found[0], place)

    def apart(self, line: str, number: int) -> Row | Skipped:
        """A line as a row of its own, whatever its quotes say."""
        return self.row([line.replace('"', "")], number)

    def _placed(self, cells: list[str], place: str) -> Row | Skipped:
        width = len(self.columns)
        if len(cells) < min(3, width):
            return _broken(place)
        if len(cells) > width and any(map(str.strip, cells[width:])):
            if not self.ends_in_text:
                return _broken(place)
            cells = [*cells[: width - 1], self.delimiter.join(cells[width - 1 :])]
        return place, dict(zip(self.columns, cells, strict=False))


def _rows(lines: Iterator[tuple[int, str]], table: _Table) -> Iterator[Row | Skipped]:
    """A row ends where its quotes are closed; lines that make no row together are taken one by one."""
    waiting: list[str] = []
    is_open, size, number = False, 0, 0
    for number, line in lines:
        if not waiting and not line.strip():
            continue
        waiting.append(line)
        size += len(line)
        is_open ^= _opens(line)
        if is_open and size <= _LONGEST:
            continue
        first, left = number - len(waiting) + 1, 0
        row = _broken("") if is_open else table.row(waiting, first)
        if isinstance(row, Skipped) and len(waiting) > 1:
            rows, left = _again(waiting, table, first)
            yield from rows
        else:
            yield row
        waiting = waiting[len(waiting) - left :]
        is_open, size = left > 0, sum(map(len, waiting))
    while waiting:
        rows, left = _again(waiting, table, number - len(waiting) + 1)
        yield from rows
        waiting = waiting[len(waiting) - left :]


def _again(lines: list[str], table: _Table, first: int) -> tuple[list[Row | Skipped], int]:
    """The rows of lines of which the first has lost a quote, so that all that was quoted behind it seemed to be open.

    Returns:
        The rows, the first line as one of its own, and how many lines at the end may go on behind them.
    """
    found, begun, is_open = [table.apart(lines[0], first)], 1, False
    for place in range(1, len(lines)):
        is_open ^= _opens(lines[place])
        part = lines[begun : place + 1]
        if is_open and len(part) < _NEAR:
            continue
        row = _broken("") if is_open else table.row(part, first + begun)
        if isinstance(row, Skipped):
            found += [table.apart(line, number) for number, line in enumerate(part, first + begun) if line.strip()]
        else:
            found.append(row)
        begun, is_open = place + 1, False
    return found, len(lines) - begun


def _opens(line: str) -> bool:
    """Whether what is quoted at its end was not at its beginning, or the other way round."""
    return line.count('"') % 2 == 1


def _broken(place: str) -> Skipped:
    return Skipped(source=place, reason="a broken row")


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []
