"""How long a run over several voices will take, and how much of that is left: planned beforehand, put right by what the first ones took."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from finetune.prepare import plan_run
from finetune.tune_config import TuneConfig

_ALL_OF_A_RUN = 1.1  # a tuning run beside its steps alone: looks at held-out answers, everyday questions before and after, samples


def tuning_minutes(methods: Iterable[str], config: Callable[[str], TuneConfig], dataset: Path) -> dict[str, float]:
    """Minutes of each tuning run, by two steps that are measured. Raises what `plan_run` raises."""
    return {method: _ALL_OF_A_RUN * plan_run(config(method), dataset).minutes for method in methods}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Minutes of one voice."""

    tuning: float
    looking: float  # into the model, once it is there

    @property
    def total(self) -> float:
        """Both."""
        return self.tuning + self.looking


class Forecast:
    """Minutes of every voice, in the order in which they come."""

    def __init__(self, planned: Mapping[str, Planned]) -> None:
        self.planned = planned
        self._left = dict(planned)
        self._taken = self._meant = 0.0

    @property
    def total(self) -> float:
        """Of all voices from the beginning on."""
        return sum(one.total for one in self.planned.values())

    def finished(self, voice: str, minutes: float, *, is_whole: bool) -> float:
        """Take down that a voice is done, and return the minutes that are left.

        Args:
            voice: which.
            minutes: that it took.
            is_whole: nothing of it was there from an earlier call, so that it tells how long the others will take.
        """
        meant = self._left.pop(voice).total
        if is_whole:
            self._taken, self._meant = self._taken + minutes, self._meant + meant
        pace = self._taken / self._meant if self._meant else 1.0
        return pace * sum(one.total for one in self._left.values())
