"""`import`: chats in."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clone_agent.errors import CloneError, ExportError, UsageError
from clone_agent.records import Skipped
from clone_agent.storage import require_space
from ui.commands.reading import PATH, columns_option, format_option, order_option, told_columns, zone_of, zone_option
from ui.options import PARTIAL, Call, common
from ui.show import count, day, show_error

if TYPE_CHECKING:
    from clone_agent.archive import Archive
    from clone_agent.archive_people import Person
    from clone_agent.archive_writer import ImportReport
    from ui.doubts import Doubts

OWNER_NAME = "owner_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Brought:
    """One export that was read, or why it could not be."""

    path: Path
    report: "ImportReport | None" = None
    error: CloneError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the user said about all exports of an import."""

    columns: Mapping[str, str]
    are_times_right: bool


@click.command("import", epilog="Example: clone-agent import ~/exports --me 123456789")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@click.option(
    "--me",
    "named",
    multiple=True,
    metavar="WHO",
    help="Who you are: number, id or name; once for each account.  [default: asked when unsure]",
)
@click.option("--name", help="What your clone goes by.  [default: your latest name in the chats]")
@format_option
@zone_option
@order_option
@columns_option
@click.option("--move-times", is_flag=True, help="The times are right: where the same chat is stored hours away, correct what is stored.")
@common
def import_(
    call: Call,
    paths: tuple[Path, ...],
    named: tuple[str, ...],
    name: str | None,
    format_name: str | None,
    timezone: str | None,
    order_name: str | None,
    columns: str | None,
    move_times: bool,
) -> None:
    """Import chat exports: files, folders or zips.

    What is stored already is not stored again, so the same export may come twice, and an interrupted import goes on where it stopped.
    """
    from clone_agent.archive import Archive
    from clone_agent.importers.dates import Order
    from ui.doubts import Doubts
    from ui.owner import settle_owner

    zone, named_columns = zone_of(call, timezone), told_columns(columns)
    with call.home.create().lock(), Archive.open(call.home.root, create=True) as archive:
        doubts = Doubts(
            archive,
            call.screen,
            zone=zone,
            format_name=format_name,
            date_order=Order(order_name) if order_name else None,
            is_table=bool(named_columns),
        )
        brought, strangers = _bring_all(call, archive, paths, doubts, _Told(columns=named_columns, are_times_right=move_times))
        told = frozenset(owner for one in brought if one.report for owner in one.report.owners)
        if name is not None:
            archive.keep_fact(OWNER_NAME, name.strip())
        try:
            owner = settle_owner(archive, named=named, told=told, screen=call.screen)
        except UsageError:
            stored = sum(one.report.added for one in brought if one.report)
            call.screen.note(f"{count(stored, 'new message')} stored; the same command with --me goes on from here.")
            raise
        index_words(call, archive)
        _print_import(call, archive, brought, strangers, owner)
    if any(one.error for one in brought):
        raise click.exceptions.Exit(PARTIAL)


def index_words(call: Call, archive: "Archive") -> None:
    """Make what was imported recallable by its words; the vectors follow with `index`."""
    from memory.indexing import Progress, update_words
    from memory.table import PassageTable

    with call.screen.progress("Indexing words", unit="messages") as advance:
        total = sum(info.messages for info in archive.conversations())
        update_words(archive, PassageTable(archive.connection), progress=Progress(lambda done, of: advance(done, of), total=total))


def _bring_all(
    call: Call, archive: "Archive", paths: Sequence[Path], doubts: "Doubts", told: "_Told"
) -> tuple[list[_Brought], Counter[str]]:
    """Import every export below the paths. The second value counts files that are no export, by reason."""
    brought: list[_Brought] = []
    strangers: Counter[str] = Counter()
    for found in _exports(paths):
        if isinstance(found, Skipped):
            strangers[found.reason] += 1
        else:
            brought.append(_bring(call, archive, found, doubts, told))
    if not any(one.report for one in brought):
        for one in brought[:-1]:
            assert one.error is not None
            show_error(one.error)
        raise (brought[-1].error if brought else None) or ExportError(
            "No chat export was found there.", remedy="See `clone-agent formats` for what is read and how to export it."
        )
    return brought, strangers


def _exports(paths: Sequence[Path]) -> Iterator[Path | Skipped]:
    from clone_agent.importers import find_exports

    for path in paths:
        if path.is_dir():
            yield from find_exports(path)
        else:
            yield path


def _bring(call: Call, archive: "Archive", path: Path, doubts: "Doubts", told: "_Told") -> _Brought:
    from clone_agent.importers import read_export

    try:
        if path.is_file() and path.suffix.lower() != ".zip":  # a zip or folder is mostly pictures, which are not stored
            require_space(call.home.root, path.stat().st_size, what=f"Storing {path.name}")
        how = doubts.settle(path)
        with call.screen.progress(f"Reading {path.name}", unit="records") as advance:
            records = read_export(path, timezone=how.zone, format_name=how.format_name, columns=told.columns, date_order=how.date_order)
            report = archive.add(
                records, source=path.name, on_record=lambda seen: advance(seen, None), are_times_right=told.are_times_right
            )
        return _Brought(path=path, report=report)
    except (ExportError, UsageError) as error:
        return _Brought(path=path, error=error)


def _print_import(call: Call, archive: "Archive", brought: Sequence[_Brought], strangers: Counter[str], owner: Sequence["Person"]) -> None:
    done = [(one.path, one.report) for one in brought if one.report]
    failed = [(one.path, one.error) for one in brought if one.error]
    chats = [info for info in archive.conversations() if any(info.conversation.id in report.conversations for _, report in done)]
    firsts = [report.first for _, report in done if report.first]
    lasts = [report.last for _, report in done if report.last]
    added = sum(report.added for _, report in done)
    messages = sum(report.messages for _, report in done)
    matched = sum(report.matched for _, report in done)
    forgotten = sum(report.forgotten for _, report in done)
    skipped = sum((Counter(report.skipped) for _, report in done), Counter[str]()) + strangers
    first, last = min(firsts, default=None), max(lasts, default=None)
    for path, error in failed:
        call.screen.warn(f"{path}: not imported.")
        show_error(error)
    call.screen.result(
        {
            "exports": [
                {"path": str(path), "messages": report.messages, "added": report.added, "skipped": report.skipped} for path, report in done
            ],
            "failed": [{"path": str(path), "problem": error.problem, "remedy": error.remedy} for path, error in failed],
            "chats": len(chats),
            "messages": messages,
            "added": added,
            "matched": matched,
            "forgotten": forgotten,
            "skipped": dict(skipped),
            "owner": [person.id for person in owner],
            "first": first,
            "last": last,
        }
    )
    if call.screen.as_json:
        return
    call.screen.say(f"{count(messages, 'message')} in {count(len(chats), 'chat')}, {day(first)} to {day(last)}; {added:,} new")
    if matched:
        call.screen.say(f"{matched:,} were known from another program's export of the same chat")
    if forgotten:
        call.screen.say(f"{forgotten:,} left out: you have had them forgotten")
    for reason, number in skipped.most_common():
        call.screen.say(f"{number:,} skipped: {reason}")
    call.screen.say(f"You are {', '.join(dict.fromkeys(person.name or person.id for person in owner))}.")
    call.screen.next("clone-agent dataset")
