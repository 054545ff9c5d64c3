"""UniPELT (Mao et al. 2022, arXiv 2110.07577) for a causal model: prefix, LoRA and bottleneck adapter, each behind a learned gate.

The paper averages its gates over the sequence. A causal model must not: the average would tell a token of the tokens after it, and change
with every token generated. Here each token has gates of its own, computed from its own hidden state. The prefix gate enters as its
logarithm, added to the attention scores of the prefix: at 0 the prefix is gone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from finetune.methods.adapter import Adapter, Method, MethodDefaults, decoder, freeze, move
from finetune.methods.prefix import PrefixEncoder, PrefixSwitch

TARGETS = ("q_proj", "v_proj")


@dataclass(frozen=True, slots=True, kw_only=True)
class UniPeltSettings:
    """Settings of UniPELT; the paper's sizes."""

    num_virtual_tokens: int = 10
    r: int = 8
    lora_alpha: int = 16
    reduction_factor: int = 16  # hidden size : bottleneck size


class GatedLora(nn.Module):
    """A linear layer with a low-rank addition behind a gate: `W x + gate(x) * scale * B A x`."""

    def __init__(self, base: nn.Linear, r: int, lora_alpha: int) -> None:
        super().__init__()
        self.base = base
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.gate = nn.Linear(base.in_features, 1)
        self.scale = lora_alpha / r
        self.on = True

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        out: Tensor = self.base(hidden)
        if not self.on:
            return out
        x = hidden.to(self.lora_A.dtype)
        added = functional.linear(functional.linear(x, self.lora_A), self.lora_B) * self.scale
        return out + (added * torch.sigmoid(self.gate(x))).to(out.dtype)


class GatedBottleneck(nn.Module):
    """A small network beside a layer's MLP, behind a gate: `out + gate(x) * up(gelu(down(out)))`. Adds nothing at first."""

    def __init__(self, size: int, bottleneck: int) -> None:
        super().__init__()
        self.down, self.up, self.gate = nn.Linear(size, bottleneck), nn.Linear(bottleneck, size), nn.Linear(size, 1)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)
        self.on = True

    def forward(self, hidden: Tensor, out: Tensor) -> Tensor:
        """From the MLP's input and output, the new output; all of one shape."""
        if not self.on:
            return out
        dtype = self.up.weight.dtype
        added: Tensor = self.up(functional.gelu(self.down(out.to(dtype))))
        return out + (added * torch.sigmoid(self.gate(hidden.to(dtype)))).to(out.dtype)


class PrefixGate(nn.Module):
    """How much of the prefix a token sees in one layer, as a logarithm."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gate = nn.Linear(size, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        """(batch, tokens, size) -> (batch, 1, tokens, 1)."""
        return functional.logsigmoid(self.gate(hidden.to(self.gate.weight.dtype)))[:, None]


def attach(model: PreTrainedModel, settings: UniPeltSettings, /) -> Adapter:
    """Add all three parts to every layer, kept in float32."""
    freeze(model)
    device, size = next(model.parameters()).device, int(model.config.hidden_size)
    base = {id(parameter) for parameter in model.parameters()}
    encoder = PrefixEncoder(model, settings.num_virtual_tokens)
    model.add_module("prefix_encoder", encoder)
    prefix = PrefixSwitch(model, encoder)
    undo: list[Callable[[], Any]] = [prefix.remove, lambda: delattr(model, "prefix_encoder")]
    gated: list[GatedLora | GatedBottleneck] = []
    for layer in cast(nn.ModuleList, decoder(model).layers):
        attention = cast(nn.Module, layer.self_attn)
        gated += [_add_lora(attention, name, settings, undo) for name in TARGETS]
        gated.append(_add_bottleneck(layer, size, max(1, size // settings.reduction_factor), undo))
        _add_gate(attention, size, undo)
    move(model, device)

    def turn(on: bool) -> None:
        prefix.on = on
        for part in gated:
            part.on = on

    def remove() -> None:
        for step in reversed(undo):
            step()

    added = {name: parameter for name, parameter in model.named_parameters() if id(parameter) not in base}
    return Adapter(method=METHOD.name, settings=settings, model=model, parameters=added, switch=turn, remove=remove)


def _add_lora(attention: nn.Module, name: str, settings: UniPeltSettings, undo: list[Callable[[], Any]]) -> GatedLora:
    linear: nn.Linear = getattr(attention, name)
    wrapped = GatedLora(linear, settings.r, settings.lora_alpha)
    setattr(attention, name, wrapped)
    undo.append(lambda: setattr(attention, name, linear))
    return wrapped


def _add_bottleneck(layer: nn.Module, size: int, bottleneck: int, undo: list[Callable[[], Any]]) -> GatedBottleneck:
    part = GatedBottleneck(size, bottleneck)
    layer.add_module("bottleneck", part)
    hook = cast(nn.Module, layer.mlp).register_forward_hook(lambda _, args, out: part(args[0], out))
    undo += [lambda: delattr(layer, "bottleneck"), hook.remove]
    return part


def _add_gate(attention: nn.Module, size: int, undo: list[Callable[[], Any]]) -> None:
    gate = PrefixGate(size)
    attention.add_module("prefix_gate", gate)

    def give(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if kwargs.get("prefix") is None:
            return args, kwargs
        hidden = kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]
        return args, {**kwargs, "prefix_gate": gate(hidden)}

    hook = attention.register_forward_pre_hook(give, with_kwargs=True)
    undo += [lambda: delattr(attention, "prefix_gate"), hook.remove]


METHOD = Method(
    name="unipelt",
    title="UniPELT: gated prefix, LoRA and bottleneck adapter",
    settings=UniPeltSettings,
    attach=attach,
    defaults=MethodDefaults(learning_rate=5e-4, small_learning_rate=5e-3),
)
