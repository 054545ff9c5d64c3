"""Who speaks in the archive: accounts, the people behind them, and the joins between them.

An *account* is a sender as one platform knows it; a *person* is one account or several that were joined. The account with most messages
stands for the person (its id is the person's id), a numbered one before one that is known by its name alone. Joining changes no message,
so it can be undone.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from clone_agent.errors import UsageError

BY_USER, BY_EVIDENCE = "user", "same messages"
_TAKEN_BACK = "taken back"  # a join by evidence that the user did not want: kept, so that the next import does not make it again
_BY_NAME = ":name:"
_OF = "(SELECT coalesce(main, n) FROM people WHERE id IN (SELECT value FROM json_each(?)))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A sender as one platform knows it."""

    id: str  # `clone_agent.sessions.person_id`
    name: str  # the latest
    names: tuple[str, ...]  # all that were seen
    messages: int
    is_owner: bool
    last_seen: int  # milliseconds since 1970

    @property
    def is_numbered(self) -> bool:
        """Whether the platform told a stable id, not just a name."""
        return _BY_NAME not in self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who speaks in the archive."""

    id: str  # of the account that stands for them
    name: str  # the latest
    names: tuple[str, ...]  # all that were seen
    messages: int
    is_owner: bool
    accounts: tuple[Account, ...] = ()  # the one that stands for the person first


def list_people(connection: sqlite3.Connection) -> list[Person]:
    """Everybody who speaks, the most talkative first."""
    rows = connection.execute(
        "SELECT coalesce(p.main, p.n), p.n, p.id, p.name, p.is_owner, p.last_seen, coalesce(m.many, 0),"
        " (SELECT json_group_array(name) FROM names WHERE person = p.n) FROM people p"
        " LEFT JOIN (SELECT person, count(*) AS many FROM messages GROUP BY person) m ON m.person = p.n ORDER BY p.n"
    )
    found: dict[int, list[Account]] = defaultdict(list)
    for main, number, account_id, name, is_owner, last_seen, many, names in rows:
        account = Account(
            id=account_id,
            name=name,
            names=tuple(json.loads(names)),
            messages=many,
            is_owner=bool(is_owner),
            last_seen=last_seen,
        )
        found[main].insert(0 if number == main else len(found[main]), account)
    people = [person_of(accounts) for accounts in found.values() if any(account.messages for account in accounts)]
    return sorted(people, key=lambda person: -person.messages)


def person_of(accounts: Sequence[Account]) -> Person:
    """The person behind accounts, the first of which stands for them."""
    named = [account for account in accounts if account.name] or accounts
    return Person(
        id=accounts[0].id,
        name=max(named, key=lambda account: account.last_seen).name,
        names=tuple(dict.fromkeys(name for account in accounts for name in account.names)),
        messages=sum(account.messages for account in accounts),
        is_owner=any(account.is_owner for account in accounts),
        accounts=tuple(accounts),
    )


def joined(people: Iterable[Person]) -> Person:
    """The person that these people would be as one."""
    accounts = [account for person in people for account in person.accounts]
    return person_of(sorted(accounts, key=lambda account: (not account.is_numbered, -account.messages)))


def set_owner(connection: sqlite3.Connection, person_ids: Iterable[str]) -> None:
    """Say which people are the owner; everybody else is not."""
    chosen = json.dumps(list(person_ids))
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "UPDATE conversations SET revision = revision + 1 WHERE n IN (SELECT DISTINCT m.conversation FROM messages m JOIN people p"  # noqa: S608
            f" ON p.n = m.person WHERE p.is_owner != (coalesce(p.main, p.n) IN {_OF}))",
            (chosen,),
        )
        connection.execute(f"UPDATE people SET is_owner = coalesce(main, n) IN {_OF}", (chosen,))  # noqa: S608


def join(connection: sqlite3.Connection, person_ids: Sequence[str], *, reason: str = BY_USER) -> Person:
    """Make one person of several, in a transaction of the caller or of its own; any of them the owner makes all of them the owner.

    Args:
        connection: of the archive.
        person_ids: of people or accounts, two or more.
        reason: `BY_USER` or `BY_EVIDENCE`; kept with the join.

    Raises:
        UsageError: fewer than two different people have these ids.
    """
    people = [_load(connection, main) for main in _mains(connection, person_ids)]
    if len(people) < 2:
        raise UsageError("Only one person was named.", remedy="Name two people or more, by the ids that `clone-agent people` lists.")
    one = joined(people)
    before = {account.id: [person.id, account.is_owner] for person in people for account in person.accounts}
    with _transaction(connection):
        connection.execute(
            "INSERT INTO joins(made_at, reason, before) VALUES (?, ?, ?)",
            (datetime.now(UTC).isoformat(timespec="seconds"), reason, json.dumps(before, ensure_ascii=False)),
        )
        _place(connection, {account.id: (one.id, one.is_owner) for account in one.accounts})
    return one


def undo_join(connection: sqlite3.Connection) -> tuple[Person, ...]:
    """Take the latest join back and return the people that it had made one; evidence alone does not join them again.

    Raises:
        UsageError: nobody is joined.
    """
    last = connection.execute("SELECT n, before FROM joins WHERE reason != ? ORDER BY n DESC LIMIT 1", (_TAKEN_BACK,)).fetchone()
    if last is None:
        raise UsageError("No accounts are joined, so there is nothing to take back.", remedy="`clone-agent people` lists everybody.")
    before: dict[str, list[str | bool]] = json.loads(last[1])
    # Where the user has said since whether the joined person is them, that holds for each of the accounts.
    was_owner, now = any(is_owner for _, is_owner in before.values()), _load(connection, _mains(connection, list(before))[0]).is_owner
    told = None if now == was_owner else now
    with _transaction(connection):
        _place(connection, {one: (str(main), bool(is_owner) if told is None else told) for one, (main, is_owner) in before.items()})
        connection.execute("UPDATE joins SET reason = ? WHERE n = ? AND reason = ?", (_TAKEN_BACK, last[0], BY_EVIDENCE))
        connection.execute("DELETE FROM joins WHERE n = ? AND reason != ?", (last[0], _TAKEN_BACK))
    return tuple(_load(connection, main) for main in _mains(connection, list(before)))


def are_kept_apart(connection: sqlite3.Connection, one: str, other: str) -> bool:
    """Whether the user has taken back a join by evidence that made one person of these two accounts."""
    rows = connection.execute("SELECT before FROM joins WHERE reason = ?", (_TAKEN_BACK,))
    joins: list[dict[str, list[str | bool]]] = [json.loads(row[0]) for row in rows]
    return any({one, other} <= before.keys() and before[one][0] != before[other][0] for before in joins)


def _place(connection: sqlite3.Connection, accounts: dict[str, tuple[str, bool]]) -> None:
    """Give accounts their person and say whether they are the owner; the chats that they speak in count as changed."""
    connection.executemany(
        "UPDATE people SET main = (SELECT main.n FROM people main WHERE main.id = ?1 AND ?1 != ?3), is_owner = ?2 WHERE id = ?3",
        [(main, is_owner, account) for account, (main, is_owner) in accounts.items()],
    )
    connection.execute(
        "UPDATE conversations SET revision = revision + 1 WHERE n IN (SELECT DISTINCT conversation FROM messages WHERE person IN"
        " (SELECT n FROM people WHERE id IN (SELECT value FROM json_each(?))))",
        (json.dumps(list(accounts)),),
    )


def _mains(connection: sqlite3.Connection, ids: Sequence[str]) -> list[int]:
    """The numbers of the people behind ids, each once."""
    rows = connection.execute(
        "SELECT coalesce(p.main, p.n) FROM json_each(?) wanted JOIN people p ON p.id = wanted.value ORDER BY wanted.key",
        (json.dumps(list(ids)),),
    )
    return list(dict.fromkeys(row[0] for row in rows))


def _load(connection: sqlite3.Connection, main: int) -> Person:
    rows = connection.execute(
        "SELECT id, name, is_owner, last_seen, (SELECT count(*) FROM messages WHERE person = p.n),"
        " (SELECT json_group_array(name) FROM names WHERE person = p.n) FROM people p WHERE n = ?1 OR main = ?1 ORDER BY n != ?1, n",
        (main,),
    )
    return person_of(
        [
            Account(id=row[0], name=row[1], is_owner=bool(row[2]), last_seen=row[3], messages=row[4], names=tuple(json.loads(row[5])))
            for row in rows
        ]
    )


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction of its own, or the caller's where there is one."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()  # nothing to do where SQLite has taken it back by itself
        raise
    connection.execute("COMMIT")
