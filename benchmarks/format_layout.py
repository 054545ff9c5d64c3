"""A format as text around and between messages, and what messages are made of in many formats."""

import csv
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path

from import_speed import SEED, ZONE, chatter

Row = Callable[[int, datetime, int, str], str]


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
        with path.open("wb") as out:
            out.write(self.head.encode())
            for number, (moment, who, text) in enumerate(chatter(random.Random(SEED))):
                between = self.between if number else ""
                out.write(f"{between}{self.row(number, moment.astimezone(ZONE), who, text)}".encode())
                if out.tell() >= size:
                    break
            out.write(self.foot.encode())
        return path


def dumped(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def cells(*values: object) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def name(who: int) -> str:
    return f"成员{who}"


def clock(moment: datetime, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
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
