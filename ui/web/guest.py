"""The page for guests: a chat and nothing else, an app of its own, not the owner's with parts hidden."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import gradio as gr

from clone_agent.errors import CloneError
from clone_agent.records import ChatTurn, Reply
from ui.guests import LONGEST, MESSAGES, GuestDesk, sources_of
from ui.web.bubbles import escape, failure, folded, waiting
from ui.web.chat import ChatParts, wire_chat
from ui.web.loops import in_an_event_loop
from ui.web.parts import PRIVATE, chat_log, labels_for_browser, language_asked, nothing_said, question_box
from ui.web.running import Answer, RunningTalks
from ui.web.talk import Talk, place_of
from ui.web.texts import say

KEPT_S = 3600  # after its last word, for a reload: a guest may sit at somebody else's machine
_REMEMBERED_TURNS = 12
_LOG = logging.getLogger(__name__)


@in_an_event_loop
def build_guest_page(desk: GuestDesk, *, name: str) -> gr.Blocks:
    """Lay the page out and wire it.

    Args:
        desk: who answers.
        name: of the owner.
    """
    i18n, talks = labels_for_browser(), RunningTalks(lasts_s=KEPT_S)
    page = gr.Blocks(title="clone-agent", analytics_enabled=False, delete_cache=(3600, 3600), fill_height=True)
    with page:
        top = gr.HTML(elem_id="heading", padding=False)
        log = chat_log("chat-log")
        with gr.Row(elem_classes="ask-row"):
            box = question_box(i18n("ask_here"), elem_id="chat-question", longest=LONGEST)
            send = gr.Button(i18n("send"), variant="primary", scale=0, min_width=88, elem_id="chat-send")
        with gr.Row(elem_classes="below-row"):
            clear = gr.Button(i18n("again"), size="sm", scale=0, min_width=72, elem_id="chat-clear", variant="secondary")

        def greet(request: gr.Request) -> tuple[str, gr.Chatbot]:
            language = language_asked(request)
            return _heading(language, name), gr.Chatbot(placeholder=nothing_said("", say(language, "guest_empty")))

        def answer(line: str, request: gr.Request) -> Answer:
            guest, language = str(request.username or ""), language_asked(request)
            return lambda talk: _reply(desk, line, talk, guest=guest, language=language)

        page.load(greet, None, [top, log], **PRIVATE)
        parts = ChatParts(log=log, box=box, send=send, clear=clear)
        wire_chat(
            page,
            parts,
            talks,
            answer,
            may_look=lambda request: desk.book.is_open(str(request.username or "")),
            refusal=lambda line, request: _refusal(desk, line, str(request.username or ""), language_asked(request)),
        )
    return page


def _reply(desk: GuestDesk, text: str, talk: Talk, *, guest: str, language: str) -> Iterator[Talk]:
    if not desk.book.is_open(guest):  # sent away while the line waited
        yield talk.begun(text, failure(language, say(language, "guest_closed")))
        return
    asked = talk.begun(text)
    yield asked.going_on(waiting(language, "thinking"))
    try:
        reply = desk.answer(text, talk.turns[-_REMEMBERED_TURNS:])
    except CloneError as error:  # the remedy is for the owner
        _LOG.error("A reply to a guest failed: %s", error)
        yield asked.going_on(failure(language, ""))
        return
    except Exception as error:  # noqa: BLE001 - one question must not end the page; its message may hold somebody's words
        _LOG.error("A reply failed: %s", place_of(error))
        yield asked.going_on(failure(language, ""))
        return
    said = (ChatTurn(role="user", text=text), ChatTurn(role="assistant", text=reply.text))
    sources = _sources(reply, language, number=talk.folded + 1)
    yield replace(asked.going_on(_bubble(reply, language), *sources, turns=said), folded=talk.folded + len(sources))


def _refusal(desk: GuestDesk, text: str, guest: str, language: str) -> str:
    """Why a message is not answered; "" where it is."""
    if not desk.book.is_open(guest):
        return say(language, "guest_closed")
    if len(text) > LONGEST:
        return say(language, "guest_long", longest=LONGEST)
    return "" if desk.book.takes(guest, text) else say(language, "guest_limit", messages=MESSAGES)


def _bubble(reply: Reply, language: str) -> gr.ChatMessage:
    """One, so that whoever copies it copies the label too."""
    words = "\n".join(reply.bubbles) or "……"
    return gr.ChatMessage(role="assistant", content=escape(f"{words}\n（{say(language, 'ai_label')}）"))


def _sources(reply: Reply, language: str, *, number: int) -> list[gr.ChatMessage]:
    """The owner's lines that a reply rests on, folded, below it."""
    lines = [f"{month}　{' '.join(text.split())}" for month, text in sources_of(reply)]
    return [folded(say(language, "sources", count=len(lines)), "\n".join(lines), identity=number)] if lines else []


def _heading(language: str, name: str) -> str:
    title, label = escape(say(language, "heading", name=name)), escape(say(language, "ai_label"))
    return f'<div class="heading"><h1>{title}</h1><span class="ai-label">{label}</span></div>'
