"""One step of training: a batch in pieces that fit into memory, the mean over its supervised tokens, one move of the optimizer."""

import logging
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from clone_agent.errors import ModelError
from finetune.batches import collate, epoch_batches, pieces
from finetune.encode import Encoded
from finetune.loss import autocast_for, mean_loss, summed_loss
from finetune.prepare import Prepared
from finetune.training_state import optimizer_tensors, restore_optimizer
from finetune.tune_config import TuneConfig

log = logging.getLogger(__name__)


class Stepper:
    """The optimizer, and the texts in the order it takes them. Which texts a step takes depends on seed and step alone."""

    def __init__(self, config: TuneConfig, prepared: Prepared) -> None:
        self._config, self._texts, self._rows = config, prepared.train, prepared.rows
        self._model, self._device = prepared.loaded.model, prepared.loaded.device
        self._parameters: Mapping[str, nn.Parameter] = prepared.adapter.parameters
        self._steps, self._highest_rate = prepared.plan.steps, prepared.plan.learning_rate
        decay = config.weight_decay if config.weight_decay is not None else config.defaults().weight_decay
        self._optimizer = torch.optim.AdamW(list(self._parameters.values()), lr=self._highest_rate, weight_decay=decay)
        self._lengths = [len(text.input_ids) for text in prepared.train]
        self._piece_tokens, self._autocast = config.step_tokens, autocast_for(self._model)
        self._epoch: tuple[int, list[list[int]]] = (-1, [])

    def rate(self, step: int) -> float:
        """The learning rate of a step: a rise, then the schedule's way down."""
        warmup = max(1, round(self._steps * self._config.warmup_share))
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
        while True:
            try:
                return self._learn(batch, step), sum(self._lengths[index] for index in batch)
            except (torch.OutOfMemoryError, RuntimeError) as cause:
                if not isinstance(cause, torch.OutOfMemoryError) and "allocate memory" not in str(cause):
                    raise
                self._halve_pieces(cause)

    def held_out_loss(self, texts: Sequence[Encoded]) -> float | None:
        """Mean loss per supervised token; None for no texts."""
        return mean_loss(self._model, texts, max_tokens=self._piece_tokens, autocast=self._autocast) if texts else None

    def tensors(self) -> dict[str, Tensor]:
        """The optimizer's memory, for a checkpoint."""
        return optimizer_tensors(self._optimizer, self._parameters)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `tensors` gave."""
        restore_optimizer(self._optimizer, self._parameters, tensors)

    def _batch(self, step: int) -> list[int]:
        epoch, number = divmod(step, math.ceil(len(self._lengths) / self._rows))
        if self._epoch[0] != epoch:
            self._epoch = (epoch, epoch_batches(self._lengths, batch_size=self._rows, seed=self._config.seed, epoch=epoch))
        return self._epoch[1][number]

    def _learn(self, batch: Sequence[int], step: int) -> float:
        self._model.train(True)
        self._optimizer.zero_grad()
        targets, total = sum(self._texts[index].targets for index in batch), 0.0
        for piece in pieces(batch, self._lengths, max_tokens=self._piece_tokens):
            with self._autocast:
                loss = summed_loss(self._model, collate([self._texts[index] for index in piece]).to(self._device)) / targets
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            total += float(loss.detach())
        if not math.isfinite(total):
            raise ModelError(f"The loss ran away at step {step + 1}.", remedy="Lower the learning rate, then tune again.")
        torch.nn.utils.clip_grad_norm_(list(self._parameters.values()), self._config.clip)
        for group in self._optimizer.param_groups:
            group["lr"] = self.rate(step)
        self._optimizer.step()
        self._model.train(False)
        return total

    def _halve_pieces(self, cause: BaseException) -> None:
        self._piece_tokens //= 2
        if self._piece_tokens < max(self._lengths) // 2:
            raise ModelError(
                "Memory does not suffice for a single text.",
                remedy="Use gradient checkpointing, a shorter maximum length, a smaller base, or a method that trains less.",
            ) from cause
        log.warning("out of memory: going on with pieces of %d tokens", self._piece_tokens)
        self._optimizer.zero_grad()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
