"""One step of training: a batch in pieces that fit into memory, the mean over its supervised tokens, one move of the optimizer."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn

from clone_agent.errors import ModelError
from finetune.batches import collate, epoch_batches, pieces
from finetune.encode import Encoded
from finetune.loss import autocast_for
from finetune.memory_limits import ADVICE, is_out_of_memory
from finetune.prepare import Prepared
from finetune.processes import Team
from finetune.tune_config import TuneConfig

log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Stepper:
    """The optimizer, and the texts in the order it takes them. Which texts a step takes depends on seed and step alone."""

    def __init__(self, config: TuneConfig, prepared: Prepared, team: Team) -> None:
        self._config, self._texts, self._rows, self._team = config, prepared.train, prepared.rows, team
        self._model, self._device = prepared.loaded.model, prepared.loaded.device
        self._steps, self._highest_rate = prepared.plan.steps, prepared.plan.learning_rate
        self._lengths = [len(text.input_ids) for text in prepared.train]
        self._piece_tokens, self._autocast = prepared.plan.step_tokens, autocast_for(self._model)
        self._epoch: tuple[int, list[list[int]]] = (-1, [])
        decay = config.weight_decay if config.weight_decay is not None else config.defaults().weight_decay
        names = {id(parameter): name for name, parameter in self._model.named_parameters()}
        trained = {file_name: names[id(parameter)] for file_name, parameter in prepared.adapter.parameters.items()}
        optimizer = torch.optim.AdamW(list(prepared.adapter.parameters.values()), lr=self._highest_rate, weight_decay=decay)
        self._engine = team.join(self._model, optimizer, clip=config.clip)
        joined = dict(self._model.named_parameters())
        self._parameters: Mapping[str, nn.Parameter] = {file_name: joined[name] for file_name, name in trained.items()}
        prepared.adapter.parameters = self._parameters

    def rate(self, step: int) -> float:
        """The learning rate of a step: a rise, then the schedule's way down."""
        warmup = max(self._config.defaults().warmup_steps, round(self._steps * self._config.warmup_share))
        if step < warmup:
            return self._highest_rate * (step + 1) / warmup
        done = (step - warmup) / max(1, self._steps - warmup)
        shares = {"cosine": 0.5 * (1 + math.cos(math.pi * done)), "linear": 1 - done, "constant": 1.0}
        return self._highest_rate * shares[self._config.schedule]

    def take(self, step: int) -> tuple[float, int]:
        """Learn from the batch of a step; return its mean loss per supervised token and its number of tokens.

        When memory runs out, the pieces are halved and the step is tried again.

        Raises:
            ModelError: a single text does not fit into memory, or the loss is no number any more.
        """
        batch = self._batch(step)
        return self._fitting(lambda: self._learn(batch, step)), sum(self._lengths[index] for index in batch)

    def held_out_loss(self, texts: Sequence[Encoded]) -> float | None:
        """Mean loss per supervised token, without dropout; None for no texts."""
        if not texts:
            return None
        return self._fitting(lambda: self._summed(texts) / sum(text.targets for text in texts))

    def tensors(self) -> dict[str, Tensor]:
        """The optimizer's memory, for a checkpoint."""
        return self._engine.tensors(self._parameters)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `tensors` gave."""
        self._engine.module.train(True)
        self._engine.restore(self._parameters, tensors, lambda: self._summed_loss([0], self._texts))
        self._engine.module.train(False)

    def _batch(self, step: int) -> list[int]:
        epoch, number = divmod(step, math.ceil(len(self._lengths) / self._rows))
        if self._epoch[0] != epoch:
            self._epoch = (epoch, epoch_batches(self._lengths, batch_size=self._rows, seed=self._config.seed, epoch=epoch))
        return self._epoch[1][number]

    def _learn(self, batch: Sequence[int], step: int) -> float:
        self._engine.module.train(True)
        targets, total = sum(self._texts[index].targets for index in batch), 0.0
        own = self._own_pieces(batch, self._lengths)
        for number, (piece, weight) in enumerate(own, start=1):
            share = partial(self._weighted_loss, piece, weight / targets)
            total += self._engine.add(share, is_last=number == len(own))
        (total,) = self._team.total(total)
        if not math.isfinite(total):
            raise ModelError(f"The loss ran away at step {step + 1}.", remedy="Lower the learning rate, then tune again.")
        self._engine.step(self.rate(step))
        self._engine.module.train(False)
        return total

    @torch.no_grad()
    def _summed(self, texts: Sequence[Encoded]) -> float:
        """The sum of the losses of all supervised tokens of all texts."""
        self._engine.module.train(False)
        own = self._own_pieces(range(len(texts)), [len(text.input_ids) for text in texts])
        return self._team.total(sum(float(self._summed_loss(piece, texts)) * weight for piece, weight in own))[0]

    def _own_pieces(self, batch: Sequence[int], lengths: Sequence[int]) -> list[tuple[list[int], float]]:
        """The pieces of a batch that this process takes, each with the weight 1.

        Members of a team must take the same number of passes. Who has fewer repeats a text, with the weight 0.
        """
        shares = [list(pieces(self._team.share(batch, rank), lengths, max_tokens=self._piece_tokens)) for rank in range(self._team.size)]
        own = [(piece, 1.0) for piece in shares[self._team.rank]]
        return own + [([batch[0]], 0.0)] * (max(map(len, shares)) - len(own))

    def _weighted_loss(self, piece: Sequence[int], weight: float) -> Tensor:
        return self._summed_loss(piece, self._texts) * weight

    def _summed_loss(self, piece: Sequence[int], texts: Sequence[Encoded]) -> Tensor:
        batch = collate([texts[index] for index in piece]).to(self._device)
        with self._autocast:
            loss: Tensor = self._engine.module(batch.input_ids, batch.attention_mask, batch.labels)
        return loss

    def _fitting(self, work: Callable[[], _T]) -> _T:
        """Do the work, with pieces half as large each time that memory runs out."""
        while True:
            try:
                return work()
            except (MemoryError, RuntimeError) as cause:
                if not is_out_of_memory(cause):
                    raise
                self._halve_pieces(cause)

    def _halve_pieces(self, cause: BaseException) -> None:
        self._piece_tokens //= 2
        if self._team.size > 1:  # the others wait in the middle of a sum
            raise ModelError("Memory ran out in one of several processes.", remedy=f"Lower step_tokens. {ADVICE}") from cause
        if self._piece_tokens < max(self._lengths) // 2:
            raise ModelError("Memory does not suffice for a single text.", remedy=ADVICE) from cause
        log.warning("out of memory: going on with pieces of %d tokens", self._piece_tokens)
        self._engine.forget()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
