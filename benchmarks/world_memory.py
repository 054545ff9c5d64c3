"""Some of the invented worlds as one memory, for the benchmarks that need more questions than one life has."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from random import Random

from clone_agent.records import Memory
from clone_agent.worlds import Question, World, read_worlds
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

UNSEEN = ("kin", "campus", "firm", "love", "town", "net", "daily", "near", "wide")  # files of worlds that the cross-encoder has not learned
TOGETHER = 10  # worlds of a memory
OWNER = "owner"  # of all worlds
_FIRST, _APART = time(9), timedelta(minutes=20)  # of the talks of a day: a world's file is read without their hours
_BUBBLE = timedelta(seconds=40)


def unseen_worlds() -> list[list[World]]:
    """The Chinese worlds that the cross-encoder which ships was not trained on, mixed, those of one memory together."""
    worlds = [world for world in read_worlds(kinds=UNSEEN) if world.is_chinese]
    Random(5).shuffle(worlds)
    return [worlds[start : start + TOGETHER] for start in range(0, len(worlds), TOGETHER)]


@dataclass(frozen=True, slots=True)
class Case:
    """A question as recall sees it."""

    named: Named
    asked: Asked
    allowed: Limit  # what was said before it
    gold: frozenset[int]  # numbers of the passages that answer


class WorldMemory:
    """The chats of some worlds as those of one owner; nobody is in two worlds, though some share a name."""

    def __init__(self, worlds: Sequence[World], embedder: Embedder) -> None:
        self.table = PassageTable(sqlite3.connect(":memory:", isolation_level=None))
        self._names: dict[str, str] = {}  # of people, by their ids
        self._private: dict[str, str] = {}  # who sits in a private chat with the owner
        self._numbers: dict[str, int] = {}  # of passages, by their ids
        with self.table.transaction():
            for place, world in enumerate(worlds):
                self._add(place, world)
            for number, memory in zip(numbers := self.table.numbers("turn"), self.table.memories(numbers), strict=True):
                self._numbers[memory.message_ids[0]] = number
            self.table.set_vectors(numbers, embedder.encode(self.table.texts(numbers)))
        self.table.lexical.refresh()
        self._worlds = worlds
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
        mine = {person: [name] for person, name in self._names.items() if person.startswith(f"{place} ")}
        for question in questions:
            now = datetime.combine(question.asked_on, time(8), UTC)
            people = named_people(question.text, mine)
            askers = frozenset({_id(place, question.asker)} & set(mine))
            private = {chat: ASKER if person in askers else self._names[person] for chat, person in self._private.items()}
            named = Named(
                people=people,
                chats=frozenset(chat for chat, person in self._private.items() if person in people),
                asker=askers if says_i(question.text) else frozenset(),
                span=find_span(question.text, now=now),
                owner=frozenset({OWNER}),
                others=tuple(dict.fromkeys(name for name in self._names.values() if len(name) > 1 and name not in question.text)),
            )
            asked = Asked(
                question=question.text,
                on=question.asked_on,
                asker=question.asker if askers else None,
                askers=askers,
                sayers=who_said(question.text, called=lambda text: named_people(text, mine), asker=askers, owner=frozenset({OWNER})),
                private=private,
                before=now,
            )
            gold = frozenset(self._numbers[f"{place} {passage}"] for passage in question.gold)
            yield Case(named, asked, self.table.select(before=now), gold)

    def _add(self, place: int, world: World) -> None:
        talks_of: dict[date, int] = {}
        passages = enumerate(world.passages)
        for (talk, day), group in groupby(passages, key=lambda pair: (pair[1].talk, pair[1].said_on)):
            at = datetime.combine(day, _FIRST, UTC) + _APART * talks_of.get(day, 0)
            talks_of[day] = talks_of.get(day, 0) + 1
            memories = []
            for number, passage in group:
                chat = f"{place} {passage.chat or '群'}"
                speaker = OWNER if passage.speaker == world.owner else _id(place, passage.speaker)
                if speaker != OWNER:
                    self._names[speaker] = passage.speaker
                if passage.chat:
                    person = _id(place, passage.chat)
                    self._names.setdefault(person, passage.chat)
                    self._private[chat] = person
                until = at + _BUBBLE * passage.text.count("\n")
                memories.append(_memory(f"{place} {number}", chat, speaker, at, until, passage.text))
                at = until + _BUBBLE
            self.table.add_session(memories[0].conversation, f"{place} {talk}".encode(), memories)


def _id(place: int, name: str) -> str:
    return f"{place} {name}"


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
