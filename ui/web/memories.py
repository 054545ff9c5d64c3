"""The tab of single memories: find one, see what stood around it, have it forgotten or put right."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.events import Dependency

from clone_agent.errors import CloneError
from clone_agent.forgetting import Wish
from clone_agent.importers.cleaning import clean
from clone_agent.records import Hit
from ui.companion import Companion, Obeyed
from ui.web.bubbles import Surroundings, escape, snippet, with_neighbours
from ui.web.forgotten import Emptied
from ui.web.parts import PRIVATE, language_asked, question_box
from ui.web.texts import say


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one visitor found last, and what is about to be forgotten."""

    hits: tuple[Hit, ...] = ()
    waiting: Wish | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTab:
    """What the page wires further."""

    around: gr.HTML  # which it fills when it loads
    changed: list[Dependency]  # events after which something may be forgotten
    emptied: Emptied


def memories_tab(companion: Companion, where: Surroundings, i18n: gr.I18n) -> MemoryTab:
    """Lay the tab out and wire it.

    Args:
        companion: finds, forgets and corrects.
        where: looks up what stood around a memory.
        i18n: the static labels.
    """
    found = gr.State(Found(), time_to_live=24 * 3600)
    with gr.Row(elem_classes="ask-row"):
        box = question_box(i18n("find_memory"), elem_id="memory-question")
        find = gr.Button(i18n("find"), variant="primary", scale=0, min_width=88, elem_id="memory-find")
    choice = gr.Radio(choices=[], label=i18n("memory_found"), visible=False, elem_id="memory-list")
    around = gr.HTML(elem_id="memory-around", padding=False)
    with gr.Row(elem_classes="ask-row", visible=False, elem_id="memory-deeds") as deeds:
        right = question_box(i18n("memory_right"), elem_id="memory-right")
        right.visible = companion.can_correct
        correct = gr.Button(i18n("memory_correct"), scale=0, min_width=88, elem_id="memory-correct", visible=companion.can_correct)
        forget = gr.Button(i18n("memory_forget"), scale=0, min_width=120, elem_id="memory-forget")
        sure = gr.Button(i18n("memory_sure"), variant="stop", scale=0, min_width=120, visible=False, elem_id="memory-sure")
    shown = [found, choice, around, deeds, sure, right]

    def look(text: str, request: gr.Request) -> tuple[Any, ...]:
        language = language_asked(request)
        return _guarded(lambda: _found(companion, clean(text).strip(), language))

    def show(state: Found, number: int | None, request: gr.Request) -> tuple[Any, ...]:
        if number is None or number >= len(state.hits):
            return tuple(gr.skip() for _ in shown)
        return _state(state, around=_text(with_neighbours(state.hits[number], where, language_asked(request))), chosen=True)

    def ask(state: Found, number: int | None) -> tuple[Any, ...]:
        if number is None or number >= len(state.hits):
            return tuple(gr.skip() for _ in shown)
        return _guarded(lambda: _asked(state, companion.ask_to_forget(state.hits[number].memory)))

    def agree(state: Found) -> tuple[Any, ...]:
        wish = state.waiting
        return tuple(gr.skip() for _ in shown) if wish is None else _guarded(lambda: _done(companion.forget(wish)))

    def put_right(state: Found, number: int | None, text: str) -> tuple[Any, ...]:
        if number is None or number >= len(state.hits) or not text.strip():
            return tuple(gr.skip() for _ in shown)
        return _guarded(lambda: _done(companion.correct(state.hits[number].memory, text.strip())))

    gr.on([find.click, box.submit], look, [box], shown, concurrency_id="memories", **PRIVATE)
    choice.input(show, [found, choice], shown, **PRIVATE)
    forget.click(ask, [found, choice], shown, concurrency_id="memories", **PRIVATE)
    agreed = sure.click(agree, [found], shown, concurrency_id="memories", **PRIVATE)
    corrected = gr.on([correct.click, right.submit], put_right, [found, choice, right], shown, concurrency_id="memories", **PRIVATE)
    return MemoryTab(around=around, changed=[agreed, corrected], emptied=Emptied(parts=shown, values=lambda: _nothing("")))


def _guarded(work: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
    """What the work shows, or what hindered it."""
    try:
        return work()
    except CloneError as error:
        return _state(Found(), around=_text(f"{error.problem}\n{error.remedy}"), choice=gr.Radio(visible=False))


def _found(companion: Companion, text: str, language: str) -> tuple[Any, ...]:
    hits = tuple(companion.find(text)) if text else ()
    names = [f"{hit.memory.started_at:%Y-%m-%d} · {hit.memory.speaker_name} · {snippet(hit.memory.text)}" for hit in hits]
    choice = gr.Radio(choices=[(name, number) for number, name in enumerate(names)], value=None, visible=bool(hits))
    return _state(Found(hits=hits), around="" if hits else _text(say(language, "memory_none")), choice=choice)


def _asked(state: Found, obeyed: Obeyed) -> tuple[Any, ...]:
    is_waiting = obeyed.waiting is not None
    return _state(Found(hits=state.hits, waiting=obeyed.waiting), around=_text(obeyed.text), chosen=True, sure=is_waiting)


def _done(obeyed: Obeyed) -> tuple[Any, ...]:
    return _nothing(_text(obeyed.text))


def _nothing(around: str) -> tuple[Any, ...]:
    """No memory is shown."""
    return _state(Found(), around=around, choice=gr.Radio(choices=[], value=None, visible=False))


def _state(found: Found, *, around: str, choice: Any = None, chosen: bool = False, sure: bool = False) -> tuple[Any, ...]:
    """Everything the tab shows, in the order of its outputs; the box for the truth is emptied."""
    return found, gr.skip() if choice is None else choice, around, gr.Row(visible=chosen), gr.Button(visible=sure), ""


def _text(text: str) -> str:
    return f'<p class="around">{escape(text)}</p>'
