"""A found line -> the part of it that tells what is asked, without the values that it takes back.

"本来说初五 初五机票贵 改初四了" answers "定在初几" with 改初四了: who says the whole line again gives two answers. Of a line's clauses
those count that hold a value of the kind that is asked for. Where there are several, what stands before a change ("说错了", "改到") is left
out, then the clauses that deny their value, ask for it or recall a former one ("不是X-T30", "原来四个").
"""

import re

from memory.answers import asks, suits
from memory.asked import Kind, wanted

CERTAIN = frozenset((Kind.AMOUNT, Kind.MONEY, Kind.MOMENT, Kind.DAY, Kind.CLOCK, Kind.SIDE, Kind.MODEL))
_BREAK = re.compile(r"\s*\n\s*|(?<=[，。！？；、!?;~～])\s*|(?<=[,.])\s+|\s+(?=(?:but|now|not)\b)|(?=改[到成为在]|换[成到])", re.IGNORECASE)
_BLANK = re.compile(r"[ \u3000]+")  # in Chinese it ends a clause
_HOLDS = 0.7  # how well a clause fits that holds a value
CHANGES = re.compile(
    r"改[到成为在了]|改(?=[初周下\d零一二两三四五六七八九十百千万])|换[成到]|[说记打搞弄算看]错|不对|推迟到?|延[到期]|提前到|[涨降加减追]到|应该是|纠正|重新"
    r"|\b(?:now|instead|changed|moved|make it|i mean[st]?|correction|wrong)\b",
    re.IGNORECASE,
)
_DENIES = re.compile(
    r"(?<!是)不是|什么(?=[\d零一二两三四五六七八九十百千万])|原来|本来|原先|原定|原说|一开始|最开始|起初|之前说|先说"
    r"|\bnot\b|\bat first\b|\bfirst (?:they|he|she|we|i) said\b|\boriginally\b|\binstead of\b",
    re.IGNORECASE,
)
AT_FIRST = re.compile(r"最初|起初|最开始|一开始|本来|原来|原先|原本|原定|\b(?:at first|originally|initially)\b", re.IGNORECASE)


def telling(question: str, text: str) -> str:
    """The part of a line that answers a question; all of it where its form does not tell."""
    want = wanted(question)
    if want is None or want.kind not in CERTAIN or AT_FIRST.search(question):
        return text
    clauses = _clauses(text)
    holding = {place for place, clause in enumerate(clauses) if suits(clause, want, question=question) >= _HOLDS}
    if len(holding) < 2:
        return text
    turns = [place for place, clause in enumerate(clauses) if CHANGES.search(clause) and 0 < place <= max(holding) and min(holding) < place]
    first = max(turns, default=0)
    holding = {place for place in holding if place >= first}
    denied = {place for place in holding if _DENIES.search(clauses[place]) or asks(clauses[place])}
    left_out = denied if denied < holding else set()
    return "".join(clause for place, clause in enumerate(clauses) if place >= first and place not in left_out).strip()


def _clauses(text: str) -> list[str]:
    """The clauses of a text, each with what parts it from the next."""
    is_chinese = sum("\u4e00" <= char <= "\u9fff" for char in text) > len(text) // 4
    breaks = [*_BREAK.finditer(text), *(_BLANK.finditer(text) if is_chinese else ())]
    ends = sorted({match.end() for match in breaks if 0 < match.end() < len(text)})
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
