"""How often an example is learnt from: long answers are not drowned by 嗯, and recent ones may count for more.

The replies of a length class that holds a share s of all are drawn in proportion to s to the power of `balance`: 1 leaves them as they are,
0 makes them equal to the commonest class. That one and shorter ones are drawn as they are and longer ones more often, `MOST` times at most,
so no short reply is dropped. With a half-life, a reply counts half as much for each such time that passed between it and the newest one;
then old ones may fall out.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from finetune.lengths import EDGES

BALANCE = 0.7
MOST = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Everything that decides how often an example is drawn."""

    classes: Mapping[int, int]  # length class -> replies in it
    newest: datetime
    balance: float = BALANCE
    half_life: timedelta | None = None

    def weight(self, length: int, sent_at: datetime) -> float:
        """How often a reply of so many characters, sent then, is drawn on average."""
        commonest = max(self.classes, key=lambda one: self.classes[one])
        found = length_class(length)
        share = self.classes.get(found, self.classes[commonest]) / self.classes[commonest] if found > commonest else 1.0
        long: float = min(MOST, share ** (self.balance - 1))
        return long if self.half_life is None else float(long * 0.5 ** max(0.0, (self.newest - sent_at) / self.half_life))

    def copies(self, example: str, length: int, sent_at: datetime) -> int:
        """A whole number with that average, the same for an example at every call."""
        weight = self.weight(length, sent_at)
        return int(weight) + (random.Random(f"copies {example}").random() < weight % 1)


def length_class(length: int) -> int:
    """The index of a length's bucket in `finetune.lengths.EDGES`; longer ones share the last."""
    return next((number for number, edge in enumerate(EDGES) if length <= edge), len(EDGES))
