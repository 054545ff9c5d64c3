"""The files of a model, checked before anything heavy is imported: where they lie, whether they are whole, which model they are.

Only safetensors are read, and the .bin files of original ChatGLM checkpoints. A hub name is fetched once into Hugging Face's cache, weights
and tokenizer and nothing that can run.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

from clone_agent.errors import ModelError
from finetune.chatglm.checkpoint import MODEL_TYPE, Original, count_parameters, find_original
from finetune.weight_files import PICKLED, SAFETENSORS, check_safetensors, find_weights, read_json

SHIPPED = Path(__file__).parent / "base_model" / "weights"
SHIPPED_NAME = "clone-agent-base"
_DESCRIPTIONS = ("*.json", "*.jinja", "merges.txt", "vocab.txt", "*.model")
_SAMPLE = 1 << 20  # bytes hashed at the beginning and the end of each weight file
Quoted = Literal["one", "each"]
CONVERTED = "converted.json"  # in a folder made from an original: whose it is


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """A model folder that was found whole."""

    name: str  # as the user named it, `SHIPPED_NAME` for the model that ships
    folder: Path
    config: dict[str, Any]
    parameters: int  # numbers that the model has
    weights: tuple[Path, ...]
    original: Original | None = None  # None: a native model

    @property
    def model_type(self) -> str:
        """What transformers calls the architecture: `glm`, `glm4` ..."""
        return str(self.config["model_type"])


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallHabits:
    """How a model reads recalled lines best."""

    lines: int | None = None  # the best so many, the best one first; None: as many as the agent gives, in time order
    quoted: Quoted | None = None  # its replies are kept to the words of one line that it reads, or of each; None: they are free


def recall_habits(config: Mapping[str, Any]) -> RecallHabits:
    """What `recalled_lines` and `recalled_quoted` in a model's config.json say of it; most models have neither."""
    lines = config.get("recalled_lines")
    return RecallHabits(
        lines=None if lines is None else int(lines),
        quoted=quoted if (quoted := config.get("recalled_quoted")) in get_args(Quoted) else None,
    )


def find_model(name_or_path: str | Path | None) -> ModelFiles:
    """Find a model and check that its files are whole. Takes no longer than reading their headers, unless it must be downloaded.

    Args:
        name_or_path: a folder, a hub name such as `zai-org/glm-edge-1.5b-chat`, or None for the model that ships.

    Raises:
        ModelError: missing, truncated, or of a kind that is not read.
    """
    folder, name = find_folder(name_or_path)
    return check_folder(folder, name=name)


def find_folder(name_or_path: str | Path | None) -> tuple[Path, str]:
    """The folder that `find_model` looks at, and what the model is called.

    Raises:
        ModelError: there is none.
    """
    if name_or_path is None:
        return SHIPPED, SHIPPED_NAME
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return path, str(path.absolute())  # an adapter names its base, wherever it is asked from
    if path.exists() or path.is_absolute() or str(name_or_path).count("/") != 1 or str(name_or_path).startswith("."):
        raise ModelError(
            f"There is no model folder {path}.", remedy="Name a folder with config.json, or a hub name like zai-org/glm-edge-1.5b-chat."
        )
    return _fetch(str(name_or_path)), str(name_or_path)


def check_folder(folder: Path, *, name: str) -> ModelFiles:
    """Check a model folder: configuration, and every weight file from its header to its last byte.

    Raises:
        ModelError: something is missing, truncated or of a kind that is not read.
    """
    config = read_json(folder / "config.json", name)
    if config.get("model_type") == MODEL_TYPE:
        return _original(folder, config, name=name)
    if "model_type" not in config:
        raise ModelError(f"{name}/config.json does not say what the model is.", remedy="Fetch the model again.")
    if config.get("quantization_config"):
        raise ModelError(
            f"{name} holds quantised weights.", remedy="Use the model's plain version; the method qlora holds it in 4 bits by itself."
        )
    weights = find_weights(folder, SAFETENSORS, name=name)
    if not weights and any(folder.glob("*.bin")):
        raise ModelError(f"{name} holds pickled weights (.bin).", remedy="Use a version of the model in safetensors; only those are read.")
    if not weights:
        raise ModelError(f"{name} lacks {SAFETENSORS}.", remedy="Fetch the model again: its weights are missing.")
    parameters = sum(check_safetensors(file, name) for file in weights)
    return ModelFiles(name=name, folder=folder, config=config, parameters=parameters, weights=tuple(weights))


def _original(folder: Path, config: dict[str, Any], *, name: str) -> ModelFiles:
    original = find_original(folder, config, name=name)
    try:
        parameters = count_parameters(config, original.generation)
    except (KeyError, TypeError, ValueError) as cause:
        raise ModelError(f"{name}/config.json is no configuration of a ChatGLM.", remedy="Fetch the model again.") from cause
    return ModelFiles(name=name, folder=folder, config=config, parameters=parameters, weights=original.weights, original=original)


def fingerprint(files: ModelFiles) -> str:
    """16 hexadecimal digits that tell one base model from another: from its configuration and a sample of each weight file.

    A folder that `clone-agent convert` wrote, and nobody changed, has its original's, so that their adapters fit both.
    """
    digest = hashlib.sha256((files.folder / "config.json").read_bytes())
    for path in files.weights:
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as file:
            digest.update(file.read(_SAMPLE))
            file.seek(max(0, size - _SAMPLE))
            digest.update(file.read())
    own = digest.hexdigest()[:16]
    if not (files.folder / CONVERTED).is_file():
        return own
    record = read_json(files.folder / CONVERTED, files.name)
    return str(record.get("original")) if record.get("fingerprint") == own else own


def _fetch(name: str) -> Path:
    """The folder of a hub model in the cache, downloaded when it is not there: descriptions first, then the weights in one format."""
    try:
        folder = Path(snapshot_download(name, allow_patterns=list(_DESCRIPTIONS)))
        is_pickled = (folder / f"{PICKLED}.index.json").is_file() and not (folder / f"{SAFETENSORS}.index.json").is_file()
        is_original = (folder / "config.json").is_file() and read_json(folder / "config.json", name).get("model_type") == MODEL_TYPE
        weights = ["*.bin"] if is_original and is_pickled else ["*.safetensors"]
        folder = Path(snapshot_download(name, allow_patterns=[*_DESCRIPTIONS, *weights]))
        if is_original and not any(folder.glob("*.safetensors")) and not is_pickled:  # one file, without an index
            folder = Path(snapshot_download(name, allow_patterns=[*_DESCRIPTIONS, "*.bin"]))
        return folder
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HFValidationError, HfHubHTTPError, OSError) as cause:
        raise ModelError(
            f"{name} is neither a folder nor in the local cache, and it could not be downloaded.",
            remedy="Check the name and the connection (HF_HUB_OFFLINE must not be set), or leave --base out to use the model that ships.",
        ) from cause
