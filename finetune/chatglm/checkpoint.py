"""An original folder: which generation of ChatGLM it is, and where its weights and its tokenizer lie.

All generations call themselves `chatglm`; 2 and 3 even have the same configuration, and differ in their chats, and in what `rope_ratio`
means. Whatever the folder says of itself counts, from the clearest sign to the weakest. Code that lies in the folder is never run.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from clone_agent.errors import ModelError
from finetune.weight_files import PICKLED, SAFETENSORS, check_pickled, check_safetensors, find_weights, read_json

MODEL_TYPE = "chatglm"  # what config.json of every original says


class Generation(StrEnum):
    """The four designs that a `chatglm` folder can hold."""

    CHATGLM = "chatglm"  # ChatGLM-6B
    CHATGLM2 = "chatglm2"
    CHATGLM3 = "chatglm3"
    GLM4 = "glm-4"  # GLM-4-9B as first published, with code of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What was found in an original folder."""

    generation: Generation
    weights: tuple[Path, ...]  # all safetensors, or all files of torch.save
    tokenizer: Path | None  # the SentencePiece or tiktoken model


def find_original(folder: Path, config: Mapping[str, Any], *, name: str, generation: Generation | None = None) -> Original:
    """Look at an original folder without loading anything.

    Args:
        folder: the checkpoint.
        config: its config.json.
        name: of the model, as the user named it.
        generation: when it is known; None: told from the folder.

    Raises:
        ModelError: weights are missing or cut short.
    """
    weights = find_weights(folder, SAFETENSORS, name=name, any_name=True)
    if weights:
        for path in weights:
            check_safetensors(path, name)
    else:
        weights = find_weights(folder, PICKLED, name=name, any_name=True)
        for path in weights:
            check_pickled(path, name)
    if not weights:
        raise ModelError(f"{name} has no weights.", remedy="Fetch the model again: it holds neither .safetensors nor .bin files.")
    tokenizer = find_tokenizer(folder)
    generation = generation or tell_generation(folder, config, name=name)
    return Original(generation=generation, weights=tuple(weights), tokenizer=tokenizer)


def find_tokenizer(folder: Path) -> Path | None:
    """The file of the original tokenizer: `ice_text.model` of ChatGLM-6B, `tokenizer.model` of the others."""
    return next((path for name in ("ice_text.model", "tokenizer.model") if (path := folder / name).is_file()), None)


def is_tiktoken(path: Path) -> bool:
    """Whether a tokenizer file has lines of base64 and a rank (GLM-4); SentencePiece's begin with the byte 0x0A."""
    with path.open("rb") as file:
        return re.match(rb"[A-Za-z0-9+/=]+ \d+\s", file.readline(256)) is not None


def count_image_tokens(folder: Path, config: Mapping[str, Any]) -> int:
    """How many ids of images stand before those of the text in a ChatGLM-6B.

    The first release had 20,000, which its code knew and its files did not say; later ones have none, and say so.
    """
    path = folder / "tokenizer_config.json"
    said = read_json(path, folder.name).get("num_image_tokens") if path.is_file() else None
    if isinstance(said, int):
        return said
    return 20_000 if config.get("vocab_size") == 150_528 and "padded_vocab_size" not in config else 0


def tell_generation(folder: Path, config: Mapping[str, Any], *, name: str) -> Generation:
    """The generation of a checkpoint."""
    if "padded_vocab_size" not in config and ("inner_hidden_size" in config or "max_sequence_length" in config):
        return Generation.CHATGLM
    tokenizer = find_tokenizer(folder)
    if tokenizer is not None and tokenizer.name == "ice_text.model":
        return Generation.CHATGLM
    if int(config.get("padded_vocab_size", 0)) > 100_000 or (tokenizer is not None and is_tiktoken(tokenizer)):
        return Generation.GLM4
    return _second_or_third(folder, config, name=name)


def _second_or_third(folder: Path, config: Mapping[str, Any], *, name: str) -> Generation:
    beside = [_text(folder / file) for file in ("tokenizer_config.json", "tokenization_chatglm.py")]
    files = sorted(path.stem for path in folder.glob("*") if path.suffix in (".safetensors", ".bin"))
    for sign in (str(config.get("_name_or_path", "")), *beside, Path(name).name, folder.name, *files):
        if found := re.search(r"(?:chatglm[-_]?|(?<![a-z0-9])v)([23])(?![0-9])", sign, flags=re.IGNORECASE):
            return Generation(f"chatglm{found[1]}")
        if "<|user|>" in sign:
            return Generation.CHATGLM3
    ratio = config.get("rope_ratio") or 1
    if ratio != 1:
        return Generation.CHATGLM2 if ratio == 16 else Generation.CHATGLM3  # the one long ChatGLM2, ChatGLM2-6B-32k, has 16
    # ChatGLM2-6B says 32,768 although it was trained on 8,192, which is what ChatGLM3-6B says.
    return Generation.CHATGLM2 if config.get("seq_length") == 32_768 else Generation.CHATGLM3


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def count_parameters(config: Mapping[str, Any], generation: Generation) -> int:
    """How many numbers the model has, from its configuration: packed INT4 files do not show it."""
    size, layers = int(config["hidden_size"]), int(config["num_layers"])
    if generation is Generation.CHATGLM:
        inner = int(config["inner_hidden_size"])
        layer = 4 * size * size + 2 * size * inner + 9 * size + inner
        return 2 * int(config["vocab_size"]) * size + layers * layer + 2 * size
    heads, width = int(config["num_attention_heads"]), int(config["kv_channels"])
    groups = int(config.get("multi_query_group_num", 1)) if config.get("multi_query_attention") else heads
    fused = (heads + 2 * groups) * width
    bias = fused if config.get("add_qkv_bias") else 0
    layer = size * fused + bias + heads * width * size + 3 * size * int(config["ffn_hidden_size"]) + 2 * size
    return 2 * int(config["padded_vocab_size"]) * size + layers * layer + size
