"""How surely the passages found for a question are on its subject: a few signs, weighed into a probability.

The signs are nearness of meaning, how much of the subject's rare words the best exchanges hold together and the best passage's surroundings
alone, whether the best passages come from one talk, how many words of the subject the memory knows at all, and how high the best passages
score. The weights follow a logistic regression that `benchmarks/memory_confidence.py` fits on the development sets, half way from those
that were there before; they are kept here by hand.
"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

MOST_TERMS = 12
# Below this the clone says that it does not remember.
CONFIDENT = 0.45


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What tells whether a question's subject was found, each 0 to 1."""

    cosine: float = 0.0  # of the nearest passage
    exchanges: float = 0.0  # share of the subject's words, weighed by rarity, that the exchanges around the best passages hold together
    surroundings: float = 0.0  # ... that the wider stretch around the best passage holds
    together: float = 0.0  # share of the best passages that stand in the session of the best
    terms: float = 0.0  # terms of the subject that the memory knows, of `MOST_TERMS`
    scores: float = 0.0  # of the two best passages, in the mean


NO_SIGNS = Signs()
WEIGHTS = Signs(cosine=1.5, exchanges=2.1, surroundings=2.1, together=1.8, terms=0.8, scores=1.6)
BIAS = -4.0
ODDS, AFRESH = 1.3, -0.54  # weight of a cross-encoder's odds and the constant beside them


def probability(signs: Signs) -> float:
    """How likely the passages are on the subject, 0 to 1."""
    total = BIAS + sum(weight * value for weight, value in zip(astuple(WEIGHTS), astuple(signs), strict=True))
    return 1 / (1 + math.exp(-total))


def reconsidered(before: float, odds: float) -> float:
    """The probability after a cross-encoder has looked: a logistic regression on it before and on the odds that any passage answers.

    The constant lies where the same limit just rejects 80 % of what never happened of the sample life's development half; of all its
    development questions it keeps 97 % of the answerable ones and rejects 76 % of the others. `benchmarks/told_lines.py` prints both
    for other lives.
    """
    bounded = min(max(before, 1e-4), 1 - 1e-4)
    total = AFRESH + math.log(bounded / (1 - bounded)) + ODDS * odds
    return 1 / (1 + math.exp(-total))


def mean(parts: Sequence[Signs]) -> Signs:
    """The signs of a question's parts as one."""
    columns = zip(*map(astuple, parts), strict=True)
    return Signs(**{field.name: sum(values) / len(parts) for field, values in zip(fields(Signs), columns, strict=True)})
