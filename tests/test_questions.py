"""Files of questions: plain lines, or JSON lines that say what is right."""

import json
from pathlib import Path

import pytest

from clone_agent.errors import UsageError
from ui.questions import read_questions


def test_comments_and_empty_lines_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text("# ours\r\n\r\n  # indented\r\n去年国庆去哪了\r\n", encoding="utf-8-sig", newline="")
    assert [question.text for question in read_questions(tmp_path / "q.txt")] == ["去年国庆去哪了"]


def test_a_json_line_may_hold_any_line_end_of_unicode(tmp_path: Path) -> None:
    line = json.dumps({"question": "去哪\u2028了\x85"}, ensure_ascii=False)
    (tmp_path / "q.jsonl").write_text(f"{line}\n{line}\n", encoding="utf-8")
    assert len(read_questions(tmp_path / "q.jsonl")) == 2


def test_a_line_that_is_no_question_is_named_without_its_words(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"question": "好"}\n{"answer": "黄山"}\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"q\.jsonl:2") as caught:
        read_questions(tmp_path / "q.jsonl")
    assert "黄山" not in str(caught.value)
