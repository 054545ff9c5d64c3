"""The patterns of the reading tasks: facts as people say them, and the questions and answers about them.

`scenes_zh.txt` and `scenes_en.txt` hold them; the grammar stands at the top of the Chinese file.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One kind of fact."""

    name: str
    slots: dict[str, str]  # slot -> kind of value
    said: list[str] = field(default_factory=list)  # by the person it is about
    told: list[str] = field(default_factory=list)  # by somebody else
    changed: dict[str, list[str]] = field(default_factory=dict)  # slot -> lines that give it another value later
    questions: dict[str, list[str]] = field(default_factory=dict)  # asked slot -> patterns
    answers: dict[str, list[str]] = field(default_factory=dict)  # asked slot -> patterns


def fields(pattern: str) -> frozenset[str]:
    """The slots that a pattern names."""
    return frozenset(_FIELD.findall(pattern))


def fill(pattern: str, values: dict[str, str]) -> str:
    """A pattern with its slots filled."""
    return _FIELD.sub(lambda match: values[match[1]], pattern)


@cache
def scenes(language: str) -> tuple[Scene, ...]:
    """All scenes of a language."""
    found: list[Scene] = []
    for line in files("finetune.base_model").joinpath(f"scenes_{language}.txt").read_text("utf-8").splitlines():
        mark, _, rest = line.partition(" ")
        if line.startswith("["):
            name, _, slots = line[1:].partition("]")
            found.append(Scene(name=name, slots=dict(pair.split("=") for pair in slots.split())))
        elif mark in {"+", "~"}:
            (found[-1].said if mark == "+" else found[-1].told).extend(_choices(rest))
        elif mark == "!":
            slot, _, patterns = rest.partition(" ")
            found[-1].changed.setdefault(slot, []).extend(_choices(patterns))
        elif mark in {"?", "="}:
            slot, _, patterns = rest.partition(" ")
            table = found[-1].questions if mark == "?" else found[-1].answers
            table.setdefault(slot, []).extend(_choices(patterns.removeprefix("| ")))
    return tuple(found)


def _choices(text: str) -> list[str]:
    return [choice for part in text.split("|") if (choice := part.strip())]
