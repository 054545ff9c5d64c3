"""What the training eats: token ids with a loss weight for each, and batches of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One training sequence. `weights[i]` is the weight of the loss on predicting `ids[i]`; 0 where none is taken."""

    kind: str
    ids: list[int]
    weights: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Items of like length, padded on the right, where causal attention needs no mask."""

    input_ids: torch.Tensor  # (items, length)
    positions: torch.Tensor  # (targets,): flat index into (items, length) of the token *before* each target
    targets: torch.Tensor  # (targets,)
    weights: torch.Tensor  # (targets,)
    kinds: tuple[str, ...]
    owners: torch.Tensor  # (targets,): which item a target belongs to


def collate(items: Sequence[Item], *, pad: int) -> Batch:
    """Pad `items` to one length and list the tokens that are to be predicted."""
    width = max(len(item.ids) for item in items)
    rows = [(row, index) for row, item in enumerate(items) for index, weight in enumerate(item.weights) if weight]
    return Batch(
        input_ids=torch.tensor([item.ids + [pad] * (width - len(item.ids)) for item in items]),
        positions=torch.tensor([row * width + index - 1 for row, index in rows]),
        targets=torch.tensor([items[row].ids[index] for row, index in rows]),
        weights=torch.tensor([items[row].weights[index] for row, index in rows]),
        kinds=tuple(item.kind for item in items),
        owners=torch.tensor([row for row, _ in rows]),
    )
