"""What ids of messages and conversations tell: the second at which a message was sent, and whether the platform numbers the chat.

The ids themselves are given out by `importers.identity`. This file stands apart so that the archive needs none of the readers.
"""

import re
from datetime import datetime, timedelta

_SECONDS = 1 << 40
_UNNUMBERED = re.compile(r"[a-z_]+:(?:[0-9a-f]{16}|private:u_.*)")  # a hash of names, or an id that only one program knows


IMPOSSIBLE = "impossible time stamp"  # why a message at such a second is left out
_FIRST_DAY = datetime(1970, 1, 1).toordinal()
_NO_OFFSET = timedelta()


def is_possible(second: int) -> bool:
    """Whether every zone can show a second since 1970: the years 2 to 9998. Others would stop whatever shows dates."""
    return -62_104_060_800 <= second < 253_370_764_800


def second_of(moment: datetime) -> int:
    """Seconds since 1970 in UTC, rounded down: `floor(moment.timestamp())`, in half the time where the zone is a `ZoneInfo`.

    Args:
        moment: timezone-aware.
    """
    offset = moment.utcoffset() or _NO_OFFSET
    days = moment.toordinal() - _FIRST_DAY - offset.days
    return days * 86_400 + moment.hour * 3600 + moment.minute * 60 + moment.second - offset.seconds


def second_prefix(second: int) -> str:
    """What the ids of all messages of one second since 1970 begin with; it sorts as the seconds do."""
    return "%010x" % (second % _SECONDS)  # half the time of an f-string


def is_numbered(conversation: str) -> bool:
    """Whether a conversation's id is the platform's own number for it: then another number is another conversation."""
    return _UNNUMBERED.fullmatch(conversation) is None
