"""Where a name ends in LINE's texts whose columns are set apart by blanks alone.

    03:04 Alice Cooper hello there        LINE on a computer, in groups; or a text whose TABs a clipboard turned into blanks
    22:05  Alice unsent a message.        two blanks, or a single word: the program's

Names hold blanks too, so they are learned from the text as a whole: what everybody who begins alike goes on with belongs to the name.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

_LEAST = 3  # lines that a second word of a name must stand in
_MOST_NAMESAKES = 4  # people who share a first word
_LONGEST = 6  # words of a name
_WIDE = re.compile(r" *(?P<name>\S.{0,60}?) {2,}(?P<text>.*)", re.S)
_NOTICE = re.compile(
    r"(?:.{1,60} )?(?:unsent a message|joined the (?:group|chat)|left the (?:group|chat)|(?:invited|added|removed) .{1,200}"
    r"|(?:changed|created|deleted|cancelled|canceled) (?:the|an?) .{1,80}|message unsent)\.?",
    re.I,
)


def is_wide(spoken: Sequence[str]) -> bool:
    """Whether several blanks stand for a TAB, so that names end in them."""
    return bool(spoken) and sum(_WIDE.match(line) is not None for line in spoken) * 2 > len(spoken)


def part_wide(line: str) -> tuple[str, str]:
    """Name and text of a line in which several blanks end the name; no name for the program's."""
    found = _WIDE.match(line)
    return (found["name"], found["text"].strip(" ")) if found is not None else ("", line.strip())


def find_names(spoken: Iterable[str], *, told: str) -> tuple[str, ...]:
    """The names that lines begin with, longer ones first.

    Args:
        spoken: what stands behind the clock of each line.
        told: a name that the export itself tells, or "".
    """
    lines = [line for line in spoken if not is_notice(line)]
    others = [line.split(" ") for line in lines if not (told and (line == told or line.startswith(f"{told} ")))]
    names = set(_names((), others)) | ({told} if told else set())
    return tuple(sorted(names, key=lambda name: (-len(name), name)))


def is_notice(line: str) -> bool:
    """Whether what stands behind a clock is the program's: it begins with a blank, is a single word, or one of its sentences."""
    return line[:1] == " " or " " not in line.strip() or _NOTICE.fullmatch(line) is not None


def part(line: str, names: Sequence[str]) -> tuple[str, str]:
    """Name and text of a line; no name for the program's."""
    name = next((one for one in names if line.startswith(f"{one} ") or line == one), None)
    if name is not None and _NOTICE.fullmatch(line) is None:
        return name, line[len(name) :].strip(" ")
    if is_notice(line):
        return "", line.strip()
    name, _, text = line.partition(" ")
    return name, text.strip(" ")


def _names(begun: tuple[str, ...], lines: list[list[str]]) -> Iterator[str]:
    place = len(begun)
    following: dict[str, list[list[str]]] = defaultdict(list)
    for words in lines:
        following[words[place]].append(words)
    can_go_on = all(len(words) > place + 1 and len(found) >= _LEAST for found in following.values() for words in found)
    if begun and (place >= _LONGEST or len(following) > _MOST_NAMESAKES or not can_go_on):
        yield " ".join(begun)
        return
    for word, found in following.items():
        if all(len(words) > place + 1 for words in found):
            yield from _names((*begun, word), found)
        else:
            yield " ".join((*begun, word))
