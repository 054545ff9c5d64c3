"""Reading tasks: the agent's own memory block, a few questions about it, and the replies a truthful owner gives.

The system message comes from `clone_agent.prompt`, so training sees what the agent will write. A reply cites the line it rests on and says
it again, as much of it as one would:

    [3] 小明说 到黄山了             of somebody else's line
    [3] 10月2号 小明说 到黄山了      where the question asks for a date
    [2] 下次再也不爬山              of the owner's own
    [0] 不记得了                   where no line answers

A small model learns to find a line and to say it long before it learns to cut an answer out of it, and what was said, in the words it was
said in, is a good answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from random import Random
from string import ascii_lowercase

from clone_agent.day_words import spoken_day
from clone_agent.prompt import cite, line_words, system_prompt
from clone_agent.quotation import spans, spoken_by
from clone_agent.records import Hit, Memory, Persona
from finetune.base_model.answered import draw_answered
from finetune.base_model.cloze import Told, draw_cloze
from finetune.base_model.echoes import character_pairs
from finetune.base_model.facts import Fact, Said, World, change, draw_fact, draw_time, draw_values, draw_world
from finetune.base_model.questions import Question, ask, ask_in_vain, unknown
from finetune.base_model.retold import draw_retold
from finetune.base_model.scenes import scenes
from finetune.base_model.slots import person_name, words
from finetune.base_model.typing_habits import typed

_DATED = frozenset({"date", "day", "retold.date", "cloze.time", "cloze.clock"})  # kinds of questions whose reply begins with the date
CONFIDENT_IN_VAIN = 0.08  # share of the blocks that answer nothing of which memory is confident all the same
_WHO = frozenset({"S", "retold.who"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How hard the tasks are."""

    most_lines: int = 6
    fewest_questions: int = 1
    most_questions: int = 4
    variety: int = 999  # scenes in use
    noise: float = 0.35  # share of lines with small talk around the fact
    full: float = 0.3  # share of blocks with as many lines as there may be
    absent: float = 0.15  # share of blocks that answer none of the questions
    single: float = 0.4  # share of blocks with one question alone
    facts: float = 0.33  # share of the questions that are about facts of the scenes
    twins: float = 0.35  # share of facts with another of the same kind
    echoes: float = 0.5  # share of the lines about something else that share words with a question


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingTask:
    """A system message with its memory block, and questions to be asked one after the other."""

    language: str
    system: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    at: datetime
    speaker: str
    bubbles: tuple[str, ...]
    origin: object = None  # the fact or told line that it says
    main: int = 0  # which bubble says it


_Asked = tuple[Question, object]  # and the fact or told line that answers it; None: nothing does


def draw_reading(
    rng: Random, level: Level, *, language: str, said: Said, held_out: bool = False, new_patterns: bool = False
) -> ReadingTask:
    """Make a task."""
    while True:
        world = draw_world(rng, language=language, said=said, held_out=held_out, new_patterns=new_patterns, variety=level.variety)
        task = _absent(world, level, rng) if rng.random() < level.absent else _present(world, level, rng)
        if task.questions:
            return task


def _present(world: World, level: Level, rng: Random) -> ReadingTask:
    """A block that answers its questions, some aside."""
    room = _room(level, rng)
    shown, told = _content(world, room, level, rng)
    lines = [line for fact in shown for line in [_of_fact(fact, world, level, rng)]]
    lines += [line for each in told for line in _of_told(each, world, level, rng)]
    asked: list[_Asked] = []
    for _ in range(_count(level, rng)):
        if told and (not shown or rng.random() > level.facts):
            each = rng.choice(told)
            asked.append((each.question, each))
        elif shown and rng.random() < 0.2 * level.absent:
            asked += _in_vain(_twin(rng.choice(shown), world, rng), shown, world, rng)
        elif shown:
            fact = rng.choice(shown)
            question = ask(fact, shown, world, rng)
            asked += [(question, fact)] if question else []
    return _task(world, lines, asked, room, level, rng, is_confident=rng.random() < 0.9)


def _room(level: Level, rng: Random) -> int:
    return level.most_lines if rng.random() < level.full else rng.randint(1, level.most_lines)


def _count(level: Level, rng: Random) -> int:
    return 1 if rng.random() < level.single else rng.randint(level.fewest_questions, level.most_questions)


def _absent(world: World, level: Level, rng: Random) -> ReadingTask:
    """A block, empty at times, that answers none of its questions, though a line may share some of their words.

    A memory that is confident found lines on the subject, so there a question is about what is said of another person, thing or time.
    """
    is_confident = rng.random() < CONFIDENT_IN_VAIN
    room = 0 if rng.random() < 0.1 and not is_confident else _room(level, rng)
    facts = min(room, rng.randint(int(is_confident), 3)) if is_confident or rng.random() < level.facts else 0
    shown = [draw_fact(world, rng) for _ in range(facts)]
    lines = [_of_fact(fact, world, level, rng) for fact in shown]
    asked: list[_Asked] = []
    for _ in range(_count(level, rng)):
        if is_confident or rng.random() < level.facts:
            near = bool(shown) and (is_confident or rng.random() < 0.5)
            asked += _in_vain(_twin(rng.choice(shown), world, rng) if near else draw_fact(world, rng), shown, world, rng)
        else:
            told = _draw_told(world, rng)
            asked.append((replace(told.question, kind="absent", gold=""), None))
            lines += [_said(shadow, world, rng) for shadow in told.shadows[: max(0, room - len(lines))]]
    return _task(world, lines, asked, room, level, rng, is_confident=is_confident)


def _content(world: World, room: int, level: Level, rng: Random) -> tuple[list[Fact], list[Told]]:
    """What the block is about: facts of the scenes, lines out of real sentences, mostly both."""
    shown: list[Fact] = []
    if rng.random() < level.facts + 0.2:
        for fact in [draw_fact(world, rng) for _ in range(rng.randint(1, min(3, room)))]:
            shown.append(fact)
            shown += _companions(fact, room - len(shown), world, level, rng)
    count = rng.randint(0 if shown else 1, 5)
    return shown, [_draw_told(world, rng) for _ in range(min(count, max(0 if shown else 1, room - len(shown))))]


def _draw_told(world: World, rng: Random) -> Told:
    if world.answered and rng.random() < 0.5:
        return draw_answered(world, rng)
    if world.language == "zh" and world.stories and rng.random() < 0.6:
        for _ in range(6):
            if cloze := draw_cloze(world, rng):
                return cloze
    return draw_retold(world, rng)


def _in_vain(fact: Fact, shown: Sequence[Fact], world: World, rng: Random) -> list[_Asked]:
    question = ask_in_vain(fact, shown, world, rng)
    return [(question, None)] if question else []


def _companions(fact: Fact, room: int, world: World, level: Level, rng: Random) -> list[Fact]:
    """A later change of a fact, a fact of the same kind, both or none, as the room allows."""
    found: list[Fact] = []
    if fact.scene.changed and rng.random() < 0.3 and room > 0:
        slot = rng.choice(list(fact.scene.changed))
        found += [change(fact, world, rng, slot)] if slot in fact.known else []
    if rng.random() < level.twins and len(found) < room:
        found.append(_twin(fact, world, rng))
    return found


def block_of_small_talk(world: World, level: Level, rng: Random) -> str:
    """A system message whose memory block holds lines about this and that."""
    return _task(world, [], [], rng.randint(1, level.most_lines), level, rng, is_confident=rng.random() < 0.15).system


def draw_frame(rng: Random) -> tuple[str, str]:
    """What the system message says before the first line of its memory block, and after the last."""
    persona, now = Persona(name=person_name(rng, "zh", held_out=False)), datetime(2023, 1, 1) + timedelta(minutes=rng.randrange(2_000_000))
    nonce = "".join(rng.choices(ascii_lowercase, k=4))
    text = system_prompt(persona, now=now, hits=(), nonce=nonce, is_confident=rng.random() < 0.7)
    before, mark, after = text.rpartition("\n</")
    return before.rsplit("\n", 1)[0] + "\n", (mark + after).lstrip("\n")


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


def _task(
    world: World, lines: list[_Line], asked: Sequence[_Asked], room: int, level: Level, rng: Random, *, is_confident: bool
) -> ReadingTask:
    """The block with its lines among lines about other things, and the questions with their replies."""
    taken = {line.origin.scene.name for line in lines if isinstance(line.origin, Fact)} | {"say"}
    others = _others(world, lines, room - len(lines), taken, level, rng)
    if rng.random() < 0.8:  # the rest are blocks of an easier memory
        others = [_echo(line, lines, asked, world, rng) if rng.random() < level.echoes else line for line in others]
    lines = _laid([*lines, *others], asked, room, rng)
    numbers = {id(line.origin): number for number, line in enumerate(lines, start=1) if line.origin is not None}
    hits = [_hit(number, line) for number, line in enumerate(lines)]
    system = system_prompt(
        Persona(name=world.owner, language=world.language),
        now=world.now,
        hits=hits,
        nonce="".join(rng.choices(ascii_lowercase, k=4)),
        is_confident=is_confident,
    )
    questions: dict[str, Question] = {}
    for question, origin in asked:
        if origin is None:
            reply = cite(0, unknown(world, rng))
        else:
            number = numbers[id(origin)]
            reply = cite(number, _quote(lines[number - 1], question, world))
        questions.setdefault(question.text, replace(question, reply=reply))
    return ReadingTask(language=world.language, system=system, questions=tuple(questions.values()))


def _laid(lines: Sequence[_Line], asked: Sequence[_Asked], room: int, rng: Random) -> list[_Line]:
    """The first `room` lines as recall ranks them, at times in time order.

    Recall looks at what was said around a line as well as at its words, so the line that answers may stand first without sharing a word
    with the question, above lines that share many.
    """
    wanted = {id(origin) for _, origin in asked if origin is not None}

    def rank(line: _Line) -> float:
        text = " ".join(line.bubbles)
        around = rng.uniform(0.2, 0.8) if id(line.origin) in wanted else rng.uniform(0.0, 0.45)
        return 0.5 * max((_overlap(question.text, text) for question, _ in asked), default=0.0) + around + rng.gauss(0.0, 0.08)

    ranked = sorted(lines, key=rank, reverse=True)
    room -= sum(id(line.origin) in wanted for line in ranked)
    others = {id(line) for line in [line for line in ranked if id(line.origin) not in wanted][: max(0, room)]}
    kept = [line for line in ranked if id(line.origin) in wanted or id(line) in others]
    return sorted(kept, key=lambda line: line.at) if rng.random() < 0.15 else kept


def _overlap(question: str, text: str) -> float:
    """The share of a question's pairs of characters that stand in a text."""
    pairs = character_pairs(question)
    return sum(pair in text for pair in pairs) / max(1, len(pairs))


def _quote(line: _Line, question: Question, world: World) -> str:
    """What a reply says of a line: the date if that is asked, who said it if that was not the owner, and its words."""
    main = line_words(line.bubbles[line.main], line.at)
    whole = line_words("\n".join(line.bubbles), line.at)
    quoted = max(spans(whole), key=lambda span: SequenceMatcher(None, span, main, autojunk=False).find_longest_match().size)
    is_own = line.speaker == world.owner
    if not is_own or (question.kind in _WHO and question.gold not in quoted):
        quoted = spoken_by(line.speaker, world.owner, world.language) + quoted
    if question.kind in _DATED:
        quoted = f"{spoken_day(line.at, world.language)} {quoted}"
    return quoted


def _of_fact(fact: Fact, world: World, level: Level, rng: Random) -> _Line:
    return _with_small_talk(
        _Line(at=fact.at, speaker=fact.speaker, bubbles=(_typed(fact.text, world, rng),), origin=fact), world, level, rng
    )


def _of_told(told: Told, world: World, level: Level, rng: Random) -> list[_Line]:
    """The line, what it takes back, and lines that share a part of its question."""
    lines = [
        _with_small_talk(_Line(at=told.at, speaker=told.speaker, bubbles=(_typed(told.text, world, rng),), origin=told), world, level, rng)
    ]
    if told.former:
        before = told.at - timedelta(days=rng.choice((0, 1, 3, 20)), minutes=rng.randint(5, 200))
        lines.append(_Line(at=before, speaker=told.speaker, bubbles=(_typed(told.former, world, rng),)))
    return lines + [_said(shadow, world, rng) for shadow in told.shadows]


def _said(text: str, world: World, rng: Random) -> _Line:
    return _Line(at=draw_time(world, rng), speaker=rng.choice((world.owner, *world.people)), bubbles=(_typed(text, world, rng),))


def _typed(text: str, world: World, rng: Random) -> str:
    return typed(text, rng) if world.language == "zh" else text


def _others(world: World, lines: Sequence[_Line], count: int, taken: set[str], level: Level, rng: Random) -> list[_Line]:
    """Lines about something else."""
    found: list[_Line] = []
    foreign = [scene for scene in scenes(world.language) if scene.name not in taken]
    for _ in range(count):
        form = rng.random()
        if form < 0.55:
            pool = world.stories if world.language == "zh" and world.stories and rng.random() < 0.5 else world.sentences
            found.append(_with_small_talk(_said(rng.choice(pool), world, rng), world, level, rng))
        elif form < 0.75 and lines:  # small talk of the same day
            at = rng.choice(lines).at + timedelta(minutes=rng.randint(1, 9))
            found.append(replace(_said(rng.choice(words("noise", world.language)), world, rng), at=at))
        else:
            fact = draw_fact(world, rng, scene=rng.choice(foreign))
            found.append(_Line(at=fact.at, speaker=fact.speaker, bubbles=(_typed(fact.text, world, rng),)))
    return found


def _echo(line: _Line, lines: Sequence[_Line], asked: Sequence[_Asked], world: World, rng: Random) -> _Line:
    """In place of a line, one that shares words with a question."""
    if not asked:
        return line
    text = world.echoes.draw(rng.choice(asked)[0].text, rng, but=[bubble for other in lines for bubble in other.bubbles])
    return replace(line, bubbles=(_typed(text, world, rng),), main=0) if text else line


def _with_small_talk(line: _Line, world: World, level: Level, rng: Random) -> _Line:
    bubbles, main = list(line.bubbles), line.main
    while rng.random() < level.noise and len(bubbles) < 4:
        place = rng.randint(0, len(bubbles))
        pool = words("noise", world.language) if rng.random() < 0.6 else world.sentences
        bubbles.insert(place, _typed(rng.choice(pool), world, rng))
        main += place <= main
    return replace(line, bubbles=tuple(bubbles), main=main)


def _hit(number: int, line: _Line) -> Hit:
    memory = Memory(
        id=str(number),
        conversation="",
        conversation_name="",
        speaker=line.speaker,
        speaker_name=line.speaker,
        is_owner=False,
        started_at=line.at,
        ended_at=line.at,
        text="\n".join(line.bubbles),
        message_ids=(),
    )
    return Hit(memory=memory, score=0.5)
