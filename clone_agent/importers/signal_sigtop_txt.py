"""Signal: text of sigtop, one conversation a file.

    Conversation: Bob (+15550100)                      or `Name (group)`
                                                       (blank)
    From: You
    Type: outgoing                                     incoming and outgoing are speech, everything else is the program's
    Sent: Thu, 2 May 2024 08:01:00 +0800
    Received: …
    Attachment: photo.jpg (image/jpeg, 1234 bytes)     any number
    Reaction: 👍 from Bob                               any number
                                                       (blank)
    > From: Bob                                        a quote
    > Sent: Thu, 2 May 2024 08:00:00 +0800
    >
    > 你好
                                                       (blank)
    收到                                                the body; of an edited message every version, with `| ` before each line
                                                       (blank)

UTF-8, LF. A record begins at a `From:` or `Type:` after a blank line with a `Type:` or `Sent:` right below, even where one character of
each key is damaged. `You` is the owner.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.damage import is_damaged
from clone_agent.importers.encoding import LONGEST_RECORD
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.media import kind_of_type
from clone_agent.importers.opening import lines_of
from clone_agent.importers.source import Source
from clone_agent.records import ChatKind, Kind, Skipped

PLATFORM = "signal"
_PROGRAM = "Signal"
_OWNER = "You"
_NAMELESS = "no filename"
_TITLE = re.compile(r"Conversation: (?P<who>.*)")
_FIELD = re.compile(r"(?P<key>From|Type|Sent|Received|Attachment|Reaction|Edited|Version|[A-Z][a-z]{2,12}): ?(?P<value>.*)")
_STARTS = ("From: ", "Type: ")
_SECOND = ("Type: ", "Sent: ")
_WITH_NUMBER = re.compile(r"(?P<name>.*?)\s*\((?P<number>\+\d{5,16})\)")
_ATTACHMENT = re.compile(r"(?P<name>.*?) \((?P<type>[\w.+-]+/[\w.+-]+)[^()]*\)")


@dataclass(slots=True)
class _Entry:
    line: int
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: list[str] = field(default_factory=list)

    def value(self, key: str) -> str:
        return next((value for name, value in self.fields if name == key), "")

    def values(self, key: str) -> list[str]:
        return [value for name, value in self.fields if name == key]


def matches(head: Head) -> bool:
    """The first line names the conversation, and fields of a record stand below."""
    lines = [line.strip() for line in head.text.lstrip("\ufeff\r\n ").split("\n", 40)[:40]]
    return _TITLE.fullmatch(lines[0]) is not None and any(line.startswith(("From: ", "Type: ", "Sent: ")) for line in lines[1:])


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every record of the text."""
    title = _TITLE.fullmatch(next((line for line in lines_of(source) if line.strip()), "").strip())
    chat = _open_chat(title["who"] if title is not None else source.stem)
    for entry in _entries(source):
        place = f"{source.name}:{entry.line}"
        sent_at = _time(entry.value("Sent") or entry.value("Received"), options.timezone)
        if sent_at is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        yield from chat.add(_bubble(entry, sent_at, place))


def _open_chat(who: str) -> Chat:
    name, number = _person(who.removesuffix("(group)"))
    kind = ChatKind.GROUP if who.rstrip().endswith("(group)") else None
    return Chat(PLATFORM, f"{PLATFORM}:{number}" if number else chat_id(PLATFORM, name), name=name, kind=kind, owner=named(_OWNER))


def _entries(source: Source) -> Iterator[_Entry]:
    current: _Entry | None = None
    is_in_fields, is_after_blank, size = False, True, 0
    held: tuple[int, str] | None = None  # a line that may begin a record
    for number, line in enumerate(lines_of(source), start=1):
        if held is not None:
            line = _mended(line, _SECOND)
            if line.startswith(_SECOND):
                if current is not None:
                    yield current
                current, is_in_fields, size = _Entry(held[0], [_field(held[1])]), True, 0
            elif current is not None:
                current.body.append(held[1])
            held = None
        if is_after_blank and not is_in_fields and (start := _mended(line, _STARTS)).startswith(_STARTS):
            held = (number, start)
        elif is_in_fields and (not line.strip() or _FIELD.fullmatch(line) is None):
            is_in_fields = False
            if current is not None and line.strip():
                current.body.append(line)
        elif is_in_fields and current is not None:
            current.fields.append(_field(line))
        elif current is not None:
            current.body.append(line)
            size += len(line)
        is_after_blank = not line.strip()
        if size > LONGEST_RECORD and current is not None:
            yield current
            current, size = None, 0
    if current is not None:
        yield current


def _mended(line: str, keys: tuple[str, ...]) -> str:
    """A line that begins with one of the keys but for one character, with the whole key; any other as it is."""
    return next((f"{key}{line[len(key) :]}" for key in keys if is_damaged(line, key)), line)


def _field(line: str) -> tuple[str, str]:
    key, _, value = line.partition(":")
    return key, value.strip()


def _bubble(entry: _Entry, sent_at: datetime, place: str) -> Bubble:
    told = entry.value("Type")
    attachments = [found for written in entry.values("Attachment") if (found := _ATTACHMENT.match(written)) is not None]
    if told not in {"incoming", "outgoing", ""}:
        kind = Kind.CALL if "call" in told else Kind.SYSTEM
        text = "\n".join(entry.body).strip() if kind is Kind.SYSTEM else ""
        return Bubble(sender=named(_PROGRAM), sender_name=_PROGRAM, sent_at=sent_at, kind=kind, text=text, source=place)
    name, number = _person(entry.value("From"))
    is_own = told == "outgoing" or name == _OWNER
    words, quoted = _words(entry.body)
    if words:
        kind = Kind.REPLY if quoted else Kind.TEXT
    else:
        kind = kind_of_type(attachments[0]["type"]) if attachments else Kind.FILE if entry.values("Attachment") else Kind.UNKNOWN
    return Bubble(
        sender=named(_OWNER) if is_own else number or named(name),
        sender_name=_OWNER if is_own else name,
        sent_at=sent_at,
        kind=kind,
        text=words,
        quoted=quoted,
        attachments=tuple(found["name"] for found in attachments if found["name"] != _NAMELESS),
        source=place,
    )


def _words(body: list[str]) -> tuple[str, str]:
    """Own words and the quote. Of an edited message the newest version counts, which stands first or has the highest number."""
    if any(line.startswith("|") for line in body) and not any(line.strip() and not line.startswith("|") for line in body):
        body = _newest([line.removeprefix("|").removeprefix(" ") for line in body if line.startswith("|")])
    quote: list[str] = []
    lines = list(body)
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and lines[0].startswith(">"):
        quote.append(lines.pop(0)[1:].removeprefix(" "))
    while quote and (_FIELD.fullmatch(quote[0]) or not quote[0].strip()):
        quote.pop(0)
    return "\n".join(lines).strip(), "\n".join(quote).strip()


def _newest(lines: list[str]) -> list[str]:
    versions: list[tuple[int, list[str]]] = []
    for line in lines:
        found = re.fullmatch(r"Version: (\d+)", line)
        if found is not None or not versions:
            versions.append((int(found[1]) if found is not None else 0, []))
        if found is None:
            versions[-1][1].append(line)
    newest = max(versions, key=lambda version: version[0])[1]
    while newest and (_FIELD.fullmatch(newest[0]) or not newest[0].strip()):
        newest = newest[1:]
    return newest


def _person(written: str) -> tuple[str, str]:
    """Name and number."""
    found = _WITH_NUMBER.fullmatch(written.strip())
    return (clean_name(found["name"]), found["number"]) if found is not None else (clean_name(written), "")


def _time(written: str, zone: ZoneInfo) -> datetime | None:
    try:
        moment = parsedate_to_datetime(written)
        return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
