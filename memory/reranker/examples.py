"""What the cross-encoder is trained on: questions beside passages or stretches of talks, of the invented worlds or of a file.

They are drawn anew in every epoch.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Protocol, TypeVar

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from clone_agent.errors import CloneError
from clone_agent.worlds import Passage, Question, World
from memory.embed import load_embedder
from memory.reranker.pairs import (
    ASKER,
    GROUP,
    MARK,
    MOST_TALK_TOKENS,
    MOST_TOKENS,
    OWNER,
    REACH_AFTER,
    REACH_BEFORE,
    Said,
    language_of,
    passage_text,
    question_text,
)
from memory.reranker.scoring import mark_of

UNKNOWN = 0.2  # share of questions of whose asker nothing is known
_FORMAT = 'A line is {"question": text, "passages": [text, …], "gold": [true or false for each], "talk": [the same]}.'
_FORMAT_OF_TALKS = (
    'A line is {"question": text, "talks": [text, …], "gold": [[true or false for each passage], …], "answers": [true or false for each]}.'
)


_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Settings of a training."""

    epochs: int = 4
    questions: int = 12  # a step
    near: int = 30  # passages of the same world shown with a question
    alike: int = 0  # of the near ones, those that resemble the question most
    far: int = 6  # passages of other worlds
    apart: float = 0.0  # weight of the same question put to the passages that are of no talk with its answer, where nothing answers it
    learning_rate: float = 1e-4
    warmup_steps: int = 100
    weight_decay: float = 0.01


@dataclass(frozen=True, slots=True)
class Example:
    """A question beside passages; which of them answer it, and which are of a talk that answers it."""

    question: str
    passages: list[str]
    gold: list[bool]
    talk: list[bool]


@dataclass(frozen=True, slots=True)
class TalkExample:
    """A question beside stretches of talks; which of their passages answer it, and which stretches are of a talk that answers it."""

    question: str
    talks: list[str]
    gold: list[list[bool]]
    answers: list[bool]


def draw(world: World, question: Question, others: Sequence[World], recipe: Recipe, rng: Random, *, alike: Sequence[int] = ()) -> Example:
    """One question of a world beside the talks that answer it, other passages of the world and some of others; a new draw each time.

    `alike` are places of the world's passages, those that resemble the question most first; the first of them are in every draw.
    """
    asker = None if rng.random() < UNKNOWN else question.asker
    talks = {world.passages[place].talk for place in question.gold}
    places = [place for place in range(len(world.passages)) if place not in question.gold]
    rng.shuffle(places)
    # What stands beside the answer is what recall mistakes for it most, so that it comes before all else.
    places.sort(key=lambda place: world.passages[place].talk not in talks)
    first = [place for place in alike if place not in question.gold][: recipe.alike]
    chosen = list(dict.fromkeys([*question.gold, *first, *places]))[: max(recipe.near, len(question.gold))]
    texts = [shown(world, place, question, asker) for place in chosen]
    for _ in range(recipe.far if others else 0):
        other = rng.choice(others)
        texts.append(shown(other, rng.randrange(len(other.passages)), question, asker))
    gold = [place < len(question.gold) for place in range(len(texts))]
    talk = [world.passages[place].talk in talks for place in chosen] + [False] * (len(texts) - len(chosen))
    return Example(question_text(question.text, question.asked_on, asker=asker), texts, gold, talk)


def shown(world: World, place: int, question: Question, asker: str | None) -> str:
    """A passage as recall would show it beside the question."""
    passage = world.passages[place]

    def called(name: str) -> str:
        return ASKER if name == asker else OWNER if name == world.owner else name

    def said(other: Passage) -> Said:
        return Said(called(other.speaker), other.text)

    around = range(max(0, place - REACH_BEFORE), min(len(world.passages), place + REACH_AFTER + 1))
    near = [(number, world.passages[number]) for number in around if number != place]
    near = [(number, other) for number, other in near if other.talk == passage.talk]
    return passage_text(
        said(passage),
        said_on=passage.said_on,
        asked_on=question.asked_on,
        chat=called(passage.chat) if passage.chat else GROUP,
        before=[said(other) for number, other in near if number < place],
        after=[said(other) for number, other in near if number > place],
        language=language_of(question.text),
    )


class Likeness:
    """Which passages of a world resemble each of its questions most, by the sentence embedding that ships."""

    def __init__(self) -> None:
        self._embedder = load_embedder()

    def orders(self, world: World) -> list[list[int]]:
        """For every question the places of all passages, best first: what a passage says counts as much as what stands around it."""
        texts = [passage.text for passage in world.passages]
        around = ["\n".join(texts[max(0, place - 2) : place + 2]) for place in range(len(texts))]
        questions = self._embedder.encode([question.text for question in world.questions])
        likeness = questions @ (self._embedder.encode(texts) + self._embedder.encode(around)).T
        found: list[list[int]] = (-likeness).argsort(axis=1, kind="stable").tolist()
        return found


@dataclass(frozen=True, slots=True)
class Batch:
    """The pairs of some questions, one question after the other."""

    ids: dict[str, Tensor]  # of tokens, and where they end; shape (pairs, longest)
    gold: Tensor  # which passages answer; shape (passages,)
    talk: Tensor  # which are of a talk that answers; the same shape
    groups: list[int]  # how many passages each question has
    mark: int | None = None  # the token that stands before every passage of a pair; None: a pair has one passage


def batch_of(tokenizer: PreTrainedTokenizerFast, examples: Sequence[Example]) -> Batch:
    """Questions beside passages, as the model reads them."""
    pairs = [(example.question, passage) for example in examples for passage in example.passages]
    return Batch(
        _tokens(tokenizer, pairs, MOST_TOKENS),
        torch.tensor([right for example in examples for right in example.gold]),
        torch.tensor([same for example in examples for same in example.talk]),
        [len(example.passages) for example in examples],
    )


def batch_of_talks(tokenizer: PreTrainedTokenizerFast, examples: Sequence[TalkExample]) -> Batch:
    """Questions beside stretches of talks; the flags are of the passages whose marks are read, in the order of these."""
    ids = _tokens(tokenizer, [(example.question, talk) for example in examples for talk in example.talks], MOST_TALK_TOKENS)
    mark = mark_of(tokenizer)
    marks = (ids["input_ids"] == mark).sum(dim=1).tolist()
    gold: list[bool] = []
    answers: list[bool] = []
    groups: list[int] = []
    row = 0
    for example in examples:
        for flags, same in zip(example.gold, example.answers, strict=True):
            gold += flags[: marks[row]]
            answers += [same] * marks[row]
            row += 1
        groups.append(len(gold) - sum(groups))
    return Batch(ids, torch.tensor(gold), torch.tensor(answers), groups, mark)


def _tokens(tokenizer: PreTrainedTokenizerFast, pairs: Sequence[tuple[str, str]], most: int) -> dict[str, Tensor]:
    encoded = tokenizer(list(pairs), padding=True, truncation="only_second", max_length=most, return_tensors="pt")
    return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"]}


class Draws(Protocol):
    """What a training draws its questions from."""

    def __len__(self) -> int:
        """How many questions there are."""
        ...

    def draw(self, number: int, rng: Random) -> Example | TalkExample:
        """A question beside passages, or all of them beside stretches of talks; `rng` chooses among them."""
        ...


class WorldDraws:
    """The questions of some worlds, each beside passages of its world and of others in the same language."""

    def __init__(self, worlds: Sequence[World], recipe: Recipe) -> None:
        self._worlds, self._recipe = worlds, recipe
        self._all = [(number, question) for number, world in enumerate(worlds) for question in world.questions]
        likeness = Likeness() if recipe.alike else None
        self._alike = [order for world in worlds for order in likeness.orders(world)] if likeness else [()] * len(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def draw(self, number: int, rng: Random) -> Example:
        """See `Draws`."""
        place, question = self._all[number]
        world = self._worlds[place]
        others = [other for other in self._worlds if other is not world and other.is_chinese == world.is_chinese]
        return draw(world, question, others, self._recipe, rng, alike=self._alike[number])


class ExampleDraws:
    """Questions that stand beside passages already, likeliest first: the answers, the first `alike` others and some more are drawn."""

    def __init__(self, examples: Sequence[Example], recipe: Recipe) -> None:
        self._examples, self._recipe = examples, recipe

    def __len__(self) -> int:
        return len(self._examples)

    def draw(self, number: int, rng: Random) -> Example:
        """See `Draws`."""
        example = self._examples[number]
        gold, others = _parted(example.gold, self._recipe.alike, rng)
        chosen = [*gold, *others][: max(self._recipe.near, len(gold))]
        return Example(
            example.question,
            [example.passages[place] for place in chosen],
            [example.gold[place] for place in chosen],
            [example.talk[place] for place in chosen],
        )


class TalkDraws:
    """Questions that stand beside stretches of talks already: those of the answers, the first `alike` others and some more are drawn."""

    def __init__(self, examples: Sequence[TalkExample], recipe: Recipe) -> None:
        self._examples, self._recipe = examples, recipe

    def __len__(self) -> int:
        return len(self._examples)

    def draw(self, number: int, rng: Random) -> TalkExample:
        """See `Draws`."""
        example = self._examples[number]
        answering, others = _parted(example.answers, self._recipe.alike, rng)
        chosen = [*answering[: max(1, self._recipe.near - 1)], *others][: self._recipe.near]
        return TalkExample(
            example.question,
            [example.talks[place] for place in chosen],
            [example.gold[place] for place in chosen],
            [example.answers[place] for place in chosen],
        )


def _parted(flags: Sequence[bool], alike: int, rng: Random) -> tuple[list[int], list[int]]:
    """The places that answer, and the others: the first `alike` of these in their order, the rest mixed."""
    others = [place for place, answers in enumerate(flags) if not answers]
    deeper = others[alike:]
    rng.shuffle(deeper)
    return [place for place, answers in enumerate(flags) if answers], [*others[:alike], *deeper]


def write_examples(examples: Iterable[Example | TalkExample], file: Path) -> None:
    """One example a line, as JSON."""
    with file.open("w", encoding="utf-8") as stream:
        for example in examples:
            stream.write(json.dumps(asdict(example), ensure_ascii=False) + "\n")


def read_examples(file: Path) -> list[Example]:
    """What `write_examples` wrote of questions beside passages.

    Raises:
        CloneError: a line is not an example.
    """
    found = []
    for number, example in _read(file, Example, _FORMAT):
        if not example.passages or not len(example.passages) == len(example.gold) == len(example.talk):
            raise CloneError(f"{file}, line {number}: not one flag for every passage.", remedy=_FORMAT)
        found.append(example)
    return found


def read_talk_examples(file: Path) -> list[TalkExample]:
    """What `write_examples` wrote of questions beside stretches of talks.

    Raises:
        CloneError: a line is not an example.
    """
    found = []
    for number, example in _read(file, TalkExample, _FORMAT_OF_TALKS):
        marks = [text.count(MARK) for text in example.talks]
        if not marks or marks != [len(flags) for flags in example.gold] or len(marks) != len(example.answers):
            raise CloneError(f"{file}, line {number}: not one flag for every passage of a talk.", remedy=_FORMAT_OF_TALKS)
        found.append(example)
    return found


def _read(file: Path, kind: type[_Read], form: str) -> Iterator[tuple[int, _Read]]:
    with file.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                example = kind(**json.loads(line))
            except (ValueError, TypeError) as cause:
                raise CloneError(f"{file}, line {number}: not an example.", remedy=form) from cause
            yield number, example


class Batches(torch.utils.data.Dataset[Batch]):
    """The steps of a training; the same step is always the same batch."""

    def __init__(self, draws: Draws, tokenizer: PreTrainedTokenizerFast, recipe: Recipe, *, seed: int) -> None:
        self._draws, self._tokenizer, self._recipe, self._seed = draws, tokenizer, recipe, seed
        self._order: tuple[int, list[int]] = (-1, [])

    def __len__(self) -> int:
        return len(self._draws) * self._recipe.epochs // self._recipe.questions

    def __getitem__(self, step: int) -> Batch:
        start, size = step * self._recipe.questions, self._recipe.questions
        examples: list[Example | TalkExample] = []
        for place in range(start, start + size):
            epoch, index = divmod(place, len(self._draws))
            if self._order[0] != epoch:
                self._order = (epoch, Random(f"{self._seed} {epoch}").sample(range(len(self._draws)), len(self._draws)))
            examples.append(self._draws.draw(self._order[1][index], Random(f"{self._seed} {place}")))
        talks = [each for each in examples if isinstance(each, TalkExample)]
        return (
            batch_of_talks(self._tokenizer, talks)
            if talks
            else batch_of(self._tokenizer, [each for each in examples if isinstance(each, Example)])
        )
