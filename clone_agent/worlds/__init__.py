"""Invented chats that the models which ship learn from: talks, and questions with the lines that answer them.

A file holds worlds, one after the other; its grammar is written down in `README.md`. Neighbouring bubbles of one person are one passage, as
in the memory (`memory.passages`).
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path

from clone_agent.errors import CloneError

HERE = Path(__file__).parent
KEPT = "kept"  # kind of the files that no training reads: what is trained on the others is measured by them
_TALK = re.compile(r"= (\d{4}-\d\d-\d\d) (\d\d:\d\d) \| (.+)")
_LINE = re.compile(r"(\d+) ([^:：]+)[:：] ?(.+)")
_GROUP = "群:"


@dataclass(slots=True)
class Passage:
    """What one person says in one go."""

    talk: int  # the talk's place in the world
    said_on: date
    chat: str  # the other person's name; "" for a group
    speaker: str
    text: str
    clock: time = time()  # at which the talk begins
    group: str = ""  # name of the group; "" for a private chat


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and which passages answer it, best first; none: nothing does."""

    asker: str
    asked_on: date
    text: str
    gold: tuple[int, ...]


@dataclass(slots=True)
class World:
    """People, their talks in order of time, and questions about them."""

    title: str
    owner: str = ""
    passages: list[Passage] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    @property
    def is_chinese(self) -> bool:
        """Whether its chats are Chinese."""
        return any("\u4e00" <= char <= "\u9fff" for passage in self.passages[:5] for char in passage.text)


def read_worlds(folder: Path = HERE, *, kinds: Collection[str] = (), without: Collection[str] = ()) -> Iterator[World]:
    """Read every `*.txt` below a folder, in order of their names; by default those that ship.

    `kinds` are names of files without their number ("kin" for kin-1.txt); none: all. Those `without` are left out.

    Raises:
        CloneError: a line is of no known form, or a question names a line that is not there.
    """
    for path in sorted(folder.rglob("*.txt")):
        kind = path.stem.rsplit("-", maxsplit=1)[0]
        if (not kinds or kind in kinds) and kind not in without:
            yield from _read(path)


def _read(path: Path) -> Iterator[World]:
    world: World | None = None
    places: dict[int, int] = {}  # of the numbered lines
    talks, begins = 0, True
    day, clock, chat, group = date.min, time(), "", ""
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = raw.strip()
        if line.startswith("# "):
            if world is not None:
                yield world
            world, places, talks, begins = World(line[2:]), {}, 0, True
            continue
        if not line:
            continue
        if world is None:
            raise _broken(path, number)
        if line.startswith("@ "):
            world.owner = line[2:].strip()
        elif found := _TALK.fullmatch(line):
            day, clock = _day(found[1], path, number), _clock(found[2], path, number)
            group, chat = (found[3].removeprefix(_GROUP), "") if found[3].startswith(_GROUP) else ("", found[3].strip())
            talks, begins = talks + 1, True
        elif talks and (found := _LINE.fullmatch(line)):
            speaker, text = found[2].strip(), found[3].strip()
            if begins or world.passages[-1].speaker != speaker:
                world.passages.append(Passage(talks, day, chat, speaker, text, clock, group))
            else:
                world.passages[-1].text += "\n" + text
            begins = False
            places[int(found[1])] = len(world.passages) - 1
        else:
            world.questions.append(_question(line, places, path, number))
    if world is not None:
        yield world


def _question(line: str, places: dict[int, int], path: Path, number: int) -> Question:
    fields = [part.strip() for part in line[1:].split("|")]
    try:
        match line[0], fields:
            case "?", [asker, day, text, lines, _] if lines:
                gold = tuple(dict.fromkeys(places[int(each)] for each in lines.split()))
            case "!", [asker, day, text]:
                gold = ()
            case _:
                raise _broken(path, number)
    except (KeyError, ValueError) as cause:
        raise _broken(path, number) from cause
    return Question(asker, _day(day, path, number), text, gold)


def _day(text: str, path: Path, number: int) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as cause:
        raise _broken(path, number) from cause


def _clock(text: str, path: Path, number: int) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError as cause:
        raise _broken(path, number) from cause


def _broken(path: Path, number: int) -> CloneError:
    return CloneError(f"{path.name}, line {number}: no line of a world.", remedy="See clone_agent/worlds/README.md for its form.")
