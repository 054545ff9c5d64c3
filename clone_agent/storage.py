"""Failures of the disk as errors with a remedy: full, read-only, gone.

SQLite and the system report them at any write; what was committed before stays, so the same command goes on once there is space.
"""

import errno
import sqlite3

from clone_agent.errors import CloneError, StoreError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CODES = {
    sqlite3.SQLITE_FULL: "The disk is full",
    sqlite3.SQLITE_IOERR: "The disk cannot be written or read",
    sqlite3.SQLITE_READONLY: "The data home is read-only",
    sqlite3.SQLITE_CANTOPEN: "A file of the data home cannot be opened",
}


def storage_error(cause: BaseException) -> CloneError | None:
    """The error to show for a failure of the disk; None where the cause is something else."""
    if isinstance(cause, OSError) and cause.errno in _FULL:
        return _full("The disk is full")
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the rest tells which operation failed
        if code in _CODES:
            return _full(_CODES[code])
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return StoreError("The archive is damaged.", remedy="Restore it from a copy, or move it away and import the exports again.")
    return None


def _full(problem: str) -> CloneError:
    return CloneError(
        f"{problem}; what was finished before is kept.", remedy="Free some space or check the disk, then run the same command again."
    )
