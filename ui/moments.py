"""Days and moments on the command line: of this machine's zone, and within what its calendar can tell."""

from datetime import datetime, timedelta
from typing import Any

import click


class _Told(click.DateTime):
    """A naive moment that may be given this machine's zone, as may the day after it."""

    def __init__(self, formats: list[str], *, like: str) -> None:
        super().__init__(formats)
        self._like = like  # what a user writes, for the error

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it; a year like 9999, whose last day has no day after, is refused."""
        try:
            moment: datetime = super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is not a date like {self._like}.", param, ctx)
        try:
            for end in (moment, moment + timedelta(days=1)):
                end.astimezone()
        except (OverflowError, ValueError, OSError):  # which of them, the system decides
            self.fail("That is beyond the calendar.", param, ctx)
        return moment


DAY = _Told(["%Y-%m-%d"], like="2024-06-01")
PERIOD_START = _Told(["%Y-%m-%d", "%Y-%m", "%Y"], like="2024-06-01, 2024-06 or 2024")
MOMENT = _Told(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"], like='2024-06-01 or "2024-06-01 20:30"')
