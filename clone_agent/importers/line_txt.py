"""LINE: a chat's history as text.

    [LINE] 花子とのトーク履歴                     Chat history with …, Chat history in … (a group), 與…的聊天記錄
    保存日時：2026/08/21 11:59
                                                (blank)
    2025/04/18(金)                              2024.01.02 Tuesday, 2024/1/2週二, Fri, 9/25/2026
    12:08<TAB>花子<TAB>"お疲れ様です！             a body of several lines stands in quotes
    よろしくお願いします！"
    03:05pm<TAB>Bob<TAB>[Photo]                 9:30 PM, 下午03:04, 午後3:04, 오후 3:04
    22:05<TAB><TAB>メッセージの送信を取り消しました    no name, or one TAB only: the program's

    2025.12.10 Wednesday                        LINE on a computer, in groups: no title, and blanks for TABs
    03:04 Alice hello                           `Photos`, `Stickers`: without brackets there

UTF-8, CRLF, local time without seconds. There are only names. In a chat with one person the title names the other one; it may lack
`[LINE]`. Where names end in a text with blanks: `line_names`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import islice

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.damage import digits, is_nearly
from clone_agent.importers.dates import clock_on, hour_of
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.line_bodies import read_body
from clone_agent.importers.line_names import find_names, is_wide, part, part_wide
from clone_agent.importers.opening import entries_of, lines_of
from clone_agent.importers.source import Source
from clone_agent.records import ChatKind, Kind, Skipped

PLATFORM = "line"
_PROGRAM = "LINE"
_DATE = re.compile(r"(?P<year>\d{4})[./-](?P<month>\d{1,2})[./-](?P<day>\d{1,2})[. ]*(?:\([^()\d]{1,10}\)|\s?[^\d\s]{1,12})?\s*")
_DATE_LAST = re.compile(r"(?P<weekday>[A-Za-z]{3,9})\.?, (?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<year>\d{4})\s*")
_RECORD = re.compile(
    r"(?P<pre>上午|下午|午前|午後|오전|오후)?\s?(?P<hour>\d{1,2}):(?P<minute>\d{2})\s?(?P<post>[AaPp]\.?[Mm]\.?)?\t"
    r"(?:(?P<name>[^\t]*)\t)?(?P<text>.*)",
    re.S,
)
_WITH = re.compile(
    r"(?:\[LINE\] )?(?:Chat history with (?P<en>.+)|(?P<ja>.+)とのトーク履歴|[與与](?P<zh>.+)的(?:聊天記錄|聊天记录|對話)"
    r"|(?P<ko>.+)님과의 대화.*)"
)
_IN = re.compile(r"\[LINE\] (?:Chat history in (?P<en>.+)|(?P<ja>.+?)の?トーク履歴|(?P<zh>.+?)的?(?:聊天記錄|聊天记录|對話)|(?P<other>.+))")
_BLANK_RECORD = re.compile(
    r"(?P<pre>上午|下午|午前|午後|오전|오후)?\s?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?:\s?(?P<post>[AaPp]\.?[Mm]\.?)(?=\s))?"
    r"(?:[ \u3000]|\Z)(?P<rest>.*)",
    re.S,
)
_SAVED = re.compile(r"(?:Saved on|保存日時|儲存日期|保存日期|저장한 날짜) ?[:：].*")
_FILE = re.compile(r"\[LINE\] ?(?:Chat with )?")  # before the name, in the name of a file
_SIGNS = "0:上下午前後오전후APM"  # of a clock
_LONGEST_CLOCK = 12  # characters
_LOOK_AHEAD = 5000  # lines
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def matches(head: Head) -> bool:
    """The first line is the title; or it names a day with its weekday, and a record stands below."""
    if head.text.lstrip().startswith("[LINE]"):
        return True
    lines = [line for line in re.split(r"\r\n|\n|\r", head.text.lstrip("\ufeff")[:20_000]) if line.strip()]
    if len(lines) < 2:
        return False
    if _WITH.fullmatch(lines[0].strip()) is not None:
        return _SAVED.fullmatch(lines[1].strip()) is not None
    is_day = _date_line(lines[0]) is not None and re.search(r"[^\d\s./()-]", lines[0]) is not None
    return is_day and any(_RECORD.fullmatch(line) or _BLANK_RECORD.fullmatch(line) for line in lines[1:2])


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every record of the text."""
    chat, peer = _open_chat(source)
    names = _names_between_blanks(source, peer)
    has_peer_spoken = bool(peer) and (_has_spoken(source, peer) if names is None else names.has_told)
    day: date | None = None
    heads = _Heads() if names is None else _BlankHeads(names)
    for entry in entries_of(source, heads, is_damaged=heads.is_damaged):
        place = f"{source.name}:{entry.line}"
        if entry.head is None or entry.head.re not in (_RECORD, _BLANK_RECORD):
            day = _day(entry.head) if entry.head is not None else day
            if entry.head is not None and day is None:
                yield Skipped(source=place, reason="no time stamp")
            if entry.line > 1 and any(line.strip() for line in entry.body):
                yield Skipped(source=f"{source.name}:{entry.line + (entry.head is not None)}", reason="no time stamp")
            continue
        sent_at = clock_on(day, entry.head, options.timezone)
        if sent_at is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        written, first = _speech(entry.head, names)
        name = clean_name(written)
        if name and name != peer and has_peer_spoken:
            chat.learn_owner(named(name))
        later, text = _text(first, entry.body)
        kind, words, quoted, files = read_body(text, is_bare=names is not None) if name else (Kind.SYSTEM, text, "", ())
        yield from chat.add(
            Bubble(
                sender=named(name or _PROGRAM),
                sender_name=name or _PROGRAM,
                sent_at=sent_at,
                kind=kind,
                text=words,
                quoted=quoted,
                attachments=files,
                source=place,
            )
        )
        day = later or day


def _open_chat(source: Source) -> tuple[Chat, str]:
    """The chat, and the name of the other person where the title tells that there is one."""
    title = next(lines_of(source), "").lstrip("\ufeff").strip()
    alone = _WITH.fullmatch(title)
    found = alone or _IN.fullmatch(title)
    name = clean_name(next((part for part in found.groups() if part), "")) if found is not None else ""
    is_group = alone is None and found is not None and found["en"] is not None
    kind = ChatKind.PRIVATE if alone is not None else ChatKind.GROUP if is_group else None
    if not name and source.stem.startswith("[LINE]"):
        name = clean_name(_FILE.sub("", source.stem))
    identity = chat_id(PLATFORM, name) if name else chat_id(PLATFORM, "unnamed", source.stem)
    return Chat(PLATFORM, identity, name=name, kind=kind), name if alone is not None else ""


def _has_spoken(source: Source, name: str) -> bool:
    records = (_RECORD.fullmatch(line) for line, _ in zip(lines_of(source), range(5000), strict=False))
    return any(record is not None and clean_name(record["name"] or "") == name for record in records)


@dataclass(frozen=True, slots=True)
class _Names:
    """Who speaks in a text without TABs."""

    part: Callable[[str], tuple[str, str]]  # what stands behind the clock -> name, text
    often: frozenset[str]  # those who speak more than once
    has_told: bool  # the one that the title names speaks


def _names_between_blanks(source: Source, told: str) -> _Names | None:
    """The names of a text without TABs; None where TABs end them."""
    spoken: list[str] = []
    for line in islice(lines_of(source), _LOOK_AHEAD):
        if "\t" in line and _RECORD.fullmatch(line) is not None:
            return None
        if (record := _BLANK_RECORD.fullmatch(line)) is not None:
            spoken.append(record["rest"])
    parted = part_wide if is_wide(spoken) else partial(part, names=find_names(spoken, told=told))
    counts = Counter(parted(line)[0] for line in spoken)
    return _Names(parted, frozenset(name for name, count in counts.items() if count > 1), bool(told) and counts[told] > 0)


def _speech(head: re.Match[str], names: _Names | None) -> tuple[str, str]:
    """Name and first line; no name for the program's lines."""
    return (head["name"] or "", head["text"]) if names is None else names.part(head["rest"])


class _BlankHeads:
    """Recognises heads where blanks stand for TABs: a line that goes back in its day under a name that speaks just once is text."""

    def __init__(self, names: _Names) -> None:
        self._names = names
        self._clock = 0
        self._is_open = False

    def __call__(self, line: str) -> re.Match[str] | None:
        if self._is_open:
            self._is_open = not _closes(line)
            return None
        if (day := _date_line(line)) is not None:
            self._clock = 0
            return day
        record = _BLANK_RECORD.fullmatch(line)
        if record is None:
            return None
        name, text = self._names.part(record["rest"])
        clock = hour_of(record) * 60 + int(record["minute"])
        if clock < self._clock and name not in self._names.often:
            return None
        self._clock = max(clock, self._clock) if name else self._clock
        self._is_open = text.startswith('"') and not (len(text) > 1 and _closes(text[1:]))
        return record

    def is_damaged(self, line: str) -> bool:
        """Whether one character keeps a line from being a record of somebody who speaks more than once."""
        if self._is_open or digits(line[:_LONGEST_CLOCK]) < 2 or _BLANK_RECORD.fullmatch(line) is not None:
            return False
        return is_nearly(line, self._is_often, signs=f"{_SIGNS} ", within=_LONGEST_CLOCK)

    def _is_often(self, line: str) -> bool:
        record = _BLANK_RECORD.fullmatch(line)
        return record is not None and bool(name := self._names.part(record["rest"])[0]) and name in self._names.often


class _Heads:
    """Recognises heads. A date inside the quotes of a body is none; where they never close, `_text` finds it again."""

    def __init__(self) -> None:
        self._is_open = False

    def __call__(self, line: str) -> re.Match[str] | None:
        if "\t" in line and (record := _RECORD.fullmatch(line)) is not None:
            text = record["text"]
            self._is_open = text.startswith('"') and not (len(text) > 1 and _closes(text[1:]))
            return record
        if self._is_open:
            self._is_open = not _closes(line)
            return None
        return _date_line(line)

    def is_damaged(self, line: str) -> bool:
        """Whether one character keeps a line from being a record."""
        return "\t" in line and is_nearly(line, _RECORD.fullmatch, signs=f"{_SIGNS}\t", within=_LONGEST_CLOCK)


def _closes(text: str) -> bool:
    """Whether a text ends with a quote that is not doubled, as quotes inside are."""
    return (len(text) - len(text.rstrip('"'))) % 2 == 1


def _date_line(line: str) -> re.Match[str] | None:
    return _DATE.fullmatch(line) or _DATE_LAST.fullmatch(line)


def _day(head: re.Match[str]) -> date | None:
    try:
        if head.re is _DATE:
            return date(int(head["year"]), int(head["month"]), int(head["day"]))
        first, second, year = int(head["a"]), int(head["b"]), int(head["year"])
        # The weekday tells whether the month or the day comes first.
        for month, day in ((first, second), (second, first)):
            if month <= 12 and _WEEKDAYS[date(year, month, day).weekday()] == head["weekday"][:3].lower():
                return date(year, month, day)
        return date(year, first, second)
    except ValueError:
        return None


def _text(first: str, body: list[str]) -> tuple[date | None, str]:
    """The text, and the day that a line below it names where its quotes never close."""
    text = "\n".join([first, *body]).rstrip() if body else first.rstrip()
    if "\n" in text and len(text) > 1 and text[0] == text[-1] == '"':
        return None, text[1:-1].replace('""', '"')
    place = next((place for place, line in enumerate(body) if _date_line(line) is not None), None)
    if not first.startswith('"') or place is None:
        return None, text
    found = [head for line in body[place:] if (head := _date_line(line)) is not None]
    return _day(found[-1]), "\n".join([first, *body[:place]]).rstrip()
