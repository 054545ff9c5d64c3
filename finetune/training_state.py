"""Checkpoints of a run under way: everything that resuming needs to walk the same curve, in safetensors and JSON.

A checkpoint is a folder `checkpoints/step-00000120/` that appears whole, by renaming; `state.json` in it is written last and holds the hash
of the tensors, so that a copy that was cut short is told from a whole one. The newest two are kept.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from finetune.checkpoint import CHECKPOINTS
from finetune.files import replacing_folder, write_json

_TENSORS, _STATE = "tensors.safetensors", "state.json"
_KEPT = 2


def save_checkpoint(run: Path, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Write the checkpoint of a step and drop the ones before the last two."""
    with replacing_folder(run / CHECKPOINTS / f"step-{step:08d}") as folder:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / _TENSORS)
        write_json(folder / _STATE, {**state, "step": step, "sha256": _hash(folder / _TENSORS)})
    for old in checkpoints(run)[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def checkpoints(run: Path) -> list[Path]:
    """The checkpoint folders of a run, oldest first, whole or not."""
    return sorted(path for path in (run / CHECKPOINTS).glob("step-*") if path.is_dir())


def newest_checkpoint(run: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and state of the newest whole checkpoint; None: there is none."""
    for folder in reversed(checkpoints(run)):
        try:
            state: dict[str, Any] = json.loads((folder / _STATE).read_text(encoding="utf-8"))
            if state["sha256"] == _hash(folder / _TENSORS):
                return load_file(folder / _TENSORS), state
        except (OSError, ValueError, KeyError):
            continue
    return None


def remove_checkpoints(run: Path) -> None:
    """Drop all checkpoints of a run, and what a killed one left half written."""
    shutil.rmtree(run / CHECKPOINTS, ignore_errors=True)


def random_tensors(rank: int) -> dict[str, Tensor]:
    """The state of torch's random numbers in the process of a rank, which dropout draws from."""
    state = {f"{rank}/cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state[f"{rank}/cuda"] = torch.cuda.get_rng_state()
    return state


def restore_random(tensors: Mapping[str, Tensor], rank: int) -> None:
    """Put back what `random_tensors` took; nothing for a rank that there was not."""
    if (state := tensors.get(f"{rank}/cpu")) is not None:
        torch.set_rng_state(state)
    if (state := tensors.get(f"{rank}/cuda")) is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
