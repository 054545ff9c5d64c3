"""The files of a model, checked before anything heavy is imported: where they lie, whether they are whole, which model they are.

Only safetensors are read. A hub name is fetched once into Hugging Face's cache, weights and tokenizer and nothing that can run.
"""

import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

from clone_agent.errors import ModelError

SHIPPED = Path(__file__).parent / "base_model" / "weights"
SHIPPED_NAME = "clone-agent-base"
_FETCHED = ("*.json", "*.safetensors", "*.jinja", "merges.txt", "vocab.txt")
_SAMPLE = 1 << 20  # bytes hashed at the beginning and the end of each weight file
_CHATGLM = "Use zai-org/glm-edge-1.5b-chat or zai-org/glm-4-9b-chat-hf: converting ChatGLM checkpoints is not built in yet."


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """A model folder that was found whole."""

    name: str  # as the user named it, `SHIPPED_NAME` for the model that ships
    folder: Path
    config: dict[str, Any]
    parameters: int  # numbers stored in the weight files

    @property
    def model_type(self) -> str:
        """What transformers calls the architecture: `glm`, `glm4` ..."""
        return str(self.config["model_type"])


def find_model(name_or_path: str | Path | None) -> ModelFiles:
    """Find a model and check that its files are whole. Takes no longer than reading their headers, unless it must be downloaded.

    Args:
        name_or_path: a folder, a hub name such as `zai-org/glm-edge-1.5b-chat`, or None for the model that ships.

    Raises:
        ModelError: missing, truncated, or of a kind that is not read.
    """
    if name_or_path is None:
        return check_folder(SHIPPED, name=SHIPPED_NAME)
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return check_folder(path, name=str(path))
    if path.exists() or path.is_absolute() or str(name_or_path).count("/") != 1 or str(name_or_path).startswith("."):
        raise ModelError(
            f"There is no model folder {path}.", remedy="Name a folder with config.json, or a hub name like zai-org/glm-edge-1.5b-chat."
        )
    return check_folder(_fetch(str(name_or_path)), name=str(name_or_path))


def check_folder(folder: Path, *, name: str) -> ModelFiles:
    """Check a model folder: configuration, tokenizer, and every weight file from its header to its last byte.

    Raises:
        ModelError: something is missing, truncated or of a kind that is not read.
    """
    config = _read_json(folder / "config.json", name)
    if config.get("model_type") == "chatglm":
        raise ModelError(f"{name} is an original ChatGLM checkpoint, which runs only with code of its own.", remedy=_CHATGLM)
    if "model_type" not in config:
        raise ModelError(f"{name}/config.json does not say what the model is.", remedy="Fetch the model again.")
    if not (folder / "tokenizer.json").is_file():
        raise ModelError(f"{name} has no tokenizer.json.", remedy="Fetch the model again, with its tokenizer.")
    files = weight_files(folder, name=name)
    return ModelFiles(name=name, folder=folder, config=config, parameters=sum(_check_weights(file, name) for file in files))


def weight_files(folder: Path, *, name: str) -> list[Path]:
    """The safetensors files that hold the weights, in the index's order.

    Raises:
        ModelError: there are none, or one that the index names is missing.
    """
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        files = sorted({folder / str(file) for file in _read_json(index, name).get("weight_map", {}).values()})
    else:
        files = [folder / "model.safetensors"]
    for file in files:
        if file.resolve().is_file():
            continue
        if any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
            raise ModelError(
                f"{name} holds pickled weights (.bin).", remedy="Use a version of the model in safetensors; only those are read."
            )
        raise ModelError(f"{name} lacks {file.name}.", remedy="Fetch the model again: its weights are missing.")
    return files


def fingerprint(files: ModelFiles) -> str:
    """16 hexadecimal digits that tell one base model from another: from its configuration and a sample of each weight file."""
    digest = hashlib.sha256((files.folder / "config.json").read_bytes())
    for path in weight_files(files.folder, name=files.name):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as file:
            digest.update(file.read(_SAMPLE))
            file.seek(max(0, size - _SAMPLE))
            digest.update(file.read())
    return digest.hexdigest()[:16]


def _check_weights(path: Path, name: str) -> int:
    """Check a safetensors file against its own header (8 bytes length, JSON, data) and count the numbers in it."""
    size = path.stat().st_size
    broken = ModelError(
        f"{name}: {path.name} is truncated or damaged.",
        remedy="Fetch the model again, or reinstall clone-agent if it is the one that ships.",
    )
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


def _product(shape: list[int]) -> int:
    product = 1
    for side in shape:
        product *= side
    return product


def _read_json(path: Path, name: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        remedy = "Reinstall clone-agent: its own model is missing." if name == SHIPPED_NAME else "Name a folder or hub model that has one."
        raise ModelError(f"{name} has no {path.name}.", remedy=remedy) from cause
    except (OSError, ValueError) as cause:
        raise ModelError(f"{name}: {path.name} cannot be read.", remedy="Fetch the model again.") from cause
    if not isinstance(value, dict):
        raise ModelError(f"{name}: {path.name} cannot be read.", remedy="Fetch the model again.")
    return value


def _fetch(name: str) -> Path:
    """The folder of a hub model in the cache, downloaded when it is not there."""
    try:
        return Path(snapshot_download(name, allow_patterns=list(_FETCHED)))
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HFValidationError, HfHubHTTPError, OSError) as cause:
        raise ModelError(
            f"{name} is neither a folder nor in the local cache, and it could not be downloaded.",
            remedy="Check the name and the connection (HF_HUB_OFFLINE must not be set), or leave --base out to use the model that ships.",
        ) from cause
