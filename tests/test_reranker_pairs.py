"""What the cross-encoder is shown around a passage."""

from collections.abc import Sequence
from datetime import date

import pytest

from memory.reranker.pairs import ASKER, OWNER, Said, passage_text

DAY = date(2024, 5, 1)


def around(before: Sequence[str], after: Sequence[str] = ()) -> list[str]:
    """The lines that stand around a passage, without its day and itself."""
    text = passage_text(
        Said(OWNER, "三点"),
        said_on=DAY,
        asked_on=DAY,
        chat="阿树",
        before=[Said(ASKER, line) for line in before],
        after=[Said(ASKER, line) for line in after],
        language="zh",
    )
    head, *lines = text.split(" / ")
    assert head == "今年5月1日 周三 阿树"
    lines.remove("<mask> 你: 三点 <mask>")
    return lines


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        (["一", "二", "三", "四", "五", "六"], ["我: 二", "我: 三", "我: 四", "我: 五", "我: 六"]),  # five at most
        (["长" * 60, "第二句", "三"], ["我: 第二句", "我: 三"]),  # a third one only where it is short
        (["短", "长" * 60, "第三句"], [f"我: {'长' * 48}…", "我: 第三句"]),  # the last two always, each cut
        (["短", "长" * 60, "第三句", "四"], ["我: 第三句", "我: 四"]),  # nothing that stands before what is too long
        ([], []),
    ],
)
def test_the_last_two_lines_before_are_shown_and_more_where_they_are_short(before: list[str], shown: list[str]) -> None:
    assert around(before) == shown


def test_one_line_after_is_shown() -> None:
    assert around(["哪天"], ["好", "带伞"]) == ["我: 哪天", "我: 好"]
