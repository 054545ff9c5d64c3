"""A found line -> the part of it that tells what is asked, without the values that it takes back.

"本来说初五 初五机票贵 改初四了" answers "定在初几" with 改初四了: who says the whole line again gives two answers. Of a line's clauses
those count that hold a value of the kind that is asked for. Where there are several, what stands before a change ("说错了", "改到") is left
out, then the clauses that deny their value, ask for it or recall a former one ("不是X-T30", "原来四个"), then, where a number stands behind
a word of the question ("面九十碗 冰粉一百二"), the numbers of other things.
"""

import re
from dataclasses import dataclass

from memory.answers import asks, suits
from memory.asked import Kind, Wanted, wanted

CERTAIN = frozenset((Kind.AMOUNT, Kind.MONEY, Kind.MOMENT, Kind.DAY, Kind.CLOCK, Kind.SIDE, Kind.MODEL))
_BREAK = re.compile(r"\s*\n\s*|(?<=[，。！？；、!?;~～])\s*|(?<=[,.])\s+|\s+(?=(?:but|now|not)\b)|(?=改[到成为在]|换[成到])", re.IGNORECASE)
_BLANK = re.compile(r"[ \u3000]+")  # in Chinese it ends a clause
_HOLDS = 0.7  # how well a clause fits that holds a value
_FIGURES = r"\d零一二两三四五六七八九十百千万"
CHANGES = re.compile(
    rf"改[到成为在了]|改(?=[初周下{_FIGURES}])|换[成到]|[说记打搞弄算看]错|不对|推迟到?|延[到期]|提前到|[涨降加减追]到|应该是|纠正|重新"
    r"|\b(?:now|instead|changed|moved|make it|i mean[st]?|correction|wrong)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(r"(?:(?<!是)不是|\bnot (?:the |on |at )?)\s*([\w.:\-]{2,10})", re.IGNORECASE)
# What a number is of: 冰粉 in "冰粉一百二".
_OF = re.compile(rf"((?:(?![{_FIGURES}半的了是在有到第说要])[\u4e00-\u9fff]){{2,6}})[:： ]?(?=[{_FIGURES}半])")
_DENIES = re.compile(
    rf"(?<!是)不是|什么(?=[{_FIGURES}])|原来|本来|原先|原定|原说|一开始|最开始|起初|之前说|先说"
    r"|\bnot\b|\bat first\b|\bfirst (?:they|he|she|we|i) said\b|\boriginally\b|\binstead of\b",
    re.IGNORECASE,
)
AT_FIRST = re.compile(r"最初|起初|最开始|一开始|本来|原来|原先|原本|原定|\b(?:at first|originally|initially)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Told:
    """What a line tells of an answer."""

    words: str  # the part that holds; all of it where its form does not tell
    is_taken_back: bool = False  # every value in it is denied, asked for or a former one


def telling(question: str, text: str) -> Told:
    """What a line tells of the answer to a question."""
    want = wanted(question)
    if want is None or want.kind not in CERTAIN or AT_FIRST.search(question):
        return Told(text)
    clauses = _clauses(text)
    holding = {place for place, clause in enumerate(clauses) if suits(clause, want, question=question) >= _HOLDS}
    turns = [place for place, clause in enumerate(clauses) if holding and CHANGES.search(clause) and min(holding) < place <= max(holding)]
    first = max(turns, default=0)
    holding = {place for place in holding if place >= first}
    denied = {place for place in holding if _DENIES.search(clauses[place]) or asks(clauses[place])}
    if denied == holding:
        return Told(text, is_taken_back=bool(holding))
    holding -= denied
    of_it = {place for place in holding if any(noun[-2:] in question for noun in _OF.findall(clauses[place]))}
    left_out = denied | (holding - of_it if of_it else set())
    words = "".join(clause for place, clause in enumerate(clauses) if place >= first and place not in left_out)
    return Told(words.strip().rstrip("，、；,;"))


def denies(text: str, other: str, want: Wanted) -> bool:
    """Whether a text denies a value of the kind that another tells, and tells one itself: "X100，不是X-T30"."""
    said = other.casefold()
    for match in _DENIED.finditer(text):
        value = next((match[1][:end] for end in range(len(match[1]), 1, -1) if match[1][:end].casefold() in said), "")
        if value and suits(value, want) >= _HOLDS and suits(text.replace(match[0], " "), want) >= _HOLDS:
            return True
    return False


def _clauses(text: str) -> list[str]:
    """The clauses of a text, each with what parts it from the next."""
    is_chinese = sum("\u4e00" <= char <= "\u9fff" for char in text) > len(text) // 4
    breaks = [*_BREAK.finditer(text), *(_BLANK.finditer(text) if is_chinese else ())]
    ends = sorted({match.end() for match in breaks if 0 < match.end() < len(text)})
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
