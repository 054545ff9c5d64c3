"""The page: a chat tab, a compare tab, a tab for blind votes, and one for single memories.

Labels come from `texts`; what names the owner is sent by the server after the login, never in the page's own configuration.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import gradio as gr
from gradio.events import Dependency

from clone_agent.importers.cleaning import clean
from ui.web import voting
from ui.web.bubbles import escape
from ui.web.chat import ChatParts, wire_chat
from ui.web.forgotten import Emptied, Forgettings, empty_when_forgotten
from ui.web.loops import in_an_event_loop
from ui.web.memories import memories_tab
from ui.web.parts import LONGEST, PRIVATE, chat_log, labels_for_browser, language_asked, nothing_said, question_box
from ui.web.running import Answer, RunningTalks
from ui.web.talk import Speaker, Talk
from ui.web.texts import say
from ui.web.voting import Booth, VoteTab, vote_tab

Shown = list[gr.ChatMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to do first: a text of `texts`, and the command that does it."""

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """What the page tells about the clone."""

    name: str  # of the owner
    model: str  # who speaks: "small GLM that ships · lora"
    is_tuned: bool
    has_memory: bool
    today: str = ""  # the date that the clone takes for today, where it is not today's
    notices: tuple[Notice, ...] = ()


@in_an_event_loop
def build_page(speaker: Speaker, facts: PageFacts, booth: Booth | None = None) -> gr.Blocks:
    """Lay the page out and wire it.

    Args:
        speaker: who answers.
        facts: what is shown about the clone.
        booth: who can be voted on; None: nobody.
    """
    i18n, talks, forgettings = labels_for_browser(), RunningTalks(), Forgettings()
    # Titles name nobody: they are part of the page before the login.
    page = gr.Blocks(title="clone-agent", analytics_enabled=False, delete_cache=(3600, 3600), fill_height=True)
    with page:
        heading = gr.HTML(elem_id="heading", padding=False)
        with gr.Tabs():
            with gr.Tab(i18n("chat"), elem_id="chat-tab"):
                chatbot, tab, answered = _chat_tab(speaker, facts, talks, i18n, page)
            with gr.Tab(i18n("compare"), elem_id="compare-tab"):
                left, right = _compare_tab(speaker, facts, i18n, forgettings)
            emptied = [Emptied(parts=(left, right), values=lambda: ([], []))]
            if booth is not None and booth.pairs:
                with gr.Tab(i18n("vote"), elem_id="vote-tab"):
                    voted = vote_tab(booth, i18n, forgettings)
                    _greeted(booth, page, voted)
                    emptied.append(voted.emptied)
            if speaker.companion is not None:
                with gr.Tab(i18n("memories"), elem_id="memories-tab"):
                    memories = memories_tab(speaker.companion, speaker.where, i18n)
                    page.load(_memories_empty, None, [memories.around], **PRIVATE)
                speaker.companion.when_forgotten(talks.forget)
                speaker.companion.when_forgotten(forgettings.add)
                for event in memories.changed:
                    event.then(lambda where: list(talks.find(where).shown), [tab], [chatbot], queue=False, **PRIVATE)
                ends = [(event, emptied) for event in memories.changed]  # its own tab says what was done
                ends += [(event, [*emptied, memories.emptied]) for event in answered]
                empty_when_forgotten(page, forgettings, ends)

        def greet(request: gr.Request) -> tuple[str, gr.Chatbot, gr.Chatbot, gr.Chatbot]:
            return _greeting(language_asked(request), facts)

        page.load(greet, None, [heading, chatbot, left, right], **PRIVATE)
    return page


def _greeted(booth: Booth, page: gr.Blocks, tab: VoteTab) -> None:
    """Let the page fill the vote tab when it loads."""

    def greet(request: gr.Request) -> tuple[Any, ...]:
        language = language_asked(request)
        return voting.greet(booth, language, nothing_said("", say(language, "vote_empty")))

    page.load(greet, None, [tab.pair, *tab.logs, *tab.titles, tab.tally], **PRIVATE)


def _memories_empty(request: gr.Request) -> str:
    return nothing_said("", say(language_asked(request), "memories_empty"))


def _chat_tab(
    speaker: Speaker, facts: PageFacts, talks: RunningTalks, i18n: gr.I18n, page: gr.Blocks
) -> tuple[gr.Chatbot, gr.State, list[Dependency]]:
    log = chat_log("chat-log")
    with gr.Row(elem_classes="ask-row"):
        question = question_box(i18n("ask_here"), elem_id="chat-question")
        send = gr.Button(i18n("send"), variant="primary", scale=0, min_width=88, elem_id="chat-send")
        stop = gr.Button(i18n("stop"), scale=0, min_width=88, elem_id="chat-stop", visible=False)
    with gr.Row(elem_classes="below-row"):
        use_memory = gr.Checkbox(
            value=facts.has_memory, interactive=facts.has_memory, label=i18n("use_memory"), container=False, elem_id="chat-memory"
        )
        clear = gr.Button(i18n("again"), size="sm", scale=0, min_width=72, elem_id="chat-clear", variant="secondary")

    def answer(line: str, request: gr.Request, remember: bool) -> Answer:
        language = language_asked(request)
        return lambda talk: speaker.chat(talk, line, use_memory=remember, language=language)

    parts = ChatParts(log=log, box=question, send=send, clear=clear, stop=stop, options=(use_memory,))
    return log, *wire_chat(page, parts, talks, answer)


def _compare_tab(speaker: Speaker, facts: PageFacts, i18n: gr.I18n, forgettings: Forgettings) -> tuple[gr.Chatbot, gr.Chatbot]:
    with gr.Row(elem_classes="ask-row"):
        question = question_box(i18n("ask_both"), elem_id="compare-question")
        send = gr.Button(i18n("send"), variant="primary", scale=0, min_width=88, elem_id="compare-send")
    with gr.Row(elem_classes="sides", equal_height=True):
        with gr.Column(min_width=280):
            gr.Button(i18n("tuned" if facts.is_tuned else "base"), interactive=False, size="sm", elem_classes="side-title")
            left = chat_log("compare-tuned")
        with gr.Column(min_width=280):
            gr.Button(
                i18n("tuned_memory" if facts.is_tuned else "base_memory"),
                interactive=False,
                size="sm",
                elem_classes="side-title with-memory",
            )
            right = chat_log("compare-memory")

    def both(text: str, request: gr.Request) -> Iterator[tuple[Shown, Shown]]:
        """Both sides by turns in one event: two events of one trigger would be answered one after the other."""
        asked, language = clean(text).strip()[:LONGEST], language_asked(request)
        shown: list[Shown] = [[], []]
        sides = [speaker.answer(Talk(), asked, use_memory=use_memory, language=language) for use_memory in (False, True)]
        for first, second in zip_longest(*sides) if asked else ():
            shown = [list(talk.shown) if talk else before for talk, before in zip((first, second), shown, strict=True)]
            yield shown[0], shown[1]

    def answer(text: str, request: gr.Request) -> Iterator[tuple[Shown, Shown]]:
        yield from forgettings.until_next(both(text, request), ([], []))

    gr.on([send.click, question.submit], answer, [question], [left, right], concurrency_id="compare", trigger_mode="once", **PRIVATE)
    return left, right


def _greeting(language: str, facts: PageFacts) -> tuple[str, gr.Chatbot, gr.Chatbot, gr.Chatbot]:
    return (
        _heading(language, facts),
        gr.Chatbot(placeholder=nothing_said(say(language, "chat_empty_title", name=facts.name), say(language, "chat_empty"))),
        gr.Chatbot(placeholder=nothing_said("", say(language, "compare_empty_tuned"))),
        gr.Chatbot(placeholder=nothing_said("", say(language, "compare_empty_memory"))),
    )


def _heading(language: str, facts: PageFacts) -> str:
    notices = "".join(
        f'<p class="notice">{escape(say(language, notice.text))}'
        + (f" <code>{escape(notice.command)}</code>" if notice.command else "")
        + "</p>"
        for notice in facts.notices
    )
    name = escape(say(language, "heading", name=facts.name))
    model = escape(
        " · ".join([*([say(language, "today", date=facts.today)] if facts.today else []), say(language, "spoken_by", model=facts.model)])
    )
    label = escape(say(language, "ai_label"))
    return f'<div class="heading"><h1>{name}</h1><span class="ai-label">{label}</span><span class="model">{model}</span></div>{notices}'
