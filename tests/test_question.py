"""What a question is about: its parts, and the people it names."""

import pytest

from memory.question import named_people, parts


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("去年国庆我们去哪了", ["去年国庆我们去哪了"]),
        ("张伟和王军谁更大？另外，那个论坛开几天？", ["张伟和王军谁更大？", "那个论坛开几天？"]),
        ("小明什么时候搬的家？他现在住哪？", ["小明什么时候搬的家？", "小明什么时候搬的家？ 他现在住哪？"]),
        ("面馆几号开的张？多少钱", ["面馆几号开的张？ 多少钱"]),
        ("今天天气真好。搞错了，我其实想问的是：那台相机多重？", ["那台相机多重？"]),
        ("Where did Ann move? Who helped her?", ["Where did Ann move?", "Who helped her?"]),
        ("我想问的是什么", ["我想问的是什么"]),
    ],
)
def test_a_message_is_cut_into_its_questions(question: str, expected: list[str]) -> None:
    assert parts(question) == expected


def test_at_most_four_parts_are_searched_and_nothing_is_lost() -> None:
    found = parts("".join(f"第{n}个问题问的是什么事情？" for n in range(9)))
    assert len(found) == 4
    assert "第8个" in found[-1]


@pytest.mark.parametrize("question", ["你妈退休以后学什么", "妈妈几点到", "what did my mom say"])
def test_a_relative_is_named_by_any_word_for_them(question: str) -> None:
    assert named_people(question, {"a": ["老妈"], "b": ["爸爸"], "c": ["林晚"]}) == {"a"}


def test_other_peoples_mothers_in_a_word_are_nobody() -> None:
    assert named_people("那家妈祖庙在哪", {"a": ["老妈"]}) == frozenset()
