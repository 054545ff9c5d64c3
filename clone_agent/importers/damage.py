"""Heads of records in which one character is damaged: a bad sector, a failing stick, an upload that went wrong.

Taken for text, such a head and the words below it would be put into the mouth of whoever spoke before.
"""

from collections.abc import Callable

STAMP = "0000-00-00 00:00:00"
SHORT_STAMP = "0000-00-00 0:00:00"
_ENOUGH = 200  # characters behind those that may be damaged, whatever a line is long


def is_damaged(line: str, *shapes: str) -> bool:
    """Whether a line begins with one of the shapes but for exactly one character.

    Args:
        line: of the text.
        shapes: how heads begin; `0` stands for any digit, `a` for any letter.
    """
    return any(len(line) >= len(shape) and sum(map(_misfits, line, shape)) == 1 for shape in shapes)


def is_nearly(line: str, head: Callable[[str], object], *, signs: str, within: int) -> bool:
    """Whether a line would be a head, were one of its characters another; for heads that no few shapes describe.

    Args:
        line: of the text, no head as it stands.
        head: what recognises a head; None, or anything false, for every other line.
        signs: that a head is made of, and `0` for its digits.
        within: how many characters at the beginning may be damaged.
    """
    top = line[: within + _ENOUGH]
    places = range(min(len(top), within))
    return any(head(f"{top[:place]}{sign}{top[place + 1 :]}") for place in places for sign in signs)


def digits(line: str) -> int:
    """How many there are: tells cheaply that a line is nearly no head."""
    return sum(map(str.isdigit, line))


def _misfits(there: str, wanted: str) -> bool:
    if wanted == "0":
        return not there.isdigit()
    return not there.isalpha() if wanted == "a" else there != wanted
