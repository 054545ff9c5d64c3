"""Lines of a QQ PC text export to pieces: where a block begins, what is a header, what is the body under it.

Kept apart from `qq_pc_txt` because here stand the traps: chat logs pasted into a body, separators inside a body, excerpts that people
have edited. Nothing here knows about senders, kinds or conversations.
"""

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from clone_agent.importers.damage import SHORT_STAMP, STAMP, is_damaged
from clone_agent.importers.encoding import find_record_end
from clone_agent.records import Skipped

HEADER = re.compile(
    r"(?P<date>\d{4}[-/]\d{1,2}[-/]\d{1,2}) +(?:(?P<before>上午|下午|AM|PM) *)?"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2}):(?P<second>\d{1,2})(?: *(?P<after>上午|下午|AM|PM|am|pm)(?=[ \t]))?[ \t](?P<sender>.*)",
    re.S,
)
SENDER_ID = re.compile(r"(?P<nick>.*?)\s*(?:\((?P<number>\d{5,11})\)|<(?P<mail>[^<>]+)>)\s*", re.S)
TITLE = "消息记录（"
_STAMPS = (f"{STAMP} ", f"{SHORT_STAMP} ")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEPARATOR = re.compile(r"={40,}\s*")  # the program writes 64 signs, retyped files have 48
_LIST = re.compile(r"消息分组[:：](.*)", re.S)
_PEER = re.compile(r"消息对象[:：](.*)", re.S)
# Lines that the program writes, with their ends: first those of a block's head, since somebody may have pasted another log.
_FRAMES = (
    re.compile(r"(?:\A|(?<=[\r\n]))(?:消息记录（|消息(?:分组|对象)[:：]|={40,}[ \t]*(?=[\r\n]))[^\r\n]*(\r\n|\r|\n)"),
    re.compile(r"(?:\A|(?<=[\r\n]))\d{4}[-/]\d{1,2}[-/]\d{1,2} [^\r\n]{0,200}(\r\n|\r|\n)"),
)
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
    moment: datetime
    second: int  # since 1970, UTC
    sender: str
    body: str
    header: str
    is_own: bool = False  # marked as the owner's
    attachments: tuple[str, ...] = ()


def record_end(head: str) -> str:
    """The line end that the program wrote: bodies may hold any number of others."""
    for frame in _FRAMES:
        ends = Counter(found[1] for found in frame.finditer(head))
        if ends:
            return ends.most_common(1)[0][0]
    return find_record_end(head)


def count_headers(text: str, end: str) -> tuple[int, int, int]:
    """How many lines look like headers, how many of them follow a blank line or begin a block, and how many carry an id."""
    every = strict = numbered = 0
    is_after_blank = True
    for line in text.split(end):
        if line[:1].isdigit() and (header := _header(line)) is not None:
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


def read_pieces(lines: Iterable[str], *, name: str, zone: ZoneInfo, is_loose: bool) -> Iterator[Block | Entry | Skipped]:
    """Cut the lines into blocks and their entries, in file order.

    Args:
        lines: without line ends, the byte order mark cut off.
        name: of the file, for `Skipped.source`.
        zone: of the times.
        is_loose: see `is_edited`.
    """
    yield from _without_pasted(_Cutter(lines, name=name, clock=Clock(zone), is_loose=is_loose).pieces(), name)


class _Cutter:
    """Walks over the lines once, with a look at the few that follow."""

    def __init__(self, lines: Iterable[str], *, name: str, clock: "Clock", is_loose: bool) -> None:
        self._lines = iter(lines)
        self._ahead: deque[str] = deque()
        self._number = 0
        self._name = name
        self._clock = clock
        self._is_loose = is_loose
        self._body: list[str] = []
        self._open: tuple[int, re.Match[str]] | None = None  # line and header of the entry whose body is read

    def pieces(self) -> Iterator[Block | Entry | Skipped]:
        """The pieces in file order. This is the innermost loop of an import: lines that cannot begin anything go straight into the body."""
        is_free = True  # a header may stand here
        size = 0
        ahead, lines, is_loose = self._ahead, self._lines, self._is_loose
        while True:
            line = ahead.popleft() if ahead else next(lines, None)
            self._number += 1
            if line is None:
                break
            letter = line[:1]
            if letter == "":
                is_free = True
            elif letter in "0123456789":
                if (is_free or is_loose) and (header := _header(line)) is not None:
                    if self._open is not None:
                        yield self._closed()
                    self._open, self._body = (self._number, header), []
                    is_free, size = False, 0
                    continue
                if is_free and is_damaged(line, *_STAMPS):
                    if self._open is not None:
                        yield self._closed()
                    yield Skipped(source=f"{self._name}:{self._number}", reason="a damaged time stamp")
                    self._body, size = [], 0
                is_free = self._open is None
            elif letter in "=消" and (block := self._block(line, is_free=is_free)) is not None:
                if self._open is not None:
                    yield self._closed(is_end=True)
                yield block
                is_free = True
                continue
            else:
                is_free = self._open is None or line.isspace()
            size += len(line)
            if size <= LONGEST_BODY:
                self._body.append(line)
            elif self._open is not None and size - len(line) <= LONGEST_BODY:
                yield Skipped(source=f"{self._name}:{self._number}", reason="text longer than a million characters, cut")
        if self._open is not None:
            yield self._closed(is_end=True)

    def _closed(self, *, is_end: bool = False) -> Entry | Skipped:
        """The entry that ends here."""
        assert self._open is not None
        (line, header), body = self._open, self._body
        self._open, self._body = None, []
        while body and (not body[-1] or body[-1].isspace() or (is_end and _SEPARATOR.fullmatch(body[-1]))):
            body.pop()
        time = self._clock.read(header)
        if time is None:
            return Skipped(source=f"{self._name}:{line}", reason="impossible time stamp")
        return Entry(line, *time, header["sender"], body[0] if len(body) == 1 else "\n".join(body), header[0])

    def _peek(self, place: int) -> str:
        while len(self._ahead) <= place:
            line = next(self._lines, None)
            if line is None:
                return ""
            self._ahead.append(line)
        return self._ahead[place]

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
            self._ahead.popleft()
        self._number += place
        return Block(start, list_name or "", found[1])

    def _at(self, line: str, place: int) -> str:
        return line if place < 0 else self._peek(place)


def _header(line: str) -> re.Match[str] | None:
    header = HEADER.fullmatch(line)
    if header is not None and ("\n" in line or "\r" in line) and SENDER_ID.fullmatch(header["sender"]) is None:
        return None  # a nick may hold a line end, but only before an id
    return header


class Clock:
    """Header to time. Remembers the day, since messages of a day stand together."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._written = ""
        self._day = (1, 1, 1)
        self._midnight: int | None = None  # seconds since 1970 at the day's start; None where the clocks are changed that day

    def read(self, header: re.Match[str]) -> tuple[datetime, int] | None:
        """The time of a header, and the same in seconds since 1970; None where no clock can show it."""
        date, before, hour, minute, second, after = header.group("date", "before", "hour", "minute", "second", "after")
        hours, minutes, seconds = int(hour), int(minute), int(second)
        if (before or after) and hours <= 12:
            hours = hours % 12 + (12 if (before or after) in _AFTERNOON else 0)
        try:
            if date != self._written:
                self._turn_to(date)
            moment = datetime(*self._day, hours, minutes, seconds, tzinfo=self._zone)
        except ValueError:
            return None
        if self._midnight is None:
            return moment, int(moment.timestamp() // 1)
        return moment, self._midnight + hours * 3600 + minutes * 60 + seconds

    def _turn_to(self, written: str) -> None:
        year, month, day = map(int, written.replace("/", "-").split("-"))
        start = datetime(year, month, day, tzinfo=self._zone)
        try:
            has_one_offset = start.utcoffset() == (start + timedelta(days=1)).utcoffset()
        except OverflowError:
            has_one_offset = False
        self._midnight = int((start - _EPOCH).total_seconds() // 1) if has_one_offset else None
        self._written, self._day = written, (year, month, day)


def _without_pasted(pieces: Iterable[Block | Entry | Skipped], name: str) -> Iterator[Block | Entry | Skipped]:
    """Put pasted messages back into the body that they stand in.

    The program writes in time order. Entries of an earlier day between two that are in order are most likely a log that somebody pasted
    with its blank lines. Entries of the same day may be out of order: 12-hour clocks get sorted wrongly (qq_pc_txt/06).
    """
    last: Entry | None = None  # in order so far, not given out yet: pasted entries may still join it
    held: list[Entry] = []
    for piece in pieces:
        if not isinstance(piece, Entry):
            if isinstance(piece, Block):
                yield from _all(last, held)
                last, held = None, []
            yield piece
            continue
        if last is None or (not held and piece.second >= last.second):
            if last is not None:
                yield last
            last = piece
        elif piece.moment.date() < last.moment.date() and len(held) < _MOST_PASTED:
            held.append(piece)
        elif held and piece.second >= last.second:
            for pasted in held:
                yield Skipped(source=f"{name}:{pasted.line}", reason="a pasted header, kept as text")
            yield last._replace(body="\n\n".join([last.body, *(f"{pasted.header}\n{pasted.body}" for pasted in held)]).rstrip("\n"))
            last, held = piece, []
        else:
            yield from _all(last, held)
            last, held = piece, []
    yield from _all(last, held)


def _all(last: Entry | None, held: list[Entry]) -> Iterator[Entry]:
    if last is not None:
        yield last
    yield from held
