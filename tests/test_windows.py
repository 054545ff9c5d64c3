"""Which neighbouring passages of a talk are read together."""

from itertools import chain
from random import Random

import pytest

from memory.windows import MOST, REACH, windows


def sessions(*lengths: int) -> dict[int, int]:
    """The session of each passage, one session after the other, numbered from 1."""
    places = chain.from_iterable([session] * length for session, length in enumerate(lengths))
    return dict(enumerate(places, start=1))


def test_a_short_talk_is_read_whole_and_once() -> None:
    assert windows([5, 3, 8], sessions(2, 6, 3)) == [range(3, 9)]


def test_neighbouring_talks_are_read_apart_in_the_order_of_what_was_found() -> None:
    assert windows([4, 1, 3], sessions(2, 3)) == [range(3, 6), range(1, 3)]


def test_of_a_long_talk_the_passages_around_the_one_that_was_found_are_read() -> None:
    assert windows([30], sessions(60)) == [range(25, 25 + MOST)]
    assert windows([2], sessions(60)) == [range(1, 1 + MOST)]
    assert windows([60], sessions(60)) == [range(61 - MOST, 61)]


def test_a_passage_at_the_edge_of_a_window_gets_one_of_its_own_where_the_talk_goes_on() -> None:
    assert windows([30, 27], sessions(60)) == [range(25, 35)]  # two before it are read
    assert windows([30, 26], sessions(60)) == [range(25, 35), range(21, 31)]
    assert windows([30, 34], sessions(60)) == [range(25, 35), range(29, 39)]
    assert windows([30, 34], sessions(34)) == [range(25, 35)]  # the talk ends there


@pytest.mark.parametrize("seed", range(20))
def test_every_passage_stands_in_a_window_of_its_talk(seed: int) -> None:
    rng = Random(seed)
    session_of = sessions(*(rng.choice([1, 3, 7, 10, 11, 40, 90]) for _ in range(9)))
    numbers = rng.sample(sorted(session_of), min(24, len(session_of)))
    most = rng.choice([1, 2, 3, MOST, 12])
    found = windows(numbers, session_of, most=most)
    assert set(numbers) <= set(chain.from_iterable(found))
    for window in found:
        assert len(window) <= most
        assert len({session_of[number] for number in window}) == 1


def test_what_is_not_known_beyond_the_reach_is_not_needed() -> None:
    session_of = sessions(300)
    near = {number: session for number, session in session_of.items() if abs(number - 150) <= REACH}
    assert windows([150], near) == windows([150], session_of)
