"""Stretches of the calendar: days, weeks, months, years, seasons, festivals. All local and naive; the end is not part of the stretch."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from memory.festivals import FIXED, LUNAR, MOVING

_MIDNIGHT = time()

# Wider than the calendar's seasons, since people disagree on them: (month, day) of the first day and of the day after the last.
_SEASONS = {"spring": ((2, 4), (6, 1)), "summer": ((5, 5), (9, 1)), "autumn": ((8, 7), (12, 1)), "winter": ((11, 7), (3, 1))}
_YEAR_PARTS = {
    "start": ((1, 1), (3, 1)),
    "middle": ((5, 15), (8, 1)),
    "end": ((11, 15), (1, 1)),
    "first half": ((1, 1), (7, 1)),
    "second half": ((7, 1), (1, 1)),
}
_QUARTERS = {number: ((3 * number - 2, 1), (3 * number % 12 + 1, 1)) for number in range(1, 5)}
# Hours of the day's parts; past 24 is the next day.
DAYPARTS = {
    "dawn": (0, 6),
    "morning": (5, 12),
    "noon": (11, 14),
    "afternoon": (12, 18.5),
    "dusk": (16.5, 20),
    "evening": (17, 28),
    "night": (20, 30),
}


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` up to, not including, `end`."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


def days(first: date, count: float = 1) -> Period:
    """`count` days from `first` on."""
    start = datetime.combine(first, _MIDNIGHT)
    return Period(start, start + timedelta(days=count))


def between(first: date, end: date) -> Period:
    """From `first` up to, not including, `end`."""
    return Period(datetime.combine(first, _MIDNIGHT), datetime.combine(end, _MIDNIGHT))


def week(day: date) -> Period:
    """The week that holds `day`, Monday first."""
    return days(day - timedelta(days=day.weekday()), 7)


def month(year: int, number: int) -> Period:
    """A calendar month; `number` may be below 1 or above 12."""
    year, number = year + (number - 1) // 12, (number - 1) % 12 + 1
    return between(date(year, number, 1), date(year + number // 12, number % 12 + 1, 1))


def month_part(whole: Period, part: str) -> Period:
    """The start (to the 10th), middle (11th to 20th) or end (from the 21st) of a month, one day wider on each side."""
    first = whole.start.date()
    edges = {"start": (0, 11), "middle": (9, 21), "end": (19, (whole.length.days) + 1)}[part]
    return between(first + timedelta(days=edges[0]), first + timedelta(days=edges[1]))


def year(number: int) -> Period:
    """A calendar year."""
    return between(date(number, 1, 1), date(number + 1, 1, 1))


def year_part(number: int, part: str) -> Period:
    """Start, middle, end, first half or second half of a year."""
    return _edges(number, *_YEAR_PARTS[part])


def quarter(number: int, which: int) -> Period:
    """One of the four quarters of a year."""
    return _edges(number, *_QUARTERS[which])


def season(number: int, name: str) -> Period:
    """A season of a year, generously; winter runs into the next year."""
    return _edges(number, *_SEASONS[name])


def exact_day(number: int, which_month: int, day: int) -> Period | None:
    """A day of the calendar, None where there is no such day."""
    try:
        return days(date(number, which_month, day))
    except ValueError:
        return None


def festival(number: int, name: str) -> Period | None:
    """A festival's days in a year; None where the table of lunar festivals (2000 to 2040) ends."""
    if name in FIXED:
        which_month, day, count = FIXED[name]
        return days(date(number, which_month, day), count)
    if name in MOVING:
        which_month, weekday, which, shift, count = MOVING[name]
        first = date(number, which_month, 1)
        day_of_month = (weekday - first.weekday()) % 7 + 7 * (which - 1)
        return days(first + timedelta(days=day_of_month + shift), count)
    if name == "easter":
        return days(_easter(number) - timedelta(days=2), 4)
    base, shift, count = LUNAR[name][0], LUNAR[name][1], LUNAR[name][2]
    return days(base[number] + timedelta(days=shift), count) if number in base else None


def latest(make: Callable[[int], Period | None], today: date) -> Period | None:
    """The last of a yearly stretch that has begun by `today`: a festival asked for in May is last year's if it lies in October."""
    for number in (today.year, today.year - 1, today.year - 2):
        found = make(number)
        if found and found.start.date() <= today:
            return found
    return None


def part_of_day(period: Period, part: str) -> Period:
    """The morning, evening ... of a period of a single day."""
    first, last = DAYPARTS[part]
    return Period(period.start + timedelta(hours=first), period.start + timedelta(hours=last))


def _edges(number: int, first: tuple[int, int], end: tuple[int, int]) -> Period:
    return between(date(number, *first), date(number + (end <= first), *end))


def _easter(number: int) -> date:
    """Easter Sunday by the anonymous Gregorian computus (Nature, 1876)."""
    a, b, c = number % 19, number // 100, number % 100
    d, e, g = b // 4, b % 4, (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * weekday) // 451
    return date(number, (h + weekday - 7 * m + 114) // 31, (h + weekday - 7 * m + 114) % 31 + 1)
