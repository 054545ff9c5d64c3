"""The records that travel between packages. Read this file first.

A *message* is one chat bubble. A *turn* is one speaker's uninterrupted run of messages; a *session* is a dated sitting of turns without
a long pause; a *conversation* is one chat thread with all its sessions. The person being cloned is the *owner*. A *memory* is a passage
kept for recall, a *hit* is one found. The agent answers with a stream of events: one `Recalled`, many `Delta`, one `Reply`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """What a message is. Only `TEXT` and `REPLY` carry the sender's own words."""

    TEXT = "text"
    IMAGE = "image"
    STICKER = "sticker"
    VOICE = "voice"
    VIDEO = "video"
    FILE = "file"
    CARD = "card"
    FORWARD = "forward"
    REPLY = "reply"
    CALL = "call"
    RED_PACKET = "red_packet"
    TRANSFER = "transfer"
    LOCATION = "location"
    SYSTEM = "system"
    RECALL = "recall"
    UNKNOWN = "unknown"


class ChatKind(StrEnum):
    """Who sits in a conversation: two people, more, or something else (a channel, a bot)."""

    PRIVATE = "private"
    GROUP = "group"
    OTHER = "other"


# The platform of chats with the clone itself (`clone_agent.live`): no side of them is the owner, whoever joins accounts.
LIVE_PLATFORM = "clone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One chat thread. A reader may yield it again with better facts; the last one counts."""

    id: str  # the same at every import: platform and peer, or a hash of platform, list and name
    platform: str  # "qq", "wechat", "telegram" ...
    name: str  # "" where the export has none
    kind: ChatKind
    owner: str | None = None  # `Message.sender` of the owner, where the export tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One chat bubble, as exported."""

    id: str  # unique in its conversation, and the same at every import and from every exporter
    conversation: str  # `Conversation.id`
    sender: str  # the platform's stable id ("10001"); "name:小明" where the export knows only names
    sender_name: str  # shown at that time; people rename
    sent_at: datetime  # timezone-aware
    kind: Kind
    text: str  # the sender's own words: no placeholders, quotes or forwards; "" for a photo or a call
    quoted: str = ""  # other people's words carried along: a quote, a forward, a card's title
    reply_to: str | None = None  # the exporter's id of the message replied to
    source_id: str | None = None  # the exporter's id of this message, which `reply_to` of others names
    mentions: tuple[str, ...] = ()  # sender ids, or names where the export has only those
    attachments: tuple[str, ...] = ()  # file names
    source: str = ""  # "chat.txt:120": where it stands in the export


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A piece of an export that did not become a message. Counted and shown, never dropped in silence."""

    source: str  # "chat.txt:120"
    reason: str  # a short phrase without anybody's words: "no time stamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One speaker's uninterrupted run of messages."""

    speaker: str  # person id in the archive
    speaker_name: str
    is_owner: bool
    messages: tuple[Message, ...]  # in time order, at least one

    @property
    def started_at(self) -> datetime:
        """When the first message was sent."""
        return self.messages[0].sent_at

    @property
    def ended_at(self) -> datetime:
        """When the last message was sent."""
        return self.messages[-1].sent_at

    @property
    def bubbles(self) -> tuple[str, ...]:
        """The own words of each message that has any, one line each."""
        return tuple(" ".join(message.text.split()) for message in self.messages if message.text.strip())

    @property
    def text(self) -> str:
        """The bubbles, one a line."""
        return "\n".join(self.bubbles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Turns of one conversation without a long pause between them."""

    id: str  # the id of its first message
    conversation: Conversation
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A passage kept for recall: what one person said in one go, and where it stands."""

    id: str
    conversation: str
    conversation_name: str
    speaker: str  # person id in the archive
    speaker_name: str
    is_owner: bool
    started_at: datetime
    ended_at: datetime
    text: str  # bubbles, one a line
    message_ids: tuple[str, ...]

    def is_of_the_talk_of(self, other: "Memory") -> bool:
        """Whether both were said in one talk: in the same chat within six hours."""
        return self.conversation == other.conversation and abs(self.started_at - other.started_at) <= timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A memory that was found for a question."""

    memory: Memory
    score: float  # 0 to 1, higher is closer
    fits: float | None = None  # 0 to 1: how well it could be the answer by its kind ("哪天" wants a day); None: the question does not tell
    told: str | None = None  # the part of its words that tells the answer ("改初四了"), where the others tell what it takes back; None: all


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What memory holds on a question. Empty `hits` or a low `confidence`: the clone does not remember."""

    question: str  # as searched: with the history's subject filled in
    hits: tuple[Hit, ...] = ()  # packed for the prompt, in the order shown: memory gives time order
    confidence: float = 0.0  # 0 to 1: how surely the hits are about the question
    is_confident: bool = False  # confidence reaches the store's threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of the reply, as the model writes it."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The whole reply with its evidence."""

    text: str
    bubbles: tuple[str, ...]
    sources: tuple[Hit, ...] = ()  # in time order, but the cited one first; () when the reply says that it rests on none
    cited: Hit | None = None  # the one line that the reply says it rests on
    recalled: Recalled | None = None  # None: answered without memory


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTurn:
    """One turn of a talk with the clone."""

    role: str  # "user" or "assistant" (the owner's clone)
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Limits on what is recalled. Empty: everything."""

    people: tuple[str, ...] = ()  # names or person ids; a passage counts when one of them speaks in it or its chat is with them
    conversations: tuple[str, ...] = ()  # names or ids
    after: datetime | None = None
    before: datetime | None = None  # nothing said then or later is shown, nor a passage that goes on until then


class SearchMemory(Protocol):
    """Anything that finds memories for a question. The agent needs no more than this."""

    def search(
        self, question: str, *, history: Sequence[ChatTurn] = (), scope: Scope = Scope(), top_k: int = 12, now: datetime | None = None
    ) -> Recalled:
        """Find what was said on `question`, best evidence packed in time order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """What is true of the owner and goes into every prompt."""

    name: str
    language: str = "zh"  # "zh" or "en": the language the prompt is written in
    facts: tuple[str, ...] = field(default=())
