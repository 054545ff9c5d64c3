"""What the terminal shows: straight tables, JSON alone on stdout, no markup from messages, no words in faults."""

import json
import os
import shlex
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from clone_agent.errors import ExportError
from ui.show import Screen, count, day, show_error, show_unexpected, size, typed

ROOT = Path(__file__).parent.parent


def test_json_has_stdout_to_itself(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(as_json=True)
    screen.say("18 messages")
    screen.table(("name",), [("小明",)])
    screen.next("clone-agent tune")
    screen.result({"messages": 18, "first": datetime(2022, 10, 2, tzinfo=timezone(timedelta(hours=8))), "who": "小明"})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"messages": 18, "first": "2022-10-02T00:00:00+08:00", "who": "小明"}
    assert "18 messages" in err
    assert "Next: clone-agent tune" in err


def test_for_people_results_go_to_stdout_and_warnings_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    screen.say("18 messages")
    screen.warn("3 chats are stale")
    screen.result({"messages": 18})
    out, err = capsys.readouterr()
    assert out == "18 messages\n"
    assert err == "3 chats are stale\n"


def test_a_screen_beside_another_ones_json_leaves_stdout_alone(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(beside=True)
    screen.say("18 messages")
    screen.result({"messages": 18})
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "18 messages\n"


def test_columns_stay_straight_beside_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().table(("who", "said"), [("小明", "a"), ("Mia", "b"), ("古丽", "c")])
    lines = capsys.readouterr().out.splitlines()
    columns = [
        sum(2 if character > "\u2e80" else 1 for character in line[: line.rindex(mark)])
        for line, mark in zip(lines[-4:], "abc", strict=False)
        if mark in line
    ]
    assert len(set(columns)) == 1
    assert len(columns) == 3


def test_markup_in_messages_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    screen.say("[bold]粗[/bold] :smile: [图片]")
    screen.table(("said",), [("[red]红[/red] [图片]",)])
    out = capsys.readouterr().out
    assert "[bold]粗[/bold] :smile: [图片]" in out
    assert "[red]红[/red] [图片]" in out


def test_without_a_terminal_there_is_no_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen().progress("Reading", unit="records") as advance:
        advance(5, 10, "half")
        advance(10)
    assert capsys.readouterr() == ("", "")


def test_an_expected_error_is_its_problem_and_its_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(ExportError("chat.txt:3: no time stamp.", remedy="Export the chat as text."))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["Error: chat.txt:3: no time stamp.", "Export the chat as text."]


def test_a_fault_is_reported_by_place_and_never_by_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        {}["小明的秘密"]
    except KeyError as error:
        show_unexpected(error)
    err = capsys.readouterr().err
    assert "KeyError" in err
    assert "test_show.py" in err
    assert "秘密" not in err


def test_output_comes_through_whatever_the_terminal_is_able_to_write() -> None:
    code = "from ui.show import *; print_anything(); Screen().say('山😀'); Screen(as_json=True).result({'said': '山😀'})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": "gbk", "PYTHONUTF8": "0"},
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    said, told = done.stdout.decode("gbk").splitlines()
    assert said == "山?"
    assert json.loads(told) == {"said": "山😀"}


def test_a_path_stands_in_the_next_command_as_a_shell_takes_it() -> None:
    assert typed("exports/浩哥.txt") == "exports/浩哥.txt"
    for name in ("WhatsApp Chat with Ben (Work).txt", "it's.txt", "$(x).txt"):
        assert shlex.split(typed(Path(name))) == [name]


def test_numbers_are_written_for_people() -> None:
    assert count(1, "message") == "1 message"
    assert count(18_204, "message") == "18,204 messages"
    assert count(2, "person", "people") == "2 people"
    assert [size(number) for number in (999, 1_500, 3_400_000, 2_100_000_000)] == ["999 B", "1.5 kB", "3.4 MB", "2.1 GB"]
    assert day(None) == "–"


def test_input_in_another_encoding_ends_no_talk() -> None:
    code = "import sys; from ui.show import print_anything; print_anything(); print(ascii(sys.stdin.read()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        cwd=ROOT,
        input="在吗".encode("gbk") + b"\n",
        capture_output=True,
        check=True,
    )
    assert b"\\ufffd" in done.stdout
    again = "import sys; from ui.show import print_anything; sys.stdin.readline(); print_anything(); print(sys.stdin.readline())"
    read = subprocess.run([sys.executable, "-c", again], cwd=ROOT, input=b"1\n2\n", capture_output=True, check=True)
    assert read.stdout.split() == [b"2"], "an input that was read from before is left as it is"
