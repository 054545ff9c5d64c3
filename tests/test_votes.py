"""Blind votes: kept without words, counted with an interval, cast in the terminal."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from clone_agent.archive import Archive
from ui.cli import main
from ui.votes import SAME, Vote, ballot_of, keep_vote, read_votes, tallies, tally_between, wilson

QUESTIONS = ("去年国庆去哪了", "在干嘛", "喝什么")


def vote(better: str, kinds: tuple[str, str] = ("tuned", "tuned+memory")) -> Vote:
    return Vote(at=datetime(2024, 6, 1, tzinfo=UTC), kinds=kinds, better=better, ballot=ballot_of("q", [better, "x"]))


def test_votes_are_kept_for_the_owner_alone_and_counted_whichever_side_was_first(tmp_path: Path) -> None:
    cast = [
        vote("tuned+memory"),
        vote("tuned+memory", ("tuned+memory", "tuned")),
        vote("tuned"),
        vote(SAME),
        vote("base", ("base", "tuned")),
    ]
    for one in cast:
        keep_vote(tmp_path, one)
    path = tmp_path / "votes.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write('{"at": "2024-06-01T00:00:00+00:00", "kinds": ["tu\n{"better": "somebody else", "kinds": ["a", "b"]}\n')
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_votes(tmp_path) == cast
    first, second = tallies(read_votes(tmp_path))
    assert (first.kinds, first.wins, first.same) == (("tuned+memory", "tuned"), (2, 1), 1)
    assert first.share == pytest.approx(2 / 3)
    assert not first.is_clear
    assert second.kinds == ("base", "tuned")
    assert tally_between(cast, ("base", "server")).share is None


def test_the_interval_is_wilsons() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Newcombe 1998, by hand
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Archive.open(tmp_path / "home", create=True).close()
    return tmp_path / "home"


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    rows = [
        {
            "question": question,
            "answers": [
                {"kind": "base", "answer": "嗯", "error": None},
                {"kind": "tuned", "answer": f"猜的{number}", "error": None},
                {"kind": "tuned+memory", "answer": f"记得{number}\n真的", "error": "no" if question == "喝什么" else None},
            ],
        }
        for number, question in enumerate(QUESTIONS)
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def run(home: Path, *arguments: str | Path, said: str = "") -> Result:
    return CliRunner().invoke(main, ["vote", *map(str, arguments), "--home", str(home)], input=said)


def test_a_vote_goes_to_whoever_gave_the_answer_and_no_name_is_shown_before(home: Path, answers: Path) -> None:
    done = run(home, answers, said="1\n2\n")
    assert done.exit_code == 0, done.stderr
    asked = done.stdout[: done.stdout.index("kind")]
    assert "tuned" not in asked
    assert "记得0" in asked
    assert "猜的2" not in asked, "one answer failed"
    kept = read_votes(home)
    for number, (one, choice) in enumerate(zip(kept, (0, 1), strict=True)):
        shown = asked[asked.index(QUESTIONS[number]) :]
        is_memory_first = shown.index(f"记得{number}") < shown.index(f"猜的{number}")
        assert (one.better == "tuned+memory") == (is_memory_first == (choice == 0))
    assert not any(word in (home / "votes.jsonl").read_text(encoding="utf-8") for word in (*QUESTIONS, "记得", "猜"))


def test_the_order_is_drawn_anew_for_every_question(home: Path, answers: Path) -> None:
    firsts = {run(home, answers, said="q\n").stdout.partition("1  ")[2][:2] for _ in range(40)}
    assert firsts == {"猜的", "记得"}
    assert read_votes(home) == []


def test_what_was_voted_on_is_not_asked_again_and_json_tells_the_tally(home: Path, answers: Path) -> None:
    assert run(home, answers, said="=\nq\n").exit_code == 0
    done = run(home, answers, "--json", said="1\n")
    assert "1 question voted on before" in done.stderr
    told = json.loads(done.stdout)
    assert told["kept"] == 1
    (tally,) = told["tallies"]
    assert (tally["kind"], tally["other"], tally["same"], tally["wins"] + tally["losses"]) == ("tuned+memory", "tuned", 1, 1)
    assert tally["interval"] == pytest.approx(wilson(tally["wins"], 1))
    assert "0 votes" not in run(home).stdout
    assert "undecided" in run(home).stdout


def test_other_kinds_can_be_named_and_what_is_no_file_of_answers_is_refused(home: Path, answers: Path, tmp_path: Path) -> None:
    assert run(home, answers, "--between", "base,tuned", said="s\ns\n1\n").exit_code == 0
    assert read_votes(home)[0].better in {"base", "tuned"}
    assert run(home, answers, "--between", "base,server").exit_code == 2
    assert run(home, "--between", "base,tuned").exit_code == 2
    (tmp_path / "no.jsonl").write_text("秘密的话\n", encoding="utf-8")
    refused = run(home, tmp_path / "no.jsonl")
    assert refused.exit_code == 2
    assert "no.jsonl:1" in refused.stderr
    assert "秘密" not in refused.stderr
    (tmp_path / "gbk.jsonl").write_bytes("秘密的话".encode("gbk"))
    assert "not UTF-8" in run(home, tmp_path / "gbk.jsonl").stderr
    assert run(tmp_path / "none").exit_code == 10
