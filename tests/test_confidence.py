"""The signs of a found subject become a probability that rises with each of them."""

from dataclasses import fields, replace

import pytest

from memory.confidence import CONFIDENT, NO_SIGNS, Signs, mean, probability

ALL = Signs(cosine=1.0, exchanges=1.0, surroundings=1.0, together=1.0, terms=1.0, scores=1.0)


@pytest.mark.parametrize("name", [field.name for field in fields(Signs)])
def test_each_sign_makes_surer(name: str) -> None:
    assert probability(replace(NO_SIGNS, **{name: 1.0})) > probability(NO_SIGNS)
    assert probability(replace(ALL, **{name: 0.0})) < probability(ALL)


def test_nothing_found_is_below_the_threshold_and_everything_found_above() -> None:
    assert probability(NO_SIGNS) < CONFIDENT < probability(ALL)


def test_a_question_of_two_parts_is_as_sure_as_both() -> None:
    assert mean([ALL, NO_SIGNS]) == Signs(cosine=0.5, exchanges=0.5, surroundings=0.5, together=0.5, terms=0.5, scores=0.5)
    assert probability(NO_SIGNS) < probability(mean([ALL, NO_SIGNS])) < probability(ALL)
