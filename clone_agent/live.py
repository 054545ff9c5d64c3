"""Live memory: what is said in chats with the clone, kept in the archive as a conversation of its own, one a month.

Neither side of it is the owner. The clone's words are a model's, and whoever talks with it may be anybody: none of it is ever trained on
(`finetune.examples` leaves the platform out). What the visitor tells is recalled like anything else. What they merely ask, and
what the clone answers, is kept but not recalled: it is evidence of nothing, and would be found before the evidence when the same is asked
again.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from clone_agent.archive import Archive
from clone_agent.importers.cleaning import clean
from clone_agent.importers.identity import MessageIds
from clone_agent.records import LIVE_PLATFORM, ChatKind, Conversation, Kind, Message

CLONE, VISITOR = "clone", "visitor"  # `Message.sender`
_NAMES = {
    "zh": ("与分身的聊天", "{name}的分身", "和分身聊天的人"),
    "en": ("Talks with the clone", "{name}'s clone", "whoever talked with the clone"),
}
_ASKS = re.compile(r"[?？]\s*$|(吗|呢|么|没有|没)\s*[。.!！~～]*$")
_ASKING = re.compile(
    r"^\W*(谁|哪|什么|怎么|为什么|为啥|多少|多久|啥时候|(who|what|when|where|which|why|how|do|did|does|is|are|was|were|can|could|will)\b)",
    re.I,
)
_WITHIN = re.compile(r"什么|哪[里儿天个家些了年次种位]|[在去到从]哪|几[点号岁]|多少|多[大久]了?$|怎么样|是谁|为什么|啥时候")
_GREETING = 4  # shorter words tell nothing


def conversation_at(moment: datetime, language: str) -> Conversation:
    """The conversation that a talk at this moment belongs to."""
    return Conversation(id=f"{LIVE_PLATFORM}:{moment:%Y-%m}", platform=LIVE_PLATFORM, name=_NAMES[language][0], kind=ChatKind.OTHER)


def keep_talk(
    archive: Archive, said: str, answered: Iterable[str], *, at: datetime, name: str, language: str
) -> tuple[Conversation, list[str]]:
    """Store what was said to the clone and what it answered.

    Args:
        archive: the owner's.
        said: by whoever talks with the clone.
        answered: the clone's bubbles.
        at: when; both sides get this time.
        name: of the owner.
        language: "zh" or "en", of the names that are shown.

    Returns:
        The conversation, and the ids of the messages, the visitor's first.
    """
    conversation = conversation_at(at, language)
    ids = MessageIds(LIVE_PLATFORM, conversation.id)
    _, clone, visitor = _NAMES[language]
    messages = [
        Message(
            id=ids.next(sender=sender, second=int(at.timestamp()), kind=Kind.TEXT, text=text),
            conversation=conversation.id,
            sender=sender,
            sender_name=who.format(name=name),
            sent_at=at,
            kind=Kind.TEXT,
            text=text,
        )
        for sender, who, text in [(VISITOR, visitor, clean(said)), *((CLONE, clone, clean(bubble)) for bubble in answered)]
    ]
    archive.add([conversation, *messages])
    return conversation, [message.id for message in messages]


def tells(message: Message) -> bool:
    """Whether a message of a talk with the clone tells something worth recalling: the visitor's words, and not just a question."""
    text = message.text.strip()
    is_question = _ASKS.search(text) or _ASKING.search(text) or _WITHIN.search(text)
    return message.sender == VISITOR and len(text) >= _GREETING and not is_question
