"""Reading tasks out of questions that people did ask: the line is what the other one answered.

Scenes, retold lines and gaps all ask in words of the line. People do not: 电话是多少 is answered by a number, 跟谁去的 by a name, and
no word need be shared. Here the corpora's own questions and answers meet, beside other answers of the same dialogue.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from finetune.base_model.cloze import Told, addressed, plain_pauses
from finetune.base_model.facts import World, draw_time
from finetune.base_model.questions import Question, dress_question

_ASKS = re.compile(r"什么|谁|哪|多少|几[个点号时年岁]|多[大久长高远贵]|怎么|啥|咋|吗|呢[?？]?$|为何|是不是|有没有")
_CLAUSES = re.compile(r"[，。！？；,.!?;~…\n]+")
_IDLE = re.compile(
    r"^(?:嗯+|哦+|那|对了|哈+|呵+|请问|请|帮我|你?知道(?!了)|听说过?|了解|还?记得|方便|抱歉|不好意思|好的?|是[的啊]|有[的啊呀])+(?=.{4})"
)
_EMPTY = re.compile(r"(?:嗯|哦|知道|记得|听说过?|看过|听过|去过|当然|好的?|可以|抱歉|不好意思|是|有|没|不|对|的|了|啊|呀|吧|呢|哈|你好)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A question, its answer, and other things said in the same dialogue."""

    question: str
    answer: str
    others: tuple[str, ...]


def find_answered(turns: Sequence[str], *, every: int = 1) -> list[Answered]:
    """The questions of a Chinese dialogue that the next turn answers; of every second turn, only one side's."""
    pairs = [pair for asked, said in list(pairwise(turns))[::every] for pair in _pair(asked, said)]
    stated = [text for turn in turns[every - 1 :: every] for text in _stated(turn)]
    stated = list(dict.fromkeys([other for _, other in pairs] + stated))
    return [Answered(question=question, answer=answer, others=_others(answer, stated)) for question, answer in pairs]


def draw_answered(world: World, rng: Random) -> Told:
    """A line, the question that it answers, and up to three others of the same dialogue."""
    drawn = rng.choice(world.answered)
    speaker = world.owner if rng.random() < 0.35 else rng.choice(world.people)
    asked = dress_question(addressed(drawn.question, speaker, world, rng), world, rng)
    others = rng.sample(drawn.others, k=min(len(drawn.others), rng.choice((0, 0, 1, 2, 3))))
    return Told(
        at=draw_time(world, rng),
        speaker=speaker,
        text=drawn.answer,
        question=Question(kind="answered", text=asked, gold=drawn.answer.split(" ", maxsplit=1)[0]),
        shadows=tuple(others),
    )


def _others(answer: str, stated: Iterable[str]) -> tuple[str, ...]:
    """What was said besides, but nothing that begins as the answer does, since it may be as good an answer."""
    return tuple(other for other in stated if other[:3] != answer[:3] and answer not in other)


def _stated(turn: str) -> Iterable[str]:
    """The clauses of a turn that ask for nothing, by twos."""
    clauses = [clause for clause in _CLAUSES.split(turn) if not _ASKS.search(clause) and not _EMPTY.fullmatch(clause)]
    for place in range(0, len(clauses), 2):
        text = plain_pauses(" ".join(clauses[place : place + 2]))
        if 4 <= len(text) <= 34:
            yield text


def _pair(asked: str, said: str) -> Iterable[tuple[str, str]]:
    """The question that a turn ends with and the answer that the next begins with, if there is one."""
    clauses = [clause for clause in _CLAUSES.split(asked) if clause]
    if not clauses or not _ASKS.search(clauses[-1]):
        return
    question = _IDLE.sub("", clauses[-1]).replace("您", "你")
    if question.endswith("吗") and _ASKS.search(question[:-1]):  # what is left of 你知道几点开门吗
        question = question[:-1]
    if len(question) < 6 and len(clauses) > 1 and len(clauses[-2]) > 2 and not _ASKS.search(clauses[-2]):
        question = _IDLE.sub("", clauses[-2]) + " " + question
    answer = []
    for clause in _CLAUSES.split(said):
        if _ASKS.search(clause):
            break
        if not _EMPTY.fullmatch(clause):
            answer.append(clause)
        if sum(map(len, answer)) > 16:
            break
    text = plain_pauses(" ".join(answer))
    if 4 <= len(question) <= 26 and _ASKS.search(question) and 2 <= len(text) <= 34:
        yield question, text
