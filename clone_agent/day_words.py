"""Days that a chat line names from its own day: "明天" said on 2 October is 3 October.

Whoever reads the line years later cannot know that, and a small model cannot count, so recalled lines are shown with the date written after
the word. Only words that mean one day are dated: a bare "周三" may be the last one or the next.
"""

import re
from datetime import date, timedelta

from clone_agent.word_breaks import BREAK, WEEKDAY, break_words

_NEAR_ZH = {
    "大前天": -3,
    "前天": -2,
    "昨天": -1,
    "昨晚": -1,
    "今天": 0,
    "今晚": 0,
    "今早": 0,
    "明天": 1,
    "明晚": 1,
    "明早": 1,
    "大后天": 3,
    "后天": 2,
}
_NEAR_EN = {"day before yesterday": -2, "day after tomorrow": 2, "yesterday": -1, "last night": -1, "today": 0, "tonight": 0, "tomorrow": 1}
_WEEKS = {"上上": -14, "上": -7, "这": 0, "本": 0, "下下": 14, "下": 7}
_DAYS_ZH = "一二三四五六日"
_DAYS_EN = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_WORD_ZH = re.compile(
    rf"(?P<near>{'|'.join(sorted(_NEAR_ZH, key=len, reverse=True))})"
    rf"|(?P<week>上上|上|这|本|下下|下)个?(?:周|星期|礼拜)(?P<day>(?![末\d]){WEEKDAY})"
)
_WORD_EN = re.compile(
    rf"\b(?:(?P<near>{'|'.join(_NEAR_EN)})|(?P<week>last|next) (?P<day>{'|'.join(_DAYS_EN)}))\b",
    re.IGNORECASE,
)


def date_day_words(text: str, *, said_on: date) -> str:
    """Write the date after every word of `text` that means one day: `明天（10月3号）`, `tomorrow (Oct 3)`.

    "Next Friday" is the Friday of the week after, as 下周五 is; weeks begin on Monday.
    """
    text = _WORD_ZH.sub(lambda found: f"{found[0]}（{spoken_day(_day_zh(found, said_on), 'zh')}）", break_words(text)).replace(BREAK, "")
    return _WORD_EN.sub(lambda found: f"{found[0]} ({spoken_day(_day_en(found, said_on), 'en')})", text)


def spoken_day(day: date, language: str) -> str:
    """A date without its year, as one writes it in a chat: `10月3号`, `Oct 3`."""
    return f"{day.month}月{day.day}号" if language == "zh" else f"{_MONTHS[day.month - 1]} {day.day}"


def _day_zh(found: re.Match[str], said_on: date) -> date:
    if found["near"]:
        return said_on + timedelta(days=_NEAR_ZH[found["near"]])
    return _in_week(said_on, _WEEKS[found["week"]], _DAYS_ZH.index(found["day"].replace("天", "日")))


def _day_en(found: re.Match[str], said_on: date) -> date:
    if found["near"]:
        return said_on + timedelta(days=_NEAR_EN[found["near"].lower()])
    return _in_week(said_on, -7 if found["week"].lower() == "last" else 7, _DAYS_EN.index(found["day"].lower()))


def _in_week(said_on: date, shift: int, weekday: int) -> date:
    return said_on + timedelta(days=shift - said_on.weekday() + weekday)
