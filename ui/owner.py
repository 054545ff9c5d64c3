"""Who is the owner: told by the exports, named with `--me`, or asked with candidates and counts."""

from collections.abc import Iterable, Sequence

import click

from clone_agent.archive import Archive
from clone_agent.archive_people import Person
from clone_agent.errors import UsageError
from ui.naming import candidates, matching, platform_of, show_people
from ui.options import is_asked
from ui.show import Screen

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
    known = archive.owner_ids()
    if named:
        chosen = {account.id for who in named for person in matching(people, who, screen, option="--me") for account in person.accounts}
        platforms = {platform_of(account) for account in chosen}
        chosen |= {account for account in known if platform_of(account) not in platforms}
    else:
        chosen = set(known | told) or {account.id for account in _ask(people, screen).accounts}
    chosen |= _same_by_name(people, chosen)
    if chosen != known:
        archive.set_owner(sorted(chosen))
    return tuple(person for person in archive.people() if person.is_owner)


def _same_by_name(people: Sequence[Person], chosen: Iterable[str]) -> set[str]:
    """Accounts known only by a name, in chats where exactly one speaker bears a name of the owner."""
    accounts = [account for person in people for account in person.accounts]
    owners = [account for account in accounts if account.id in set(chosen)]
    names = {name for account in owners for name in (*account.names, account.name) if name}
    settled = {_chat(account.id) for account in owners if not account.is_numbered}
    alike: dict[str, list[str]] = {}
    for account in accounts:
        if not account.is_numbered and names & {account.name, *account.names}:
            alike.setdefault(_chat(account.id), []).append(account.id)
    return {ids[0] for chat, ids in alike.items() if chat not in settled and len(ids) == 1}


def _ask(people: Sequence[Person], screen: Screen) -> Person:
    found = candidates(people)
    if not found:
        raise UsageError("Nobody speaks in these chats.", remedy="Import a chat with messages in it.")
    show_people(found, screen)
    if not is_asked():
        raise UsageError("Which of these people are you? The exports do not tell.", remedy="Say it with --me ID, as listed above.")
    number = click.prompt("Which of them are you? Number", type=click.IntRange(1, len(found)), err=True)
    return found[number - 1]


def _chat(person_id: str) -> str:
    return person_id.partition(_BY_NAME)[0]
