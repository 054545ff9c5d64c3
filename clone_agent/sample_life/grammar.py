r"""Reads scene files: the written talk of one chat, before it is laid on the calendar.

A file is a header, an empty line, then scenes. `#` starts a comment line; empty lines mean nothing after the header.

    chat: 陈一诺                     header: chat, kind (private|group), format, people
    kind: private
    format: qq_pc_txt
    people: 晚 = 晚风 | 20010417; 诺 = 陈一诺 | 10086321    code = name | platform id, the owner first; or one a line

    @ 2022-05-14 21:03              a scene and its local start (Asia/Shanghai)
    晚|我水壶呢 {bottle-asked}       who|text, and a key for the questions
    诺|~2|>bottle-asked|没看到啊     two minutes later, quoting that line
    诺|!撤回                         takes the speaker's line before back
    晚|!改名 林晚不晚睡               from here on she is called that

`[图片]` `[表情]` `[语音:7]` `[视频]` `[文件:名]` stand for what an export cannot hold, `@名字 ` mentions, `\n` breaks a line inside a
bubble.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from clone_agent.errors import ExportError

ZONE = ZoneInfo("Asia/Shanghai")
FORMATS = ("qq_pc_txt", "qce_json", "wechat_csv", "telegram_json")
KINDS = ("private", "group")
_SETTING = re.compile(r"(?P<key>[a-z_]+):\s*(?P<value>.*)")
_PERSON = re.compile(r"(?P<code>[^\s=|;]+)\s*=\s*(?P<name>.+?)\s*\|\s*(?P<id>[^\s;]+)")
_SCENE = re.compile(r"@\s+(?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d)")
_LINE = re.compile(r"(?P<who>[^|@#\s]+)\|(?:~(?P<pause>\d+)\|)?(?:>(?P<quotes>[\w-]+)\|)?(?P<text>.+?)(?: \{(?P<key>[\w-]+)\})?")


class Act(StrEnum):
    """What a line does."""

    SAY = "say"
    RECALL = "recall"
    RENAME = "rename"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who speaks in a chat."""

    code: str  # as scene lines name them
    name: str  # the name shown at first
    id: str  # on the platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One written line."""

    number: int  # in its file, from 1
    who: Person
    act: Act
    text: str  # the bubble with its `[…]` marks; the new name when renaming; "" when recalling
    pause_min: int | None  # minutes after the line before; None: a few seconds
    quotes: str | None  # key of the quoted line
    key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Lines that follow each other."""

    number: int  # of its `@` line
    starts_at: datetime
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFile:
    """One chat as written."""

    path: Path
    chat: str
    kind: str  # one of KINDS
    format: str  # one of FORMATS
    people: tuple[Person, ...]  # the owner first
    settings: dict[str, str]  # every `key: value` line of the header
    scenes: tuple[Scene, ...]

    @property
    def owner(self) -> Person:
        """Whose exports these are."""
        return self.people[0]


def read_scene_file(path: Path) -> SceneFile:
    """Read one chat.

    Raises:
        ExportError: a line that breaks the grammar, an unknown speaker, a quote of an unknown key, scenes out of order.
    """
    lines = list(enumerate(path.read_text(encoding="utf-8").split("\n"), start=1))
    end = next((place for place, (_, line) in enumerate(lines) if not line.strip()), len(lines))
    settings, people = _read_header(path, lines[:end])
    scenes = tuple(_read_scenes(path, lines[end:], {person.code: person for person in people}))
    _check_order(path, scenes)
    _check_quotes(path, scenes)
    return SceneFile(
        path=path,
        chat=settings["chat"],
        kind=settings["kind"],
        format=settings["format"],
        people=tuple(people),
        settings=settings,
        scenes=scenes,
    )


def wrong(path: Path, number: int, problem: str, remedy: str) -> ExportError:
    """An error about one line of a scene file."""
    return ExportError(f"{path.name}:{number}: {problem}", remedy=remedy)


def _read_header(path: Path, lines: list[tuple[int, str]]) -> tuple[dict[str, str], list[Person]]:
    settings: dict[str, str] = {}
    people: list[Person] = []
    for number, line in lines:
        if line.startswith("#"):
            continue
        for part in filter(None, (part.strip() for part in line.removeprefix("people:").split(";"))):
            if match := _PERSON.fullmatch(part):
                people.append(Person(code=match["code"], name=match["name"], id=match["id"]))
            elif match := _SETTING.fullmatch(part):
                settings[match["key"]] = match["value"].strip()
            else:
                raise wrong(path, number, "neither a setting nor a person.", "Write `key: value` or `code = name | id`.")
    for key, allowed in (("chat", None), ("kind", KINDS), ("format", FORMATS)):
        if key not in settings or (allowed and settings[key] not in allowed):
            raise wrong(path, 1, f"the header lacks a usable `{key}`.", f"Add `{key}: {'|'.join(allowed or ('name',))}`.")
    if len(people) < 2 or len({person.code for person in people}) < len(people):
        raise wrong(path, 1, "the header needs two people or more, each with a code of their own.", "Add `code = name | id` lines.")
    if settings["kind"] == "private" and len(people) > 2:
        raise wrong(path, 1, "a private chat of more than two people.", "Write `kind: group`.")
    return settings, people


def _read_scenes(path: Path, lines: list[tuple[int, str]], people: dict[str, Person]) -> Iterator[Scene]:
    stamp: tuple[int, datetime] | None = None
    said: list[Line] = []
    for number, line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        if match := _SCENE.fullmatch(line.strip()):
            if stamp:
                yield _scene(path, stamp, said)
            stamp, said = (number, datetime.fromisoformat(match["stamp"]).replace(tzinfo=ZONE)), []
        elif stamp is None:
            raise wrong(path, number, "a line before the first scene.", "Start a scene with `@ 2022-05-14 21:03`.")
        else:
            said.append(_read_line(path, number, line.rstrip(), people))
    if stamp:
        yield _scene(path, stamp, said)


def _scene(path: Path, stamp: tuple[int, datetime], lines: list[Line]) -> Scene:
    if not lines:
        raise wrong(path, stamp[0], "a scene without lines.", "Write its lines or drop it.")
    return Scene(number=stamp[0], starts_at=stamp[1], lines=tuple(lines))


def _read_line(path: Path, number: int, line: str, people: dict[str, Person]) -> Line:
    match = _LINE.fullmatch(line)
    if match is None:
        raise wrong(path, number, "not a line of talk.", "Write `who|text`, with `~2|` or `>key|` before the text and ` {key}` behind it.")
    if match["who"] not in people:
        raise wrong(path, number, "an unknown speaker.", "Use a code of the header.")
    text, act = match["text"].replace("\\n", "\n"), Act.SAY
    if text == "!撤回":
        text, act = "", Act.RECALL
    elif text.startswith("!改名 "):
        text, act = text.removeprefix("!改名 ").strip(), Act.RENAME
    elif re.match("![\u4e00-\u9fff]", text):
        raise wrong(path, number, "an unknown command.", "Known are `!撤回` and `!改名 新名`.")
    return Line(
        number=number,
        who=people[match["who"]],
        act=act,
        text=text,
        pause_min=int(match["pause"]) if match["pause"] else None,
        quotes=match["quotes"],
        key=match["key"],
    )


def _check_order(path: Path, scenes: tuple[Scene, ...]) -> None:
    for before, after in pairwise(scenes):
        if after.starts_at <= before.starts_at:
            raise wrong(path, after.number, "this scene starts before the one above it.", "Put the scenes in time order.")


def _check_quotes(path: Path, scenes: tuple[Scene, ...]) -> None:
    keys: set[str] = set()
    for line in (line for scene in scenes for line in scene.lines):
        if line.quotes and line.quotes not in keys:
            raise wrong(path, line.number, "quotes a key that no line above has.", "Name the quoted line with ` {key}`.")
        if line.key and line.key in keys:
            raise wrong(path, line.number, "a key that another line has already.", "Give each line a key of its own.")
        if line.key:
            keys.add(line.key)
