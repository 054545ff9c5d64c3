"""How much of a reply stands word for word in the training data: memorised, or simply usual.

Counted in units: a Han character, or a Latin word. The owner's real replies of later weeks say how much anybody repeats.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WINDOW = 8  # units that must be the same in a row to count as copied
_UNIT = re.compile(r"[A-Za-z0-9']+|\S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Copying:
    """What some replies share with the training data."""

    windows: int  # runs of eight units in the replies
    copied: int  # of them in the training data
    longest: int  # units of the longest run that both share, 0 below eight

    @property
    def share(self) -> float | None:
        """The share of runs that are copied; None: no reply is that long."""
        return self.copied / self.windows if self.windows else None


class CopyIndex:
    """Every run of eight units in the training data."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = [units(text) for text in texts]
        self._places: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
        for number, text in enumerate(self._texts):
            for start in range(len(text) - WINDOW + 1):
                self._places[tuple(text[start : start + WINDOW])].append((number, start))

    def copying(self, replies: Iterable[str]) -> Copying:
        """Look for every run of some replies."""
        windows = copied = longest = 0
        for reply in map(units, replies):
            for start in range(len(reply) - WINDOW + 1):
                windows += 1
                if places := self._places.get(tuple(reply[start : start + WINDOW])):
                    copied += 1
                    longest = max(longest, *(self._shared(reply, start, place) for place in places), 0)
        return Copying(windows=windows, copied=copied, longest=longest)

    def _shared(self, reply: Sequence[str], start: int, place: tuple[int, int]) -> int:
        """How many units from `start` on are the same as those at a place of the training data."""
        number, other = place
        text, length = self._texts[number], WINDOW
        while start + length < len(reply) and other + length < len(text) and reply[start + length] == text[other + length]:
            length += 1
        return length


def units(text: str) -> list[str]:
    """Han characters, marks, and Latin words in lower case; bubbles follow each other."""
    return _UNIT.findall(text.lower())
