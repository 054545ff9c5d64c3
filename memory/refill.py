"""Indexing in a process of its own: `python -m memory.refill HOME EMBEDDING SERVER`, which prints "done total" lines.

Chroma writes its index files at the size of their capacity, and fills the unused part with whatever its process had in memory before. After
a forgetting that would be the forgotten vectors and words, so the new index is made by a process that has never seen them.
"""

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from clone_agent.archive import Archive
from clone_agent.errors import StoreError
from memory.recall import MemoryIndex


def _ignore(done: int, total: int) -> None:
    pass


def refill(home: Path, *, embedding: str | None, server: str | None = None, on_progress: Callable[[int, int], None] = _ignore) -> None:
    """Bring a data home's index up to date in a new process; the caller owns the home and has no vector store open.

    Args:
        home: the data home.
        embedding: as in `MemoryIndex.open`.
        server: likewise.
        on_progress: called with units done and in all.

    Raises:
        StoreError: it failed; `clone-agent index` takes it up again.
    """
    command = [sys.executable, "-m", "memory.refill", str(home), embedding or "", server or ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:  # noqa: S603 - our own module
        assert child.stdout is not None
        for line in child.stdout:
            done, _, total = line.partition(" ")
            if done.isdigit() and total.strip().isdigit():
                on_progress(int(done), int(total))
    if child.returncode:
        raise StoreError("The memory was not indexed again.", remedy="Run `clone-agent index`.")


def main() -> None:
    """Index; the command line names the home and the embedding model."""
    home, embedding, server = Path(sys.argv[1]), sys.argv[2] or None, sys.argv[3] or None
    with Archive.open(home) as archive, closing(MemoryIndex(home, archive, embedding=embedding, server=server)) as memory:
        memory.index(on_progress=_report)


def _report(done: int, total: int) -> None:
    sys.stdout.write(f"{done} {total}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
