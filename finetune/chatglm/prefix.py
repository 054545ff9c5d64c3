"""Checkpoints of the P-Tuning v2 scripts that came with ChatGLM, as adapters of this program.

They hold `transformer.prefix_encoder.…`: one table (`pre_seq_len`, layers * 2 * key-value heads * head size), or a smaller one and the two
layers that make the table of it (`prefix_projection`). Here the layers are applied once, so that the adapter is always a table.
"""

from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedConfig

from clone_agent.errors import ModelError, UsageError
from finetune.adapter_files import write_adapter
from finetune.chatglm.native_config import native_config as original_config
from finetune.chatglm.weights import PREFIX, read_tensors
from finetune.checkpoint import AdapterInfo
from finetune.known_models import licence_of
from finetune.methods.prefix import table_width
from finetune.methods.ptuning import METHOD, PTuningSettings
from finetune.model_files import ModelFiles, find_model, fingerprint
from finetune.native import native_config
from finetune.weight_files import PICKLED, SAFETENSORS, check_pickled, check_safetensors, find_weights

_LAYERS = ("trans.0.weight", "trans.0.bias", "trans.2.weight", "trans.2.bias")


def holds_prefix(folder: Path) -> bool:
    """Whether a folder holds the prefix of an old P-Tuning v2 run, and no model beside it."""
    try:
        weights = _files(folder) if folder.is_dir() else []
        return len(weights) == 1 and all(PREFIX in key for key, _ in read_tensors(weights[0], name=folder.name))
    except ModelError:
        return False


def import_prefix(folder: Path, out: Path, *, base: str | Path) -> AdapterInfo:
    """Write an old prefix as an adapter of `base`, whose weights are not loaded for it.

    Args:
        folder: what the old script saved: `checkpoint-3000` or the like.
        out: the adapter's folder.
        base: the model it was trained on: original, converted or native.

    Raises:
        UsageError: `out` holds something already.
        ModelError: there is no prefix in it, a file is damaged, or the prefix belongs to a model of another size.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError("The folder to write is not empty.", remedy="Name a new one.")
    stored = _stored(folder)
    if not stored:
        raise ModelError(f"{folder.name} holds no prefix_encoder.", remedy="Name the folder that the P-Tuning script saved.")
    files = find_model(base)
    config = _config(files)
    table = _table(stored, folder.name)
    if table.shape[1] != table_width(config):
        raise ModelError(f"The prefix in {folder.name} does not fit {files.name}.", remedy="Name the base it was trained on with --base.")
    settings = PTuningSettings(num_virtual_tokens=table.shape[0])
    return write_adapter(
        out,
        method=METHOD.name,
        settings=settings,
        state={"prefix_encoder.embedding.weight": table},
        base={"name": files.name, "fingerprint": fingerprint(files), "model_type": config.model_type},
        licence=licence_of(files.name, config.to_dict()),
        facts={"dataset": {"hash": ""}, "losses": {"before": None, "after": None}, "training": {"from": folder.name}, "samples": []},
    )


def _stored(folder: Path) -> dict[str, Tensor]:
    """The prefix encoder's tensors, without what stands before their names; from a checkpoint of the whole model, too."""
    found: dict[str, Tensor] = {}
    for path in _files(folder):
        for key, tensor in read_tensors(path, name=folder.name, wanted=lambda key: PREFIX in key):
            found[key.partition(PREFIX)[2]] = tensor.float()
    return found


def _files(folder: Path) -> list[Path]:
    weights = find_weights(folder, SAFETENSORS, name=folder.name, any_name=True)
    for path in weights:
        check_safetensors(path, folder.name)
    if weights:
        return weights
    pickled = find_weights(folder, PICKLED, name=folder.name, any_name=True)
    for path in pickled:
        check_pickled(path, folder.name)
    return pickled


def _table(stored: dict[str, Tensor], name: str) -> Tensor:
    """(virtual tokens, layers * 2 * key-value heads * head size)."""
    broken = ModelError(f"The prefix in {name} is not whole.", remedy="Fetch the checkpoint again.")
    try:
        table = stored["embedding.weight"]
        if set(stored) & set(_LAYERS):
            into, into_bias, out, out_bias = (stored[layer] for layer in _LAYERS)
            table = torch.tanh(table @ into.T + into_bias) @ out.T + out_bias
    except (KeyError, RuntimeError) as cause:
        raise broken from cause
    if table.dim() != 2:
        raise broken
    return table.contiguous()


def _config(files: ModelFiles) -> PreTrainedConfig:
    if files.original is not None:
        return original_config(files.config, files.original.generation, name=files.name)
    return native_config(files)
