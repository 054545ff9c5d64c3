"""The chat exports that can be read, one file a format, and the table of them."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

from clone_agent.errors import AmbiguousError, ExportError, UsageError
from clone_agent.importers.dates import Order
from clone_agent.importers.finding import NESTED, candidates, exports_in
from clone_agent.importers.format import Format, ReadOptions, Record, head_of, system_zone
from clone_agent.importers.other_files import OFFICE, is_office, refusal
from clone_agent.importers.source import FolderTree, Source
from clone_agent.importers.summer_time import told_apart
from clone_agent.importers.table import FORMATS
from clone_agent.importers.zips import ZipTree, is_zip
from clone_agent.records import Message, Skipped

_TABLES = {".csv": "generic_csv", ".tsv": "generic_csv", ".jsonl": "generic_jsonl", ".ndjson": "generic_jsonl"}


def detect(path: Path, *, format_name: str | None = None) -> Format:
    """The format of an export: the one that recognises it.

    Args:
        path: a file, a folder-shaped export, or a zip with exports of one format.
        format_name: take this format without a test.

    Raises:
        ExportError: none recognises it, or more than one.
    """
    found = formats_of(path, format_name=format_name)
    if len(found) != 1:
        raise ExportError(f"{path.name} holds {_names(found, ' and ') or 'no chat export'}.", remedy="Name one of the exports in it.")
    return found[0]


def formats_of(path: Path, *, format_name: str | None = None, is_table: bool = False) -> tuple[Format, ...]:
    """The formats of everything in an export: one, or more where it is a zip.

    Args and errors as those of `detect`, and:
        is_table: what no format recognises is a table whose columns the user named.
    """
    sources = (source for source in _sources(path, format_name) if isinstance(source, Source))
    return tuple({one.name: one for one in (_format_of(source, format_name, is_table=is_table) for source in sources)}.values())


def order_doubt(path: Path, *, format_name: str | None = None, is_table: bool = False) -> str | None:
    """A date of an export as it is written there, where its dates do not tell whether the day or the month comes first; else None.

    Args and errors as those of `formats_of`.
    """
    for source in _sources(path, format_name):
        if isinstance(source, Source) and (doubt := _format_of(source, format_name, is_table=is_table).order_doubt) is not None:
            written = doubt(source)
            if written is not None:
                return written
    return None


def read_export(
    path: Path,
    *,
    timezone: ZoneInfo | None = None,
    format_name: str | None = None,
    columns: Mapping[str, str] | None = None,
    date_order: Order | None = None,
) -> Iterator[Record]:
    """Read one export: a file, a folder-shaped export, or a zip with any number of exports.

    Args:
        path: where it lies.
        timezone: of times that name none; the system's by default.
        format_name: take this format without a test.
        columns: of a table that no known program wrote, field to column (`columns.FIELDS`), where the names do not tell.
        date_order: of dates that do not tell it by themselves; without it the usual one is taken, and that is said.

    Raises:
        ExportError: not recognised, unreadable, or without a single message.
    """
    options = ReadOptions(timezone=timezone or system_zone(), columns=columns or {}, date_order=date_order)
    has_messages = has_zips = False
    for source in _sources(path, format_name):
        if isinstance(source, Skipped):
            has_zips = has_zips or source.reason == NESTED
            yield source
            continue
        one = _format_of(source, format_name, is_table=bool(columns))
        records = one.read(source, options) if one.names_zone else told_apart(one.read(source, options))
        for record in records:
            yield record
            if isinstance(record, Message):
                has_messages = True
                break
        yield from records  # what follows needs no look
    if not has_messages:
        usual = "Export the chat again, or name its format with --format."
        remedy = "Unpack it and import the folder: zips inside a zip are not opened." if has_zips else usual
        raise ExportError(f"{path.name} holds no message that can be read.", remedy=remedy)


def find_exports(path: Path) -> Iterator[Path | Skipped]:
    """Every export below a folder, and a `Skipped` for every file that is none. Links are not followed."""
    if not path.is_dir():
        yield path
        return
    for source in exports_in(FolderTree(path), formats=FORMATS, are_zips_opened=True):
        yield source if isinstance(source, Skipped) else path / source.path


def _sources(path: Path, format_name: str | None) -> Iterator[Source | Skipped]:
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ExportError(f"{path.name} is no file.", remedy="Name the file or folder of an export.")
    if is_zip(path) and is_office(path.name):
        raise ExportError(f"{path.name} {OFFICE.problem}.", remedy=OFFICE.remedy)
    if is_zip(path):
        return exports_in(ZipTree(path), formats=FORMATS, are_zips_opened=False)
    if not path.exists():
        raise ExportError(f"{path} does not exist.", remedy="Check the path.")
    return iter((Source(tree=FolderTree(path), path="") if path.is_dir() else Source.of_file(path),))


def _format_of(source: Source, format_name: str | None, *, is_table: bool = False) -> Format:
    if format_name is not None:
        named = next((one for one in FORMATS if one.name == format_name), None)
        if named is None:
            raise UsageError(f"There is no format {format_name}.", remedy=f"Formats are: {_names(FORMATS)}.")
        return named
    found = candidates(source, FORMATS)
    if len(found) == 1:
        return found[0]
    if found:
        choices = tuple(one.name for one in found)
        raise AmbiguousError(f"{source.name} may be {' or '.join(choices)}.", remedy="Say which with --format.", choices=choices)
    if (known := refusal(head_of(source))) is not None:
        raise ExportError(f"{source.name} {known.problem}.", remedy=known.remedy)
    if source.is_folder:
        raise ExportError(f"{source.name} is a folder, and no export as a whole.", remedy="Name an export in it, or import the folder.")
    table = _TABLES.get(PurePosixPath(source.name).suffix.lower())
    if table is not None and is_table:
        return next(one for one in FORMATS if one.name == table)
    if table is not None:
        remedy = "If it is a table of your own, name its columns: --columns time=…,sender=…,text=…"
    else:
        remedy = f"`clone-agent formats` tells how to make what is read: {_names(FORMATS)}. Name one with --format if you are sure."
    raise ExportError(f"{source.name} is not recognised.", remedy=remedy)


def _names(formats: Iterable[Format], between: str = ", ") -> str:
    return between.join(one.name for one in formats)
