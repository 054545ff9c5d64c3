"""Of a line that takes a value back, what holds is told; everything else is left as it was said."""

import pytest

from memory.telling import Told, telling


@pytest.mark.parametrize(
    ("question", "line", "told"),
    [
        ("聚餐最后定的周几", "原来说周五\n小吴值班\n改到周六了", "改到周六了"),
        ("聚餐定在周几", "周五有人加班，改到周六晚上", "改到周六晚上"),
        ("外公今年多大了", "七十九岁\n不对\n我算错了 八十岁", "我算错了 八十岁"),
        ("外公今年多少岁", "什么七十九，八十！", "八十！"),
        ("一天卖多少碗米粉", "凉面六十碗\n米粉八十碗", "米粉八十碗"),
        ("小赵跑了多久", "成绩：小吴52分钟，小赵48分钟，小林61分钟", "小赵48分钟"),
        ("买的是哪款相机", "R10，不是R50，带支架", "R10，带支架"),
        ("一共来了几个人", "五个，本来六个，有一个发烧", "五个，有一个发烧"),
        ("你几号到", "是15号吗？\n16号 票买好了", "16号 票买好了"),
        ("how many chairs did you order", "they said 40 at first but now it's 60", "now it's 60"),
        ("what day do you land", "i land on the 9th not the 8th", "i land on the 9th"),
    ],
)
def test_of_a_line_that_takes_a_value_back_the_one_that_holds_is_told(question: str, line: str, told: str) -> None:
    assert telling(question, line) == Told(told)


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("聚餐定在周几", "改到周六了\n老地方"),  # one value
        ("原来定的周几", "原来说周五\n改到周六了"),  # the former one is asked for
        ("聚餐在哪", "原来说周五\n改到周六了"),  # another kind
        ("聚餐怎么样", "原来说周五\n改到周六了"),  # no kind
        ("一天卖多少碗", "面六十碗\n粉八十碗"),  # two values, none taken back
        ("一天卖多少碗馄饨", "面六十碗\n粉八十碗"),  # of something else
        ("票几号的", "不是15号\n也不是16号"),  # all of them denied
        ("花了多少钱", "是不是300块\n应该400块"),  # a doubt is no denial
        ("how much was it", "the first one was 30, the second 50"),
    ],
)
def test_any_other_line_is_told_whole(question: str, line: str) -> None:
    assert telling(question, line).words == line


@pytest.mark.parametrize(
    ("line", "is_taken_back"), [("本来要五个", True), ("五个吗？", True), ("不是五个", True), ("五个", False), ("没来", False)]
)
def test_a_line_whose_every_value_is_taken_back_says_so(line: str, is_taken_back: bool) -> None:
    assert telling("一共来了几个人", line).is_taken_back is is_taken_back
