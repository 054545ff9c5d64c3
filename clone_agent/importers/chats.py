"""Rows that a reader has understood, to records: text cleaned, ids given out, each conversation told before its first message.

A conversation is told again when more is known about it: its owner, or a third speaker who makes it a group.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.format import Record
from clone_agent.importers.identity import MessageIds
from clone_agent.records import ChatKind, Conversation, Kind, Message

_NOT_SPEECH = frozenset({Kind.SYSTEM, Kind.RECALL})


class Bubble(NamedTuple):
    """One row, understood; texts as written."""

    sender: str  # stable id, or `named(name)`
    sender_name: str
    sent_at: datetime
    kind: Kind
    source: str
    text: str = ""
    quoted: str = ""
    reply_to: str | None = None
    source_id: str | None = None
    mentions: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    id: str = ""  # where the export is one of ours and tells it


class Chat:
    """One conversation while its rows are read."""

    def __init__(self, platform: str, chat: str, *, name: str = "", kind: ChatKind | None = None, owner: str | None = None) -> None:
        """With `kind` None the chat counts as private until a third person speaks."""
        self._conversation = Conversation(id=chat, platform=platform, name=clean_name(name), kind=kind or ChatKind.PRIVATE, owner=owner)
        self._ids = MessageIds(platform, chat)
        self._is_guess = kind is None
        self._people: set[str] = set()
        self._is_told = False

    def learn_owner(self, owner: str) -> None:
        """Remember who exported the chat; the first word counts."""
        if self._conversation.owner is None:
            self._change(replace(self._conversation, owner=owner))

    def learn_name(self, name: str) -> None:
        """Remember what the chat is called; the first word counts."""
        if not self._conversation.name and clean_name(name):
            self._change(replace(self._conversation, name=clean_name(name)))

    def add(self, bubble: Bubble) -> Iterator[Record]:
        """The message of a row, and before it the conversation where it is new or changed."""
        self._meet(bubble)
        if not self._is_told:
            self._is_told = True
            yield self._conversation
        text = clean(bubble.text).strip()
        yield Message(
            id=bubble.id
            or self._ids.next(
                sender=bubble.sender,
                second=int(bubble.sent_at.timestamp() // 1),
                kind=bubble.kind,
                text=text,
                source_id=bubble.source_id,
            ),
            conversation=self._conversation.id,
            sender=bubble.sender,
            sender_name=clean_name(bubble.sender_name),
            sent_at=bubble.sent_at,
            kind=bubble.kind,
            text=text,
            quoted=clean(bubble.quoted).strip() if bubble.quoted else "",
            reply_to=bubble.reply_to,
            source_id=bubble.source_id,
            mentions=bubble.mentions,
            attachments=tuple(clean_name(name) for name in bubble.attachments) if bubble.attachments else (),
            source=bubble.source,
        )

    def _meet(self, bubble: Bubble) -> None:
        if not self._is_guess or bubble.kind in _NOT_SPEECH:
            return
        self._people.add(bubble.sender)
        if len(self._people) > 2:
            self._is_guess = False
            self._change(replace(self._conversation, kind=ChatKind.GROUP))

    def _change(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._is_told = False


def named(name: str) -> str:
    """`Message.sender` of somebody of whom only the name is known."""
    return f"name:{clean_name(name)}"
