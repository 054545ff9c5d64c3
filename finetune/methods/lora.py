"""LoRA (Hu et al. 2021, arXiv 2106.09685) through peft: low-rank additions to the linear layers of the frozen base.

rsLoRA (Kalajdzievski 2023, arXiv 2312.03732) scales by the root of the rank; DoRA (Liu et al. 2024, arXiv 2402.09353) trains magnitudes
apart. The files are in peft's own layout, so that other servers load them.
"""

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers import PreTrainedModel

from clone_agent.errors import UsageError
from finetune.methods.adapter import Adapter, Method, MethodDefaults, freeze

_NAME = "default"  # the adapter's name inside peft
_ALL = "all-linear"
_TARGETS = "Leave target_modules at all-linear, or name linear layers of the model, with commas: q_proj,v_proj."


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSettings:
    """Settings of LoRA."""

    r: int = 8  # rank
    lora_alpha: int = 16  # additions are scaled by lora_alpha / r
    lora_dropout: float = 0.1
    target_modules: str = _ALL  # or names, with commas: q_proj,v_proj
    use_rslora: bool = False
    use_dora: bool = False


def peft_settings(settings: LoraSettings, base: str) -> dict[str, Any]:
    """The settings as peft's `adapter_config.json` has them."""
    names: str | list[str] = settings.target_modules
    if "," in settings.target_modules or settings.target_modules != _ALL:
        names = [name.strip() for name in settings.target_modules.split(",")]
    return {
        **asdict(settings),
        "target_modules": names,
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "bias": "none",
        "base_model_name_or_path": base,
        "inference_mode": True,
    }


def attach(model: PreTrainedModel, settings: LoraSettings, /) -> Adapter:
    """Wrap the chosen linear layers; the additions are kept in float32.

    Raises:
        UsageError: the model has no such layers.
    """
    _require_layers(model, settings.target_modules)
    freeze(model)
    before = {id(parameter) for parameter in model.parameters()}
    config = LoraConfig(**{**peft_settings(settings, ""), "inference_mode": False})
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # of embeddings shared with the output head, see `merge`
            inject_adapter_in_model(config, model, adapter_name=_NAME)
    except ValueError as cause:
        raise UsageError(f"LoRA cannot be added to {settings.target_modules}.", remedy=_TARGETS) from cause
    added = {name: parameter for name, parameter in model.named_parameters() if id(parameter) not in before}
    for parameter in added.values():
        parameter.data = parameter.data.to(torch.float32)
        parameter.requires_grad_(True)

    def turn(on: bool) -> None:
        for layer in _layers(model).values():
            layer.enable_adapters(on)

    def remove() -> None:
        for name, layer in _layers(model).items():
            parent, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(parent), leaf, layer.get_base_layer())

    return Adapter(
        method=METHOD.name,
        settings=settings,
        model=model,
        parameters={_file_name(name): parameter for name, parameter in added.items()},
        switch=turn,
        remove=remove,
    )


def merge(adapter: Adapter) -> None:
    """Add the low-rank products to the weights they belong to, and take the rest out."""
    if adapter.remove is None:
        raise AssertionError("LoRA can be taken out")
    for layer in _layers(adapter.model).values():
        _untie(adapter.model, layer.get_base_layer())
        layer.merge()
    adapter.remove()


def _untie(model: PreTrainedModel, layer: nn.Module) -> None:
    """Give a layer that shares its weight (embeddings and output head often do) one of its own, so that the other keeps it as it is."""
    holders = [
        module for module in model.modules() if getattr(module, "weight", None) is layer.weight and not isinstance(module, BaseTunerLayer)
    ]
    if len(holders) > 1:
        layer.weight = nn.Parameter(layer.weight.detach().clone(), requires_grad=False)  # type: ignore[operator]  # a tensor
        model.config.tie_word_embeddings = False


def _require_layers(model: nn.Module, target_modules: str) -> None:
    """Refuse a name of a layer that the model does not have: peft passes over it where another one is there.

    Raises:
        UsageError: it is such a name.
    """
    known = [name for name, _ in model.named_modules()]
    for target in () if target_modules == _ALL else (name.strip() for name in target_modules.split(",")):
        if not any(name == target or name.endswith(f".{target}") for name in known):
            raise UsageError(f"The model has no layers {target!r}.", remedy=_TARGETS)


def _layers(model: nn.Module) -> dict[str, Any]:
    return {name: module for name, module in model.named_modules() if isinstance(module, BaseTunerLayer)}


def _file_name(name: str) -> str:
    """Peft's name of a parameter in `adapter_model.safetensors`."""
    return f"base_model.model.{name}".replace(f".{_NAME}.weight", ".weight").replace(f".{_NAME}", "")


METHOD = Method(
    name="lora",
    title="LoRA: low-rank additions to the linear layers",
    settings=LoraSettings,
    attach=attach,
    defaults=MethodDefaults(learning_rate=2e-4, small_learning_rate=5e-3),
    peft_config=peft_settings,
    merge=merge,
)
