"""Writes what the importers say about each sample beside it. Look at the difference before committing it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from clone_agent.importers.inspect import inspect

SAMPLES = Path(__file__).parent
ZONE = ZoneInfo("Asia/Shanghai")
_BESIDE = {"users.json", "profile_info.db", "group_info.db", "channel.json"}


def samples() -> Iterator[Path]:
    """Every sample: files, and folders that hold a manifest."""
    for folder in sorted(path for path in SAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"):
        for path in sorted(folder.rglob("*")):
            is_part = any(_is_folder_shaped(parent) for parent in path.parents)
            is_export = _is_folder_shaped(path) if path.is_dir() else path.name not in _BESIDE
            if is_export and not is_part and not path.name.endswith(".expected.json"):
                yield path


def _is_folder_shaped(path: Path) -> bool:
    return any((path / name).is_file() for name in ("manifest.json", "data/manifest.json"))


def expectation(sample: Path) -> Path:
    """The file that holds what is expected of a sample."""
    return sample.with_name(f"{sample.name}.expected.json")


def found_in(sample: Path) -> dict[str, object]:
    """What the importers say about a sample."""
    return inspect(sample, timezone=ZONE).to_json(messages=True)


if __name__ == "__main__":
    for sample in samples():
        if "--all" in sys.argv or not expectation(sample).is_file():
            expectation(sample).write_text(json.dumps(found_in(sample), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
