"""Who is the owner: told by the exports, named with `--me`, or asked with candidates and counts."""

from collections.abc import Iterable, Sequence

import click

from clone_agent.archive import Archive, Person
from clone_agent.errors import UsageError
from ui.options import is_asked
from ui.show import Screen

CANDIDATES = 12
_BY_NAME = ":name:"


def settle_owner(archive: Archive, *, named: Sequence[str], told: frozenset[str], screen: Screen) -> tuple[Person, ...]:
    """Decide who the owner is, keep it in the archive and return them (one person may have several accounts).

    Args:
        archive: with everything imported.
        named: what `--me` said; replaces the earlier owner on the same platforms.
        told: person ids that the exports themselves call the owner; counts where nobody was named.
        screen: where candidates are shown.

    Raises:
        UsageError: a name fits nobody or several people, or nobody is known and nobody can be asked.
    """
    people = archive.people()
    known = frozenset(person.id for person in people if person.is_owner)
    if named:
        chosen = {person.id for who in named for person in _matching(people, who, screen)}
        platforms = {_platform(person_id) for person_id in chosen}
        chosen |= {person_id for person_id in known if _platform(person_id) not in platforms}
    else:
        chosen = set(known | told) or {_ask(people, screen).id}
    chosen |= _same_by_name(people, chosen)
    if chosen != known:
        archive.set_owner(sorted(chosen))
    return tuple(person for person in archive.people() if person.is_owner)


def _matching(people: Sequence[Person], who: str, screen: Screen) -> list[Person]:
    """The accounts that a number, an id or a name stands for."""
    by_id = [person for person in people if person.id == who or person.id.endswith(f":{who}")]
    by_name = [person for person in people if who in person.names or who == person.name]
    found = by_id or by_name
    numbered = [person for person in found if _BY_NAME not in person.id]
    if not found or len({_platform(person.id) for person in numbered}) < len(numbered):
        _show(found or _candidates(people), screen)
        problem = "fits several people" if found else "fits nobody in these chats"
        raise UsageError(f"What --me names {problem}.", remedy="Name one of the people listed above by id: --me ID.")
    return found


def _same_by_name(people: Sequence[Person], chosen: Iterable[str]) -> set[str]:
    """Accounts known only by a name, in chats where exactly one speaker bears a name of the owner."""
    owners = [person for person in people if person.id in set(chosen)]
    names = {name for person in owners for name in (*person.names, person.name) if name}
    settled = {_chat(person.id) for person in owners if _BY_NAME in person.id}
    alike: dict[str, list[str]] = {}
    for person in people:
        if _BY_NAME in person.id and names & {person.name, *person.names}:
            alike.setdefault(_chat(person.id), []).append(person.id)
    return {ids[0] for chat, ids in alike.items() if chat not in settled and len(ids) == 1}


def _ask(people: Sequence[Person], screen: Screen) -> Person:
    candidates = _candidates(people)
    if not candidates:
        raise UsageError("Nobody speaks in these chats.", remedy="Import a chat with messages in it.")
    _show(candidates, screen)
    if not is_asked():
        raise UsageError("Which of these people are you? The exports do not tell.", remedy="Say it with --me ID, as listed above.")
    number = click.prompt("Which of them are you? Number", type=click.IntRange(1, len(candidates)), err=True)
    return candidates[number - 1]


def _candidates(people: Sequence[Person]) -> list[Person]:
    return [person for person in people if person.messages][:CANDIDATES]


def _show(people: Sequence[Person], screen: Screen) -> None:
    rows = [(number, person.name, person.id, f"{person.messages:,}") for number, person in enumerate(people, start=1)]
    screen.table(("", "name", "id", "messages"), rows, numbers=(0, 3), to_stderr=True)


def _platform(person_id: str) -> str:
    return person_id.partition(":")[0]


def _chat(person_id: str) -> str:
    return person_id.partition(_BY_NAME)[0]
