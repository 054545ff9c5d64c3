"""Time phrases in a question -> a stretch of time: "去年国庆", "三天前", "last March", "two weekends ago".

Rules of our own for Chinese (`when_chinese`) and English (`when_english`). People ask about the past: a month, festival or weekday without
a year is the last one that has begun. A stretch that lies wholly in the future is none, since nothing was said in it yet. The answer is a
soft preference for recall, never a filter.
"""

from dataclasses import dataclass
from datetime import datetime

from memory import when_chinese, when_english


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What a time phrase means."""

    start: datetime
    end: datetime  # not part of it
    confidence: float  # 0 to 1: how surely the phrase means this


def find_span(question: str, *, now: datetime) -> Span | None:
    """Find the time phrase of a question; None without one.

    Args:
        question: Chinese or English.
        now: what "yesterday" counts from; the span is in its zone.
    """
    here = now.replace(tzinfo=None)
    try:
        found = when_chinese.find_chinese(question, here) or when_english.find_english(question, here)
    except (OverflowError, ValueError):  # "5000年前" lies before the calendar of datetime begins
        return None
    if found is None or found[0].start > here:
        return None
    period, confidence = found
    return Span(start=_zoned(period.start, now), end=_zoned(period.end, now), confidence=confidence)


def _zoned(moment: datetime, like: datetime) -> datetime:
    return moment.replace(tzinfo=like.tzinfo)


def without_time(question: str) -> str:
    """The question without its time words: what is left is its subject."""
    return when_english.without_time(when_chinese.without_time(question))
