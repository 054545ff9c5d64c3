"""A format as text around and between messages, and what messages are made of in many formats."""

import csv
import io
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from html import escape
from itertools import count, islice
from pathlib import Path

import orjson
from import_speed import SEED, ZONE, chatter

Row = Callable[[int, datetime, int, str], str]
DRAWN = 100_000
AT_ONCE = 2_000  # rows put together before they are written
SPECIAL_IN_CELLS = re.compile(r'[",\r\n]')


def talk() -> Iterator[tuple[datetime, int, str]]:
    """Endless messages: when in the zone, who, what.

    The first of `chatter`, and the same again at later times: to draw millions takes longer than to read them.
    """
    drawn = [(moment.astimezone(ZONE), who, text) for moment, who, text in islice(chatter(random.Random(SEED)), DRAWN)]
    lasting = drawn[-1][0] - drawn[0][0] + (drawn[1][0] - drawn[0][0])
    for turn in count():
        later = turn * lasting
        for moment, who, text in drawn:
            yield moment + later, who, text


@dataclass(frozen=True)
class Layout:
    """A format as text around and between messages."""

    file: str
    row: Row
    head: str = ""
    foot: str = ""
    between: str = ""

    def write(self, folder: Path, size: int) -> Path:
        """Write so many bytes and return the export."""
        path = folder / self.file
        path.parent.mkdir(parents=True, exist_ok=True)
        messages = enumerate(talk())
        with path.open("wb") as out:
            out.write(self.head.encode())
            while (size_left := size - out.tell()) > 0:
                rows = (self.row(number, moment, who, text).encode() for number, (moment, who, text) in islice(messages, AT_ONCE))
                out.write(self.between.encode() if size - size_left > len(self.head.encode()) else b"")
                out.write(self.between.encode().join(fitting(rows, size_left)))
            out.write(self.foot.encode())
        return path


def fitting(rows: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The first rows that fill so many bytes."""
    for row in rows:
        yield row
        size -= len(row)
        if size <= 0:
            return


def dumped(**fields: object) -> str:
    return orjson.dumps(fields).decode()


def cells(*values: object) -> str:
    plain = ",".join(map(str, values))
    if plain.count(",") == len(values) - 1 and SPECIAL_IN_CELLS.search(plain.replace(",", "")) is None:
        return f"{plain}\n"
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def name(who: int) -> str:
    return f"成员{who}"


def clock(moment: datetime, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    if pattern == "%Y-%m-%d %H:%M:%S":
        return str(moment)[:19]  # the same, several times as fast
    return moment.strftime(pattern)


def millis(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def wxid(who: int) -> str:
    return f"wxid_{who:08d}"


def day_lines(rule: Callable[[datetime], str], row: Row) -> Row:
    """Rows with a line above the first of each day."""
    last: list[str] = [""]

    def with_day(number: int, moment: datetime, who: int, text: str) -> str:
        line = rule(moment)
        above = f"{line}\n" if line != last[0] or number == 0 else ""
        last[0] = line
        return above + row(number, moment, who, text)

    return with_day


def html_lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def quoted_line(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if "\n" in text else text
