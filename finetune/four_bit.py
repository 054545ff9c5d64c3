"""A base model held in 4 bits by bitsandbytes, on a GPU or a CPU. The format is NF4 of QLoRA (Dettmers et al. 2023, arXiv 2305.14314).

Quantising happens after loading, layer by layer on the way to the device, so that it works for every model that loads here, converted ones
included, and a GPU never holds more than the 4-bit weights. Embeddings and the output head stay as they are.
"""

from contextlib import suppress
from importlib import import_module
from typing import Any, cast

import torch
from torch import nn
from transformers import PreTrainedModel

from clone_agent.errors import ModelError
from finetune.methods.adapter import decoder, move

bitsandbytes: Any = None  # untyped in parts
with suppress(ImportError):  # an extra, see pyproject.toml
    bitsandbytes = import_module("bitsandbytes")

INSTALL = 'pip install "clone-agent[qlora]"'
HELD = "is_loaded_in_4bit"  # the attribute that peft looks for
BLOCK = 64  # weights that share a scale; a row must be a multiple of it
BYTES_PER_WEIGHT = 0.516  # 4 bits, and scales of 8 bits a block with their own scales


def require_four_bit() -> None:
    """Check that bitsandbytes is here.

    Raises:
        ModelError: it is not.
    """
    if bitsandbytes is None:
        raise ModelError("A base in 4 bits needs bitsandbytes, which is not installed.", remedy=f"Install it: {INSTALL}")


def quantize(model: PreTrainedModel, device: torch.device) -> None:
    """Put the linear layers of the decoder into 4 bits and the whole model on `device`, in place.

    Raises:
        ModelError: bitsandbytes is missing, or the model's layers do not divide into blocks.
    """
    require_four_bit()
    core = decoder(model)
    layers = {name: module for name, module in core.named_modules() if type(module) is nn.Linear}
    if any(layer.in_features % BLOCK for layer in layers.values()):
        raise ModelError(
            f"This model cannot be held in 4 bits: a layer's width is no multiple of {BLOCK}.", remedy="Tune it with lora instead of qlora."
        )
    for name, layer in layers.items():
        core.set_submodule(name, _four_bit_layer(layer, device))
    move(model, device)
    setattr(model, HELD, True)


def _four_bit_layer(layer: nn.Linear, device: torch.device) -> nn.Module:
    new = bitsandbytes.nn.Linear4bit(
        layer.in_features,
        layer.out_features,
        bias=layer.bias is not None,
        compute_dtype=layer.weight.dtype,
        compress_statistics=True,
        quant_type="nf4",
        device=torch.device("meta"),
    )
    new.weight = bitsandbytes.nn.Params4bit(
        layer.weight.data, requires_grad=False, compress_statistics=True, quant_type="nf4", blocksize=BLOCK, module=new
    )
    new.bias = layer.bias
    # On a CPU with AVX512-BF16 bitsandbytes repacks the weights at the first evaluation, and no later training step can use them.
    new.support_avx512bf16_for_cpu = False
    return cast(nn.Module, new.to(device))


def numbers(model: PreTrainedModel) -> int:
    """How many weights a model has, those in 4 bits counted one by one."""
    return sum(_numbers(parameter) for parameter in model.parameters())


def _numbers(parameter: Any) -> int:
    state = getattr(parameter, "quant_state", None)
    return int(parameter.numel() if state is None else state.shape.numel())
