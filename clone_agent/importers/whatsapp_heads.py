"""The heads of WhatsApp's messages: which of the four shapes a file has, and in which order its dates stand.

    12/9/20, 23:55 - Alice: text                       DASH      Android
    2024/1/2 下午3:04 - 小明: text
    [13/01/2024, 3:05:06 PM] Alice: text               BRACKET   iOS; U+202F before PM, U+200E before the bracket of media
    13.06.18 21.25.15: a: text                         COLON     older
    13. 6. 2018. 21:25:15 a: text                      BLANK

One file has one shape, and one order of day, month and year: that of the phone that wrote it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from itertools import islice

from clone_agent.importers.dates import Order as DateOrder

# Right-to-left languages put marks of direction around the signs between the numbers.
_DATE = r"(?P<date>(?P<a>\d{1,4})[\s\u200e\u200f]?[./\-年]\s?(?P<b>\d{1,4})[\s\u200e\u200f]?[./\-月]\s?(?P<c>\d{1,4})(?:\.|日)?)"
_BEFORE = "上午|下午|午前|午後|오전|오후|凌晨|清晨|早上|中午|晚上|午夜"
_BEHIND = r"[AaPp]\.?\s?[Mm]\.?|ÖÖ|ÖS|π\.?\s?μ\.?|μ\.?\s?μ\.?|ص|م|SA|CH|PTG|PG|पूर्वाह्न|अपराह्न|de\.|du\.|" + _BEFORE
_CLOCK = (
    rf"(?:(?P<before>{_BEFORE})\s?)?(?P<hour>\d{{1,2}})[:.](?P<minute>\d{{2}})(?:[:.](?P<second>\d{{2}}))?"
    rf"(?:\s*(?P<behind>{_BEHIND})(?!\w))?"
)
_STAMP = rf"{_DATE}(?:,|،|\s(?:klo|kl\.?|um|at|às|à|alle|в|о|ob))?\s*{_CLOCK}"
_AFTERNOON = frozenset({"下午", "午後", "오후", "晚上", "ös", "μμ", "م", "ch", "ptg", "अपराह्न", "du"})
_KOREAN = frozenset({"오전", "오후"})
_LOOKED_AT = 200
_ENOUGH = 20  # dates that speak for one order, more than for any other
_EARLIEST, _LATEST = 2009, 2099  # WhatsApp began in 2009
_BUDDHIST = 543


_MAY_BEGIN = frozenset("[\u200e\u200f\ufeff0123456789")


class Shape(Enum):
    """What stands around and behind the clock."""

    BRACKET = re.compile(rf"[\u200e\u200f\ufeff]*\[{_STAMP}\](?:\s|(?=\u200e))?(?P<rest>.*)", re.S)
    DASH = re.compile(rf"[\u200e\u200f\ufeff]*{_STAMP}\s[-–—]\s(?P<rest>.*)", re.S)
    COLON = re.compile(rf"[\u200e\u200f\ufeff]*{_STAMP}:\s(?P<rest>.*)", re.S)
    BLANK = re.compile(rf"[\u200e\u200f\ufeff]*{_STAMP}\s(?P<rest>.*)", re.S)

    @property
    def head(self) -> Callable[[str], re.Match[str] | None]:
        """What finds the head that a line begins with. Take it once for a file: it is called for every line."""
        match = self.value.match

        def find(line: str) -> re.Match[str] | None:
            letter = line[:1]
            return match(line) if letter in _MAY_BEGIN or letter.isdigit() else None

        return find


_NAMED = re.compile(r"[^:\n]{1,80}:(?:\s|\u200e|\Z)")
# signal-export writes this, with the comma and without seconds; WhatsApp on iOS, which writes brackets, writes seconds.
_SIGNAL = re.compile(r"\[\d{4}-\d{2}-\d{2}, \d{2}:\d{2}\] ")


def find_shape(lines: Iterable[str]) -> Shape | None:
    """The shape of a file by its first lines; None where they are not WhatsApp's."""
    first = [line for line in islice(lines, _LOOKED_AT) if line.strip("\u200e\u200f\ufeff \r\n")]
    if not first or _SIGNAL.match(first[0]):
        return None
    hits = Counter(shape for line in first if (shape := _shape_of(line)) is not None)
    if not hits:
        return None
    best, many = hits.most_common(1)[0]
    starts = _shape_of(first[0]) is best
    return best if starts or (many >= 3 and many * 4 >= len(first)) else None


def _shape_of(line: str) -> Shape | None:
    for shape in Shape:
        found = shape.head(line)
        if found is not None:
            # Without a sign behind the clock, QQ, WeChat's tools and logs look alike: a year first is theirs, and WhatsApp names somebody.
            is_weak = shape in (Shape.COLON, Shape.BLANK)
            return None if is_weak and (len(found["a"]) == 4 or _NAMED.match(found["rest"]) is None) else shape
    return None


@dataclass(frozen=True, slots=True)
class Order:
    """Which number of a date is the year, the month, the day."""

    year: int
    month: int
    day: int

    def date(self, numbers: tuple[int, int, int]) -> date | None:
        """The day that three numbers name; None where there is none."""
        year = numbers[self.year]
        year = year + 2000 if year < 100 else year - _BUDDHIST if year > 2400 else year
        try:
            return date(year, numbers[self.month], numbers[self.day])
        except ValueError:
            return None


# In the order of preference: day first is usual in most of the world.
_YEAR_FIRST = (Order(0, 1, 2), Order(0, 2, 1))
_YEAR_INSIDE = (Order(1, 0, 2), Order(1, 2, 0))
_YEAR_LAST = (Order(2, 1, 0), Order(2, 0, 1))


@dataclass(slots=True)
class OrderFinder:
    """Gathers what the dates of a file say about their order."""

    _misses: Counter[Order] = field(default_factory=Counter)  # days that do not exist, or lie before WhatsApp
    _backward: Counter[Order] = field(default_factory=Counter)  # steps back in time
    _last: dict[Order, date] = field(default_factory=dict)
    _orders: tuple[Order, ...] = ()
    _seen: set[tuple[int, int, int]] = field(default_factory=set)
    _written: str = ""  # the last date, which most messages share with the one above

    def add(self, head: re.Match[str]) -> None:
        """Look at one more date."""
        if head["date"] == self._written:
            return
        self._written = head["date"]
        numbers = numbers_of(head)
        if not self._orders:
            self._orders = _orders_of(head)
        for order in self._orders:
            day = order.date(numbers)
            if day is None or not _EARLIEST <= day.year <= _LATEST:
                self._misses[order] += numbers not in self._seen
            if day is not None:
                self._backward[order] += day < self._last.get(order, day)
                self._last[order] = day
        self._seen.add(numbers)

    @property
    def is_sure(self) -> bool:
        """Whether looking further would change nothing."""
        if not self._orders:
            return False
        misses = sorted(self._misses[order] for order in self._orders[:2])
        return misses[1] - misses[0] >= _ENOUGH

    @property
    def order(self) -> Order:
        """The order that fits best."""
        return min(self._orders or _YEAR_LAST, key=self._cost)

    def told(self, order: DateOrder) -> Order:
        """The order that fits best, with day and month as the user says where the dates do not tell."""
        best = self.order
        is_day_first = best.day < best.month
        if self.is_told or is_day_first == (order is DateOrder.DAY_FIRST):
            return best
        return Order(best.year, best.day, best.month)

    @property
    def is_told(self) -> bool:
        """Whether the dates tell the order, or it makes no difference."""
        if self.order.year == 0:
            return True  # behind a year stands the month
        best, second = sorted(map(self._cost, _YEAR_LAST if self._orders[:1] != _YEAR_INSIDE[:1] else _YEAR_INSIDE))
        return best != second or all(numbers[0] == numbers[1] for numbers in self._seen)

    def _cost(self, order: Order) -> tuple[int, int]:
        return self._misses[order], self._backward[order]


def _orders_of(head: re.Match[str]) -> tuple[Order, ...]:
    """The orders that may be: a number of four digits is the year; of two digits it stands last, seldom first."""
    if len(head["a"]) == 4:
        return _YEAR_FIRST
    if len(head["b"]) == 4:
        return _YEAR_INSIDE
    if len(head["c"]) <= 2 and head["before"] in _KOREAN:
        return (_YEAR_FIRST[0], *_YEAR_LAST)  # `24. 1. 2. 오후 3:04`
    return _YEAR_LAST if len(head["c"]) == 4 else (*_YEAR_LAST, _YEAR_FIRST[0])


def numbers_of(head: re.Match[str]) -> tuple[int, int, int]:
    """The three numbers of a head's date, as they stand."""
    return int(head["a"]), int(head["b"]), int(head["c"])


def clock_of(head: re.Match[str]) -> tuple[int, int, int] | None:
    """Hour, minute and second of a head; None where there is no such time. 12 in the morning is 0."""
    written = head.group("hour", "minute", "second", "before", "behind")
    hour, minute, second = int(written[0]), int(written[1]), int(written[2] or 0)
    if written[3] is None and written[4] is None:
        return (hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None
    half = (written[3] or written[4]).lower().replace(".", "").replace(" ", "").replace("\u202f", "").replace("\xa0", "")
    if half == "中午":
        hour = 12 if hour == 12 else 12 + hour if hour < 3 else hour
    elif half and hour <= 12:
        hour = hour % 12 + (12 if half in _AFTERNOON or (half[0] == "p" and half != "pg") else 0)
    return (hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None


def heads_of(lines: Iterable[str], shape: Shape) -> Iterator[re.Match[str]]:
    """The heads among lines."""
    head = shape.head
    return (found for line in lines if (found := head(line)) is not None)
