"""An adapter's weights to its folder and back into a model."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from clone_agent.errors import CloneError, ModelError
from finetune.checkpoint import CONFIG, FORMAT, MANIFEST, WEIGHTS, AdapterInfo, read_adapter, require_base
from finetune.files import private_folder, private_umask, replacing, write_json, write_lines
from finetune.glm import LoadedModel
from finetune.known_models import Licence, licence_of
from finetune.methods.adapter import Adapter
from finetune.methods.registry import METHODS, attach, find_method
from finetune.model_card import adapter_card

CARD = "README.md"


def save_adapter(
    folder: Path, adapter: Adapter, loaded: LoadedModel, facts: Mapping[str, Any], *, state: Mapping[str, torch.Tensor] | None = None
) -> AdapterInfo:
    """Write an adapter's folder: weights, settings, and last the manifest, which makes it count as finished.

    Args:
        folder: `<home>/adapters/<name>`; its name becomes the adapter's.
        adapter: what was trained.
        loaded: the base it was trained on.
        facts: what else goes into the manifest: `dataset` (with `hash`), `losses` (`before`, `after`), `training`, `samples`.
        state: what to write of the weights; None: as they are.
    """
    method = find_method(adapter.method)
    return write_adapter(
        folder,
        method=adapter.method,
        settings=adapter.settings,
        state=adapter.state() if state is None else state,
        base={"name": loaded.name, "fingerprint": loaded.fingerprint, "model_type": loaded.model.config.model_type},
        licence=licence_of(loaded.name, loaded.model.config.to_dict()),
        facts=facts,
        as_peft=method.peft_config(adapter.settings, loaded.name) if method.peft_config else {},
    )


def write_adapter(
    folder: Path,
    *,
    method: str,
    settings: Any,
    state: Mapping[str, torch.Tensor],
    base: Mapping[str, str],
    licence: Licence | None,
    facts: Mapping[str, Any],
    as_peft: Mapping[str, Any] = {},
) -> AdapterInfo:
    """As `save_adapter`, of tensors that need not be part of a model in memory.

    Args:
        folder: the adapter's.
        method: a tuning method's name.
        settings: of that method.
        state: the tensors as the method names them.
        base: `name`, `fingerprint` and `model_type`.
        licence: of the base, where it is known; its duties go into the card.
        facts: as for `save_adapter`.
        as_peft: the settings as peft reads them, where it can.
    """
    private_folder(folder)
    (folder / MANIFEST).unlink(missing_ok=True)
    with private_umask(), replacing(folder / WEIGHTS) as path:
        save_file(dict(state), path, metadata={"format": "pt"})
    write_json(folder / CONFIG, as_peft or {"method": method, **asdict(settings)})
    write_lines(folder / CARD, [adapter_card(folder.name, base=base["name"], method=method, licence=licence)])
    manifest = {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "method": method,
        "settings": asdict(settings),
        "base": {**base, "licence": licence.name if licence else None},
        "weights": {"parameters": sum(tensor.numel() for tensor in state.values()), "bytes": (folder / WEIGHTS).stat().st_size},
        **facts,
    }
    write_json(folder / MANIFEST, manifest)
    return read_adapter(folder)


def load_adapter(folder: Path, loaded: LoadedModel) -> Adapter:
    """Attach a saved adapter to its base.

    Raises:
        ModelError: missing, unfinished or damaged, or tuned on another base.
    """
    info = read_adapter(folder)
    require_base(info, name=loaded.name, base_fingerprint=loaded.fingerprint)
    state = read_tensors(folder / WEIGHTS)
    try:
        adapter = attach(loaded.model, info.method, info.settings)
    except (CloneError, TypeError) as cause:
        raise ModelError(
            f"The adapter {info.name} has settings that cannot be read.", remedy="Update clone-agent, or tune again."
        ) from cause
    adapter.load_state(state)
    loaded.model.train(False)
    for parameter in adapter.parameters.values():
        parameter.requires_grad_(False)
    return adapter


def wants_four_bit(folder: Path) -> bool:
    """Whether an adapter was tuned on a base in 4 bits, and therefore speaks on such a one.

    Raises:
        ModelError: missing, unfinished or damaged.
    """
    method = METHODS.get(read_adapter(folder).method)
    return method is not None and method.four_bit


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file.

    Raises:
        ModelError: missing or damaged.
    """
    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except (OSError, SafetensorError, json.JSONDecodeError) as cause:
        raise ModelError(
            f"{path.parent.name}/{path.name} is missing or damaged.", remedy="Tune again, or restore it from a backup."
        ) from cause
    return tensors
