"""Bytes to text: which encoding a file is in, and its text in pieces or in records.

In this order: byte order mark, NUL bytes on one side of each pair (UTF-16), strict UTF-8, GB18030. A file that is UTF-8 but for a few
broken bytes stays UTF-8; the broken bytes show as U+FFFD and are never dropped. Big5 is not guessed: short GBK passes for it.
"""

import codecs
import re
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_LINE_END = re.compile("\r\n|\r|\n")
_PADDING = re.compile("[\\x00\\x1a]")  # what fills up a file or ends it on some systems; never words
_FAR_MORE = 10  # bare line ends for each CRLF: where as many stand, the few CRLF are the strange ones
_TOP = 3  # line ends at the beginning that are all CRLF are no strange ones, however long a text somebody pasted further down
_CHUNK = 1 << 20  # bytes read at once
_HEAD = 1 << 16  # bytes that the encoding was named by
LONGEST_RECORD = 1 << 22  # characters; a longer record comes out in pieces, so that a file without line ends cannot fill the memory


def find_encoding(head: bytes) -> str:
    """Name the encoding of a file by its first bytes."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    return _wide_encoding(head) or _narrow_encoding(head)


def decode_head(head: bytes) -> str:
    """The first bytes as text, without the mark; a character that the end cuts in two is left out.

    Lines that end with CR alone, as on old Macs, end with LF here.
    """
    text = "".join(_decoded(iter((head,)), find_encoding(head), is_whole=False))
    return text if "\n" in text else text.replace("\r", "\n")


def text_pieces(stream: BinaryIO, encoding: str) -> Iterator[str]:
    """The text of a stream, a megabyte at a time, without the byte order mark."""
    yield from _decoded(iter(lambda: stream.read(_CHUNK), b""), encoding, is_whole=True)


def text_records(stream: BinaryIO, encoding: str, end: str, *, is_cr_cut: bool = False) -> Iterator[str]:
    """The text of a stream, cut at `end` and nowhere else. The last record may be empty.

    Args:
        stream: from its start.
        encoding: as `find_encoding` names it.
        end: of a record.
        is_cr_cut: a CR before `end` is no part of the record.
    """
    rest = ""
    is_start = end != "\n"  # blank lines that an editor put above it all may end otherwise
    for piece in text_pieces(stream, encoding):
        rest += piece
        if is_start:
            rest = rest.lstrip("\r\n")
            is_start = not rest
        has_cr = is_cr_cut and "\r" in rest
        records = rest.split(end)
        rest = records.pop()
        yield from ([record.removesuffix("\r") for record in records] if has_cr else records)
        if len(rest) > LONGEST_RECORD:
            yield rest
            rest = ""
    yield rest.removesuffix("\r") if is_cr_cut else rest


def find_record_end(head: str) -> str:
    """The line end that a text's lines are made with: the first one, unless another is far more common.

    Inside a body QQ writes bare CR and LF in files whose records end with CRLF; and an editor may have put blank lines above it all.
    """
    head = head.lstrip("\ufeff \t\r\n")
    first = _LINE_END.search(head)
    windows = head.count("\r\n")
    others = head.count("\n") + head.count("\r") - 2 * windows
    top = {found[0] for found in islice(_LINE_END.finditer(head), _TOP)}
    is_first = first is not None and first[0] == "\r\n" and (windows * _FAR_MORE >= others or (top == {"\r\n"} and windows >= _TOP))
    if first is None or (windows and (is_first or windows >= others)):
        return "\r\n" if windows else "\n"
    return "\n" if "\n" in head else "\r"


def _decoded(chunks: Iterator[bytes], encoding: str, *, is_whole: bool) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    is_start = True
    is_open = is_whole and encoding == "utf-8"  # a file that begins with nothing but ASCII may go on as GB18030
    for number, chunk in enumerate(chunks):
        if is_open and not chunk.isascii():
            is_open = False
            if number > 0 or chunk[:_HEAD].isascii():
                decoder = codecs.getincrementaldecoder(_narrow_encoding(chunk))(errors="replace")
        text = decoder.decode(chunk)
        if "\0" in text or "\x1a" in text:
            text = _PADDING.sub("", text)
        text = text.lstrip("\ufeff") if is_start else text  # files that were put together or saved again have two marks
        yield text
        is_start = is_start and not text
    if is_whole:
        yield decoder.decode(b"", final=True)


def _wide_encoding(head: bytes) -> str | None:
    even, odd = head[0::2].count(0), head[1::2].count(0)
    pairs = len(head) // 2
    if pairs < 2 or (even + odd) * 20 < pairs or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _narrow_encoding(head: bytes) -> str:
    beyond_ascii = len(head) - len(head.translate(None, bytes(range(128, 256))))
    broken = _broken(head, "utf-8")
    # GBK read as UTF-8 breaks at nearly every letter, a damaged UTF-8 file at a few.
    return "utf-8" if broken * 10 <= beyond_ascii or broken <= _broken(head, "gb18030") else "gb18030"


def _broken(head: bytes, encoding: str) -> int:
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    return text.count("\ufffd")
