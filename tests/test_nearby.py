"""Words around passages: exchanges are scored together, sessions and diaries stay apart."""

import numpy as np

from memory.nearby import Postings, Stretch, candidates, handed_on, held, own_words, words_around, words_before


def stretch(sessions: list[int], people: list[int], first: int = 1) -> Stretch:
    numbers = np.arange(first, first + len(sessions), dtype=np.int64)
    return Stretch(numbers, np.array(sessions), np.array(people), np.full(len(sessions), 10, dtype=np.float32), 10.0)


def postings(**where: list[int]) -> Postings:
    return Postings({term: np.array(numbers, dtype=np.int64) for term, numbers in where.items()}, dict.fromkeys(where, 2.0))


def test_an_answer_gets_the_words_of_the_question_before_it() -> None:
    here = stretch([1] * 6, [1, 2, 1, 2, 1, 2])
    found = postings(cost=[2], lamp=[2])
    assert own_words(found, here).argmax() == 1
    assert own_words(found, here)[2] == 0
    around = words_around(found, here, 2)
    assert (around[:4] > 0).all()
    assert (around[4:] == 0).all()


def test_two_words_in_one_exchange_beat_one_word_twice() -> None:
    here = stretch([1] * 12, [1, 2] * 6)
    around = words_around(postings(cost=[2, 3, 9], lamp=[10]), here, 2)
    assert around[8] > around[1]


def test_surroundings_end_with_the_session() -> None:
    here = stretch([1, 1, 2, 2], [1, 2, 1, 2])
    assert words_around(postings(cost=[2]), here, 2).tolist()[2:] == [0.0, 0.0]


def test_a_diary_entry_stands_for_itself() -> None:
    here = stretch([1] * 4, [7] * 4)
    assert np.flatnonzero(words_around(postings(cost=[2]), here, 2)).tolist() == [1]


def test_candidates_hold_the_best_passages_and_their_neighbours() -> None:
    chosen = candidates(postings(cost=list(range(100, 4000, 7)), lamp=[1000]))
    assert {998, 999, 1000, 1001, 1002} <= set(chosen.tolist())
    assert len(chosen) < 1200


def test_without_words_there_are_no_candidates() -> None:
    assert len(candidates(postings())) == 0
    assert len(candidates(postings(cost=[]))) == 0


def test_the_surroundings_tell_which_words_they_hold() -> None:
    here = stretch([1] * 4 + [2] * 2, [1, 2] * 3)
    found = held(postings(cost=[1], lamp=[4, 5], ship=[]), here, [0, 2, 4], 2)
    assert found.tolist() == [[True, False, False], [True, True, False], [False, True, False]]


def test_words_count_for_what_is_said_after_them_and_less_with_each_step() -> None:
    here = stretch([1] * 6, [1, 2] * 3)
    found = words_before(postings(cost=[3]), here, share=0.5, reach=2)
    assert found.tolist() == [0.0, 0.0, 2.0, 1.0, 0.5, 0.0]


def test_words_before_do_not_reach_into_another_session_nor_through_a_diary() -> None:
    assert words_before(postings(cost=[2]), stretch([1, 1, 2, 2], [1, 2, 1, 2]), share=0.5, reach=3)[2:].tolist() == [0.0, 0.0]
    assert words_before(postings(cost=[2]), stretch([1] * 4, [7] * 4), share=0.5, reach=3).tolist() == [0.0, 2.0, 0.0, 0.0]


def test_what_a_line_hands_on_stays_in_its_session() -> None:
    here = stretch([1, 1, 1, 2], [1, 2, 1, 2])
    assert handed_on(here, np.array([1.0, 0.0, 0.8, 0.0], dtype=np.float32), (1.0, 0.5)).tolist() == [0.0, 1.0, 0.5, 0.0]
