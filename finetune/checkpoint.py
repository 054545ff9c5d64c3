"""What was tuned, on what, how: the manifest of an adapter folder. Reads and checks adapters without loading anything heavy.

    <home>/adapters/<name>/
      adapter_config.json          the method's settings; peft's own file for LoRA, so that other servers load it
      adapter_model.safetensors    what was trained
      README.md                    what it is, and what the base's licence asks of whoever passes it on
      manifest.json                base, method, settings, dataset, losses, sample replies, date; what of its data was forgotten since
      log.jsonl                    one line a training step or evaluation
      checkpoints/                 only while training is under way or was interrupted

The manifest is written last: a folder without it is unfinished.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clone_agent.errors import ModelError, UsageError
from finetune.model_files import SHIPPED_NAME, ModelFiles, find_model, fingerprint

FORMAT = 1
MANIFEST, WEIGHTS, CONFIG, LOG, CHECKPOINTS = (
    "manifest.json",
    "adapter_model.safetensors",
    "adapter_config.json",
    "log.jsonl",
    "checkpoints",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterInfo:
    """A finished adapter, as its manifest tells."""

    name: str  # its folder's name
    folder: Path
    method: str
    settings: Mapping[str, Any]  # of the method
    base: str  # the base model as the user named it; `clone-agent-base` for the one that ships
    base_fingerprint: str
    dataset: str  # hash of the dataset
    loss_before: float | None  # on held-out examples; None: there were none
    loss_after: float | None
    parameters: int  # numbers trained
    bytes: int  # of the weights on disk
    created: str  # ISO 8601
    forgotten: int  # messages it learned from and that were forgotten since; its weights may still know them
    manifest: Mapping[str, Any]  # all of it, with sample replies

    @property
    def lost_ordinary_talk(self) -> bool:
        """Whether tuning cost the model its everyday conversation; such an adapter speaks only when it is named."""
        return bool((self.manifest.get("ordinary_talk") or {}).get("is_lost"))


def current_adapter(home: Path) -> AdapterInfo | None:
    """The newest adapter that kept its ordinary talk; None when there is none."""
    return next((info for info in reversed(list_adapters(home)) if not info.lost_ordinary_talk), None)


def list_adapters(home: Path) -> list[AdapterInfo]:
    """The finished adapters of a data home, oldest first; unfinished and damaged ones are left out."""
    return sorted((one for one in _read_all(home) if isinstance(one, AdapterInfo)), key=lambda info: info.created)


def unusable_adapters(home: Path) -> list[ModelError]:
    """What is the matter with those that `list_adapters` leaves out, each named in its error."""
    return [one for one in _read_all(home) if isinstance(one, ModelError)]


def _read_all(home: Path) -> Iterator[AdapterInfo | ModelError]:
    for folder in sorted(path for path in (home / "adapters").glob("*") if path.is_dir()):
        try:
            yield read_adapter(folder)
        except ModelError as error:
            yield error


def adapter_folder(home: Path, name: str) -> Path:
    """Where the adapter of a name lies, whether it is there or not.

    Raises:
        UsageError: that is no name of a folder, or "none", which stands for no adapter.
    """
    if name in ("", ".", "..", "none") or any(sign in name for sign in "/\\:"):
        raise UsageError("That is no name for an adapter.", remedy="Take a word without / and \\ that is not `none`, like lora-2.")
    return home / "adapters" / name


def read_adapter(folder: Path) -> AdapterInfo:
    """Read an adapter's manifest and check that its weights are whole.

    Raises:
        ModelError: missing, unfinished or damaged.
    """
    if not folder.is_dir():
        raise ModelError(f"There is no adapter {folder.name}.", remedy="See `clone-agent status` for those there are.")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise ModelError(f"The adapter {folder.name} is unfinished.", remedy="Finish it with `clone-agent tune --resume`.") from cause
    except (OSError, ValueError) as cause:
        raise ModelError(f"The adapter {folder.name} has a damaged manifest.", remedy="Tune again.") from cause
    weights = folder / WEIGHTS
    try:
        if manifest["format"] > FORMAT:
            raise ModelError(f"The adapter {folder.name} was made by a newer clone-agent.", remedy="Update clone-agent.")
        if not weights.is_file() or weights.stat().st_size != manifest["weights"]["bytes"]:
            raise ModelError(f"The adapter {folder.name} is truncated.", remedy="Tune again, or restore its folder from a backup.")
        return _info(folder, manifest)
    except (KeyError, TypeError) as cause:
        raise ModelError(f"The adapter {folder.name} has a damaged manifest.", remedy="Tune again.") from cause


def _info(folder: Path, manifest: Mapping[str, Any]) -> AdapterInfo:
    return AdapterInfo(
        name=folder.name,
        folder=folder,
        method=manifest["method"],
        settings=manifest["settings"],
        base=manifest["base"]["name"],
        base_fingerprint=manifest["base"]["fingerprint"],
        dataset=manifest["dataset"]["hash"],
        loss_before=manifest["losses"]["before"],
        loss_after=manifest["losses"]["after"],
        parameters=manifest["weights"]["parameters"],
        bytes=manifest["weights"]["bytes"],
        created=manifest["created"],
        forgotten=manifest.get("forgotten", {}).get("messages", 0),
        manifest=manifest,
    )


def outdated_base(info: AdapterInfo) -> ModelError | None:
    """Why the base that an adapter was tuned on is not the one of that name any more; None where it is, or is not on this disk."""
    if info.base != SHIPPED_NAME and not Path(info.base).is_dir():
        return None
    try:
        check_base(info, find_model(None if info.base == SHIPPED_NAME else info.base))
    except ModelError as error:
        return error
    return None


def check_base(info: AdapterInfo, files: ModelFiles) -> None:
    """Check that an adapter belongs to a base model, from the files alone.

    Raises:
        ModelError: it was tuned on another one.
    """
    require_base(info, name=files.name, base_fingerprint=fingerprint(files))


def require_base(info: AdapterInfo, *, name: str, base_fingerprint: str) -> None:
    """The same for a base whose fingerprint is known."""
    if info.base_fingerprint == base_fingerprint:
        return
    if info.base == name:
        raise ModelError(
            f"The adapter {info.name} was tuned on an earlier version of {name}.",
            remedy=f"Run `clone-agent tune --method {info.method} --name {info.name}` again, or go without it: --adapter none.",
        )
    raise ModelError(
        f"The adapter {info.name} was tuned on {info.base}, not on {name}.",
        remedy="Choose the base it was tuned on with --base, another adapter with --adapter, or tune again.",
    )
