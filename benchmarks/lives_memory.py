"""The invented lives among the worlds in a data home of their own, for the benchmarks that need more questions than the sample life has.

A life is the chats of one person over two years, written like the sample life. No word list of the program was made on one; weights of
recall are fitted on those that are kept out together with the sample life (`memory_second_look.py`), and what is told beside the best line
was chosen on both. Three of them are one memory, of one owner: who is called the same in two of them (妈) is one person, in one chat.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

from clone_agent.archive import Archive
from clone_agent.records import ChatKind, Conversation, Kind, Message, Scope
from clone_agent.worlds import KEPT, Passage, World, read_worlds
from memory.recall import MemoryIndex

LIFE = "life"  # kind of the files of those that a training reads
TOGETHER = 3  # lives of a memory
_ZONE = ZoneInfo("Asia/Shanghai")
_OWNER = "owner"
_BUBBLE = timedelta(seconds=25)
_ASKED = time(20)


@dataclass(frozen=True, slots=True)
class LivesQuestion:
    """A question of one of the lives: who asks what and when, and the ids of the messages that answer."""

    question: str
    asker: str
    asked_at: datetime
    gold: frozenset[str]

    @property
    def scope(self) -> Scope:
        """What was said before it."""
        return Scope(before=self.asked_at)


def lives(*, kept_out: bool) -> list[list[World]]:
    """Those that may be learned from or those that are kept out, in order of their files, those of one memory together."""
    chosen = list(read_worlds(kinds=(KEPT if kept_out else LIFE,)))
    return [chosen[start : start + TOGETHER] for start in range(0, len(chosen), TOGETHER)]


@contextmanager
def lives_memory(worlds: Sequence[World], *, reranker: str = "shipped") -> Iterator[tuple[MemoryIndex, list[LivesQuestion]]]:
    """Import some lives as those of one owner and index them; everything goes at the end."""
    with tempfile.TemporaryDirectory() as folder, Archive.open(Path(folder), create=True) as archive:
        archive.add(_records(worlds))
        with closing(MemoryIndex.open(Path(folder), archive, reranker=reranker)) as memory:
            memory.index()
            yield memory, [question for place, world in enumerate(worlds) for question in _questions(world, place)]


def _records(worlds: Sequence[World]) -> Iterator[Conversation | Message]:
    for place, world in enumerate(worlds):
        number = 0
        for _, talk in groupby(world.passages, key=lambda passage: passage.talk):
            passages = list(talk)
            conversation = _conversation(passages[0])
            yield conversation
            moment = datetime.combine(passages[0].said_on, passages[0].clock, _ZONE)
            for passage in passages:
                is_owner = passage.speaker == world.owner
                for line, text in enumerate(passage.text.split("\n")):
                    yield Message(
                        id=_message_id(place, number, line),
                        conversation=conversation.id,
                        sender=_OWNER if is_owner else passage.speaker,
                        sender_name=passage.speaker,
                        sent_at=moment,
                        kind=Kind.TEXT,
                        text=text,
                    )
                    moment += _BUBBLE
                number += 1


def _conversation(passage: Passage) -> Conversation:
    kind = ChatKind.PRIVATE if passage.chat else ChatKind.GROUP
    name = passage.chat or passage.group
    return Conversation(id=f"{kind} {name}", platform="qq", name=name, kind=kind, owner=_OWNER)


def _questions(world: World, place: int) -> Iterator[LivesQuestion]:
    for question in world.questions:
        asked_at = datetime.combine(question.asked_on, _ASKED, _ZONE)
        yield LivesQuestion(question.text, question.asker, asked_at, frozenset(_message_id(place, number, 0) for number in question.gold))


def _message_id(place: int, passage: int, line: int) -> str:
    return f"{place} {passage} {line}"
