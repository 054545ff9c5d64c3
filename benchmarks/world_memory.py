"""Some of the invented worlds as one memory, for the benchmarks that need more questions than one life has."""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from random import Random
from typing import NamedTuple

from clone_agent.records import Memory
from clone_agent.worlds import Passage, Question, World, read_worlds
from memory.embed import Embedder
from memory.outline import Limit
from memory.question import named_people, parts, says_i
from memory.ranking import Named, Ranker, Ranking
from memory.reranker.pairs import ASKER
from memory.reranking import Asked
from memory.sayers import who_said
from memory.store import ExactVectors
from memory.table import PassageTable
from memory.when import find_span

LATER = ("kin", "campus", "firm", "love", "town", "net", "daily", "near", "wide")  # files of worlds, written after the first ones
TOGETHER = 10  # worlds of a memory
KEPT_OUT = 8  # memories of them, the last ones, to measure and to choose by; `reranker_examples.py` leaves them out
OWNER = "owner"  # of all worlds
GROUPS, CONTACTS = 3, 5  # of one cast: its group chats, and how many of a world's people are mixed among those that most is said by
_FIRST = time(9)  # of the talks of a day: a world's file is read without their hours
_APART, _CLOSE = timedelta(minutes=20), timedelta(minutes=3)  # ... of one world, and of one cast
_BUBBLE = timedelta(seconds=40)


def later_worlds(*, kept_out: bool) -> list[list[World]]:
    """The later Chinese worlds that a cross-encoder may learn from or those that are kept out, mixed, those of one memory together."""
    worlds = [world for world in read_worlds(kinds=LATER) if world.is_chinese]
    Random(5).shuffle(worlds)
    groups = [worlds[start : start + TOGETHER] for start in range(0, len(worlds), TOGETHER)]
    return groups[-KEPT_OUT:] if kept_out else groups[:-KEPT_OUT]


class Talk(NamedTuple):
    """What is said in one talk of a world on one day."""

    day: date
    place: int  # of the world
    number: int
    passages: list[tuple[int, Passage]]  # with their places in the world


@dataclass(frozen=True, slots=True)
class Case:
    """A question as recall sees it."""

    named: Named
    asked: Asked
    allowed: Limit  # what was said before it
    gold: frozenset[int]  # numbers of the passages that answer


class WorldMemory:
    """The chats of some worlds as those of one owner; nobody is in two worlds, though some share a name.

    Args:
        worlds: one or more.
        embedder: embeds their passages.
        one_cast: everybody is in all worlds, under another name in each, as the few contacts of one life are: those of whom there is most
            are the same `CONTACTS` people, the next ones the next, and the worlds' groups are `GROUPS`. So what resembles an answer was
            often said by whom the question names.
    """

    def __init__(self, worlds: Sequence[World], embedder: Embedder, *, one_cast: bool = False) -> None:
        self.table = PassageTable(sqlite3.connect(":memory:", isolation_level=None))
        self._worlds = worlds
        # The ids of each world's people, by their names there; a private chat bears the id of the other one.
        self._people = [_contacts(world, place) if one_cast else _strangers(world, place) for place, world in enumerate(worlds)]
        self._groups = [f"{place % GROUPS if one_cast else place} 群" for place in range(len(worlds))]
        self._private = {people[chat] for world, people in zip(worlds, self._people, strict=True) for chat in _chats(world)}
        self._names = self._names_in(0)  # of all people, by their ids
        self._numbers: dict[str, int] = {}  # of passages, by their ids
        talks = [talk for place, world in enumerate(worlds) for talk in _talks(world, place)]
        with self.table.transaction():
            for talk, at in _with_hours(talks, one_cast=one_cast):
                self._add(talk, at)
            for number, memory in zip(numbers := self.table.numbers("turn"), self.table.memories(numbers), strict=True):
                self._numbers[memory.message_ids[0]] = number
            self.table.set_vectors(numbers, embedder.encode(self.table.texts(numbers)))
        self.table.lexical.refresh()
        self._ranker = Ranker(self.table, ExactVectors(self.table), embedder)

    def memories(self, numbers: Sequence[int]) -> list[Memory]:
        """Passages with the names of their people, as `MemoryIndex.memories` gives them."""
        found = self.table.memories(numbers)
        return [replace(each, speaker_name=self._names.get(each.speaker, ""), is_owner=each.speaker == OWNER) for each in found]

    def number(self, memory: Memory) -> int:
        """The number of a passage."""
        return self._numbers[memory.message_ids[0]]

    def sessions(self, numbers: Sequence[int]) -> dict[int, int]:
        """The session that each passage is of."""
        facts = self.table.facts(set(numbers))
        return dict(zip(facts.numbers.tolist(), facts.sessions.tolist(), strict=True))

    def cases(self, most: int | None) -> Iterator[tuple[Case, Ranking]]:
        """At most so many answered questions of each world, with what the first look finds; none that ask of a time alone.

        None: all questions, also those that nothing answers.
        """
        for place, world in enumerate(self._worlds):
            chosen = [question for question in world.questions if len(parts(question.text)) == 1]
            if most is not None:
                answered = [question for question in chosen if question.gold]
                chosen = Random(world.title).sample(answered, min(most, len(answered)))
            for case in self._cases(place, chosen):
                ranking = self._ranker.rank(case.asked.question, named=case.named, allowed=case.allowed)
                if ranking.numbers and not ranking.asks_of_a_time:
                    yield case, ranking

    def _cases(self, place: int, questions: Sequence[Question]) -> Iterator[Case]:
        self._names = names = self._names_in(place)
        mine = {person: [name] for name, person in self._people[place].items()}
        for question in questions:
            now = datetime.combine(question.asked_on, time(8), UTC)
            people = named_people(question.text, mine)
            askers = frozenset({self._people[place].get(question.asker, "")} & set(mine))
            named = Named(
                people=people,
                chats=frozenset(people & self._private),
                asker=askers if says_i(question.text) else frozenset(),
                span=find_span(question.text, now=now),
                owner=frozenset({OWNER}),
                others=tuple(dict.fromkeys(name for name in names.values() if len(name) > 1 and name not in question.text)),
            )
            asked = Asked(
                question=question.text,
                on=question.asked_on,
                asker=question.asker if askers else None,
                askers=askers,
                sayers=who_said(question.text, called=lambda text: named_people(text, mine), asker=askers, owner=frozenset({OWNER})),
                private={person: ASKER if person in askers else names[person] for person in self._private},
                before=now,
            )
            gold = frozenset(self._numbers[f"{place} {passage}"] for passage in question.gold)
            yield Case(named, asked, self.table.select(before=now), gold)

    def _names_in(self, place: int) -> dict[str, str]:
        """What everybody is called when this world asks: as in it, and who is not in it as in the first world that has them."""
        names: dict[str, str] = {}
        for people in (self._people[place], *self._people):
            for name, person in people.items():
                names.setdefault(person, name)
        return names

    def _add(self, talk: Talk, at: datetime) -> None:
        owner, people = self._worlds[talk.place].owner, self._people[talk.place]
        memories = []
        for number, passage in talk.passages:
            chat = people[passage.chat] if passage.chat else self._groups[talk.place]
            speaker = OWNER if passage.speaker == owner else people[passage.speaker]
            until = at + _BUBBLE * passage.text.count("\n")
            memories.append(_memory(f"{talk.place} {number}", chat, speaker, at, until, passage.text))
            at = until + _BUBBLE
        self.table.add_session(memories[0].conversation, f"{talk.place} {talk.number} {talk.day}".encode(), memories)


def _chats(world: World) -> Counter[str]:
    """With whom the owner chats in private, and how much."""
    return Counter(passage.chat for passage in world.passages if passage.chat)


def _names_of(world: World) -> list[str]:
    """A world's people but its owner, those first of whom there is most."""
    spoken = Counter(passage.speaker for passage in world.passages if passage.speaker != world.owner) + _chats(world)
    return [name for name, _ in spoken.most_common()]


def _strangers(world: World, place: int) -> dict[str, str]:
    return {name: f"{place} {name}" for name in _names_of(world)}


def _contacts(world: World, place: int) -> dict[str, str]:
    names = _names_of(world)
    often = names[:CONTACTS]
    Random(world.title).shuffle(often)
    return {name: f"{place % GROUPS} {contact}" for contact, name in enumerate(often + names[CONTACTS:])}


def _talks(world: World, place: int) -> Iterator[Talk]:
    for (number, day), group in groupby(enumerate(world.passages), key=lambda pair: (pair[1].talk, pair[1].said_on)):
        yield Talk(day, place, number, list(group))


def _with_hours(talks: Sequence[Talk], *, one_cast: bool) -> Iterator[tuple[Talk, datetime]]:
    """Talks with the hours they begin at: those of one cast in the order of their days, else the days of each world for themselves."""
    seen: Counter[tuple[int, date]] = Counter()
    for talk in sorted(talks, key=lambda talk: (talk.day, talk.place)) if one_cast else talks:
        day = (0 if one_cast else talk.place, talk.day)
        yield talk, datetime.combine(talk.day, _FIRST, UTC) + (_CLOSE if one_cast else _APART) * seen[day]
        seen[day] += 1


def _memory(key: str, chat: str, speaker: str, started_at: datetime, ended_at: datetime, text: str) -> Memory:
    return Memory(
        id=key,
        conversation=chat,
        conversation_name="",
        speaker=speaker,
        speaker_name="",
        is_owner=speaker == OWNER,
        started_at=started_at,
        ended_at=ended_at,
        text=text,
        message_ids=(key,),
    )
