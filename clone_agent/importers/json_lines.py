"""JSON Lines: one value a line, in any encoding, however long the file.

Lines end at LF and nowhere else; the last may lack its end. UTF-8 is decoded from its bytes, which is what most files are and by far the
quickest; a line with broken bytes is still read, and they show as U+FFFD.
"""

from collections.abc import Iterator
from typing import BinaryIO

from clone_agent.importers.encoding import find_encoding, text_records
from clone_agent.importers.format import HEAD_SIZE
from clone_agent.importers.json_fields import decode
from clone_agent.importers.source import Source

_CHUNK = 1 << 20  # bytes read at once
_LONGEST_LINE = 1 << 25  # bytes; a longer one comes in pieces, none of which can be decoded


class Undecoded:
    """A line that is no JSON."""

    def __init__(self, line: str) -> None:
        self.line = line


def json_lines(source: Source) -> Iterator[tuple[int, object]]:
    """The number of each line that is not blank, from 1, and its value or an `Undecoded`."""
    with source.open() as stream:
        head = stream.read(HEAD_SIZE)
    encoding = find_encoding(head)
    with source.open() as stream:
        lines: Iterator[bytes | str] = _byte_lines(stream) if encoding == "utf-8" else text_records(stream, encoding, "\n")
        for number, line in enumerate(lines, start=1):
            if line and not line.isspace():
                try:
                    value = decode(line)
                except (ValueError, RecursionError):
                    value = _again(line)
                yield number, value


def _byte_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a UTF-8 file, without the byte order mark."""
    rest = b""
    is_start = True
    while chunk := stream.read(_CHUNK):
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        if is_start and lines:
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
            is_start = False
        yield from lines
        if len(rest) > _LONGEST_LINE:
            yield rest
            rest = b""
    yield rest.removeprefix(b"\xef\xbb\xbf") if is_start else rest


def _again(line: bytes | str) -> object:
    """A line that could not be decoded, with its broken bytes replaced and the marks of files that were put together left out."""
    text = (line.decode("utf-8", "replace") if isinstance(line, bytes) else line).strip("\ufeff \t\r\n")
    try:
        return decode(text)
    except (ValueError, RecursionError):
        return Undecoded(text)
