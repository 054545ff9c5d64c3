"""`people` and `export`: who speaks in the archive, and the archive back out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clone_agent.errors import NoHomeError, UsageError
from ui.options import Call, agree, common
from ui.show import count, typed

if TYPE_CHECKING:
    from clone_agent.archive import Archive, ConversationInfo
    from clone_agent.archive_people import Person


@click.command(epilog="Example: clone-agent people 小明 71200350 --join")
@click.argument("who", nargs=-1, metavar="[WHO]...")
@click.option("--join", "is_join", is_flag=True, help="Make one person of those named; shows what that means and asks first.")
@click.option("--undo", "is_undo", is_flag=True, help="Take the latest join back.")
@click.option("--yes", is_flag=True, help="Join without a question.")
@common
def people(call: Call, who: tuple[str, ...], is_join: bool, is_undo: bool, yes: bool) -> None:
    """List the people in the stored chats with their accounts, and join accounts of one person.

    WHO is a name, a number or an id, as listed. A joined person has one name everywhere: in examples, in the memory, in answers.
    """
    from clone_agent.archive import Archive

    if is_undo and (is_join or who):
        raise UsageError("--undo takes nothing beside it.", remedy="It takes the latest join back, whoever was joined.")
    home = call.home.require()
    if is_join or is_undo:
        with home.lock(), Archive.open(home.root) as archive:
            changed = archive.undo_join() if is_undo else (_join(call, archive, who, yes=yes),)
            _print_change(call, archive, changed, is_undo=is_undo)
    else:
        with Archive.open(home.root) as archive:
            found = _named(call, archive.people(), who)
        call.screen.result({"people": [person_fields(person) for person in found]})
        if not call.screen.as_json:
            _print_people(call, found)


@click.command(epilog="Example: clone-agent export chats --format jsonl")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--format", "shape", type=click.Choice(["chatlab", "jsonl"]), default="chatlab", help="ChatLab's format as JSON, or as JSONL."
)
@click.option("--chat", "chats", multiple=True, metavar="NAME", help="Only the chats with this name or id.  [default: all]")
@common
def export(call: Call, folder: Path, shape: str, chats: tuple[str, ...]) -> None:
    """Write the stored chats out again, one file a chat, in a format that other programs read.

    Importing the files again gives the same messages.
    """
    from clone_agent.archive import Archive
    from clone_agent.exporting import export_chat, file_name

    home = call.home.require()
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty.", remedy="Name a new folder, so that nothing is overwritten.")
    with Archive.open(home.root) as archive:
        infos = _chosen(archive, chats)
        if not infos:
            raise NoHomeError("There is no message to write.", remedy="Import chats first: clone-agent import PATH.")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = []
        with call.screen.progress("Writing", unit="chats") as advance:
            for number, info in enumerate(infos, start=1):
                path = folder / file_name(info.conversation, shape)  # type: ignore[arg-type]  # one of the choices
                written = export_chat(archive, info.conversation.id, path, shape=shape)  # type: ignore[arg-type]
                files.append({"path": str(path), "chat": info.conversation.name, "messages": written})
                advance(number, len(infos))
    call.screen.result({"folder": str(folder), "format": shape, "files": files})
    if not call.screen.as_json:
        messages = sum(info.messages for info in infos)
        call.screen.say(f"{count(messages, 'message')} in {count(len(files), 'file')} written to {folder}")
        call.screen.next(f"clone-agent inspect {typed(files[0]['path'])}")


def person_fields(person: "Person") -> dict[str, object]:
    """The `--json` fields of a person."""
    return {
        "id": person.id,
        "name": person.name,
        "names": list(person.names),
        "messages": person.messages,
        "is_owner": person.is_owner,
        "accounts": [{"id": account.id, "name": account.name, "messages": account.messages} for account in person.accounts],
    }


def _chosen(archive: "Archive", names: Sequence[str]) -> "list[ConversationInfo]":
    """The chats to write: those with messages, and of these the named ones."""
    from ui.naming import named_chats

    wanted = {chat for name in names for chat in named_chats(archive, name, option="--chat")}
    return [info for info in archive.conversations() if info.messages and (not names or info.conversation.id in wanted)]


def _named(call: Call, everybody: "Sequence[Person]", who: Sequence[str]) -> "list[Person]":
    from ui.naming import matching

    if not who:
        return list(everybody)
    found = [person for one in who for person in matching(everybody, one, call.screen, option="WHO")]
    return list({person.id: person for person in found}.values())


def _join(call: Call, archive: "Archive", who: Sequence[str], *, yes: bool) -> "Person":
    """Show what a join would mean, ask, and do it."""
    from clone_agent.archive_people import joined

    found = _named(call, archive.people(), who) if who else []
    if len(found) < 2:
        raise UsageError(
            "Only one person was named." if found else "Nobody was named.", remedy="Name two or more: clone-agent people WHO WHO --join."
        )
    one = joined(found)
    _show_accounts(call, found)
    call.screen.note(f"They become one person: {one.name or one.id}, {count(one.messages, 'message')}{', you' if one.is_owner else ''}.")
    agree("Join them?", yes=yes, remedy="Add --yes. It can be taken back with --undo.")
    return archive.join_people([person.id for person in found])


def _print_change(call: Call, archive: "Archive", changed: "Sequence[Person]", *, is_undo: bool) -> None:
    call.screen.result({"undone" if is_undo else "joined": [person_fields(person) for person in changed]})
    if call.screen.as_json:
        return
    names = ", ".join(person.name or person.id for person in changed)
    if is_undo:
        call.screen.say(f"Taken back: these are {count(len(changed), 'person', 'people')} again: {names}")
    else:
        call.screen.say(f"{names} now has {count(len(changed[0].accounts), 'account')}. Take it back with: clone-agent people --undo")
    call.screen.next("clone-agent dataset", "clone-agent index")


def _print_people(call: Call, found: "Sequence[Person]") -> None:
    rows = []
    for person in found:
        others = [name for name in person.names if name and name != person.name]
        rows.append((person.name, "you" if person.is_owner else "", f"{person.messages:,}", person.id, ", ".join(others)))
        rows += [("", "", f"{account.messages:,}", f"+ {account.id}", "") for account in person.accounts[1:]]
    call.screen.table(("name", "", "messages", "id", "also called"), rows, numbers=(2,))
    call.screen.say(f"{count(len(found), 'person', 'people')}")


def _show_accounts(call: Call, found: "Sequence[Person]") -> None:
    rows = [
        (account.name, account.id, f"{account.messages:,}", "you" if account.is_owner else "") for one in found for account in one.accounts
    ]
    call.screen.table(("name", "id", "messages", ""), rows, numbers=(2,), to_stderr=True)
