"""More time phrases, seen from Wednesday, 15 May 2024: by hand, and against dateparser where it knows the phrase."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dateparser
import pytest

from memory.when import find_span, without_time

NOW = datetime(2024, 5, 15, 20, 0, tzinfo=ZoneInfo("Asia/Shanghai"))

# question, a moment that is meant, a moment that is not
BY_HAND = [
    ("前天晚上谁打的电话", "2024-05-13 21:00", "2024-05-14 21:00"),
    ("昨天凌晨三点谁还没睡", "2024-05-14 03:00", "2024-05-14 15:00"),
    ("今天上午开会说了啥", "2024-05-15 10:00", "2024-05-15 15:00"),
    ("今天中午吃的哪家", "2024-05-15 12:00", "2024-05-14 12:00"),
    ("上周五下班后去哪了", "2024-05-10", "2024-05-03"),
    ("上星期二的牙医", "2024-05-07", "2024-05-14"),
    ("上上周三的考试", "2024-05-01", "2024-05-08"),
    ("上个周末下雨了吗", "2024-05-11", "2024-05-05"),
    ("这周二的快递谁拿的", "2024-05-14", "2024-05-07"),
    ("本周的作业写完没", "2024-05-14", "2024-05-11"),
    ("上周谁感冒了", "2024-05-08", "2024-05-14"),
    ("上礼拜买的鞋多少钱", "2024-05-08", "2024-05-14"),
    ("上个月初交的房租", "2024-04-03", "2024-04-25"),
    ("上月中旬的体检", "2024-04-15", "2024-04-28"),
    ("这个月初去哪了", "2024-05-04", "2024-04-04"),
    ("两个月前看的话剧", "2024-03-15", "2024-05-10"),
    ("三个月前换的手机", "2024-02-15", "2024-05-10"),
    ("五天前的晚饭", "2024-05-10", "2024-05-13"),
    ("十天前他说的", "2024-05-05", "2024-05-14"),
    ("一周前借的书", "2024-05-08", "2024-05-14"),
    ("三周之前的那场球", "2024-04-24", "2024-05-12"),
    ("四年前毕业典礼谁来了", "2020-05-15", "2022-05-15"),
    ("去年一月的雪", "2023-01-15", "2024-01-15"),
    ("今年二月回家了吗", "2024-02-15", "2024-04-15"),
    ("去年8月份谁来过", "2023-08-15", "2023-10-15"),
    ("前年十月去哪玩了", "2022-10-15", "2023-10-15"),
    ("2020年3月那阵子", "2020-03-15", "2020-06-15"),
    ("21年国庆在哪", "2021-10-03", "2022-10-03"),
    ("前年中秋寄的月饼", "2022-09-10", "2023-09-29"),
    ("去年端午吃的粽子", "2023-06-22", "2023-08-22"),
    ("去年清明扫墓谁开的车", "2023-04-05", "2024-04-04"),
    ("元旦跨年在哪过的", "2024-01-01", "2024-05-01"),
    ("情人节收到什么", "2024-02-14", "2024-03-14"),
    ("妇女节发了什么福利", "2024-03-08", "2024-05-08"),
    ("儿童节送外甥什么了", "2023-06-01", "2024-03-01"),
    ("教师节给谁送花", "2023-09-10", "2024-03-10"),
    ("万圣节扮的什么", "2023-10-31", "2024-04-30"),
    ("母亲节给妈买了啥", "2024-05-12", "2024-04-12"),
    ("去年父亲节", "2023-06-18", "2024-05-18"),
    ("去年圣诞节的礼物", "2023-12-25", "2023-11-25"),
    ("重阳节爬的哪座山", "2023-10-23", "2024-03-23"),
    ("去年正月十五的灯会", "2023-02-05", "2023-06-05"),
    ("大年初三谁来拜年", "2024-02-12", "2024-02-20"),
    ("去年暑假的兼职", "2023-07-20", "2023-12-20"),
    ("前年寒假学的什么", "2022-01-25", "2022-10-25"),
    ("去年年初说的目标", "2023-01-15", "2023-08-15"),
    ("前年年底搬的家", "2022-12-15", "2022-06-15"),
    ("去年上半年换了几份工作", "2023-03-15", "2023-10-15"),
    ("去年冬天的热水袋", "2023-12-25", "2023-07-25"),
    ("今年开春种的花", "2024-03-15", "2023-10-15"),
    ("2023年秋天的红叶", "2023-10-20", "2023-04-20"),
    ("6月18号买的空调", "2023-06-18", "2024-03-18"),
    ("去年9月1日开学", "2023-09-01", "2023-09-03"),
    ("二月十四号的电影", "2024-02-14", "2024-02-20"),
    ("2023/11/11买了什么", "2023-11-11", "2023-11-12"),
    ("2022.5.20那天", "2022-05-20", "2022-05-21"),
    ("过去三天谁找过我", "2024-05-13", "2024-05-01"),
    ("近两个月看的书", "2024-04-20", "2024-01-20"),
    ("最近半年去过哪", "2024-02-15", "2023-08-15"),
    ("前两天说的那个人", "2024-05-13", "2024-04-25"),
    ("这几天谁请假了", "2024-05-13", "2024-04-30"),
    ("前段时间聊的项目", "2024-04-15", "2023-11-15"),
    ("不久前提到的餐厅", "2024-04-25", "2023-11-15"),
    ("what did he say yesterday morning", "2024-05-14 09:00", "2024-05-14 20:00"),
    ("Who was sick last week?", "2024-05-08", "2024-05-14"),
    ("what did we watch last weekend", "2024-05-11", "2024-05-08"),
    ("who did I meet last Thursday", "2024-05-09", "2024-05-02"),
    ("where was I on Sunday", "2024-05-12", "2024-05-14"),
    ("what did she cook on Monday evening", "2024-05-13 19:00", "2024-05-13 09:00"),
    ("which book did I buy this month", "2024-05-10", "2024-04-10"),
    ("what did we argue about this week", "2024-05-14", "2024-05-08"),
    ("Where did I live five years ago?", "2019-05-15", "2022-05-15"),
    ("who visited three weeks ago", "2024-04-24", "2024-05-12"),
    ("what did he buy a month ago", "2024-04-15", "2024-05-14"),
    ("what happened six months ago", "2023-11-15", "2024-04-15"),
    ("what did we plan in January", "2024-01-15", "2024-03-15"),
    ("who got married in June 2022", "2022-06-15", "2022-09-15"),
    ("what did you say in late 2022", "2022-12-10", "2022-05-10"),
    ("which trip was in mid 2023", "2023-06-20", "2023-12-20"),
    ("where did we go in the first half of 2023", "2023-03-15", "2023-10-15"),
    ("what did Ann write on May 7, 2023", "2023-05-07", "2023-05-09"),
    ("who called on 2023-11-03", "2023-11-03", "2023-11-05"),
    ("What did we do on New Year's Eve?", "2023-12-31", "2024-02-01"),
    ("who came for Thanksgiving", "2023-11-23", "2024-02-23"),
    ("what did I wear on Halloween", "2023-10-31", "2024-03-31"),
    ("what did I get for Valentine's Day", "2024-02-14", "2024-04-14"),
    ("Where were we last summer?", "2023-07-15", "2024-02-15"),
    ("what broke last winter", "2024-01-15", "2023-08-15"),
    ("how was fall 2023", "2023-10-15", "2023-03-15"),
    ("what did she tell me the other day", "2024-05-10", "2024-02-10"),
    ("what have I read over the past month", "2024-04-25", "2024-01-25"),
    ("who has written in the last three days", "2024-05-13", "2024-05-01"),
    ("what did he say earlier this year", "2024-02-15", "2023-08-15"),
    ("what did we eat tonight", "2024-05-15 19:00", "2024-05-15 09:00"),
    ("what was said this morning", "2024-05-15 08:00", "2024-05-15 18:00"),
]
NONE = [
    "你几点睡觉",
    "下个月去哪玩",
    "后天谁来接我",
    "明年的计划",
    "他一年级的同桌是谁",
    "每周五都去的那家店",
    "五月天的演唱会门票",
    "小雨几月出生",
    "What will we do tomorrow?",
    "How old is he?",
    "what does she do every Sunday",
    "Is March her name?",
]
# question, first day that is meant, last day; for words that hold, or stand beside, others of another time. As of 2024-06-19, a Wednesday.
JUNE = datetime(2024, 6, 19, 15, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
EXACT = [
    ("上周五一起吃饭的是谁", "2024-06-14", "2024-06-14"),
    ("周五一起吃饭的是谁", "2024-06-14", "2024-06-14"),
    ("周六一起去的那家店叫什么", "2024-06-15", "2024-06-15"),
    ("上周六一共花了多少钱", "2024-06-15", "2024-06-15"),
    ("上个周六一起吃的什么", "2024-06-15", "2024-06-15"),
    ("星期五四点开会说了啥", "2024-06-14", "2024-06-14"),
    ("五一一起去哪了", "2024-05-01", "2024-05-05"),
    ("正月十五一起看灯的是谁", "2024-02-24", "2024-02-24"),
    ("520他送了什么", "2024-05-20", "2024-05-20"),
    ("上周天气怎么样", "2024-06-10", "2024-06-16"),
    ("上周天谁来了", "2024-06-16", "2024-06-16"),
    ("上周一直下雨吗", "2024-06-10", "2024-06-16"),
    ("上周一一起吃的谁", "2024-06-10", "2024-06-10"),
    ("上周日本队赢了吗", "2024-06-10", "2024-06-16"),
    ("上周2次开会说了什么", "2024-06-10", "2024-06-16"),
    ("上周5吃的什么", "2024-06-14", "2024-06-14"),
    ("去年你到底花了多少钱", "2023-01-01", "2023-12-31"),
    ("去年高中同学聚会在哪", "2023-01-01", "2023-12-31"),
    ("去年初中同学聚会在哪", "2023-01-01", "2023-12-31"),
    ("去年期末考试考了多少分", "2023-01-01", "2023-12-31"),
    ("去年底薪多少", "2023-01-01", "2023-12-31"),
    ("去年中考考了多少", "2023-01-01", "2023-12-31"),
    ("去年去长春玩了几天", "2023-01-01", "2023-12-31"),
    ("2022年中国队赢了吗", "2022-01-01", "2022-12-31"),
    ("去年底谁请客", "2023-11-15", "2023-12-31"),
    ("去年的年底谁请客", "2023-11-15", "2023-12-31"),
    ("2022年初定的目标", "2022-01-01", "2022-02-28"),
    ("去年中谁辞职了", "2023-05-15", "2023-07-31"),
    ("去年春在哪", "2023-02-04", "2023-05-31"),
    ("去年深秋在哪", "2023-08-07", "2023-11-30"),
    ("三年前年底在哪", "2021-11-15", "2021-12-31"),
    ("上个月中我们去哪了", "2024-05-10", "2024-05-21"),
    ("三月初中同学聚会在哪", "2024-03-01", "2024-03-31"),
    ("三天前天气怎么样", "2024-06-16", "2024-06-16"),
    ("三天前晚上吃的什么", "2024-06-16", "2024-06-17"),
    ("大前天天气怎么样", "2024-06-16", "2024-06-16"),
    ("前天天气怎么样", "2024-06-17", "2024-06-17"),
    ("所以前天谁没来", "2024-06-17", "2024-06-17"),
    ("项目前天上线了吗", "2024-06-17", "2024-06-17"),
    ("昨天晚上月亮好圆是在哪看的", "2024-06-18", "2024-06-19"),
    ("晚上上周三那家店", "2024-06-12", "2024-06-13"),
    ("十几天前我们去哪了", "2024-05-30", "2024-06-08"),
    ("二十多天前我们去哪了", "2024-05-20", "2024-05-29"),
    ("十几年前我们在哪", "2004-06-19", "2014-06-19"),
    ("十几年前的夏天我们在哪", "2004-06-19", "2014-06-19"),
    ("in March last year where did we go", "2023-03-01", "2023-03-31"),
    ("where did we go last year in March", "2023-03-01", "2023-03-31"),
    ("where were we in March of last year", "2023-03-01", "2023-03-31"),
    ("who came two years ago in March", "2022-03-01", "2022-03-31"),
    ("who came in March two years ago", "2022-03-01", "2022-03-31"),
    ("where were we the year before last in May", "2022-05-01", "2022-05-31"),
    ("who came in early March the year before last", "2022-03-01", "2022-03-11"),
    ("where did we go on May 3rd last year", "2023-05-03", "2023-05-03"),
    ("in 2022, what did we do on May 3rd", "2022-05-03", "2022-05-03"),
    ("what did we do in the summer of last year", "2023-05-05", "2023-08-31"),
    ("what did we do in the summer last year", "2023-05-05", "2023-08-31"),
    ("what did we do summer last year", "2023-05-05", "2023-08-31"),
    ("where did we go last year in the spring", "2023-02-04", "2023-05-31"),
    ("what did you say on Christmas two years ago", "2022-12-24", "2022-12-26"),
    ("what did I say this year about Christmas", "2024-01-01", "2024-12-31"),
    ("what did you say in March 2023 about last year", "2023-03-01", "2023-03-31"),
    ("what did you say on Monday last week", "2024-06-10", "2024-06-10"),
]
NO_TIME = [
    "工资5200什么时候发的",
    "红包520块是谁发的",
    "你目前年薪多少",
    "以前年轻的时候你喜欢什么",
    "大前年轻松吗",
    "你以前天天跑步吗",
    "大前天天跑步吗",
    "考试前天天熬夜吗",
    "以后天天跑步吗",
    "你以前晚上几点睡",
    "这月亮好圆是谁说的",
    "他上一年级的时候",
    "下周五一起去哪",
    "明年五一去哪",
    "明年国庆的票谁买",
    "what do we do for Christmas next year",
    "what do we do in March next year",
    "what do we do on May 3rd next year",
]
# Phrases that dateparser knows, where one day is meant and where a rough date is.
DAYS = ["yesterday", "2 days ago", "3 days ago", "5 days ago", "12 days ago", "7 May 2023", "May 7, 2023", "2023-05-07", "3 October 2022"]
DAYS += ["昨天", "前天", "3天前", "5天前", "12天前", "2023年5月7日", "2022年10月3日", "2024年2月29日"]
ABOUT = [f"{count} {unit}s ago" for unit in ("week", "month", "year") for count in (2, 3, 5)]
ABOUT += [f"{count}{unit}前" for unit in ("周", "个月", "年") for count in (2, 3, 5)]


@pytest.mark.parametrize(("question", "inside", "outside"), BY_HAND)
def test_a_phrase_means_its_time(question: str, inside: str, outside: str) -> None:
    span = find_span(question, now=NOW)
    assert span is not None
    assert span.start <= datetime.fromisoformat(inside).replace(tzinfo=NOW.tzinfo) < span.end
    assert not span.start <= datetime.fromisoformat(outside).replace(tzinfo=NOW.tzinfo) < span.end


@pytest.mark.parametrize("question", NONE)
def test_what_is_no_past_time_has_none(question: str) -> None:
    assert find_span(question, now=NOW) is None


@pytest.mark.parametrize(("question", "first", "last"), EXACT)
def test_a_phrase_means_its_days_whatever_word_could_be_read_across_its_end(question: str, first: str, last: str) -> None:
    span = find_span(question, now=JUNE)
    assert span is not None
    assert (f"{span.start:%Y-%m-%d}", f"{span.end - timedelta(seconds=1):%Y-%m-%d}") == (first, last)


@pytest.mark.parametrize("question", NO_TIME)
def test_a_word_read_across_two_others_is_no_time(question: str) -> None:
    assert find_span(question, now=JUNE) is None


def test_the_subject_keeps_its_words_beside_a_time() -> None:
    assert "".join(without_time("上周五一起吃饭的是谁").split()) == "一起吃饭的是谁"
    assert "".join(without_time("上周天气怎么样").split()) == "天气怎么样"


def by_dateparser(phrase: str) -> datetime:
    languages = ["en"] if phrase.isascii() else ["zh"]
    settings = {"RELATIVE_BASE": NOW.replace(tzinfo=None), "PREFER_DATES_FROM": "past", "RETURN_AS_TIMEZONE_AWARE": False}
    found = dateparser.parse(phrase, languages=languages, settings=settings)
    assert found is not None
    return found.replace(tzinfo=NOW.tzinfo)


@pytest.mark.parametrize("phrase", DAYS)
def test_a_day_is_the_day_that_dateparser_finds(phrase: str) -> None:
    span = find_span(f"what was that {phrase}" if phrase.isascii() else f"{phrase}说的那家店", now=NOW)
    assert span is not None
    assert span.start <= by_dateparser(phrase) < span.end
    assert span.end - span.start <= timedelta(days=1)


@pytest.mark.parametrize("phrase", ABOUT)
def test_a_rough_date_holds_the_moment_that_dateparser_finds(phrase: str) -> None:
    span = find_span(f"what was that {phrase}" if phrase.isascii() else f"{phrase}说的那家店", now=NOW)
    assert span is not None
    assert span.start <= by_dateparser(phrase) < span.end
    assert span.end < NOW
