"""What every tuning method hands back: a handle on what it added to a model.

A method registers its parameters as parts of the model, so `.to()`, `state_dict()` and accelerate see them, and describes here which they
are, how to switch them off and how to take them out again.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn
from transformers import PreTrainedModel

from clone_agent.errors import ModelError
from finetune.shards import put, shape, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodDefaults:
    """Training settings that suit a method: measured on the shipped model by `benchmarks/tuning_methods.py`, from papers for large ones."""

    learning_rate: float  # for models above `SMALL` parameters
    small_learning_rate: float
    weight_decay: float = 0.0
    warmup_steps: int = 1  # steps in which the rate rises, at least; a run of fewer never reaches the whole rate
    epochs: float = 2.0
    small_epochs: float = 1.0  # a small model reads its chats once, so that tuning two methods on two cores takes minutes


SMALL = 100_000_000  # parameters; below it a model needs larger steps to move at all


class Attach(Protocol):
    """Adds a method's parameters to a model, trainable, and freezes the rest."""

    def __call__(self, model: PreTrainedModel, settings: Any, /) -> "Adapter":
        """Change `model` in place. `settings` is of the method's own settings class."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A row of the table of methods."""

    name: str
    title: str
    settings: type[Any]  # a frozen dataclass whose fields all have defaults
    attach: Attach
    defaults: MethodDefaults
    peft_config: Callable[[Any, str], dict[str, Any]] | None = None  # (settings, base) -> adapter_config.json as peft reads it
    merge: Callable[["Adapter"], None] | None = None  # makes the model a plain one that computes the same; None: impossible
    four_bit: bool = False  # the base is held in 4 bits
    bytes_per_parameter: float = 0.0  # of the base, that training takes beyond the weights as they are loaded


@dataclass(slots=True, kw_only=True)
class Adapter:
    """The trainable part of a model."""

    method: str
    settings: Any
    model: PreTrainedModel
    parameters: Mapping[str, nn.Parameter]  # name in the file -> parameter in the model
    switch: Callable[[bool], None] | None  # None: cannot be switched off (full tuning)
    remove: Callable[[], None] | None  # None: the model must be loaded again
    enabled: bool = True

    def enable(self, on: bool) -> None:
        """Switch the adapter on or off; off, the model computes what the base computes.

        Raises:
            ModelError: the method changes the base itself.
        """
        if on == self.enabled:
            return
        if self.switch is None:
            raise ModelError(f"{self.method} tuning changes the model itself.", remedy="Load the base model a second time to compare.")
        self.switch(on)
        self.enabled = on

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """The base model inside the block."""
        before = self.enabled
        self.enable(False)
        try:
            yield
        finally:
            self.enable(before)

    def state(self) -> dict[str, torch.Tensor]:
        """A copy of the parameters on the CPU, for a file."""
        return {name: whole(parameter) for name, parameter in self.parameters.items()}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Set the parameters, exactly as `state` gave them.

        Raises:
            ModelError: names or shapes are not this adapter's.
        """
        wanted = {name: shape(parameter) for name, parameter in self.parameters.items()}
        if wanted != {name: tuple(tensor.shape) for name, tensor in state.items()}:
            raise ModelError("The adapter's weights do not fit its settings or this model.", remedy="Use the base model it was tuned on.")
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                put(parameter, state[name])

    def size(self) -> int:
        """How many numbers are trained."""
        return sum(math.prod(shape(parameter)) for parameter in self.parameters.values())


def decoder(model: PreTrainedModel) -> nn.Module:
    """The stack of layers below the output head."""
    core: nn.Module = model.get_decoder()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    return core


def move(model: PreTrainedModel, target: torch.device | torch.dtype) -> None:
    """Move a model's parameters to a device or a type, in place."""
    model.to(target)  # type: ignore[arg-type]  # transformers wraps nn.Module.to and loses its `self`


def freeze(model: PreTrainedModel) -> None:
    """Take every parameter of the base out of training."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)


def added_parameters(model: PreTrainedModel, before: frozenset[str]) -> dict[str, nn.Parameter]:
    """The model's parameters that are not among `before`, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if name not in before}
