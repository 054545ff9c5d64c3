"""Encoded examples as batches: alike in length, in an order that depends on the seed alone."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from finetune.encode import NO_LOSS, Encoded

_POOL = 32  # batches' worth of examples that are sorted by length together


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Padded on the right; all three of shape (rows, length)."""

    input_ids: Tensor
    attention_mask: Tensor
    labels: Tensor  # `NO_LOSS` where no loss is taken

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        return Batch(input_ids=self.input_ids.to(device), attention_mask=self.attention_mask.to(device), labels=self.labels.to(device))


def collate(examples: Sequence[Encoded]) -> Batch:
    """Put examples side by side. Padding is masked, so that its id does not matter."""
    length = max(len(example.input_ids) for example in examples)
    ids, mask, labels = [], [], []
    for example in examples:
        padding = length - len(example.input_ids)
        ids.append(example.input_ids + [0] * padding)
        mask.append([1] * len(example.input_ids) + [0] * padding)
        labels.append(example.labels + [NO_LOSS] * padding)
    return Batch(input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask), labels=torch.tensor(labels))


def epoch_batches(lengths: Sequence[int], *, batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Indexes of the examples of each step of one epoch; every example once, neighbours in length together."""
    source = random.Random(f"{seed}/{epoch}")
    order = list(range(len(lengths)))
    source.shuffle(order)
    batches: list[list[int]] = []
    for start in range(0, len(order), batch_size * _POOL):
        pool = sorted(order[start : start + batch_size * _POOL], key=lambda index: lengths[index])
        batches += [pool[first : first + batch_size] for first in range(0, len(pool), batch_size)]
    source.shuffle(batches)
    return batches


def pieces(batch: Sequence[int], lengths: Sequence[int], *, max_tokens: int) -> Iterator[list[int]]:
    """Cut a batch into pieces of at most `max_tokens` tokens with padding, one example at least, for one forward pass each."""
    piece: list[int] = []
    for index in sorted(batch, key=lambda number: lengths[number]):
        if piece and lengths[index] * (len(piece) + 1) > max_tokens:
            yield piece
            piece = []
        piece.append(index)
    if piece:
        yield piece
