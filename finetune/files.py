"""Files that are either whole or not there, and readable by the user alone.

A file is written under a temporary name beside its place, synced, and renamed over it; a folder likewise.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from clone_agent.errors import CloneError
from clone_agent.storage import FULL


def private_folder(path: Path) -> Path:
    """Make a folder (0700) with its parents, if it is not there.

    Raises:
        CloneError: a file is in its place.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as cause:
        raise CloneError(
            f"{path} is to be a folder, and a file is in its place.", remedy="Move the file away, or take another name."
        ) from cause
    return path


@contextmanager
def private_umask() -> Iterator[None]:
    """Everything created inside is readable by the user alone, whichever library writes it."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def write_lines(path: Path, lines: Iterable[str]) -> int:
    """Write `lines` (without line ends) to a private file and return how many there were."""
    count = 0
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for count, line in enumerate(lines, start=1):  # noqa: B007 - the last count is the result
            file.write(line + "\n")
    return count


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object to a private file, indented for people."""
    write_lines(path, [json.dumps(value, ensure_ascii=False, indent=2, sort_keys=False)])


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file to write; it takes the name `path` when the block ends well, and vanishes when it does not."""
    path = path.absolute()  # "." has neither a name nor a place beside it
    private_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder to fill; it takes the name `path` when the block ends well, and an older folder of that name goes.

    An empty one that the program was started in is filled instead: it would be gone from under whoever stands in it.
    """
    path = path.absolute()
    private_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(mode=0o700)
    try:
        with private_umask():
            yield temporary
        for file in (entry for entry in temporary.rglob("*") if entry.is_file()):
            file.chmod(0o600)
            sync(file)
        sync(temporary)
        if path.is_dir() and path.samefile(".") and not any(path.iterdir()):
            path.chmod(0o700)
            for entry in temporary.iterdir():
                entry.rename(path / entry.name)
        elif path.exists():
            old = path.with_name(f".{path.name}.{os.getpid()}.old")
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            temporary.rename(path)
        sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def disk_advice() -> Iterator[None]:
    """Turn a full disk inside the block into advice.

    Raises:
        CloneError: the disk is full.
    """
    try:
        yield
    except (OSError, SafetensorError) as cause:
        number = getattr(cause, "errno", None) or next(map(int, re.findall(r"os error (\d+)", str(cause))), None)  # safetensors' own way
        if number not in FULL:
            raise
        raise CloneError(
            "The disk is full.", remedy="Make room, then go on with `clone-agent tune --resume`: what was saved last is whole."
        ) from cause


def sync(path: Path) -> None:
    """Force a file or a folder's entries to the disk, where the system can."""
    if path.is_dir() and os.name == "nt":  # Windows cannot open a folder
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)  # Windows syncs only what may be written
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
