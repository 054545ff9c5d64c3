"""The trained scorer: features of a pair to the probability that one line answers the other.

Two small networks one after the other, each several members whose probabilities are averaged: the first looks at pairs alone, the second
also at the threads that the first one guessed (`structure`). Inference is numpy; training is `finetune/thread_training.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np

from clone_agent.threads.features import Chat, Floats, Pairs, pair_columns, pairs, read_chat
from clone_agent.threads.lines import Line
from clone_agent.threads.structure import structure_columns

BLOCK = 1000  # lines that are linked at a time
BEHIND, _AHEAD = 150, 60  # lines around a block that its links may look at
WEIGHTS = "link_scorer.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Members with two hidden layers each; f features, h and g hidden units."""

    mean: Floats  # (f,)
    scale: Floats  # (f,)
    layers: tuple[tuple[Floats, Floats], ...]  # weight (members, in, out) and bias (members, out) of the three layers

    def likely(self, features: Floats, exists: np.typing.NDArray[np.bool_]) -> Floats:
        """Probabilities over the candidates of each line.

        Args:
            features: (targets, WINDOW, f).
            exists: (targets, WINDOW); candidates before the first line do not.

        Returns:
            Shape (targets, WINDOW), rows add up to 1.
        """
        hidden = ((features[exists] - self.mean) * self.scale).clip(-8, 8)
        total = np.zeros(exists.shape, dtype=np.float32)
        members = len(self.layers[0][0])
        for member in range(members):
            value = hidden
            for number, (weight, bias) in enumerate(self.layers):
                value = value @ weight[member] + bias[member]
                if number < len(self.layers) - 1:
                    value = np.maximum(value, 0)
            scores = np.full(exists.shape, -np.inf, dtype=np.float32)
            scores[exists] = value[:, 0]
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            total += scores / scores.sum(axis=1, keepdims=True)
        mean: Floats = total / np.float32(members)
        return mean


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkScorer:
    """Both networks."""

    first: Network
    second: Network

    def likely(self, lines: Sequence[Line], start: int = 0, end: int | None = None) -> Floats:
        """For each of the lines from `start` to `end`, the probability that it answers each line before it.

        Returns:
            Shape (end - start, WINDOW): at [i - start, d] for the line d before; d = 0: it begins a thread.
        """
        chat = read_chat(lines)
        everything = pairs(np.arange(len(lines)))
        guess = self.first.likely(features(chat, everything), everything.exists)
        wanted = pairs(np.arange(start, len(lines) if end is None else end))
        return self.second.likely(features(chat, wanted, guess), wanted.exists)


def features(chat: Chat, wanted: Pairs, guess: Floats | None = None) -> Floats:
    """The features of some pairs, with those of the first guess where there is one: (targets, WINDOW, f)."""
    columns = pair_columns(chat, wanted)
    if guess is not None:
        more = structure_columns(chat, wanted, guess)
        columns.names += more.names
        columns.values += more.values
    return columns.stack(wanted.distance.shape)


def links(lines: Sequence[Line], *, first: int = 0, start_odds: float = 1.0, scorer: LinkScorer | None = None) -> list[int]:
    """For each line from `first` on the index of the line it answers, its own where it begins a thread.

    A quote that the export knows counts; everything else is scored, in blocks, so that a chat may be of any length.

    Args:
        lines: of one chat, in time order.
        first: lines before it are context.
        start_odds: how much likelier a line begins a thread than in the channel that the scorer learnt from.
        scorer: another one than that which ships.
    """
    model = scorer or shipped_scorer()
    found: list[int] = []
    for start in range(first, len(lines), BLOCK):
        low, high = max(0, start - BEHIND), min(len(lines), start + BLOCK + _AHEAD)
        end = min(len(lines), start + BLOCK)
        likely = model.likely(lines[low:high], start - low, end - low)
        likely[:, 0] *= start_odds
        best = np.arange(start, end) - likely.argmax(axis=1)
        found += best.tolist()
    return [best if line.answers is None else line.answers for best, line in zip(found, lines[first:], strict=True)]


def load_network(stage: str, stored: Mapping[str, Floats]) -> Network:
    """The network `first` or `second` from its arrays, as `np.load` gives them."""
    layers = tuple(
        (stored[f"{stage}.weight{number}"].astype(np.float32), stored[f"{stage}.bias{number}"].astype(np.float32)) for number in range(3)
    )
    return Network(mean=stored[f"{stage}.mean"], scale=stored[f"{stage}.scale"], layers=layers)


@cache
def shipped_scorer() -> LinkScorer:
    """The scorer that comes with the program (`model/README.md`)."""
    data = files("clone_agent.threads").joinpath("model", WEIGHTS).read_bytes()
    with np.load(BytesIO(data), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return LinkScorer(first=load_network("first", arrays), second=load_network("second", arrays))
