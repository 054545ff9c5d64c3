"""A question that says who said it wants that person's words."""

import pytest

from memory.question import named_people
from memory.sayers import who_said

PEOPLE = {"aunt": ["小姨"], "chen": ["陈师傅"], "dad": ["爸爸"], "ann": ["Ann"]}


def called(text: str) -> frozenset[str]:
    return named_people(text, PEOPLE)


@pytest.mark.parametrize(
    ("question", "who"),
    [
        ("我喊你先换什么", "asker"),
        ("我最后让你带几个", "asker"),
        ("你去之前我叫你带什么药", "asker"),
        ("what did I tell you to bring", "asker"),
        ("你说几点来着", "owner"),
        ("你当时跟我讲住到哪天", "owner"),
        ("你跟小姨讲你吃几碗", "owner"),
        ("室友问你的时候，你说会煮什么", "owner"),
        ("what stakes did you promise me", "owner"),
        ("小姨说要带什么", "aunt"),
        ("陈师傅嫌它怎么了", "chen"),
        ("你爸让你写哪几个字", "dad"),
        ("what did Ann call it", "ann"),
    ],
)
def test_the_question_says_whose_words_it_wants(question: str, who: str) -> None:
    found = who_said(question, called=called, asker=frozenset({"asker"}), owner=frozenset({"owner"}))
    assert found == {who}


@pytest.mark.parametrize(
    "question", ["那天几点集合", "哪个说要走的", "对讲机丢在哪了", "她爸说了什么", "你们说好在哪碰头", "我们那次问路花了多久", ""]
)
def test_most_questions_do_not_say(question: str) -> None:
    assert who_said(question, called=called, asker=frozenset({"asker"}), owner=frozenset({"owner"})) == frozenset()
