"""The data home: where everything about one owner lies, and who may write it.

One process owns the writing of a data home. The lock is the operating system's, so it dies with its process; the file beside it names the
process for whoever comes second.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from clone_agent.errors import LockedError, NoHomeError


@dataclass(frozen=True, slots=True)
class DataHome:
    """The folders and files of one owner. Folders are 0700, files 0600."""

    root: Path

    @property
    def archive(self) -> Path:
        """The SQLite file that is the source of truth."""
        return self.root / "archive.sqlite3"

    @property
    def vectors(self) -> Path:
        """Chroma's directory, which can be rebuilt from the archive."""
        return self.root / "vectors"

    @property
    def dataset(self) -> Path:
        """Training and evaluation examples with their manifest."""
        return self.root / "dataset"

    @property
    def adapters(self) -> Path:
        """One folder a tuned adapter."""
        return self.root / "adapters"

    @property
    def temporary(self) -> Path:
        """Scratch space that stays inside the home."""
        return self.root / "tmp"

    def create(self) -> "DataHome":
        """Make the home and its folders, readable by the user alone."""
        self._keep_to_ourselves()
        for folder in (self.root, self.dataset, self.adapters):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self

    def require(self) -> "DataHome":
        """Return the home if chats were imported into it.

        Raises:
            NoHomeError: there is none yet.
        """
        if not self.archive.is_file():
            raise NoHomeError(
                f"No chats are stored in {self.root} yet.", remedy="Run `clone-agent import PATH` first, or name another --home."
            )
        self._keep_to_ourselves()
        return self

    def _keep_to_ourselves(self) -> None:
        os.umask(0o077)
        self.temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ["SQLITE_TMPDIR"] = str(self.temporary)  # where SQLite spills what it sorts or vacuums: other people's words

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Own the writing of this home.

        Raises:
            LockedError: another process owns it; the message names its PID.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        holder = self.root / "owner.pid"
        lock = FileLock(self.root / "owner.lock", mode=0o600)
        try:
            lock.acquire(timeout=0)
        except Timeout as cause:
            pid = holder.read_text().strip() if holder.is_file() else "unknown"
            raise LockedError(
                f"Process {pid} is working on {self.root}.", remedy="Wait for it, or stop it; reading commands can run beside it."
            ) from cause
        try:
            holder.write_text(str(os.getpid()))
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()
