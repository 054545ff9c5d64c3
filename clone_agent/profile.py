"""Standing facts: a short profile of the owner and of others, in `profile.toml` of the data home, one line a fact with its messages.

    [[line]]
    about = "qq:10086321"
    says = "在杭州做设计"
    messages = ["00643cd19e7d1…"]     # what it was taken from; none: written by hand, and kept when the profile is made again

The file may be edited with anything. Lines stand in the prompt before what is recalled; recall never needs them.
"""

import json
import tomllib
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clone_agent.errors import CloneError
from clone_agent.words import WordsFinder

LONGEST = 80  # characters a line
_MOST = 800  # characters of all lines in one prompt
_OWNER = {"zh": "你自己", "en": "You"}
_COLON = {"zh": "：", "en": ": "}
_HEAD = "# Standing facts, one a line; see `clone-agent profile --help`. Lines without messages are yours and stay when it is made again.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileLine:
    """One standing fact."""

    about: str  # person id
    says: str
    messages: tuple[str, ...] = ()  # ids of what it was taken from; empty: written by hand


def profile_file(home: Path) -> Path:
    """Where the profile of a data home lies."""
    return home / "profile.toml"


def read_profile(home: Path) -> list[ProfileLine]:
    """The lines of the profile; none where there is no file.

    Raises:
        CloneError: the file cannot be read.
    """
    path = profile_file(home)
    if not path.is_file():
        return []
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("line", [])
        return [_line(row) for row in rows]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as cause:
        raise CloneError(
            f"{path} cannot be read as a profile.",
            remedy="Correct it with `clone-agent profile --edit`, or move it away and make it again.",
        ) from cause


def write_profile(home: Path, lines: Iterable[ProfileLine]) -> None:
    """Replace the profile as a whole; no lines remove the file."""
    path = profile_file(home)
    kept = list(lines)
    if not kept:
        path.unlink(missing_ok=True)
        return
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(_HEAD + "\n".join(_table(line) for line in kept), encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)


def concerned_lines(lines: Sequence[ProfileLine], *, ids: Set[str], people: Set[str], finder: WordsFinder) -> list[ProfileLine]:
    """The lines that go when messages are forgotten: that cite one of them, hold its words, or speak of people forgotten as a whole."""
    return [line for line in lines if line.about in people or ids & set(line.messages) or finder.is_in(line.says)]


def facts(lines: Sequence[ProfileLine], *, owner: Set[str], name_of: Callable[[str], str | None], language: str) -> tuple[str, ...]:
    """The profile as lines of the prompt, the owner's first; of people who are no longer there, none.

    Args:
        lines: of the profile.
        owner: person ids of the owner.
        name_of: a person's name; None: nobody has that id.
        language: "zh" or "en".
    """
    found: list[str] = []
    room = _MOST
    for line in sorted(lines, key=lambda line: line.about not in owner):
        name = _OWNER[language] if line.about in owner else name_of(line.about)
        text = f"{name}{_COLON[language]}{' '.join(line.says.split())[:LONGEST]}"
        if name and len(text) <= room:
            found.append(text)
            room -= len(text)
    return tuple(found)


def _line(row: dict[str, Any]) -> ProfileLine:
    about, says, messages = row["about"], row["says"], row.get("messages", [])
    if not isinstance(about, str) or not isinstance(says, str) or not all(isinstance(one, str) for one in messages):
        raise TypeError
    return ProfileLine(about=about, says=says, messages=tuple(messages))


def _table(line: ProfileLine) -> str:
    """A line as TOML; JSON's strings and lists of strings are TOML's, but for DEL, which TOML wants escaped."""
    fields = {"about": line.about, "says": line.says, "messages": list(line.messages)}
    rows = [f"{key} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f") for key, value in fields.items()]
    return "\n".join(["[[line]]", *rows, ""])
