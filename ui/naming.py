"""People and chats as the user names them on the command line: by name, number or id."""

from collections.abc import Sequence

from clone_agent.archive import Archive
from clone_agent.archive_people import Person
from clone_agent.errors import UsageError
from ui.show import Screen

_CANDIDATES = 12


def matching(people: Sequence[Person], who: str, screen: Screen, *, option: str, several: bool = False) -> list[Person]:
    """The people that a number, an id or a name stands for.

    Args:
        people: everybody.
        who: what the user wrote.
        screen: where the people are shown when it is not clear.
        option: that the user wrote it with, or the name of the argument, for the error.
        several: whether it may fit several people of one platform.

    Raises:
        UsageError: it is blank, or fits nobody, or several people of one platform.
    """
    if not who.strip():
        raise UsageError(f"{option} names nobody.", remedy=f"Give a name, a number or an id: {option} WHO.")
    found = _fitting(people, who)
    numbered = [person for person in found if person.accounts[0].is_numbered]
    if not found or (not several and len({platform_of(person.id) for person in numbered}) < len(numbered)):
        show_people(found or candidates(people), screen)
        problem = "fits several people" if found else "fits nobody in these chats"
        written = f"{option} ID" if option.startswith("-") else "ID"
        raise UsageError(f"What {option} names {problem}.", remedy=f"Name one of the people listed above by id: {written}.")
    return found


def named_chats(archive: Archive, name: str, *, option: str) -> list[str]:
    """The ids of the chats with this id, else of all with this name.

    Raises:
        UsageError: there is none.
    """
    known = [info.conversation for info in archive.conversations()]
    found = [chat.id for chat in known if chat.id == name] or [chat.id for chat in known if chat.name == name]
    if not found:
        raise UsageError(
            f"What {option} names fits no stored chat.",
            remedy="Name it as `clone-agent recall` shows it, or by id.",
        )
    return found


def check_people_or_chats(archive: Archive, names: Sequence[str], screen: Screen, *, option: str) -> None:
    """Check that each name stands for a person or a chat.

    Raises:
        UsageError: one stands for neither.
    """
    if not names:
        return
    people = archive.people()
    chats = {name for info in archive.conversations() for name in (info.conversation.id, info.conversation.name)}
    for name in names:
        if name not in chats:
            matching(people, name, screen, option=option, several=True)


def candidates(people: Sequence[Person]) -> list[Person]:
    """The people who say most."""
    return [person for person in people if person.messages][:_CANDIDATES]


def show_people(people: Sequence[Person], screen: Screen) -> None:
    """Print a numbered list of people beside the results."""
    rows = [(number, person.name, person.id, f"{person.messages:,}") for number, person in enumerate(people, start=1)]
    screen.table(("", "name", "id", "messages"), rows, numbers=(0, 3), to_stderr=True)


def platform_of(person_id: str) -> str:
    """The program that somebody is known from."""
    return person_id.partition(":")[0]


def _fitting(people: Sequence[Person], who: str) -> list[Person]:
    by_id = [person for person in people if any(one.id == who or one.id.endswith(f":{who}") for one in person.accounts)]
    return by_id or [person for person in people if who in person.names or who == person.name]
