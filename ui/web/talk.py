"""The talk behind the page: questions in, what the chat shows out, piece by piece.

A `Talk` serves every visitor; what one visitor said lives in their browser session and is handed in.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from gradio import ChatMessage

from clone_agent.agent import CloneAgent
from clone_agent.errors import CloneError
from clone_agent.forgetting import Wish
from clone_agent.records import ChatTurn, Delta, Recalled, Reply
from ui.companion import Companion
from ui.web.bubbles import Surroundings, failure, is_waiting, question_bubble, reply_bubbles, source_bubbles, waiting
from ui.web.texts import say

SHOWN = 200
_REMEMBERED_TURNS = 12
_PAUSE_S = 0.05
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One visitor's talk so far."""

    turns: tuple[ChatTurn, ...] = ()  # what the agent is told
    shown: tuple[ChatMessage, ...] = field(default=())  # what the page shows
    folded: int = 0  # ids used so far for folded parts
    waiting: Wish | None = None  # to be forgotten if the next line agrees

    def without_waiting(self) -> "Talk":
        """The talk without what only says that something is under way."""
        return replace(self, shown=tuple(one for one in self.shown if not is_waiting(one)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who answers, and where sources are looked up."""

    agent: CloneAgent
    where: Surroundings
    now: datetime | None = None  # the day that "yesterday" counts from; None: today
    companion: Companion | None = None  # keeps what is said and obeys orders; None: nobody does

    def chat(self, talk: Talk, line: str, *, use_memory: bool, language: str) -> Iterator[Talk]:
        """Continue a talk by one line, as `answer` does, but also keep what is said and obey 记住… and 忘掉…."""
        asked = replace(talk, shown=_page((*talk.shown, question_bubble(line))), waiting=None)
        try:
            obeyed = None if self.companion is None else self.companion.obey(line, waiting=talk.waiting)
        except CloneError as error:
            yield _with(asked, [failure(language, f"{error.problem}\n{error.remedy}")])
            return
        if obeyed is not None:
            yield replace(_with(asked, reply_bubbles(obeyed.text)), waiting=obeyed.waiting)
            return
        last = talk = replace(talk, waiting=None)
        for last in self.answer(talk, line, use_memory=use_memory, language=language):
            yield last
        if self.companion is not None and len(last.turns) > len(talk.turns):
            try:
                self.companion.keep(line, [bubble for bubble in last.turns[-1].text.splitlines() if bubble.strip()])
            except CloneError as error:
                yield _with(last, [failure(language, f"{error.problem}\n{error.remedy}", title="not_kept")])

    def answer(self, talk: Talk, question: str, *, use_memory: bool, language: str) -> Iterator[Talk]:
        """Continue a talk by one question; every state is to be shown, the last one to be kept.

        A failure is shown as a bubble and leaves the turns as they were.
        """
        asked = replace(talk, shown=_page((*talk.shown, question_bubble(question))))
        yield _with(asked, [waiting(language, "recalling" if use_memory else "thinking")])
        try:
            yield from self._stream(asked, question, use_memory=use_memory, language=language)
        except CloneError as error:
            yield _with(asked, [failure(language, f"{error.problem}\n{error.remedy}")])
        except Exception as error:  # noqa: BLE001 - one question must not end the page; its message may hold somebody's words
            _LOG.error("A reply failed: %s", place_of(error))
            yield _with(asked, [failure(language, say(language, "fault"))])

    def _stream(self, asked: Talk, question: str, *, use_memory: bool, language: str) -> Iterator[Talk]:
        text, shown_at = "", 0.0
        found: list[ChatMessage] = []
        for event in self.agent.answer(question, history=asked.turns[-_REMEMBERED_TURNS:], use_memory=use_memory, now=self.now):
            match event:
                case Recalled():
                    yield _with(asked, [waiting(language, "thinking")])
                    found = self._found(asked, event, language)
                case Delta():
                    text += event.text
                    if text.strip() and time.monotonic() - shown_at >= _PAUSE_S:
                        shown_at = time.monotonic()
                        yield replace(_with(asked, [*reply_bubbles(text), *found]), folded=asked.folded + len(found))
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
        done = _with(asked, [*reply_bubbles("\n".join(reply.bubbles) or "……"), *sources])
        return replace(done, turns=(*asked.turns, *said), folded=asked.folded + len(sources))


def _with(talk: Talk, more: Sequence[ChatMessage]) -> Talk:
    return replace(talk, shown=_page((*talk.shown, *more)))


def _page(messages: tuple[ChatMessage, ...]) -> tuple[ChatMessage, ...]:
    return messages[-SHOWN:]


def place_of(error: BaseException) -> str:
    """Where an error happened, without its message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    return f"{type(error).__name__}{where}"
