"""What a long run has finished, kept on disk line by line, so that a run that was killed goes on where it was."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from finetune.files import private_folder, private_umask, write_json
from ui.line_log import read_lines

_IDENTITY = "run.json"


class Kept:
    """A folder of results, made for one run with one identity."""

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """Open the folder; results of a run with another identity are removed."""
        self.folder = folder
        known = _read(folder / _IDENTITY)
        self.is_new = known != json.loads(json.dumps(identity))
        if self.is_new:
            shutil.rmtree(folder, ignore_errors=True)
            private_folder(folder)
            write_json(folder / _IDENTITY, identity)

    def holds(self, beginning: str) -> bool:
        """Whether anything is kept whose name begins so."""
        return any(self.folder.glob(f"{beginning}*"))

    def value(self, name: str, make: Callable[[], Any]) -> Any:
        """A value made once; JSON, kept as a whole."""
        path = self.folder / f"{name}.json"
        known = _read(path)
        if known is None:
            write_json(path, {"value": make()})
            known = _read(path)
        assert isinstance(known, dict)
        return known["value"]

    def rows(self, name: str, count: int, make: Callable[[Sequence[int]], Iterable[tuple[int, Any]]]) -> list[Any]:
        """`count` values made one by one, each kept as soon as it is there.

        Args:
            name: of the file.
            count: how many.
            make: given the numbers that are missing, yields pairs of a number and its value, in any order.
        """
        path = self.folder / f"{name}.jsonl"
        found = dict(_lines(path))
        missing = [number for number in range(count) if number not in found]
        if missing:
            with private_umask(), path.open("a", encoding="utf-8") as file:
                file.write("\n")  # ends a line that was cut short
                for number, value in make(missing):
                    file.write(json.dumps([number, value], ensure_ascii=False) + "\n")
                    file.flush()
                    found[number] = value
        return [found[number] for number in range(count)]


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    for line in read_lines(path):
        try:
            number, value = json.loads(line)
        except (ValueError, TypeError):  # empty, or cut short when the run was killed, perhaps within a character
            continue
        yield int(number), value
