"""What tuning left of messages that are to be forgotten: examples, sample replies, and adapters that have learned from them.

Examples can be made again and go. An adapter's weights cannot unlearn: it stays, is marked in its manifest, and loses its sample replies.
Whether an adapter saw a message is told from the conversations and the time that its manifest names, which errs on the side of marking.
"""

import json
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from finetune.checkpoint import CHECKPOINTS, MANIFEST
from finetune.files import write_json

FORGOTTEN = "forgotten"
Spans = Mapping[str, tuple[datetime, datetime, int]]  # by conversation: first and last message that goes, and how many


def concerned_dataset(home: Path, spans: Spans) -> bool:
    """Whether the dataset folder has, or may have, examples with these messages."""
    folder = home / "dataset"
    if not folder.is_dir() or not any(folder.iterdir()):
        return False
    manifest = _read(folder / MANIFEST)
    return manifest is None or _overlap(manifest, spans) > 0


def concerned_adapters(home: Path, spans: Spans) -> dict[str, int]:
    """The finished adapters that learned from these messages, and from how many at most."""
    found = {}
    for path in sorted((home / "adapters").glob(f"*/{MANIFEST}")):
        manifest = _read(path)
        dataset = None if manifest is None else manifest.get("dataset")
        if isinstance(dataset, dict) and (messages := _overlap(dataset, spans)):
            found[path.parent.name] = messages
    return found


def unfinished_runs(home: Path) -> list[str]:
    """Tuning runs that were interrupted; their checkpoints do not tell what they saw."""
    return sorted(path.parent.name for path in (home / "adapters").glob(f"*/{CHECKPOINTS}"))


def forget_tuning(home: Path, spans: Spans, *, at: datetime) -> None:
    """Remove the dataset and interrupted runs, mark the adapters; does nothing where no message is concerned."""
    if concerned_dataset(home, spans):
        shutil.rmtree(home / "dataset")
        (home / "dataset").mkdir(mode=0o700)
    if spans:
        for name in unfinished_runs(home):
            shutil.rmtree(home / "adapters" / name / CHECKPOINTS)
    for name, messages in concerned_adapters(home, spans).items():
        path = home / "adapters" / name / MANIFEST
        manifest = json.loads(path.read_text(encoding="utf-8"))
        before = manifest.get(FORGOTTEN, {}).get("messages", 0)
        mark = {"at": at.isoformat(timespec="seconds"), "messages": before + messages}
        write_json(path, {**manifest, "samples": [], FORGOTTEN: mark})


def _read(path: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None


def _overlap(dataset: Mapping[str, Any], spans: Spans) -> int:
    """How many of the messages lie in a dataset's conversations and were sent before its end; context may reach before its beginning."""
    try:
        last = datetime.fromisoformat(dataset["last"])
        known = set(dataset["conversations"])
    except (KeyError, TypeError, ValueError):
        return sum(messages for _, _, messages in spans.values())
    return sum(messages for conversation, (first, _, messages) in spans.items() if conversation in known and first <= last)
