"""Reading tasks: the agent's own memory block, a few questions about it, and the replies a truthful owner gives.

The system message comes from `clone_agent.prompt`, so training sees what the agent will write.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from string import ascii_lowercase

from clone_agent.prompt import system_prompt
from clone_agent.records import Hit, Memory, Persona
from finetune.base_model.cloze import Told, draw_cloze
from finetune.base_model.facts import Fact, Said, World, change, draw_fact, draw_time, draw_values, draw_world
from finetune.base_model.questions import Question, ask, ask_in_vain, unknown
from finetune.base_model.scenes import scenes
from finetune.base_model.slots import words

_Line = tuple[datetime, str, str]  # when, who, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How hard the tasks are."""

    most_lines: int = 10
    fewest_questions: int = 1
    most_questions: int = 4
    variety: int = 999  # scenes in use
    lead: float = 0.3  # share of answers that begin with the words before them in the line
    noise: float = 0.35  # share of lines with small talk around the fact
    absent: float = 0.2  # share of blocks that answer none of the questions
    cloze: float = 0.75  # share of the draws of lines out of real sentences that are made
    twins: float = 0.5  # share of facts beside which stands one of the same kind


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingTask:
    """A system message with its memory block, and questions to be asked one after the other."""

    language: str
    system: str
    questions: tuple[Question, ...]


def draw_reading(
    rng: Random, level: Level, *, language: str, said: Said, held_out: bool = False, new_patterns: bool = False
) -> ReadingTask:
    """Make a task."""
    while True:
        world = draw_world(
            rng, language=language, said=said, held_out=held_out, new_patterns=new_patterns, variety=level.variety, lead=level.lead
        )
        task = _absent(world, level, rng) if rng.random() < level.absent else _present(world, level, rng)
        if task.questions:
            return task


def _present(world: World, level: Level, rng: Random) -> ReadingTask:
    """A block that answers its questions, one in eight aside."""
    room = rng.randint(1, level.most_lines)
    told = [cloze for _ in range(min(room, rng.randint(0, 4))) if (cloze := _cloze(world, level, rng))]
    facts = [draw_fact(world, rng) for _ in range(min(room - len(told), rng.randint(0 if told else 1, 3)))]
    shown = list(facts)
    for fact in facts:
        shown += _companions(fact, room - len(told) - len(shown), world, level, rng)
    asked: list[Question] = []
    for _ in range(rng.randint(level.fewest_questions, level.most_questions)):
        if told and (not shown or rng.random() < len(told) / (len(told) + len(shown))):
            question: Question | None = rng.choice(told).question
        elif rng.random() < 0.6 * level.absent:
            question = ask_in_vain(_twin(rng.choice(shown), world, rng), shown, world, rng)
        else:
            question = ask(rng.choice(shown), shown, world, rng)
        if question and question.text not in {other.text for other in asked}:
            asked.append(question)
    system = _system(world, shown, told, room - len(shown) - len(told), level, rng, is_confident=rng.random() < 0.85)
    return ReadingTask(language=world.language, system=system, questions=tuple(asked))


def _companions(fact: Fact, room: int, world: World, level: Level, rng: Random) -> list[Fact]:
    """A later change of a fact, a fact of the same kind, both or none, as the room allows."""
    found: list[Fact] = []
    if fact.scene.changed and rng.random() < 0.3 and room > 0:
        slot = rng.choice(list(fact.scene.changed))
        found += [change(fact, world, rng, slot)] if slot in fact.known else []
    if rng.random() < level.twins and len(found) < room:
        found.append(_twin(fact, world, rng))
    return found


def _absent(world: World, level: Level, rng: Random) -> ReadingTask:
    """A block, empty at times, that answers none of its questions."""
    room = 0 if rng.random() < 0.12 else rng.randint(1, level.most_lines)
    shown = [draw_fact(world, rng) for _ in range(min(room, rng.randint(0, 4)))]
    asked: list[Question] = []
    for _ in range(rng.randint(level.fewest_questions, level.most_questions)):
        if rng.random() < 0.35 and (cloze := _cloze(world, level, rng)):
            reply = unknown(world, rng)
            question: Question | None = replace(cloze.question, kind="absent", gold="", reply=reply)
        else:
            near = bool(shown) and rng.random() < 0.5
            question = ask_in_vain(_twin(rng.choice(shown), world, rng) if near else draw_fact(world, rng), shown, world, rng)
        if question and question.text not in {other.text for other in asked}:
            asked.append(question)
    system = _system(world, shown, (), max(0, room - len(shown)), level, rng, is_confident=rng.random() < 0.4)
    return ReadingTask(language=world.language, system=system, questions=tuple(asked))


def _cloze(world: World, level: Level, rng: Random) -> Told | None:
    """A line out of a real sentence with its question, at `level.cloze`; English has none."""
    if world.language != "zh" or not world.stories or rng.random() > level.cloze:
        return None
    return next((told for _ in range(8) if (told := draw_cloze(world, rng))), None)


def block_of_small_talk(world: World, level: Level, rng: Random) -> str:
    """A system message whose memory block holds lines about this and that."""
    return _system(world, (), (), rng.randint(1, level.most_lines), level, rng, is_confident=rng.random() < 0.5)


def _twin(fact: Fact, world: World, rng: Random) -> Fact:
    """A fact of the same kind, often different in one respect alone: another person, or one other value."""
    form = rng.random()
    others = [name for name in (world.owner, *world.people) if name != fact.actor]
    if form < 0.4 or fact.replaces:
        return draw_fact(world, rng, scene=fact.scene, actor=rng.choice(others) if rng.random() < 0.6 else fact.actor)
    at = draw_time(world, rng)
    values = draw_values(fact.scene, world, rng)
    if form < 0.75:
        return replace(fact, actor=(actor := rng.choice(others)), speaker=actor, at=at, values=values, pattern=rng.choice(fact.scene.said))
    key = rng.choice(list(fact.scene.slots))
    return replace(fact, at=at, values=values | {name: value for name, value in fact.values.items() if name != key and rng.random() < 0.5})


def _system(
    world: World, shown: Sequence[Fact], told: Sequence[Told], others: int, level: Level, rng: Random, *, is_confident: bool
) -> str:
    """The system message with the facts among lines about other things."""
    lines: list[_Line] = [(fact.at, fact.speaker, _with_small_talk(fact.text, world, level, rng)) for fact in shown]
    lines += [(cloze.at, cloze.speaker, _with_small_talk(cloze.text, world, level, rng)) for cloze in told]
    taken = {fact.scene.name for fact in shown} | {"say"}
    foreign = [scene for scene in scenes(world.language) if scene.name not in taken]
    for _ in range(others):
        at, speaker = draw_time(world, rng), rng.choice((world.owner, *world.people))
        if rng.random() < 0.5:
            pool = world.stories if world.language == "zh" and world.stories and rng.random() < 0.5 else world.sentences
            lines.append((at, speaker, _with_small_talk(rng.choice(pool), world, level, rng)))
        elif lines and rng.random() < 0.3:  # small talk of the same day
            lines.append((rng.choice(lines)[0] + timedelta(minutes=rng.randint(1, 9)), speaker, rng.choice(words("noise", world.language))))
        else:
            fact = draw_fact(world, rng, scene=rng.choice(foreign))
            lines.append((fact.at, fact.speaker, fact.text))
    hits = [_hit(number, line) for number, line in enumerate(sorted(lines, key=lambda line: line[0]))]
    nonce = "".join(rng.choices(ascii_lowercase, k=4))
    return system_prompt(
        Persona(name=world.owner, language=world.language), now=world.now, hits=hits, nonce=nonce, is_confident=is_confident
    )


def _with_small_talk(text: str, world: World, level: Level, rng: Random) -> str:
    bubbles = [text]
    while rng.random() < level.noise and len(bubbles) < 4:
        bubbles.insert(rng.randint(0, len(bubbles)), rng.choice(words("noise", world.language)))
    return "\n".join(bubbles)


def _hit(number: int, line: _Line) -> Hit:
    at, speaker, text = line
    memory = Memory(
        id=str(number),
        conversation="",
        conversation_name="",
        speaker=speaker,
        speaker_name=speaker,
        is_owner=False,
        started_at=at,
        ended_at=at,
        text=text,
        message_ids=(),
    )
    return Hit(memory=memory, score=0.5)
