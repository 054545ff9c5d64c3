"""WeChat's own text of chosen messages: multi-select → e-mail, or shared as text.

    小明 和 小红 在微信上的聊天记录如下，请查收。          older: `Dear:` and a TAB stand before it

    —————  2026-04-06  —————                             also 2026/04/07 and 2026年4月8日

    小红  16:21                                          name, two blanks or more, clock without seconds

    有点事，一会儿回

    [图片: a.jpg(请在附件中查看)]

UTF-8. Nobody has an id, and the names in the first line may be others than those below. Some mail programs take the blank lines out: then
every line that looks like a head is one; where only some are gone, those are that somebody named at the top wrote next. Messages stand in
time order, so that a head that goes back within its day, by a name that speaks nowhere else, is somebody's pasted line.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time

from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.encoding import find_encoding, find_record_end, text_records
from clone_agent.importers.format import HEAD_SIZE, Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.source import Source
from clone_agent.importers.wechat_bodies import read_body
from clone_agent.importers.wechat_chat import PLATFORM, Bubble, Chats, named
from clone_agent.records import ChatKind, Skipped

_TITLE = re.compile(r"^[ \t]*(?:Dear[:：]?\s*)?(?P<who>[^\n]{1,200}?)[ \t]*(?:在?微信上?)?的?聊天(?:记录|記錄)如下[^\n]*$", re.M)
_DATE = re.compile(r"\s*[—–─\-_]{2,}\s*(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})日?\s*[—–─\-_]{2,}\s*")
_HEAD = re.compile(r"(?P<name>\S.{0,80}?)(?:\s{2,}|\t)(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)\s*")
_GROUP = re.compile(r"(?:群聊?)?[\"“「](?P<name>.+)[\"”」](?:的?群聊?)?")
_DASHES = frozenset("—–─-_ \t\u3000")
_MOST_ABOVE, _LONGEST_ABOVE = 4, 300  # lines of a letter in any language, and their characters, above the first day
_TITLE_WITHIN = 2000  # characters
_SAMPLE = 1 << 20
_LONGEST = 1_000_000


def matches(head: Head) -> bool:
    """The first line and a day, or a day in dashes with a head below it and no more than a letter's opening above."""
    lines = re.split(r"\r\n|\n|\r", head.text)
    days = [place for place, line in enumerate(lines) if "20" in line and _DATE.fullmatch(line)]
    if not days:
        return False
    if _TITLE.search(head.text[:_TITLE_WITHIN]) is not None:
        return True
    below = [line for line in lines[days[0] + 1 : days[0] + 6] if line.strip()][:1]
    above = [line for line in lines[: days[0]] if line.strip()]
    is_letter = len(above) <= _MOST_ABOVE and all(len(line) <= _LONGEST_ABOVE for line in above)
    return is_letter and "——" in lines[days[0]] and any(_HEAD.fullmatch(line) for line in below)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message; the file is one conversation."""
    with source.open() as stream:
        sample = stream.read(_SAMPLE)
    encoding = find_encoding(sample[:HEAD_SIZE])
    text = sample.decode(encoding, "replace").removeprefix("\ufeff")
    end = find_record_end(text[:HEAD_SIZE])
    chat = _Chat.of(text, end, source)
    with source.open() as stream:
        cutter = _Cutter(chat, source.name)
        for piece in cutter.pieces(text_records(stream, encoding, end)):
            if isinstance(piece, Skipped):
                yield piece
            else:
                yield from chat.message(piece, options, source.name)


@dataclass(slots=True)
class _Entry:
    """One message as it stands in the file."""

    line: int
    written: str  # its head
    name: str
    day: date
    clock: time
    body: list[str] = field(default_factory=list)


class _Chat:
    """What the text as a whole tells about the chat."""

    def __init__(self, *, title: str, names: Counter[str], is_loose: bool, fallback: str) -> None:
        self.names = names
        self.is_loose = is_loose
        self.named = {clean_name(part) for part in re.split(r" 和 | and ", title)}
        self._kind = ChatKind.GROUP if self._is_group(title) else ChatKind.PRIVATE
        group = _GROUP.fullmatch(title)
        self._name = group["name"] if group else title or fallback
        self._room = chat_id(PLATFORM, "mail", title) if title else chat_id(PLATFORM, "unnamed", fallback)
        self._chats = Chats()

    @classmethod
    def of(cls, text: str, end: str, source: Source) -> "_Chat":
        """From the first megabytes."""
        title = _TITLE.search(text[:_TITLE_WITHIN])
        names: Counter[str] = Counter()
        strict = loose = blanks = 0
        before = ""
        for line in text.split(end):
            if ":" in line and (head := _HEAD.fullmatch(line)) is not None:
                names[clean_name(head["name"])] += 1
                is_free = not before.strip() or _DATE.fullmatch(before) is not None
                strict, loose = strict + is_free, loose + (not is_free)
            blanks += bool(names) and not line.strip()
            before = line
        who = clean_name(title["who"]) if title else ""
        return cls(title=who, names=names, is_loose=loose > strict or blanks <= 1, fallback=source.stem)

    def _is_group(self, title: str) -> bool:
        """By the title, else by how many speak; a name that the title of two people lacks and that speaks once may be a pasted line."""
        speakers = [name for name in self.names if len(self.named) != 2 or not self.is_stranger(name)]
        return "群" in title or len(speakers) > 2

    def is_stranger(self, name: str) -> bool:
        """Whether a name speaks once at most and is not named at the top."""
        return self.names[name] <= 1 and name not in self.named

    def message(self, entry: _Entry, options: ReadOptions, file: str) -> Sequence[Record]:
        """The message of an entry."""
        body = read_body(clean("\n".join(entry.body)))
        bubble = Bubble(
            sender=named(entry.name),
            sender_name=entry.name,
            sent_at=datetime.combine(entry.day, entry.clock, options.timezone),
            body=body,
            source=f"{file}:{entry.line}",
        )
        return self._chats.message(bubble, room=self._room, name=self._name, kind=self._kind)


class _Cutter:
    """Cuts the lines into messages. The last one is held back until the next one tells whether it was pasted."""

    def __init__(self, chat: _Chat, file: str) -> None:
        self._chat = chat
        self._file = file
        self._before: _Entry | None = None  # in order, its body may still grow
        self._held: _Entry | None = None

    def pieces(self, lines: Iterable[str]) -> Iterator[_Entry | Skipped]:
        """The messages in file order."""
        day: date | None = None
        is_free = True
        size = 0
        for number, line in enumerate(lines, start=1):
            line = line.removesuffix("\r")
            if line[:1] in _DASHES and (found := _DATE.fullmatch(line)) is not None and (told := _day(found)) is not None:
                day, is_free = told, True
                continue
            head = _HEAD.fullmatch(line) if ":" in line else None
            if head is not None and not (is_free or self._chat.is_loose or self._goes_on(head, day)):
                head = None
            is_free = not line.strip()
            if head is None:
                size = size + len(line)
                if self._held is not None and size <= _LONGEST:
                    self._held.body.append(line)
                elif self._held is None and day is not None and line.strip():
                    yield Skipped(source=f"{self._file}:{number}", reason="no message begins here")
                continue
            size = 0
            if day is None:
                yield Skipped(source=f"{self._file}:{number}", reason="no date above the clock")
                continue
            yield from self._begin(_Entry(number, line, clean_name(head["name"]), day, time(int(head["hour"]), int(head["minute"]))))
        yield from (entry for entry in (self._before, self._held) if entry is not None)

    def _goes_on(self, head: re.Match[str], day: date | None) -> bool:
        """Whether a head without a blank line above it is one all the same: by somebody named at the top, and not before the last."""
        last = self._held
        is_later = last is not None and last.day == day and time(int(head["hour"]), int(head["minute"])) >= last.clock
        return is_later and clean_name(head["name"]) in self._chat.named

    def _begin(self, entry: _Entry) -> Iterator[_Entry]:
        before, held = self._before, self._held
        if held is not None and entry.day == held.day and entry.clock < held.clock:
            if self._chat.is_stranger(entry.name):
                held.body.append(entry.written)
                return
            if before is not None and before.day == held.day and before.clock <= entry.clock and self._chat.is_stranger(held.name):
                before.body += [held.written, *held.body]
                held = None
        if held is not None:
            if before is not None:
                yield before
            self._before = held
        self._held = entry


def _day(found: re.Match[str]) -> date | None:
    try:
        return date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        return None
