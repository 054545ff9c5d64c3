"""A GLM in memory: the model, its tokenizer and its chat format.

`GlmForCausalLM` (GLM-4-9B-chat-hf, GLM-Edge, the model that ships) and `Glm4ForCausalLM` (GLM-4-0414) are what this program is made for.
Original checkpoints of ChatGLM-6B, 2, 3 and GLM-4-9B become native models while they load; any other causal language model with a chat
template loads as it is. No code that comes with a model runs.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psutil  # type: ignore[import-untyped]  # it ships no types
import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from clone_agent.errors import ModelError, UsageError
from finetune.chat_format import ChatFormat, chat_format
from finetune.chatglm import modeling
from finetune.chatglm.checkpoint import MODEL_TYPE, count_image_tokens, find_tokenizer, tell_generation
from finetune.chatglm.load import load_original
from finetune.chatglm.tokenizers import convert_tokenizer
from finetune.four_bit import quantize, require_four_bit
from finetune.memory_limits import is_out_of_memory
from finetune.methods.adapter import move
from finetune.model_files import ModelFiles, find_folder, find_model, fingerprint
from finetune.native import load_native
from finetune.weight_files import read_json
from finetune.wordless import Wordless

TESTED = ("glm", "glm4", modeling.MODEL_TYPE)

# What transformers, safetensors and torch raise of files that contradict each other, or need packages that are not here.
_DOES_NOT_FIT = (
    *(ValueError, OSError, KeyError, TypeError, AttributeError, AssertionError, RuntimeError, MemoryError, ImportError),
    *(SafetensorError, StrictDataclassError),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model ready to run, in evaluation mode."""

    name: str  # as the user named it
    fingerprint: str  # tells its weights from any other model's
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    format: ChatFormat

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        return next(self.model.parameters()).device

    @property
    def max_tokens(self) -> int:
        """The longest text, prompt and reply together, that its positions reach."""
        return int(self.model.config.max_position_embeddings)


def load_model(name_or_path: str | Path | None = None, *, device: str | None = None, four_bit: bool = False) -> LoadedModel:
    """Load a chat model and its tokenizer.

    Without a tokenizer in its folder a model still computes logits; whoever asks the result for words is told what is missing.

    Args:
        name_or_path: a folder, a hub name, or None for the model that ships.
        device: `cpu`, `cuda`, `mps` ...; None: the best one here.
        four_bit: hold the decoder's weights in 4 bits.

    Raises:
        ModelError: missing, truncated, of an unknown architecture, or too large for this machine.
        UsageError: there is no such device here.
    """
    if four_bit:
        require_four_bit()
    files = find_model(name_or_path)
    tokenizer, found = _words(files)
    model = _weights(files, find_device(device), four_bit=four_bit)
    return LoadedModel(name=files.name, fingerprint=fingerprint(files), model=model, tokenizer=tokenizer, format=found)


def load_weights(name_or_path: str | Path | None = None, *, device: str | None = None) -> PreTrainedModel:
    """Load a model alone, whether or not a tokenizer lies beside it; otherwise as `load_model`."""
    return _weights(find_model(name_or_path), find_device(device))


def load_tokenizer(name_or_path: str | Path | None = None) -> PreTrainedTokenizerBase:
    """Load a tokenizer alone, as a fast one, whatever the model came with; no weights need lie beside it.

    Raises:
        ModelError: there is none, or its file is damaged.
    """
    return _tokenizer(*find_folder(name_or_path))


def require_words(name_or_path: str | Path | None = None) -> None:
    """Check that a model has a tokenizer, before its weights are loaded for nothing.

    Raises:
        ModelError: it has none.
    """
    folder, name = find_folder(name_or_path)
    _tokenizer_file(folder, name)


def _words(files: ModelFiles) -> tuple[PreTrainedTokenizerBase, ChatFormat]:
    """Tokenizer and chat format, or what stands for them where there are none."""
    try:
        _tokenizer_file(files.folder, files.name)
    except ModelError as missing:
        nothing = cast(Any, Wordless(missing))
        return nothing, nothing
    tokenizer = _tokenizer(files.folder, files.name)
    return tokenizer, _checked_format(tokenizer, files)


def _tokenizer_file(folder: Path, name: str) -> Path:
    """The file that a tokenizer is made of: an original one, or one that transformers reads."""
    original = find_tokenizer(folder) if _is_original(folder, name) else None
    known = (folder / file for file in ("tokenizer.json", "tokenizer.model", "vocab.json"))
    found = original or next((path for path in known if path.is_file()), None)
    if found is None:
        raise ModelError(f"{name} has no tokenizer.json.", remedy="Fetch the model again, with its tokenizer.")
    return found


def _is_original(folder: Path, name: str) -> bool:
    config = read_json(folder / "config.json", name) if (folder / "config.json").is_file() else {}
    return bool(config.get("model_type", MODEL_TYPE) == MODEL_TYPE)


def _tokenizer(folder: Path, name: str) -> PreTrainedTokenizerBase:
    path = _tokenizer_file(folder, name)
    if path.name != "tokenizer.json" and _is_original(folder, name):
        config = read_json(folder / "config.json", name) if (folder / "config.json").is_file() else {}
        generation = tell_generation(folder, config, name=name)
        return convert_tokenizer(path, generation, name=name, image_tokens=count_image_tokens(folder, config))
    try:
        found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except _DOES_NOT_FIT as cause:
        raise ModelError(f"{name}'s tokenizer cannot be loaded.", remedy="Fetch the model again.") from cause
    return found


def _weights(files: ModelFiles, place: torch.device, *, four_bit: bool = False) -> PreTrainedModel:
    """The model in evaluation mode."""
    disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it untyped; progress is the caller's to show
    dtype = precision(files.parameters, place)
    if files.original is None and files.model_type not in TESTED:
        log.warning("%s is a %s, which is untested here", files.name, files.model_type)
    try:
        at_first = torch.device("cpu") if four_bit else place  # it is packed on its way to the device
        if files.original is not None:
            model = load_original(files.original, files.config, name=files.name, dtype=dtype, device=at_first)
        else:
            model = load_native(files, dtype)
        quantize(model, place) if four_bit else move(model, place)
    except _DOES_NOT_FIT as cause:
        if is_out_of_memory(cause):
            raise ModelError(
                f"{files.name} does not fit into the memory of {place}.", remedy="Use a smaller model, or the device cpu."
            ) from cause
        raise ModelError(f"{files.name} cannot be loaded: its files do not fit together.", remedy="Fetch the model again.") from cause
    model.train(False)
    return model


def best_device() -> str:
    """`cuda` or `mps` where there is one, else `cpu`."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def find_device(name: str | None = None) -> torch.device:
    """The device of a name; the best one for None.

    Raises:
        UsageError: torch knows no such device, or this machine has none.
    """
    try:
        device = torch.device(name or best_device())
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as cause:  # torch built without CUDA says so by an assertion
        raise UsageError(
            f"There is no device {name} that torch can use here.",
            remedy=f"Leave it out for {best_device()}, or check torch and the driver.",
        ) from cause
    return device


def precision(parameters: int, device: torch.device) -> torch.dtype:
    """The type to hold the weights in.

    bfloat16 on a GPU that has it, else half. On a CPU float32, which generates faster, unless the weights would take half the free memory.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "cpu" and 4 * parameters > psutil.virtual_memory().available / 2:
        return torch.bfloat16
    return torch.float32


def _checked_format(tokenizer: PreTrainedTokenizerBase, files: ModelFiles) -> ChatFormat:
    found = chat_format(tokenizer)
    if not found.stop_ids:
        raise ModelError(f"{files.name}'s chat template names no token that ends a reply.", remedy="Use another chat model.")
    return found
