"""Rows of WeChat's tools to records: who speaks, in which conversation, under which id.

Every reader of the family gives its rows to one `Chats`, so that the same message gets the same id from every tool that knows the same
wxids. Where a tool knows only names, the ids are made of names.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

from clone_agent.importers.body import Body
from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.format import Record
from clone_agent.importers.identity import MessageIds, chat_id
from clone_agent.importers.new_message import new_message
from clone_agent.importers.source import Source
from clone_agent.importers.wechat_bodies import read_old_quote
from clone_agent.message_ids import second_of
from clone_agent.records import ChatKind, Conversation, Kind

PLATFORM = "wechat"
SYSTEM = "name:系统消息"
OWNER = "name:我"
_MENTION = re.compile("@([^\\s@\u2005]{1,40})\u2005")
_WITH_ID = re.compile(
    r"(?P<name>.*?)\s*[(（](?P<wxid>wxid_[\w-]+|gh_\w+|\d+@(?:chatroom|openim)|[A-Za-z][\w-]{5,19})[)）](?:\(\d+\))?", re.S
)
_ENDING = re.compile(r"(?:_utf8|_gbk|_聊天记录|的聊天记录|\(\d{1,3}\))+\Z")


class Bubble(NamedTuple):
    """One row, understood."""

    sender: str  # wxid, or `named(name)`
    sender_name: str
    sent_at: datetime
    body: Body
    source: str
    reply_to: str | None = None
    source_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Whom a chat is with, as the place of its file tells."""

    name: str
    wxid: str  # "" where it is not told

    @property
    def conversation(self) -> str:
        """The id of the conversation."""
        return room_id(self.wxid) if self.wxid else chat_id(PLATFORM, self.name)

    @property
    def sender(self) -> str:
        """`Message.sender` of the other person."""
        return self.wxid or named(self.name)


def peer_of(source: Source) -> Peer:
    """The name and wxid in `小红(wxid_red)/小红.csv` or `小红(wxid_red).csv`; else just the file's name."""
    stem = _ENDING.sub("", source.stem)
    parent = PurePosixPath(source.path).parent.name or ("" if source.is_folder else source.tree.label)
    own, outer = _WITH_ID.fullmatch(stem), _WITH_ID.fullmatch(parent)
    if own is not None:
        return Peer(name=clean_name(own["name"]) or own["wxid"], wxid=own["wxid"])
    if outer is not None and clean_name(outer["name"]) == clean_name(stem):
        return Peer(name=clean_name(stem), wxid=outer["wxid"])
    return Peer(name=clean_name(stem), wxid="")


@lru_cache(maxsize=1 << 12)
def named(name: str) -> str:
    """`Message.sender` of somebody of whom only the name is known."""
    return f"name:{clean_name(name)}"


def room_id(room: str) -> str:
    """The conversation's id behind a wxid or a chat room's number."""
    return f"{PLATFORM}:{room}"


def room_kind(room: str) -> ChatKind:
    """Who sits in the conversation with this id."""
    if room.endswith("@chatroom"):
        return ChatKind.GROUP
    return ChatKind.OTHER if room.startswith("gh_") else ChatKind.PRIVATE


class Chats:
    """The conversations of one export, each told before its first message and again when more is known about it."""

    def __init__(self) -> None:
        self._told: dict[str, Conversation] = {}
        self._ids: dict[str, MessageIds] = {}
        self.owner: str | None = None

    def learn_owner(self, owner: str) -> Iterator[Record]:
        """Remember who exported the file, and say so of the conversations told before."""
        if self.owner is not None:
            return
        self.owner = owner
        for known in list(self._told.values()):
            self._told[known.id] = replace(known, owner=owner)
            yield self._told[known.id]

    def knows(self, room: str) -> bool:
        """Whether the conversation with this id was told."""
        return room in self._told

    def message(self, bubble: Bubble, *, room: str, name: str, kind: ChatKind) -> Sequence[Record]:
        """The message of a row, and its conversation where that is new or changed.

        Args:
            bubble: the row.
            room: `Conversation.id`.
            name: of the conversation; "" keeps the one that is known.
            kind: of the conversation.
        """
        before: tuple[Record, ...] = ()
        known = self._told.get(room)
        if known is None or (name and known.name != name) or known.kind is not kind:
            name = name or (known.name if known else "")
            self._told[room] = Conversation(id=room, platform=PLATFORM, name=name, kind=kind, owner=self.owner)
            self._ids.setdefault(room, MessageIds(PLATFORM, room))
            before = (self._told[room],)
        # Taken apart at once, as in `chats.Chat.add`.
        speaker, sender_name, sent_at, (own, text, quoted, attachments), source, reply_to, source_id = bubble
        text = clean(text).strip()
        if own is Kind.TEXT and text[:1] == "「" and (reply := read_old_quote(text)) is not None:
            own, text, quoted = reply.kind, reply.text, reply.quoted
        if not text and own in {Kind.TEXT, Kind.REPLY}:
            own = Kind.UNKNOWN
        is_system = own is Kind.SYSTEM
        sender = SYSTEM if is_system else speaker
        message = new_message(
            self._ids[room].next(sender, second_of(sent_at), own, text, source_id),
            room,
            sender,
            "系统消息" if is_system else _clean_name(sender_name),
            sent_at,
            own,
            text,
            clean(quoted).strip() if quoted else "",
            reply_to,
            source_id,
            mentions(text) if "@" in text else (),
            attachments,
            source,
        )
        return (*before, message) if before else (message,)


_clean_name = lru_cache(maxsize=1 << 12)(clean_name)


def mentions(text: str) -> tuple[str, ...]:
    """The names behind @, each ended by WeChat with a four-per-em space."""
    return tuple(dict.fromkeys(clean_name(name) for name in _MENTION.findall(text)))
