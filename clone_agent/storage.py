"""Room on the disk, and failures of the disk as errors with a remedy: full, read-only, forbidden, in use, gone.

SQLite and the system report them at any write; what was committed before stays, so the same command goes on once there is space.
"""

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from clone_agent.errors import CloneError, LockedError, StoreError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = {
    errno.EROFS: "lies on a read-only disk",
    errno.EACCES: "may not be used by you",
    errno.EPERM: "may not be used by you",
    errno.ENOTDIR: "lies below a file, not a folder",
    errno.EISDIR: "is a folder, not a file",
    errno.EEXIST: "is there already",
    errno.ENAMETOOLONG: "has too long a name",
    errno.ENOENT: "is not there, or cannot be made there",
    errno.ELOOP: "is a link that leads nowhere",
    errno.EIO: "lies on a disk that cannot be read or written",
}
_CODES = {
    sqlite3.SQLITE_FULL: "The disk is full",
    sqlite3.SQLITE_IOERR: "The disk cannot be written or read",
}
_CLOSED = {
    sqlite3.SQLITE_READONLY: "The data home is read-only.",
    sqlite3.SQLITE_PERM: "The data home may not be used by you.",
    sqlite3.SQLITE_CANTOPEN: "A file of the data home cannot be opened.",
}
_IN_USE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def storage_error(cause: BaseException) -> CloneError | None:
    """The error to show for a failure of the disk; None where the cause is something else."""
    if isinstance(cause, OSError) and cause.errno in FULL:
        return _full("The disk is full")
    if isinstance(cause, OSError) and cause.errno in _REFUSED and cause.filename is not None:
        return CloneError(
            f"{cause.filename} {_REFUSED[cause.errno]}.", remedy="Name another place, or change what the system allows you to do there."
        )
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the rest tells which operation failed
        if code in _CODES:
            return _full(_CODES[code])
        if code in _CLOSED:
            return CloneError(_CLOSED[code], remedy="Make its folder yours to write, or name another one with --home.")
        if code in _IN_USE:
            return LockedError("Another program is using the archive.", remedy="Wait for it, or close it, and try again.")
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return StoreError("The archive is damaged.", remedy="Restore it from a copy, or move it away and import the exports again.")
    return None


@contextmanager
def storage_errors() -> Iterator[None]:
    """Raise a failure of the disk inside the block as the error to show for it.

    Raises:
        CloneError: the disk failed.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as cause:
        expected = storage_error(cause)
        if expected is None:
            raise
        raise expected from cause


def require_space(path: Path, needed: int, *, what: str) -> None:
    """Check that the disk of `path`, which need not exist yet, has room for `needed` bytes.

    Raises:
        CloneError: it has not.
    """
    place = next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise CloneError(
            f"{what} needs {gibibytes(needed)}, and the disk has {gibibytes(free)} left.", remedy="Make room, or use another disk."
        )


def require_writable(folder: Path, *, size: int = 0) -> None:
    """Check that a file of `size` bytes can be written in a folder, which is made where it is not there: before hours of work, not after.

    Raises:
        CloneError: it cannot.
    """
    with storage_errors():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as file:
            file.write(bytes(size))


def gibibytes(count: int) -> str:
    """A number of bytes for people: `3.4 GiB`, or MiB below one of those."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def _full(problem: str) -> CloneError:
    return CloneError(
        f"{problem}; what was finished before is kept.", remedy="Free some space or check the disk, then run the same command again."
    )
