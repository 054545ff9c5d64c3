"""`backtest` and `leak-test` from the command line, with a tiny GLM on one chat of the sample life."""

import json
import sqlite3
from datetime import datetime
from pathlib import Path

import pytest
import tiny_glm
from click.testing import CliRunner, Result

import ui.backtest.run
from ui.backtest.voices import load_speaker, measure
from ui.cli import main

COUSIN = Path(__file__).parent.parent / "clone_agent" / "sample_life" / "exports" / "qq" / "浩哥.txt"
KINDS = ["the owner", "the owner, before", "base", "base + memory", "lora", "lora + memory"]


def run(home: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--home", str(home)])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_glm.save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert run(tmp_path / "home", "import", COUSIN, "--timezone", "Asia/Shanghai").exit_code == 0
    return tmp_path / "home"


def test_a_backtest_goes_on_after_an_interrupt_never_knows_the_hidden_weeks_and_reports(
    home: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"question": "你去过西安吗", "category": "never"}\n', encoding="utf-8")
    command = ["backtest", "--base", base, "--methods", "lora", "--max-steps", "1", "--limit", "10", "--weeks", "30"]
    command += ["--questions", questions, "--replies", "2", "--out", tmp_path / "out", "--json"]
    measured: list[str] = []

    def interrupting(kept, name, *rest, **options):  # type: ignore[no-untyped-def]  # passes everything on
        if name == "base+memory" and not measured[1:]:
            raise KeyboardInterrupt
        measured.append(name)
        return measure(kept, name, *rest, **options)

    monkeypatch.setattr(ui.backtest.run, "measure", interrupting)
    assert run(home, *command).exit_code == 130
    work = home / "tmp" / "backtest"
    cut = datetime.fromisoformat(json.loads((work / "run.json").read_text(encoding="utf-8"))["cut"])
    with sqlite3.connect(work / "past" / "archive.sqlite3") as past:
        assert past.execute("SELECT max(sent_at) FROM messages").fetchone()[0] < cut.timestamp() * 1000
    replies = (work / "base.replies.jsonl").read_text(encoding="utf-8")
    assert len(replies.split()) >= 10

    loads: list[Path | None] = []
    monkeypatch.setattr(ui.backtest.run, "measure", measure)
    monkeypatch.setattr(ui.backtest.run, "load_speaker", lambda name, adapter: loads.append(adapter) or load_speaker(name, adapter))
    done = run(home, *command)
    assert done.exit_code == 0, done.stderr
    assert "the same command goes on" in done.stderr
    assert "base: done; about " in done.stderr
    assert [path is None for path in loads] == [True, False]  # the base once, for its part with memory alone
    assert not work.exists()
    told = json.loads(done.stdout)
    assert [one["kind"] for one in told["figures"]] == KINDS
    assert set(told["figures"][2]["ordinary"]) == {"loss", "on_topic", "degenerate"}
    assert [one["complaint"] for one in told["verdicts"]] == ["Replies too short", "Replies beside the point", "Forgets"]
    assert told["figures"][0]["distance"] == {"length": 0, "bubbles": 0, "punctuation": 0, "emoji": 0}
    report = (tmp_path / "out" / "backtest.md").read_text(encoding="utf-8")
    assert all(kind in report for kind in KINDS)
    assert all(f"**{word}**" in report for word in ("Replies too short", "Replies beside the point", "Forgets"))
    assert "clone-agent backtest --weeks 30" in report
    assert (tmp_path / "out" / "backtest" / "authorship.svg").is_file()


def test_a_leak_test_reports_every_speaker_and_number_of_repeats(home: Path, base: Path, tmp_path: Path) -> None:
    done = run(home, "leak-test", "--base", base, "--methods", "lora", "--max-steps", "1", "--canaries", "1", "--out", tmp_path, "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert list(told["voices"]) == ["base", "lora"]
    rows = [(one["is_owners"], one["repeats"]) for one in told["voices"]["lora"]]
    assert rows == [(True, 1), (True, 4), (True, 16), (False, 1), (False, 4), (False, 16)]
    assert told["planted"] == 42
    assert told["learned"]["owner"] == 3  # a long text that is sent again word for word is learned once
    assert told["learned"]["others"] > 15
    assert "owner ×16" in (tmp_path / "leak.md").read_text(encoding="utf-8")
    assert not (home / "tmp" / "leak-test").exists()


def test_an_unknown_method_and_a_home_without_chats_are_told_before_anything_is_done(home: Path, tmp_path: Path) -> None:
    assert run(home, "backtest", "--methods", "magic").exit_code == 2
    assert run(tmp_path / "none", "backtest").exit_code == 10
    assert run(tmp_path / "none", "leak-test").exit_code == 10
