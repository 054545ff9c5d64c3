"""Original weights as native ones, one file after the other: at no time is more than one file's tensors in memory.

Files of `torch.save` are read with `weights_only`, so nothing in them can run. INT4 and INT8 checkpoints are turned back into numbers.
"""

import logging
import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import PreTrainedConfig

from clone_agent.errors import ModelError
from finetune.chatglm.checkpoint import Generation, Original

log = logging.getLogger(__name__)

_LAYERS = {Generation.CHATGLM: "transformer.layers."}  # the later ones: `_LATER_LAYERS`
_LATER_LAYERS = "transformer.encoder.layers."
_OUTSIDE = {  # (generation is the first) -> original name -> native name, for what belongs to no layer
    True: {
        "transformer.word_embeddings.weight": "model.embed_tokens.weight",
        "transformer.final_layernorm.weight": "model.norm.weight",
        "transformer.final_layernorm.bias": "model.norm.bias",
        "lm_head.weight": "lm_head.weight",
    },
    False: {
        "transformer.embedding.word_embeddings.weight": "model.embed_tokens.weight",
        "transformer.encoder.final_layernorm.weight": "model.norm.weight",
        "transformer.output_layer.weight": "lm_head.weight",
    },
}
_INSIDE = {  # original part of a layer -> native part
    "attention.dense": "self_attn.o_proj",
    "self_attention.dense": "self_attn.o_proj",
    "input_layernorm": "input_layernorm",
    "post_attention_layernorm": "post_attention_layernorm",
}
_MLP = {  # the first generation's MLP has one way up, the later ones a gate beside it in the same matrix, in our order
    True: {"mlp.dense_h_to_4h": "mlp.up_proj", "mlp.dense_4h_to_h": "mlp.down_proj"},
    False: {"mlp.dense_h_to_4h": "mlp.gate_up_proj", "mlp.dense_4h_to_h": "mlp.down_proj"},
}
_FUSED = ("attention.query_key_value", "self_attention.query_key_value")
PREFIX = "prefix_encoder."  # of a checkpoint that was tuned with P-Tuning v2
_SCALE = "_scale"
_ENDS = ("transformer.word_embeddings.weight", "lm_head.weight")


def native_tensors(
    original: Original, config: PreTrainedConfig, *, name: str, bits: int = 4, compact: bool = False
) -> Iterator[tuple[str, Tensor]]:
    """Yield the model's tensors under their native names.

    Args:
        original: the checkpoint.
        config: its native configuration.
        name: of the model, for errors.
        bits: of packed weights, `quantization_bit` of the original configuration.
        compact: give what was packed in the type of the other tensors, as a copy on disk should have it, and not exactly, in float32.

    Raises:
        ModelError: a file is damaged, or holds something that belongs to no such model.
    """
    is_first = original.generation is Generation.CHATGLM
    seen: set[str] = set()
    seen_prefix = False
    for key, tensor in _unpacked(original, name=name, bits=bits, compact=compact):
        if PREFIX in key and not seen_prefix:
            log.warning("%s holds a prefix of P-Tuning v2, which is left out: convert it with --base to make an adapter of it", name)
        seen_prefix = seen_prefix or PREFIX in key
        if key.endswith("inv_freq") or PREFIX in key:
            continue
        for native, part in _native(key, tensor, config, is_first=is_first, name=name):
            if native == "lm_head.weight" and config.tie_word_embeddings:
                continue
            seen.add(native)
            yield native, part
    if missing := _expected(config, is_first=is_first) - seen:
        raise ModelError(f"{name} lacks {len(missing)} of its tensors.", remedy="Fetch the model again: a weight file is missing.")


def is_tied(original: Original, *, name: str) -> bool:
    """Whether output head and input embedding of a ChatGLM-6B are the same numbers, or only one of them is there."""
    if original.generation is not Generation.CHATGLM:
        return False
    kept: list[Tensor] = []
    for path in original.weights:
        kept += [tensor for _, tensor in read_tensors(path, name=name, wanted=_ENDS.__contains__)]
    # A packed embedding (chatglm-6b-int4-qe) has a head of its own.
    return len(kept) < 2 or (kept[0].dtype == kept[1].dtype and torch.equal(*kept[:2]))


def read_tensors(path: Path, *, name: str, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[tuple[str, Tensor]]:
    """The tensors of one weight file whose names are `wanted`, mapped into memory rather than read at once.

    Raises:
        ModelError: it is damaged, or a .bin that holds more than tensors.
    """
    broken = ModelError(f"{name}: {path.name} is damaged, or holds more than tensors.", remedy="Fetch the model again.")
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                for key in file.keys():  # noqa: SIM118 - it is no dict
                    if wanted(key):
                        yield key, file.get_tensor(key)
            return
        state = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, SafetensorError) as cause:
        raise broken from cause
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise broken
    yield from ((key, tensor) for key, tensor in state.items() if wanted(key))


def unpack_int4(packed: Tensor, scale: Tensor) -> Tensor:
    """Weights (out, in) from two nibbles a byte, the high one first, and one scale a row: (out, in / 2) int8 and (out,)."""
    nibbles = torch.stack((packed >> 4, (packed << 4) >> 4), -1).flatten(1)  # shifts of int8 keep the sign
    return nibbles.float() * scale.float()[:, None]


def _unpacked(original: Original, *, name: str, bits: int, compact: bool) -> Iterator[tuple[str, Tensor]]:
    """All tensors, packed ones turned into numbers."""
    packed: dict[str, Tensor] = {}
    scales: dict[str, Tensor] = {}
    kind: torch.dtype | None = None
    for path in original.weights:
        for key, tensor in read_tensors(path, name=name):
            if key.endswith(_SCALE):
                scales[key.removesuffix(_SCALE)] = tensor
            elif tensor.dtype == torch.int8:
                packed[key] = tensor
            else:
                kind = tensor.dtype if kind is None or key.endswith("layernorm.weight") else kind
                yield key, tensor
        for key in [key for key in packed if key in scales]:
            weights, scale = packed.pop(key), scales.pop(key)
            numbers = unpack_int4(weights, scale) if bits == 4 else weights.float() * scale.float()[:, None]
            yield key, numbers.to(kind or torch.float16) if compact else numbers
    if packed or scales:
        raise ModelError(f"{name} holds packed weights without their scales.", remedy="Fetch the model again.")


def _native(key: str, tensor: Tensor, config: PreTrainedConfig, *, is_first: bool, name: str) -> Iterator[tuple[str, Tensor]]:
    """One original tensor under its native name, a fused one as its three parts."""
    if key in _OUTSIDE[is_first]:
        yield _OUTSIDE[is_first][key], tensor
        return
    layer, _, rest = key.removeprefix(_LAYERS[Generation.CHATGLM] if is_first else _LATER_LAYERS).partition(".")
    part, _, kind = rest.rpartition(".")
    if part in _FUSED:
        split = _split_by_head if is_first else _split_by_kind
        for letter, piece in zip("qkv", split(tensor, config), strict=True):
            yield f"model.layers.{layer}.self_attn.{letter}_proj.{kind}", piece
        return
    native = _INSIDE.get(part) or _MLP[is_first].get(part)
    if native is None or not layer.isdigit():
        raise ModelError(f"{name} holds a tensor that no ChatGLM has.", remedy="Name an original ChatGLM checkpoint.")
    yield f"model.layers.{layer}.{native}.{kind}", tensor


def _split_by_head(fused: Tensor, config: PreTrainedConfig) -> list[Tensor]:
    """(heads * [query | key | value], ...) -> three of (heads * size, ...)."""
    heads = fused.view(config.num_attention_heads, 3, -1, *fused.shape[1:])
    return [heads[:, kind].flatten(0, 1).contiguous() for kind in range(3)]


def _split_by_kind(fused: Tensor, config: PreTrainedConfig) -> list[Tensor]:
    """(all queries | all keys | all values, ...) -> the three."""
    sizes = [config.num_attention_heads, config.num_key_value_heads, config.num_key_value_heads]
    return [piece.contiguous() for piece in torch.split(fused, [heads * config.head_dim for heads in sizes])]


def _expected(config: PreTrainedConfig, *, is_first: bool) -> set[str]:
    """The native names that a whole checkpoint yields."""
    norms, linears = ["input_layernorm", "post_attention_layernorm"], [*_MLP[is_first].values(), "self_attn.o_proj"]
    fused = [f"self_attn.{letter}_proj" for letter in "qkv"]
    names = [f"{part}.weight" for part in (*norms, *linears, *fused)]
    names += [f"{part}.bias" for part in ((*norms, *linears, *fused) if is_first else fused if config.attention_bias else ())]
    outside = set(_OUTSIDE[is_first].values()) - ({"lm_head.weight"} if config.tie_word_embeddings else set())
    return outside | {f"model.layers.{layer}.{name}" for layer in range(config.num_hidden_layers) for name in names}
