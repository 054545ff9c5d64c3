"""Where a name ends in WhatsApp's lines: at the first colon with a blank behind it, unless the file shows that the name holds one itself.

    12/9/20, 23:55 - Mum: home: on my way            five lines of `Mum` and more, and all go on with `home: `: the name is `Mum: home`;
                                                     one is enough where the chat is called so (`WhatsApp Chat with Mum_ home.txt`)
    12/9/20, 23:58 - Mum: home added Ben             then this is the program's
    12/9/20, 23:55 - Ann: note: milk                 Ann says other things too: `note: milk` is what she says
    [13/01/2024, 3:05:06 PM] Trip: Rome: ‎Messages and calls are end-to-end encrypted.     the program's words tell where they begin

It is decided once a file, by the lines that are looked at before it is read. Whichever way it goes, no line is lost.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.whatsapp_phrases import MARK, is_notice, is_notice_head

_COLON = re.compile(r":[ \u00a0\u200e\u200f]")
_OF_NON_CONTACT = re.compile(r"~\s")
_MOST_COLONS = 4  # that a name may hold
_FEWEST = 5  # lines that make a longer name sure
_NOT_IN_FILE_NAMES = re.compile(r'[\\/:*?"<>|_\s-]+')  # or written as something else there
_MOST_NOTICES = 20  # lines of a name that go on without a second colon; more are what somebody says


def parted(rest: str) -> tuple[str, str, str]:
    """Name, colon, text; no colon where none ends a name. The mark of the program stays with the text."""
    found = _COLON.search(rest)
    if found is None:
        return (rest[:-1], ":", "") if rest.endswith(":") else (rest, "", "")
    text = rest[found.end() - (found[0][1] == MARK) :]
    if MARK in text and not text.startswith(MARK):
        before, sign, notice = text.partition(f": {MARK}")
        if sign and is_notice(notice):
            return f"{rest[: found.start()]}: {before}", ":", MARK + notice
    return rest[: found.start()], ":", text


def shown(written: str) -> str:
    """A name without `~ `, which stands before those who are no contacts."""
    name = clean_name(written)
    return name[2:] if _OF_NON_CONTACT.match(name) else name


@dataclass(slots=True)
class LongNames:
    """Gathers what stands between the colons of a file's first lines."""

    _parts: dict[str, list[str]] = field(default_factory=dict)  # by the first part: the parts that all its lines share
    _lines: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _others: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # texts without a second colon

    def add(self, rest: str) -> None:
        """Look at what stands behind a stamp."""
        first, *more = rest.split(": ", _MOST_COLONS)[:-1] or [""]
        if not first:
            return
        if not more:
            others = self._others[first]
            if len(others) <= _MOST_NOTICES:
                others.append(rest[len(first) + 2 :])
            return
        self._lines[first] += 1
        known = self._parts.setdefault(first, more)
        same = next((place for place, (old, new) in enumerate(zip(known, more, strict=False)) if old != new), min(len(known), len(more)))
        del known[same:]

    def told(self, title: str) -> Mapping[str, str]:
        """First part to whole name, of the names that hold a colon.

        Args:
            title: what the chat is called after.
        """
        names = {first: ": ".join((first, *parts)) for first, parts in self._parts.items() if parts and not is_notice_head(first)}
        return {first: name for first, name in names.items() if self._is_sure(first, 1 if is_same(name, title) else _FEWEST)}

    def _is_sure(self, first: str, fewest: int) -> bool:
        others, second = self._others[first], self._parts[first][0]
        is_repeated = self._lines[first] >= max(fewest, len(others) + 1)
        return is_repeated and len(others) <= _MOST_NOTICES and all(text.startswith(f"{second} ") for text in others)


def is_same(name: str, title: str) -> bool:
    """Whether a chat is called after somebody: file names hold no colons and the like."""
    bare = _NOT_IN_FILE_NAMES.sub("", title)
    return name == title or (bare != "" and _NOT_IN_FILE_NAMES.sub("", name) == bare)
