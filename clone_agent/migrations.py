"""Numbered steps that bring a SQLite file to the shape its program expects, once each and in order."""

import sqlite3
from collections.abc import Iterator, Sequence

from clone_agent.errors import StoreError


def migrate(connection: sqlite3.Connection, component: str, steps: Sequence[str]) -> None:
    """Run the steps of `component` that this file has not seen, each in a transaction of its own.

    A step is one or more SQL statements and never changes once released; a new shape is a new step at the end.

    Raises:
        StoreError: the file was written by a newer program.
    """
    connection.execute("CREATE TABLE IF NOT EXISTS schema_version(component TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID")
    done = _version(connection, component)
    if done > len(steps):
        raise StoreError(
            f"The archive's {component} tables have version {done}, this program knows {len(steps)}.",
            remedy="Install the newer clone-agent that wrote it.",
        )
    for number, step in enumerate(steps[done:], start=done + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _version(connection, component) < number:  # else another process took the step since
                for statement in _statements(step):
                    connection.execute(statement)
                connection.execute("INSERT OR REPLACE INTO schema_version VALUES (?, ?)", (component, number))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _version(connection: sqlite3.Connection, component: str) -> int:
    row = connection.execute("SELECT version FROM schema_version WHERE component = ?", (component,)).fetchone()
    return int(row[0]) if row else 0


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would end the transaction first."""
    statement = ""
    for part in script.split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            if statement.strip(" \n;"):
                yield statement
            statement = ""
