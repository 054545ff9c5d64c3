"""Which lines could be the answer to a question, which ask themselves, and which tell how something came out.

In a chat of short bubbles the answer ("三十三年。") shares no word with its question, so among the lines near those that do, the ones of
the kind that is wanted (`memory.asked`) are preferred. A line that asks is seldom the answer itself; the lines after it may be. Nor is a
value the answer that stands in the question ("原说15号交，最后哪天出的厂").
"""

import re
from collections.abc import Collection
from functools import lru_cache

from memory.asked import MEASURES, Kind, Wanted

_HAN_NUMBER = "[零〇一二两三四五六七八九十百千万半]"
_NUMBER = rf"(?<![第\d零〇一二两三四五六七八九十百千万半])(?:\d[\d.,]*|{_HAN_NUMBER}+)"  # no ordinal: 第十一锅
_DIGIT = re.compile(r"\d")
_ALONE = re.compile(rf"{_NUMBER}\s*(?:多|来)?(?:{MEASURES})?[半多吧。.!！~～\s]*", re.IGNORECASE)  # "一杯": the whole line is an amount
_ALL_NUMBERS = re.compile(r"\d[\d.,:]*")
_SPELLED = re.compile(
    rf"{_HAN_NUMBER}{{2,}}|(?<![\u4e00-\u9fff])[两三四五六七八九十百半]|[二三四五六七八九十百千万两][\u4e00-\u9fff]"
    r"|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|thousand|half|twice|dozen)\b",
    re.IGNORECASE,
)
_DATED = re.compile(
    r"\d+\s*[月号点日:：]|周[一二三四五六日末]|星期|礼拜|[一二三四五六七八九十]+[月号点]|[今明昨前后]天|[昨今明]晚|刚刚|[上下]个?(?:周|月|星期)|[去明]年"
    r"|\d(?:st|nd|rd|th)\b|\d\s*[ap]m\b|\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july|august"
    r"|september|october|november|december|yesterday|today|tonight|tomorrow|ago|weekend"
    r"|(?:last|next|this) (?:week|month|year|night|morning|\w+day))\b",
    re.IGNORECASE,
)
_CLOCK = re.compile(rf"\d\s*[:：]\s*\d|(?:\d|{_HAN_NUMBER})+\s*点(?!儿)|\d\s*[ap]m\b|\bo.clock\b|\bpast\b", re.IGNORECASE)
_DAY = re.compile(
    r"\d+\s*[号日]|(?:周|星期|礼拜)[一二三四五六日天末]|初[一二三四五六七八九十]|[一二三四五六七八九十]+号|\d(?:st|nd|rd|th)\b|day\b"
    r"|\d[./]\d{1,2}(?!\d)",
    re.IGNORECASE,
)
_DAY_FROM_HERE = re.compile(r"[今明昨前后]天|[昨今]晚|刚刚")
_MONTH = re.compile(r"(?:\d|[一二三四五六七八九十])月")
# What is no amount, though it has digits: moments.
_MOMENTS = re.compile(rf"{_NUMBER}\s*(?:月|号|日|点|:|：)\s*{_NUMBER}?|20\d\d年?|{_NUMBER}[:：]\d+")
_MONEY = re.compile(
    rf"(?:[¥￥$€£]\s*\d|{_NUMBER}\s*(?:多|来)?\s*(?:块|元|万|毛|刀|k\b|rmb|yuan|dollars?|bucks|euros?|pounds?))", re.IGNORECASE
)
_BARE_SUM = re.compile(
    rf"(?:\d{{2,}}(?:\.\d+)?|{_HAN_NUMBER}*[百千万]{_HAN_NUMBER}*)(?![\d.]|\s*(?:%|[a-z]|{MEASURES}|点|日|后|多|来|年|几))", re.IGNORECASE
)
_CALLED = re.compile(
    r"[\u4e00-\u9fff](?:阿姨|师傅|老师|叔叔|伯伯|嬢嬢?)|(?<![\u4e00-\u9fff])[小老阿][\u4e00-\u9fff](?![\u4e00-\u9fff]{3})|@\w"
)
_RELATIVE = re.compile(
    r"[爸妈哥姐弟妹爷奶婆叔姨舅嫂]|同事|老师|室友|男朋友|女朋友|老板"
    r"|\b(?:mom|mum|dad|mother|father|brother|sister|aunt|uncle|grandm\w+|grandp\w+|cousin|friends?|husband|wife|boss|neighbou?r)\b",
    re.IGNORECASE,
)
_NAME_WITHIN = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}")
_NAMED = re.compile(
    r"(?:叫|名字是|就是|姓)[做个]?[\"“「『]?[\w\u4e00-\u9fff]|[\"“「『][^\"”」』]{1,8}[\"”」』]|\b(?:called|named|name is|name's)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"[\u4e00-\u9fff]{1,4}(?:路|街|巷|区|县|市|省|镇|村|寨|山|湖|江|河|岛|寺|庙|院|楼|馆|店|园|厂|站|场|校|广场|城|桥|大学|公司|门口|附近)"
    r"|\b(?:in|at|near|to) (?:the )?[A-Z]\w+"
)
_SOMEWHERE = re.compile(r"(?:在|去|到|从|回|飞|往)[\u4e00-\u9fff]{2}|那边|这边|\b(?:in|at|near|to) \w+")
_SIDE = re.compile(r"[左右](?!右)|[东南西北][边侧面]|\b(?:left|right)\b", re.IGNORECASE)
_MODEL = re.compile(r"[A-Za-z]+[-\s]?\d\w*|\d+[A-Za-z]\w*")
_ASKS = re.compile(
    r"[?？][)）~～]*\s*$|[吗呢]$|(?:什么|怎么|谁|哪|(?<![百十好])(?<![零〇一二两三四五六七八九])几(?![乎个])|多少|为啥|啥)[^，。,\s\d]{0,6}$"
)
_SETTLED = re.compile(
    r"最后|最终|一共|总共|合计|总账|结果|成绩|正式|算下来|定了|加起来|全部|\b(?:in total|altogether|final(?:ly)?|in the end)\b",
    re.IGNORECASE,
)


# Of these kinds a question has one answer; an amount may be counted from lines that share a number with it ("几个人不到165").
_ONE_VALUE = (Kind.MONEY, Kind.CLOCK, Kind.DAY, Kind.MOMENT)


def suits(text: str, want: Wanted, names: Collection[str] = (), *, question: str = "") -> float:
    """How well a passage could be the answer, 0 to 1.

    `names` are the people known, without those that the question names; a day or a sum that stands in the `question` answers nothing.
    """
    if question and want.kind in _ONE_VALUE:
        text = without_numbers_of(question, text)
    match want.kind:
        case Kind.AMOUNT:
            return _amount(text, want.unit)
        case Kind.MONEY:
            return _money(text)
        case Kind.CLOCK:
            return 1.0 if _CLOCK.search(text) else 0.0
        case Kind.DAY:
            return _day(text)
        case Kind.MOMENT:
            return 1.0 if _DATED.search(text) else 0.4 if _DIGIT.search(text) else 0.0
        case Kind.PERSON:
            return _person(text, names)
        case Kind.PLACE:
            return 1.0 if _PLACE.search(text) else 0.6 if _SOMEWHERE.search(text) else 0.0
        case Kind.NAME:
            return 1.0 if _NAMED.search(text) else 0.5 if _CALLED.search(text) or _NAME_WITHIN.search(text) else 0.0
        case Kind.SIDE:
            return 1.0 if _SIDE.search(text) else 0.0
        case Kind.MODEL:
            return 1.0 if _MODEL.search(text) else 0.0


def _is_number(text: str) -> bool:
    return bool(_DIGIT.search(text) or _SPELLED.search(text))


def _amount(text: str, unit: str) -> float:
    if (unit and _counts(unit).search(text)) or _ALONE.fullmatch(text):
        return 1.0
    without = _MOMENTS.sub(" ", text)
    if not _is_number(without):
        return 0.5 if _DIGIT.search(text) else 0.0
    return 0.8 if _DIGIT.search(without) else 0.7


def _money(text: str) -> float:
    if _MONEY.search(text):
        return 1.0
    without = _MOMENTS.sub(" ", text)
    return 0.9 if _BARE_SUM.search(without) else 0.2 if _is_number(without) else 0.0


def _day(text: str) -> float:
    if _DAY.search(text):
        return 1.0
    return 0.6 if _DAY_FROM_HERE.search(text) else 0.4 if _MONTH.search(text) else 0.2 if _DIGIT.search(text) else 0.0


def _person(text: str, names: Collection[str]) -> float:
    if any(name in text for name in names):
        return 1.0
    return 0.7 if _CALLED.search(text) else 0.5 if _RELATIVE.search(text) or _NAME_WITHIN.search(text) else 0.0


@lru_cache(maxsize=64)
def _counts(unit: str) -> re.Pattern[str]:
    return re.compile(rf"{_NUMBER}\s*(?:多|来)?(?:{unit})", re.IGNORECASE)


@lru_cache(maxsize=64)
def _numbers_of(question: str) -> re.Pattern[str] | None:
    found = _ALL_NUMBERS.findall(question) + re.findall(rf"{_HAN_NUMBER}{{2,}}", question)
    return re.compile(rf"(?<!\d)(?:{'|'.join(map(re.escape, found))})(?!\d)") if found else None


def without_numbers_of(question: str, text: str) -> str:
    """A text without the numbers that the question tells itself."""
    numbers = _numbers_of(question)
    return numbers.sub(" ", text) if numbers else text


def is_alike(kind: Kind, other: Kind) -> bool:
    """Whether one question asks for what another asks for; a day, a time of the clock and a moment are the same here, as are sums."""
    groups = ({Kind.MOMENT, Kind.DAY, Kind.CLOCK}, {Kind.AMOUNT, Kind.MONEY}, {Kind.PERSON, Kind.NAME})
    return kind is other or any({kind, other} <= group for group in groups)


def asks(text: str) -> bool:
    """Whether a passage ends with a question."""
    return _ASKS.search(text.rstrip()) is not None


def settles(text: str) -> bool:
    """Whether a passage tells how something came out."""
    return _SETTLED.search(text) is not None
