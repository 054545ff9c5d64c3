"""Weight files, checked from their ends alone: which belong to a model, and whether each is whole."""

import json
import re
import struct
import zipfile
from pathlib import Path
from typing import Any

from clone_agent.errors import ModelError

SAFETENSORS, PICKLED = "model.safetensors", "pytorch_model.bin"
_AGAIN = "Fetch the model again, or reinstall clone-agent if it is the one that ships."
_NUMBERED = re.compile(r"-(\d+)-of-(\d+)\.")


def find_weights(folder: Path, standard: str, *, name: str, any_name: bool = False) -> list[Path]:
    """The files that hold a model's weights in one format, in their order; none when the folder has no such format.

    Args:
        folder: where they lie.
        standard: `SAFETENSORS` or `PICKLED`: what a single file is called, and, with `.index.json`, the index of several.
        name: of the model, for errors.
        any_name: take files of other names where there are none of the standard one.

    Raises:
        ModelError: one that the index names, or that the numbering of the others implies, is missing.
    """
    index = folder / f"{standard}.index.json"
    if index.is_file():
        where = read_json(index, name).get("weight_map")
        if not isinstance(where, dict):
            raise _broken(index, name)
        files = sorted({folder / str(file) for file in where.values()})
    elif (folder / standard).is_file():
        files = [folder / standard]
    elif any_name:
        files = _whole_series(sorted(path for path in folder.glob(f"*{Path(standard).suffix}") if path.name != "training_args.bin"))
    else:
        return []
    for file in files:
        if not file.resolve().is_file():
            raise ModelError(f"{name} lacks {file.name}.", remedy="Fetch the model again: its weights are missing.")
    return files


def _whole_series(files: list[Path]) -> list[Path]:
    """The same files, with those that `…-00002-of-00007…` says there must be."""
    numbered = [(file, match) for file in files if (match := _NUMBERED.search(file.name))]
    if not numbered:
        return files
    file, match = numbered[0]
    width, count = len(match[1]), int(match[2])
    return [file.with_name(_NUMBERED.sub(f"-{number:0{width}}-of-{match[2]}.", file.name)) for number in range(1, count + 1)]


def check_safetensors(path: Path, name: str) -> int:
    """Check a safetensors file against its own header (8 bytes length, JSON, data) and count the numbers in it.

    Raises:
        ModelError: it is cut short, or no such file.
    """
    size = path.stat().st_size
    broken = _broken(path, name)
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > size - 8:
                raise broken
            header = json.loads(file.read(length))
        tensors = [value for key, value in header.items() if key != "__metadata__"]
        end = max((int(tensor["data_offsets"][1]) for tensor in tensors), default=0)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as cause:
        raise broken from cause
    if not tensors or size != 8 + length + end:
        raise broken
    return sum(_product(tensor["shape"]) for tensor in tensors)


def check_pickled(path: Path, name: str) -> None:
    """Check a file that `torch.save` wrote: a zip archive, whose directory stands at its end. Nothing in it is unpickled.

    Raises:
        ModelError: it is cut short, or no such file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as cause:
        raise _broken(path, name) from cause
    if not any(entry.endswith("/data.pkl") for entry in names):
        raise _broken(path, name)


def read_json(path: Path, name: str) -> dict[str, Any]:
    """A JSON object beside the weights.

    Raises:
        ModelError: it is missing, or no such thing.
    """
    broken = ModelError(f"{name}: {path.name} cannot be read.", remedy="Fetch the model again.")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise ModelError(f"{name} has no {path.name}.", remedy=f"Name a folder or hub model that has one. {_AGAIN}") from cause
    except (OSError, ValueError) as cause:
        raise broken from cause
    if not isinstance(value, dict):
        raise broken
    return value


def _broken(path: Path, name: str) -> ModelError:
    return ModelError(f"{name}: {path.name} is truncated or damaged.", remedy=_AGAIN)


def _product(shape: list[int]) -> int:
    product = 1
    for side in shape:
        product *= side
    return product
