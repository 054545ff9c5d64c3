"""How far a figure might be off by the luck of which replies and questions were drawn: 95 % intervals."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev

from ui.votes import wilson

Interval = tuple[float, float]
_NORMAL = 1.96  # standard errors on either side


def of_share(values: Sequence[float]) -> Interval | None:
    """Wilson's interval of the mean of values between 0 and 1; None: there are none."""
    return wilson(sum(values), len(values)) if values else None


def of_mean(values: Sequence[float]) -> Interval | None:
    """The normal interval of a mean; None: fewer than two values."""
    if len(values) < 2:
        return None
    reach = _NORMAL * stdev(values) / sqrt(len(values))
    return fmean(values) - reach, fmean(values) + reach
