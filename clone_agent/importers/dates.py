"""Dates of an unknown writer: which number is the day is decided once for a file."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from clone_agent.importers.stamps import read_time

_NUMBERS = re.compile(
    r"(?P<a>\d{1,2})[./-](?P<b>\d{1,2})[./-](?P<year>\d{4}|\d{2}),?[ T]+(?P<pre>上午|下午|오전|오후)?\s*"
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:\.\d+)?)?\s*(?P<post>[AaPp]\.?\s?[Mm]\.?)?"
)
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})\s?[./年-]\s?(?P<a>\d{1,2})\s?[./月-]\s?(?P<b>\d{1,2})日?,?[ T]*(?P<pre>上午|下午|오전|오후)?\s*"
    r"(?P<hour>\d{1,2})[:：时](?P<minute>\d{2})(?:[:：分](?P<second>\d{2})秒?)?分?(?:\.\d+)?\s*(?P<post>[AaPp]\.?\s?[Mm]\.?)?"
)
_AFTERNOON = frozenset({"下午", "午後", "오후"})


class Order(StrEnum):
    """Which of the first two numbers of a date is the day."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


DAY_TAKEN_FIRST = "the dates tell no order of day and month; the day was taken to come first (say which with --dates)"
MONTH_TAKEN_FIRST = "the dates tell no order of day and month; the month was taken to come first (say which with --dates)"


def find_order(written: Sequence[str]) -> Order | None:
    """The order of the dates in a file's first rows; None where nothing tells. Year-first dates need none and give day first."""
    found = [match for text in written if (match := _NUMBERS.fullmatch(text.strip())) is not None]
    if not found or any(int(match["a"]) > 12 for match in found):
        return Order.DAY_FIRST
    if any(int(match["b"]) > 12 for match in found):
        return Order.MONTH_FIRST
    rising = [order for order in Order if _is_rising([_key(match, order) for match in found])]
    is_same = all(match["a"] == match["b"] for match in found)
    return rising[0] if len(rising) == 1 or is_same else None


def read_date(written: str, order: Order, zone: ZoneInfo) -> datetime | None:
    """The moment that a cell names; None where it names none."""
    text = written.strip()
    if (plain := read_time(text, zone)) is not None:
        return plain
    numbers = _NUMBERS.fullmatch(text)
    found = numbers or _YEAR_FIRST.fullmatch(text)
    if found is None:
        return None
    first, second = int(found["a"]), int(found["b"])
    month, day = (second, first) if numbers is not None and order is Order.DAY_FIRST else (first, second)
    year = int(found["year"]) + (2000 if len(found["year"]) == 2 else 0)
    try:
        return datetime(year, month, day, hour_of(found), int(found["minute"]), int(found["second"] or 0), tzinfo=zone)
    except ValueError:
        return None


def hour_of(found: re.Match[str]) -> int:
    """The hour of a match with `hour`, and `pre` or `post` of a 12-hour clock: 12 AM is 0."""
    hour, half = int(found["hour"]), (found["pre"] or found["post"] or "")
    if not half:
        return hour
    is_afternoon = half in _AFTERNOON or half[0] in "Pp"
    return hour % 12 + (12 if is_afternoon else 0)


def clock_on(day: date | None, found: re.Match[str], zone: ZoneInfo) -> datetime | None:
    """The minute of a match with `hour`, `minute`, `pre` and `post` on a day told above it; None where there is no such one."""
    hour = hour_of(found)
    if day is None or hour > 23 or int(found["minute"]) > 59:
        return None
    return datetime(day.year, day.month, day.day, hour, int(found["minute"]), tzinfo=zone)


def _key(found: re.Match[str], order: Order) -> tuple[int, ...]:
    first, second = int(found["a"]), int(found["b"])
    day, month = (first, second) if order is Order.DAY_FIRST else (second, first)
    return int(found["year"]), month, day


def _is_rising(keys: list[tuple[int, ...]]) -> bool:
    return all(earlier <= later for earlier, later in pairwise(keys))
