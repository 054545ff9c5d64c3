"""Examples divided by time: training comes first, evaluation is the last share, and no session is torn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpan:
    """When a session's examples lie, and how many there are."""

    session: str
    first: datetime
    last: datetime
    examples: int


def split_by_time(spans: Iterable[SessionSpan], *, eval_share: float) -> frozenset[str]:
    """Choose the sessions for evaluation: the latest ones, holding about `eval_share` of the examples.

    The cut is laid where no session is under way, so that everything in training was said before everything in evaluation. Only where
    such a pause lies far from the wanted share do sessions that run across the cut go to evaluation. Empty for a single session.
    """
    order = sorted(spans, key=lambda span: (span.last, span.session))
    total = sum(span.examples for span in order)
    if not order or not eval_share:
        return frozenset()
    clean, rough = _cuts(order, total=total, eval_share=eval_share)
    # A cut through running sessions is worth it only when the nearest pause would double or halve the share.
    cut = clean if clean is not None and 0.5 <= _share(order[clean:], total) / eval_share <= 2 else rough
    return frozenset() if cut is None else frozenset(span.session for span in order[cut:])


def _cuts(order: Sequence[SessionSpan], *, total: int, eval_share: float) -> tuple[int | None, int | None]:
    """The best cut in a pause, and the best of all: indexes into `order`, None where there is none."""
    clean: list[tuple[float, int]] = []
    rough: list[tuple[float, int]] = []
    after, earliest = 0, order[-1].first
    for index in range(len(order) - 1, 0, -1):
        after += order[index].examples
        earliest = min(earliest, order[index].first)
        distance = abs(after / total - eval_share)
        rough.append((distance, index))
        if order[index - 1].last < earliest:
            clean.append((distance, index))
    return (min(clean)[1] if clean else None), (min(rough)[1] if rough else None)


def _share(spans: Iterable[SessionSpan], total: int) -> float:
    return sum(span.examples for span in spans) / total
