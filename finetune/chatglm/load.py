"""An original checkpoint as a native model in memory: weights go file by file into a model that was made empty."""

from collections.abc import Mapping
from typing import Any

import torch
from transformers import GlmForCausalLM, PreTrainedModel
from transformers.initialization import no_init_weights

from clone_agent.errors import ModelError
from finetune.chatglm.checkpoint import Original
from finetune.chatglm.modeling import ChatGlmConfig, ChatGlmForCausalLM
from finetune.chatglm.native_config import native_config
from finetune.chatglm.weights import is_tied, native_tensors


def load_original(original: Original, config: Mapping[str, Any], *, name: str, dtype: torch.dtype, device: torch.device) -> PreTrainedModel:
    """Make the native model. Beside it, never more than one weight file is in memory.

    Args:
        original: the checkpoint.
        config: its config.json.
        name: of the model, for errors.
        dtype: type to hold the weights in.
        device: where to hold them.

    Raises:
        ModelError: files are damaged, missing, or do not fit the configuration.
    """
    bits = quantization_bits(config)
    native = native_config(config, original.generation, name=name, tied=is_tied(original, name=name))
    kind = ChatGlmForCausalLM if isinstance(native, ChatGlmConfig) else GlmForCausalLM
    with no_init_weights(), torch.device(device):
        model: PreTrainedModel = kind._from_config(native, dtype=dtype, attn_implementation="sdpa")  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    model.tie_weights()
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for key, tensor in native_tensors(original, native, name=name, bits=bits):
            if key not in parameters or parameters[key].shape != tensor.shape:
                raise ModelError(f"{name}'s weights do not fit its config.json.", remedy="Fetch the model again.")
            parameters[key].copy_(tensor)
    return model


def quantization_bits(config: Mapping[str, Any]) -> int:
    """How many bits packed weights have; what it says of others does not matter."""
    return int(config.get("quantization_bit") or 4)
