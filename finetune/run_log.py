"""The log of a run, `log.jsonl`: a line for every step, and one for every look at held-out texts."""

import json
import math
from pathlib import Path
from typing import Any

from finetune.checkpoint import LOG
from finetune.files import disk_advice, write_lines


class RunLog:
    """The log in a run's folder. `writes` is False in the processes of a team that do not lead it; they leave it alone."""

    def __init__(self, folder: Path, *, writes: bool) -> None:
        self._path, self._writes = folder / LOG, writes

    def begin(self) -> None:
        """An empty log."""
        if self._writes:
            write_lines(self._path, [])

    def add(self, line: dict[str, Any]) -> None:
        """Append a line, which names its `step`.

        Raises:
            CloneError: the disk is full.
        """
        if self._writes:
            with disk_advice(), self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def go_back(self, step: int) -> None:
        """Drop what came after a step, and a line that was cut short."""
        if self._writes:
            lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.is_file() else []
            write_lines(self._path, [line for line in lines if _step_of(line) <= step])


def _step_of(line: str) -> float:
    """The step of a line; infinity for one that was cut short."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf
