"""The line of a table that names its columns: the first that holds anything.

A spreadsheet that saved the table again may have put rows of nothing but separators above it, or `sep=;`, which tells it the separator.
"""

import re
from collections.abc import Iterator

_NOTHING = re.compile(r'[ \t,;"\ufeff]*+(?:sep=.[ \t]*)?', re.I)
_LINE_END = re.compile(r"\r\n|\n|\r")


def header_line(lines: Iterator[str]) -> tuple[int, str]:
    """The number of the line that names the columns, from 1, and its text; an empty one where there is none. Uses it up."""
    number = 0
    for number, line in enumerate(lines, start=1):
        written = line.rstrip("\r")
        if _NOTHING.fullmatch(written) is None:
            return number, written.removeprefix("\ufeff")
    return number, ""


def separator_of(header: str) -> str:
    """What stands between the columns: a comma, or what a spreadsheet of another country or its plain text puts there."""
    return max(",;\t", key=header.count)


def header_of(text: str) -> str:
    """The same of the first bytes of a file."""
    return header_line(iter(_LINE_END.split(text[:20_000])))[1]
