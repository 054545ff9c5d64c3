"""Facts with dates and speakers, drawn from the scenes: what was said, and what may be asked about it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from clone_agent.day_words import date_day_words
from clone_agent.prompt import WEEKDAYS
from finetune.base_model.echoes import Echoes
from finetune.base_model.scenes import Scene, fields, fill, scenes
from finetune.base_model.slots import person_name, pick, slot_value

if TYPE_CHECKING:
    from finetune.base_model.answered import Answered

HOLIDAYS = {
    "国庆": (10, 1, 7),
    "五一": (5, 1, 5),
    "元旦": (1, 1, 3),
    "圣诞": (12, 24, 25),
    "情人节": (2, 14, 14),
    "儿童节": (6, 1, 1),
    "双十一": (11, 11, 11),
}
_DAYS = {"zh": ("今天", "明天", "后天", "昨天", "前天", "今晚", "明晚"), "en": ("today", "tomorrow", "yesterday", "tonight")}
_WEEK = {"zh": ("这", "下", "上", ""), "en": ("last ", "next ", "on ")}
_WEEKDAYS = {"zh": WEEKDAYS["zh"], "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What people say, of one language and one side of the split."""

    sentences: Sequence[str]
    stories: Sequence[str] = ()  # longer ones, Chinese
    answered: Sequence["Answered"] = ()  # questions with their answers, Chinese
    echoes: Echoes = field(default_factory=Echoes)  # the sentences by what they hold


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Who talks, in which language, and on which side of the split."""

    language: str
    owner: str
    people: tuple[str, ...]  # the others
    now: datetime
    held_out: bool  # words kept for evaluation
    new_patterns: bool  # patterns kept for evaluation
    sentences: Sequence[str]  # things people say, of this side of the split: noise, and clauses for "who said …"
    stories: Sequence[str]  # longer ones, Chinese, for questions made out of real sentences
    answered: Sequence["Answered"]  # questions that people asked, Chinese
    echoes: Echoes
    variety: int  # scenes in use, in the order of their file


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing said at one time."""

    scene: Scene
    actor: str  # whom it is about
    speaker: str
    at: datetime
    pattern: str
    values: dict[str, str]
    day: str = ""  # the relative day as said
    replaces: str = ""  # the slot to which it gives another value

    @property
    def text(self) -> str:
        """The words of the line."""
        return fill(self.pattern, self.values | {"S": self.actor, "P": f"{self.actor}'s", "day": self.day})

    @property
    def day_meant(self) -> str:
        """The day as one may answer later: its date, where the word has one."""
        found = re.search(r"[（(](.+)[）)]", date_day_words(self.day, said_on=self.at.date()))
        return found[1] if found else self.day

    @property
    def known(self) -> frozenset[str]:
        """The slots that the line tells."""
        return fields(self.pattern) - {"S", "P"}


def draw_fact(world: World, rng: Random, *, scene: Scene | None = None, actor: str = "") -> Fact:
    """A new fact."""
    scene = scene or rng.choice(scenes(world.language)[: world.variety])
    actor = actor or (world.owner if rng.random() < 0.35 else rng.choice(world.people))
    first_person = not scene.told or rng.random() < 0.75
    others = [name for name in (world.owner, *world.people) if name != actor]
    at = draw_time(world, rng, holiday=scene.name == "trip")
    return Fact(
        scene=scene,
        actor=actor,
        speaker=actor if first_person else rng.choice(others),
        at=at,
        pattern=pick(rng, scene.said if first_person else scene.told, held_out=world.new_patterns),
        values=draw_values(scene, world, rng),
        day=_day_word(world.language, rng),
    )


def draw_values(scene: Scene, world: World, rng: Random) -> dict[str, str]:
    """Values for every slot of a scene."""
    values = {
        name: slot_value(kind, rng, language=world.language, held_out=world.held_out)
        for name, kind in scene.slots.items()
        if kind != "clause"
    }
    values |= {name: rng.choice(world.sentences) for name, kind in scene.slots.items() if kind == "clause"}
    return values | {"m": str(rng.randint(0, 99))}


def draw_time(world: World, rng: Random, *, holiday: bool = False) -> datetime:
    """A moment of the last three years, in a holiday on request half of the time."""
    if holiday and rng.random() < 0.6:
        month, first, last = rng.choice(list(HOLIDAYS.values()))
        year = world.now.year - rng.choice((0, 1, 1, 1, 2))
        moment = world.now.replace(year=year, month=month, day=rng.randint(first, last))
        if moment < world.now - timedelta(days=1):
            return _at_hour(moment, rng)
    return _at_hour(world.now - timedelta(days=1 + int(rng.random() ** 1.5 * 900)), rng)


def _at_hour(moment: datetime, rng: Random) -> datetime:
    return moment.replace(hour=rng.choice((*range(8, 24), 0)), minute=rng.randrange(60))


def change(fact: Fact, world: World, rng: Random, slot: str) -> Fact:
    """A later line that gives `slot` of a fact another value."""
    at = fact.at + timedelta(days=rng.choice((0, 1, 2, 5, 30)), hours=rng.randint(1, 5), minutes=rng.randrange(60))
    fresh = draw_values(fact.scene, world, rng)
    values = fact.values | ({slot: fresh[slot]} if slot in fresh else {})
    pattern = pick(rng, fact.scene.changed[slot], held_out=world.new_patterns)
    day = _day_word(world.language, rng) if "day" in fields(pattern) else fact.day
    return replace(fact, speaker=fact.actor, at=min(at, world.now), pattern=pattern, values=values, day=day, replaces=slot)


def _day_word(language: str, rng: Random) -> str:
    """A day as said: tomorrow, next Wednesday."""
    near, far = rng.choice(_DAYS[language]), rng.choice(_WEEK[language]) + rng.choice(_WEEKDAYS[language])
    return near if rng.random() < 0.6 else far


def period(at: datetime, now: datetime, rng: Random) -> dict[str, str]:
    """Names of the holiday and the month of a moment, as somebody asks `now`; a holiday only where there is one."""
    year = {0: "今年", 1: "去年", 2: "前年"}.get(now.year - at.year, f"{at.year}年")
    if rng.random() < 0.15:
        year = f"{at.year}年"
    named = {"month": f"{year}{at.month}月"}
    for name, (month, first, last) in HOLIDAYS.items():
        if at.month == month and first <= at.day <= last:
            named["holiday"] = year + name
    return named


def draw_world(rng: Random, *, language: str, said: Said, held_out: bool = False, new_patterns: bool = False, variety: int = 999) -> World:
    """A persona, the people around it and today's date."""
    names = list(dict.fromkeys(person_name(rng, language, held_out=held_out) for _ in range(rng.randint(4, 6))))
    now = datetime(2023, 1, 1) + timedelta(days=rng.randrange(365 * 4 + 300), hours=rng.randrange(24), minutes=rng.randrange(60))
    if len(names) < 3:
        names += ["阿宁", "Quill", "小茶"]
    return World(
        language=language,
        owner=names[0],
        people=tuple(names[1:]),
        now=now,
        held_out=held_out,
        new_patterns=new_patterns,
        sentences=said.sentences,
        stories=said.stories,
        answered=said.answered,
        echoes=said.echoes,
        variety=variety,
    )
