"""BM25 finds Chinese by characters and pairs, English by stems, and forgets what is deleted."""

import sqlite3

import pytest

from clone_agent.migrations import migrate
from memory.lexical import TURNS_ALONE, LexicalIndex, terms
from memory.table import PassageTable
from memory.table_schema import STEPS

TEXTS = {
    1: "国庆我们去了黄山，腿都断了",
    2: "黄河大合唱排练改到周三",
    3: "I was running along the rivers yesterday",
    4: "Café 的提拉米苏 38 块",
    5: "妈妈做的红烧肉最好吃",
    6: "今天好累 不想动",
}


@pytest.fixture
def index() -> LexicalIndex:
    table = PassageTable(sqlite3.connect(":memory:", isolation_level=None))
    table.lexical.add("turn", TEXTS.items())
    return table.lexical


def found(index: LexicalIndex, question: str, among: list[int] | None = None) -> list[int]:
    return [number for number, _ in index.search("turn", index.query(question), top_k=3, among=among)]


def test_han_is_cut_into_characters_and_pairs_and_words_into_stems() -> None:
    assert terms("去黄山running 3点 Ｃａｆé") == ["去", "黄", "山", "去黄", "黄山", "run", "3", "点", "cafe"]


@pytest.mark.parametrize(
    ("question", "number"),
    [("黄山好玩吗", 1), ("大合唱什么时候排练", 2), ("who ran by the river", 3), ("CAFE多少钱", 4), ("红烧肉谁做的", 5), ("累不累", 6)],
)
def test_a_question_finds_the_passage_with_its_rare_words_first(index: LexicalIndex, question: str, number: int) -> None:
    assert found(index, question)[0] == number


def test_a_pair_tells_more_than_its_characters(index: LexicalIndex) -> None:
    assert found(index, "黄山") == [1, 2]


def test_a_limit_keeps_to_its_numbers(index: LexicalIndex) -> None:
    assert found(index, "黄山", among=[2, 6]) == [2]
    assert found(index, "黄山", among=[]) == []


def test_a_question_without_known_words_finds_nothing(index: LexicalIndex) -> None:
    assert found(index, "xylophon") == []
    assert found(index, "？！ 😂") == []


def test_quotes_and_operators_in_a_question_are_only_text(index: LexicalIndex) -> None:
    assert sorted(found(index, '黄山" OR NEAR(黄河) AND * ^ turn:')) == [1, 2]


def test_what_is_deleted_leaves_no_trace_in_the_file() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA secure_delete=ON")
    lexical = PassageTable(connection).lexical
    lexical.add("turn", [(1, "zebrafinch"), (2, "today")])
    assert b"zebrafinch" in connection.serialize()
    lexical.delete("turn", [(1, "zebrafinch")])
    lexical.optimize()
    assert found(lexical, "zebrafinch") == []
    assert b"zebrafinch" not in connection.serialize()


def test_single_characters_that_stand_everywhere_are_not_looked_up() -> None:
    lexical = PassageTable(sqlite3.connect(":memory:", isolation_level=None)).lexical
    lexical.add("turn", ((number, f"好的{number}") for number in range(1, 800)))
    lexical.add("turn", [(800, "好猫")])
    assert set(lexical.query("好猫").terms) == {"好猫", "猫"}


def test_the_words_of_segments_are_dropped_from_an_older_file() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, "memory", STEPS[: STEPS.index(TURNS_ALONE)])
    PassageTable(connection)
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert "memory_turn_words" in names
    assert not any(name.startswith("memory_segment_words") for name in names)
