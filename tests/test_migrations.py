"""Steps are taken once each, whole or not at all, however many processes open the file at once."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from clone_agent.errors import StoreError
from clone_agent.migrations import migrate

STEPS = (
    "CREATE TABLE a(x); CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a WHERE x = 0; DELETE FROM a WHERE x = 1; END",
    "INSERT INTO a VALUES (0); INSERT INTO a VALUES ('one; two')  -- a comment; with a semicolon\n",
    "CREATE TABLE b(y)",
)


def opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT version FROM schema_version WHERE component = 'c'").fetchone()[0])


def test_every_statement_of_every_step_is_taken_and_only_once(tmp_path: Path) -> None:
    connection = opened(tmp_path / "file")
    migrate(connection, "c", STEPS[:2])
    migrate(connection, "c", STEPS)
    migrate(connection, "c", STEPS)
    assert connection.execute("SELECT x FROM a").fetchall() == [("one; two",)]
    assert version(connection) == 3


def test_many_that_open_a_file_at_once_take_each_step_once(tmp_path: Path) -> None:
    for number in range(20):
        connections = [opened(tmp_path / f"{number}") for _ in range(4)]
        barrier = Barrier(len(connections))

        def open_it(connection: sqlite3.Connection, barrier: Barrier = barrier) -> None:
            barrier.wait()
            migrate(connection, "c", STEPS)

        with ThreadPoolExecutor(len(connections)) as pool:
            list(pool.map(open_it, connections))
        assert connections[0].execute("SELECT x FROM a").fetchall() == [("one; two",)]
        assert version(connections[0]) == 3


def test_a_step_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    connection = opened(tmp_path / "file")
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, "c", (STEPS[0], "CREATE TABLE b(y); INSERT INTO nowhere VALUES (1)"))
    assert version(connection) == 1
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'b'").fetchone() is None
    migrate(connection, "c", STEPS)
    assert version(connection) == 3


def test_a_file_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    connection = opened(tmp_path / "file")
    migrate(connection, "c", STEPS)
    with pytest.raises(StoreError, match="version 3, this program knows 1"):
        migrate(connection, "c", STEPS[:1])
