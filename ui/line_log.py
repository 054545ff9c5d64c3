"""Logs of the data home that grow by a line: written by several processes at once, read by their own modules."""

import os
from pathlib import Path


def append_line(path: Path, line: str) -> None:
    """Add a line, in one write, so that the running page and another command may both do it; a new file is the owner's alone.

    A line that a full disk cut short before is ended first, so that it takes no other with it.

    Raises:
        OSError: the line could not be written as a whole.
    """
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        rest = f"{line}\n".encode()
        if os.lseek(file, 0, os.SEEK_END):
            os.lseek(file, -1, os.SEEK_END)
            rest = rest if os.read(file, 1) == b"\n" else b"\n" + rest
        while rest:
            rest = rest[os.write(file, rest) :]  # a short write is a disk about to be full: the next one says so
    finally:
        os.close(file)


def read_lines(path: Path) -> list[str]:
    """The lines of such a log, none where there is no file; what was cut within a character is no reason not to read the others."""
    return path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []
