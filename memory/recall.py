"""Question -> what was said on it: packed, dated, citable passages, or nothing.

A follow-up gets its subject from the talk before it, names and time phrases are understood, four arms are searched and fused
(`memory.ranking`), the best passages are packed in time order (`memory.packing`), and a confidence says whether they are on the subject.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from clone_agent.archive import Archive
from clone_agent.archive_people import Person
from clone_agent.errors import UsageError
from clone_agent.home import DataHome
from clone_agent.records import ChatKind, ChatTurn, Conversation, Hit, Memory, Recalled, Scope
from memory.checking import disagreements, mend_words
from memory.confidence import CONFIDENT, Signs
from memory.corrections import settled
from memory.evidence import Evidence
from memory.indexing import OnProgress, Progress, pending, stale, update_words
from memory.keeping import Keeper
from memory.outline import Limit
from memory.packing import BUDGET, pack
from memory.question import named_people, parts, resolve, says_i
from memory.ranking import Named, Ranker, Ranking, together
from memory.reranker.pairs import ASKER
from memory.reranking import Asked, Reranker, SmallReranker, load_reranker
from memory.sayers import who_said
from memory.shortlist import AMONG, features
from memory.table import PassageTable
from memory.when import find_span

_MOST_NAMES = 400  # of people that answer a "who"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """What an indexing run left and did."""

    passages: int  # in the index now
    added: int  # that the vectors are new of
    removed: int
    seconds: float


P = ParamSpec("P")
R = TypeVar("R")


def _one_at_a_time(method: Callable[Concatenate["MemoryIndex", P], R]) -> Callable[Concatenate["MemoryIndex", P], R]:
    """Let threads in one after the other: visitors of one page ask and forget at once, and share what is cached here."""

    @wraps(method)
    def alone(self: "MemoryIndex", /, *arguments: P.args, **options: P.kwargs) -> R:
        with self._lock:
            return method(self, *arguments, **options)

    return alone


class MemoryIndex:
    """The memory of one data home. Search needs no lock; `index` and `rebuild` need the home's.

    Made directly rather than with `open`, it does not look whether the vector index fits the archive: for `rebuild`.
    """

    def __init__(self, home: Path, archive: Archive, *, embedding: str | None = None, server: str | None = None) -> None:
        self._lock = threading.RLock()
        self._archive = archive
        self._reranker: Reranker | None = None
        self._asker: str | None = None
        self._table = PassageTable(archive.connection)
        self._cache: _Known | None = None
        self._keeper = Keeper(DataHome(home).vectors, self._table, embedding=embedding, server=server)

    @classmethod
    def open(
        cls,
        home: Path,
        archive: Archive,
        *,
        embedding: str | None = None,
        server: str | None = None,
        reranker: str | None = None,
        asker: str | None = None,
    ) -> "MemoryIndex":
        """Open the memory of a data home; what is not indexed yet is found by nobody until `index` has run.

        Args:
            home: the data home.
            archive: its archive, open.
            embedding: name or folder of the embedding model; None: the one that ships.
            server: address of a Chroma server that holds the vectors; None: a directory of the data home.
            reranker: name or folder of a cross-encoder that looks again at the best passages, or `shipped`; None: nothing does.
            asker: name of who asks, where `search` is not told; None: nobody knows.

        Raises:
            ModelError: the embedding model or the reranker cannot be loaded.
            StoreError: the vector index is damaged or does not fit the archive; `rebuild` makes it again.
        """
        memory = cls(home, archive, embedding=embedding, server=server)
        memory._keeper.check()
        memory._reranker = load_reranker(reranker)
        memory._asker = asker
        return memory

    def index(self, *, on_progress: OnProgress | None = None) -> IndexReport:
        """Index what is new since the last time; safe to interrupt.

        Args:
            on_progress: called with units done and units in all, as far as known.

        Raises:
            StoreError: the vector index does not answer.
        """
        started = time.monotonic()
        progress = Progress(on_progress, total=2 * sum(info.messages for info in stale(self._archive, self._table)))
        counts = update_words(self._archive, self._table, progress=progress)
        added = self._table.unembedded()  # an import has made passages and words of them already
        self._keeper.update(progress)
        return IndexReport(
            passages=self._table.count("turn"), added=added, removed=counts.removed, seconds=round(time.monotonic() - started, 3)
        )

    @_one_at_a_time
    def note(self, conversation: str) -> None:
        """Make what was just added to a conversation recallable, without touching the vector store; `index` does the rest."""
        update_words(self._archive, self._table, progress=Progress(None), only=conversation)
        self._keeper.embed_conversation(conversation)

    def rebuild(self, *, on_progress: OnProgress | None = None) -> IndexReport:
        """Make the vector index again in a new generation from the copies in SQLite, and remove the old one with all it held."""
        started = time.monotonic()
        self._keeper.renew(Progress(on_progress))
        return IndexReport(passages=self._table.count("turn"), added=0, removed=0, seconds=round(time.monotonic() - started, 3))

    def verify(self) -> tuple[str, ...]:
        """What does not agree between archive, passages, words and vectors, in words; empty: all of it does."""
        return disagreements(self._archive, self._table, self._keeper.store)

    def mend(self, *, on_progress: OnProgress | None = None) -> IndexReport:
        """Make passages, words and vectors agree with the archive again, and the vectors in a new generation."""
        mend_words(self._archive, self._table)
        update_words(self._archive, self._table, progress=Progress(None))
        return self.rebuild(on_progress=on_progress)

    def pending(self) -> int:
        """How many conversations changed since they were indexed, or wait for their vectors."""
        return pending(self._archive, self._table)

    @_one_at_a_time
    def search(
        self,
        question: str,
        *,
        history: Sequence[ChatTurn] = (),
        scope: Scope = Scope(),
        top_k: int = 12,
        now: datetime | None = None,
        budget: int = BUDGET,
        asker: str | None = None,
    ) -> Recalled:
        """Find what was said on a question.

        Args:
            question: as asked; a follow-up is completed from `history`.
            history: the talk so far, oldest first.
            scope: limits on people, conversations and time.
            top_k: at most so many passages.
            now: what "yesterday" counts from; default: this moment.
            budget: characters that the passages may take in the prompt.
            asker: name of who asks: "I" in a question means them. Default: who was named at `open`.

        Returns:
            Passages in time order, each with a score from 0 to 1 and the ids of its messages.
        """
        known = self._known()
        text = resolve(question, history, names=[name for person in known.people for name in person.names if len(name) > 1])
        moment = now or datetime.now().astimezone()
        allowed = self._allowed(scope, known)
        asks = asker or self._asker
        asked = parts(text)
        ranking = self._ranked(asked, known, allowed, now=moment, asker=asks)
        if self._reranker is not None:
            ranking = self._reranker.rerank(
                ranking, replace(known.asked(text, moment, asks), before=scope.before), self._table, self.memories
            )
        packed = pack(
            ranking.numbers,
            self._table,
            memories=self.memories,
            is_allowed=lambda number: allowed is None or allowed.has(number),
            top_k=top_k,
            budget=budget,
        )
        scores = dict(zip(ranking.numbers, ranking.scores, strict=True))
        hits = [Hit(memory=memory, score=round(scores.get(number, 0.0), 4)) for number, memory in packed]
        return Recalled(
            question=text,
            hits=tuple(settled(text, hits) if len(asked) == 1 else hits),
            confidence=round(ranking.confidence, 4),
            is_confident=bool(packed) and ranking.confidence >= CONFIDENT,
        )

    def signs(self, question: str, *, now: datetime, scope: Scope = Scope()) -> Signs:
        """What tells whether a question that stands alone is answerable: what `benchmarks/memory_confidence.py` fits on."""
        known = self._known()
        allowed = self._allowed(scope, known)
        return self._ranked(parts(question), known, allowed, now=now).signs

    def evidence(self, question: str, *, now: datetime, scope: Scope = Scope(), asker: str | None = None) -> list[Evidence]:
        """What speaks for each passage, for each part of a question that stands alone: what `benchmarks/memory_weights.py` fits on."""
        known = self._known()
        allowed = self._allowed(scope, known)
        return [self._ranker.collect(part, named=known.named(part, now, asker), allowed=allowed) for part in parts(question)]

    def choices(
        self, question: str, *, now: datetime, scope: Scope = Scope(), asker: str | None = None
    ) -> tuple[Sequence[int], NDArray[np.float32]]:
        """The best passages of the first look, and what those to read are chosen by: what `benchmarks/memory_shortlist.py` trains on.

        Empty where nothing is chosen: a question of a time alone, or nothing is found.
        """
        known = self._known()
        ranking = self._ranked(parts(question), known, self._allowed(scope, known), now=now, asker=asker)
        if ranking.reasons is None or ranking.asks_of_a_time:
            return (), np.zeros((0, 0), dtype=np.float32)
        return ranking.numbers[:AMONG], features(ranking, self._table)

    def second_look(
        self, question: str, *, now: datetime, scope: Scope = Scope(), asker: str | None = None
    ) -> tuple[Sequence[int], NDArray[np.float32]]:
        """The passages that the cross-encoder reads, and what speaks for each then: what `benchmarks/memory_second_look.py` fits on.

        Raises:
            UsageError: the memory was opened without the cross-encoder that ships, or one like it.
        """
        if not isinstance(self._reranker, SmallReranker):
            raise UsageError("Nothing looks again at what is found.", remedy="Open the memory with reranker='shipped'.")
        known = self._known()
        ranking = self._ranked(parts(question), known, self._allowed(scope, known), now=now, asker=asker)
        asked = replace(known.asked(question, now, asker), before=scope.before)
        return self._reranker.look(ranking, asked, self._table, self.memories)

    def _ranked(self, asked: Sequence[str], known: "_Known", allowed: Limit | None, *, now: datetime, asker: str | None = None) -> Ranking:
        """What the first look finds for the parts of a question together."""
        return together([self._ranker.rank(part, named=known.named(part, now, asker), allowed=allowed) for part in asked])

    @property
    def _ranker(self) -> Ranker:
        return Ranker(self._table, self._keeper.vectors, self._keeper.embedder)

    def close(self) -> None:
        """Let go of the vector store, which the next search opens again; the archive stays open."""
        with self.paused():
            pass

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let go of the vector store while another process works on it in the block; searches wait until it ends."""
        with self._lock:
            self._keeper.close()
            yield

    def memories(self, numbers: Sequence[int]) -> list[Memory]:
        """Passages with the names that the archive shows for their people."""
        owner = self._archive.owner_ids()
        named = []
        for memory in self._table.memories(numbers):
            conversation = self._archive.conversation(memory.conversation)
            shown = self._archive.person_name(conversation.id, memory.speaker)
            named.append(replace(memory, conversation_name=conversation.name, speaker_name=shown, is_owner=memory.speaker in owner))
        return named

    def _known(self) -> "_Known":
        """The people and conversations of the archive, read again when the file has changed."""
        connection = self._archive.connection
        version = (int(connection.execute("PRAGMA data_version").fetchone()[0]), connection.total_changes)
        if self._cache is None or self._cache.version != version:
            ids = [row[0] for row in connection.execute("SELECT id FROM conversations ORDER BY n")]
            conversations = [self._archive.conversation(each) for each in ids]  # without counting their messages
            private = [conversation.id for conversation in conversations if conversation.kind is ChatKind.PRIVATE]
            speakers = self._table.speakers(private)
            self._table.lexical.refresh()
            self._cache = _Known(version, tuple(self._archive.people()), tuple(conversations), speakers)
        return self._cache

    def _allowed(self, scope: Scope, known: "_Known") -> Limit | None:
        """The passages that a scope lets through; None: all."""
        if scope == Scope():
            return None
        wanted = {person.id for person in known.people for name in scope.people if name == person.id or name in person.names}
        if scope.people and not wanted:
            return Limit(())
        chats = None
        if scope.conversations:
            chats = [chat.id for chat in known.conversations if chat.id in scope.conversations or chat.name in scope.conversations]
        return self._table.select(
            people=wanted, chats=known.private_chats(wanted), conversations=chats, after=scope.after, before=scope.before
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """Who and where, as of one state of the archive."""

    version: tuple[int, int]
    people: tuple[Person, ...]
    conversations: tuple[Conversation, ...]
    private_speakers: dict[str, set[str]]  # by private conversation

    def named(self, question: str, now: datetime, asker: str | None = None) -> Named:
        """What a question names."""
        people = self.called(question)
        others = people - self.owner
        names = (name for person in self.people for name in person.names if len(name) > 1 and name not in question)
        return Named(
            people=people,
            chats=self.private_chats(others),
            asker=self.called(asker) if asker and says_i(question) else frozenset(),
            span=find_span(question, now=now),
            owner=self.owner,
            others=tuple(dict.fromkeys(islice(names, _MOST_NAMES))),
        )

    @property
    def owner(self) -> frozenset[str]:
        """The ids of who the clone is."""
        return frozenset(person.id for person in self.people if person.is_owner)

    def called(self, text: str) -> frozenset[str]:
        """The ids of the people whom a text names."""
        return named_people(text, {person.id: person.names for person in self.people})

    def asked(self, question: str, now: datetime, asker: str | None) -> Asked:
        """A question with what is known of who asks it."""
        askers = self.called(asker) if asker else frozenset()
        chats = {chat.id: chat.name for chat in self.conversations if chat.id in self.private_speakers}
        private = {chat: ASKER if askers & self.private_speakers[chat] else name for chat, name in chats.items()}
        sayers = who_said(question, called=self.called, asker=askers, owner=self.owner)
        return Asked(question=question, on=now.date(), asker=asker, askers=askers, sayers=sayers, private=private)

    def private_chats(self, people: Collection[str]) -> frozenset[str]:
        """The private conversations with any of these people."""
        wanted = set(people)
        return frozenset(chat for chat, speakers in self.private_speakers.items() if speakers & wanted)
