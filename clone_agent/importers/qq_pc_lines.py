"""Lines of a QQ PC text export to pieces: where a block begins, what is a header, what is the body under it.

Kept apart from `qq_pc_txt` because here stand the traps: chat logs pasted into a body, separators inside a body, excerpts that people
have edited. Nothing here knows about senders, kinds or conversations.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from clone_agent.records import Skipped

HEADER = re.compile(
    r"(?P<date>\d{4}[-/]\d{1,2}[-/]\d{1,2}) +(?:(?P<before>上午|下午|AM|PM) *)?"
    r"(?P<time>\d{1,2}:\d{1,2}:\d{1,2})(?: *(?P<after>上午|下午|AM|PM|am|pm)(?=[ \t]))?[ \t](?P<sender>.*)",
    re.S,
)
SENDER_ID = re.compile(r"(?P<nick>.*?)\s*(?:\((?P<number>\d{5,11})\)|<(?P<mail>[^<>]+)>)\s*", re.S)
TITLE = "消息记录（"
_SEPARATOR = re.compile(r"={40,}\s*")  # the program writes 64 signs, retyped files have 48
_LIST = re.compile(r"消息分组[:：](.*)", re.S)
_PEER = re.compile(r"消息对象[:：](.*)", re.S)
_AFTERNOON = frozenset({"下午", "PM", "pm"})
_MOST_PASTED = 5  # messages of a pasted log that may stand between two real ones
LONGEST_BODY = 1_000_000  # characters


class Block(NamedTuple):
    """The head of one contact's messages."""

    line: int
    list_name: str  # 消息分组; "" where the file has none
    peer: str  # 消息对象


class Entry(NamedTuple):
    """One message as it stands in the file."""

    line: int
    moment: datetime  # wall clock, without zone
    sender: str
    body: str
    header: str


def count_headers(text: str, end: str) -> tuple[int, int, int]:
    """How many lines look like headers, how many of them follow a blank line or begin a block, and how many carry an id."""
    every = strict = numbered = 0
    is_after_blank = True
    for line in text.split(end):
        if line[:1].isdigit() and (header := HEADER.fullmatch(line)) is not None:
            every += 1
            strict += is_after_blank
            numbered += SENDER_ID.fullmatch(header["sender"]) is not None
            is_after_blank = False
        else:
            is_after_blank = not line.strip() or line.startswith(TITLE) or _SEPARATOR.fullmatch(line) is not None
    return every, strict, numbered


def is_edited(text: str, end: str) -> bool:
    """Whether somebody took the blank lines out, so that every line that looks like a header is one."""
    every, strict, numbered = count_headers(text, end)
    return strict * 2 <= every and (every >= 3 or (every > 0 and numbered == every))


def read_pieces(lines: Iterable[str], *, name: str, is_loose: bool) -> Iterator[Block | Entry | Skipped]:
    """Cut the lines into blocks and their entries, in file order.

    Args:
        lines: without line ends, the byte order mark cut off.
        name: of the file, for `Skipped.source`.
        is_loose: see `is_edited`.
    """
    yield from _without_pasted(_Cutter(lines, name=name, is_loose=is_loose).pieces(), name)


class _Cutter:
    """Walks over the lines once, with a look at the few that follow."""

    def __init__(self, lines: Iterable[str], *, name: str, is_loose: bool) -> None:
        self._lines = iter(lines)
        self._ahead: deque[str] = deque()
        self._number = 0
        self._name = name
        self._is_loose = is_loose
        self._body: list[str] = []
        self._size = 0
        self._open: tuple[int, datetime | None, str, str] | None = None  # line, moment, sender, header

    def pieces(self) -> Iterator[Block | Entry | Skipped]:
        is_free = True  # a header may stand here
        while (line := self._next()) is not None:
            if line == "":
                is_free = True
                self._add(line)
                continue
            letter = line[0]
            if letter in "0123456789" and (is_free or self._is_loose) and self._is_header(line):
                yield from self._close()
                self._start(line)
                is_free = False
            elif letter in "=消" and (block := self._block(line, is_free=is_free)) is not None:
                yield from self._close(is_end=True)
                yield block
                is_free = True
            else:
                is_free = not line.strip() or (self._open is None)
                self._add(line)
                if self._size > LONGEST_BODY and self._body:
                    yield Skipped(source=f"{self._name}:{self._number}", reason="text longer than a million characters, cut")
                    self._size = -(1 << 60)
        yield from self._close(is_end=True)

    def _next(self) -> str | None:
        self._number += 1
        return self._ahead.popleft() if self._ahead else next(self._lines, None)

    def _peek(self, place: int) -> str:
        while len(self._ahead) <= place:
            line = next(self._lines, None)
            if line is None:
                return ""
            self._ahead.append(line)
        return self._ahead[place]

    def _add(self, line: str) -> None:
        if self._open is not None and self._size >= 0:
            self._body.append(line)
            self._size += len(line)

    @staticmethod
    def _is_header(line: str) -> bool:
        header = HEADER.fullmatch(line)
        if header is None:
            return False
        sender = header["sender"]
        return not ("\n" in sender or "\r" in sender) or SENDER_ID.fullmatch(sender) is not None

    def _start(self, line: str) -> None:
        header = HEADER.fullmatch(line)
        assert header is not None
        self._open = (self._number, _moment(header), header["sender"], line)
        self._body, self._size = [], 0

    def _close(self, *, is_end: bool = False) -> Iterator[Entry | Skipped]:
        if self._open is None:
            return
        line, moment, sender, header = self._open
        self._open = None
        body = self._body
        while body and (not body[-1].strip() or (is_end and _SEPARATOR.fullmatch(body[-1]))):
            body.pop()
        if moment is None:
            yield Skipped(source=f"{self._name}:{line}", reason="impossible time stamp")
        else:
            yield Entry(line, moment, sender, "\n".join(body), header)

    def _block(self, line: str, *, is_free: bool) -> Block | None:
        """Read a block's head if one begins with `line`; its lines are used up then."""
        start, has_separator, list_name = self._number, False, None
        place = -1
        if _SEPARATOR.fullmatch(line):
            has_separator, place = True, 0
        elif not is_free and self._open is not None:
            return None
        if (found := _LIST.fullmatch(self._at(line, place))) is not None:
            list_name, place = found[1], place + 1
            if _SEPARATOR.fullmatch(self._at(line, place)):
                has_separator, place = True, place + 1
        if (found := _PEER.fullmatch(self._at(line, place))) is None or not (has_separator or list_name is not None or self._open is None):
            return None
        place += 1
        if _SEPARATOR.fullmatch(self._at(line, place)):
            place += 1
        for _ in range(place):
            self._next()
        return Block(start, list_name or "", found[1])

    def _at(self, line: str, place: int) -> str:
        return line if place < 0 else self._peek(place)


def _moment(header: re.Match[str]) -> datetime | None:
    year, month, day = header["date"].replace("/", "-").split("-")
    hour, minute, second = header["time"].split(":")
    half = header["before"] or header["after"]
    hours = int(hour)
    if half is not None and hours <= 12:
        hours = hours % 12 + (12 if half in _AFTERNOON else 0)
    try:
        return datetime(int(year), int(month), int(day), hours, int(minute), int(second))
    except ValueError:
        return None


def _without_pasted(pieces: Iterable[Block | Entry | Skipped], name: str) -> Iterator[Block | Entry | Skipped]:
    """Put pasted messages back into the body that they stand in.

    The program writes in time order. Entries of an earlier day between two that are in order are most likely a log that somebody pasted
    with its blank lines. Entries of the same day may be out of order: 12-hour clocks get sorted wrongly (qq_pc_txt/06).
    """
    last: Entry | None = None  # in order so far, not given out yet: pasted entries may still join it
    held: list[Entry] = []
    for piece in pieces:
        if isinstance(piece, Entry) and last is not None and piece.moment.date() < last.moment.date() and len(held) < _MOST_PASTED:
            held.append(piece)
            continue
        if held and last is not None and isinstance(piece, Entry) and piece.moment >= last.moment:
            for pasted in held:
                yield Skipped(source=f"{name}:{pasted.line}", reason="a pasted header, kept as text")
            last = last._replace(body="\n\n".join([last.body, *(f"{pasted.header}\n{pasted.body}" for pasted in held)]).rstrip("\n"))
            held = []
        if not isinstance(piece, Skipped) or held:
            yield from (entry for entry in (last, *held) if entry is not None)
            last, held = None, []
        if isinstance(piece, Entry):
            last = piece
        else:
            yield piece
    yield from (entry for entry in (last, *held) if entry is not None)
