"""The chat of a page, wired: a line is taken at once and answered in its turn, the log follows, and a reload finds it again."""

import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from clone_agent.importers.cleaning import clean
from ui.web.bubbles import failure, waiting
from ui.web.parts import PRIVATE, language_asked
from ui.web.running import SHORTEST, TAB, Answer, RunningTalks, talk_name
from ui.web.talk import Talk
from ui.web.texts import say

Shown = list[gr.ChatMessage]
_NUMBER_FOR_TAKING = f"(text, told, ...more) => [text, {TAB}, ...more]"
_NUMBER_ALONE = f"() => [{TAB}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatParts:
    """What a chat is made of."""

    log: gr.Chatbot
    box: gr.Textbox
    send: gr.Button
    clear: gr.Button
    stop: gr.Button | None = None  # takes the place of `send` while an answer is written; without it `send` is greyed out
    options: tuple[Component, ...] = ()  # whose values an answer depends on


def wire_chat(
    page: gr.Blocks,
    parts: ChatParts,
    talks: RunningTalks,
    answer: Callable[..., Answer],
    *,
    may_look: Callable[[gr.Request], bool] = lambda _: True,
    refusal: Callable[[str, gr.Request], str] = lambda *_: "",
) -> tuple[gr.State, list[Dependency]]:
    """Wire a chat.

    Args:
        page: that is being built.
        parts: of the chat.
        talks: where its talks are kept.
        answer: a line, the request and the values of `parts.options` -> how the line is answered.
        may_look: whether who asks may see their talk.
        refusal: why a line of any length is not to be answered; "" where it is, once for each, since it may count them.

    Returns:
        Which talk of `talks` this visitor's is, and the events after which an answer has ended.
    """
    tab, told = gr.State(""), gr.Textbox(visible=False)  # the browser tells the number of its tab, and the server keeps to it
    buttons = [parts.send] if parts.stop is None else [parts.send, parts.stop]
    entrance = threading.Lock()  # no other line comes in between the look at the queue and the place in it

    def busy(where: str) -> Any:
        return _alone(_busy(parts, is_busy=talks.is_answering(where)))

    def take(request: gr.Request, text: str, number: str, *chosen: Any) -> tuple[Any, ...]:
        """Show the line at once: another visitor's answer may come first."""
        said, language, where = clean(text).strip(), language_asked(request), _talk_of(number, request)
        line = said[: parts.box.max_length]  # the browser takes no more, a script may send it
        if not line or talks.is_answering(where):  # the line stays in the box, as does one that is not taken
            return gr.skip(), where, gr.skip(), *_busy(parts, is_busy=talks.is_answering(where))
        if not may_look(request):
            return gr.skip(), "", list(Talk().begun(line, failure(language, refusal(said, request))).shown), *_busy(parts, is_busy=False)
        crowded = failure(language, say(language, "crowded"))
        with entrance:
            if talks.is_crowded():  # asked first: what nobody could answer does not count
                talks.add(where, line, crowded)
            elif reason := refusal(said, request):
                talks.add(where, line, failure(language, reason))
            elif talks.begin(where, line, answer(line, request, *chosen), meanwhile=waiting(language, "waiting"), crowded=crowded):
                return "", where, list(talks.find(where).shown), *_busy(parts, is_busy=True)
        return gr.skip(), where, list(talks.find(where).shown), *_busy(parts, is_busy=False)

    async def follow(where: str, request: gr.Request) -> AsyncIterator[Shown]:
        if where and may_look(request):
            async for talk in talks.follow(where):
                yield list(talk.shown)

    def stop(where: str) -> Shown:
        talks.stop(where)
        return list(talks.find(where).shown)

    def clear(where: str) -> Shown:
        talks.clear(where)
        return []

    def resume(number: str, request: gr.Request) -> tuple[Any, ...]:
        """After a reload the talk stands there as it is by now."""
        where = _talk_of(number, request) if may_look(request) else ""
        return where, list(talks.find(where).shown) or gr.skip(), *_busy(parts, is_busy=talks.is_answering(where))

    inputs = [parts.box, told, *parts.options]
    taken = gr.on(
        [parts.send.click, parts.box.submit],
        take,
        inputs,
        [parts.box, tab, parts.log, *buttons],
        js=_NUMBER_FOR_TAKING,
        queue=False,
        **PRIVATE,
    )
    loaded = page.load(resume, [told], [tab, parts.log, *buttons], js=_NUMBER_ALONE, queue=False, **PRIVATE)
    flows = [after.then(follow, [tab], [parts.log], concurrency_limit=None, **PRIVATE) for after in (taken, loaded)]
    answered = [flow.then(busy, [tab], buttons, queue=False, **PRIVATE) for flow in flows]
    # First the log is no longer followed, then it is written: a state that is under way would undo it.
    for events, work in (([parts.clear.click, parts.log.clear], clear), ([] if parts.stop is None else [parts.stop.click], stop)):
        if events:
            ended = gr.on(events, lambda: _alone(_busy(parts, is_busy=False)), None, buttons, cancels=flows, queue=False, **PRIVATE)
            ended.then(work, [tab], [parts.log], queue=False, **PRIVATE)
    return tab, answered


def _talk_of(number: str, request: gr.Request) -> str:
    return talk_name(request.username or "", number if len(number) >= SHORTEST else str(request.session_hash))


def _busy(parts: ChatParts, *, is_busy: bool) -> tuple[gr.Button, ...]:
    if parts.stop is None:
        return (gr.Button(interactive=not is_busy),)
    return gr.Button(visible=not is_busy), gr.Button(visible=is_busy)


def _alone(values: tuple[gr.Button, ...]) -> Any:
    """What Gradio wants of a function with so many outputs."""
    return values if len(values) > 1 else values[0]
