"""Messages copied out of a QQ window and pasted into a text file.

    【冒泡】无情的围观熊 2/14/2020 9:16:13 PM       rank, nick, date and clock as Windows writes them
    第一行                                          the body, up to a blank line before the next head
    第二行

    织练取(958884) 上午 3:13:28                     a number where the group shows them; today's messages have no date

Local time, without a name for the chat. What has no date cannot be placed and is counted. Where the year stands last and no date tells
whether the day or the month comes first, the user is asked.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.damage import digits, is_nearly
from clone_agent.importers.dates import MONTH_TAKEN_FIRST, Order, find_order, hour_of, read_date
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.opening import TextEntry, lines_of
from clone_agent.importers.qq_pc_blocks import PLATFORM
from clone_agent.importers.qq_pc_bodies import read_body
from clone_agent.importers.source import Source
from clone_agent.records import Kind, Skipped

_HEADER = re.compile(
    r"(?P<rank>【[^【】]{1,20}】)?(?P<nick>[^\t\n]{0,60}?)\s?(?:\((?P<number>\d{5,11})\)|<(?P<mail>[^<>@\s]+@[^<>\s]+)>)?[ \u00a0]"
    r"(?P<date>\d{1,4}[/-]\d{1,2}[/-]\d{1,4} )?(?P<pre>上午|下午)? ?"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})(?: (?P<post>AM|PM))?\s*"
)
_LONGEST_HEAD = 150  # characters
_LOOKED_AT = 5000  # lines that tell whether blank lines stand between messages, and dates that are compared with one another
_SYSTEM = frozenset({"10000", "1000000"})
_OTHERS = re.compile(r"\((?:wxid_\w+|我|[A-Za-z][\w-]{5,19}|\d+@chatroom)\) ")  # chatlog's heads


def matches(head: Head) -> bool:
    """A head begins the text, with a rank, a number or a mail address in some head."""
    lines = head.text.lstrip("\ufeff\r\n ").split("\n", 400)
    first = _HEADER.fullmatch(lines[0].rstrip("\r"))
    if first is None or _OTHERS.search(lines[0]) or (first["nick"][:1].isdigit() and first["date"] is None):
        return False
    heads = [found for line in lines if (found := _HEADER.fullmatch(line.rstrip("\r"))) is not None]
    return any(found["rank"] or found["number"] or found["mail"] for found in heads)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message that has a date."""
    told = _order(source)
    if told is None and options.date_order is None:
        yield Skipped(source=source.name, reason=MONTH_TAKEN_FIRST)
    order = told or options.date_order or Order.MONTH_FIRST
    chat = Chat(PLATFORM, chat_id(PLATFORM, "unnamed", source.stem))
    for entry in _entries(source):
        place = f"{source.name}:{entry.line}"
        if entry.head is None:
            yield Skipped(source=place, reason="no time stamp")
        elif not entry.head["date"]:
            yield Skipped(source=place, reason="a clock without a day")
        elif (sent_at := read_date(_written(entry.head), order, options.timezone)) is None:
            yield Skipped(source=place, reason="no time stamp")
        else:
            yield from chat.add(_bubble(entry.head, entry.body, sent_at, place))


def order_doubt(source: Source) -> str | None:
    """A date of the text, where its dates do not tell which number is the day."""
    return next(_dates(source), None) if _order(source) is None else None


def _order(source: Source) -> Order | None:
    """The order of the dates, by the first of them that tell it."""
    dates = _dates(source)
    while some := list(islice(dates, _LOOKED_AT)):
        if (told := find_order(some)) is not None:
            return told
    return None


def _dates(source: Source) -> Iterator[str]:
    return (_written(entry.head) for entry in _entries(source) if entry.head is not None and entry.head["date"])


def _bubble(head: re.Match[str], body: list[str], sent_at: datetime, place: str) -> Bubble:
    nick, number = head["nick"].strip(), head["number"] or head["mail"]
    written = "\n".join(body).strip()
    kind, words = (Kind.SYSTEM, written) if number in _SYSTEM else read_body(written)
    return Bubble(sender=number or named(nick), sender_name=nick, sent_at=sent_at, kind=kind, text=words, source=place)


def _written(head: re.Match[str]) -> str:
    """Date and clock in one form: the hour of 24."""
    return f"{(head['date'] or '').strip()} {hour_of(head)}:{head['minute']}:{head['second']}"


def _is_loose(source: Source) -> bool:
    """Whether somebody took the blank lines out, so that every line with a head's number, mail address or rank is one."""
    every = strict = 0
    is_free = True
    for line in islice(lines_of(source), _LOOKED_AT):
        found = _HEADER.fullmatch(line)
        is_head = found is not None and (found["number"] or found["mail"] or found["rank"])
        every += bool(is_head)
        strict += bool(is_head and is_free)
        is_free = not line.strip()
    return every > 1 and strict * 2 <= every


def _is_damaged(line: str) -> bool:
    """Whether one character keeps a line from being a head with a date or a number."""
    return digits(line) >= 5 and len(line) <= _LONGEST_HEAD and is_nearly(line, _told, signs="0/-: ()<>APM上下午", within=_LONGEST_HEAD)


def _told(line: str) -> bool:
    found = _HEADER.fullmatch(line)
    return found is not None and bool(found["date"] or found["number"] or found["mail"])


def _entries(source: Source) -> Iterator[TextEntry]:
    """The text cut at heads that begin it or follow a blank line."""
    current = TextEntry(1, None, [])
    is_free, is_loose = True, _is_loose(source)
    for number, line in enumerate(lines_of(source), start=1):
        found = _HEADER.fullmatch(line) if is_free or is_loose else None
        if found is not None and not (is_free or found["number"] or found["mail"] or found["rank"]):
            found = None
        if found is not None:
            if current.head is not None or any(part.strip() for part in current.body):
                yield current
            current = TextEntry(number, found, [])
            is_free = False
            continue
        if (is_free or is_loose) and _is_damaged(line):
            if current.head is not None or any(part.strip() for part in current.body):
                yield current
            current = TextEntry(number, None, [])
        current.body.append(line)
        is_free = not line.strip()
    if current.head is not None or any(part.strip() for part in current.body):
        yield current
