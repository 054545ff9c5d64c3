"""SQLite files of other programs, opened for reading only and without trust in what they say of themselves."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from clone_agent.errors import ExportError
from clone_agent.importers.source import FolderTree, Source

SQLITE = b"SQLite format 3\x00"
_CHUNK = 1 << 20
_LONGEST_VALUE = 1 << 26
_SAFETY = ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "mmap_size=0", "cache_size=-16384")


def open_database(source: Source, *, skip: int = 0) -> sqlite3.Connection:
    """Open the database that a file holds behind its first `skip` bytes.

    SQLite needs a file of its own: what lies in a zip, behind other bytes or beside a journal of late writes (`-wal`) is copied to a
    temporary one, gone when it is closed.

    Raises:
        ExportError: it is no database.
    """
    is_plain = isinstance(source.tree, FolderTree) and skip == 0 and not _journal_size(source)
    path = source.tree.root / source.path if isinstance(source.tree, FolderTree) and is_plain else _copy(source, skip)
    try:
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        for pragma in _SAFETY:
            database.execute(f"PRAGMA {pragma}")
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        database.text_factory = lambda data: data.decode("utf-8", "replace")
        database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error as cause:
        raise ExportError(f"{source.name} is a damaged database.", remedy="Copy or decrypt it again.") from cause
    finally:
        if not is_plain:
            with suppress(OSError):  # Windows keeps an open file; the system clears its temporary folder
                path.unlink()
    return database


def _copy(source: Source, skip: int) -> Path:
    with source.open() as stream, tempfile.NamedTemporaryFile(prefix="clone-agent-", suffix=".db", delete=False) as target:
        stream.read(skip)
        shutil.copyfileobj(stream, target, _CHUNK)
    path = Path(target.name)
    if _journal_size(source):
        _write_in(_journal(source), path)
    return path


def _journal(source: Source) -> Source:
    return source.parent().inside(f"{source.name}-wal")


def _journal_size(source: Source) -> int:
    """The bytes of the journal of late writes beside a database, which a program that is still open leaves there."""
    journal = _journal(source)
    return journal.size() if journal.path in journal.tree.names else 0


def _write_in(journal: Source, path: Path) -> None:
    """Take the late writes into the copy of the database. SQLite checks each of them and leaves out what does not belong."""
    beside = path.with_name(f"{path.name}-wal")
    try:
        with journal.open() as stream, beside.open("wb") as target:
            shutil.copyfileobj(stream, target, _CHUNK)
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error:
        pass  # the database itself is opened below, and says so if it is damaged
    finally:
        for name in (beside, path.with_name(f"{path.name}-shm")):
            name.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Table:
    """A real table of a database: no view, nothing virtual."""

    database: sqlite3.Connection
    name: str
    columns: frozenset[str]

    @classmethod
    def of(cls, database: sqlite3.Connection, name: str) -> "Table | None":
        """The table with this name; None where there is none."""
        found = database.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name = ?", (name,)).fetchone()
        if found is None:
            return None
        return cls(database, name, frozenset(row[1] for row in database.execute(f'PRAGMA table_info("{name}")')))

    def rows(self, columns: Sequence[str], *, order: Sequence[str] = ()) -> Iterator[Sequence[int | float | str | bytes | None]]:
        """The rows, NULL for columns that the table lacks.

        Raises:
            sqlite3.Error: the file is damaged where it is read.
        """
        wanted = ", ".join(f'"{column}"' if column in self.columns else "NULL" for column in columns)
        sorted_by = ", ".join(f'"{column}"' for column in order if column in self.columns)
        query = f'SELECT {wanted} FROM "{self.name}"' + (f" ORDER BY {sorted_by}" if sorted_by else "")  # noqa: S608  names are our own
        yield from self.database.execute(query)
