"""General talk to mix into tuning, so that the model that ships goes on reading its memory and holding an ordinary conversation.

The examples are drawn from the generators that the model was trained with; none of them comes from anybody's chats.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from itertools import count
from random import Random

from clone_agent.records import ChatTurn
from finetune.base_model.reading import Level, draw_reading
from finetune.base_model.small_talk import Corpus, draw_chat, gather
from finetune.examples import Example

READING = 0.7  # share of tasks with a memory block to answer from; the others are small talk
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)  # these examples were never sent


def rehearsal_examples(*, language: str, seed: int) -> Iterator[Example]:
    """Draw examples in a language (`zh`, `en`) without end; the same seed gives the same ones."""
    random, number = Random(f"{seed} rehearsal {language}"), count()
    while True:
        session = f"rehearsal/{next(number)}"
        for system, context, response in _reading(random, language) if random.random() < READING else _chat(random, language):
            yield Example(
                id=f"{session}/{len(context)}",
                conversation="rehearsal",
                session=session,
                sent_at=_NEVER,
                system=system,
                context=context,
                response=response,
            )


_Talk = tuple[str, tuple[ChatTurn, ...], str]  # system message, turns with the prompt last, reply


def _reading(random: Random, language: str) -> Iterator[_Talk]:
    """The questions of one memory block, each after the ones before it."""
    task = draw_reading(random, Level(), language=language, said=general_corpus().said(language))
    turns: tuple[ChatTurn, ...] = ()
    for question in task.questions:
        turns = (*turns, ChatTurn(role="user", text=question.text))
        yield task.system, turns, question.reply
        turns = (*turns, ChatTurn(role="assistant", text=question.reply))


def _chat(random: Random, language: str) -> Iterator[_Talk]:
    task = draw_chat(random, general_corpus(), language=language)
    yield task.turns[0].text, task.turns[1:], task.reply


@cache
def general_corpus() -> Corpus:
    """A corpus of the small talk that ships and nothing else."""
    return replace(gather([]), sentences={language: _sentences(language) for language in ("zh", "en")})


def _sentences(language: str) -> list[str]:
    """Everything said in the small talk that ships, to stand between the facts of a memory block."""
    lines = files("finetune.base_model").joinpath(f"small_talk_{language}.txt").read_text("utf-8").splitlines()
    sides = (side for line in lines if "=" in line and not line.startswith("#") for side in line.split("=", 1))
    return [piece.strip() for side in sides for said in side.split("|") for piece in said.split("/") if piece.strip()]
