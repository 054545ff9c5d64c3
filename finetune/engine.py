"""What moves the weights of a run: takes the gradients of a step's pieces, and at its end moves every parameter by AdamW."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import torch
from torch import Tensor, nn

from finetune.shards import cut_like, whole


class Engine(Protocol):
    """torch by itself, or DeepSpeed (`finetune.zero.ZeroEngine`)."""

    module: nn.Module  # what was joined; computes the loss of a batch

    def add(self, loss: Callable[[], Tensor], *, is_last: bool) -> float:
        """Compute the loss of a piece and add its gradients; after the last piece of a step they are summed over the team."""
        ...

    def step(self, rate: float) -> None:
        """Move the parameters along their gradients, no further than the length allowed."""
        ...

    def forget(self) -> None:
        """Drop gradients that were added."""
        ...

    def tensors(self, parameters: Mapping[str, nn.Parameter], /) -> dict[str, Tensor]:
        """What the optimizer remembers of each parameter, as `<parameter>|<what>`."""
        ...

    def restore(self, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor], loss: Callable[[], Tensor], /) -> None:
        """Put back what `tensors` gave. `loss` is that of any text."""
        ...


class TorchEngine:
    """torch's own optimizer; a module that stands for a team sums the gradients by itself."""

    def __init__(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        clip: float,
        size: int,
        alone: Callable[[], AbstractContextManager[object]],
    ) -> None:
        """Take a module and an optimizer that are joined with those of the team.

        Args:
            module: computes a loss.
            optimizer: of its parameters.
            clip: length of the gradient at most.
            size: processes in the team.
            alone: inside, backward passes leave their gradients here; the next one outside sums them over the team.
        """
        self.module, self._optimizer, self._clip, self._size, self._alone = module, optimizer, clip, size, alone

    def add(self, loss: Callable[[], Tensor], *, is_last: bool) -> float:
        """See `Engine`."""
        with nullcontext() if is_last else self._alone():
            value = loss()
            # The team takes the mean of its members' gradients, and the sum is wanted.
            (value * self._size).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return float(value.detach())

    def step(self, rate: float) -> None:
        """See `Engine`."""
        torch.nn.utils.clip_grad_norm_([parameter for group in self._optimizer.param_groups for parameter in group["params"]], self._clip)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        self.forget()

    def forget(self) -> None:
        """See `Engine`."""
        self._optimizer.zero_grad()

    def tensors(self, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
        """See `Engine`."""
        state = self._optimizer.state
        return {f"{name}|{what}": whole(value) for name, own in parameters.items() for what, value in state.get(own, {}).items()}

    def restore(self, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor], loss: Callable[[], Tensor]) -> None:
        """See `Engine`."""
        for key, value in tensors.items():
            name, _, what = key.rpartition("|")
            parameter = parameters[name]
            # torch counts steps on the CPU.
            self._optimizer.state[parameter][what] = value if what == "step" else cut_like(value, parameter)
