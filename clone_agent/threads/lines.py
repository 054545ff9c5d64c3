"""Messages as the thread scorer sees them: speaker, minute, words, whom they name.

Names are found in the text itself, because most exports write a mention as plain text: `@小明 去不去`, `bob: try again`, `小明你呢`. A name
counts for more at the beginning of a line and before a colon than in passing, and for less when only a part of it is written.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from clone_agent.records import Kind, Message

_LEAD = "@＠"
_TAIL = ":：,，;；.。!！?？~～)）>\"'"
_PASSING_HAN = 2  # characters a Han name needs to be looked for inside a sentence
_PREFIX = 3  # letters of a Latin name that stand for it before a colon
_DECORATION = re.compile(r"[(（\[【<].*?[)）\]】>]|[^\w\u4e00-\u9fff]+$")


class Naming(IntEnum):
    """How clearly a line names somebody; more is clearer."""

    NOT = 0
    PART = 1  # a part of the name
    PASSING = 2  # the whole name somewhere
    FIRST = 3  # the whole name as the first word
    CALLED = 4  # at the beginning with a colon or comma, after an @, or told by the export


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message of a chat with several people."""

    speaker: str
    name: str  # shown; what others call the speaker by
    minute: float  # since any moment that is the same for the whole chat
    text: str
    named: tuple[str, ...] = ()  # speakers or names that the export says are addressed
    answers: int | None = None  # index of the line that it quotes, where the export says so
    is_notice: bool = False  # somebody joined, left, was renamed: nobody's words


def lines_of(messages: Sequence[Message]) -> list[Line]:
    """The messages of one conversation, in time order, as lines; a quote of a message outside of them is no quote."""
    places = {key: number for number, message in enumerate(messages) for key in (message.id, message.source_id) if key}
    start = messages[0].sent_at if messages else None
    lines = []
    for number, message in enumerate(messages):
        quoted = places.get(message.reply_to) if message.reply_to else None
        assert start is not None
        lines.append(
            Line(
                speaker=message.sender,
                name=message.sender_name,
                minute=(message.sent_at - start).total_seconds() // 60,
                text=message.text,
                named=message.mentions,
                answers=quoted if quoted is not None and quoted < number else None,
                is_notice=message.kind in (Kind.SYSTEM, Kind.RECALL),
            )
        )
    return lines


class Names:
    """The people of a chat by everything they are called."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.speakers: dict[str, int] = {}
        whole: dict[str, set[int]] = {}
        for line in lines:
            number = self.speakers.setdefault(line.speaker, len(self.speakers))
            for name in _variants(line.name):
                whole.setdefault(name, set()).add(number)
        self._whole = {name: next(iter(people)) for name, people in whole.items() if len(people) == 1}
        self._part = _parts(self._whole)
        han = sorted((name for name in self._whole if _is_han(name) and len(name) >= _PASSING_HAN), key=len, reverse=True)
        self._han = re.compile("|".join(map(re.escape, han))) if han else None

    def named(self, line: Line) -> dict[int, Naming]:
        """Whom a line names, by number, and how clearly; never its own speaker."""
        found: dict[int, Naming] = {}
        own = self.speakers[line.speaker]

        def note(number: int | None, how: Naming) -> None:
            if number is not None and number != own and found.get(number, Naming.NOT) < how:
                found[number] = how

        for name in line.named:
            note(self.speakers.get(name, self._whole.get(name.casefold().lstrip(_LEAD))), Naming.CALLED)
        for place, word in enumerate(line.text.split()):
            bare = word.lstrip(_LEAD).rstrip(_TAIL).casefold()
            is_called = word[0] in _LEAD or (place == 0 and word[-1] in ":：,，")
            whole = self._whole.get(bare, self._whole.get(word.casefold()))
            if whole is not None:
                note(whole, Naming.CALLED if is_called else Naming.FIRST if place == 0 else Naming.PASSING)
            elif is_called and len(bare) >= _PREFIX:
                note(self._part.get(bare), Naming.CALLED if _is_han(bare) else Naming.PART)
        for match in self._han.finditer(line.text) if self._han else ():
            before = line.text[max(0, match.start() - 1) : match.start()]
            how = Naming.CALLED if before in tuple(_LEAD) else Naming.FIRST if match.start() == 0 else Naming.PASSING
            note(self._whole[match[0]], how)
        return found


def _variants(name: str) -> set[str]:
    """A name as written, and without the decoration that people put around it."""
    folded = name.casefold().strip()
    bare = _DECORATION.sub("", folded).strip("_-|`^ ")
    return {variant for variant in (folded, bare) if variant}


def _parts(whole: Mapping[str, int]) -> dict[str, int]:
    """Beginnings of names that fit one person only."""
    people: dict[str, set[int]] = {}
    for name, number in whole.items():
        letters = re.sub(r"[^\w\u4e00-\u9fff]", "", name)
        for text in {name, letters}:
            for length in range(_PREFIX, len(text)):
                people.setdefault(text[:length], set()).add(number)
    return {part: next(iter(numbers)) for part, numbers in people.items() if len(numbers) == 1}


def _is_han(name: str) -> bool:
    return bool(name) and all("\u4e00" <= letter <= "\u9fff" for letter in name)
