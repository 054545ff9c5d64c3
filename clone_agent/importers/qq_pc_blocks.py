"""Blocks of QQ PC exports to records: conversations, senders, owner. Shared by the text and the MHT export.

A block is one contact's messages. Whether the brackets behind nicks are ids, and with that whether it is a group, is decided by the first
entries of the block before the first record is given out.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import NamedTuple

from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.format import Record
from clone_agent.importers.identity import MessageIds, chat_id
from clone_agent.importers.new_message import new_message
from clone_agent.importers.qq_pc_bodies import read_body
from clone_agent.importers.qq_pc_lines import SENDER_ID, Block, Entry
from clone_agent.records import ChatKind, Conversation, Kind, Message, Skipped

PLATFORM = "qq"
SYSTEM_NUMBERS = frozenset({"10000", "1000000"})
RECENT = "最近联系人"
GROUP_LISTS = frozenset(
    {"我的QQ群", "我的群聊", "我加入的群聊", "我创建的群聊", "我管理的群聊", "已退出的多人聊天", "我的多人聊天", "我的讨论组", "QQ群"}
)
_LOOK_AHEAD = 2000  # entries of a block that decide whether its senders carry ids
_MOST_SENDERS = 50_000  # written names remembered
_TITLE = re.compile(r"\s*【[^【】]{1,20}】")
_MENTION = re.compile(r"(?:^|(?<=[^A-Za-z0-9._+-]))@([^\s@,，。:：]{1,30})")


def read_blocks(pieces: Iterator[Block | Entry | Skipped], firsts: list[tuple[Block, str]], *, file: str, unnamed: str) -> Iterator[Record]:
    """Every message of every block. A block's conversation comes again at its end when its owner is known only then.

    Args:
        pieces: the whole export, in file order.
        firsts: every block of the export with its first message, by which blocks that say the same are known.
        file: to show where a message stands.
        unnamed: stands for the name of a chat without one.
    """
    chats = _Chats(firsts, unnamed=unnamed)
    for block, entries in _by_block(pieces):
        yield from _read_block(block, entries, chats=chats, name=file)


def _by_block(pieces: Iterator[Block | Entry | Skipped]) -> Iterator[tuple[Block, Iterator[Entry | Skipped]]]:
    """The blocks, each with its entries. Use up the entries before asking for the next block."""
    waiting: list[Block] = [Block(0, "", "")]

    def entries() -> Iterator[Entry | Skipped]:
        for piece in pieces:
            if isinstance(piece, Block):
                waiting.append(piece)
                return
            yield piece

    while waiting:
        yield waiting.pop(), entries()


class _Chats:
    """Which conversation a block belongs to.

    A group's id is made of its name alone, since its list is named differently by different versions; a contact's of list and name. Two
    lists with the same name in them are two conversations, unless they begin with the same message; 最近联系人 only repeats.
    """

    def __init__(self, blocks: list[tuple[Block, str]], *, unnamed: str) -> None:
        self._blocks = blocks
        self._unnamed = unnamed
        self._taken: dict[str, tuple[str, str]] = {}  # id -> list, first message

    def id_of(self, block: Block, *, is_group: bool) -> str:
        """The id of the conversation of `block`."""
        list_name, first = self._home(block)
        if not block.peer and not list_name:
            return chat_id(PLATFORM, "unnamed", self._unnamed)
        plain = group_chat_id(block.peer) if is_group else chat_id(PLATFORM, list_name, block.peer)
        owner = self._taken.setdefault(plain, (list_name, first))
        if owner[0] == list_name or (first and owner[1] == first):
            return plain
        return chat_id(PLATFORM, "group" if is_group else "", list_name, block.peer)

    def _home(self, block: Block) -> tuple[str, str]:
        """The list that a block really belongs to, and its first message."""
        namesakes = [(other, begin) for other, begin in self._blocks if other.peer == block.peer]
        first = next((begin for other, begin in namesakes if other.list_name == block.list_name), "")
        others = [(other, begin) for other, begin in namesakes if other.list_name != RECENT]
        alike = [other for other, begin in others if first and begin == first]
        lists = list(dict.fromkeys(other.list_name for other, _ in others))
        if alike:
            return alike[0].list_name, first
        if block.list_name == RECENT and len(lists) == 1:
            return lists[0], first
        return block.list_name, first


def group_chat_id(name: str) -> str:
    """The id of a QQ group of which only the name is known."""
    return chat_id(PLATFORM, "group", clean_name(name))


class _Sender(NamedTuple):
    """Who wrote a message."""

    id: str
    name: str  # without rank
    is_system: bool  # the program itself


@dataclass(slots=True)
class _Chat:
    """A block that is being read."""

    conversation: Conversation
    has_ids: bool
    file: str
    ids: MessageIds
    names: dict[str, str] = field(default_factory=dict)  # id -> last nick
    senders: dict[str, _Sender] = field(default_factory=dict)  # as written -> read
    speakers: dict[str, None] = field(default_factory=dict)  # the first few, system senders left out
    owner: str | None = None  # where the export marks their messages


def _read_block(block: Block, entries: Iterator[Entry | Skipped], *, chats: _Chats, name: str) -> Iterator[Record]:
    ahead = list(islice(entries, _LOOK_AHEAD))
    if not ahead and not block.line:
        return
    senders = [entry.sender for entry in ahead if isinstance(entry, Entry)]
    has_ids = _carry_ids(senders)
    kind = _chat_kind(block, senders, has_ids=has_ids)
    conversation = Conversation(
        id=chats.id_of(block, is_group=kind is ChatKind.GROUP), platform=PLATFORM, name=clean_name(block.peer), kind=kind
    )
    chat = _Chat(conversation, has_ids, name, MessageIds(PLATFORM, conversation.id))
    if not senders:
        yield from (piece for piece in ahead if isinstance(piece, Skipped))
        return
    yield conversation
    for entry in chain(ahead, entries):
        yield entry if isinstance(entry, Skipped) else _message(entry, chat)
    owner = _owner(chat)
    if owner is not None:
        yield replace(conversation, owner=owner)


def _carry_ids(senders: Iterable[str]) -> bool:
    """Whether the brackets behind nicks are ids: in a private chat one of two people may be called `小明(20080808)`."""
    ids: set[str] = set()
    without = 0
    for sender in senders:
        found = SENDER_ID.fullmatch(sender)
        if found is None:
            without += 1
        elif (number := found["number"] or found["mail"]) not in SYSTEM_NUMBERS:
            ids.add(number)
    return len(ids) > 1 or (len(ids) == 1 and without == 0)


def _chat_kind(block: Block, senders: Iterable[str], *, has_ids: bool) -> ChatKind:
    if has_ids or block.list_name.strip() in GROUP_LISTS:
        return ChatKind.GROUP
    if block.list_name.strip() not in {"", RECENT}:
        return ChatKind.PRIVATE
    people = {sender.strip() for sender in senders if not _is_system(sender)}
    return ChatKind.GROUP if len(people) > 2 else ChatKind.PRIVATE


def _is_system(sender: str) -> bool:
    found = SENDER_ID.fullmatch(sender)
    return found is not None and found["number"] in SYSTEM_NUMBERS and found["nick"].strip() == "系统消息"


def _owner(chat: _Chat) -> str | None:
    """The one whose messages are marked; in a private chat without marks, the one sender who is not the contact."""
    if chat.owner is not None:
        return chat.owner
    if chat.conversation.kind is not ChatKind.PRIVATE or chat.has_ids or not chat.conversation.name:
        return None
    others = [sender for sender in chat.speakers if sender != f"name:{chat.conversation.name}"]
    return others[0] if len(others) == 1 else None


def _message(entry: Entry, chat: _Chat) -> Message:
    sender = chat.senders.get(entry.sender) or _meet(entry.sender, chat)
    if entry.is_own and chat.owner is None:
        chat.owner = sender.id
    body = clean(entry.body)
    kind, text = (Kind.SYSTEM, body.strip()) if sender.is_system else read_body(body)
    return new_message(
        id=chat.ids.next(sender=sender.id, second=entry.second, kind=kind, text=text),
        conversation=chat.conversation.id,
        sender=sender.id,
        sender_name=sender.name,
        sent_at=entry.moment,
        kind=kind,
        text=text,
        quoted=body if kind is Kind.SYSTEM and not sender.is_system else "",
        mentions=tuple(_MENTION.findall(text)) if "@" in text else (),
        attachments=entry.attachments,
        source=f"{chat.file}:{entry.line}",
    )


def _meet(written: str, chat: _Chat) -> _Sender:
    """Read a sender and remember it, unless its name hangs on what came before."""
    sender = _sender(written, chat)
    if sender.name != sender.id and len(chat.senders) < _MOST_SENDERS:
        chat.senders[written] = sender
    if not sender.is_system and len(chat.speakers) < 4:
        chat.speakers[sender.id] = None
    return sender


def _sender(written: str, chat: _Chat) -> _Sender:
    found = SENDER_ID.fullmatch(written)
    if found is not None and found["number"] in SYSTEM_NUMBERS and found["nick"].strip() == "系统消息":
        return _Sender(found["number"], "系统消息", True)
    if found is None or not chat.has_ids:
        name = clean_name(written)
        return _Sender(f"name:{name}", name, False)
    sender = found["number"] or found["mail"].strip()
    nick = found["nick"]
    rank = _TITLE.match(nick)
    if rank is not None and nick[rank.end() :].strip():
        nick = nick[rank.end() :]
    name = clean_name(nick)
    if name == sender:
        return _Sender(sender, chat.names.get(sender, name), False)
    chat.names[sender] = name
    return _Sender(sender, name, False)
