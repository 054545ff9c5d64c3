"""What each reason for a passage counts. Fitted by `benchmarks/memory_weights.py` on the development sets, and kept here by hand.

Chinese and English have weights of their own: the sets differ, and the embedding that ships hardly knows English. What a reason counts
beside a cross-encoder's odds, `benchmarks/memory_second_look.py` fits.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from memory.embed import Embedder
from memory.evidence import Evidence
from memory.nearby import Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What each column of `memory.evidence` counts; below 0: it speaks against a passage."""

    turn: float  # BM25 of a passage's own words
    near: float  # ... of the exchange around it
    far: float  # ... of the wider stretch around it
    before: float  # the question's words in a passage and in the few before it
    long_before: float  # ... and in the many before it
    dense_turn: float  # nearness of a passage
    dense_segment: float  # ... of the segment around it
    dense_before: float  # ... of a passage or one of the four before it
    person: float  # one of the people named speaks, or the chat is with them
    time: float  # said in the time named
    asker_chat: float  # in a chat with who asks, where the question says "I"
    asker_says: float  # ... by whom
    kind: float  # of the kind that is asked for
    answer: float  # ... and near the question's words
    asks: float  # asks itself
    follows: float  # one of two passages after one that asks
    alike: float  # one of three passages after one that asks for the same kind
    length: float  # longer lines tell more
    late: float  # what is said later corrects what was said before
    last: float  # ... of the kind, where is asked how something came out
    settles: float  # tells how something came out, of the kind and near the question's words
    owner: float  # said by the owner: what others tell is asked for more often


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondWeights(Weights):
    """... once a cross-encoder has read the passages: beside the reasons for each, its odds and what it scored by them before."""

    score: float  # logarithm of the score by the reasons alone
    odds: float  # logarithm of the odds that the passage answers
    in_talk: float  # ... where it is read among the passages of its talk; the same where none reads talks
    says: float  # by whom the question names as the speaker ("我喊你…", "你说…")


CHINESE = Weights(
    turn=0.04,
    near=0.03,
    far=0.19,
    before=0.15,
    long_before=0.21,
    dense_turn=0.08,
    dense_segment=0.09,
    dense_before=0.15,
    person=0.27,
    time=0.27,
    asker_chat=0.13,
    asker_says=0.14,
    kind=0.31,
    answer=0.03,
    asks=-0.14,
    follows=0.18,
    alike=0.08,
    length=0.15,
    late=0.19,
    last=0.05,
    settles=0.09,
    owner=-0.02,
)
ENGLISH = Weights(
    turn=0.11,
    near=0.20,
    far=0.09,
    before=0.09,
    long_before=0.08,
    dense_turn=0.08,
    dense_segment=0.11,
    dense_before=0.0,
    person=0.16,
    time=0.32,
    asker_chat=0.10,
    asker_says=0.15,
    kind=0.05,
    answer=0.23,
    asks=-0.10,
    follows=0.19,
    alike=0.03,
    length=0.06,
    late=0.0,
    last=0.02,
    settles=0.04,
    owner=-0.05,
)
SECOND = SecondWeights(
    turn=-0.01,
    near=-0.42,
    far=0.35,
    before=-0.75,
    long_before=2.42,
    dense_turn=-0.46,
    dense_segment=-0.35,
    dense_before=-0.41,
    person=-0.44,
    time=1.52,
    asker_chat=0.57,
    asker_says=0.64,
    kind=-0.47,
    answer=0.77,
    asks=0.38,
    follows=-0.24,
    alike=-0.08,
    length=1.33,
    late=0.01,
    last=0.18,
    settles=0.39,
    owner=-0.30,
    score=4.56,
    odds=0.35,
    in_talk=0.55,
    says=0.38,
)
NAMES = tuple(field.name for field in fields(Weights))
SECOND_NAMES = tuple(field.name for field in fields(SecondWeights))


def weights_for(question: str, embedder: Embedder | None) -> Weights:
    """The weights for a question's language and for what the encoder knows of it."""
    is_han = any("\u3400" <= char <= "\u9fff" for char in question)
    weights = CHINESE if is_han else ENGLISH
    if embedder is not None and is_han and not embedder.knows_chinese:
        return replace(weights, dense_turn=weights.dense_turn / 2, dense_segment=weights.dense_segment / 2, dense_before=0.0)
    if embedder is not None and not is_han and embedder.knows_english:
        return replace(weights, dense_turn=0.2, dense_segment=0.15)
    return weights


def values(weights: Weights) -> NDArray[np.float32]:
    """Weights in the order of their fields."""
    return np.array([getattr(weights, field.name) for field in fields(weights)], dtype=np.float32)


def fuse(evidence: Evidence, weights: Weights) -> Scores:
    """One score for each passage of the evidence, 0 to 1; 0 where no arm found it."""
    counts = values(weights)
    scores = counts @ np.stack([evidence.columns[name] for name in NAMES])
    return np.where(evidence.is_found, np.clip(scores / counts[counts > 0].sum(), 1e-6, 1), 0).astype(np.float32)
