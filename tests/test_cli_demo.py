"""The demo from end to end, with a tiny GLM in place of the one that ships, on one chat of the sample life."""

import json
import shutil
from pathlib import Path

import pytest
import tiny_glm
from click.testing import CliRunner, Result

import ui.commands.demonstrating
from ui.cli import main
from ui.commands.demonstrating import life_questions

COUSIN = Path(__file__).parent.parent / "clone_agent" / "sample_life" / "exports" / "qq" / "浩哥.txt"


def demo(home: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["demo", "--no-serve", "--home", str(home), *map(str, arguments)])


def test_the_demo_goes_the_whole_way_says_each_command_and_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tiny_glm.save(tmp_path / "tiny")
    (tmp_path / "exports").mkdir()
    shutil.copy(COUSIN, tmp_path / "exports")
    monkeypatch.setattr("clone_agent.sample_life.build.EXPORTS", tmp_path / "exports")
    monkeypatch.setattr(ui.commands.demonstrating, "METHODS", ("lora",))  # the two ways are tuned alike
    monkeypatch.setattr(ui.commands.demonstrating, "life_questions", lambda archive: life_questions(archive)[:2])
    shown = demo(tmp_path / "home", "--base", base, "--max-steps", "1")
    assert shown.exit_code == 0, shown.stderr
    said = [line.split()[2] for line in shown.stdout.splitlines() if line.startswith("$ clone-agent ")]
    assert said == ["import", "dataset", "tune", "index"]
    assert "Right: \n  tuned: " in shown.stdout
    assert "import ~/exports --me" in shown.stdout.splitlines()[-1], "what comes next is one's own chats"
    log = (tmp_path / "home" / "adapters" / "lora" / "log.jsonl").stat().st_mtime_ns

    fields = json.loads(demo(tmp_path / "home", "--base", base, "--max-steps", "1", "--json").stdout)
    assert [one["adapter"] for one in fields["tuned"]] == ["lora"]
    assert set(fields["right"]) == {"tuned", "tuned+memory"}
    assert [[answer["kind"] for answer in one["answers"]] for one in fields["questions"]] == [["tuned", "tuned+memory"]] * 2
    assert log == (tmp_path / "home" / "adapters" / "lora" / "log.jsonl").stat().st_mtime_ns, "nothing is tuned twice"


def test_the_demo_stays_away_from_a_home_with_somebodys_chats(tmp_path: Path) -> None:
    CliRunner().invoke(main, ["import", str(COUSIN), "--home", str(tmp_path)])
    refused = demo(tmp_path)
    assert refused.exit_code == 2
    assert "not the demo's" in refused.stderr
