"""An answer as what the chat shows: bubbles, and folded sources below them.

Every text is escaped: the browser would take it for HTML otherwise, and messages are written by strangers.
"""

import html
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradio import ChatMessage
from gradio.components.chatbot import MetadataDict

from clone_agent.records import Hit, Message, Reply
from ui.web.texts import kind_label, say

SNIPPET = 28
_AROUND = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a source stood: the messages around it, and how to name who sent them."""

    around: Callable[[str, int, int], Sequence[Message]]  # message id, how many before, how many after
    name_of: Callable[[Message], str]


def question_bubble(question: str) -> ChatMessage:
    """What the user wrote."""
    return ChatMessage(role="user", content=escape(question))


def reply_bubbles(text: str) -> list[ChatMessage]:
    """A reply, finished or not: one bubble a line."""
    return [ChatMessage(role="assistant", content=escape(line)) for line in text.split("\n") if line.strip()]


def waiting(language: str, key: str) -> ChatMessage:
    """Shown while nothing else can be."""
    return ChatMessage(role="assistant", content="", metadata=MetadataDict(title=escape(say(language, key)), status="pending"))


def is_waiting(message: ChatMessage) -> bool:
    """Whether it is one of those."""
    return message.metadata.get("status") == "pending"


def failure(language: str, text: str, *, title: str = "failed") -> ChatMessage:
    """An error as a bubble; `title` names a text of `texts`."""
    return ChatMessage(role="assistant", content=escape(text), metadata=MetadataDict(title=escape(say(language, title))))


def source_bubbles(reply: Reply, where: Surroundings, language: str, *, first_id: int) -> list[ChatMessage]:
    """The folded sources of a reply: one parent, one child a hit. Empty when memory was not asked.

    Args:
        reply: the finished reply.
        where: looks up what stood around a hit.
        language: of the labels.
        first_id: an id that no other folded part of this chat has; the children count on from it.
    """
    if reply.recalled is None:
        return []
    if not reply.sources:
        key = "nothing_fits" if reply.recalled.hits else "nothing_recalled"
        return [folded(say(language, key), "", identity=first_id)]
    parent = folded(say(language, "sources", count=len(reply.sources)), "", identity=first_id)
    return [
        parent,
        *(_source(hit, where, language, parent=first_id, identity=first_id + n) for n, hit in enumerate(reply.sources, start=1)),
    ]


def escape(text: str) -> str:
    """Text that stays text in the browser. Quotes stay: they are harmless between tags, and copying a message must not garble them."""
    return html.escape(text, quote=False)


def _source(hit: Hit, where: Surroundings, language: str, *, parent: int, identity: int) -> ChatMessage:
    memory = hit.memory
    title = say(language, "source", date=f"{memory.started_at:%Y-%m-%d}", person=_apart(memory.speaker_name))
    text = with_neighbours(hit, where, language)
    return folded(title, text, identity=identity, parent=parent, log=snippet(memory.text))


def with_neighbours(hit: Hit, where: Surroundings, language: str) -> str:
    """The messages around a memory, one a line; its own carry a mark."""
    ids = hit.memory.message_ids
    found = where.around(ids[0], _AROUND, _AROUND + len(ids) - 1)
    if not found:
        return say(language, "gone")
    chat = f"{hit.memory.conversation_name}\n" if hit.memory.conversation_name else ""
    return chat + "\n".join(_line(message, where, language, is_hit=message.id in ids) for message in found)


def _line(message: Message, where: Surroundings, language: str, *, is_hit: bool) -> str:
    """A message with its time; the mark of a hit is as wide as the blank of the others."""
    words = " ".join(message.text.split()) or kind_label(language, message.kind)
    return f"{'＞' if is_hit else '　'} {message.sent_at:%m-%d %H:%M}  {_apart(where.name_of(message))}：{_apart(words)}"


def _apart(text: str) -> str:
    """A name or words; those that run from right to left are kept from turning around what stands beside them (U+2068 … U+2069)."""
    is_mixed = any(unicodedata.bidirectional(character) in ("R", "AL") for character in text)
    return f"\u2068{text}\u2069" if is_mixed else text


def snippet(text: str) -> str:
    """The beginning of a text on one line."""
    words = " ".join(text.split())
    return words if len(words) <= SNIPPET else words[:SNIPPET] + "…"


def folded(title: str, text: str, *, identity: int, parent: int | None = None, log: str = "") -> ChatMessage:
    """A part that is closed until somebody opens it, by itself or in a parent."""
    metadata = MetadataDict(title=escape(title), id=identity, status="done")
    if parent is not None:
        metadata["parent_id"] = parent
    if log:
        metadata["log"] = log  # the one field that the browser writes as text, not as HTML
    return ChatMessage(role="assistant", content=escape(text), metadata=metadata)
