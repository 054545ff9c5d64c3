"""Time phrases mean what people mean by them, seen from Wednesday, 15 May 2024, eight in the evening."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.periods import festival
from memory.when import find_span, without_time

NOW = datetime(2024, 5, 15, 20, 0, tzinfo=ZoneInfo("Asia/Shanghai"))

# question, a moment that is meant, a moment that is not
CHINESE = [
    ("去年国庆我们去哪了", "2023-10-03", "2022-10-03"),
    ("国庆去了哪里", "2023-10-03", "2024-05-01"),
    ("前年春节谁来我家了", "2022-02-01", "2023-01-22"),
    ("今年过年吃的什么", "2024-02-10", "2023-01-22"),
    ("除夕那天谁没来", "2024-02-09", "2024-02-20"),
    ("大年初二去谁家了", "2024-02-11", "2024-02-13"),
    ("去年中秋的月饼谁送的", "2023-09-29", "2023-10-20"),
    ("元宵节的汤圆", "2024-02-24", "2024-02-10"),
    ("22年端午我在哪", "2022-06-03", "2023-06-22"),
    ("去年七夕他送了什么", "2023-08-22", "2023-08-30"),
    ("去年双十一买了什么", "2023-11-11", "2023-12-12"),
    ("平安夜我们去哪吃的", "2023-12-24", "2023-12-26"),
    ("五一去西湖了吗", "2024-05-02", "2023-10-01"),
    ("暑假打工那家店叫啥", "2023-07-20", "2023-12-01"),
    ("寒假回家的票谁抢的", "2024-01-25", "2023-08-01"),
    ("昨天说的那个餐厅", "2024-05-14 13:00", "2024-05-15 09:00"),
    ("昨晚吃的什么", "2024-05-14 20:00", "2024-05-14 09:00"),
    ("昨天下午几点开会", "2024-05-14 15:00", "2024-05-14 20:00"),
    ("今早谁给我打电话", "2024-05-15 08:00", "2024-05-15 15:00"),
    ("前天中午吃的啥", "2024-05-13 12:30", "2024-05-14 12:30"),
    ("大前天下雨了吗", "2024-05-12", "2024-05-13"),
    ("上周三一起吃饭的是谁", "2024-05-08", "2024-05-15"),
    ("上上周末去哪玩了", "2024-05-04", "2024-05-11"),
    ("上周末爬山的人", "2024-05-11", "2024-05-08"),
    ("这周一的作业", "2024-05-13", "2024-05-06"),
    ("上个星期天的电影", "2024-05-12", "2024-05-05"),
    ("星期五晚上干嘛了", "2024-05-10 21:00", "2024-05-10 09:00"),
    ("周日几点碰头", "2024-05-12", "2024-05-15"),
    ("三天前她发的照片", "2024-05-12", "2024-05-14"),
    ("两周前说的事", "2024-05-01", "2024-05-14"),
    ("半年前我换工作了吗", "2023-11-15", "2024-03-15"),
    ("一个月前的体检", "2024-04-15", "2024-05-14"),
    ("两年前谁去了日本", "2022-05-15", "2023-05-15"),
    ("一年半前的事", "2022-11-15", "2023-11-15"),
    ("几个月前提过的那本书", "2024-02-15", "2024-05-14"),
    ("上个月小明说了啥", "2024-04-10", "2024-03-10"),
    ("上上个月的房租", "2024-03-10", "2024-04-10"),
    ("上个月15号的会", "2024-04-15", "2024-04-16"),
    ("上个月底谁请客", "2024-04-28", "2024-04-05"),
    ("这个月花了多少钱", "2024-05-03", "2024-04-30"),
    ("年初的计划是什么", "2024-01-10", "2023-06-01"),
    ("去年年底谁结婚", "2023-12-20", "2023-06-01"),
    ("去年下半年他在干嘛", "2023-09-01", "2023-03-01"),
    ("今年上半年看的电影", "2024-03-01", "2023-03-01"),
    ("去年第三季度的奖金", "2023-08-01", "2023-11-01"),
    ("2022年冬天我在哪里", "2022-12-25", "2022-07-01"),
    ("去年夏天的旅行", "2023-07-15", "2024-01-01"),
    ("三年前的夏天在哪", "2021-07-15", "2022-07-15"),
    ("今年春天看樱花了吗", "2024-03-25", "2023-03-25"),
    ("冬天说要买的羽绒服", "2023-12-25", "2023-07-01"),
    ("5月1号我们干嘛了", "2024-05-01", "2024-05-02"),
    ("十月三号在哪", "2023-10-03", "2023-10-04"),
    ("去年3月5日的比赛", "2023-03-05", "2024-03-05"),
    ("2021年5月20日那天", "2021-05-20", "2021-05-21"),
    ("2023-05-07说了什么", "2023-05-07", "2023-05-08"),
    ("二零二二年的愿望", "2022-06-01", "2023-06-01"),
    ("3月份的出差", "2024-03-15", "2024-04-15"),
    ("今年3月底的考试", "2024-03-28", "2024-03-05"),
    ("十二月中旬发生了什么", "2023-12-15", "2023-12-28"),
    ("前几天说的那家店", "2024-05-10", "2024-05-01"),
    ("最近一周打球了吗", "2024-05-12", "2024-05-01"),
    ("最近在忙什么", "2024-05-01", "2023-12-01"),
    ("前阵子推荐的剧", "2024-04-01", "2023-11-01"),
]
ENGLISH = [
    ("What did we do last March?", "2024-03-10", "2023-05-10"),
    ("where did I go two weekends ago", "2024-05-05", "2024-05-12"),
    ("Where did we travel last spring?", "2023-04-10", "2024-04-10"),
    ("What did Ann say on 7 May 2023?", "2023-05-07", "2023-05-08"),
    ("what happened on October 3rd", "2023-10-03", "2023-10-04"),
    ("Who came over Christmas?", "2023-12-25", "2023-12-30"),
    ("What did we eat last Thanksgiving?", "2023-11-23", "2023-11-10"),
    ("what was in the news in May", "2024-05-05", "2024-04-05"),
    ("Who called last Friday night?", "2024-05-10 22:00", "2024-05-10 09:00"),
    ("what did she recommend a few weeks ago", "2024-04-20", "2024-05-14"),
    ("What did I plan at the end of last year?", "2023-12-15", "2023-06-15"),
    ("Where was I in 2022?", "2022-06-01", "2023-06-01"),
    ("in summer 2022 we met whom", "2022-07-15", "2022-12-15"),
    ("Who moved three years ago?", "2021-05-15", "2023-05-15"),
    ("Which city did I visit last month?", "2024-04-15", "2024-05-05"),
    ("what did you cook last night", "2024-05-14 21:00", "2024-05-14 09:00"),
    ("the day before yesterday she said what", "2024-05-13", "2024-05-14"),
    ("How much did I run during the last two weeks?", "2024-05-10", "2024-04-20"),
    ("what was my job in early 2023", "2023-01-20", "2023-07-20"),
    ("March of last year", "2023-03-10", "2024-03-10"),
    ("Did he write last week?", "2024-05-08", "2024-05-14"),
    ("what was that film two days ago", "2024-05-13", "2024-05-15"),
    ("What did we do at Easter?", "2024-03-31", "2024-04-20"),
    ("dinner on Chinese New Year", "2024-02-10", "2024-03-10"),
    ("what did she read recently", "2024-05-01", "2023-12-01"),
    ("half a year ago", "2023-11-15", "2024-03-15"),
]
NONE = [
    "小明几岁了",
    "三年级的老师叫什么",
    "周杰伦的演唱会谁去了",
    "我们认识多少年了",
    "他平时周末喜欢干什么",
    "明天几点碰头",
    "下周三的会在哪开",
    "妈妈的生日愿望",
    "What is my favourite spring song?",
    "May I ask what you ate?",
    "How long did the march take?",
    "next Friday's plan",
    "Who do you fall in love with",
]


@pytest.mark.parametrize(("question", "inside", "outside"), CHINESE + ENGLISH)
def test_a_phrase_means_its_time(question: str, inside: str, outside: str) -> None:
    span = find_span(question, now=NOW)
    assert span is not None
    assert span.start <= datetime.fromisoformat(inside).replace(tzinfo=NOW.tzinfo) < span.end
    assert not span.start <= datetime.fromisoformat(outside).replace(tzinfo=NOW.tzinfo) < span.end
    assert 0 < span.confidence <= 1


@pytest.mark.parametrize("question", NONE)
def test_a_question_without_a_past_time_has_none(question: str) -> None:
    assert find_span(question, now=NOW) is None


@pytest.mark.parametrize("question", ["5000年前这里有什么", "最近99999年", "9999999 days ago", "上" * 40_000 + "个月"])
def test_a_time_before_the_calendar_begins_is_none(question: str) -> None:
    assert find_span(question, now=NOW) is None


def test_the_subject_is_what_is_left_without_the_time() -> None:
    assert "".join(without_time("去年国庆和周屿爬的山").split()) == "和周屿爬的山"
    assert without_time("where did I go last spring").split() == ["where", "did", "I", "go"]


@pytest.mark.parametrize(
    ("year", "name", "first"),
    [
        (2023, "mid-autumn", date(2023, 9, 28)),
        (2033, "mid-autumn", date(2033, 9, 7)),
        (2024, "spring festival eve", date(2024, 2, 9)),
        (2024, "dragon boat", date(2024, 6, 9)),
        (2023, "thanksgiving", date(2023, 11, 23)),
        (2024, "mother", date(2024, 5, 12)),
        (2024, "easter", date(2024, 3, 29)),
    ],
)
def test_festivals_begin_when_the_almanac_says(year: int, name: str, first: date) -> None:
    found = festival(year, name)
    assert found is not None
    assert found.start.date() == first


def test_outside_the_table_a_lunar_festival_has_no_date() -> None:
    assert festival(1980, "mid-autumn") is None


@given(
    st.datetimes(min_value=datetime(2001, 1, 1), max_value=datetime(2040, 12, 31)), st.sampled_from([row[0] for row in CHINESE + ENGLISH])
)
def test_from_any_day_a_span_begins_in_the_past_and_lasts(now: datetime, question: str) -> None:
    span = find_span(question, now=now.replace(tzinfo=NOW.tzinfo))
    if span is not None:
        assert span.start <= now.replace(tzinfo=NOW.tzinfo)
        assert span.end - span.start >= timedelta(hours=3)
