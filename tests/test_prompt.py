"""The prompt: dates after words that mean a day, and the citation that a reply begins with."""

from datetime import UTC, date, datetime

import pytest

from clone_agent.day_words import date_day_words
from clone_agent.prompt import cite, line_words, may_be_citation, memory_line, split_citation
from clone_agent.records import Hit, Memory, Persona

MONDAY = date(2023, 10, 2)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("明天飞三亚", "明天（10月3号）飞三亚"),
        ("大后天才回", "大后天（10月5号）才回"),
        ("大前天就好了", "大前天（9月29号）就好了"),
        ("昨晚没睡", "昨晚（10月1号）没睡"),
        ("下周三见", "下周三（10月11号）见"),
        ("上个星期天那家", "上个星期天（10月1号）那家"),
        ("这周五行吗", "这周五（10月6号）行吗"),
        ("周三见", "周三见"),
        ("我以前天天跑步", "我以前天天跑步"),
        ("毕业以后天天加班", "毕业以后天天加班"),
        ("三天前天气好热", "三天前天气好热"),
        ("考试前天天熬夜", "考试前天天熬夜"),
        ("所以前天没去", "所以前天（9月30号）没去"),
        ("从前天开始的", "从前天（9月30号）开始的"),
        ("前天天气很好", "前天（9月30号）天气很好"),
        ("前天气死我了", "前天（9月30号）气死我了"),
        ("昨天前天都在", "昨天（10月1号）前天（9月30号）都在"),
        ("今天晚上周三那帮人也来", "今天（10月2号）晚上周三那帮人也来"),
        ("晚上上周三那帮人也来", "晚上上周三（9月27号）那帮人也来"),
        ("在微信上周三的同事说的", "在微信上周三的同事说的"),
        ("我问一下周三的会", "我问一下周三的会"),
        ("下周天气怎么样", "下周天气怎么样"),
        ("下周日本见", "下周日本见"),
        ("下周三个人去", "下周三个人去"),
        ("上周五一起吃的", "上周五（9月29号）一起吃的"),
        ("去日本周三走", "去日本周三走"),
        ("the day before yesterday", "the day before yesterday (Sep 30)"),
        ("the day after tomorrow then", "the day after tomorrow (Oct 4) then"),
        ("see you tomorrow", "see you tomorrow (Oct 3)"),
        ("Next Friday then", "Next Friday (Oct 13) then"),
        ("last night was fun, todays too", "last night (Oct 1) was fun, todays too"),
    ],
)
def test_a_word_that_means_one_day_is_followed_by_its_date(said: str, shown: str) -> None:
    assert date_day_words(said, said_on=MONDAY) == shown


def test_a_recalled_line_stands_on_one_line_with_its_days_dated() -> None:
    assert line_words("明天\n老地方", datetime(2023, 12, 31, 20, tzinfo=UTC)) == "明天（1月1号） 老地方"


@pytest.mark.parametrize(("number", "text"), [(0, "不记得了"), (3, "[2] 号线"), (12, "")])
def test_a_citation_comes_off_as_it_was_put_on(number: int, text: str) -> None:
    assert split_citation(cite(number, text)) == (number, text)


def test_a_reply_without_a_citation_stays_whole() -> None:
    assert split_citation("哈哈 [3] 什么") == (None, "哈哈 [3] 什么")


def test_a_citation_is_recognised_piece_by_piece() -> None:
    assert [may_be_citation("[12] 好"[:end]) for end in range(7)] == [True, True, True, True, True, False, False]
    assert not may_be_citation("[图片]"[:2])


def test_the_owner_goes_by_one_name_in_all_recalled_lines() -> None:
    at = datetime(2023, 10, 2, 21, 4, tzinfo=UTC)
    fields = {"conversation": "c", "conversation_name": "c", "started_at": at, "ended_at": at, "text": "到了", "message_ids": ("b",)}
    own = Memory(id="1", speaker="qq:1", speaker_name="林晚不晚睡", is_owner=True, **fields)
    other = Memory(id="2", speaker="qq:2", speaker_name="小明", is_owner=False, **fields)
    lines = [memory_line(number, Hit(memory=one, score=1.0), Persona(name="林晚")) for number, one in enumerate((own, other), start=1)]
    assert lines == ["[1] 2023-10-02 周一 21:04 林晚：到了", "[2] 2023-10-02 周一 21:04 小明：到了"]
