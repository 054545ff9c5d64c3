"""How long replies are: a running count of lengths in characters."""

from collections import Counter
from typing import Any

EDGES = (1, 2, 5, 10, 20, 50, 100)  # the last length of each bucket; longer ones share the last bucket
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


class LengthCounter:
    """Counts lengths; memory use grows with distinct lengths only."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, length: int) -> None:
        """Count one text."""
        self._counts[length] += 1

    def summary(self) -> dict[str, Any]:
        """Count, mean, quantiles (`p50` ...) and a histogram with keys such as `3-5` and `101-`, all in characters."""
        total = self._counts.total()
        if not total:
            return {"count": 0}
        mean = sum(length * count for length, count in self._counts.items()) / total
        return {
            "count": total,
            "mean": round(mean, 2),
            **{f"p{round(share * 100)}": self._quantile(share * total) for share in QUANTILES},
            "histogram": self._histogram(),
        }

    def _quantile(self, rank: float) -> int:
        seen = 0
        for length, count in sorted(self._counts.items()):
            seen += count
            if seen >= rank:
                return length
        raise AssertionError("a rank is at most the total")

    def _histogram(self) -> dict[str, int]:
        histogram: dict[str, int] = {}
        for low, high in zip((0, *EDGES), EDGES, strict=False):
            name = str(high) if high - low <= 1 else f"{low + 1}-{high}"
            histogram[name] = sum(count for length, count in self._counts.items() if low < length <= high)
        histogram[f"{EDGES[-1] + 1}-"] = sum(count for length, count in self._counts.items() if length > EDGES[-1])
        return histogram
