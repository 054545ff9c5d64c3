"""Personal data in chat text to placeholders such as `[手机号]`, without touching the rest of the sentence.

What counts as personal data stands in `scrub_rules`. Full-width digits and letters count as their ASCII twins. Names are not masked here:
they are known from the export itself (`pseudonyms`).
"""

import re
from dataclasses import dataclass, field

from clone_agent.scrub_rules import OPENINGS, RULES, street_start

_WIDE = str.maketrans(
    {code: chr(code - 0xFEE0) for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B), 0xFF20, 0xFF0E, 0xFF0D)}
)
_SUSPECT = re.compile(rf"[\d@＠Ａ-Ｚａ-ｚ]|{OPENINGS}")  # what every rule needs one of; most messages have none


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A piece of personal data: `text[start:end]`."""

    start: int
    end: int
    kind: str
    placeholder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrubbed:
    """A text without personal data, and what was replaced in it."""

    text: str
    found: dict[str, int] = field(default_factory=dict)  # kind -> how many


def scrub(text: str) -> Scrubbed:
    """Replace personal data by type: ID and bank cards, numbers, addresses of every sort, passwords and codes.

    Kinds in `found`: id_card, bank_card, phone, landline, email, plate, wechat, qq, ip, address, secret.
    """
    pieces = find(text)
    if not pieces:
        return Scrubbed(text=text)
    found: dict[str, int] = {}
    parts: list[str] = []
    at = 0
    for piece in pieces:
        parts += (text[at : piece.start], piece.placeholder)
        found[piece.kind] = found.get(piece.kind, 0) + 1
        at = piece.end
    return Scrubbed(text="".join((*parts, text[at:])), found=found)


def find(text: str) -> list[Found]:
    """Where personal data stands in a text, in order, none over another; where two rules claim a place, the earlier one has it."""
    if _SUSPECT.search(text) is None:
        return []
    plain = text.translate(_WIDE)  # character for character, so places stay
    taken = bytearray(len(plain))
    found: list[Found] = []
    for rule in RULES:
        for match in rule.pattern.finditer(plain):
            if rule.is_real is not None and not rule.is_real(match):
                continue
            start, end = match.span("value") if "value" in rule.pattern.groupindex else match.span()
            if rule.reaches_left:
                start = street_start(plain, start)
            if not any(taken[start:end]):
                taken[start:end] = b"\x01" * (end - start)
                found.append(Found(start=start, end=end, kind=rule.kind, placeholder=rule.placeholder))
    return sorted(found, key=lambda piece: piece.start)
