"""An original checkpoint written once as a native model folder: safetensors, configuration, fast tokenizer.

<out>/
  config.json, generation_config.json     of the native class
  model.safetensors                       or several files with an index
  tokenizer.json, tokenizer_config.json   the same ids as the original's
  converted.json                          what it was made of: adapters tuned on the original fit the copy, and the other way round
  LICENSE, MODEL_LICENSE                  as they lay beside the original
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import GenerationConfig, PreTrainedConfig, PreTrainedTokenizerBase

from clone_agent.errors import ModelError, UsageError
from clone_agent.storage import require_space
from finetune.chat_format import chat_format
from finetune.chatglm.checkpoint import Generation, Original, count_image_tokens
from finetune.chatglm.load import quantization_bits
from finetune.chatglm.native_config import native_config
from finetune.chatglm.tokenizers import convert_tokenizer
from finetune.chatglm.weights import is_tied, native_tensors
from finetune.files import replacing_folder, write_json
from finetune.model_files import CONVERTED, ModelFiles, check_folder, find_model, fingerprint

SHARD = 2 * 2**30  # bytes of a weight file, about; also what is in memory at most, beside one of the original's
_CLASSES = {True: "ChatGlmForCausalLM", False: "GlmForCausalLM"}  # of the first generation, of the others


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertReport:
    """What was written."""

    folder: Path
    source: str  # the original, as the user named it
    generation: Generation
    parameters: int
    bytes: int
    has_tokenizer: bool  # False: none lay beside the original


def convert(checkpoint: str | Path, out: Path, *, generation: Generation | None = None, shard: int = SHARD) -> ConvertReport:
    """Write the native folder.

    Args:
        checkpoint: folder or hub name of an original ChatGLM.
        out: the folder to write; it appears whole or not at all.
        generation: when the checkpoint does not say it, or says it wrongly; None: as it says.
        shard: bytes of a weight file.

    Raises:
        UsageError: `out` holds something already, or the checkpoint is native.
        ModelError: the checkpoint is damaged.
        CloneError: the disk is too full.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError("The folder to write is not empty.", remedy="Name a new one.")
    files = find_model(checkpoint)
    if files.original is None:
        raise UsageError(f"{files.name} is a native model already.", remedy="Use it as it is.")
    original = files.original if generation is None else replace(files.original, generation=generation)
    require_space(out, 2 * files.parameters, what="The converted model")
    with replacing_folder(out) as folder:
        tokenizer = _tokenizer(original, files, folder)
        _weights(original, files, folder, tokenizer, shard=shard)
        for licence in [path for path in files.folder.iterdir() if "LICENSE" in path.name.upper() and path.is_file()]:
            shutil.copyfile(licence, folder / licence.name)
        own = fingerprint(check_folder(folder, name=files.name))
        same = original.generation is files.original.generation
        made_of = {"from": files.name, "generation": str(original.generation)}
        write_json(folder / CONVERTED, {**made_of, "original": fingerprint(files) if same else own, "fingerprint": own})
    return ConvertReport(
        folder=out,
        source=files.name,
        generation=original.generation,
        parameters=files.parameters,
        bytes=sum(path.stat().st_size for path in out.iterdir()),
        has_tokenizer=tokenizer is not None,
    )


def _tokenizer(original: Original, files: ModelFiles, folder: Path) -> PreTrainedTokenizerBase | None:
    if original.tokenizer is None:
        return None
    images = count_image_tokens(files.folder, files.config)
    tokenizer = convert_tokenizer(original.tokenizer, original.generation, name=files.name, image_tokens=images)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _weights(original: Original, files: ModelFiles, folder: Path, tokenizer: PreTrainedTokenizerBase | None, *, shard: int) -> None:
    """Weights, index and configurations."""
    is_first = original.generation is Generation.CHATGLM
    config = native_config(files.config, original.generation, name=files.name, tied=is_tied(original, name=files.name))
    parts: list[Path] = []
    where: dict[str, int] = {}
    total = 0
    dtype: torch.dtype | None = None
    for tensors in _parts(original, config, files, shard=shard):
        parts.append(folder / f"part-{len(parts)}")
        where |= dict.fromkeys(tensors, len(parts) - 1)
        total += sum(tensor.nbytes for tensor in tensors.values())
        dtype = next((tensor.dtype for name, tensor in tensors.items() if name.endswith("embed_tokens.weight")), dtype)
        save_file(tensors, parts[-1], metadata={"format": "pt"})
    count = len(parts)
    names = ["model.safetensors"] if count == 1 else [f"model-{number:05}-of-{count:05}.safetensors" for number in range(1, count + 1)]
    for part, name in zip(parts, names, strict=True):
        part.rename(folder / name)
    if count > 1:
        index = {"metadata": {"total_size": total}, "weight_map": {name: names[number] for name, number in where.items()}}
        write_json(folder / "model.safetensors.index.json", index)
    config.architectures = [_CLASSES[is_first]]
    config.dtype = dtype
    stop = list(chat_format(tokenizer).stop_ids) if tokenizer is not None else config.eos_token_id
    config.eos_token_id = stop
    config.save_pretrained(folder)
    stops = GenerationConfig(eos_token_id=stop, pad_token_id=config.pad_token_id)  # type: ignore[no-untyped-call]  # transformers again
    stops.save_pretrained(folder)


def _parts(original: Original, config: PreTrainedConfig, files: ModelFiles, *, shard: int) -> Iterator[dict[str, Tensor]]:
    """The native tensors, as many together as make a file."""
    held: dict[str, Tensor] = {}
    size = 0
    for name, tensor in native_tensors(original, config, name=files.name, bits=quantization_bits(files.config), compact=True):
        if held and size + tensor.nbytes > shard:
            yield held
            held, size = {}, 0
        held[name] = tensor.clone()  # a part of a fused tensor must not keep the rest of it
        size += tensor.nbytes
    if not held:
        raise ModelError(f"{files.name} holds no weights.", remedy="Fetch the model again.")
    yield held
