"""What is small talk, and what asks for something that memory may hold."""

import pytest

from clone_agent.sample_life.questions import load_questions
from clone_agent.small_talk import is_small_talk

TALK = (
    "在干嘛呢",
    "早",
    "晚安～",
    "你吃了吗",
    "哈哈哈哈",
    "今天好累啊",
    "周末干嘛",
    "在吗",
    "想你了",
    "我下班了",
    "你在哪",
    "谢谢你呀",
    "睡了没",
    "在忙什么",
    "怎么了",
    "你今天怎么样",
    "明天有空吗",
    "😂😂",
    "去爬山吗",
    "喝奶茶吗",
    "真的吗",
    "几点下班",
    "good morning",
    "what are you doing?",
    "how are you today",
    "did you eat?",
)
ASKED = (
    "你老家在哪",
    "小禾是谁",
    "你生日哪天",
    "你养猫吗",
    "猫叫什么",
    "房租多少",
    "我们去过黄山吗",
    "开面馆是哪天来着",
    "还记得那次爬山",
    "上次那家店真好吃",
    "说说你和他怎么认识的",
    "然后呢",
    "一共要了几份毛肚",
    "你在哪上班",
    "吃了几碗",
    "你吃辣吗",
    "看过海吗",
    "周末我们去哪了",
    "周末去哪了",
    "how old is Mia",
    "tell me about the trip",
)


@pytest.mark.parametrize("message", TALK)
def test_small_talk_asks_for_nothing_of_the_past(message: str) -> None:
    assert is_small_talk(message)


@pytest.mark.parametrize("message", ASKED)
def test_who_asks_to_be_told_or_reminded_does_not_make_small_talk(message: str) -> None:
    assert not is_small_talk(message)


def test_the_questions_about_the_sample_life_are_none() -> None:
    asked = [question.question for question in load_questions() if question.split == "dev"]
    assert sum(map(is_small_talk, asked)) <= len(asked) // 100
