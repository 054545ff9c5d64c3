"""What kind of answer a question wants, and which passages could be one.

"一天卖出去多少碗" wants a number and best one before 碗, "几点" a time of the clock, "哪天" a day, "谁唱的" a name. In a chat of short
bubbles the answer ("三十三年。") shares no word with its question, so among the lines near those that do, the ones of the right kind are
preferred. A line that asks is seldom the answer itself; the lines after it may be.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class Kind(Enum):
    """What is asked for."""

    AMOUNT = "amount"
    MOMENT = "moment"
    DAY = "day"
    CLOCK = "clock"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The kind of answer, with the unit that stands behind the number, as alternatives of a regular expression; "" for any."""

    kind: Kind
    unit: str = ""


_HAN_NUMBER = "[零〇一二两三四五六七八九十百千万半]"
_NUMBER = rf"(?:\d[\d.,]*|{_HAN_NUMBER}+)"
_MOMENT_WORDS = re.compile(
    r"哪[天日年]|哪个?月|什么时候|啥时候?|何时|几点|几号|几月|[周星期]几|初几|\bwhen\b|\bwhat (?:time|day|date|year|month)\b", re.IGNORECASE
)
_CLOCK_WORDS = re.compile(r"几点|什么时间|\bwhat time\b", re.IGNORECASE)
_DAY_WORDS = re.compile(r"几号|哪一?[天日]|初几|[周星期]几|\bwhat (?:day|date)\b", re.IGNORECASE)
_COUNTED = re.compile(r"(?:多少|几(?![乎何率]))(?:个|来)?([\u4e00-\u9fff])?")
_MEASURED = re.compile(r"多([大高重长久远贵宽深快])")
_ENGLISH_AMOUNT = re.compile(
    r"\bhow (?:much|many|long|old|far|late|often|big|tall|heavy|fast|high)\b|\bwhat (?:price|score|number|percentage|size|age)\b",
    re.IGNORECASE,
)
_ANY_OF_THEM = re.compile(r"[谁哪啥何几多]|什么|\b(?:wh|how\b)", re.IGNORECASE)  # without one, none of the six finds anything
_PERSON_WORDS = re.compile(r"谁|哪位|哪个人|什么人|\bwho(?:se|m)?\b", re.IGNORECASE)
# What stands behind a number that measures, by the word that asks for it.
_UNITS = {
    "钱": "块|元|万|千|毛|刀|k",
    "大": "岁|平|寸|号",
    "高": "米|厘米|公分|层|cm|m",
    "重": "斤|公斤|克|两|吨|kg|g",
    "长": "米|厘米|公里|年|个?月|天|小时|分钟|cm|m",
    "久": "年|个?月|天|小时|分钟|秒|周|星期",
    "远": "米|公里|里|站|km",
    "贵": "块|元|万",
    "宽": "米|厘米",
    "深": "米",
    "快": "秒|分|码|公里",
}

_DIGIT = re.compile(r"\d")
_SPELLED = re.compile(
    rf"{_HAN_NUMBER}{{2,}}|(?<![\u4e00-\u9fff])[两三四五六七八九十百半]|[二三四五六七八九十百千万两][\u4e00-\u9fff]"
    r"|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|thousand|half|twice|dozen)\b",
    re.IGNORECASE,
)
_DATED = re.compile(
    r"\d+\s*[月号日点:：]|周[一二三四五六日末]|星期|礼拜|[一二三四五六七八九十]+[月号点]|[今明昨前后]天|[昨今明]晚|刚刚|[上下]个?(?:周|月|星期)|[去明]年"
    r"|\d(?:st|nd|rd|th)\b|\d\s*[ap]m\b|\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july|august"
    r"|september|october|november|december|yesterday|today|tonight|tomorrow|ago|weekend"
    r"|(?:last|next|this) (?:week|month|year|night|morning|\w+day))\b",
    re.IGNORECASE,
)
_CLOCK = re.compile(rf"\d\s*[:：]\s*\d|(?:\d|{_HAN_NUMBER})+\s*点|\d\s*[ap]m\b|\bo.clock\b|\bpast\b", re.IGNORECASE)
_DAY = re.compile(
    r"\d+\s*[号日]|\d月|(?:周|星期|礼拜)[一二三四五六日天末]|初[一二三四五六七八九十]|[一二三四五六七八九十]+[号月]|\d(?:st|nd|rd|th)\b|day\b",
    re.IGNORECASE,
)
_DAY_FROM_HERE = re.compile(r"[今明昨前后]天|[昨今]晚|刚刚")
_RELATIVE = re.compile(
    r"[爸妈哥姐弟妹爷奶婆叔姨舅嫂]|同事|老师|室友|男朋友|女朋友|老板"
    r"|\b(?:mom|mum|dad|mother|father|brother|sister|aunt|uncle|grandm\w+|grandp\w+|cousin|friends?|husband|wife|boss|neighbou?r)\b",
    re.IGNORECASE,
)
_NAME_WITHIN = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}")
_ASKS = re.compile(r"[?？][)）~～]*\s*$|[吗呢]$|(?:什么|怎么|谁|哪|几|多少|为啥|啥)[^，。,]{0,6}$")


def wanted(question: str) -> Wanted | None:
    """The kind of answer that a question wants; None where it does not tell."""
    if not _ANY_OF_THEM.search(question):
        return None
    if _CLOCK_WORDS.search(question):
        return Wanted(Kind.CLOCK)
    if _DAY_WORDS.search(question):
        return Wanted(Kind.DAY)
    if _MOMENT_WORDS.search(question):
        return Wanted(Kind.MOMENT)
    if match := _COUNTED.search(question):
        return Wanted(Kind.AMOUNT, _UNITS["钱"] if match[1] == "钱" else re.escape(match[1] or ""))
    if match := _MEASURED.search(question):
        return Wanted(Kind.AMOUNT, _UNITS[match[1]])
    if _ENGLISH_AMOUNT.search(question):
        return Wanted(Kind.AMOUNT)
    return Wanted(Kind.PERSON) if _PERSON_WORDS.search(question) else None


def suits(text: str, want: Wanted, names: Collection[str] = ()) -> float:
    """How well a passage could be the answer, 0 to 1; `names` are the people known, without those that the question names."""
    match want.kind:
        case Kind.AMOUNT:
            if want.unit and _counts(want.unit).search(text):
                return 1.0
            return 0.8 if _DIGIT.search(text) else 0.7 if _SPELLED.search(text) else 0.0
        case Kind.CLOCK:
            return 1.0 if _CLOCK.search(text) else 0.0
        case Kind.DAY:
            return 1.0 if _DAY.search(text) else 0.6 if _DAY_FROM_HERE.search(text) else 0.2 if _DIGIT.search(text) else 0.0
        case Kind.MOMENT:
            return 1.0 if _DATED.search(text) else 0.4 if _DIGIT.search(text) else 0.0
        case Kind.PERSON:
            return 1.0 if any(name in text for name in names) else 0.5 if _RELATIVE.search(text) or _NAME_WITHIN.search(text) else 0.0


@lru_cache(maxsize=64)
def _counts(unit: str) -> re.Pattern[str]:
    return re.compile(rf"{_NUMBER}\s*(?:多|来)?(?:{unit})", re.IGNORECASE)


def is_alike(kind: Kind, other: Kind) -> bool:
    """Whether one question asks for what another asks for; a day, a time of the clock and a moment are the same here."""
    moments = {Kind.MOMENT, Kind.DAY, Kind.CLOCK}
    return kind is other or {kind, other} <= moments


def asks(text: str) -> bool:
    """Whether a passage ends with a question."""
    return _ASKS.search(text.rstrip()) is not None
