"""Writes the generated parts of the READMEs: maps of folders, the commands, the formats.

A generated part stands between `<!-- NAME -->` and `<!-- end NAME -->`. `make docs` rewrites them; a test compares them with what this
file would write, so that they cannot go stale.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import click

from clone_agent.importers.table import FORMATS
from ui.cli import main as command_line

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("clone_agent", "memory", "finetune", "ui")
READMES = ("README.md", *(f"{package}/README.md" for package in PACKAGES))


def first_sentence(path: Path) -> str:
    """The first sentence of a module's docstring, without its full stop."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).split(". ")[0].rstrip(".")


def package_map(package: str) -> str:
    """A table of a package's modules and folders, each with what it says of itself."""
    folder = ROOT / package
    modules = [(path.name, first_sentence(path)) for path in sorted(folder.glob("*.py")) if path.name != "__init__.py"]
    inner = [(f"{path.parent.name}/", first_sentence(path)) for path in sorted(folder.glob("*/__init__.py"))]
    return "\n".join(["| file | what it is |", "|---|---|", *(f"| `{name}` | {what} |" for name, what in modules + inner)])


def folder_map() -> str:
    """A table of the four packages."""
    rows = [f"| [`{package}/`]({package}/README.md) | {first_sentence(ROOT / package / '__init__.py')} |" for package in PACKAGES]
    return "\n".join(["| folder | what it is |", "|---|---|", *rows])


def commands() -> str:
    """A table of the commands, each with the first sentence of its help."""
    rows = []
    for name, command in sorted(command_line.commands.items()):
        inner = (
            {f"{name} {verb}": found for verb, found in command.commands.items()} if isinstance(command, click.Group) else {name: command}
        )
        rows += [f"| `clone-agent {words}` | {_summary(found)} |" for words, found in inner.items() if not found.hidden]
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def _summary(command: click.Command) -> str:
    text = " ".join((command.help or "").split("\n\n")[0].split())
    return re.split(r"(?<=\.) ", text)[0]


def formats() -> str:
    """A table of the chat exports that can be read."""
    rows = [f"| {chat_format.title} | `{chat_format.name}` | {chat_format.how_to_export} |" for chat_format in FORMATS]
    return "\n".join(["| export | name | how to make it |", "|---|---|---|", *rows])


PARTS: dict[str, Callable[[], str]] = {"map": folder_map, "commands": commands, "formats": formats} | {
    f"map of {package}": (lambda package=package: package_map(package)) for package in PACKAGES
}


def render(text: str) -> str:
    """Put the generated parts into a README's text."""
    for name, write in PARTS.items():
        opening, closing = f"<!-- {name} -->", f"<!-- end {name} -->"
        if opening in text:
            before, _, rest = text.partition(opening)
            _, _, after = rest.partition(closing)
            text = f"{before}{opening}\n{write()}\n{closing}{after}"
    return text


def main() -> None:
    """Rewrite the generated parts in place."""
    for name in READMES:
        path = ROOT / name
        path.write_text(render(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
