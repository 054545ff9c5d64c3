"""Chinese time phrases.

A phrase is a year, if it has one (去年, 2022年, 三年前的), with a stretch inside it (国庆, 3月5号, 夏天, 年底); or something relative
(昨晚, 上周三, 上个月15号, 三天前, 最近两周). The first rule that fits wins; they stand from the most to the least telling. They see the
question with its words parted (`clone_agent.word_breaks`).
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta

from clone_agent.word_breaks import BREAK, WEEKDAY, break_words
from memory import periods
from memory.periods import Period

Found = tuple[Period, float]

_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "俩": 2}
_NUMBER = r"(?:\d+|[一二两三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九]|几)"
_PART_OF_NUMBER = r"[\d.第零一二三四五六七八九十百千万]"  # a number does not begin behind one
_TENS = r"(?<!\d)[1-9]0|[一二两三四五六七八九]?十"
_DAY = r"(?:[12]\d|3[01]|0?[1-9]|[二三]?十[一二三四五六七八九]?|[一二三四五六七八九])"
_MONTH = r"(?:1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])"
_WEEKDAYS = {char: number for number, chars in enumerate(("一1", "二2", "三3", "四4", "五5", "六6", "日天7")) for char in chars}
_NAMED_YEARS = {"大前年": -3, "前年": -2, "去年": -1, "上一年": -1, "今年": 0, "本年": 0, "这一年": 0, "明年": 1, "大后年": 3, "后年": 2}
_NAMED_DAYS = {"大前天": -3, "前天": -2, "前晚": -2, "昨天": -1, "昨日": -1, "昨儿": -1, "昨晚": -1, "昨夜": -1, "昨早": -1}
_NAMED_DAYS |= {"今天": 0, "今日": 0, "今早": 0, "今晚": 0, "今晨": 0, "今儿": 0, "刚才": 0, "刚刚": 0}
_FESTIVALS = {
    "国庆": "national", "十一假期": "national", "十一长假": "national", "黄金周": "national", "五一": "labour", "劳动节": "labour",
    "元旦": "new year", "跨年": "new year's eve", "清明": "qingming", "端午": "dragon boat", "中秋": "mid-autumn", "八月十五": "mid-autumn",
    "春节": "spring festival", "过年": "spring festival", "新春": "spring festival", "大年三十": "spring festival eve",
    "年三十": "spring festival eve", "除夕": "spring festival eve", "年夜饭": "spring festival eve", "元宵": "lantern",
    "正月十五": "lantern", "正月": "first month", "七夕": "qixi", "重阳": "double ninth", "腊八": "laba", "情人节": "valentine",
    "妇女节": "women", "三八节": "women", "愚人节": "fools", "青年节": "youth", "五四": "youth", "520": "520", "母亲节": "mother",
    "父亲节": "father", "儿童节": "children", "六一": "children", "618": "618", "教师节": "teachers", "万圣节": "halloween",
    "双十一": "singles", "双11": "singles", "光棍节": "singles", "双十二": "double twelve", "双12": "double twelve",
    "感恩节": "thanksgiving", "平安夜": "christmas eve", "圣诞": "christmas", "复活节": "easter", "暑假": "summer holiday",
    "暑期": "summer holiday", "寒假": "winter holiday",
}  # fmt: skip
_ALTERNATIVES = [  # a festival named by digits is no part of a number, and no sum
    *sorted((name for name in _FESTIVALS if not name.isdigit() and name not in ("五一", "六一", "五四")), key=len, reverse=True),
    r"(?<![\d.])(?:520|618)(?!\.?\d|[块元路室万千])(?!号[楼房线])",
    "(?<![周期拜初第零〇一二三四五六七八九十百])(?:五一|六一|五四)(?![二三四五六七八九十])",
]
_FESTIVAL_WORDS = "|".join(f"{name}(?!\\d)" if name[-1:].isdigit() else name for name in _ALTERNATIVES)
_SEASONS = {"春": "spring", "夏": "summer", "秋": "autumn", "冬": "winter"}
_YEAR_PARTS = {
    "年初": "start",
    "开年": "start",
    "年中": "middle",
    "年底": "end",
    "年末": "end",
    "岁末": "end",
    "上半年": "first half",
    "下半年": "second half",
}
_YEAR_PART = f"(?<![{''.join(_DIGITS)}十几\\d这每多半])({'|'.join(_YEAR_PARTS)})"  # not 这三年中
_DAYPARTS = {
    "凌晨": "dawn", "清晨": "morning", "早上": "morning", "早晨": "morning", "上午": "morning", "今早": "morning", "昨早": "morning",
    "今晨": "morning", "中午": "noon", "下午": "afternoon", "傍晚": "dusk", "晚上": "evening", "昨晚": "evening", "今晚": "evening",
    "前晚": "evening", "昨夜": "night", "夜里": "night", "半夜": "night", "深夜": "night",
}  # fmt: skip
# 去年底, 三月初; not 去年底薪, 三月初中同学.
_PART = (
    "初(?![一二三四五六七八九十中级恋次步期赛稿]|[春夏秋冬])|上旬|中旬|下旬|中(?![国学考秋午奖标招毒暑医药餐介间途期级式心央专班东美欧关])"
    "|底(?![薪下层牌线片料盘])|末(?![日班代尾])"
)
_MONTH_PARTS = {"初": "start", "上旬": "start", "中旬": "middle", "中": "middle", "下旬": "end", "底": "end", "末": "end"}
_UNIT_DAYS = {"天": 1.0, "日": 1.0, "周": 7.0, "星期": 7.0, "礼拜": 7.0, "月": 30.4, "年": 365.25}


_NUMBERED = rf"(?:第?{_NUMBER}[多几来]?|半|上+|前|这|本)个?(?:年|月|季度|周末|周|星期|礼拜|天|日|号)(?:初|底|{WEEKDAY}|[以之]?前)?"
_TIME_WORDS = re.compile(
    "|".join(
        [
            *sorted([*_NAMED_YEARS, *_NAMED_DAYS, *_YEAR_PARTS, *_DAYPARTS], key=len, reverse=True),
            _FESTIVAL_WORDS,
            r"\d{4}年?",
            _NUMBERED,
            r"[春夏秋冬][天季]",
            "最近|近来|近期|前阵子|前段时间|这阵子|这段时间|周末",
        ]
    )
)


def without_time(question: str) -> str:
    """The question with its time words blanked out."""
    return _TIME_WORDS.sub(" ", break_words(unicodedata.normalize("NFKC", question))).replace(BREAK, "")


def find_chinese(question: str, now: datetime) -> Found | None:
    """The stretch that a question's time phrase names, with a confidence; None without one."""
    text = break_words("".join(unicodedata.normalize("NFKC", question).split()))
    year, rest, sure = _year(text, now)
    found = next((hit for rule in _RULES if (hit := rule(rest, year, now)) is not None), None)
    if found is None:
        return (periods.year(year), sure) if year is not None else None
    return _narrowed(found, text)


def _narrowed(found: Found, text: str) -> Found:
    period, sure = found
    if period.length == timedelta(days=1):
        for word, part in _DAYPARTS.items():
            if word in text:
                return periods.part_of_day(period, part), sure
    return found


def _year(text: str, now: datetime) -> tuple[int | None, str, float]:
    """The year that is named, the text behind it, and how surely it is meant; (None, text, 0) without one."""
    if match := re.search(rf"({'|'.join(_NAMED_YEARS)})(?![级薪轻龄])", text):
        return now.year + _NAMED_YEARS[match[1]], text[match.end() :], 0.8
    if match := re.search(r"(?<!\d)((?:19|20)\d\d)年(?!级)|([二一][零〇九][零〇一二三四五六七八九]{2})年", text):
        return int(match[1] or "".join(str(_DIGITS[char]) for char in match[2])), text[match.end() :], 0.9
    if (match := re.search(r"(?<!\d)(\d\d)年(?=[的\d初底末中春夏秋冬国五元端寒暑圣上下过])", text)) and int(match[1]) <= now.year % 100:
        return 2000 + int(match[1]), text[match.end() :], 0.7
    if match := re.search(
        rf"(?<!{_PART_OF_NUMBER})({_NUMBER})年前{BREAK}?的?(?=[春夏秋冬国五元端中寒暑圣]|过年|年[初中底末]|[上下]半年|{_MONTH}月)", text
    ):
        return now.year - int(_number(match[1])), text[match.end() :], 0.6
    return None, text, 0.0


def _number(text: str) -> float:
    """二十三 -> 23, 几 -> 4."""
    if text[0].isdecimal():
        return float(text)
    if text == "几":
        return 4.0
    if text == "半":
        return 0.5
    tens, mark, ones = text.rpartition("十")
    return (10.0 * _DIGITS.get(tens, 1) if mark else 0.0) + _DIGITS.get(ones, 0)


def _full_date(text: str, year: int | None, now: datetime) -> Found | None:
    if match := re.search(r"(?<!\d)((?:19|20)\d\d)([-/.])(\d{1,2})\2(\d{1,2})(?!\d)", text):
        found = periods.exact_day(int(match[1]), int(match[3]), int(match[4]))
        return (found, 0.95) if found else None
    return None


def _month_and_day(text: str, year: int | None, now: datetime) -> Found | None:
    match = re.search(rf"(?<![\d个])({_MONTH})月份?的?({_DAY})[日号]", text)
    if match is None:
        return None
    number, day = int(_number(match[1])), int(_number(match[2]))
    if year is not None:
        found = periods.exact_day(year, number, day)
    else:
        found = periods.latest(lambda y: periods.exact_day(y, number, day), now.date())
    return (found, 0.95 if year is not None else 0.85) if found else None


def _festival(text: str, year: int | None, now: datetime) -> Found | None:
    if match := re.search(r"大年?初([一二三四五六七八九十])", text):
        name, shift = "first month", int(_number(match[1])) - 1
    elif match := re.search(_FESTIVAL_WORDS, text):
        name, shift = _FESTIVALS[match.group()], None
    else:
        return None
    found = periods.festival(year, name) if year is not None else periods.latest(lambda y: periods.festival(y, name), now.date())
    if found is None:
        return None
    return periods.days((found.start + timedelta(days=shift)).date()) if shift is not None else found, 0.9 if year is not None else 0.75


def _relative_month(text: str, year: int | None, now: datetime) -> Found | None:
    match = re.search(rf"(上+|前|这|本|当)(?:一?个)?月(?![亮球饼嫂])(?:份)?(?:的?({_DAY})[日号]|({_PART}))?", text)
    if match is None or match[0] == "前月":
        return None
    back = len(match[1]) if match[1][0] == "上" else (2 if match[1] == "前" else 0)
    whole = periods.month(now.year, now.month - back)
    if match[2]:
        found = periods.exact_day(whole.start.year, whole.start.month, int(_number(match[2])))
        return (found, 0.95) if found else None
    return (periods.month_part(whole, _MONTH_PARTS[match[3]]) if match[3] else whole), 0.85


def _month(text: str, year: int | None, now: datetime) -> Found | None:
    match = re.search(rf"(?<![\d个上正腊])({_MONTH})月(?:份)?(?![前后来内球亮饼经薪嫂光天])({_PART})?", text)
    if match is None:
        return None
    number = int(_number(match[1]))
    whole = periods.month(year, number) if year is not None else periods.latest(lambda y: periods.month(y, number), now.date())
    if whole is None:
        return None
    return (periods.month_part(whole, _MONTH_PARTS[match[2]]) if match[2] else whole), 0.9 if year is not None else 0.75


def _year_stretch(text: str, year: int | None, now: datetime) -> Found | None:
    # Bare, 去年底, only right behind the year: 去年期末 is no part of it.
    if match := (re.match(f"的?({_PART})", text) if year is not None else None) or re.search(_YEAR_PART, text):
        part = _YEAR_PARTS.get(match[1]) or _MONTH_PARTS[match[1]]
        found = periods.year_part(year, part) if year is not None else periods.latest(lambda y: periods.year_part(y, part), now.date())
        return (found, 0.75) if found else None
    if match := re.search(r"第?([一二三四1234])季度|Q([1234])", text):
        which = int(_number(match[1] or match[2]))
        found = periods.quarter(year, which) if year is not None else periods.latest(lambda y: periods.quarter(y, which), now.date())
        return (found, 0.8) if found else None
    return None


def _season(text: str, year: int | None, now: datetime) -> Found | None:
    named = r"[春夏秋冬](?=[天季])|(?<=开)春|(?<=入)[夏秋冬]"
    match = re.search(named if year is None else rf"{named}|(?:(?<=[初早仲盛深晚暮寒严金])|^的?)[春夏秋冬](?![节运晚联装衣瓜奥])", text)
    if match is None:
        return None
    name = _SEASONS[match.group()[-1]]
    found = periods.season(year, name) if year is not None else periods.latest(lambda y: periods.season(y, name), now.date())
    if found and found.start > now:  # 今年冬天, asked in January
        found = periods.season(now.year - 1, name)
    return (found, 0.8 if year is not None else 0.65) if found else None


def _relative_week(text: str, year: int | None, now: datetime) -> Found | None:
    match = re.search(rf"(上+|前|这|本)(?:一?个)?(?:周|星期|礼拜)({WEEKDAY})?(?!岁|年)", text)
    if match is None:
        return None
    back = len(match[1]) if match[1][0] == "上" else (2 if match[1] == "前" else 0)
    monday = periods.week(now.date()).start - timedelta(weeks=back)
    if match[2] == "末":
        return periods.days((monday + timedelta(days=5)).date(), 2), 0.85
    if match[2]:
        return periods.days((monday + timedelta(days=_WEEKDAYS[match[2]])).date()), 0.85
    return periods.days(monday.date(), 7), 0.85


def _weekday(text: str, year: int | None, now: datetime) -> Found | None:
    if re.search("每|平时|通常|一般|喜欢|总|以前", text):  # a habit, not a day
        return None
    match = re.search(rf"(?<![下每])(?<!下个)(?<!一)(?:周|星期|礼拜)(?!\d)({WEEKDAY})(?!岁|年|围|到)", text)
    if match is None:
        return None
    if match[1] == "末":
        saturday = now.date() - timedelta(days=(now.weekday() - 5) % 7)
        return periods.days(saturday, 2), 0.6
    return periods.days(now.date() - timedelta(days=(now.weekday() - _WEEKDAYS[match[1]]) % 7)), 0.6


def _named_day(text: str, year: int | None, now: datetime) -> Found | None:
    if match := re.search("|".join(sorted(_NAMED_DAYS, key=len, reverse=True)), text):
        return periods.days(now.date() + timedelta(days=_NAMED_DAYS[match.group()])), 0.9
    return None


def _ago(text: str, year: int | None, now: datetime) -> Found | None:
    match = re.search(
        rf"(?<!{_PART_OF_NUMBER})(\d+\.\d+|{_NUMBER}|半)(个)?多?个?(半)?(天|日|周|星期|礼拜|月|年)半?(?:多)?(?:以前|之前|前)", text
    )
    if match is None or (match[4] == "月" and not (match[2] or match[3] or "个" in match[0])):
        return None
    count = _number(match[1]) + (0.5 if (match[3] and match[1] != "半") or "年半" in match[0] else 0)
    size = _UNIT_DAYS[match[4]]
    middle = now - timedelta(days=count * size)
    if match[1] == "几":
        return periods.between((now - timedelta(days=10 * size)).date(), (now - timedelta(days=1.5 * size)).date()), 0.5
    if match[4] in "天日":
        return periods.days(middle.date()), 0.85
    slack = {"周": 4, "星期": 4, "礼拜": 4, "月": 12 + 3 * count, "年": 60 + 30 * count}[match[4]]
    if match[1] == "半":
        slack = size / 6
    return periods.between((middle - timedelta(days=slack)).date(), (middle + timedelta(days=slack + 1)).date()), 0.65


def _roughly_ago(text: str, year: int | None, now: datetime) -> Found | None:
    """十几年前, 几十天前, 20多年前: anywhere between the tens and the next."""
    match = re.search(rf"(?:({_TENS})[几多来]|(几十)多?)个?(天|日|周|星期|礼拜|月|年)(?:以前|之前|前)", text)
    if match is None:
        return None
    fewest, most = (20, 95) if match[2] else (_number(match[1]), _number(match[1]) + 10)
    size = _UNIT_DAYS[match[3]]
    return periods.between((now - timedelta(days=most * size)).date(), (now - timedelta(days=fewest * size)).date()), 0.5


def _recent(text: str, year: int | None, now: datetime) -> Found | None:
    end = now.date() + timedelta(days=1)
    if match := re.search(rf"(?:最近|过去|近|这)的?({_NUMBER}|半)个?(天|日|周|星期|礼拜|月|年)", text):
        back = _number(match[1]) * _UNIT_DAYS[match[2]]
        return periods.between(now.date() - timedelta(days=round(back) + 1), end), 0.7
    for words, first, last, sure in _RECENT:
        if re.search(words, text):
            return periods.between(now.date() - timedelta(days=first), now.date() - timedelta(days=last - 1)), sure
    return None


# words, days back of the first day and of the last, confidence
_RECENT = (
    ("前几天|前些天|前两天|前几日", 10, 1, 0.6),
    ("这几天|这两天|这些天", 5, 0, 0.6),
    ("前阵子|前段时间|前一阵|前些日子|前不久|不久前", 90, 5, 0.45),
    ("最近|近来|近期|这阵子|这段时间|这段日子", 45, 0, 0.35),
)

_RULES: tuple[Callable[[str, int | None, datetime], Found | None], ...] = (
    _full_date,
    _roughly_ago,
    _month_and_day,
    _festival,
    _relative_month,
    _year_stretch,
    _season,
    _relative_week,
    _named_day,
    _ago,
    _month,
    _recent,
    _weekday,
)
