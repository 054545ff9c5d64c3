"""Ids of messages: the running number of the same words of one person in one second, however long the file is."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clone_agent.importers import identity
from clone_agent.importers.identity import MessageIds
from clone_agent.records import Kind

ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 4), st.sampled_from(("", "hi", "ok")), st.none() | st.sampled_from("xyz")), max_size=40
)
Row = tuple[str, int, str, str | None]


def numbers(rows: list[Row]) -> list[str]:
    """What stands behind the hash in each id: "" for the first message of its kind, "1" for the next."""
    ids = MessageIds("qq", "qq:1")
    given = [ids.next(who, second, Kind.TEXT, text, source_id) for who, second, text, source_id in rows]
    assert [len(one.partition("-")[0]) for one in given] == [32] * len(rows)
    return [one.partition("-")[2] for one in given]


def expected(rows: list[Row]) -> list[str]:
    """The same by the definition, with a list of all earlier messages."""
    found: list[str] = []
    for place, (who, second, text, source_id) in enumerate(rows):
        earlier: list[str | None] = []
        for one in rows[:place]:
            if one[:3] == (who, second, text) and (one[3] is None or one[3] not in earlier):
                earlier.append(one[3])
        number = earlier.index(source_id) if source_id is not None and source_id in earlier else len(earlier)
        found.append(str(number) if number else "")
    return found


@settings(max_examples=200)
@given(rows=ROWS)
def test_equal_messages_are_numbered_in_the_order_of_the_file_and_known_rows_keep_their_number(rows: list[Row]) -> None:
    assert numbers(rows) == expected(rows)


def test_no_two_different_messages_share_an_id() -> None:
    ids = MessageIds("qq", "qq:1")
    given = Counter(
        ids.next(who, second, Kind.TEXT, text) for second in range(50) for who in "abc" for text in ("", "1", "2") for _ in "12"
    )
    assert set(given.values()) == {1}


@pytest.mark.parametrize("step", [0, 1, 3])
def test_what_is_remembered_stays_small_and_close_repeats_are_still_numbered(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_WINDOW", 50)
    ids = MessageIds("qq", "qq:1")
    for number in range(1000):
        first = ids.next("a", number // 3 * step, Kind.TEXT, f"m{number}", f"s{number}" if number % 2 else None)
        again = ids.next("a", number // 3 * step, Kind.TEXT, f"m{number}")
        assert again == f"{first}-1"
        assert len(ids._seen) <= 100
