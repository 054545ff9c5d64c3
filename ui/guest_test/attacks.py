"""What guests of bad will say: scripted talks (`attacks.txt`) with their blanks filled from the chats under attack."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).with_name("attacks.txt")
_KIND = re.compile(r"\[([a-z ]+)\]")
_NEXT_LINE = " >> "
_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|(n))")
_REPEATED = re.compile(r"(.)\{(\d+)\}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One talk of a guest."""

    kind: str  # "orders", "marks", "other people", …
    lines: tuple[str, ...]  # said one after the other


def read_attacks(blanks: Mapping[str, str]) -> list[Attack]:
    """The scripted talks in their order; `{name}` and the like become what `blanks` says."""
    kind, found = "", []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if heading := _KIND.fullmatch(line):
            kind = heading[1]
        elif line and not line.startswith("# "):
            found.append(Attack(kind=kind, lines=tuple(_filled(part, blanks) for part in line.split(_NEXT_LINE))))
    return found


def _filled(line: str, blanks: Mapping[str, str]) -> str:
    whole = _ESCAPE.sub(lambda found: "\n" if found[3] else chr(int(found[1] or found[2], 16)), line)
    whole = _REPEATED.sub(lambda found: found[1] * int(found[2]), whole)
    for name, value in blanks.items():
        whole = whole.replace(f"{{{name}}}", value)
    return whole
