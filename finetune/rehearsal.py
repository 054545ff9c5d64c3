"""General talk to mix into tuning, so that the model that ships goes on reading its memory and holding an ordinary conversation.

The examples are drawn from the generators that the model was trained with; none of them comes from anybody's chats.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from random import Random

from clone_agent.records import ChatTurn
from finetune.base_model.reading import Level, draw_reading
from finetune.base_model.small_talk import Corpus, draw_chat
from finetune.examples import Example

READING = 0.7  # share of tasks with a memory block to answer from; the others are small talk
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)  # these examples were never sent


def rehearsal_examples(count: int, *, language: str, seed: int) -> Iterator[Example]:
    """Draw `count` examples in a language (`zh`, `en`); the same seed gives the same ones."""
    random = Random(f"{seed} rehearsal {language}")
    made = 0
    while made < count:
        talks = _reading(random, language) if random.random() < READING else _chat(random, language)
        for system, context, response in talks:
            if made < count:
                yield Example(
                    id=f"rehearsal/{made}",
                    conversation="rehearsal",
                    session=f"rehearsal/{made}",
                    sent_at=_NEVER,
                    system=system,
                    context=context,
                    response=response,
                )
                made += 1


_Talk = tuple[str, tuple[ChatTurn, ...], str]  # system message, turns with the prompt last, reply


def _reading(random: Random, language: str) -> Iterator[_Talk]:
    """The questions of one memory block, each after the ones before it."""
    task = draw_reading(random, Level(), language=language, sentences=_sentences(language))
    turns: tuple[ChatTurn, ...] = ()
    for question in task.questions:
        turns = (*turns, ChatTurn(role="user", text=question.text))
        yield task.system, turns, question.reply
        turns = (*turns, ChatTurn(role="assistant", text=question.reply))


def _chat(random: Random, language: str) -> Iterator[_Talk]:
    corpus = Corpus(exchanges={}, sentences={language: _sentences(language)}, held_out_exchanges=[], held_out_sentences={})
    task = draw_chat(random, corpus, language=language)
    yield task.turns[0].text, task.turns[1:], task.reply


@cache
def _sentences(language: str) -> list[str]:
    """Everything said in the small talk that ships, to stand between the facts of a memory block."""
    lines = files("finetune.base_model").joinpath(f"small_talk_{language}.txt").read_text("utf-8").splitlines()
    sides = (side for line in lines if "=" in line and not line.startswith("#") for side in line.split("=", 1))
    return [piece.strip() for side in sides for said in side.split("|") for piece in said.split("/") if piece.strip()]
