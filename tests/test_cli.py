"""The command line: help at once, errors with their remedy and exit code, nobody's words where they do not belong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from clone_agent.archive import Archive
from clone_agent.forgetting import Forgetting, Wish
from clone_agent.home import DataHome
from clone_agent.importers.table import FORMATS
from memory.indexing import pending
from memory.table import PassageTable
from ui.cli import main

LIFE = Path(__file__).parent.parent / "clone_agent" / "sample_life" / "exports"
COUSIN = LIFE / "qq" / "浩哥.txt"
HEAVY = ("torch", "transformers", "chromadb", "gradio", "langchain", "langchain_core", "numpy", "pydantic")
LEAVES = {
    f"{name} {verb}" if verb else name: found
    for name, command in main.commands.items()
    for verb, found in (command.commands.items() if isinstance(command, click.Group) else [("", command)])
}
COMMANDS = sorted(LEAVES)


def run(*arguments: str | Path, home: Path | None = None, **options: object) -> Result:
    extra = ["--home", str(home)] if home else []
    return CliRunner().invoke(main, [*map(str, arguments), *extra], **options)  # type: ignore[arg-type]  # passed on as they are


def write_group(path: Path) -> Path:
    """A group export that does not tell whose it is."""
    lines = [
        "消息记录（此消息记录为文本格式，不支持重新导入）",
        "",
        "=" * 64,
        "消息分组:我的群",
        "=" * 64,
        "消息对象:周末爬山",
        "=" * 64,
        "",
    ]
    for minute, (name, number, text) in enumerate(
        [("小明", 71200350, "到山脚了"), ("老郑", 60014477, "再走十分钟就到"), ("小明", 71200350, "又是十分钟")]
    ):
        lines += [f"2022-05-14 09:{minute:02}:00 {name}({number})", text, ""]
    path.write_text("\r\n".join(lines), encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("command", ["", "evaluate", *COMMANDS])
def test_help_comes_at_once_and_loads_nothing_heavy(command: str) -> None:
    words = command.split()
    code = f"import sys\nsys.argv = ['clone-agent', *{words}, '--help']\nfrom ui.cli import main\nmain(standalone_mode=False)\n"
    code += f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8")
    assert done.stderr.strip() == "[]"
    text = done.stdout.splitlines()
    sentence = " ".join(line.strip() for line in text[2:6])
    assert sentence[0].isupper()
    assert "." in sentence
    assert text[-1].startswith("  Example: clone-agent"), "help ends with an example"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_of_every_help_parses(command: str) -> None:
    import shlex

    found = LEAVES[command]
    assert found.epilog is not None
    names = command.split()
    words = shlex.split(found.epilog.removeprefix("Example: clone-agent "))[len(names) - 1 :]
    assert words[0] == names[-1]
    existing = [
        word.replace("chat.txt", str(COUSIN)).replace("questions.txt", str(COUSIN)).replace("~/exports", str(LIFE)) for word in words[1:]
    ]
    found.make_parser(click.Context(found)).parse_args(existing)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_a_home_and_json(command: str) -> None:
    names = {name for parameter in LEAVES[command].params for name in parameter.opts}
    assert {"--home", "--json"} <= names


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["dataset"],
        ["tune"],
        ["index"],
        ["recall", "x"],
        ["ask", "x"],
        ["chat"],
        ["verify"],
        ["rebuild"],
        ["forget", "--phrase", "x"],
        ["profile"],
    ],
)
def test_without_chats_every_command_exits_10_and_says_what_to_do(arguments: list[str], tmp_path: Path) -> None:
    result = run(*arguments, home=tmp_path)
    assert result.exit_code == 10
    assert result.stdout == ""
    assert "clone-agent import PATH" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["compare", "backtest", "leak-test", "guest-test"])
def test_a_report_that_could_not_be_written_costs_no_work(command: str, tmp_path: Path) -> None:
    run("import", COUSIN, "--timezone", "Asia/Shanghai", home=tmp_path / "home")
    (tmp_path / "file").touch()
    (tmp_path / "questions.txt").write_text("在吗", encoding="utf-8")
    asked = [tmp_path / "questions.txt"] if command == "compare" else []
    result = run(command, *asked, "--out", tmp_path / "file" / "report", home=tmp_path / "home")
    assert result.exit_code == 1, result.stderr
    assert f"{tmp_path}/file" in result.stderr
    assert "file, not a folder" in result.stderr or "is there already" in result.stderr


def test_a_servers_model_without_a_server_is_wrong_usage(tmp_path: Path) -> None:
    result = run("ask", "在吗", "--model", "glm-4-9b", home=tmp_path)
    assert result.exit_code == 2
    assert "no server was named" in result.stderr


def test_wrong_usage_exits_2() -> None:
    assert run("tune", "--epochs", "many").exit_code == 2
    assert run("nonsense").exit_code == 2
    assert run("import").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["tune", "--epochs"],
        ["tune", "--learning-rate"],
        ["tune", "--general-share"],
        ["dataset", "--eval-share"],
        ["dataset", "--half-life"],
        ["dataset", "--balance"],
        ["backtest", "--weeks"],
        ["guest", "小明", "--hours"],
    ],
    ids=lambda arguments: arguments[-1],
)
def test_what_is_no_number_or_beyond_all_bounds_is_wrong_usage(arguments: list[str], tmp_path: Path) -> None:
    for value in ("nan", "inf", "1e400") + (("1e12",) if arguments[-1] != "--learning-rate" else ()):
        result = run(*arguments, value, home=tmp_path)
        assert result.exit_code == 2, result.stderr
        assert f"Invalid value for '{arguments[-1]}'" in result.stderr


def test_an_import_says_what_it_read_and_what_comes_next(tmp_path: Path) -> None:
    result = run("import", COUSIN, "--timezone", "Asia/Shanghai", home=tmp_path)
    assert result.exit_code == 0
    first, *rest = result.stdout.splitlines()
    assert first == "496 messages in 1 chat, 2022-01-23 to 2024-07-22; 496 new"
    assert rest[-1] == "Next: clone-agent dataset"
    assert "You are 林晚不晚睡." in rest


def test_importing_again_adds_nothing(tmp_path: Path) -> None:
    run("import", COUSIN, home=tmp_path)
    fields = json.loads(run("import", COUSIN, "--json", home=tmp_path).stdout)
    assert fields["messages"] == 496
    assert fields["added"] == 0


def test_an_import_says_what_it_left_out_because_it_was_forgotten(tmp_path: Path) -> None:
    run("import", COUSIN, "--timezone", "Asia/Shanghai", home=tmp_path)
    with Archive.open(tmp_path) as archive:
        messages = [message.id for info in archive.conversations() for message in archive.messages(info.conversation.id)]
        Forgetting(archive.connection, Wish(messages=tuple(messages[:3]))).erase()
    result = run("import", COUSIN, "--timezone", "Asia/Shanghai", home=tmp_path)
    assert "3 left out: you have had them forgotten" in result.stdout
    told = json.loads(run("import", COUSIN, "--timezone", "Asia/Shanghai", "--json", home=tmp_path).stdout)
    assert (told["messages"], told["added"], told["forgotten"]) == (len(messages), 0, 3)


def test_what_was_imported_is_found_by_its_words_at_once(tmp_path: Path) -> None:
    run("import", COUSIN, "--timezone", "Asia/Shanghai", home=tmp_path)
    with Archive.open(tmp_path) as archive:
        table = PassageTable(archive.connection)
        (best, _), *_ = table.lexical.search("turn", table.lexical.query("婚礼定在哪天"), top_k=3)
        assert "婚礼" in table.texts([best])[0]
        assert pending(archive, table) == 1, "the vectors are to come"


def test_import_prints_json_with_stable_fields(tmp_path: Path) -> None:
    fields = json.loads(run("import", COUSIN, "--json", home=tmp_path).stdout)
    assert set(fields) == {"exports", "failed", "chats", "messages", "added", "matched", "forgotten", "skipped", "owner", "first", "last"}
    assert fields["exports"][0] == {"path": str(COUSIN), "messages": 496, "added": 496, "skipped": fields["skipped"]}
    assert len(fields["owner"]) == 1


def test_on_a_pipe_an_unknown_owner_is_an_error_that_lists_the_candidates(tmp_path: Path) -> None:
    group = write_group(tmp_path / "group.txt")
    result = run("import", group, home=tmp_path / "home")
    assert result.exit_code == 2
    assert "qq:71200350" in result.stderr
    assert "小明" in result.stderr
    assert "--me" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("who", ["71200350", "qq:71200350", "小明"])
def test_the_owner_is_named_by_number_id_or_name(who: str, tmp_path: Path) -> None:
    group = write_group(tmp_path / "group.txt")
    fields = json.loads(run("import", group, "--me", who, "--json", home=tmp_path / "home").stdout)
    assert fields["owner"] == ["qq:71200350"]


def test_a_name_that_fits_nobody_is_an_error_that_lists_the_people(tmp_path: Path) -> None:
    result = run("import", write_group(tmp_path / "group.txt"), "--me", "小", home=tmp_path / "home")
    assert result.exit_code == 2
    assert "fits nobody" in result.stderr
    assert "qq:60014477" in result.stderr


def test_an_owner_named_anew_replaces_the_one_of_that_platform(tmp_path: Path) -> None:
    group, home = write_group(tmp_path / "group.txt"), tmp_path / "home"
    run("import", group, "--me", "小明", home=home)
    fields = json.loads(run("import", group, "--me", "老郑", "--json", home=home).stdout)
    assert fields["owner"] == ["qq:60014477"]


def test_a_file_that_is_no_export_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("今天很困", encoding="utf-8")
    result = run("import", tmp_path / "notes.txt", home=tmp_path / "home")
    assert result.exit_code == 1
    assert "困" not in result.stderr


def test_one_broken_export_among_good_ones_exits_3_and_keeps_the_good_ones(tmp_path: Path) -> None:
    broken = tmp_path / "broken.txt"
    broken.write_text("今天很困", encoding="utf-8")
    result = run("import", COUSIN, broken, "--json", home=tmp_path / "home")
    assert result.exit_code == 3
    fields = json.loads(result.stdout)
    assert fields["added"] == 496
    assert [Path(one["path"]).name for one in fields["failed"]] == ["broken.txt"]


def test_a_second_writer_exits_11_and_names_the_first(tmp_path: Path) -> None:
    run("import", COUSIN, home=tmp_path)
    with DataHome(tmp_path).lock():
        done = subprocess.run(
            [sys.executable, "-m", "ui.cli", "dataset", "--home", str(tmp_path)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=120,  # it does not wait for the first one, which goes on
        )
    assert done.returncode == 11
    assert f"Process {os.getpid()} " in done.stderr


def test_inspect_stores_nothing(tmp_path: Path) -> None:
    result = run("inspect", COUSIN, "--timezone", "Asia/Shanghai", home=tmp_path / "home")
    assert result.exit_code == 0
    assert "Format: qq_pc_txt" in result.stdout
    assert not (tmp_path / "home").exists()


def test_inspect_prints_the_documented_json() -> None:
    fields = json.loads(run("inspect", COUSIN, "--json", "--messages", "--timezone", "Asia/Shanghai").stdout)
    assert {"format", "chats", "skipped"} <= set(fields)
    chat = fields["chats"][0]
    assert {"name", "kind", "messages", "kinds", "senders", "first", "last", "owner"} <= set(chat)
    assert chat["messages"] == 496 == sum(chat["kinds"].values())
    assert chat["first"] == "2022-01-23T21:10:01+08:00"


def test_formats_are_listed_with_how_to_make_them() -> None:
    formats = json.loads(run("formats", "--json").stdout)["formats"]
    assert [(one["name"], one["title"], one["how_to_export"]) for one in formats] == [
        (one.name, one.title, one.how_to_export) for one in FORMATS
    ]
    assert len({one["name"] for one in formats}) == len(formats)
    samples = {path.name for path in (Path(__file__).parent / "exports").iterdir()}
    assert [one["name"] for one in formats if one["name"] not in samples] == [], "every format has samples of its own"
    assert all(set(one) == {"name", "title", "how_to_export"} and one["how_to_export"] for one in formats)


def test_a_fault_of_the_program_shows_its_place_and_nobodys_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("小明的秘密")

    monkeypatch.setattr("clone_agent.archive.Archive.add", fail)
    result = run("import", COUSIN, home=tmp_path)
    assert result.exit_code == 1
    assert "RuntimeError" in result.stderr
    assert "秘密" not in result.output


def test_ctrl_c_exits_130_and_says_that_it_can_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("clone_agent.archive.Archive.add", interrupt)
    result = run("import", COUSIN, home=tmp_path)
    assert result.exit_code == 130
    assert "goes on" in result.stderr


def test_everything_in_the_home_is_private_to_the_user(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run("import", COUSIN, home=home)
    run("dataset", home=home)
    for path in home.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert home.stat().st_mode & 0o077 == 0


def test_the_clone_goes_by_the_name_that_was_given(tmp_path: Path) -> None:
    run("import", COUSIN, "--name", "小晚", home=tmp_path)
    with Archive.open(tmp_path) as archive:
        assert archive.persona().name == "小晚"


@pytest.mark.parametrize(
    "arguments",
    [["forget", "--until", "9999-12-31", "--dry-run"], ["recall", "x", "--after", "9999-12-31"], ["ask", "x", "--on", "9999-12-31"]],
)
def test_a_day_beyond_the_calendar_is_wrong_usage(arguments: list[str], tmp_path: Path) -> None:
    result = run(*arguments, home=tmp_path)
    assert result.exit_code == 2
    assert "beyond the calendar" in result.stderr


def test_a_home_below_a_file_is_said_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("import", COUSIN, home=tmp_path / "file" / "home")
    assert result.exit_code == 1
    assert "below a file" in result.stderr
    assert "Unexpected" not in result.stderr


def test_a_profile_is_shown_beside_another_process(tmp_path: Path) -> None:
    run("import", COUSIN, home=tmp_path)
    with DataHome(tmp_path).lock():
        assert run("profile", "--show", home=tmp_path).exit_code == 0


def test_a_profile_is_edited_inside_the_home_and_an_editor_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    run("import", COUSIN, home=home)
    editor = tmp_path / "editor.py"
    editor.write_text(
        "import pathlib, sys; file = pathlib.Path(sys.argv[1]); assert file.parent.name == 'tmp'\n"
        "file.write_text('[[line]]\\nabout = \"qq:10001\"\\nsays = \"在杭州\"\\n', encoding='utf-8')",
        encoding="utf-8",
    )
    monkeypatch.setenv("VISUAL", f"{sys.executable} {editor}")
    shown = run("profile", "--edit", home=home)
    assert shown.exit_code == 0, shown.stderr
    assert "在杭州" in shown.stdout
    assert (home / "profile.toml").stat().st_mode & 0o777 == 0o600
    assert list((home / "tmp").iterdir()) == []
    monkeypatch.setenv("VISUAL", "true")
    assert "Nothing was changed" in run("profile", "--edit", home=home).stderr
    monkeypatch.setenv("VISUAL", "false")
    failed = run("profile", "--edit", home=home)
    assert failed.exit_code == 2
    assert "The editor failed" in failed.stderr
    assert "EDITOR" in failed.stderr
