"""Original ChatGLM checkpoints, tiny and random, in the layouts of their makers, and what such a model computes.

`logits` is written once more, from the papers and in plain numpy with 64-bit numbers, so that the program's models have something to be
compared with that shares no code with them. `../shared/chatglm`, where it lies beside the checkout, holds what the original code gave.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

SHARED = Path(__file__).resolve().parents[2] / "shared" / "chatglm"
FIRST: dict[str, Any] = {
    "model_type": "chatglm",
    "vocab_size": 60,
    "hidden_size": 16,
    "inner_hidden_size": 40,
    "num_layers": 2,
    "num_attention_heads": 2,
    "layernorm_epsilon": 1e-5,
    "max_sequence_length": 64,
    "position_encoding_2d": True,
    "bos_token_id": 54,
    "eos_token_id": 55,
    "mask_token_id": 50,
    "gmask_token_id": 51,
    "pad_token_id": 3,
}
LATER: dict[str, Any] = {
    "model_type": "chatglm",
    "padded_vocab_size": 60,
    "hidden_size": 24,
    "ffn_hidden_size": 20,
    "num_layers": 2,
    "num_attention_heads": 4,
    "kv_channels": 8,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "layernorm_epsilon": 1e-5,
    "seq_length": 64,
    "add_qkv_bias": True,
    "rmsnorm": True,
    "add_bias_linear": False,
    "post_layer_norm": True,
    "apply_residual_connection_post_layernorm": False,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
# Sizes that fit the little tokenizer of `chatglm_tokenizer.write_unigram`, and bitsandbytes.
CHATTING = {
    **FIRST,
    "vocab_size": 400,
    "hidden_size": 64,
    "inner_hidden_size": 128,
    "num_attention_heads": 4,
    "bos_token_id": 111,
    "eos_token_id": 112,
    "mask_token_id": 107,
    "gmask_token_id": 108,
    "max_sequence_length": 256,
}
Array = NDArray[np.float64]


def shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Every tensor of a checkpoint under its original name."""
    size = config["hidden_size"]
    if "padded_vocab_size" not in config:
        inner, vocabulary, norms = config["inner_hidden_size"], config["vocab_size"], ("weight", "bias")
        top = {"transformer.word_embeddings": (vocabulary, size), "lm_head": (vocabulary, size)}
        linears = {
            "attention.query_key_value": (3 * size, size),
            "attention.dense": (size, size),
            "mlp.dense_h_to_4h": (inner, size),
            "mlp.dense_4h_to_h": (size, inner),
        }
        layers, final, biased = "transformer.layers", "transformer.final_layernorm", set(linears)
    else:
        heads, width, ffn = config["num_attention_heads"], config["kv_channels"], config["ffn_hidden_size"]
        groups = config["multi_query_group_num"] if config["multi_query_attention"] else heads
        top = dict.fromkeys(("transformer.embedding.word_embeddings", "transformer.output_layer"), (config["padded_vocab_size"], size))
        linears = {
            "self_attention.query_key_value": ((heads + 2 * groups) * width, size),
            "self_attention.dense": (size, heads * width),
            "mlp.dense_h_to_4h": (2 * ffn, size),
            "mlp.dense_4h_to_h": (size, ffn),
        }
        norms = ("weight",)
        layers, final = "transformer.encoder.layers", "transformer.encoder.final_layernorm"
        biased = {"self_attention.query_key_value"} if config["add_qkv_bias"] else set()
    found: dict[str, tuple[int, ...]] = {f"{name}.weight": shape for name, shape in top.items()}
    for layer in range(config["num_layers"]):
        for name, shape in linears.items():
            found[f"{layers}.{layer}.{name}.weight"] = shape
            if name in biased:
                found[f"{layers}.{layer}.{name}.bias"] = shape[:1]
        for norm in ("input_layernorm", "post_attention_layernorm"):
            found |= {f"{layers}.{layer}.{norm}.{kind}": (size,) for kind in norms}
    return found | {f"{final}.{kind}": (size,) for kind in norms}


def weights(config: Mapping[str, Any], *, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random numbers in every tensor; numpy's generator, which draws the same ones for ever."""
    source = np.random.default_rng(seed)
    drawn = {name: source.standard_normal(shape) for name, shape in shapes(config).items()}
    scaled = {name: 1 + 0.1 * value if "layernorm.weight" in name else 0.2 * value for name, value in drawn.items()}
    return {name: torch.tensor(value, dtype=torch.float32) for name, value in scaled.items()}


def save(folder: Path, config: Mapping[str, Any], state: Mapping[str, torch.Tensor], *, files: int = 1, pickled: bool = False) -> Path:
    """Write a checkpoint folder, its tensors spread over `files` files with an index."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    stem, ending = ("pytorch_model", "bin") if pickled else ("model", "safetensors")
    names = list(state)
    where: dict[str, str] = {}
    for number in range(files):
        part = {name: state[name].clone() for name in names[number::files]}
        file = f"{stem}.{ending}" if files == 1 else f"{stem}-{number + 1:05}-of-{files:05}.{ending}"
        where |= dict.fromkeys(part, file)
        if pickled:
            torch.save(part, folder / file)
        else:
            save_file(part, folder / file)
    if files > 1:
        (folder / f"{stem}.{ending}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return folder


def logits(
    config: Mapping[str, Any],
    state: Mapping[str, torch.Tensor],
    ids: list[int],
    *,
    linear: bool = False,
    table: torch.Tensor | None = None,
) -> Array:
    """(tokens, vocabulary) for one row without padding.

    `linear`: `rope_ratio` divides positions instead of multiplying the base. `table`: a prefix of P-Tuning v2, (virtual tokens, width).
    """
    numbers = {name: tensor.double().numpy() for name, tensor in state.items()}
    is_first = "padded_vocab_size" not in config
    width = config["hidden_size"] // config["num_attention_heads"] if is_first else config["kv_channels"]
    rows = np.zeros((0, 1)) if table is None else table.double().numpy()
    prefix = rows.reshape(len(rows), config["num_layers"], 2, -1 if len(rows) else 1, width if len(rows) else 1)
    return _first(config, numbers, ids, prefix) if is_first else _later(config, numbers, ids, prefix, linear=linear)


def _attended(query: Array, key: Array, value: Array, sees: NDArray[np.bool_], prefix: Array, layer: int, head: int) -> Array:
    """One head: (tokens, width) each; what stands in the prefix is seen by everybody."""
    if len(prefix):
        key, value = (np.concatenate((prefix[:, layer, kind, head], heads)) for kind, heads in ((0, key), (1, value)))
        sees = np.pad(sees, ((0, 0), (len(prefix), 0)), constant_values=True)
    return _softmax(query @ key.T / query.shape[1] ** 0.5, sees) @ value


def _first(config: Mapping[str, Any], state: Mapping[str, Array], ids: list[int], prefix: Array) -> Array:
    heads, epsilon = config["num_attention_heads"], config["layernorm_epsilon"]
    width, alpha, tokens = config["hidden_size"] // heads, 56**0.5, len(ids)
    start = ids.index(config["bos_token_id"])
    mask = config["gmask_token_id"] if config["gmask_token_id"] in ids else config["mask_token_id"]
    positions = [at if at < start else ids.index(mask) for at in range(tokens)]
    blocks = [0 if at < start else at - start + 1 for at in range(tokens)]
    sees = np.array([[key <= query or key < start for key in range(tokens)] for query in range(tokens)])
    frequencies = (10_000.0 ** -(np.arange(0, width // 2, 2) / (width // 2))).astype(np.float16).astype(np.float64)

    def norm(x: Array, name: str) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * state[f"{name}.weight"] + state[f"{name}.bias"]

    def linear(x: Array, name: str) -> Array:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def turn(x: Array, at: int) -> Array:
        halves = []
        for half, position in ((x[: width // 2], positions[at]), (x[width // 2 :], blocks[at])):
            left, right = half[: width // 4], half[width // 4 :]
            cos, sin = np.cos(position * frequencies), np.sin(position * frequencies)
            halves += [left * cos - right * sin, right * cos + left * sin]
        return np.concatenate(halves)

    x = state["transformer.word_embeddings.weight"][ids]
    for layer in range(config["num_layers"]):
        name = f"transformer.layers.{layer}"
        x = norm(x, f"{name}.input_layernorm")
        fused = linear(x, f"{name}.attention.query_key_value").reshape(tokens, heads, 3, width)
        mixed = np.zeros((tokens, heads, width))
        for head in range(heads):
            query, key = (np.stack([turn(fused[at, head, kind], at) for at in range(tokens)]) for kind in (0, 1))
            mixed[:, head] = _attended(query, key, fused[:, head, 2], sees, prefix, layer, head)
        x = alpha * x + linear(mixed.reshape(tokens, -1), f"{name}.attention.dense")
        x = norm(x, f"{name}.post_attention_layernorm")
        inner = linear(x, f"{name}.mlp.dense_h_to_4h")
        inner = 0.5 * inner * (1 + np.tanh(np.sqrt(2 / np.pi) * (inner + 0.044715 * inner**3)))
        x = alpha * x + linear(inner, f"{name}.mlp.dense_4h_to_h")
    return norm(x, "transformer.final_layernorm") @ state["lm_head.weight"].T


def _later(config: Mapping[str, Any], state: Mapping[str, Array], ids: list[int], prefix: Array, *, linear: bool) -> Array:
    heads, width, tokens = config["num_attention_heads"], config["kv_channels"], len(ids)
    groups = config["multi_query_group_num"] if config["multi_query_attention"] else heads
    ratio = config.get("rope_ratio", 1)
    base, stretch = (10_000.0, ratio) if linear else (10_000.0 * ratio, 1)
    frequencies = base ** -(np.arange(0, width // 2, 2) / (width // 2))
    sees = np.tril(np.ones((tokens, tokens), dtype=bool))

    def norm(x: Array, name: str) -> Array:
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + config["layernorm_epsilon"]) * state[f"{name}.weight"]

    def turn(x: Array) -> Array:  # (tokens, width): neighbouring pairs of the first half are turned, the second half is not
        angles = np.arange(tokens)[:, None] / stretch * frequencies
        even, odd, turned = x[:, 0 : width // 2 : 2], x[:, 1 : width // 2 : 2], x.copy()
        turned[:, 0 : width // 2 : 2] = even * np.cos(angles) - odd * np.sin(angles)
        turned[:, 1 : width // 2 : 2] = odd * np.cos(angles) + even * np.sin(angles)
        return turned

    x = state["transformer.embedding.word_embeddings.weight"][ids]
    for layer in range(config["num_layers"]):
        name = f"transformer.encoder.layers.{layer}"
        bias = state.get(f"{name}.self_attention.query_key_value.bias", np.zeros(()))
        fused = norm(x, f"{name}.input_layernorm") @ state[f"{name}.self_attention.query_key_value.weight"].T + bias
        query, key, value = np.split(fused.reshape(tokens, -1, width), [heads, heads + groups], axis=1)
        mixed = np.zeros((tokens, heads, width))
        for head in range(heads):
            group = head * groups // heads
            mixed[:, head] = _attended(turn(query[:, head]), turn(key[:, group]), value[:, group], sees, prefix, layer, group)
        x = x + mixed.reshape(tokens, -1) @ state[f"{name}.self_attention.dense.weight"].T
        gate, up = np.split(norm(x, f"{name}.post_attention_layernorm") @ state[f"{name}.mlp.dense_h_to_4h.weight"].T, 2, axis=1)
        x = x + (gate / (1 + np.exp(-gate)) * up) @ state[f"{name}.mlp.dense_4h_to_h.weight"].T
    return norm(x, "transformer.encoder.final_layernorm") @ state["transformer.output_layer.weight"].T


def _softmax(scores: Array, sees: NDArray[np.bool_]) -> Array:
    scores = np.where(sees, scores, -np.inf)
    exponentials = np.exp(scores - scores.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def quantised(
    state: Mapping[str, torch.Tensor], *, bits: int, embedding: bool = False
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """A checkpoint whose layers' matrices are packed as the INT4 and INT8 releases have them, and the numbers that it stands for.

    `embedding`: the input embedding is packed, too, as in chatglm-6b-int4-qe.
    """
    packed, meant = {}, {}
    for name, tensor in state.items():
        packed[name] = tensor.half()  # the releases are in half precision
        meant[name] = packed[name].float()
        if tensor.dim() != 2 or not (".layers." in name or (embedding and "word_embeddings" in name)):
            continue
        scale = (tensor.abs().amax(1) / (2 ** (bits - 1) - 1)).half()
        whole = (tensor / scale.float()[:, None]).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).to(torch.int8)
        meant[name] = whole.float() * scale.float()[:, None]
        packed[f"{name}_scale"] = scale
        packed[name] = whole if bits == 8 else (whole[:, 0::2] << 4) | (whole[:, 1::2] & 15)
    return packed, meant
