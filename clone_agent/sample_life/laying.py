"""Lays written talk on the calendar: every line gets its second, its speaker's name of the day and the line it quotes.

The seconds are drawn with a seed made of the file's name and the scene's start, so editing one scene moves no other.
"""

import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from clone_agent.sample_life.grammar import Act, Line, Person, Scene, SceneFile, wrong

_MARK = re.compile(r"\[(?P<bare>图片|表情|视频)\]|\[语音:(?P<seconds>\d+)\]|\[文件:(?P<file>[^\]]+)\]")


class PartKind(StrEnum):
    """What a piece of a bubble is."""

    TEXT = "text"
    IMAGE = "image"
    STICKER = "sticker"
    VOICE = "voice"
    VIDEO = "video"
    FILE = "file"
    MENTION = "mention"


_BARE = {"图片": PartKind.IMAGE, "表情": PartKind.STICKER, "视频": PartKind.VIDEO}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a bubble."""

    kind: PartKind
    text: str = ""  # words, a file's name, or the name mentioned
    seconds: int = 0  # of a voice message
    person: Person | None = None  # who is mentioned


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """One message as it was sent."""

    number: int  # its place in the chat, from 0
    person: Person
    name: str  # of the sender at that time
    sent_at: datetime
    parts: tuple[Part, ...]
    quotes: "Bubble | None" = None
    recalled_at: datetime | None = None
    key: str | None = None

    @property
    def text(self) -> str:
        """The own words: what was typed, mentions included, without pictures and the like."""
        words = (f"@{part.text} " if part.kind is PartKind.MENTION else part.text for part in self.parts if part.kind in _WORDS)
        return "".join(words).strip()


_WORDS = (PartKind.TEXT, PartKind.MENTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One chat, laid on the calendar."""

    file: SceneFile
    bubbles: tuple[Bubble, ...]
    names: dict[str, str]  # person id -> the name at the end

    @property
    def peer(self) -> Person:
        """The other one of a private chat."""
        return self.file.people[1]


def lay(file: SceneFile) -> Chat:
    """Give every line of a chat its time.

    Raises:
        ExportError: a scene runs into the next one, or a recall has nothing to recall.
    """
    names = {person.id: person.name for person in file.people}
    bubbles: list[Bubble] = []
    by_key: dict[str, int] = {}
    for scene, following in zip(file.scenes, (*file.scenes[1:], None), strict=True):
        for line, moment in _times(file, scene, following):
            if line.act is Act.RENAME:
                names[line.who.id] = line.text
            elif line.act is Act.RECALL:
                place = _recalled(file, line, bubbles)
                bubbles[place] = replace(bubbles[place], recalled_at=moment)
            else:
                if line.key:
                    by_key[line.key] = len(bubbles)
                quoted = bubbles[by_key[line.quotes]] if line.quotes else None
                bubbles.append(_bubble(line, moment, len(bubbles), names, file.people, quoted))
    return Chat(file=file, bubbles=tuple(bubbles), names=names)


def token(*what: object, length: int = 32) -> str:
    """Hexadecimal digits that look random and are the same in every build."""
    return hashlib.sha256("/".join(map(str, what)).encode()).hexdigest()[:length]


def _times(file: SceneFile, scene: Scene, following: Scene | None) -> Iterator[tuple[Line, datetime]]:
    draw = random.Random(f"{file.path.stem} {scene.starts_at:%Y-%m-%d %H:%M}")
    moment, before = scene.starts_at, None
    for line in scene.lines:
        moment += _pause(line, before, draw)
        if following and moment >= following.starts_at:
            raise wrong(file.path, line.number, "this line falls into the next scene.", "Shorten its scene or start the next one later.")
        yield line, moment
        before = line


def _pause(line: Line, before: Line | None, draw: random.Random) -> timedelta:
    if line.pause_min is not None:
        return timedelta(minutes=line.pause_min, seconds=draw.randint(0, 25))
    if before is None:
        return timedelta(seconds=draw.randint(0, 40))
    typing = len(line.text) * draw.uniform(0.15, 0.4)
    thinking = draw.uniform(0.5, 5) if before.who is line.who else draw.uniform(2, 18)
    return timedelta(seconds=max(1, round(typing + thinking)))


def _recalled(file: SceneFile, line: Line, bubbles: list[Bubble]) -> int:
    for bubble in reversed(bubbles):
        if bubble.person is line.who and bubble.recalled_at is None:
            if bubble.key:
                raise wrong(
                    file.path, line.number, "takes back a line with a key.", "Move the key or the recall: questions need that line."
                )
            return bubble.number
    raise wrong(file.path, line.number, "nothing to take back.", "Write `!撤回` below a line of the same speaker.")


def _bubble(line: Line, moment: datetime, number: int, names: dict[str, str], people: tuple[Person, ...], quoted: Bubble | None) -> Bubble:
    parts = tuple(_parts(line.text, {names[person.id]: person for person in people}))
    return Bubble(number=number, person=line.who, name=names[line.who.id], sent_at=moment, parts=parts, quotes=quoted, key=line.key)


def _parts(text: str, people: dict[str, Person]) -> Iterator[Part]:
    end = 0
    for match in _MARK.finditer(text):
        yield from _words(text[end : match.start()], people)
        end = match.end()
        if match["bare"]:
            yield Part(kind=_BARE[match["bare"]])
        elif match["seconds"]:
            yield Part(kind=PartKind.VOICE, seconds=int(match["seconds"]))
        else:
            yield Part(kind=PartKind.FILE, text=match["file"])
    yield from _words(text[end:], people)


def _words(text: str, people: dict[str, Person]) -> Iterator[Part]:
    if not text:
        return
    mention = re.search("@(" + "|".join(re.escape(name) for name in people) + ")(?: |$)", text)
    if mention is None:
        yield Part(kind=PartKind.TEXT, text=text)
        return
    if mention.start():
        yield Part(kind=PartKind.TEXT, text=text[: mention.start()])
    yield Part(kind=PartKind.MENTION, text=mention[1], person=people[mention[1]])
    yield from _words(text[mention.end() :], people)
