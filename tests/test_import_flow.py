"""Importing as a new user does it: a folder of everything, and a question wherever the exports do not tell."""

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from same_chat import QQ, WECHAT, part_of, put, scene
from test_cli import write_group

import ui.doubts
import ui.owner
from clone_agent.archive import Archive
from ui.cli import main

EXCERPT = "2020-01-01 08:00:00 小明\n早\n\n2020-01-01 08:00:09 阿宝\n早啊\n"


def run(home: Path, *arguments: str | Path, answers: str = "") -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--home", str(home)], input=answers)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits there and answers."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    for module in (ui.doubts, ui.owner):
        monkeypatch.setattr(module, "is_asked", lambda: True)


@pytest.fixture
def pile(tmp_path: Path) -> Path:
    """What a downloads folder holds: exports of three programs, one of them zipped, and things that are none."""
    pile = tmp_path / "pile"
    put(QQ["text"](part_of(scene("cousin"), 0, 30)), pile)
    put(QQ["qce"](part_of(scene("cousin"), 0, 40)), pile / "new")
    memotrace = WECHAT["memotrace"](part_of(scene("mum"), 0, 25))
    with zipfile.ZipFile(pile / "wechat.zip", "w") as archive:
        for path, content in memotrace.items():
            archive.writestr(f"聊天记录/{path}", content)
    (pile / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (pile / "notes.txt").write_text("牛奶\n鸡蛋\n")
    (pile / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    return pile


def test_a_pile_of_everything_is_imported_and_what_is_no_export_is_counted(pile: Path, tmp_path: Path) -> None:
    result = run(tmp_path / "home", "import", pile, "--timezone", "Asia/Shanghai", "--json")
    fields = json.loads(result.stdout)
    assert result.exit_code == 3
    assert [Path(one["path"]).name for one in fields["failed"]] == ["broken.zip"]
    assert (fields["messages"], fields["added"], fields["matched"], fields["chats"]) == (95, 65, 30, 2)
    assert fields["skipped"] == {"no chat export": 2}
    assert len(fields["owner"]) == 2, "one person on QQ, one on WeChat, each told by the exports"
    again = json.loads(run(tmp_path / "home", "import", pile, "--timezone", "Asia/Shanghai", "--json").stdout)
    assert again["added"] == 0


def test_the_days_told_are_those_of_the_export_and_not_of_all_that_is_stored(tmp_path: Path) -> None:
    told = {}
    for day in ("01", "05"):
        path = tmp_path / day / "阿宝.csv"
        path.parent.mkdir()
        rows = (f"2020-01-{day} 08:00:00,小明,早,1", f"2020-01-{day} 08:00:09,阿宝,早啊,0")
        path.write_text("\n".join(("time,sender,text,is_self", *rows)), encoding="utf-8")
        told = json.loads(run(tmp_path / "home", "import", path, "--timezone", "Asia/Shanghai", "--json").stdout)
    assert (told["first"], told["last"]) == ("2020-01-05T08:00:00+08:00", "2020-01-05T08:00:09+08:00")
    assert told["chats"] == 1, "both are of the same chat, which begins earlier"


def test_the_zone_is_asked_once_and_remembered(pile: Path, tmp_path: Path, terminal: None) -> None:
    result = run(tmp_path / "home", "import", pile, answers="Nowhere/Land\nAsia/Shanghai\n")
    assert result.exit_code == 3, result.stderr
    assert result.stderr.count("[Europe/Berlin]") == 2
    assert "That time zone is not known." in result.stderr
    assert "[Europe/Berlin]" not in run(tmp_path / "home", "import", pile).stderr
    assert "30 were known from another program's export of the same chat" in result.stdout, "so the clock times were read in that zone"


def test_no_zone_is_asked_where_it_is_given_or_told(pile: Path, tmp_path: Path, terminal: None) -> None:
    assert "In which zone" not in run(tmp_path / "one", "import", pile, "--timezone", "Asia/Shanghai").stderr
    assert "In which zone" not in run(tmp_path / "two", "import", pile / "new").stderr


def test_an_excerpt_of_unknown_origin_is_asked_about(tmp_path: Path, terminal: None) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text(EXCERPT, encoding="utf-8")
    files = [tmp_path / "one.txt", tmp_path / "two.txt"]
    result = run(tmp_path / "home", "import", *files, "--me", "小明", answers="1\nAsia/Shanghai\n")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("What wrote") == 1
    assert "qq_pc_txt" in result.stderr
    assert "wechat_memotrace_txt" in result.stderr
    with Archive.open(tmp_path / "home") as archive:
        assert {info.conversation.platform for info in archive.conversations()} == {"qq"}


def test_the_owner_is_asked_for_with_candidates_and_counts(tmp_path: Path, terminal: None) -> None:
    group = write_group(tmp_path / "group.txt")
    result = run(tmp_path / "home", "import", group, answers="Asia/Shanghai\n2\n")
    assert result.exit_code == 0, result.stderr
    assert "qq:71200350" in result.stderr
    assert "You are 老郑." in result.stdout


def test_an_import_without_a_known_owner_keeps_what_it_read(tmp_path: Path) -> None:
    group = write_group(tmp_path / "group.txt")
    result = run(tmp_path / "home", "import", group)
    assert result.exit_code == 2
    assert "3 new messages stored" in result.stderr
    assert "--me ID" in result.stderr
    done = run(tmp_path / "home", "import", group, "--me", "60014477")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0].endswith("; 0 new")
