"""Logs of the data home that grow by a line: written by several processes at once, read by their own modules."""

import os
from pathlib import Path


def append_line(path: Path, line: str) -> None:
    """Add a line, in one write, so that the running page and another command may both do it; a new file is the owner's alone."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)
