"""Emptying what a page still shows of messages that were forgotten.

The logs of a comparison and of a vote and the list of single memories are kept by the browser alone, unlike the chat, so that nobody can
take single lines out of them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency
from gradio.layouts import Row

from clone_agent.traces import Traces
from ui.web.parts import PRIVATE

_State = TypeVar("_State")


class Forgettings:
    """How often something was forgotten since the page was built."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, _: Traces) -> None:
        """Something was forgotten."""
        self.count += 1

    def until_next(self, states: Iterable[_State], nothing: _State) -> Iterator[_State]:
        """The states of an answer; `nothing` ends them when something is forgotten meanwhile, which they may rest on."""
        before = self.count
        for state in states:
            if self.count != before:
                yield nothing
                return
            yield state


@dataclass(frozen=True, slots=True, kw_only=True)
class Emptied:
    """Parts of a page, and what stands in each when nothing does: made at the event, since what is made before is part of the page."""

    parts: Sequence[Component | Row]
    values: Callable[[], Sequence[Any]]


def empty_when_forgotten(page: gr.Blocks, forgettings: Forgettings, events: Sequence[tuple[Dependency, Sequence[Emptied]]]) -> None:
    """Empty parts of the page after events in which something was forgotten; after others they stay as they are.

    Args:
        page: that is being built.
        forgettings: are counted by whoever forgets.
        events: each with what is emptied after it.
    """
    seen = gr.State(0)
    page.load(lambda: forgettings.count, None, [seen], queue=False, **PRIVATE)
    for event, emptied in events:
        look = partial(_look, forgettings, tuple(emptied))
        event.then(look, [seen], [seen, *(part for one in emptied for part in one.parts)], queue=False, **PRIVATE)


def _look(forgettings: Forgettings, emptied: Sequence[Emptied], seen: int) -> tuple[Any, ...]:
    """How often something was forgotten by now, and what the parts show from here on."""
    count = forgettings.count
    if count == seen:
        return seen, *(gr.skip() for one in emptied for _ in one.parts)
    return count, *(value for one in emptied for value in one.values())
