"""`people` and `export` on the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ui.cli import main

LIFE = Path(__file__).parent.parent / "clone_agent" / "sample_life" / "exports"


def run(home: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--home", str(home)])


def fields(home: Path, *arguments: str | Path) -> dict[str, object]:
    result = run(home, *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    loaded = json.loads(result.stdout)
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a QQ chat and all of Telegram."""
    for path in (LIFE / "qq" / "浩哥.txt", LIFE / "telegram"):
        result = run(tmp_path / "home", "import", path, "--timezone", "Asia/Shanghai")
        assert result.exit_code == 0, result.stderr
    return tmp_path / "home"


def people(home: Path, *who: str) -> list[dict[str, object]]:
    found = fields(home, "people", *who)["people"]
    assert isinstance(found, list)
    return found


def test_people_are_listed_the_most_talkative_first(home: Path) -> None:
    found = people(home)
    assert [person["messages"] for person in found] == sorted((person["messages"] for person in found), reverse=True)  # type: ignore[type-var]
    assert set(found[0]) == {"id", "name", "names", "messages", "is_owner", "accounts"}
    shown = run(home, "people")
    assert str(found[0]["name"]) in shown.stdout
    assert shown.stdout.splitlines()[-1] == f"{len(found)} people"


def test_a_join_is_shown_and_asked_for_before_it_is_made(home: Path) -> None:
    one, two = (str(person["id"]) for person in people(home)[:2])
    before = people(home)
    result = run(home, "people", one, two, "--join")
    assert result.exit_code == 2
    assert "They become one person" in result.stderr
    assert "--yes" in result.stderr
    assert people(home) == before


def test_a_join_is_made_and_taken_back(home: Path) -> None:
    before = people(home)
    one, two = (str(person["id"]) for person in before[1:3])
    joined = fields(home, "people", one, two, "--join", "--yes")["joined"]
    assert {account["id"] for account in joined[0]["accounts"]} == {one, two}  # type: ignore[index]  # a list of objects
    assert people(home, one) == people(home, two) == joined
    assert {person["id"] for person in fields(home, "people", "--undo")["undone"]} == {one, two}  # type: ignore[attr-defined]
    assert people(home) == before


def test_nobody_and_a_stranger_cannot_be_joined(home: Path) -> None:
    assert run(home, "people", "--join").exit_code == 2
    result = run(home, "people", "nobody at all", "--join", "--yes")
    assert result.exit_code == 2
    assert "nobody at all" not in result.stderr
    assert run(home, "people", "--undo").exit_code == 2


@pytest.mark.parametrize("shape", ["chatlab", "jsonl"])
def test_an_export_of_everything_imports_as_the_same(home: Path, tmp_path: Path, shape: str) -> None:
    told = fields(home, "export", tmp_path / "out", "--format", shape)
    files = told["files"]
    assert isinstance(files, list)
    assert sorted(file["path"] for file in files) == sorted(str(path) for path in (tmp_path / "out").iterdir())
    again = fields(tmp_path / "again", "import", tmp_path / "out")
    assert again["messages"] == again["added"] == sum(file["messages"] for file in files)
    assert again["owner"]
    assert fields(home, "import", tmp_path / "out")["added"] == 0


def test_one_chat_can_be_exported_and_an_unknown_one_is_said(home: Path, tmp_path: Path) -> None:
    files = fields(home, "export", tmp_path / "one", "--chat", "浩哥")["files"]
    assert [file["chat"] for file in files] == ["浩哥"]  # type: ignore[attr-defined]  # a list of objects
    assert run(home, "export", tmp_path / "none", "--chat", "nobody").exit_code == 2
    assert not (tmp_path / "none").exists()


def test_a_folder_that_holds_something_is_left_alone(home: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    result = run(home, "export", tmp_path / "full")
    assert result.exit_code == 2
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_an_export_of_nothing_says_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("今天很困", encoding="utf-8")
    run(tmp_path / "home", "import", tmp_path / "notes.txt")
    result = run(tmp_path / "home", "export", tmp_path / "out")
    assert result.exit_code == 10
    assert "clone-agent import" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("who", ["", " "])
def test_a_blank_name_fits_nobody(home: Path, who: str) -> None:
    result = run(home, "people", who)
    assert result.exit_code == 2
    assert "names nobody" in result.stderr
