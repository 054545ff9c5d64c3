"""Rows that a reader has understood, to records: text cleaned, ids given out, each conversation told before its first message.

A conversation is told again when more is known about it: its owner, or a third speaker who makes it a group.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.format import Record
from clone_agent.importers.identity import MessageIds
from clone_agent.importers.new_message import new_message
from clone_agent.message_ids import second_of
from clone_agent.records import ChatKind, Conversation, Kind

_TEXT, _REPLY, _UNKNOWN = Kind.TEXT, Kind.REPLY, Kind.UNKNOWN  # to look up a member of an enumeration takes as long as a call
_MOST_NAMES, _LONGEST_NAME = 5_000, 100  # of one chat that are remembered; characters
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
        self._names: dict[str, str] = {}  # as written -> cleaned

    @property
    def name(self) -> str:
        """What the chat is called."""
        return self._conversation.name

    def learn_owner(self, owner: str) -> None:
        """Remember who exported the chat; the first word counts."""
        if self._conversation.owner is None:
            self._change(replace(self._conversation, owner=owner))

    def add(self, bubble: Bubble) -> Sequence[Record]:
        """The message of a row, and before it the conversation where it is new or changed."""
        # Taken apart at once, and no generator: this is called for every message of most formats.
        sender, sender_name, sent_at, kind, source, text, quoted, reply_to, source_id, mentions, attachments, known_id = bubble
        if self._is_guess and kind not in _NOT_SPEECH:
            self._meet(sender)
        text = clean(text).strip()
        message = new_message(
            known_id or self._ids.next(sender, second_of(sent_at), kind, text, source_id),
            self._conversation.id,
            sender,
            clean_name(sender_name),
            sent_at,
            kind,
            text,
            clean(quoted).strip() if quoted else "",
            reply_to,
            source_id,
            mentions,
            tuple(clean_name(name) for name in attachments) if attachments else (),
            source,
        )
        if self._is_told:
            return (message,)
        self._is_told = True
        return self._conversation, message

    def words(
        self,
        sender: str,
        sender_name: str,
        sent_at: datetime,
        text: str,
        source: str,
        second: int | None = None,
        reply_to: str | None = None,
        source_id: str | None = None,
    ) -> Sequence[Record]:
        """The same as `add` for a row that is nothing but its sender's words, as most are, in two thirds of the time.

        Args:
            sender: stable id, or `named(name)`.
            sender_name: as written.
            sent_at: aware.
            text: as written.
            source: where the row stands.
            second: `second_of(sent_at)`, where the reader knows it anyway.
            reply_to: the exporter's id of the message replied to.
            source_id: the exporter's id of the row.
        """
        if self._is_guess and sender not in self._people:
            self._meet(sender)
        text = (text if text.isprintable() else clean(text)).strip()
        kind = _UNKNOWN if not text else _TEXT if reply_to is None else _REPLY
        chat = self._conversation
        name = self._names.get(sender_name)
        if name is None:
            name = clean_name(sender_name)
            if len(self._names) < _MOST_NAMES and len(sender_name) <= _LONGEST_NAME:
                self._names[sender_name] = name
        message = new_message(
            self._ids.next(sender, second_of(sent_at) if second is None else second, kind, text, source_id),
            chat.id,
            sender,
            name,
            sent_at,
            kind,
            text,
            "",
            reply_to,
            source_id,
            (),
            (),
            source,
        )
        if self._is_told:
            return (message,)
        self._is_told = True
        return chat, message

    def _meet(self, sender: str) -> None:
        self._people.add(sender)
        if len(self._people) > 2:
            self._is_guess = False
            self._change(replace(self._conversation, kind=ChatKind.GROUP))

    def _change(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._is_told = False


def named(name: str) -> str:
    """`Message.sender` of somebody of whom only the name is known."""
    return f"name:{clean_name(name)}"
