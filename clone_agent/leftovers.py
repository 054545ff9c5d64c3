"""What else in a data home holds words of messages that are to be forgotten: answers, comparisons, reports, scratch files.

Every file is looked into but the archive and its vectors, which are cleaned by themselves, and weights, which hold no text. Of a JSONL file
the lines concerned go, of every other kind the file. A file is concerned when it holds one of the messages' texts, as it is or as JSON,
HTML or Markdown write it, or names one of the messages inside JSON; texts shorter than `words.SHORTEST` are everybody's. A file that shows
people's words cut, masked or taken up by a model (`SHOWN` in its name) cannot be searched for them and goes with whatever is forgotten.
What is packed or encrypted cannot be looked into.
"""

import html
import json
import re
import shutil
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from clone_agent.home import DataHome
from clone_agent.words import WordsFinder, holds_any

SHOWN = ".words"  # before the ending of a file that shows people's words
_BLOCK = 1 << 22  # characters
_KEPT = frozenset({"clone-agent.toml", "owner.lock", "owner.pid", "profile.toml"})  # the profile loses lines: `clone_agent.profile`
_WITHOUT_TEXT = frozenset({".safetensors"})
_MARKUP = frozenset({".html", ".svg"})
_WIDEST = 8  # characters that a format may take for one
_TAG = re.compile(r"<[^<>]{1,500}>")
_ESCAPED = re.compile(r"<br>|\\([!-/:-@\[-`{-~])")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A file that holds forgotten words."""

    path: Path
    lines: tuple[int, ...] | None  # of a JSONL file: the line numbers concerned, from 0; None: the whole file


def find_leftovers(home: DataHome, *, finder: WordsFinder, ids: Set[str]) -> list[Leftover]:
    """The files of a home that hold words or ids of the messages.

    Args:
        home: the data home.
        finder: knows the messages' texts.
        ids: the messages' ids.
    """
    found = []
    for path in _files(home):
        kind = path.suffix.lower()
        if kind == ".jsonl":
            lines = tuple(number for number, line in enumerate(_lines(path)) if _is_concerned(line, kind, finder, ids))
            if lines:
                found.append(Leftover(path=path, lines=lines))
        elif SHOWN in path.suffixes or any(
            _is_concerned(block, kind, finder, ids) for block in _blocks(path, overlap=_WIDEST * finder.longest + 64)
        ):
            found.append(Leftover(path=path, lines=None))
    return found


def remove_leftovers(home: DataHome, leftovers: list[Leftover]) -> None:
    """Take the words out of the files, and empty the home's scratch space."""
    for leftover in leftovers:
        if leftover.lines is None:
            leftover.path.unlink(missing_ok=True)
        else:
            _drop_lines(leftover.path, frozenset(leftover.lines))
    for path in home.temporary.glob("*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _files(home: DataHome) -> Iterator[Path]:
    apart = (home.vectors, home.temporary)
    for path in sorted(home.root.rglob("*")):
        if not path.is_file() or path.is_symlink() or any(path.is_relative_to(folder) for folder in apart):
            continue
        if path.name in _KEPT or path.suffix in _WITHOUT_TEXT or path.name.startswith(home.archive.name):
            continue
        yield path


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        yield from file


def _blocks(path: Path, *, overlap: int) -> Iterator[str]:
    """A file's text: all of it where it is JSON, else in pieces that share their ends."""
    with path.open(encoding="utf-8", errors="replace") as file:
        if path.suffix == ".json":
            yield file.read()
            return
        before = ""
        while block := file.read(_BLOCK):
            yield before + block
            before = (before + block)[-overlap:]


def _is_concerned(text: str, kind: str, finder: WordsFinder, ids: Set[str]) -> bool:
    """Whether a text, of a file with this ending, holds words or ids of the messages."""
    try:
        return holds_any(json.loads(text), finder=finder, ids=ids)  # JSON may write 黄 as \u9ec4
    except (ValueError, RecursionError):  # no JSON, cut off by a kill, or nested deeper than Python follows
        if finder.is_in(text):
            return True
    if kind in _MARKUP:
        return finder.is_in(html.unescape(_TAG.sub("", text)))
    if kind == ".md":
        return finder.is_in(_ESCAPED.sub(r"\1", text))
    return kind in {".json", ".jsonl"} and any(holds_any(_unquoted(found[0]), finder=finder, ids=ids) for found in _STRING.finditer(text))


def _unquoted(written: str) -> str:
    """A string of JSON; as it stands where it is none."""
    try:
        return str(json.loads(written, strict=False))
    except ValueError:
        return written


def _drop_lines(path: Path, numbers: frozenset[int]) -> None:
    kept = path.with_name(f".{path.name}.tmp")
    with kept.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(line for number, line in enumerate(_lines(path)) if number not in numbers)
    kept.replace(path)
