"""Rows of a table of measurements: each made in a process of its own, or afresh on a GPU, and kept in a file as soon as it is there."""

import gc
import json
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

Row = dict[str, Any]


_ABOUT = "about"  # name of the line that says of what the others are


def kept_rows(
    works: Mapping[str, Callable[[], Row]], path: Path | None, *, about: Mapping[str, Any], new: int | None = None, on_gpu: bool = False
) -> Iterator[tuple[str, Row]]:
    """Yield every row by its name, in order; those in the file are not made again.

    Args:
        works: what makes each row, by the row's name.
        path: JSON lines of rows; each new one is added at its end. None: nothing is kept.
        about: weights and settings that all rows are of, as JSON; a file of other ones is refused.
        on_gpu: the work counts its memory on the GPU, where no fork can follow.
        new: make so many rows at most, and pass over the others that the file lacks; None: make them all.
    """
    known = _known(path, about)
    for name, work in works.items():
        if name not in known:
            if new == 0:
                continue
            new = None if new is None else new - 1
            known[name] = afresh(work) if on_gpu else forked(work)
            _add(path, name, known[name])
        yield name, known[name]


def _known(path: Path | None, about: Mapping[str, Any]) -> dict[str, Row]:
    """The rows of a file, which is begun where there is none. A line that was cut short is made again."""
    known: dict[str, Row] = {}
    text = path.read_text(encoding="utf-8") if path is not None and path.is_file() else ""
    if path is not None and text and not text.endswith("\n"):
        path.write_text(f"{text}\n", encoding="utf-8")
    for line in text.splitlines():
        with suppress(ValueError):
            row = json.loads(line)
            known[row.pop("name")] = row
    if _ABOUT not in known:
        _add(path, _ABOUT, about)
    elif known[_ABOUT] != dict(about):
        raise SystemExit(f"{path} was begun with other weights or settings; name a new file")
    return known


def _add(path: Path | None, name: str, row: Mapping[str, Any]) -> None:
    if path is None:
        return
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"name": name, **row}, ensure_ascii=False) + "\n")


def afresh(work: Callable[[], Row]) -> Row:
    """Do the work twice, the GPU given back and its peak forgotten each time: the first time pays for loading every kernel."""
    for _ in range(2):
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        row = work()
    return row


def forked(work: Callable[[], Row]) -> Row:
    """Do the work in a fork of this process, so that its peak memory is its own, and return its figures."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.close(ours)
        code = 1
        try:
            with os.fdopen(theirs, "w") as pipe:
                json.dump(work(), pipe)
            code = 0
        finally:
            traceback.print_exc() if code else None
            os._exit(code)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    if not text:
        raise SystemExit("a run failed; see above")
    return dict(json.loads(text))
