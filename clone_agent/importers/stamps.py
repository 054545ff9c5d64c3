"""Times as exporters write them: epoch seconds or milliseconds, ISO with an offset, local date and clock without one."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_EPOCH = re.compile(r"\d{9,10}(?:\.\d+)?|\d{13}")
_MINUTE = re.compile(r"([0-5][0-9]):([0-5][0-9])")
_WRITTEN = re.compile(
    r"(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})[ T](?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?"
    r"\s*(?P<offset>Z|[+-]\d{2}:?\d{2})?"
)


def read_time(written: object, zone: ZoneInfo) -> datetime | None:
    """The moment that a field names, in `zone`; None where it names none or an impossible one.

    Args:
        written: epoch seconds or milliseconds, as a number or in digits, or a date and clock.
        zone: of a clock without an offset.
    """
    if isinstance(written, str):
        text = written.strip()
    elif isinstance(written, int) and 10**8 <= written < 10**10:  # most rows of most exports
        return datetime.fromtimestamp(written, zone)
    else:
        text = str(written) if isinstance(written, int | float) and not isinstance(written, bool) else ""
    try:
        if len(text) == 19 and text[13] == ":" and text[4] == "-" == text[7] and (within := _within_hour(text[14:])) is not None:
            return _hour(text[:13], zone) + within
        if len(text) > 15 and text[13] == ":" and text[4] == "-" and _is_plain(text):
            moment = datetime.fromisoformat(text)
            return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)
        if _EPOCH.fullmatch(text):
            return datetime.fromtimestamp(float(text) / (1000 if len(text) == 13 and "." not in text else 1), UTC).astimezone(zone)
        return _from_clock(_WRITTEN.fullmatch(text), zone)
    except (ValueError, OverflowError, OSError):
        return None


@lru_cache(maxsize=1 << 10)
def _hour(written: str, zone: ZoneInfo) -> datetime:
    """The start of an hour, `2024-01-31 08`; most messages share it with the one above."""
    return datetime.fromisoformat(written).replace(tzinfo=zone)


@lru_cache(maxsize=1 << 12)
def _within_hour(written: str) -> timedelta | None:
    """How far `59:59` is into its hour; None for what is no such thing."""
    found = _MINUTE.fullmatch(written)
    return timedelta(minutes=int(found[1]), seconds=int(found[2])) if found is not None else None


def _is_plain(text: str) -> bool:
    """Whether the standard library reads it; it is many times faster."""
    return len(text) == 19 or (" " not in text[11:] and text[10] == "T")


def _from_clock(found: re.Match[str] | None, zone: ZoneInfo) -> datetime | None:
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    if found["offset"] is None:
        return moment
    return datetime.fromisoformat(f"{moment:%Y-%m-%dT%H:%M:%S}{found['offset'].replace('Z', '+00:00')}").astimezone(zone)
