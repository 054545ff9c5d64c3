"""Reading tasks out of anything that people say: a question repeats some words of a line, and the line is the answer.

The scenes know some sixty kinds of facts; people talk about everything. What a question and the line that answers it share, whatever they
are about, are stretches of words. So stretches of a real sentence become a question, with idle words around them, other lines share one
stretch at most, and a question whose stretches stand nowhere, or in different lines, is not answered.
"""

import re
from collections.abc import Sequence
from random import Random

from clone_agent.day_words import spoken_day
from finetune.base_model.cloze import Told, addressed, plain_pauses
from finetune.base_model.facts import World, draw_time
from finetune.base_model.questions import Question, dress_question

_ASKED = {
    "zh": [
        "什么",
        "啥",
        "多少",
        "几个",
        "怎么",
        "怎么样",
        "哪个",
        "哪里",
        "哪",
        "怎么回事",
        "吗",
        "为什么",
        "咋",
        "咋样",
        "了没",
        "是吧",
        "几",
        "怎么说的",
        "如何",
        "结果呢",
        "后来呢",
    ],
    "en": ("what", "how", "why", "which", "where", "how many", "how much", "what about", "did it", "was it"),
}
_WHEN = {"zh": ["什么时候", "哪天", "几号", "啥时候", "哪一天", "几月几号"], "en": ("when", "which day", "what date")}
_WHO = {"zh": ("谁", "谁说", "谁说的", "哪个人", "哪位"), "en": ("who", "who said", "who was it")}
_JOINTS = {"zh": ("", "", "", "的", " ", "那次", "，", "那个"), "en": (" ",)}
_SHARE_WHEN, _SHARE_WHO = 0.12, 0.1
_EMPTY = re.compile("^[的了吧啊就都很也还又吗呢呀真太是在有不我你他她它这那和跟给]*$")


def draw_retold(world: World, rng: Random) -> Told:
    """A line of one to three clauses, a question that its words answer, and lines that share a part of the question."""
    while True:
        text = _line(world, rng)
        stretches = _stretches(text, world.language, rng)
        if stretches and len(text) > 5:
            break
    speaker, at = world.owner if rng.random() < 0.35 else rng.choice(world.people), draw_time(world, rng)
    kind, gold, word = "retold", _clause_with(stretches[0], text), rng.choice(_ASKED[world.language])
    form = rng.random()
    if form < _SHARE_WHEN:
        kind, gold, word = "retold.date", spoken_day(at, world.language), rng.choice(_WHEN[world.language])
    elif form < _SHARE_WHEN + _SHARE_WHO:
        own = "我" if world.language == "zh" else "I"
        kind, gold, word = "retold.who", own if speaker == world.owner else speaker, rng.choice(_WHO[world.language])
    asked = _asked(stretches, word, world, rng)
    if kind != "retold.who":
        asked = addressed(asked, speaker, world, rng)
    question = Question(kind=kind, text=dress_question(asked, world, rng), gold=gold)
    shadows = tuple(_shadow(stretch, world, rng) for stretch in stretches if rng.random() < 0.45)
    return Told(at=at, speaker=speaker, text=text, question=question, shadows=shadows if len(stretches) > 1 else ())


def _line(world: World, rng: Random) -> str:
    """What somebody says: a sentence, or one to three clauses about different things."""
    if world.stories and rng.random() < 0.6:
        return plain_pauses(rng.choice(world.stories))
    count = rng.choice((1, 1, 1, 2)) if world.language == "en" else rng.choice((1, 1, 2, 2, 3))
    return " ".join(rng.choice(world.sentences) for _ in range(count))


def _stretches(text: str, language: str, rng: Random) -> list[str]:
    """One to three stretches of a line, of one of its clauses more often than not, in any order."""
    parts = [text] if language == "en" or rng.random() < 0.35 else [rng.choice(text.split(" "))]
    found: list[str] = []
    for _ in range(rng.choice((1, 2, 2, 3, 3))):
        stretch = _stretch(rng.choice(parts), language, rng)
        if stretch and not any(stretch in other or other in stretch for other in found):
            found.append(stretch)
    return found if sum(map(len, found)) >= (4 if language == "zh" else 6) else []


def _stretch(part: str, language: str, rng: Random) -> str:
    if language == "en":
        words = part.rstrip(".!?").split(" ")
        size = rng.randint(1, 4)
        start = rng.randrange(max(1, len(words) - size + 1))
        stretch = " ".join(words[start : start + size])
        return stretch if len(stretch) > 4 else ""
    size = rng.choice((2, 2, 3, 3, 4, 5, 6))
    start = rng.randrange(max(1, len(part) - size + 1))
    stretch = part[start : start + size].strip()
    return "" if _EMPTY.match(stretch) or " " in stretch else stretch


def _asked(stretches: Sequence[str], word: str, world: World, rng: Random) -> str:
    """The stretches with a question word among them, and at times with idle words of another sentence."""
    parts = list(stretches)
    while rng.random() < 0.5:
        idle = _stretch(rng.choice(world.sentences), world.language, rng)
        if idle:
            parts.insert(rng.randint(0, len(parts)), idle)
    parts.insert(rng.choice((len(parts), len(parts), rng.randint(0, len(parts)), 0)), word)
    text = parts[0]
    for part in parts[1:]:
        text += rng.choice(_JOINTS[world.language]) + part
    return text


def _clause_with(stretch: str, text: str) -> str:
    """The clause of the line that holds a stretch."""
    return next((clause for clause in text.split(" ") if stretch in clause), text)


def _shadow(stretch: str, world: World, rng: Random) -> str:
    """Something else that holds a stretch of the question too."""
    other = rng.choice(world.sentences)
    if world.language == "en":
        words = other.split(" ")
        words.insert(rng.randint(0, len(words)), stretch)
        return " ".join(words)
    place = rng.randint(0, len(other))
    return other[:place] + stretch + other[place:]
