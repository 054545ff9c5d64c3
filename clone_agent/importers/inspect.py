"""What is in an export, storing nothing: chats, people, kinds, times.

Exact copies are counted once, as the archive would keep them; their ids go into a temporary database, so that an export of gigabytes fits
into little memory.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from clone_agent.importers import formats_of, read_export
from clone_agent.importers.dates import Order
from clone_agent.message_ids import IMPOSSIBLE, is_possible, second_of
from clone_agent.records import Conversation, Message

_TEMPORARY = ("journal_mode=OFF", "synchronous=OFF", "cache_size=-32768")


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderCount:
    """Somebody who speaks in a chat."""

    id: str | None  # None where the export knows only a name
    name: str  # the latest
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCount:
    """One chat of an export."""

    conversation: Conversation
    messages: int  # of every kind, system lines too
    kinds: dict[str, int]
    senders: tuple[SenderCount, ...]  # the most talkative first; the program's own lines count as a sender
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What is in an export."""

    path: Path
    format: str
    chats: tuple[ChatCount, ...]
    skipped: dict[str, int]  # reason -> how many
    timezone: ZoneInfo | None = None
    format_name: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    date_order: Order | None = None

    def messages(self) -> Iterator[Message]:
        """The messages themselves, each once, read again from the export."""
        with closing(_Seen()) as seen:
            for record in read_export(
                self.path, timezone=self.timezone, format_name=self.format_name, columns=self.columns, date_order=self.date_order
            ):
                if isinstance(record, Message) and is_possible(second_of(record.sent_at)) and seen.is_new(record.id):
                    yield record

    def to_json(self, *, messages: bool = False) -> dict[str, object]:
        """The fields of `inspect --json`; with `messages`, each chat's messages under `message_list`, in file order."""
        chats = {chat.conversation.id: _chat_json(chat) for chat in self.chats}
        if messages:
            lists: dict[str, list[dict[str, object]]] = {chat_id: [] for chat_id in chats}
            for message in self.messages():
                lists[message.conversation].append(_message_json(message))
            for chat_id, found in lists.items():
                chats[chat_id]["message_list"] = found
        return {"format": self.format, "chats": list(chats.values()), "skipped": self.skipped}


def inspect(
    path: Path,
    *,
    timezone: ZoneInfo | None = None,
    format_name: str | None = None,
    columns: Mapping[str, str] | None = None,
    date_order: Order | None = None,
) -> Inspection:
    """Look through an export once.

    Args:
        path: a file, a folder-shaped export, or a zip.
        timezone: of times that name none; the system's by default.
        format_name: take this format without a test.
        columns: of a table that no known program wrote, as for `read_export`.
        date_order: of dates that do not tell it, as for `read_export`.

    Raises:
        ExportError: not recognised, unreadable, or without a single message.
    """
    formats = formats_of(path, format_name=format_name, is_table=bool(columns))
    conversations: dict[str, Conversation] = {}
    tallies: dict[str, _Tally] = {}
    skipped: Counter[str] = Counter()
    with closing(_Seen()) as seen:
        for record in read_export(path, timezone=timezone, format_name=format_name, columns=columns, date_order=date_order):
            if isinstance(record, Message):
                if not is_possible(second_of(record.sent_at)):
                    skipped[IMPOSSIBLE] += 1
                elif seen.is_new(record.id):
                    tallies.setdefault(record.conversation, _Tally()).add(record)
            elif isinstance(record, Conversation):
                conversations[record.id] = _joined(conversations.get(record.id), record)
            else:
                skipped[record.reason] += 1
    return Inspection(
        path=path,
        format=", ".join(one.name for one in formats),
        chats=tuple(tally.count(conversations[chat_id]) for chat_id, tally in tallies.items()),
        skipped=dict(skipped),
        timezone=timezone,
        format_name=format_name,
        columns=columns or {},
        date_order=date_order,
    )


class _Seen:
    """Which ids were seen, kept in a temporary file."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        for pragma in _TEMPORARY:
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("CREATE TABLE seen(id TEXT PRIMARY KEY) WITHOUT ROWID")
        self._connection.execute("BEGIN")

    def is_new(self, message_id: str) -> bool:
        """Remember an id; False if it was there."""
        return self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?)", (message_id,)).rowcount == 1

    def close(self) -> None:
        self._connection.close()


@dataclass(slots=True)
class _Tally:
    """Counts of one chat."""

    messages: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    senders: Counter[str] = field(default_factory=Counter)
    names: dict[str, str] = field(default_factory=dict)
    first: datetime = datetime.max
    last: datetime = datetime.min

    def add(self, message: Message) -> None:
        self.messages += 1
        self.kinds[message.kind.value] += 1
        self.senders[message.sender] += 1
        if message.sender_name or message.sender not in self.names:
            self.names[message.sender] = message.sender_name
        moment = message.sent_at
        if self.messages == 1:
            self.first = self.last = moment
        elif moment > self.last:
            self.last = moment
        elif moment < self.first:
            self.first = moment

    def count(self, conversation: Conversation) -> ChatCount:
        return ChatCount(
            conversation=conversation,
            messages=self.messages,
            kinds=dict(self.kinds.most_common()),
            senders=tuple(
                SenderCount(id=_id_or_none(sender), name=self.names[sender], messages=many) for sender, many in self.senders.most_common()
            ),
            first=self.first,
            last=self.last,
        )


def _joined(known: Conversation | None, told: Conversation) -> Conversation:
    """The facts of a conversation that comes again: the last ones, where it has any."""
    if known is None:
        return told
    return Conversation(id=told.id, platform=told.platform, name=told.name or known.name, kind=told.kind, owner=told.owner or known.owner)


def _id_or_none(sender: str) -> str | None:
    return None if sender.startswith("name:") else sender


def _chat_json(chat: ChatCount) -> dict[str, object]:
    owner = chat.conversation.owner
    return {
        "name": chat.conversation.name,
        "kind": chat.conversation.kind.value,
        "messages": chat.messages,
        "kinds": chat.kinds,
        "senders": [{"id": one.id, "name": one.name, "messages": one.messages} for one in chat.senders],
        "first": chat.first.isoformat(),
        "last": chat.last.isoformat(),
        "owner": None if owner is None else owner.removeprefix("name:"),
    }


def _message_json(message: Message) -> dict[str, object]:
    return {
        "id": message.id,
        "sender": _id_or_none(message.sender),
        "sender_name": message.sender_name,
        "sent_at": message.sent_at.isoformat(),
        "kind": message.kind.value,
        "text": message.text,
        "quoted": message.quoted,
        "reply_to": message.reply_to,
        "source_id": message.source_id,
        "mentions": list(message.mentions),
        "attachments": list(message.attachments),
        "source": message.source,
    }
