"""Rows of a table of measurements: each made in a process of its own, and kept in a file as soon as it is there."""

import json
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def kept_rows(works: Mapping[str, Callable[[], Row]], path: Path | None, *, new: int | None = None) -> Iterator[tuple[str, Row]]:
    """Yield every row by its name, in order; those in the file are not made again.

    Args:
        works: what makes each row, by the row's name.
        path: JSON lines of rows; each new one is added at its end. None: nothing is kept.
        new: make so many rows at most, and pass over the others that the file lacks; None: make them all.
    """
    known: dict[str, Row] = {}
    if path is not None and path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines()
        known = {row.pop("name"): row for row in map(json.loads, lines)}
    for name, work in works.items():
        if name not in known:
            if new == 0:
                continue
            new = None if new is None else new - 1
            known[name] = forked(work)
            if path is not None:
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"name": name, **known[name]}, ensure_ascii=False) + "\n")
        yield name, known[name]


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
