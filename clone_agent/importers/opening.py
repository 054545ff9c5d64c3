"""An export as lines, as entries of a text, or as JSON."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from clone_agent.importers.encoding import LONGEST_RECORD, find_encoding, text_pieces, text_records
from clone_agent.importers.format import HEAD_SIZE
from clone_agent.importers.json_stream import JsonStream
from clone_agent.importers.source import Source


class TextEntry(NamedTuple):
    """What begins with a head and goes on until the next."""

    line: int  # from 1
    head: re.Match[str] | None  # None: before the first head, a damaged one, or the rest of an entry that is too long
    body: list[str]


def lines_of(source: Source, *, end: str = "\n") -> Iterator[str]:
    """The lines of a text, cut at `end` and nowhere else; a CR before it is cut off. Where there is no LF at all, CR ends lines."""
    with source.open() as stream:
        head = stream.read(HEAD_SIZE)
    if end == "\n" and b"\r" in head and b"\n" not in head:
        end = "\r"
    with source.open() as stream:
        yield from text_records(stream, find_encoding(head), end, is_cr_cut=True)


def entries_of(
    source: Source,
    head: Callable[[str], re.Match[str] | None],
    *,
    end: str = "\n",
    is_damaged: Callable[[str], bool] = lambda line: False,
) -> Iterator[TextEntry]:
    """A text cut where `head` recognises a line. Nothing is lost: lines before the first head come as an entry without one.

    So does a damaged head with what stands below it, where `is_damaged` tells one (`damage`).
    With CRLF for `end`, a line may hold LF, as a message of several lines does where CRLF ends messages.
    """
    current = TextEntry(1, None, [])
    size = below = 0
    for number, line in enumerate(lines_of(source, end=end), start=1):
        if end != "\n":
            number += below
            below += line.count("\n")
        found = head(line)
        if found is not None:
            if current.head is not None or any(part.strip() for part in current.body):
                yield current
            current, size = TextEntry(number, found, []), 0
            continue
        if is_damaged(line):
            if current.head is not None or any(part.strip() for part in current.body):
                yield current
            current, size = TextEntry(number, None, []), 0
        current.body.append(line)
        size += len(line) + 1
        if size > LONGEST_RECORD:
            yield current
            current, size = TextEntry(number + 1, None, []), 0
    if current.head is not None or any(part.strip() for part in current.body):
        yield current


@contextmanager
def json_of(source: Source) -> Iterator[JsonStream]:
    """The JSON of a file, to be read front to back."""
    encoding = _encoding(source)
    with closing(source.open()) as stream:
        yield JsonStream(text_pieces(stream, encoding), name=source.name)


def _encoding(source: Source) -> str:
    with source.open() as stream:
        return find_encoding(stream.read(HEAD_SIZE))
