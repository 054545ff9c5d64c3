"""A second look at the best passages by a cross-encoder, which reads question and passage together.

The one that ships (`memory.reranker`) knows who asks, who the owner is and how long ago a passage was said; it gives the logarithm of the
odds that the passage answers the question, which is weighed together with what spoke for the passage before (`memory.weights.SECOND`). One
that was trained further to read stretches of talks gives a second one, of the passage among those of its talk.
Any other one, named by the user, is shown a passage with the one before and the one after it; what it gives and what the ranking gave
count the same.
"""

import math
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from clone_agent.errors import ModelError
from clone_agent.records import Memory
from memory.ranking import Ranking
from memory.reranker.pairs import ASKER, GROUP, OWNER, REACH_AFTER, REACH_BEFORE, Said, language_of, passage_text, question_text, talk_text
from memory.shortlist import chosen
from memory.table import PassageTable
from memory.weights import NAMES, SECOND, SECOND_NAMES, values
from memory.windows import MOST, REACH, windows

if TYPE_CHECKING:
    from memory.reranker.scoring import PairScorer, TalkScorer

SHIPPED, NONE = "shipped", "none"  # names that are no model's
SHIPPED_FOLDER = Path(__file__).parent / "reranker" / "model"
DEPTH = 24  # passages looked at by the one that ships: more change nothing, fewer miss answers
NAMED_DEPTH = 30  # ... by one that is named
_SOFTNESS = 6.0  # the scores of two passages compare as the sixth root of how likely each is the answer

Scores = NDArray[np.float32]
Memories = Callable[[Sequence[int]], Sequence[Memory]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked, when and by whom."""

    question: str
    on: date
    asker: str | None = None  # their name
    askers: Collection[str] = ()  # their ids among the speakers
    sayers: Collection[str] = ()  # ids of who said what is asked for, where the question tells: "你说几点"
    private: Mapping[str, str] = field(default_factory=dict)  # private conversations, with the other's name, or ASKER
    before: datetime | None = None  # what goes on until then is hidden, also as the surroundings of a passage


class Reranker(Protocol):
    """Puts the best passages of a ranking in a new order."""

    name: str

    def rerank(self, ranking: Ranking, asked: Asked, table: PassageTable, memories: Memories) -> Ranking:
        """The same passages in a new order, with scores in descending order.

        Args:
            ranking: passages, best first.
            asked: the question.
            table: the table that holds the passages.
            memories: passages by their numbers, with names and owner where these are known.
        """
        ...


def load_reranker(name_or_path: str | None) -> Reranker | None:
    """A cross-encoder by hub name or folder, also of `memory.reranker.train`; `shipped`: the one that ships; `none` or None: nothing.

    Raises:
        ModelError: it cannot be loaded, or gives more than one score. The one that ships is loaded at its first question.
    """
    if name_or_path is None or name_or_path == NONE:
        return None
    if name_or_path == SHIPPED:
        return SmallReranker()
    from memory.reranker.weights import is_small  # torch: seconds

    folder = Path(name_or_path)
    return SmallReranker(folder) if is_small(folder) else NamedReranker(name_or_path)


class SmallReranker:
    """The cross-encoder that ships, or one trained like it. It is loaded at the first question, since its libraries take seconds."""

    def __init__(self, folder: Path = SHIPPED_FOLDER) -> None:
        self.name = SHIPPED if folder == SHIPPED_FOLDER else folder.name
        self._folder = folder
        self._scorers: tuple[PairScorer, TalkScorer | None] | None = None
        self._lock = threading.Lock()

    def rerank(self, ranking: Ranking, asked: Asked, table: PassageTable, memories: Memories) -> Ranking:
        """See `Reranker`; what lies deeper counts as the worst of those looked at. A question of a time alone is left as it is."""
        if not ranking.numbers or ranking.asks_of_a_time:
            return ranking
        read, reasons = self.look(ranking, asked, table, memories)
        gains = reasons @ values(SECOND) / _SOFTNESS
        whole = np.array(ranking.scores, dtype=np.float32)
        best, is_read = whole[0], np.isin(ranking.numbers, read)
        if not is_read.all():
            whole *= np.exp(gains.min() - gains.max()) * best / whole[~is_read].max()
        whole[is_read] = np.exp(gains - gains.max()) * best
        order = np.argsort(-whole, kind="stable")
        return replace(
            ranking,
            numbers=tuple(ranking.numbers[place] for place in order),
            scores=tuple(whole[order].tolist()),
            odds=float(np.logaddexp.reduce(reasons[:, [SECOND_NAMES.index(name) for name in ("odds", "in_talk")]], axis=0).mean()),
        )

    def look(self, ranking: Ranking, asked: Asked, table: PassageTable, memories: Memories) -> tuple[list[int], Scores]:
        """The `DEPTH` passages to read, in their order, and what speaks for each: (passages, `memory.weights.SECOND_NAMES`)."""
        places = self._chosen(ranking, asked, table)
        best = [ranking.numbers[place] for place in places]
        reasons = np.zeros((len(best), len(NAMES)), dtype=np.float32) if ranking.reasons is None else ranking.reasons[places]
        question = question_text(asked.question, asked.on, asker=asked.asker)
        pairs, talks = self._loaded()
        odds = pairs.scores(question, shown(best, asked, table, memories))
        in_talk = odds if talks is None else _best(talks, question, best, shown_talks(best, asked, table, memories))
        says = [memory.speaker in asked.sayers for memory in memories(best)] if asked.sayers else [False] * len(best)
        before = np.log([ranking.scores[place] for place in places])
        return best, np.column_stack([reasons, before, odds, in_talk, says]).astype(np.float32)

    def _chosen(self, ranking: Ranking, asked: Asked, table: PassageTable) -> list[int]:
        if language_of(asked.question) == "zh":
            return chosen(ranking, table, count=DEPTH)
        return list(range(min(DEPTH, len(ranking.numbers))))

    def _loaded(self) -> "tuple[PairScorer, TalkScorer | None]":
        with self._lock:
            if self._scorers is None:
                from memory.reranker.scoring import PairScorer, TalkScorer  # torch and transformers: seconds
                from memory.reranker.weights import reads_talks

                self._scorers = PairScorer(self._folder), TalkScorer(self._folder) if reads_talks(self._folder) else None
            return self._scorers


class NamedReranker:
    """A cross-encoder that sentence-transformers loads, by hub name or folder.

    Raises:
        ModelError: it cannot be loaded, or gives more than one score.
    """

    def __init__(self, name_or_path: str) -> None:
        # Not at the top: this import takes seconds and the memory of torch.
        from sentence_transformers import CrossEncoder

        self.name = Path(name_or_path).name
        remedy = "Name a cross-encoder with one label, such as BAAI/bge-reranker-v2-m3, or its folder."
        try:
            self._model = CrossEncoder(name_or_path, trust_remote_code=False)
        except Exception as cause:  # the loaders raise a dozen kinds, of three libraries
            raise ModelError(f"The reranker '{self.name}' cannot be loaded ({type(cause).__name__}).", remedy=remedy) from cause
        if self._model.num_labels != 1:
            raise ModelError(f"The reranker '{self.name}' has {self._model.num_labels} labels.", remedy=remedy)

    def scores(self, question: str, passages: Sequence[str]) -> Scores:
        """How well each passage fits the question; only the order means something."""
        found = self._model.predict([(question, passage) for passage in passages], show_progress_bar=False, convert_to_numpy=True)
        return np.asarray(found, dtype=np.float32).reshape(len(passages))

    def rerank(self, ranking: Ranking, asked: Asked, table: PassageTable, memories: Memories) -> Ranking:
        """See `Reranker`; the scores stay, in descending order, so that they still compare."""
        best = list(ranking.numbers[:NAMED_DEPTH])
        if len(best) < 2:
            return ranking
        before = _scaled(np.array(ranking.scores[: len(best)], dtype=np.float32))
        mixed = (_scaled(self.scores(asked.question, _with_neighbours(best, asked, table))) + before) / 2
        order = np.argsort(-mixed, kind="stable").tolist()
        kept = sorted(ranking.scores[: len(best)], reverse=True)
        return replace(
            ranking,
            numbers=(*(best[place] for place in order), *ranking.numbers[len(best) :]),
            scores=(*kept, *ranking.scores[len(best) :]),
        )


def shown(numbers: Sequence[int], asked: Asked, table: PassageTable, memories: Memories) -> list[str]:
    """The passages as the cross-encoder that ships has learned to read them."""
    around = {number: range(number - REACH_BEFORE, number + REACH_AFTER + 1) for number in numbers}
    facts = table.facts({near for each in around.values() for near in each})
    session = dict(zip(facts.numbers.tolist(), facts.sessions.tolist(), strict=True))
    known = dict(zip(session, memories(list(session)), strict=True))
    language = language_of(asked.question)

    def text(number: int) -> str:
        memory = known[number]
        near = [other for other in around[number] if other != number and session.get(other) == session[number]]
        near = [other for other in near if asked.before is None or known[other].ended_at < asked.before]
        return passage_text(
            _said(memory, asked),
            said_on=memory.started_at.date(),
            asked_on=asked.on,
            chat=asked.private.get(memory.conversation, GROUP),
            before=[_said(known[other], asked) for other in near if other < number],
            after=[_said(known[other], asked) for other in near if other > number],
            language=language,
        )

    return [text(number) for number in numbers]


class Window(NamedTuple):
    """Neighbouring passages of a talk: their numbers, and the text that shows them."""

    numbers: list[int]
    text: str


def shown_talks(numbers: Sequence[int], asked: Asked, table: PassageTable, memories: Memories, *, most: int = MOST) -> list[Window]:
    """The windows of talks that hold the passages, at most so many passages each, as the cross-encoder has learned to read them."""
    facts = table.facts({near for number in numbers for near in range(number - REACH, number + REACH + 1)})
    chosen = windows(numbers, dict(zip(facts.numbers.tolist(), facts.sessions.tolist(), strict=True)), most=most)
    needed = sorted({number for window in chosen for number in window})
    known = {
        number: memory
        for number, memory in zip(needed, memories(needed), strict=True)
        if asked.before is None or memory.ended_at < asked.before
    }
    found = []
    for window in chosen:
        read = [number for number in window if number in known]
        if read:
            first = known[read[0]]
            text = talk_text(
                [_said(known[number], asked) for number in read],
                said_on=first.started_at.date(),
                asked_on=asked.on,
                chat=asked.private.get(first.conversation, GROUP),
                language=language_of(asked.question),
            )
            found.append(Window(read, text))
    return found


def _said(memory: Memory, asked: Asked) -> Said:
    speaker = OWNER if memory.is_owner else ASKER if memory.speaker in asked.askers else memory.speaker_name or memory.speaker
    return Said(speaker, memory.text)


def _best(scorer: "TalkScorer", question: str, numbers: Sequence[int], read: Sequence[Window]) -> Scores:
    """The best score of each passage in the windows it stands in; that of the worst where it is in none."""
    best: dict[int, float] = {}
    for window, scores in zip(read, scorer.scores(question, [window.text for window in read]), strict=True):
        for number, score in zip(window.numbers, scores.tolist(), strict=False):  # of a long one the end is not read
            best[number] = max(score, best.get(number, -math.inf))
    worst = min(best.values(), default=0.0)
    return np.array([best.get(number, worst) for number in numbers], dtype=np.float32)


def _with_neighbours(numbers: Sequence[int], asked: Asked, table: PassageTable) -> list[str]:
    facts = table.facts({near for number in numbers for near in range(number - 1, number + 2)})
    rows = {number: row for row, number in enumerate(facts.numbers.tolist())}
    until = math.inf if asked.before is None else asked.before.timestamp() * 1000

    def text(number: int) -> str:
        session = facts.sessions[rows[number]]
        near = [rows[other] for other in range(number - 1, number + 2) if other in rows]
        return "\n".join(facts.texts[row] for row in near if facts.sessions[row] == session and facts.ended_ms[row] < until)

    return [text(number) for number in numbers]


def _scaled(scores: Scores) -> Scores:
    low, high = float(scores.min()), float(scores.max())
    return (scores - low) / (high - low) if high > low else np.zeros_like(scores)
