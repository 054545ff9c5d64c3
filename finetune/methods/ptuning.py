"""P-Tuning v2 (Liu et al. 2022, arXiv 2110.07602): the base stays frozen, a prefix of keys and values in every layer is trained."""

from dataclasses import dataclass

from transformers import PreTrainedModel

from finetune.methods.adapter import Adapter, Method, MethodDefaults, added_parameters, freeze
from finetune.methods.prefix import PrefixEncoder, PrefixSwitch


@dataclass(frozen=True, slots=True, kw_only=True)
class PTuningSettings:
    """Settings of P-Tuning v2."""

    num_virtual_tokens: int = 64  # length of the prefix; ChatGLM's script used 128
    prefix_projection: bool = False  # make the table by a two-layer network, which learns in fewer steps
    prefix_hidden_size: int = 512  # of that network


def attach(model: PreTrainedModel, settings: PTuningSettings, /) -> Adapter:
    """Add the prefix as `model.prefix_encoder`, kept in float32."""
    freeze(model)
    before = frozenset(name for name, _ in model.named_parameters())
    encoder = PrefixEncoder(model, settings.num_virtual_tokens, settings.prefix_hidden_size if settings.prefix_projection else None)
    model.add_module("prefix_encoder", encoder.to(next(model.parameters()).device))
    switch = PrefixSwitch(model, encoder)

    def turn(on: bool) -> None:
        switch.on = on

    def remove() -> None:
        switch.remove()
        del model.prefix_encoder

    return Adapter(
        method=METHOD.name, settings=settings, model=model, parameters=added_parameters(model, before), switch=turn, remove=remove
    )


METHOD = Method(
    name="ptuning",
    title="P-Tuning v2: a prefix in every layer",
    settings=PTuningSettings,
    attach=attach,
    # At first all tokens of the prefix are seen alike, so Adam moves all their values the same way. Reached at once, the whole rate cost a
    # run of 12 steps half of its reading of the memory (`benchmarks/tuning.md`); a rate that rises over ten steps costs none.
    defaults=MethodDefaults(learning_rate=2e-2, small_learning_rate=3e-1, warmup_steps=10),
)
