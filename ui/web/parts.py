"""Parts that more than one page is made of."""

from typing import Any

import gradio as gr

from ui.web.bubbles import escape
from ui.web.texts import labels, language_of, say

LONGEST = 2_000  # characters of a line; the browser takes no more, and what a script sends is cut
# Of every event. Gradio would tell the labels of public ones to whoever sees the login page.
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def labels_for_browser() -> gr.I18n:
    """The static labels; the browser picks its language."""
    return gr.I18n(**{"en": labels("en"), "zh": labels("zh"), "zh-CN": labels("zh"), "zh-TW": labels("zh"), "zh-HK": labels("zh")})


def chat_log(elem_id: str) -> gr.Chatbot:
    """A log of bubbles, hardened: what is in it stays text."""
    return gr.Chatbot(
        elem_id=elem_id,
        height="100%",
        show_label=False,
        container=False,
        buttons=["copy"],
        allow_tags=False,
        render_markdown=False,
        latex_delimiters=[],
        allow_file_downloads=False,
        group_consecutive_messages=False,
        feedback_options=None,
        watermark=f"{say('zh', 'ai_label')} · {say('en', 'ai_label')}",
    )


def question_box(placeholder: Any, *, elem_id: str, longest: int = LONGEST) -> gr.Textbox:
    """Where one writes."""
    return gr.Textbox(
        placeholder=placeholder,
        label=placeholder,  # for screen readers
        show_label=False,
        container=False,
        max_lines=4,
        max_length=longest,
        autofocus=elem_id == "chat-question",
        elem_id=elem_id,
    )


def nothing_said(title: str, text: str) -> str:
    """What an empty log shows, as HTML."""
    lines = "".join(f"<p>{escape(line)}</p>" for line in text.split("\n"))
    return f'<div class="empty">{f"<h2>{escape(title)}</h2>" if title else ""}{lines}</div>'


def language_asked(request: gr.Request) -> str:
    """The language of a request."""
    return language_of(request.headers.get("accept-language"))
