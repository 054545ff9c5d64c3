"""The twenty kinds of time phrase, and seven questions without one, on which other libraries were measured: 18 right at most.

Of each phrase the first and the last day that are meant, and how many days the answer may span: half a year would hold every day too.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from memory.when import find_span

NOW = datetime(2024, 5, 15, 20, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
PHRASES = [
    ("去年国庆我们去哪了", date(2023, 10, 1), date(2023, 10, 7), 11),
    ("国庆去了哪里", date(2023, 10, 1), date(2023, 10, 7), 11),
    ("前年春节谁来我家了", date(2022, 2, 1), date(2022, 2, 6), 16),
    ("2022年冬天我们住哪", date(2022, 12, 1), date(2023, 1, 31), 125),
    ("去年双十一买了什么", date(2023, 11, 11), date(2023, 11, 11), 4),
    ("上上周末去哪玩了", date(2024, 5, 4), date(2024, 5, 5), 3),
    ("昨晚吃的什么", date(2024, 5, 14), date(2024, 5, 14), 1),
    ("上个月谁来过", date(2024, 4, 1), date(2024, 4, 30), 31),
    ("半年前说的那个项目", date(2023, 11, 10), date(2023, 11, 20), 125),
    ("上周三一起吃饭的是谁", date(2024, 5, 8), date(2024, 5, 8), 1),
    ("最近一周一起打球的有谁", date(2024, 5, 9), date(2024, 5, 15), 9),
    ("5月1号谁值班", date(2024, 5, 1), date(2024, 5, 1), 1),
    ("三天前说的那家店", date(2024, 5, 12), date(2024, 5, 12), 1),
    ("去年夏天在哪实习", date(2023, 6, 1), date(2023, 8, 31), 125),
    ("年初定的目标", date(2024, 1, 1), date(2024, 1, 31), 62),
    ("去年年底谁请客", date(2023, 12, 1), date(2023, 12, 31), 62),
    ("上半年考了什么", date(2024, 1, 1), date(2024, 5, 15), 183),
    ("暑假在哪打工", date(2023, 7, 10), date(2023, 8, 25), 70),
    ("五一去西湖了吗", date(2024, 5, 1), date(2024, 5, 5), 6),
    ("前天中午吃的啥", date(2024, 5, 13), date(2024, 5, 13), 1),
]
WITHOUT = ("她最喜欢的歌是什么", "我们怎么认识的", "一天喝几杯咖啡", "三国演义看完了吗", "谁借了我的相机", "天天向上好看吗", "两百块够不够")


@pytest.mark.parametrize(("question", "first", "last", "widest"), PHRASES)
def test_a_phrase_means_its_days_and_not_many_more(question: str, first: date, last: date, widest: int) -> None:
    span = find_span(question, now=NOW)
    assert span is not None
    assert span.start.date() <= first
    assert last <= (span.end - timedelta(seconds=1)).date()
    assert span.end - span.start <= timedelta(days=widest)


@pytest.mark.parametrize("question", WITHOUT)
def test_a_question_without_a_time_has_none(question: str) -> None:
    assert find_span(question, now=NOW) is None
