"""QQNT_Export: text of one chat out of QQNT's database.

    2024-05-01 12:00:09 发            private: 收, 发, 转发 or 未知
    2024-05-02 12:00:05 群名片丙       group: card, nick or number
    [被引用的消息][文本]               pairs of a tag and its content, which may go on over lines
    大家好
    [文本]
    好
                                      (blank)

UTF-8, local time. The chat's name is the file's name. In a private chat 发 is the owner. A header stands at the start or after a blank line
and right above a tag, even with one damaged character in its time; a row without any part is a header with a blank line below.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.damage import STAMP, is_damaged
from clone_agent.importers.encoding import LONGEST_RECORD
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.opening import lines_of
from clone_agent.importers.qq_pc_blocks import PLATFORM, group_chat_id
from clone_agent.importers.qqnt_tags import DIRECTIONS, TAG, Part, ends_words, is_tag, understand
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.records import ChatKind, Kind, Skipped

_HEADER = re.compile(r"(?P<time>\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}) (?P<who>\S.{0,200}?)\s*")
_DAMAGED = re.compile(r"(?P<time>.{19}) (?P<who>\S.{0,200}?)\s*")  # where `is_damaged`
_OWNER = "我"
_SYSTEM = "系统消息"


class _Entry(NamedTuple):
    line: int
    time: str
    who: str
    body: list[str]


def matches(head: Head) -> bool:
    """Most headers stand above a tag, and one above `[文本]` or with a direction for a name."""
    lines = [line.rstrip("\r") for line in head.text[:20_000].split("\n")]
    headers = [place for place, line in enumerate(lines[:-1]) if _HEADER.fullmatch(line) and (place == 0 or not lines[place - 1].strip())]
    if not headers or any(line.strip() for line in lines[: headers[0]]):
        return False
    tagged = [place for place in headers if lines[place + 1] and TAG.fullmatch(lines[place + 1])]
    is_sure = any("[文本]" in lines[place + 1] or _who(lines[place]) in DIRECTIONS for place in tagged)
    return is_sure and len(tagged) * 2 > len(headers)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row of the text."""
    with_directions = _has_directions(source)
    name = clean_name(source.stem)
    kind = ChatKind.PRIVATE if with_directions else ChatKind.GROUP
    conversation = chat_id(PLATFORM, "private", name) if with_directions else group_chat_id(name)
    chat = Chat(PLATFORM, conversation, name=name, kind=kind, owner=named(_OWNER) if with_directions else None)
    for entry in _entries(source):
        place = f"{source.name}:{entry.line}"
        sent_at = read_time(entry.time, options.timezone) if entry.time else None
        if sent_at is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        parts = _parts(entry.body)
        if not parts:
            yield Skipped(source=place, reason="an empty row")
            continue
        found = understand(parts, is_forwarded=with_directions and entry.who == "转发")
        who = _speaker(entry.who, name) if with_directions else clean_name(entry.who)
        who = _SYSTEM if found.kind is Kind.SYSTEM else who
        yield from chat.add(
            Bubble(
                sender=named(who),
                sender_name=who,
                sent_at=sent_at,
                kind=found.kind,
                text=found.text,
                quoted=found.quoted,
                attachments=found.attachments,
                source=place,
            )
        )


def _who(line: str) -> str:
    header = _HEADER.fullmatch(line)
    return header["who"] if header is not None else ""


def _speaker(direction: str, peer: str) -> str:
    return {"收": peer, "发": _OWNER}.get(direction, "未知")


def _has_directions(source: Source) -> bool:
    """Whether every one of the first headers carries a direction."""
    names: list[str] = []
    for entry in _entries(source):
        if entry.time:
            names.append(entry.who)
        if len(names) >= 2000:
            break
    return bool(names) and all(name in DIRECTIONS for name in names)


def _entries(source: Source) -> Iterator[_Entry]:
    """The text cut at its headers; lines above the first one come without a time."""
    current = _Entry(1, "", "", [])
    waiting: tuple[int, re.Match[str]] | None = None
    is_after_blank, size = True, 0
    for number, line in enumerate(lines_of(source), start=1):
        if waiting is not None and (not line.strip() or is_tag(line)):
            if current.time or any(part.strip() for part in current.body):
                yield current
            current, size = _Entry(waiting[0], waiting[1]["time"], waiting[1]["who"], []), 0
        elif waiting is not None:
            current.body.append(waiting[1].string)
        header = None if not is_after_blank else _HEADER.fullmatch(line) or (_DAMAGED.fullmatch(line) if is_damaged(line, STAMP) else None)
        waiting = (number, header) if header is not None else None
        is_after_blank = not line.strip()
        if header is not None:
            continue
        current.body.append(line)
        size += len(line) + 1
        if size > LONGEST_RECORD:
            yield current
            current, size = _Entry(number + 1, "", "", []), 0
    if current.time or any(part.strip() for part in current.body):
        yield current
    if waiting is not None:
        yield _Entry(waiting[0], waiting[1]["time"], waiting[1]["who"], [])


@dataclass(slots=True)
class _Open:
    tag: str
    lines: list[str]

    @property
    def part(self) -> Part:
        return Part(self.tag, "\n".join(self.lines).strip("\n"))


def _parts(body: list[str]) -> list[Part]:
    """Tags with their contents. The line below a tag is content whatever it looks like, and in words only a known tag is one."""
    parts: list[Part] = []
    current: _Open | None = None
    for line, below in zip(body, [*body[1:], ""], strict=False):
        is_inside = current is not None and current.tag.endswith("[文本]")
        if (current is None or current.lines) and (ends_words(line, below) if is_inside else is_tag(line)):
            if current is not None:
                parts.append(current.part)
            current = _Open(line, [])
        elif current is not None:
            current.lines.append(line)
        elif line.strip():
            current = _Open("[文本]", [line])
    if current is not None:
        parts.append(current.part)
    return parts
