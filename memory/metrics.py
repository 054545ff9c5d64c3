"""Figures of ranked lists against gold: R@k, hit@k, MRR@10, nDCG@10, and how well a confidence tells answerable from unanswerable."""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_CUTS = (5, 10, 20)
_RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over questions."""

    values: dict[str, float]
    by_category: dict[str, dict[str, float]]
    interval: dict[str, tuple[float, float]]  # bootstrap 95 % over histories


def summarise(rows: Sequence[dict[str, Any]], *, budget: int) -> Figures:
    """Average the figures of questions given as {"ranked", "gold", "evidence", "category", "history"}."""
    scored = [of_question(row["ranked"], row["gold"]) | {f"evidence@{budget}": row["evidence"]} for row in rows]
    categories, histories = defaultdict(list), defaultdict(list)
    for row, figures in zip(rows, scored, strict=True):
        categories[row["category"]].append(figures)
        histories[row["history"]].append(figures)
    return Figures(
        values=_mean(scored),
        by_category={name: {"questions": float(len(group)), **_mean(group)} for name, group in sorted(categories.items())},
        interval=_interval(list(histories.values())),
    )


def of_question(ranked: Sequence[str], gold: Collection[str]) -> dict[str, float]:
    """The figures of one question; `ranked` are distinct, best first."""
    hits = [found in gold for found in ranked]
    figures = {f"R@{cut}": sum(hits[:cut]) / len(gold) for cut in _CUTS}
    figures |= {f"hit@{cut}": float(any(hits[:cut])) for cut in _CUTS[:2]}
    figures["MRR@10"] = next((1 / place for place, hit in enumerate(hits[:10], start=1) if hit), 0.0)
    gain = sum(hit / math.log2(place + 1) for place, hit in enumerate(hits[:10], start=1))
    figures["nDCG@10"] = gain / sum(1 / math.log2(place + 1) for place in range(1, min(len(gold), 10) + 1))
    return figures


def auroc(*, answerable: Sequence[float], foreign: Sequence[float]) -> float:
    """The chance that an answerable question has more confidence than one put to a memory that cannot know."""
    if not answerable or not foreign:
        return math.nan
    less = np.searchsorted(np.sort(foreign), answerable, side="left").sum()
    less_or_same = np.searchsorted(np.sort(foreign), answerable, side="right").sum()
    return round(float(less + less_or_same) / 2 / len(answerable) / len(foreign), 4)


def kept_and_rejected(*, answerable: Sequence[float], foreign: Sequence[float]) -> dict[str, float]:
    """The threshold that keeps 95 % of the answerable, and the share of the others below it."""
    if not answerable or not foreign:
        return {}
    threshold = float(np.percentile(answerable, 5))
    return {"threshold": round(threshold, 4), "rejected": round(float(np.mean(np.array(foreign) < threshold)), 4)}


def _mean(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(sum(row[name] for row in figures) / len(figures), 4) for name in figures[0]} if figures else {}


def _interval(groups: Sequence[Sequence[dict[str, float]]]) -> dict[str, tuple[float, float]]:
    if not groups:
        return {}
    rng = np.random.default_rng(0)
    names = list(groups[0][0])
    sums = np.array([[sum(row[name] for row in group) for name in names] for group in groups])
    sizes = np.array([len(group) for group in groups])
    drawn = rng.integers(len(groups), size=(_RESAMPLES, len(groups)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)[:, None]
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    return {name: (round(float(low[i]), 4), round(float(high[i]), 4)) for i, name in enumerate(names)}
