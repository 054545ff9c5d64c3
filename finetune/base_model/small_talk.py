"""Chat tasks: short colloquial turns of the corpora and of a list of our own, as the agent would prompt for them.

Replies become one to three bubbles. Counselling talk is kept out by its words and by a cap on length: the owner is no counsellor.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random

from clone_agent.prompt import cite, system_prompt
from clone_agent.records import ChatTurn, Persona
from finetune.base_model.answered import Answered, find_answered
from finetune.base_model.cloze import plain_pauses
from finetune.base_model.corpora import ENGLISH, Dialogue, is_counselling
from finetune.base_model.echoes import Echoes
from finetune.base_model.facts import Said, draw_fact, draw_world
from finetune.base_model.questions import ask_in_vain, unknown
from finetune.base_model.reading import Level, block_of_small_talk
from finetune.base_model.slots import is_held_out

LONGEST = {"zh": 30, "en": 90}  # characters of a turn that is learned or shown
_SENTENCES = re.compile(r"(?<=[。！？!?~])|\n|(?<=[.] )")
_CLAUSES = re.compile(r"[，。！？；、,.!?;~…\n]+")
_STIFF = re.compile(r"您|请问|贵|推荐您|为您|感谢您|祝您|同学你好|题主|楼主")
_DRY = re.compile(r"\d{2}|[《》:：@]|http")  # facts of a booking system or an encyclopaedia
_SHARES = {"smilechat": 0.2, "locco": 1.0, "kdconv": 0.3, "crosswoz": 0.05, "worlds": 1.0, "worlds_en": 1.0}
_STORY = re.compile(r"[一-鿿0-9A-Za-z，、 ]+")
BLOCKS = 0.07  # share of the talk beside a memory block
FOREIGN = 0.15  # share of the talk that is not in the persona's language
OWN = 0.4  # share of the talk that comes from our own list
_ANSWERED = 20_000  # questions of one corpus
_NOISE = 80_000  # sentences of one corpus; more of the counselling corpus would drown the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """What the generators draw from: exchanges to learn replies from, and sentences people say, by language."""

    exchanges: dict[str, list[tuple[str, ...]]]  # source -> turns, the last of which is the reply
    held_out_exchanges: list[tuple[str, ...]]
    sentences: dict[str, list[str]]
    held_out_sentences: dict[str, list[str]]
    stories: list[str]
    held_out_stories: list[str]
    answered: list[Answered]
    held_out_answered: list[Answered]
    echoes: dict[bool, Echoes]  # by whether they are held out, Chinese

    def said(self, language: str, *, held_out: bool = False) -> Said:
        """What people say, for the reading tasks."""
        sentences, stories = (self.held_out_sentences, self.held_out_stories) if held_out else (self.sentences, self.stories)
        if language != "zh":
            return Said(sentences=sentences[language])
        answered = self.held_out_answered if held_out else self.answered
        return Said(sentences=sentences[language], stories=stories, answered=answered, echoes=self.echoes[held_out])


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTask:
    """A talk whose last turn is the reply to learn."""

    language: str
    turns: tuple[ChatTurn, ...]
    reply: str


def gather(dialogues: Iterable[Dialogue]) -> Corpus:
    """Sort the corpora into short exchanges and sentences, every eighth of each kept for evaluation."""
    corpus = Corpus(
        exchanges={},
        held_out_exchanges=[],
        sentences={"zh": [], "en": []},
        held_out_sentences={"zh": [], "en": []},
        stories=[],
        held_out_stories=[],
        answered=[],
        held_out_answered=[],
        echoes={},
    )
    room: Counter[str] = Counter()
    for dialogue in dialogues:
        language = dialogue.language
        kept = is_held_out("\n".join(dialogue.turns))
        for exchange in _exchanges(dialogue.turns, language):
            (corpus.held_out_exchanges if kept else corpus.exchanges.setdefault(dialogue.source, [])).append(exchange)
        side = corpus.held_out_sentences if kept else corpus.sentences
        speakers = dialogue.turns[:: 2 if dialogue.source in {"smilechat", "locco"} else 1]
        if room[dialogue.source] < _NOISE:
            clauses = [clause for turn in speakers for clause in _said(turn, language)]
            room[dialogue.source] += len(clauses)
            side[language] += clauses
        if language == "zh":
            stories = corpus.held_out_stories if kept else corpus.stories
            stories += [story for turn in speakers for story in _stories(turn)]
            answered = corpus.held_out_answered if kept else corpus.answered
            if room["answered " + dialogue.source] < _ANSWERED:
                # Of counselling, what the other one asks and people tell of themselves.
                turns = dialogue.turns[1:] if dialogue.source == "smilechat" else dialogue.turns
                found = find_answered(turns, every=2 if dialogue.source == "smilechat" else 1)
                found = [pair for pair in found if not is_counselling(pair.question + pair.answer)]
                room["answered " + dialogue.source] += len(found)
                answered += found
    for table in (corpus.sentences, corpus.held_out_sentences):
        for language, clauses in table.items():
            table[language] = list(dict.fromkeys(clauses))
    for held_out in (False, True):
        said = (corpus.held_out_sentences, corpus.held_out_stories) if held_out else (corpus.sentences, corpus.stories)
        corpus.echoes[held_out] = Echoes(plain_pauses(sentence) for sentence in (*said[0]["zh"], *said[1]))
    return corpus


def _exchanges(turns: Sequence[str], language: str) -> Iterable[tuple[str, ...]]:
    limit = LONGEST[language]
    for index in range(1, len(turns)):
        reply, prompt = turns[index], turns[index - 1]
        if (
            not 1 <= len(reply) <= limit
            or len(prompt) > limit
            or is_counselling(reply)
            or is_counselling(prompt)
            or _STIFF.search(reply)
            or _DRY.search(reply)
        ):
            continue
        context = [turn for turn in turns[max(0, index - 3) : index - 1] if len(turn) <= limit and not is_counselling(turn)]
        if len(context) % 2 == 0:
            yield (*context, prompt, reply)


def _said(turn: str, language: str) -> Iterable[str]:
    if language == "en":
        return [sentence.strip() for sentence in re.split(r"(?<=[.!?])\s+", turn) if 15 <= len(sentence) <= 70]
    return [clause for clause in _CLAUSES.split(turn) if 5 <= len(clause) <= 18 and not is_counselling(clause) and not clause.isascii()]


def _stories(turn: str) -> Iterable[str]:
    """Whole sentences of some length without foreign marks."""
    return [
        part for part in re.split(r"[。！？!?\n]", turn) if 8 <= len(part) <= 34 and _STORY.fullmatch(part) and not is_counselling(part)
    ]


def bubbles(text: str, rng: Random) -> str:
    """A reply as it is typed: up to three lines, Chinese ones without the last full stop."""
    parts = [part.strip() for part in _SENTENCES.split(text) if part and part.strip()]
    if len(parts) > 3 or rng.random() < 0.3:
        return " ".join(text.split()).rstrip("。")
    return "\n".join(part.rstrip("。") for part in parts) or text


def draw_chat(rng: Random, corpus: Corpus, *, language: str) -> ChatTask:
    """Make a task: an exchange after a persona line, at times with a memory block beside the point, or a question about the past."""
    world = draw_world(rng, language=language, said=corpus.said(language))
    persona = Persona(name=world.owner, language=language)
    plain = system_prompt(persona, now=world.now, hits=None)
    if rng.random() < 0.03:  # asked about the past without memory: no idea
        for _ in range(20):
            if question := ask_in_vain(draw_fact(world, rng), (), world, rng):
                return ChatTask(language=language, turns=_talk(plain, (question.text,)), reply=unknown(world, rng))
    has_block = rng.random() < BLOCKS
    system = block_of_small_talk(world, Level(most_lines=5), rng) if has_block else plain
    spoken = language
    if rng.random() < FOREIGN:
        spoken = "zh" if language == "en" else "en"
    # Beside a block only small talk: a question of the corpora there would teach to answer none of those that are about the past.
    sources = [] if has_block else [source for source in corpus.exchanges if (source in ENGLISH) == (spoken == "en")]
    shown, reply = _exchange(rng, corpus, sources, spoken)
    for _ in range(rng.randint(0, 4)):  # a talk that wanders, so that its one system message serves several replies
        before, answered = _exchange(rng, corpus, sources, spoken)
        shown = (*before, cite(0, answered) if has_block else answered, *shown)
    return ChatTask(language=language, turns=_talk(system, shown), reply=cite(0, reply) if has_block else reply)


def draw_talk(rng: Random, corpus: Corpus, *, language: str) -> list[ChatTurn]:
    """One or two exchanges of small talk, as a talk's history shows them."""
    turns: list[str] = []
    for _ in range(rng.randint(1, 2)):
        shown, reply = _exchange(rng, corpus, [], language)
        turns += [*shown, reply]
    return [ChatTurn(role="assistant" if index % 2 else "user", text=text) for index, text in enumerate(turns)]


def _exchange(rng: Random, corpus: Corpus, sources: Sequence[str], language: str) -> tuple[tuple[str, ...], str]:
    """Turns that end with the user's, and the reply."""
    if rng.random() < OWN or not sources:
        prompts, replies = rng.choice(_own(language))
        return (rng.choice(prompts),), rng.choice(replies).replace("/", "\n")
    source = rng.choices(sources, [_SHARES.get(source, 0.2) for source in sources])[0]
    *context, reply = rng.choice(corpus.exchanges[source])
    return (context[-1],), bubbles(reply, rng)


def _talk(system: str, turns: Sequence[str]) -> tuple[ChatTurn, ...]:
    """Turns that end with the user's."""
    roles = ["user" if (len(turns) - index) % 2 else "assistant" for index in range(len(turns))]
    return (ChatTurn(role="system", text=system), *(ChatTurn(role=role, text=text) for role, text in zip(roles, turns, strict=True)))


def own_exchanges(language: str) -> list[tuple[str, frozenset[str]]]:
    """Of each line of our own list the first way to say it, and every reply to it."""
    return [(prompts[0], frozenset(reply.replace("/", "\n") for reply in replies)) for prompts, replies in _own(language)]


@cache
def _own(language: str) -> tuple[tuple[list[str], list[str]], ...]:
    """Our own list: lines of prompts, `=` and replies, parted by |; a / in a reply parts bubbles."""
    text = files("finetune.base_model").joinpath(f"small_talk_{language}.txt").read_text("utf-8")
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return tuple(
        ([part.strip() for part in prompts.split("|")], [part.strip() for part in replies.split("|")]) for prompts, replies in pairs
    )
