"""The page for guests: a chat and nothing else, an app of its own, not the owner's with parts hidden."""

import logging
from collections.abc import Iterator
from typing import Any

import gradio as gr

from clone_agent.errors import CloneError
from clone_agent.importers.cleaning import clean
from clone_agent.records import ChatTurn, Reply
from ui.guests import LONGEST, MESSAGES, GuestDesk, sources_of
from ui.web.bubbles import escape, failure, folded, question_bubble, waiting
from ui.web.parts import PRIVATE, chat_log, labels_for_browser, language_asked, nothing_said, question_box
from ui.web.talk import place_of
from ui.web.texts import say

Shown = list[gr.ChatMessage]
_REMEMBERED_TURNS, _SHOWN = 12, 200
_LOG = logging.getLogger(__name__)


def build_guest_page(desk: GuestDesk, *, name: str) -> gr.Blocks:
    """Lay the page out and wire it.

    Args:
        desk: who answers.
        name: of the owner.
    """
    i18n = labels_for_browser()
    page = gr.Blocks(title="clone-agent", analytics_enabled=False, delete_cache=(3600, 3600), fill_height=True)
    with page:
        top = gr.HTML(elem_id="heading", padding=False)
        log = chat_log("chat-log")
        turns, asked, is_answering = gr.State((), time_to_live=24 * 3600), gr.State(""), gr.State(False)
        with gr.Row(elem_classes="ask-row"):
            box = question_box(i18n("ask_here"), elem_id="chat-question", longest=LONGEST)
            send = gr.Button(i18n("send"), variant="primary", scale=0, min_width=88, elem_id="chat-send")

        def greet(request: gr.Request) -> tuple[str, gr.Chatbot]:
            language = language_asked(request)
            return _heading(language, name), gr.Chatbot(placeholder=nothing_said("", say(language, "guest_empty")))

        def take(text: str, is_busy: bool) -> tuple[Any, ...]:
            line = clean(text).strip()
            return ("", line, True) if line and not is_busy else (gr.skip(), gr.skip(), gr.skip())  # the line stays in the box

        def reply(text: str, so_far: tuple[ChatTurn, ...], shown: Shown, request: gr.Request) -> Iterator[tuple[str, Any, Shown]]:
            """Answer what was taken, once: after a line that was refused nothing is left to answer."""
            if text:
                for state in _reply(desk, text, so_far, shown, guest=str(request.username or ""), language=language_asked(request)):
                    yield "", *state

        page.load(greet, None, [top, log], **PRIVATE)
        taken = gr.on([send.click, box.submit], take, [box, is_answering], [box, asked, is_answering], queue=False, **PRIVATE)
        answered = taken.then(reply, [asked, turns, log], [asked, turns, log], concurrency_id="chat", **PRIVATE)
        answered.then(lambda: False, None, [is_answering], queue=False, **PRIVATE)
    return page


def _reply(
    desk: GuestDesk, text: str, so_far: tuple[ChatTurn, ...], shown: Shown, *, guest: str, language: str
) -> Iterator[tuple[tuple[ChatTurn, ...], Shown]]:
    if refusal := _refusal(desk, text, guest, language):
        yield so_far, [*shown, failure(language, refusal)]
        return
    shown = [*shown, question_bubble(text)][-_SHOWN:]
    yield so_far, [*shown, waiting(language, "thinking")]
    try:
        reply = desk.answer(text, so_far[-_REMEMBERED_TURNS:])
    except CloneError as error:  # the remedy is for the owner
        _LOG.error("A reply to a guest failed: %s", error)
        yield so_far, [*shown, failure(language, "")]
        return
    except Exception as error:  # noqa: BLE001 - one question must not end the page; its message may hold somebody's words
        _LOG.error("A reply failed: %s", place_of(error))
        yield so_far, [*shown, failure(language, "")]
        return
    said = (ChatTurn(role="user", text=text), ChatTurn(role="assistant", text=reply.text))
    yield (*so_far, *said), [*shown, *_bubbles(reply, language, number=len(so_far))]


def _refusal(desk: GuestDesk, text: str, guest: str, language: str) -> str:
    """Why a message is not answered; "" where it is."""
    if not desk.book.is_open(guest):
        return say(language, "guest_closed")
    if len(text) > LONGEST:
        return say(language, "guest_long", longest=LONGEST)
    return "" if desk.book.takes(guest, text) else say(language, "guest_limit", messages=MESSAGES)


def _bubbles(reply: Reply, language: str, *, number: int) -> Shown:
    """One bubble, so that whoever copies it copies the label too; below it the owner's lines that it rests on."""
    words = "\n".join(reply.bubbles) or "……"
    bubble = gr.ChatMessage(role="assistant", content=escape(f"{words}\n（{say(language, 'ai_label')}）"))
    lines = [f"{month}　{' '.join(text.split())}" for month, text in sources_of(reply)]
    if not lines:
        return [bubble]
    return [bubble, folded(say(language, "sources", count=len(lines)), "\n".join(lines), identity=number + 1)]


def _heading(language: str, name: str) -> str:
    title, label = escape(say(language, "heading", name=name)), escape(say(language, "ai_label"))
    return f'<div class="heading"><h1>{title}</h1><span class="ai-label">{label}</span></div>'
