"""The talks that run on a page: who asked is answered one after the other, whether or not their page is still open.

The server keeps them in its memory, by a random number that each tab of a browser holds for itself (`sessionStorage`, which ends with the
tab): nothing of what was said is stored in the browser or on the disk, and another tab, browser or visitor sees none of it. A reload finds
its talk as it stands, and follows an answer that is still being written.
"""

import asyncio
import hashlib
import logging
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from gradio import ChatMessage

from clone_agent.traces import Traces
from ui.web.talk import Talk, place_of

MOST = 50
LASTS_S = 24 * 3600
WAITING = 8  # questions that may wait for their turn
# The number of the tab, drawn when it first loads the page; "" where the browser keeps nothing, so that a reload finds nothing either.
# `getRandomValues` is there on any address, `randomUUID` is not.
TAB = """(() => {
  try {
    let tab = sessionStorage.getItem("clone-agent-tab");
    if (!tab) {
      tab = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
      sessionStorage.setItem("clone-agent-tab", tab);
    }
    return tab;
  } catch {
    return "";
  }
})()"""
SHORTEST = 32  # characters of a number that cannot be guessed
_LOOK_S = 0.05
_LOG = logging.getLogger(__name__)
Answer = Callable[[Talk], Iterator[Talk]]  # the talk before a line -> its states from the line on


@dataclass(slots=True, kw_only=True)
class _Running:
    """One tab's talk."""

    at: float
    talk: Talk = field(default_factory=Talk)  # as the page shows it
    before: Talk = field(default_factory=Talk)  # without the line that is being answered
    answer: Answer | None = None  # which it is, or waits to be
    forgotten: list[Traces] = field(default_factory=list)  # while it is


def talk_name(user: str, number: str) -> str:
    """Which talk a user's tab has: nobody's who logs in under another name in it, and short, whatever a script sends for a number."""
    return f"{user}\n{hashlib.sha256(number.encode(errors='replace')).hexdigest()}"


def _user_of(tab: str) -> str:
    return tab.rpartition("\n")[0]


class RunningTalks:
    """The talk of each tab, and who is answered next.

    Args:
        most: talks kept. When there are more, the oldest of whoever holds most goes, so that nobody loses theirs for another's many;
            one that is being answered stays.
        lasts_s: how long a talk is kept after its last word.
    """

    def __init__(self, *, most: int = MOST, lasts_s: float = LASTS_S) -> None:
        self._most, self._lasts_s = most, lasts_s
        self._talks: OrderedDict[str, _Running] = OrderedDict()
        self._waiting: deque[tuple[str, Answer]] = deque()
        self._is_working = False
        self._guard = threading.Lock()

    def find(self, tab: str) -> Talk:
        """How a tab's talk stands; an empty one where there is none, or none of late."""
        with self._guard:
            running = self._talks.get(tab)
            return running.talk if running is not None and time.monotonic() - running.at < self._lasts_s else Talk()

    def is_crowded(self) -> bool:
        """Whether so many questions wait that no more is taken."""
        with self._guard:
            return len(self._waiting) >= WAITING

    def is_answering(self, tab: str) -> bool:
        """Whether a line of this tab is being answered, or waits for it."""
        with self._guard:
            return tab in self._talks and self._talks[tab].answer is not None

    def begin(self, tab: str, line: str, answer: Answer, *, meanwhile: ChatMessage, crowded: ChatMessage) -> bool:
        """Have a line answered as soon as those before it were; False when too many wait.

        Args:
            tab: whose.
            line: what the visitor said.
            answer: continues a talk by the line, state by state.
            meanwhile: shown below the line until it is answered.
            crowded: shown there when too many wait.
        """
        before = self.find(tab)
        with self._guard:
            if is_taken := len(self._waiting) < WAITING:
                self._keep(tab, _Running(at=time.monotonic(), talk=before.begun(line, meanwhile), before=before, answer=answer))
                self._waiting.append((tab, answer))
                if not self._is_working:
                    self._is_working = True
                    threading.Thread(target=self._work, name="answers", daemon=True).start()
            else:
                self._keep(tab, _Running(at=time.monotonic(), talk=before.begun(line, crowded)))
            return is_taken

    def add(self, tab: str, line: str, reason: ChatMessage) -> None:
        """Show a line that is not answered, and below it why."""
        before = self.find(tab)
        with self._guard:
            self._keep(tab, _Running(at=time.monotonic(), talk=before.begun(line, reason)))

    async def follow(self, tab: str) -> AsyncIterator[Talk]:
        """How the talk stands, and each state after it, until nothing is being answered any more."""
        shown: Talk | None = None
        while True:
            is_over, talk = not self.is_answering(tab), self.find(tab)  # in this order: the last state comes before the end
            if talk != shown:
                shown = talk
                yield talk
            if is_over:
                return
            await asyncio.sleep(_LOOK_S)

    def stop(self, tab: str) -> None:
        """Stop the answer. What was said stays; what was only announced goes."""
        with self._guard:
            if tab in self._talks:
                self._keep(tab, _Running(at=time.monotonic(), talk=self._talks[tab].talk.without_waiting()))

    def clear(self, tab: str) -> None:
        """Drop a talk."""
        with self._guard:
            self._talks.pop(tab, None)

    def forget(self, traces: Traces) -> None:
        """Take what tells of forgotten messages out of every talk."""
        with self._guard:
            for running in self._talks.values():
                running.talk, running.before = running.talk.without(traces), running.before.without(traces)
                if running.answer is not None:
                    running.forgotten.append(traces)

    def _keep(self, tab: str, running: _Running) -> None:
        self._talks[tab] = running
        self._talks.move_to_end(tab)
        idle = [one for one, kept in self._talks.items() if one != tab and kept.answer is None]  # oldest first
        for one in idle:
            if time.monotonic() - self._talks[one].at >= self._lasts_s:
                del self._talks[one]
        while len(self._talks) > self._most and (left := [one for one in idle if one in self._talks]):
            held = Counter(map(_user_of, self._talks))
            del self._talks[max(left, key=lambda one: held[_user_of(one)])]  # the first of several: the oldest

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._waiting:
                    self._is_working = False
                    return
                tab, answer = self._waiting.popleft()
            try:
                self._answer(tab, answer)
            except Exception as error:  # noqa: BLE001 - one line must not end the page; the message may hold somebody's words
                _LOG.error("An answer failed: %s", place_of(error))
            self._end(tab, answer)

    def _answer(self, tab: str, answer: Answer) -> None:
        running = self._of(tab, answer)
        states = iter(()) if running is None else answer(running.before)
        for state in states:
            with self._guard:
                running = self._talks.get(tab)
                if running is None or running.answer is not answer:  # stopped, cleared, or dropped as one too many
                    break
                for traces in running.forgotten:
                    state = state.without(traces)
                running.at, running.talk = time.monotonic(), state

    def _of(self, tab: str, answer: Answer) -> _Running | None:
        """The talk that waits for this very answer."""
        with self._guard:
            running = self._talks.get(tab)
            return running if running is not None and running.answer is answer else None

    def _end(self, tab: str, answer: Answer) -> None:
        if self._of(tab, answer) is not None:
            self.stop(tab)
