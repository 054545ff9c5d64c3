"""Days and moments on the command line: of this machine's zone, and within what its calendar can tell."""

from datetime import datetime, timedelta
from typing import Any

import click


class _Told(click.DateTime):
    """A naive moment that may be given this machine's zone, as may the day after it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it; a year like 9999, whose last day has no day after, is refused."""
        moment: datetime = super().convert(value, param, ctx)
        try:
            for end in (moment, moment + timedelta(days=1)):
                end.astimezone()
        except (OverflowError, ValueError, OSError):  # which of them, the system decides
            self.fail("That is beyond the calendar.", param, ctx)
        return moment


DAY = _Told(["%Y-%m-%d"])
PERIOD_START = _Told(["%Y-%m-%d", "%Y-%m", "%Y"])
MOMENT = _Told()
