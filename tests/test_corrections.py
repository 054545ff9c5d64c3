"""A line that corrects the best one takes its place, and lines that add nothing to the best one are not told beside it."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from clone_agent.agent import about_as_sure
from clone_agent.prompt import memory_line
from clone_agent.records import Hit, Memory, Persona
from memory.corrections import settled

START = datetime(2024, 3, 4, 9, 0, tzinfo=timezone(timedelta(hours=8)))
MINUTES, DAYS = timedelta(minutes=1), timedelta(days=1)


def hit(text: str, score: float, after: timedelta = timedelta(), chat: str = "qq:9") -> Hit:
    at = START + after
    memory = Memory(
        id=f"{chat}/{text}",
        conversation=chat,
        conversation_name="家里",
        speaker="qq:7",
        speaker_name="小姨",
        is_owner=False,
        started_at=at,
        ended_at=at,
        text=text,
        message_ids=(text,),
    )
    return Hit(memory=memory, score=score)


def best(question: str, *hits: Hit) -> str:
    return max(settled(question, hits), key=lambda one: one.score).memory.text


@pytest.mark.parametrize(
    ("question", "first", "then", "after"),
    [
        ("舅舅伤的是哪边膝盖", "拍片了 左膝盖有积液", "看错单子了 右膝盖", 3 * MINUTES),
        ("瑜伽课几点开始", "瑜伽课晚上七点", "瑜伽课改到八点了", 20 * DAYS),
        ("押金最后给了多少钱", "她要1500", "最后1200", 2 * MINUTES),
        ("那批椅子订了多少把", "椅子先订60把", "椅子加到80把 客户又要", 5 * DAYS),
        ("what time is the pottery class", "pottery class is at 6 pm", "pottery class moved to 7 pm", 9 * DAYS),
    ],
)
def test_what_was_corrected_later_is_not_the_best_line(question: str, first: str, then: str, after: timedelta) -> None:
    wrong, right = hit(first, 0.5), hit(then, 0.4, after)
    assert best(question, wrong, right) == then
    (told,) = about_as_sure(sorted(settled(question, [wrong, right]), key=lambda one: -one.score))
    assert told.memory.text == then
    assert [one.memory.text for one in settled(question, [wrong, right])] == [first, then]  # in the order given


@pytest.mark.parametrize(
    ("then", "after", "chat", "score"),
    [
        ("瑜伽课改到八点了", -20 * DAYS, "qq:9", 0.4),  # said before
        ("瑜伽课改到八点了", 20 * DAYS, "qq:10", 0.4),  # in another chat
        ("火车改到八点了", 20 * DAYS, "qq:9", 0.4),  # of something else
        ("瑜伽课改到八点？", 20 * DAYS, "qq:9", 0.4),  # asks
        ("瑜伽课改到别处了", 20 * DAYS, "qq:9", 0.4),  # tells no time
        ("瑜伽课八点人最多", 20 * DAYS, "qq:9", 0.4),  # corrects nothing
        ("瑜伽课改到八点了", 20 * DAYS, "qq:9", 0.2),  # far from the subject
    ],
)
def test_what_corrects_nothing_stays_where_it_was(then: str, after: timedelta, chat: str, score: float) -> None:
    assert best("瑜伽课几点开始", hit("瑜伽课晚上七点", 0.5), hit(then, score, after, chat)) == "瑜伽课晚上七点"


def test_who_asks_for_what_was_said_at_first_is_not_told_the_correction() -> None:
    assert best("瑜伽课原来是几点", hit("瑜伽课晚上七点", 0.5), hit("瑜伽课改到八点了", 0.4, 20 * DAYS)) == "瑜伽课晚上七点"


def test_asked_how_it_ended_the_later_of_two_equally_sure_lines_of_a_talk_holds() -> None:
    first, then = hit("瑜伽课晚上七点", 0.5), hit("八点人少", 0.4, MINUTES)
    assert best("瑜伽课最后几点", first, then) == "八点人少"
    assert best("瑜伽课几点", first, then) == "瑜伽课晚上七点"
    assert best("瑜伽课最后几点", first, replace(then, score=0.3)) == "瑜伽课晚上七点"
    assert best("瑜伽课最后几点", first, hit("八点人少", 0.42, 9 * DAYS)) == "八点人少"
    assert best("瑜伽课最后几点", first, hit("八点人少", 0.38, 9 * DAYS)) == "瑜伽课晚上七点"


def test_a_line_that_denies_the_very_value_corrects_it_in_whatever_chat() -> None:
    first = hit("新相机 R50！", 0.5)
    assert best("买的哪款相机", first, hit("R10，不是R50", 0.2, DAYS, chat="qq:10")) == "R10，不是R50"
    assert best("买的哪款相机", first, hit("R10，不是R50", 0.1, DAYS, chat="qq:10")) == "新相机 R50！"  # far from the subject
    assert best("买的哪款相机", first, hit("R10，不是R6", 0.2, DAYS, chat="qq:10")) == "新相机 R50！"  # another value
    assert best("买的哪款相机", first, hit("不是R50", 0.2, DAYS, chat="qq:10")) == "新相机 R50！"  # tells none itself
    assert best("买的哪款相机", first, hit("R10，不是R50", 0.2, -DAYS, chat="qq:10")) == "新相机 R50！"  # said before it


def test_a_line_says_which_part_of_it_holds() -> None:
    line = hit("聚餐本来周五\n改到周六了", 0.5)
    (settled_line,) = settled("聚餐是星期几", [line])
    assert settled_line.told == "改到周六了"
    assert settled_line.memory == line.memory  # the source is shown whole
    assert memory_line(1, settled_line, Persona(name="林晚")) == "[1] 2024-03-04 周一 09:00 小姨：改到周六了"
    assert settled("聚餐是星期几", [hit("聚餐周六", 0.5)])[0].told is None


def test_the_last_of_several_corrections_holds() -> None:
    lines = hit("聚餐定在周五", 0.5), hit("聚餐改到周六", 0.45, DAYS), hit("聚餐又改到周日了", 0.4, 2 * DAYS)
    assert best("聚餐是星期几", *lines) == "聚餐又改到周日了"


def test_a_question_of_no_certain_kind_changes_nothing() -> None:
    lines = [hit("她学陶艺", 0.5), hit("不是陶艺 是漆器", 0.4, MINUTES)]
    assert settled("她怎么样", lines) == lines


def test_a_second_line_is_told_where_it_adds_to_the_best_one() -> None:
    def told(question: str, *hits: Hit) -> list[str]:
        return [one.memory.text for one in about_as_sure(settled(question, hits))]

    whole, other = hit("一共二十三个", 0.5), hit("也就二十六个", 0.39, MINUTES)
    assert told("蒸了多少个包子", whole, other) == ["一共二十三个"]  # two values of one thing contradict each other
    assert told("蒸了多少个包子", whole, replace(other, score=0.45)) == ["一共二十三个", "也就二十六个"]  # who knows which
    assert told("蒸了多少个包子", whole, hit("原来是二十六个", 0.49, MINUTES)) == ["一共二十三个"]  # it takes its value back
    assert told("蒸了多少个包子", whole, hit("都没吃完", 0.49, 9 * DAYS)) == ["一共二十三个"]  # no value at all
    assert told("蒸了多少个包子", whole, hit("这回三十个", 0.49, 9 * DAYS)) == ["一共二十三个", "这回三十个"]  # another time
    before = hit("上回三十个", 0.44, -9 * DAYS)
    assert told("蒸了多少个包子", whole, before) == ["一共二十三个"]  # which the later one may have replaced
    assert told("蒸了多少个包子", whole, replace(before, score=0.46)) == ["一共二十三个", "上回三十个"]  # unless it is as likely meant
    assert told("蒸了多少个包子", whole, hit("先说二十个", 0.49, -MINUTES)) == ["一共二十三个"]  # in one talk the later one holds
    assert told("蒸了多少个包子", hit("包子好吃", 0.5), other) == ["包子好吃", "也就二十六个"]  # the best one has no value
    better = hit("23个", 0.49, MINUTES)
    assert told("蒸了多少个包子", hit("第3名蒸的", 0.5), better) == ["第3名蒸的", "23个"]
    assert told("包子怎么样", replace(whole, fits=None), other) == ["一共二十三个", "也就二十六个"]
