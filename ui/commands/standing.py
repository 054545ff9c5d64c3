"""`status`, `verify` and `rebuild`: what is stored where, whether it agrees, and how to make it agree."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clone_agent.archive import Archive
from clone_agent.errors import StoreError
from clone_agent.forgetting import is_unfinished
from clone_agent.home import DataHome
from ui.commands.teaching import DATASET_FACT, archive_revision
from ui.erasing import finish
from ui.options import Call, chroma_option, common, with_chroma
from ui.show import count, day, size

if TYPE_CHECKING:
    from ui.config import Settings


@click.command(epilog="Example: clone-agent status")
@common
def status(call: Call) -> None:
    """Show what is stored where, how big it is and what is stale."""
    home = call.home.require()
    with Archive.open(home.root) as archive:
        fields = {"home": str(home.root), **_archive_fields(archive), "sizes": _sizes(home)}
        dataset = _dataset(home, archive)
        fields |= {"dataset": dataset, "adapters": _adapters(home, dataset), "unusable": _unusable(home), "memory": _memory(archive)}
    fields["next"] = _next(fields)
    call.screen.result(fields)
    if not call.screen.as_json:
        _print_status(call, fields)


@click.command(epilog="Example: clone-agent verify --fix")
@click.option("--fix", is_flag=True, help="Make the indexes again where they do not agree, and finish a forgetting that was cut short.")
@chroma_option
@common
def verify(call: Call, fix: bool, chroma: str | None) -> None:
    """Check the archive, and that the indexes agree with it."""
    home, settings = call.home.require(), with_chroma(call, chroma)
    with home.lock(), Archive.open(home.root) as archive:
        _check_archive(archive)
        problems, pending = _problems(home, archive, settings)
        if problems and not fix:
            raise StoreError(problems[0], remedy="Run `clone-agent verify --fix`, or `clone-agent rebuild`.")
        if problems:
            if is_unfinished(archive.connection):
                finish(home, archive)
            _make_again(call, archive, settings)
            pending = _memory(archive)["pending"]
    state = "rebuilt" if problems else "ok"
    call.screen.result({"archive": "ok", "vectors": state, "problem": problems[0] if problems else None, "pending": pending})
    if not call.screen.as_json:
        call.screen.say("The archive is whole; " + ("the indexes were rebuilt." if problems else "the indexes agree with it."))
        if pending:
            call.screen.say(f"{count(pending, 'chat')} not in the memory yet.")
            call.screen.next("clone-agent index")


@click.command(epilog="Example: clone-agent rebuild")
@chroma_option
@common
def rebuild(call: Call, chroma: str | None) -> None:
    """Make the vector index again from the archive, in a new directory."""
    home, settings = call.home.require(), with_chroma(call, chroma)
    with home.lock(), Archive.open(home.root) as archive:
        passages, seconds = _make_again(call, archive, settings)
    call.screen.result({"passages": passages, "seconds": seconds})
    if not call.screen.as_json:
        call.screen.say(f"{count(passages, 'passage')} in the memory, made again in {seconds:,.1f} s")
        call.screen.next("clone-agent chat")


def _problems(home: DataHome, archive: Archive, settings: "Settings") -> tuple[list[str], int]:
    """What does not agree, and how many chats wait for the next `index`."""
    from ui.wiring import open_memory

    problems = ["A forgetting was cut short."] if is_unfinished(archive.connection) else []
    try:
        with open_memory(home, archive, settings) as memory:
            return [*problems, *memory.verify()], memory.pending()
    except StoreError as error:
        return [*problems, error.problem], 0


def _make_again(call: Call, archive: Archive, settings: "Settings") -> tuple[int, float]:
    """Make words and passages agree and fill a new generation of vectors; how many passages, and how long it took."""
    from ui.wiring import new_memory

    with new_memory(call.home, archive, settings) as memory, call.screen.progress("Rebuilding", unit="passages") as advance:
        rebuilt = memory.mend(on_progress=lambda done, total: advance(done, total))
    return rebuilt.passages, round(rebuilt.seconds, 2)


def _check_archive(archive: Archive) -> None:
    """Let SQLite look over the file.

    Raises:
        StoreError: it is damaged.
    """
    if archive.connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise StoreError("The archive is damaged.", remedy="Restore it from a copy, or move it away and import the exports again.")


def _memory(archive: Archive) -> dict[str, Any]:
    from memory.indexing import pending
    from memory.table import PassageTable

    table = PassageTable(archive.connection)
    return {
        "passages": table.count("turn"),
        "pending": pending(archive, table),
        "is_forgetting": is_unfinished(archive.connection),
    }


def _archive_fields(archive: Archive) -> dict[str, Any]:
    infos, people = archive.conversations(), archive.people()
    return {
        "chats": len(infos),
        "messages": sum(info.messages for info in infos),
        "people": len(people),
        "owner": [{"id": person.id, "name": person.name, "messages": person.messages} for person in people if person.is_owner],
        "first": min((info.first for info in infos if info.first), default=None),
        "last": max((info.last for info in infos if info.last), default=None),
    }


def _sizes(home: DataHome) -> dict[str, int]:
    sizes = {
        "archive": sum(map(_bytes, home.root.glob("archive.sqlite3*"))),
        "vectors": _below(home.vectors),
        "dataset": _below(home.dataset),
        "adapters": _below(home.adapters),
    }
    return {**sizes, "other": _below(home.root) - sum(sizes.values())}


def _below(folder: Path) -> int:
    return sum(_bytes(Path(place, name)) for place, _, names in os.walk(folder) for name in names)


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a command that works on the home beside this one has removed it
        return 0


def _dataset(home: DataHome, archive: Archive) -> dict[str, Any] | None:
    try:
        manifest = json.loads((home.dataset / "manifest.json").read_text(encoding="utf-8"))
        return {
            "train": manifest["examples"]["train"],
            "eval": manifest["examples"]["eval"],
            "created": manifest["created"],
            "hash": manifest["hash"],
            "is_stale": archive.fact(DATASET_FACT) != archive_revision(archive),
        }
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise StoreError("The dataset's manifest is damaged.", remedy="Run `clone-agent dataset` again.") from cause


def _adapters(home: DataHome, dataset: dict[str, Any] | None) -> list[dict[str, Any]]:
    from finetune.checkpoint import list_adapters, outdated_base

    return [
        {
            "name": info.name,
            "method": info.method,
            "base": info.base,
            "loss_before": info.loss_before,
            "loss_after": info.loss_after,
            "bytes": info.bytes,
            "created": info.created,
            "is_stale": dataset is None or info.dataset != dataset["hash"],
            "forgotten": info.forgotten,
            "problem": None if (error := outdated_base(info)) is None else str(error),
        }
        for info in list_adapters(home.root)
    ]


def _unusable(home: DataHome) -> list[dict[str, str]]:
    from finetune.checkpoint import unusable_adapters

    return [{"problem": error.problem, "remedy": error.remedy} for error in unusable_adapters(home.root)]


def _next(fields: dict[str, Any]) -> str:
    """The command that comes next."""
    if fields["memory"]["is_forgetting"]:
        return "clone-agent verify --fix"
    if not fields["owner"]:
        return "clone-agent import PATH --me WHO"
    if fields["dataset"] is None or fields["dataset"]["is_stale"]:
        return "clone-agent dataset"
    if all(adapter["is_stale"] or adapter["problem"] for adapter in fields["adapters"]):
        return "clone-agent tune"
    return "clone-agent index" if fields["memory"]["pending"] else "clone-agent chat"


def _print_status(call: Call, fields: dict[str, Any]) -> None:
    screen, sizes, dataset, memory = call.screen, fields["sizes"], fields["dataset"], fields["memory"]
    owner = ", ".join(dict.fromkeys(person["name"] or person["id"] for person in fields["owner"])) or "not known"
    screen.say(f"{fields['home']}")
    rows = [
        (
            "chats",
            f"{count(fields['messages'], 'message')} in {count(fields['chats'], 'chat')}, {day(fields['first'])} to {day(fields['last'])}",
            sizes["archive"],
        ),
        ("you", owner, 0),
        ("dataset", f"{dataset['train']:,} + {dataset['eval']:,} examples{_stale(dataset)}" if dataset else "none", sizes["dataset"]),
        *(
            ("adapter", f"{one['name']} on {one['base']}{_losses(one)}{_outdated(one)}{_forgotten(one)}{_problem(one)}", one["bytes"])
            for one in fields["adapters"]
        ),
        *(("adapter", f"{one['problem']} {one['remedy']}", 0) for one in fields["unusable"]),
        (
            "memory",
            f"{count(memory['passages'], 'passage')}" + (f", {count(memory['pending'], 'chat')} to index" if memory["pending"] else ""),
            sizes["vectors"],
        ),
        ("other", "", sizes["other"]),
    ]
    screen.table(("", "", "size"), [(name, what, size(number) if number else "") for name, what, number in rows], numbers=(2,))
    screen.next(fields["next"])


def _stale(part: dict[str, Any]) -> str:
    return ", stale: the chats have changed since" if part["is_stale"] else ""


def _outdated(adapter: dict[str, Any]) -> str:
    return ", tuned on another dataset than this one" if adapter["is_stale"] else ""


def _forgotten(adapter: dict[str, Any]) -> str:
    return f", learned from {count(adapter['forgotten'], 'message')} forgotten since: tune again" if adapter["forgotten"] else ""


def _problem(adapter: dict[str, Any]) -> str:
    return f". {adapter['problem']}" if adapter["problem"] else ""


def _losses(adapter: dict[str, Any]) -> str:
    before, after = adapter["loss_before"], adapter["loss_after"]
    return "" if before is None or after is None else f", held-out loss {before:.3f} → {after:.3f}"
