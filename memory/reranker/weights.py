"""A cross-encoder in 8 bits: matrices as integers with one scale a row, a quarter of the size, multiplied out at load.

One that was trained further to read whole stretches of talks lies beside it: of it only what differs is kept.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

_SCALE = ".scale"
_FILE, _TALKS = "model.safetensors", "talks.safetensors"


def save_small(model: BertForSequenceClassification, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write config, tokenizer and 8-bit weights; what is no matrix stays in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(_in_8_bits(model.state_dict()), folder / _FILE)
    model.config.architectures, model.config.bits = [type(model).__name__], 8
    model.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"), pretty=False)  # else a line for each of its pieces


def save_talks(model: BertForSequenceClassification, folder: Path) -> None:
    """Write of a model that reads talks what differs from the small one that lies in a folder."""
    before = load_small(folder)[0].state_dict()
    differs = {name: value for name, value in model.state_dict().items() if not torch.equal(value.float().cpu(), before[name])}
    save_file(_in_8_bits(differs), folder / _TALKS)


def load_talks(model: BertForSequenceClassification, folder: Path) -> None:
    """Turn a small model that was read from a folder into the one that reads talks, which lies beside it."""
    model.load_state_dict(model.state_dict() | _multiplied_out(load_file(folder / _TALKS)))


def reads_talks(folder: Path) -> bool:
    """Whether a folder holds a model that reads talks, beside the one that reads passages."""
    return (folder / _TALKS).is_file()


def _in_8_bits(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, tensor in state.items():
        value = tensor.detach().float().cpu()
        if value.ndim == 2 and len(value) > 1:
            scale = (value.abs().amax(dim=1) / 127).clamp(min=1e-7).half()
            tensors[name] = (value / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8)
            tensors[name + _SCALE] = scale
        else:
            tensors[name] = value.half()
    return tensors


def _multiplied_out(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: tensor.float() * found[name + _SCALE].float()[:, None] if name + _SCALE in found else tensor.float()
        for name, tensor in found.items()
        if not name.endswith(_SCALE)
    }


def is_small(folder: Path) -> bool:
    """Whether a folder holds a model that `save_small` wrote."""
    about = folder / "config.json"
    return (folder / _FILE).is_file() and about.is_file() and '"bits": 8' in about.read_text(encoding="utf-8")


def load_small(folder: Path) -> tuple[BertForSequenceClassification, PreTrainedTokenizerFast]:
    """Read what `save_small` wrote."""
    config = BertConfig(**json.loads((folder / "config.json").read_text(encoding="utf-8")))
    model = BertForSequenceClassification(config)
    model.load_state_dict(_multiplied_out(load_file(folder / _FILE)))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    model.eval()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    return model, tokenizer
