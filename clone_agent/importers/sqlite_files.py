"""SQLite files of other programs, opened for reading only and without trust in what they say of themselves."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from clone_agent.errors import ExportError
from clone_agent.importers.source import FolderTree, Source

SQLITE = b"SQLite format 3\x00"
_CHUNK = 1 << 20
_LONGEST_VALUE = 1 << 26
Value = int | float | str | bytes | None
Row = Sequence[Value]
_SAFETY = ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "mmap_size=0", "cache_size=-16384")


def open_database(source: Source, *, skip: int = 0) -> sqlite3.Connection:
    """Open the database that a file holds behind its first `skip` bytes.

    SQLite needs a file of its own: what lies in a zip, behind other bytes or beside a journal of late writes (`-wal`) is copied to a
    temporary one, gone when it is closed.

    Raises:
        ExportError: it is no database.
    """
    is_plain = isinstance(source.tree, FolderTree) and skip == 0 and not _journal_size(source)
    if isinstance(source.tree, FolderTree) and is_plain:
        return _opened(source.tree.root / source.path, source)
    path = _empty_file()
    try:
        _copy(source, skip, path)
        return _opened(path, source)
    finally:
        with suppress(OSError):  # Windows keeps an open file; the system clears its temporary folder
            path.unlink()


def _opened(path: Path, source: Source) -> sqlite3.Connection:
    database: sqlite3.Connection | None = None
    try:
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        for pragma in _SAFETY:
            database.execute(f"PRAGMA {pragma}")
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        database.text_factory = lambda data: data.decode("utf-8", "replace")
        database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error as cause:
        if database is not None:
            database.close()
        raise ExportError(f"{source.name} is a damaged database.", remedy="Copy or decrypt it again.") from cause
    return database


def _empty_file() -> Path:
    with tempfile.NamedTemporaryFile(prefix="clone-agent-", suffix=".db", delete=False) as target:
        return Path(target.name)


def _copy(source: Source, skip: int, path: Path) -> None:
    with source.open() as stream, path.open("wb") as target:
        stream.read(skip)
        shutil.copyfileobj(stream, target, _CHUNK)
    if _journal_size(source):
        _write_in(_journal(source), path)


def _journal(source: Source) -> Source:
    return source.parent().inside(f"{source.name}-wal")


def _journal_size(source: Source) -> int:
    """The bytes of the journal of late writes beside a database, which a program that is still open leaves there."""
    journal = _journal(source)
    if isinstance(journal.tree, FolderTree):  # looked at by its name: what else lies in the folder may not even be readable
        path = journal.tree.root / journal.path
        return path.stat().st_size if path.is_file() and not path.is_symlink() else 0
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

    def rows(self, columns: Sequence[str], *, order: Sequence[str] = ()) -> Iterator[Row]:
        """The rows, NULL for columns that the table lacks. Where the file is damaged, those that can be read, in no order.

        Raises:
            sqlite3.Error: rows are lost to damage. Those that can be read came before.
        """
        wanted = ", ".join(f'"{column}"' if column in self.columns else "NULL" for column in columns)
        # The plus keeps an index from being used, so that every row is read before the first one comes: an error comes before it too.
        sorted_by = ", ".join(f'+"{column}"' for column in order if column in self.columns)
        if sorted_by:
            try:
                found = self.database.execute(f'SELECT {wanted} FROM "{self.name}" ORDER BY {sorted_by}')  # noqa: S608  names are our own
                first = found.fetchone()
            except sqlite3.Error:
                pass  # damaged: the rows come as they lie
            else:
                yield from () if first is None else chain((first,), found)
                return
        yield from self._as_they_lie(wanted)

    def _as_they_lie(self, wanted: str) -> Iterator[Row]:
        """The rows before damage, and then those behind it."""
        last: Value = None
        try:
            for row in self.database.execute(f'SELECT rowid, {wanted} FROM "{self.name}"'):  # noqa: S608
                last = row[0]
                yield row[1:]
        except sqlite3.Error as cause:
            damage = cause
        else:
            return
        after: Value = None
        with suppress(sqlite3.Error):
            least = -(1 << 63) if last is None else last
            for (after,) in self.database.execute(f'SELECT rowid FROM "{self.name}" WHERE rowid > ? ORDER BY rowid DESC', (least,)):  # noqa: B007, S608
                pass
        with suppress(sqlite3.Error):
            yield from self.database.execute(f'SELECT {wanted} FROM "{self.name}" WHERE rowid >= ?', (after,))  # noqa: S608
        raise damage
