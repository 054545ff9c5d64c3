"""English time phrases: "last March", "two weekends ago", "on 7 May 2023", "over Christmas", "recently".

The first rule that fits wins; they stand from the most to the least telling. "may", "march", "fall" and "spring" count only where the
words around them make them a time. A year that is named anywhere ("last year", "two years ago", "in 2022") is that of a date, month, season
or festival without one of its own.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from memory import periods
from memory.periods import Period

Found = tuple[Period, float]

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_MONTH = "(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|{})".format(
    "nov(?:ember)?|dec(?:ember)?"
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY = "(" + "|".join(_WEEKDAYS) + ")"
_COUNTS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "a couple of": 2,
    "couple of": 2,
    "three": 3,
    "a few": 3.5,
    "few": 3.5,
    "several": 4,
    "four": 4,
}
_COUNTS |= {"five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "half a": 0.5}
_COUNT = r"(\d+|" + "|".join(sorted(_COUNTS, key=len, reverse=True)) + ")"
_UNIT_DAYS = {"day": 1.0, "night": 1.0, "week": 7.0, "month": 30.4, "year": 365.25}
_DAY = r"([12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
_YEAR = r"((?:19|20)\d\d)"
_SEASON = "(spring|summer|autumn|fall|winter)"
_FESTIVALS = {
    "new year'?s eve": "new year's eve",
    "chinese new year|lunar new year|spring festival": "spring festival",
    "new year'?s?": "new year",
    "valentine'?s?": "valentine",
    "easter": "easter",
    "mother'?s day": "mother",
    "father'?s day": "father",
    "independence day": "independence",
    "4th of july|fourth of july": "independence",
    "labor day": "labor day",
    "halloween": "halloween",
    "thanksgiving": "thanksgiving",
    "black friday": "black friday",
    "christmas eve": "christmas eve",
    "christmas|xmas": "christmas",
    "mid-?autumn(?: festival)?": "mid-autumn",
    "dragon boat(?: festival)?": "dragon boat",
    "qingming": "qingming",
    "national day|golden week": "national",
    "lantern festival": "lantern",
    "summer (?:holidays?|vacation|break)": "summer holiday",
    "winter (?:holidays?|vacation|break)": "winter holiday",
    "singles'? day": "singles",
    "april fools'?(?: day)?": "fools",
}
_THAT_YEAR = rf"(?:(last|this|next|previous) year|(?:the )?year (before last)|{_COUNT} years? ago|(?:back )?in {_YEAR}(?![-/.]\d))\b"
_DAYPARTS = {"morning": "morning", "noon": "noon", "afternoon": "afternoon", "evening": "evening", "tonight": "evening", "night": "night"}


_UNITS = "weekends?|weeks?|months?|years?|yesterday|today|tonight|night|morning|evening|afternoon|ago|recently|lately"
_SURE_MONTHS = _MONTH.replace("mar(?:ch)?|", "").replace("may|", "")
_TIME_WORDS = re.compile(
    rf"\b(?:(?:last|this|past|previous|next|in|on|early|late|mid) )?(?:{_SEASON}|{_WEEKDAY}|{_UNITS}|{_SURE_MONTHS}|{_YEAR})\b"
    rf"|\b(?:{'|'.join(_FESTIVALS)}|(?:in|last|since) (?:may|march))\b",
    re.IGNORECASE,
)


def without_time(question: str) -> str:
    """The question with its time words blanked out."""
    return _TIME_WORDS.sub(" ", question)


def find_english(question: str, now: datetime) -> Found | None:
    """The stretch that a question's time phrase names, with a confidence; None without one."""
    text = question.lower().replace("’", "'")
    year = _said_year(text, now)
    rules = _RULES if year is None else (*_WITHIN_A_YEAR, *_RULES)
    hits = (hit for rule in rules if (hit := rule(text, year, now)) is not None)
    found = next((hit for hit in hits if year is None or hit[0].start <= now), None)  # "this year … about Christmas", asked in May
    if found and found[0].length == timedelta(days=1):
        for word, part in _DAYPARTS.items():
            if re.search(rf"\b{word}\b", text):
                return periods.part_of_day(found[0], part), found[1]
    return found


def _said_year(text: str, now: datetime) -> int | None:
    match = re.search(rf"\b{_THAT_YEAR}", text)
    if match is None:
        return None
    if match[4]:
        return int(match[4])
    if match[3]:
        count = _count(match[3])
        return now.year - int(count) if count == int(count) and match[3] != "several" else None
    return now.year + {"last": -1, "previous": -1, "this": 0, "next": 1, None: -2}[match[1]]


def _month_number(name: str) -> int:
    return next(number for number, month in enumerate(_MONTHS, start=1) if month.startswith(name[:3]))


def _certain(found: Period | None, sure: float) -> Found | None:
    return (found, sure) if found else None


def _date(text: str, year: int | None, now: datetime) -> Found | None:
    if match := re.search(rf"\b{_YEAR}[-/.](\d\d?)[-/.](\d\d?)\b", text):
        return _certain(periods.exact_day(int(match[1]), int(match[2]), int(match[3])), 0.95)
    if match := re.search(rf"\b{_DAY} (?:of )?{_MONTH}\b(?:,? {_YEAR})?", text):
        day, month, own = match[1], match[2], match[3]
    elif match := re.search(rf"\b{_MONTH}\.? (?:the )?{_DAY}\b(?!:)(?:,? {_YEAR})?", text):
        month, day, own = match[1], match[2], match[3]
    else:
        return None
    number = _month_number(month)
    if own or year is not None:
        return _certain(periods.exact_day(int(own or year or 0), number, int(day)), 0.95)
    return _certain(periods.latest(lambda y: periods.exact_day(y, number, int(day)), now.date()), 0.85)


def _festival(text: str, year: int | None, now: datetime) -> Found | None:
    for words, name in _FESTIVALS.items():
        if not (match := re.search(rf"\b(last |this )?(?:{words})\b(?:(?: of| in|,)? {_YEAR})?", text)):
            continue
        if match[2]:
            return _certain(periods.festival(int(match[2]), name), 0.9)
        if year is not None and not match[1]:
            return _certain(periods.festival(year, name), 0.85)
        return _certain(periods.latest(lambda y, name=name: periods.festival(y, name), now.date()), 0.7)  # type: ignore[misc]  # default binds the loop's name
    return None


def _ago(text: str, year: int | None, now: datetime) -> Found | None:
    if match := re.search(rf"\b{_COUNT} weekends? (?:ago|back)\b", text):
        saturday = now.date() - timedelta(days=(now.weekday() - 5) % 7 or 7)
        return periods.days(saturday - timedelta(weeks=round(_count(match[1])) - 1), 2), 0.8
    match = re.search(rf"\b{_COUNT} (day|night|week|month|year)s?(?: and a half)? (?:ago|back|earlier)\b", text)
    if match is None:
        return None
    size = _UNIT_DAYS[match[2]]
    count = _count(match[1]) + (0.5 if "and a half" in match[0] else 0)
    middle = now - timedelta(days=count * size)
    if match[1] in ("few", "a few", "several"):
        return periods.between((now - timedelta(days=8 * size)).date(), (now - timedelta(days=1.5 * size)).date()), 0.55
    if size == 1:
        return periods.days(middle.date()), 0.85
    slack = {"week": 4, "month": 12 + 3 * count, "year": 60 + 30 * count}[match[2]] if count >= 1 else size / 6
    return periods.between((middle - timedelta(days=slack)).date(), (middle + timedelta(days=slack + 1)).date()), 0.65


def _count(text: str) -> float:
    return float(text) if text.isdigit() else float(_COUNTS[text])


def _named_day(text: str, year: int | None, now: datetime) -> Found | None:
    for words, back in (("day before yesterday", 2), (r"yesterday|last night", 1), ("today|tonight|this (?:morning|afternoon|evening)", 0)):
        if re.search(rf"\b(?:{words})\b", text):
            return periods.days(now.date() - timedelta(days=back)), 0.9
    return None


def _weekend(text: str, year: int | None, now: datetime) -> Found | None:
    match = re.search(r"\b(weekend before last|last weekend|this weekend|(?:at|on|over) the weekend)\b", text)
    if match is None:
        return None
    saturday = now.date() - timedelta(days=(now.weekday() - 5) % 7)
    if match[1] == "last weekend" and now.weekday() >= 5:
        saturday -= timedelta(weeks=1)
    return periods.days(saturday - timedelta(weeks=1 if "before" in match[1] else 0), 2), 0.8


def _unit(text: str, year: int | None, now: datetime) -> Found | None:
    match = re.search(r"\b(last|this|past|previous) (week|month|year)\b|\b(week|month|year) before last\b", text)
    if match is None:
        return None
    back = 2 if match[3] else (0 if match[1] == "this" else 1)
    unit, before = match[2] or match[3], text[: match.start()]
    if unit == "week":
        if named := re.search(rf"\b{_WEEKDAY},?(?: of)?(?: the)? $", before) or re.match(rf",? on {_WEEKDAY}\b", text[match.end() :]):
            monday = periods.week(now.date() - timedelta(weeks=back)).start.date()
            return periods.days(monday + timedelta(days=_WEEKDAYS.index(named[1]))), 0.85
        return periods.week(now.date() - timedelta(weeks=back)), 0.8
    if unit == "month":
        return periods.month(now.year, now.month - back), 0.8
    number = now.year - back
    if part := re.search(r"\b(beginning|start|early|middle|mid|end|late|first half|second half)(?: of)?(?: the)? *$", before):
        return periods.year_part(number, _part(part[1])), 0.8
    return periods.year(number), 0.75


def _part(word: str) -> str:
    same = {"beginning": "start", "start": "start", "early": "start", "middle": "middle", "mid": "middle"}
    return word if word.endswith("half") else same.get(word, "end")


def _season(text: str, year: int | None, now: datetime) -> Found | None:
    match = re.search(rf"\b(?:(last|this|past|previous|in|the|during|that|over|of) )+{_SEASON}\b(?:(?: of| in|,)? {_YEAR})?", text)
    match = match or re.search(rf"\b()(?:{_SEASON}) (?:of )?(?:{_YEAR}\b|{_THAT_YEAR})", text)
    if match is None:
        return None
    name = "autumn" if match[2] == "fall" else match[2]
    if match[3]:
        return periods.season(int(match[3]), name), 0.85
    if year is not None and match[1] not in ("last", "this", "past", "previous"):
        return periods.season(year, name), 0.85
    found = periods.latest(lambda y: periods.season(y, name), now.date())
    if found and match[1] in ("last", "previous") and found.end > now:
        found = periods.season(found.start.year - 1, name)
    return _certain(found, 0.65)


def _month(text: str, year: int | None, now: datetime) -> Found | None:
    own = f"(?:{_YEAR}\\b|{_THAT_YEAR})"
    match = re.search(rf"\b(?:(early|mid|late)[ -]|(?:beginning|start|middle|end) of )?{_MONTH}(?: of)?,? {own}", text)
    if match and (match[3] or year is not None):
        whole, sure = periods.month(int(match[3] or year or 0), _month_number(match[2])), 0.9
    elif match := re.search(rf"\b(in|last|this|since|during|by|of|early|late|mid)[ -]{_MONTH}\b", text):
        latest = _named_month(_month_number(match[2]), match[1], year, now)
        if latest is None:
            return None
        whole, sure = latest, 0.75 if year is None else 0.9
    else:
        return None
    part = re.search(r"\b(early|mid|late|beginning|start|middle|end)\b", match[0])
    return (periods.month_part(whole, _part(part[1])) if part else whole), sure


def _named_month(number: int, how: str, year: int | None, now: datetime) -> Period | None:
    if year is not None and how not in ("last", "this"):
        return periods.month(year, number)
    latest = periods.latest(lambda y: periods.month(y, number), now.date())
    return periods.month(latest.start.year - 1, number) if latest and how == "last" and latest.end > now else latest


def _year(text: str, year: int | None, now: datetime) -> Found | None:
    match = re.search(
        r"\b(?:(early|mid|late|(?:beginning|start|middle|end|first half|second half) of)[ -])?"
        rf"(?:in |of |during |since |back in )?{_YEAR}\b(?![-/:])",
        text,
    )
    if match is None or not (match[1] or match[0] != match[2] or re.search(rf"{_YEAR}\W*$", text)):
        return None
    number = int(match[2])
    return (periods.year_part(number, _part(match[1].removesuffix(" of"))) if match[1] else periods.year(number)), 0.8


def _weekday(text: str, year: int | None, now: datetime) -> Found | None:
    match = re.search(rf"\b(last |on |this |past )?{_WEEKDAY}\b(?!s)", text)
    if match is None or re.search(rf"\b(next|every|each) {_WEEKDAY}", text):
        return None
    back = (now.weekday() - _WEEKDAYS.index(match[2])) % 7
    return periods.days(now.date() - timedelta(days=back or (7 if match[1] == "last " else 0))), 0.65


def _recent(text: str, year: int | None, now: datetime) -> Found | None:
    end = now.date() + timedelta(days=1)
    if match := re.search(rf"\b(?:in|over|during|for)?(?: the)? ?(?:last|past) {_COUNT} (day|week|month|year)s?\b", text):
        return periods.between(now.date() - timedelta(days=round(_count(match[1]) * _UNIT_DAYS[match[2]]) + 1), end), 0.7
    if re.search(r"\bthe other day\b|\ba few days back\b", text):
        return periods.between(now.date() - timedelta(days=10), now.date()), 0.5
    if re.search(r"\b(recently|lately|these days|as of late)\b", text):
        return periods.between(now.date() - timedelta(days=45), end), 0.35
    return None


_WITHIN_A_YEAR = (_date, _festival, _season, _month)
_RULES: tuple[Callable[[str, int | None, datetime], Found | None], ...] = (
    _date,
    _ago,
    _festival,
    _season,
    _month,
    _named_day,
    _weekend,
    _unit,
    _year,
    _recent,
    _weekday,
)
