"""`profile`: standing facts about you and the people you talk with, made by the answering model and edited by you."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from clone_agent.archive import Archive
from clone_agent.errors import UsageError
from ui.commands.answering import VoiceOptions, choose_voice, voice_options
from ui.options import Call, common
from ui.show import count

if TYPE_CHECKING:
    from clone_agent.archive_people import Person
    from clone_agent.profile import ProfileLine

PEOPLE = 8  # besides the owner


@click.command(epilog="Example: clone-agent profile --person 小明")
@click.option(
    "--person", "people", multiple=True, metavar="WHO", help="Only about this person.  [default: you and the eight you talk with most]"
)
@click.option("--show", is_flag=True, help="Only show the profile there is.")
@click.option("--edit", is_flag=True, help="Open the profile in your editor.")
@voice_options
@common
def profile(call: Call, people: tuple[str, ...], show: bool, edit: bool, **voice: object) -> None:
    """Make a short profile of you and your people, each line with the messages it rests on.

    The answering model reads lines that may hold lasting facts; a larger one than the one that ships finds more. Your own lines, those
    without messages, stay when the profile is made again. The clone is told the profile with every question.
    """
    from clone_agent.profile import profile_file, read_profile

    home = call.home.require()
    with home.lock() if edit or not show else nullcontext(), Archive.open(home.root) as archive:
        asked = 0
        if edit:
            _edit(call)
        elif not show:
            asked = _make(call, archive, people, VoiceOptions(**voice))  # type: ignore[arg-type]  # click fills in exactly these
        lines = read_profile(home.root)
        known = {account.id: person.name for person in archive.people() for account in person.accounts}
    _print(call, lines, known, asked)
    if not call.screen.as_json:
        call.screen.say(f"{count(len(lines), 'line')} in {profile_file(home.root)}" if lines else "The profile is empty.")


def _make(call: Call, archive: Archive, named: Sequence[str], options: VoiceOptions) -> int:
    """Ask the model and write what it found; how many prompts that took."""
    from clone_agent.extracting import extract, lasting
    from clone_agent.profile import read_profile, write_profile
    from ui.wiring import load_voice

    settings = choose_voice(call, options)
    chosen = _chosen(call, archive, named)
    model = load_voice(call.home, replace(settings, adapter=settings.adapter or "none")).model  # the voice is tuned to chat, not to read
    language, asked = archive.persona().language, [0]

    def count_prompt() -> None:
        asked[0] += 1

    found = []
    with call.screen.progress("Reading", unit="people") as advance:
        for number, person in enumerate(chosen, start=1):
            said = lasting(archive.said_by([account.id for account in person.accounts]))
            found += extract(model, said, about=person.id, name=person.name or person.id, language=language, on_prompt=count_prompt)
            advance(number, len(chosen))
    made = {person.id for person in chosen}
    kept = [line for line in read_profile(call.home.root) if not line.messages or line.about not in made]
    write_profile(call.home.root, [*kept, *found])
    return asked[0]


def _chosen(call: Call, archive: Archive, named: Sequence[str]) -> "list[Person]":
    from clone_agent.records import LIVE_PLATFORM
    from ui.naming import matching

    people = [person for person in archive.people() if not person.id.startswith(f"{LIVE_PLATFORM}:")]
    if named:
        return [person for who in named for person in matching(people, who, call.screen, option="--person")]
    return [person for person in people if person.is_owner] + [person for person in people if not person.is_owner][:PEOPLE]


def _edit(call: Call) -> None:
    """Let the user edit a copy inside the home, where an editor's own copies are as private as the profile."""
    from clone_agent.profile import profile_file, read_profile, write_profile

    path = profile_file(call.home.root)
    before = path.read_text(encoding="utf-8") if path.is_file() else '# [[line]]\n# about = "qq:10001"\n# says = "…"\n'
    copy = call.home.temporary / path.name
    try:
        copy.write_text(before, encoding="utf-8")
        click.edit(filename=str(copy))
        after = copy.read_text(encoding="utf-8")
    except click.ClickException as cause:
        raise UsageError("The editor failed.", remedy=f"Name another one in EDITOR, or edit {path} yourself.") from cause
    finally:
        copy.unlink(missing_ok=True)
    if after == before:
        raise UsageError("Nothing was changed.", remedy=f"Save the file in the editor, or edit {path} yourself.")
    path.touch(mode=0o600)
    path.write_text(after, encoding="utf-8")
    write_profile(call.home.root, read_profile(call.home.root))


def _print(call: Call, lines: "Sequence[ProfileLine]", known: dict[str, str], asked: int) -> None:
    people: dict[str, list[dict[str, object]]] = {}
    for line in lines:
        people.setdefault(line.about, []).append({"says": line.says, "messages": list(line.messages)})
    rows = [{"id": person, "name": known.get(person), "lines": told} for person, told in people.items()]
    call.screen.result({"people": rows, "prompts": asked})
    if not call.screen.as_json and lines:
        shown = [(known.get(line.about) or line.about, line.says, f"{len(line.messages)}" if line.messages else "yours") for line in lines]
        call.screen.table(("who", "says", "messages"), shown, numbers=(2,))
