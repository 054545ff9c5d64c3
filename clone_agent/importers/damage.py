"""Heads of records in which one character is damaged: a bad sector, a failing stick, an upload that went wrong.

Taken for text, such a head and the words below it would be put into the mouth of whoever spoke before.
"""

STAMP = "0000-00-00 00:00:00"
SHORT_STAMP = "0000-00-00 0:00:00"


def is_damaged(line: str, *shapes: str) -> bool:
    """Whether a line begins with one of the shapes but for exactly one character.

    Args:
        line: of the text.
        shapes: how heads begin; `0` stands for any digit, `a` for any letter.
    """
    return any(len(line) >= len(shape) and sum(map(_misfits, line, shape)) == 1 for shape in shapes)


def _misfits(there: str, wanted: str) -> bool:
    if wanted == "0":
        return not there.isdigit()
    return not there.isalpha() if wanted == "a" else there != wanted
