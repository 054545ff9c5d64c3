"""Several processes that train one model together, as `accelerate launch` starts them: on many GPUs, many machines, or one CPU.

Every process reads the same settings and data and knows the whole batch; each learns from its share of the texts, and gradients are
summed. What is learnt is therefore what one process would learn. Whether the model is copied to every process or cut into pieces over them
(FSDP, DeepSpeed) is for accelerate's configuration to say. Only the first process, the leader, writes.
"""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, gather_object
from torch import nn
from transformers import PreTrainedModel

from clone_agent.errors import UsageError
from finetune.engine import Engine, TorchEngine
from finetune.loss import SummedLoss, has_bfloat16
from finetune.methods.adapter import move
from finetune.zero import ZeroEngine, cuts_weights, is_wanted, open_zero

SHARED = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU, DistributedType.FSDP)


class Team:
    """The processes of a run; by itself a team of one, which costs nothing."""

    def __init__(self, accelerator: Accelerator | None = None) -> None:
        self._accelerator = accelerator
        self.rank = accelerator.process_index if accelerator else 0
        self.size = accelerator.num_processes if accelerator else 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    @property
    def cuts(self) -> bool:
        """Whether the model is cut into pieces over the processes."""
        if self._kind is DistributedType.DEEPSPEED and self._accelerator is not None:
            return cuts_weights(self._accelerator)
        return self._kind is DistributedType.FSDP

    @property
    def _kind(self) -> DistributedType:
        return self._accelerator.distributed_type if self._accelerator else DistributedType.NO

    @property
    def device(self) -> str | None:
        """The device of this process; None in a team of one, which may choose."""
        return str(self._accelerator.device) if self._accelerator else None

    def require_fitting(self, *, four_bit: bool) -> None:
        """Refuse a base in 4 bits where an engine cuts models.

        Raises:
            UsageError: these do not go together.
        """
        if four_bit and self._kind in (DistributedType.FSDP, DistributedType.DEEPSPEED):
            raise UsageError(
                f"A base in 4 bits does not train under {self._kind.value}.",
                remedy="Tune with lora, or choose several GPUs without FSDP and DeepSpeed.",
            )

    def join(self, model: PreTrainedModel, optimizer: torch.optim.Optimizer, *, clip: float) -> Engine:
        """What moves the weights, with gradients summed over the team. Under FSDP the model's parameters are new ones.

        Args:
            model: all of it.
            optimizer: of the parameters that are trained.
            clip: length of the gradient at most.
        """
        module: nn.Module = SummedLoss(model)
        if self._accelerator is None:
            return TorchEngine(module, optimizer, clip=clip, size=1, alone=nullcontext)
        if self._kind is DistributedType.DEEPSPEED:
            return ZeroEngine(self._accelerator, module, optimizer, clip=clip, autocast=has_bfloat16(model))
        if self.cuts:
            move(model, torch.float32)  # a piece holds weights of one type only
        module, joined = self._accelerator.prepare(module, optimizer)
        # Pieces of a cut model are summed at every pass.
        alone = nullcontext if self.cuts else partial(self._accelerator.no_sync, module)
        return TorchEngine(module, getattr(joined, "optimizer", joined), clip=clip, size=self.size, alone=alone)

    def share(self, items: Sequence[int], rank: int | None = None) -> Sequence[int]:
        """The part of `items` that a process works on (this one by default)."""
        return items[self.rank if rank is None else rank :: self.size]

    def total(self, *values: float) -> tuple[float, ...]:
        """Each value summed over the team."""
        if self._accelerator is None:
            return values
        summed = self._accelerator.reduce(torch.tensor(values, dtype=torch.float64, device=self._accelerator.device), reduction="sum")
        return tuple(summed.tolist())

    def any(self, flag: bool) -> bool:
        """Whether any process says yes."""
        return self.total(float(flag))[0] > 0

    def wait(self) -> None:
        """Go on when all are here."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()

    def collect(self, value: object) -> list[Any]:
        """A value of every process, in order of rank."""
        return list(gather_object([value])) if self._accelerator is not None else [value]


ALONE = Team()


def open_team(device: str | None) -> Team:
    """The team that a launcher started this process for; a team of one where none did.

    Raises:
        UsageError: the launcher's configuration asks for an engine that is not supported, or DeepSpeed is missing.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return Team()
    if is_wanted():
        return Team(open_zero(device))
    accelerator = Accelerator(cpu=device == "cpu" or not torch.cuda.is_available())
    if accelerator.distributed_type not in SHARED:
        raise UsageError(
            f"Training does not run under {accelerator.distributed_type.value}.",
            remedy="Choose several GPUs, FSDP or DeepSpeed with `accelerate config`.",
        )
    if accelerator.distributed_type is DistributedType.FSDP and not accelerator.is_fsdp2:
        raise UsageError(
            "Training runs under the second version of FSDP only.", remedy="Set `fsdp_version: 2` in accelerate's configuration."
        )
    return Team(accelerator)


def is_leader() -> bool:
    """Whether this process is the first of those that a launcher started, or was started by none."""
    return os.environ.get("RANK", "0") == "0"
