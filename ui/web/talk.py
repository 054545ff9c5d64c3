"""The talk behind the page: questions in, what the chat shows out, piece by piece.

A `Talk` serves every visitor; what one visitor said lives in their browser session and is handed in.
"""

import html
import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gradio import ChatMessage

from clone_agent.agent import CloneAgent
from clone_agent.errors import CloneError
from clone_agent.forgetting import Wish
from clone_agent.records import ChatTurn, Delta, Hit, Recalled, Reply
from clone_agent.traces import Traces
from ui.companion import Companion, Obeyed
from ui.web.bubbles import Surroundings, failure, is_waiting, question_bubble, reply_bubbles, source_bubbles, waiting
from ui.web.texts import say

SHOWN = 200
_REMEMBERED_TURNS = 12
_PAUSE_S = 0.05
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A line of the visitor's, and what came of it."""

    shown: tuple[ChatMessage, ...]  # what the page shows
    turns: tuple[ChatTurn, ...] = ()  # what the agent is told later: nothing of an order, or of an answer that was stopped or failed
    sources: frozenset[str] = frozenset()  # ids of the messages that the answer may rest on

    def tells_of(self, traces: Traces) -> bool:
        """Whether anything of it repeats forgotten messages, or rests on them."""
        seen = (text for one in self.shown for text in (one.content, *map(one.metadata.get, ("title", "log"))))
        texts = (*(turn.text for turn in self.turns), *(html.unescape(text) for text in seen if isinstance(text, str)))
        return traces.are_in(texts, self.sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One visitor's talk so far."""

    exchanges: tuple[Exchange, ...] = ()
    folded: int = 0  # ids used so far for folded parts
    waiting: Wish | None = None  # to be forgotten if the next line agrees

    @property
    def shown(self) -> tuple[ChatMessage, ...]:
        """What the page shows."""
        return tuple(one for exchange in self.exchanges for one in exchange.shown)[-SHOWN:]

    @property
    def turns(self) -> tuple[ChatTurn, ...]:
        """What the agent is told."""
        return tuple(turn for exchange in self.exchanges for turn in exchange.turns)

    def begun(self, line: str, *more: ChatMessage) -> "Talk":
        """The talk with one line more."""
        return replace(self, exchanges=(*self.exchanges, Exchange(shown=(question_bubble(line), *more)))[-SHOWN:])

    def going_on(self, *more: ChatMessage, **changes: Any) -> "Talk":
        """The talk with more below its last line; `changes` of that `Exchange`."""
        last = self.exchanges[-1]
        return replace(self, exchanges=(*self.exchanges[:-1], replace(last, shown=(*last.shown, *more), **changes)))

    def without_waiting(self) -> "Talk":
        """The talk without what only says that something is under way."""
        kept = (tuple(one for one in exchange.shown if not is_waiting(one)) for exchange in self.exchanges)
        return replace(self, exchanges=tuple(replace(one, shown=shown) for one, shown in zip(self.exchanges, kept, strict=True)))

    def without(self, traces: Traces) -> "Talk":
        """The talk without everything that tells of forgotten messages."""
        return replace(self, exchanges=tuple(one for one in self.exchanges if not one.tells_of(traces)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who answers, and where sources are looked up."""

    agent: CloneAgent
    where: Surroundings
    now: datetime | None = None  # the day that "yesterday" counts from; None: today
    companion: Companion | None = None  # keeps what is said and obeys orders; None: nobody does

    def chat(self, talk: Talk, line: str, *, use_memory: bool, language: str) -> Iterator[Talk]:
        """Continue a talk by one line, as `answer` does, but also keep what is said and obey 记住… and 忘掉…."""
        talk, wish = replace(talk, waiting=None), talk.waiting
        try:
            obeyed = None if self.companion is None else self.companion.obey(line, waiting=wish)
        except CloneError as error:
            yield talk.begun(line, failure(language, f"{error.problem}\n{error.remedy}"))
            return
        except Exception as error:  # noqa: BLE001 - as below
            _LOG.error("An order failed: %s", place_of(error))
            yield talk.begun(line, failure(language, say(language, "fault")))
            return
        if obeyed is not None:
            yield _obeyed(talk, line, obeyed, language)
            return
        last = talk
        for last in self.answer(talk, line, use_memory=use_memory, language=language):
            yield last
        if self.companion is not None and (said := last.exchanges[-1].turns):
            try:
                self.companion.keep(line, [bubble for bubble in said[-1].text.splitlines() if bubble.strip()])
            except CloneError as error:
                yield last.going_on(failure(language, f"{error.problem}\n{error.remedy}", title="not_kept"))

    def answer(self, talk: Talk, question: str, *, use_memory: bool, language: str) -> Iterator[Talk]:
        """Continue a talk by one question; every state is to be shown, the last one to be kept.

        A failure is shown as a bubble and leaves the turns as they were.
        """
        asked = talk.begun(question)
        yield asked.going_on(waiting(language, "recalling" if use_memory else "thinking"))
        try:
            yield from self._stream(asked, question, use_memory=use_memory, language=language)
        except CloneError as error:
            yield asked.going_on(failure(language, f"{error.problem}\n{error.remedy}"))
        except Exception as error:  # noqa: BLE001 - one question must not end the page; its message may hold somebody's words
            _LOG.error("A reply failed: %s", place_of(error))
            yield asked.going_on(failure(language, say(language, "fault")))

    def _stream(self, asked: Talk, question: str, *, use_memory: bool, language: str) -> Iterator[Talk]:
        text, shown_at = "", 0.0
        found: list[ChatMessage] = []
        for event in self.agent.answer(question, history=asked.turns[-_REMEMBERED_TURNS:], use_memory=use_memory, now=self.now):
            match event:
                case Recalled():
                    asked = asked.going_on(sources=_ids(event.hits))
                    yield asked.going_on(waiting(language, "thinking"))
                    found = self._found(asked, event, language)
                case Delta():
                    text += event.text
                    if text.strip() and time.monotonic() - shown_at >= _PAUSE_S:
                        shown_at = time.monotonic()
                        yield replace(asked.going_on(*reply_bubbles(text), *found), folded=asked.folded + len(found))
                case Reply():
                    yield self._finished(asked, question, event, language)

    def _found(self, asked: Talk, recalled: Recalled, language: str) -> list[ChatMessage]:
        """The sources as they stand below a reply that is still being written, which may take a big model a while."""
        if not recalled.hits:
            return []
        begun = Reply(text="", bubbles=(), sources=recalled.hits, recalled=recalled)
        return source_bubbles(begun, self.where, language, first_id=asked.folded + 1)

    def _finished(self, asked: Talk, question: str, reply: Reply, language: str) -> Talk:
        sources = source_bubbles(reply, self.where, language, first_id=asked.folded + 1)
        said = (ChatTurn(role="user", text=question), ChatTurn(role="assistant", text=reply.text))
        bubbles = reply_bubbles("\n".join(reply.bubbles) or "……")
        done = asked.going_on(*bubbles, *sources, turns=said, sources=asked.exchanges[-1].sources | _ids(reply.sources))
        return replace(done, folded=asked.folded + len(sources))


def _ids(hits: Iterable[Hit]) -> frozenset[str]:
    return frozenset(identity for hit in hits for identity in hit.memory.message_ids)


def _obeyed(talk: Talk, line: str, obeyed: Obeyed, language: str) -> Talk:
    """The talk after an order; where something was forgotten, without what told of it."""
    kept = talk if obeyed.forgotten is None else talk.without(obeyed.forgotten)
    taken_out = [] if len(kept.exchanges) == len(talk.exchanges) else reply_bubbles(say(language, "taken_out"))
    return replace(kept.begun(line, *reply_bubbles(obeyed.text), *taken_out), waiting=obeyed.waiting)


def place_of(error: BaseException) -> str:
    """Where an error happened, without its message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    return f"{type(error).__name__}{where}"
