"""A GLM in memory: the model, its tokenizer and its chat format.

`GlmForCausalLM` (GLM-4-9B-chat-hf, GLM-Edge, the model that ships) and `Glm4ForCausalLM` (GLM-4-0414) are what this program is made for;
any other causal language model with a chat template loads through the same path. No remote code, and only safetensors.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types
import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from clone_agent.errors import ModelError
from finetune.chat_format import ChatFormat, chat_format
from finetune.four_bit import quantize, require_four_bit
from finetune.methods.adapter import move
from finetune.model_files import ModelFiles, find_model, fingerprint

TESTED = ("glm", "glm4")

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

    Args:
        name_or_path: a folder, a hub name, or None for the model that ships.
        device: `cpu`, `cuda`, `mps` ...; None: the best one here.
        four_bit: hold the decoder's weights in 4 bits.

    Raises:
        ModelError: missing, truncated, of an unknown architecture, or too large for this machine.
    """
    if four_bit:
        require_four_bit()
    files = find_model(name_or_path)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it untyped; progress is the caller's to show
    place = torch.device(device or best_device())
    dtype = precision(files.parameters, place)
    if files.model_type not in TESTED:
        log.warning("%s is a %s, which is untested here", files.name, files.model_type)
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(files.folder, local_files_only=True, trust_remote_code=False)
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            files.folder,
            dtype=dtype,
            attn_implementation="sdpa",
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
        )
        quantize(model, place) if four_bit else move(model, place)
    except torch.OutOfMemoryError as cause:
        raise ModelError(
            f"{files.name} does not fit into the memory of {place}.", remedy="Use a smaller model, or the device cpu."
        ) from cause
    except (ValueError, OSError, SafetensorError, KeyError, RuntimeError) as cause:
        raise ModelError(f"{files.name} cannot be loaded: its files do not fit together.", remedy="Fetch the model again.") from cause
    model.train(False)
    return LoadedModel(
        name=files.name, fingerprint=fingerprint(files), model=model, tokenizer=tokenizer, format=_checked_format(tokenizer, files)
    )


def best_device() -> str:
    """`cuda` or `mps` where there is one, else `cpu`."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


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
