"""The same pseudonym for the same person, everywhere: names from the export itself, replaced in text.

Nicks, remarks, group cards and mentions are what the archive knows as names of a person; all of them become one pseudonym, 友甲 or
Friend A, in the order in which people are given. The owner keeps their name. Names of one letter or character are words too: they are
replaced only where the words around make them names (`short_names`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clone_agent.records import ChatKind
from clone_agent.scrub import Found
from clone_agent.short_names import short_name_at, short_names_pattern

if TYPE_CHECKING:
    from clone_agent.archive import Archive

_STEMS = "甲乙丙丁戊己庚辛壬癸"
_LATIN = re.compile(r"[\w'-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPerson:
    """Somebody by everything they are called."""

    names: tuple[str, ...]
    is_owner: bool


def named_people(archive: "Archive") -> list[NamedPerson]:
    """Everybody in an archive, also by the name of their private chat: a remark that the owner gave stands nowhere else."""
    people = archive.people()
    own = {person.id for person in people if person.is_owner}
    remarks: dict[str, list[str]] = {}
    for info in archive.conversations():
        others = set(archive.speakers(info.conversation.id).values()) - own
        if info.conversation.kind is ChatKind.PRIVATE and len(others) == 1:
            remarks.setdefault(others.pop(), []).append(info.conversation.name)
    return [NamedPerson(names=(person.name, *person.names, *remarks.get(person.id, ())), is_owner=person.is_owner) for person in people]


class Pseudonyms:
    """Replaces names. Built once; the people's order decides who becomes whom."""

    def __init__(self, people: Iterable[NamedPerson], *, language: str) -> None:
        self._by_name: dict[str, str] = {}
        kept: set[str] = set()
        number = 0
        for person in people:
            names = {name.strip() for name in person.names if name.strip()}
            if person.is_owner:
                kept |= names
                continue
            pseudonym = _pseudonym(number, language)
            number += 1
            for name in names:
                self._by_name.setdefault(name, pseudonym)
        for name in kept:
            self._by_name.pop(name, None)
        self._pattern = _pattern([name for name in self._by_name if len(name) > 1])
        self._short = short_names_pattern(list(self._by_name))

    def name(self, name: str) -> str:
        """The pseudonym behind a whole name; the name itself when nobody is known by it."""
        return self._by_name.get(name.strip(), name)

    def replace(self, text: str) -> str:
        """The text with every known name replaced, the longest first."""
        parts: list[str] = []
        at = 0
        for piece in self.find(text):
            parts += (text[at : piece.start], piece.placeholder)
            at = piece.end
        return "".join((*parts, text[at:]))

    def find(self, text: str) -> list[Found]:
        """Where known names stand in a text, in order."""
        spans = [] if self._pattern is None else [found.span() for found in self._pattern.finditer(text)]
        if self._short is not None:
            taken = {place for start, end in spans for place in range(start, end)}
            spans += [span for found in self._short.finditer(text) if (span := short_name_at(found))[0] not in taken]
        return [Found(start=start, end=end, kind="name", placeholder=self._by_name[text[start:end]]) for start, end in sorted(spans)]


def _pattern(names: Sequence[str]) -> re.Pattern[str] | None:
    """Latin names only as whole words; Chinese ones wherever they stand."""
    if not names:
        return None
    ordered = sorted(names, key=len, reverse=True)
    return re.compile("|".join(_alone(re.escape(name)) if _LATIN.fullmatch(name) else re.escape(name) for name in ordered))


def _alone(word: str) -> str:
    return rf"(?<![A-Za-z0-9_]){word}(?![A-Za-z0-9_])"


def _pseudonym(number: int, language: str) -> str:
    """友甲 … 友癸, 友甲2 …; Friend A … Friend Z, Friend A2 …."""
    signs = _STEMS if language == "zh" else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    again, place = divmod(number, len(signs))
    return f"{'友' if language == 'zh' else 'Friend '}{signs[place]}{again + 1 if again else ''}"
