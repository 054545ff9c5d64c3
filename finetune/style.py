"""How somebody writes, in figures, and how far that is from how somebody else writes.

Lengths and bubbles are compared by the area between their distributions (Wasserstein distance), marks and emoji by the Jensen-Shannon
divergence of what stands in a bubble: 0 the same, 1 bit nothing in common.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log2
from statistics import fmean, median

_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff][\ufe0f\u200d\U0001f3fb-\U0001f3ff]*"  # pictures and their variants
    r"|\[[\u4e00-\u9fffA-Za-z]{1,6}\]"  # WeChat and QQ write stickers as [捂脸]
)
_MARK = re.compile(r"([^\w\s])\1*")
_NONE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Figures of some replies. Lengths are characters of a whole reply, all bubbles together."""

    replies: int
    mean_length: float
    median_length: float
    long_length: float  # the 90th percentile
    mean_bubbles: float
    distinct: float  # share of different replies


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleDistance:
    """How far one way of writing is from another; 0 is the same."""

    length: float  # characters
    bubbles: float
    punctuation: float  # bits, at most 1
    emoji: float  # bits, at most 1


def style(replies: Sequence[str]) -> Style:
    """The figures of replies, each with its bubbles one a line. There must be at least one."""
    lengths = sorted(_lengths(replies))
    return Style(
        replies=len(replies),
        mean_length=fmean(lengths),
        median_length=median(lengths),
        long_length=float(lengths[min(len(lengths) - 1, len(lengths) * 9 // 10)]),
        mean_bubbles=fmean(_bubble_counts(replies)),
        distinct=len(set(replies)) / len(replies),
    )


def style_distance(replies: Sequence[str], others: Sequence[str]) -> StyleDistance:
    """How far some replies are from others; the numbers of replies may differ."""
    return StyleDistance(
        length=_wasserstein(_lengths(replies), _lengths(others)),
        bubbles=_wasserstein(_bubble_counts(replies), _bubble_counts(others)),
        punctuation=_divergence(_counted(replies, _marks), _counted(others, _marks)),
        emoji=_divergence(_counted(replies, _emoji), _counted(others, _emoji)),
    )


def bubbles_of(replies: Sequence[str]) -> list[str]:
    """Every bubble that is not blank, in order."""
    return [line for reply in replies for line in reply.split("\n") if line.strip()]


def _lengths(replies: Sequence[str]) -> list[int]:
    return [len(reply.replace("\n", "")) for reply in replies]


def _bubble_counts(replies: Sequence[str]) -> list[int]:
    return [len(bubbles_of([reply])) for reply in replies]


def _marks(bubble: str) -> Iterator[str]:
    """Punctuation; a mark that is repeated counts as another one than the single mark."""
    for found in _MARK.finditer(_EMOJI.sub("", bubble)):
        yield found[0][:2]


def _emoji(bubble: str) -> Iterator[str]:
    for found in _EMOJI.finditer(bubble):
        yield found[0] if found[0].startswith("[") else found[0][0]


def _counted(replies: Sequence[str], read: Callable[[str], Iterator[str]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for bubble in bubbles_of(replies):
        counts.update(list(read(bubble)) or [_NONE])
    return counts


def _wasserstein(values: Sequence[int], others: Sequence[int]) -> float:
    """The area between the two distribution functions."""
    low, high = min(*values, *others), max(*values, *others)
    ours, theirs, area, passed = Counter(values), Counter(others), 0.0, [0, 0]
    for value in range(low, high):
        passed[0] += ours[value]
        passed[1] += theirs[value]
        area += abs(passed[0] / len(values) - passed[1] / len(others))
    return area


def _divergence(counts: Counter[str], others: Counter[str]) -> float:
    """Jensen-Shannon, in bits; 1 where one side is empty and the other is not."""
    if not counts or not others:
        return float(bool(counts) != bool(others))
    ours, theirs = counts.total(), others.total()
    total = 0.0
    for key in counts.keys() | others.keys():
        one, other = counts[key] / ours, others[key] / theirs
        middle = (one + other) / 2
        total += sum(part * log2(part / middle) for part in (one, other) if part) / 2
    return total
