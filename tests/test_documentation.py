"""What the READMEs say is true: maps, commands, options and examples."""

import ast
import re
import runpy
import shlex
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from clone_agent.archive import Archive
from clone_agent.sample_life.build import EXPORTS
from ui.cli import main as command_line

ROOT = Path(__file__).resolve().parent.parent
GENERATE = runpy.run_path(str(ROOT / "docs" / "generate.py"))
PAGES = [*GENERATE["READMES"], "README.zh-CN.md"]
SAMPLE = ROOT / "tests" / "exports" / "qq_pc_txt"


def code_blocks(page: str, language: str = "") -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [body for found, body in re.findall(r"```(\w*)\n(.*?)```", text, flags=re.S) if found == language or not language]


def written_commands() -> list[tuple[str, str]]:
    lines = [(page, line.strip().removeprefix("$ ")) for page in PAGES for block in code_blocks(page) for line in block.splitlines()]
    return [(page, line) for page, line in lines if line.startswith("clone-agent ")]


@pytest.mark.parametrize("page", GENERATE["READMES"])
def test_the_generated_parts_are_what_make_docs_writes(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert GENERATE["render"](text) == text, "run `make docs`"


@pytest.mark.parametrize(("page", "line"), written_commands())
def test_every_command_in_a_readme_exists_with_its_options(page: str, line: str) -> None:
    _, name, *arguments = shlex.split(line, comments=True)
    context = click.Context(command_line)
    command = command_line.get_command(context, name)
    assert command is not None, f"{page}: no command {name}"
    command.make_parser(click.Context(command)).parse_args(arguments)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_readme_links_to_is_there(page: str) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    missing = [target for target in targets if not ((ROOT / page).parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_every_python_example_imports_what_exists(page: str) -> None:
    for block in code_blocks(page, "python"):
        imports = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(body=[*imports], type_ignores=[]), page, "exec"), {})


def test_the_example_of_the_clone_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(next(path for path in sorted(SAMPLE.glob("*.txt"))), tmp_path / "chat.txt")
    monkeypatch.chdir(tmp_path)
    exec(compile(code_blocks("clone_agent/README.md", "python")[0], "README", "exec"), {})
    assert capsys.readouterr().out
    with Archive.open(tmp_path / "home") as archive:
        assert archive.conversations()


def test_the_readme_shows_what_the_demo_imports(tmp_path: Path) -> None:
    shown = CliRunner().invoke(command_line, ["import", str(EXPORTS), "--timezone", "Asia/Shanghai", "--home", str(tmp_path)])
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.splitlines()[0] in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()


def test_the_two_commands_stand_before_line_25_of_both_readmes() -> None:
    for page in ("README.md", "README.zh-CN.md"):
        head = "\n".join((ROOT / page).read_text(encoding="utf-8").splitlines()[:24])
        assert "make demo" in head
        assert "make test" in head


def test_every_figure_of_the_readme_stands_in_the_page_that_it_names() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    pages = {line: page[1] for line in lines if line.startswith("|") and (page := re.search(r"\((benchmarks/[\w.]+md)\)", line))}
    figures = [(page, figure) for line, page in pages.items() for figure in re.findall(r"`([^`]+)`", line)]
    assert len(figures) > 5
    assert [(page, figure) for page, figure in figures if figure not in (ROOT / page).read_text(encoding="utf-8")] == []


def test_the_style_guide_of_the_changelog_and_the_licence_are_there() -> None:
    assert all((ROOT / name).is_file() for name in ("CHANGELOG.md", "CONTRIBUTING.md", "STYLE.md", "LICENSE", ".ci/run"))
