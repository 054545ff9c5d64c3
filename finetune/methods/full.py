"""Full tuning: every weight of the model is trained. The adapter is a whole model."""

from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from finetune.methods.adapter import Adapter, Method, MethodDefaults, move


@dataclass(frozen=True, slots=True, kw_only=True)
class FullSettings:
    """Full tuning has no settings of its own."""


def attach(model: PreTrainedModel, settings: FullSettings, /) -> Adapter:
    """Make every weight trainable, in float32. It cannot be switched off or taken out: load the base again instead."""
    move(model, torch.float32)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    return Adapter(method=METHOD.name, settings=settings, model=model, parameters=dict(model.named_parameters()), switch=None, remove=None)


METHOD = Method(
    name="full",
    title="Full tuning: every weight",
    settings=FullSettings,
    attach=attach,
    bytes_per_parameter=16.0,  # gradient, two moments and the best state so far, in float32
    merge=lambda adapter: None,  # the model is the merged one already
    defaults=MethodDefaults(learning_rate=2e-5, small_learning_rate=5e-4, weight_decay=0.01),
)
