"""What a question is about: its parts, and the people it names."""

import pytest

from clone_agent.records import ChatTurn
from memory.question import named_people, parts, resolve, says_i


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


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("你跟王阿姨签到啥时候的", {"c"}),
        ("房东退了多少钱", {"c"}),
        ("老郑去年过几十岁生日", {"d"}),
        ("叔叔学熬红油倒掉过几锅", {"b"}),
        ("阿姨和老郑谁先到的", {"d"}),
        ("我们小区哪天停水", set()),
        ("老师说了什么", set()),
    ],
)
def test_people_are_named_by_parts_of_their_names_and_by_what_they_are_called(question: str, expected: set[str]) -> None:
    people = {"a": ["老妈"], "b": ["爸爸"], "c": ["房东 王阿姨"], "d": ["老郑不老"], "e": ["小区物业"], "f": ["老师傅修车"]}
    assert named_people(question, people) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [("我哪天过生日", True), ("我们去哪了", False), ("What did I lose?", True), ("你妈几点到", False), ("In which city", False)],
)
def test_who_speaks_of_themselves_is_told(question: str, expected: bool) -> None:
    assert says_i(question) is expected


def talk(*texts: str) -> list[ChatTurn]:
    return [ChatTurn(role="user" if place % 2 == 0 else "assistant", text=text) for place, text in enumerate(texts)]


def test_a_follow_up_gets_the_turn_before_it() -> None:
    assert resolve("那次她说了什么", talk("国庆和一诺爬的哪座山", "黄山呀"), names=["一诺"]) == "国庆和一诺爬的哪座山 那次她说了什么"


def test_a_she_is_the_one_who_was_named_last_by_whomever() -> None:
    asked = resolve("她后来去哪里上班了呢", talk("谁给我们唱的歌来着", "宋佳呀 后来古丽也唱了"), names=["宋佳", "古丽"])
    assert asked.endswith(" 古丽")


def test_a_question_that_stands_alone_is_left_alone() -> None:
    assert resolve("宋佳毕业签的公司在哪个城市", talk("古丽在哪"), names=["宋佳", "古丽"]) == "宋佳毕业签的公司在哪个城市"
    assert resolve("她们几点到", talk(), names=["宋佳"]) == "她们几点到"
