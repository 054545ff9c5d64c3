"""The invented worlds: their grammar, what the files that ship hold, and that no evaluation text is among it."""

import json
import re
import subprocess
import sys
from datetime import date, time
from pathlib import Path

import pytest

from clone_agent.errors import CloneError
from clone_agent.worlds import HERE, Question, World, read_worlds

ROOT = Path(__file__).parent.parent
TWO = """
# 合租
@ 小满
= 2022-09-08 13:40 | 阿树
1 阿树: 师傅没来
2 阿树：改到周一 10:00
3 小满: 服了

= 2022-09-09 08:00 | 群:家里
4 小满: 修好了
5 阿树: 是泵
= 2022-09-10 08:00 | 群:家里
6 阿树: 早
? 阿树 | 2022-10-01 | 热水器怎么了 | 5 1 2 | 泵坏了
! 小满 | 2022-10-02 | 师傅收了多少
# Flat
@ Priya
= 2022-01-01 00:00 | Tom
1 Tom: hi
? Tom | 2022-01-02 | who wrote | 1 | Tom
"""


def read(folder: Path, text: str) -> list[World]:
    (folder / "some.txt").write_text(text, encoding="utf-8")
    return list(read_worlds(folder))


@pytest.fixture(scope="module")
def shipped() -> list[World]:
    return list(read_worlds())


def test_a_file_holds_worlds_with_their_owners(tmp_path: Path) -> None:
    first, second = read(tmp_path, TWO)
    assert (first.title, first.owner, first.is_chinese) == ("合租", "小满", True)
    assert (second.title, second.owner, second.is_chinese) == ("Flat", "Priya", False)
    assert second.questions == [Question("Tom", date(2022, 1, 2), "who wrote", (0,))]


def test_files_are_chosen_by_their_names_without_the_number(tmp_path: Path) -> None:
    for name in ("kin-1", "kin-12", "kinder-1"):
        (tmp_path / f"{name}.txt").write_text(f"# {name}\n@ Ann\n", encoding="utf-8")
    assert [world.title for world in read_worlds(tmp_path, kinds=("kin",))] == ["kin-1", "kin-12"]
    assert len(list(read_worlds(tmp_path))) == 3
    assert [world.title for world in read_worlds(tmp_path, without=("kin",))] == ["kinder-1"]


def test_neighbouring_bubbles_of_one_person_are_one_passage_within_a_talk(tmp_path: Path) -> None:
    passages = read(tmp_path, TWO)[0].passages
    assert [(passage.talk, passage.speaker, passage.text) for passage in passages] == [
        (1, "阿树", "师傅没来\n改到周一 10:00"),
        (1, "小满", "服了"),
        (2, "小满", "修好了"),
        (2, "阿树", "是泵"),
        (3, "阿树", "早"),
    ]
    assert passages[0].said_on == date(2022, 9, 8)
    assert [passage.chat for passage in passages] == ["阿树", "阿树", "", "", ""]
    assert [passage.group for passage in passages] == ["", "", "家里", "家里", "家里"]
    assert [passage.clock for passage in passages] == [time(13, 40), time(13, 40), time(8), time(8), time(8)]


def test_a_question_names_the_passages_of_its_bubbles_once_and_in_order(tmp_path: Path) -> None:
    asked, unanswered = read(tmp_path, TWO)[0].questions
    assert asked == Question("阿树", date(2022, 10, 1), "热水器怎么了", (3, 0))
    assert unanswered == Question("小满", date(2022, 10, 2), "师傅收了多少", ())


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        (10, "= 2022-09-09 | 群:家里"),  # no time: no talk head
        (10, "= 2022-13-09 08:00 | 群:家里"),  # no such month
        (10, "= 2022-09-09 24:30 | 群:家里"),  # no such time
        (5, "阿树: 师傅没来"),  # no number
        (12, "5 阿树"),  # nobody's words
        (15, "? 阿树 | 2022-10-01 | 热水器怎么了 | 9 | 泵坏了"),  # no such line
        (15, "? 阿树 | 2022-10-01 | 热水器怎么了 | x | 泵坏了"),
        (15, "? 阿树 | 2022-10-01 | 热水器怎么了 |  | 泵坏了"),  # names no line
        (15, "? 阿树 | 2022-10-32 | 热水器怎么了 | 5 | 泵坏了"),
        (15, "? 阿树 | 2022-10-01 | 热水器怎么了 | 5"),  # no answer
        (16, "! 小满 | 2022-10-02"),
        (16, "* 小满 | 2022-10-02 | 师傅收了多少"),
    ],
)
def test_an_error_names_file_and_line_and_nobodys_words(tmp_path: Path, line: int, wrong: str) -> None:
    lines = TWO.splitlines()
    lines[line - 1] = wrong
    with pytest.raises(CloneError) as caught:
        read(tmp_path, "\n".join(lines))
    assert caught.value.problem == f"some.txt, line {line}: no line of a world."
    assert "README.md" in caught.value.remedy


@pytest.mark.parametrize("line", ["@ 小满", "1 阿树: 早"])
def test_a_line_before_the_first_world_is_an_error(tmp_path: Path, line: str) -> None:
    with pytest.raises(CloneError, match="line 2"):
        read(tmp_path, f"\n{line}\n{TWO}")


def test_a_bubble_before_the_first_talk_of_its_world_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CloneError, match="line 18"):
        read(tmp_path, TWO.replace("= 2022-01-01 00:00 | Tom\n", ""))


def test_every_shipped_world_is_whole(shipped: list[World]) -> None:
    assert len(shipped) > 200
    for world in shipped:
        speakers = {passage.speaker for passage in world.passages}
        days = [passage.said_on for passage in world.passages]
        assert world.owner in speakers, world.title
        assert days == sorted(days), world.title
        assert all(passage.speaker in {world.owner, passage.chat} for passage in world.passages if passage.chat), world.title
        assert any(question.gold for question in world.questions), world.title
        assert any(not question.gold for question in world.questions), world.title


def test_a_question_is_asked_after_its_lines_were_written(shipped: list[World]) -> None:
    for world in shipped:
        for question in world.questions:
            assert all(world.passages[place].said_on <= question.asked_on for place in question.gold), (world.title, question.text)


def test_bubbles_are_numbered_from_one_in_every_shipped_world() -> None:
    for path in HERE.glob("*.txt"):
        for world in re.split(r"^# ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            title, *lines = world.split("\n")
            numbers = [int(line.split(" ")[0]) for line in lines if line[:1].isdecimal()]
            assert numbers == list(range(1, len(numbers) + 1)), (path.name, title)


def overlap(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "worlds_overlap.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")


def test_the_worlds_share_nothing_with_the_sample_life_and_the_readme_says_how_many_there_are() -> None:
    done = overlap()
    assert done.returncode == 0, done.stderr
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    worlds, chinese, bubbles, _, questions, unanswered = re.findall(r"\d+", "".join(done.stdout.splitlines()[:2]))
    for count in (worlds, chinese, f"{int(bubbles):,}", f"{int(questions):,}", f"{int(unanswered):,}"):
        assert f"{count} " in readme
    runs, texts, shared = re.findall(r"\d+", done.stdout.splitlines()[2])
    assert f"{int(texts):,} texts" in readme
    assert f"{int(runs):,} runs" in readme
    assert shared == "0"


def test_a_text_that_a_reference_set_holds_is_found(tmp_path: Path) -> None:
    (tmp_path / "worlds").mkdir()
    (tmp_path / "worlds" / "some.txt").write_text(TWO.replace("修好了", "我们家的热水器总算修好了"), encoding="utf-8")
    (tmp_path / "sets").mkdir()
    text = json.dumps({"text": "我们家的热水器，总算修好了！"}, ensure_ascii=False)
    (tmp_path / "sets" / "turns.jsonl").write_text(text, encoding="utf-8")
    done = overlap("--worlds", str(tmp_path / "worlds"), "--exclude", str(tmp_path / "sets"))
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "我们家的热水器总算修好了"
