"""Limits on people, chats and time agree with the table, whatever happened to it since they were last asked for."""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clone_agent.records import Memory
from memory.outline import Limit
from memory.table import PassageTable

START = datetime(2024, 3, 3, tzinfo=UTC)


def session(first: int, count: int, chat: str) -> list[Memory]:
    return [
        Memory(
            id=str(number),
            conversation=chat,
            conversation_name="",
            speaker=("wan", "yu", "ning")[number % 3],
            speaker_name="",
            is_owner=False,
            started_at=START + timedelta(minutes=number),
            ended_at=START + timedelta(minutes=number, seconds=30),
            text=f"第{number}句",
            message_ids=(str(number),),
        )
        for number in range(first, first + count)
    ]


@pytest.fixture
def table(tmp_path: Path) -> Iterator[PassageTable]:
    made = PassageTable(sqlite3.connect(tmp_path / "archive.sqlite3", isolation_level=None))
    with made.transaction():
        made.add_session("a", b"1", session(0, 10, "a"))
        made.add_session("b", b"2", session(10, 10, "b"))
    yield made
    made.connection.close()


def texts(table: PassageTable, limit: Limit) -> list[str]:
    return table.texts(limit.numbers.tolist())


def test_every_kind_of_limit(table: PassageTable) -> None:
    assert texts(table, table.select(conversations=["b"])) == [f"第{number}句" for number in range(10, 20)]
    assert texts(table, table.select(people=["yu"], before=START + timedelta(minutes=7))) == ["第1句", "第4句"]
    assert texts(table, table.select(people=["yu"], chats=["b"], after=START + timedelta(minutes=8))) == [
        f"第{number}句" for number in range(10, 20)
    ]
    assert texts(table, table.select(after=START + timedelta(minutes=3), before=START + timedelta(minutes=5))) == ["第3句", "第4句"]
    assert texts(table, table.select(people=["nobody"])) == []
    half = START + timedelta(minutes=5, seconds=10)  # in the middle of 第5句
    assert texts(table, table.select(before=half))[-1] == "第4句"
    assert texts(table, table.select(before=START + timedelta(minutes=5, seconds=30)))[-1] == "第4句"
    assert texts(table, table.select(during=(half, half + timedelta(minutes=1)))) == ["第5句", "第6句"]
    assert len(table.select()) == 20


def test_who_speaks_where(table: PassageTable) -> None:
    assert table.speakers(["b"]) == {"b": {"wan", "yu", "ning"}}
    assert table.speakers(["a", "b", "c"]).keys() == {"a", "b"}
    assert table.speakers([]) == {}


def test_what_is_added_removed_or_rolled_back_is_known(table: PassageTable) -> None:
    assert len(table.select()) == 20
    with table.transaction():
        table.remove_session(table.sessions("a")[b"1"])
        table.add_session("a", b"3", session(30, 10, "a"))
    assert texts(table, table.select(conversations=["a"])) == [f"第{number}句" for number in range(30, 40)]
    with suppress(RuntimeError), table.transaction():
        table.remove_session(table.sessions("b")[b"2"])
        assert len(table.select()) == 10
        raise RuntimeError
    assert len(table.select()) == 20


def test_what_another_connection_changes_is_known(table: PassageTable, tmp_path: Path) -> None:
    assert len(table.select()) == 20
    other = PassageTable(sqlite3.connect(tmp_path / "archive.sqlite3", isolation_level=None))
    with other.transaction():
        other.remove_session(other.sessions("a")[b"1"])
        other.add_session("c", b"4", session(40, 10, "c"))
    other.connection.close()
    assert texts(table, table.select()) == [f"第{number}句" for number in (*range(10, 20), *range(40, 50))]


def test_a_limit_tells_what_it_holds(table: PassageTable) -> None:
    limit = Limit([9, 3, 3, 5])
    assert limit.numbers.tolist() == [3, 5, 9]
    assert [number for number in range(20) if limit.has(number)] == [3, 5, 9]
    assert limit.holds(Limit(range(20)).numbers).nonzero()[0].tolist() == [3, 5, 9]
    assert (limit & Limit([5, 9, 100])).numbers.tolist() == [5, 9]
    assert len(Limit(())) == 0
    assert not Limit(()).has(0)
