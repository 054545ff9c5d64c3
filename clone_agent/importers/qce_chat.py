"""What QQ Chat Exporter says about a chat: its kind, its owner, who has which number. Shared by the single file and the chunks.

A person's `uid` (`u_…`) stands in every row, the QQ number (`uin`) in most; so the whole file is looked through once for pairs of both
before the first message is read.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.encoding import find_encoding, text_pieces
from clone_agent.importers.format import HEAD_SIZE, ReadOptions
from clone_agent.importers.identity import MessageIds, chat_id
from clone_agent.importers.qq_pc_blocks import PLATFORM, group_chat_id
from clone_agent.importers.source import Source
from clone_agent.records import ChatKind, Conversation, Skipped

_CHUNK = 1 << 22
_PAIR = re.compile(rb'"uid"\s*:\s*"([^"\\]{1,64})"\s*,\s*"uin"\s*:\s*"?(\d{4,15})')
_PAIR_TURNED = re.compile(rb'"uin"\s*:\s*"?(\d{4,15})"?\s*,\s*"uid"\s*:\s*"([^"\\]{1,64})"')
_KNOWN_NAMES = re.compile(r"QQChatExporter(?: V[3-6]\b.*)?")
_KINDS = {"group": ChatKind.GROUP, "private": ChatKind.PRIVATE, "friend": ChatKind.PRIVATE, "temp": ChatKind.PRIVATE}
_MOST_SENDERS = 50_000
_ENOUGH_ROWS = 200  # of others than the owner: who wrote most of them is whom a private chat is with
_FLAGS_TO_JUDGE = 5  # so many rows, all marked as recalled, are a fault of the exporter
NOBODY = frozenset({"", "0", "未知", "unknown"})


@dataclass(slots=True)
class Survey:
    """What a first look over all bytes of an export brings."""

    numbers: dict[str, str] = field(default_factory=dict)  # uid -> QQ number
    rows: Counter[str] = field(default_factory=Counter)  # QQ number -> how often
    recalled: int = 0
    not_recalled: int = 0

    def add(self, source: Source) -> "Survey":
        """Look through one more file."""
        with source.open() as stream:
            encoding = find_encoding(stream.read(HEAD_SIZE))
        rest = b""
        with source.open() as stream:
            for chunk in _utf8(stream, encoding):
                data = rest + chunk
                cut = data.rfind(b"}") + 1 or len(data)
                self._look(data[:cut])
                rest = data[cut:]
        self._look(rest)
        return self

    def _look(self, data: bytes) -> None:
        pairs = Counter(_PAIR.findall(data)) or Counter((uid, number) for number, uid in _PAIR_TURNED.findall(data))
        for (uid, number), many in pairs.items():
            self.numbers.setdefault(uid.decode("utf-8", "replace"), number.decode())
            self.rows[number.decode()] += many
        self.recalled += data.count(b'"recalled":true') + data.count(b'"recalled": true')
        self.not_recalled += data.count(b'"recalled":false') + data.count(b'"recalled": false')

    @property
    def are_flags_broken(self) -> bool:
        """Some versions mark every row as recalled, having taken the string "0" for true."""
        return self.recalled >= _FLAGS_TO_JUDGE and self.not_recalled * 10 < self.recalled


def _utf8(stream: BinaryIO, encoding: str) -> Iterator[bytes]:
    """The bytes of a file, as they are where it is UTF-8."""
    if encoding == "utf-8":
        return iter(lambda: stream.read(_CHUNK), b"")
    return (piece.encode("utf-8", "replace") for piece in text_pieces(stream, encoding))


class QceChat:
    """One chat while its rows are read."""

    def __init__(self, survey: Survey, *, options: ReadOptions, file: str, stem: str) -> None:
        self.numbers = dict(survey.numbers)
        self.are_flags_broken = survey.are_flags_broken
        self.timezone = options.timezone
        self.file = file
        self.row = 0
        self.senders: dict[tuple[tuple[str, object], ...], tuple[str, str]] = {}  # as written -> id and name
        self._rows = survey.rows
        self._stem = stem
        self._info: dict[str, object] = {}
        self._people: set[str] = set()
        self._speakers: Counter[str] = Counter()  # others than the owner, as far as it was looked
        self._namesake = ""  # the one of them that the chat is called after
        self._conversation: Conversation | None = None
        self._ids: MessageIds | None = None

    def take_metadata(self, value: object) -> Iterator[Skipped]:
        """Look at `metadata`; says so when the version is unknown."""
        name = value.get("name") if isinstance(value, dict) else None
        if isinstance(name, str) and not _KNOWN_NAMES.fullmatch(name):
            yield Skipped(source=self.file, reason="unknown version of QQ Chat Exporter, read as far as possible")

    def take_info(self, value: object) -> None:
        """Look at `chatInfo`."""
        if isinstance(value, dict):
            self._info = value
            self._conversation = None
        uid, number = self._fact("selfUid"), self._fact("selfUin")
        if uid and number:
            self.numbers[uid] = number

    def take_speakers(self, speakers: Iterable[tuple[str, frozenset[str]]]) -> None:
        """Look at who speaks, where `chatInfo` tells too little, and no longer than it takes.

        The first look over the bytes does not do: it meets everybody in the forwards too.

        Args:
            speakers: of each row that somebody wrote, from the first: the id and all names.
        """
        told, owner = self._fact("type").lower(), self._owner
        is_kind_open = told not in _KINDS and len(set(self._rows) | {owner} - {""}) > 2
        is_peer_open = bool(owner) and _KINDS.get(told) is not ChatKind.GROUP and not (self._fact("peerUid") or self._fact("peerUin"))
        for speaker, names in speakers if is_kind_open or is_peer_open else ():
            if speaker == owner:
                continue
            self._speakers[speaker] += 1
            self._namesake = self._namesake or (speaker if self._fact("name") in names else "")
            is_group = is_kind_open and len(set(self._speakers) | {owner} - {""}) > 2
            if is_group or (not is_kind_open and (self._namesake or self._speakers.total() >= _ENOUGH_ROWS)):
                break
        self._conversation = None

    @property
    def _owner(self) -> str:
        return self.numbers.get(self._fact("selfUid")) or self._fact("selfUin") or self._fact("selfUid")

    @property
    def conversation(self) -> Conversation:
        """The chat as far as it is known now."""
        if self._conversation is None:
            kind, owner = self._kind(), self._owner
            name = clean_name(self._fact("name"))
            self._conversation = Conversation(id=self._id(kind, owner), platform=PLATFORM, name=name, kind=kind, owner=owner or None)
        return self._conversation

    @property
    def ids(self) -> MessageIds:
        """Gives out the message ids."""
        if self._ids is None:
            self._ids = MessageIds(PLATFORM, self.conversation.id)
        return self._ids

    def meet(self, sender: str) -> Conversation | None:
        """Count a real sender. The conversation comes back when a third one shows that a "private" chat is a group."""
        if len(self._people) > 2 or sender in self._people:
            return None
        self._people.add(sender)
        if len(self._people | ({self.conversation.owner} - {None})) > 2 and self.conversation.kind is ChatKind.PRIVATE:
            self._conversation = replace(self.conversation, kind=ChatKind.GROUP)
            return self._conversation
        return None

    def remember(self, written: tuple[tuple[str, object], ...], sender: tuple[str, str]) -> tuple[str, str]:
        """Keep a sender that was read, so that the next row of theirs is quick."""
        if len(self.senders) < _MOST_SENDERS:
            self.senders[written] = sender
        return sender

    def _fact(self, key: str) -> str:
        value = self._info.get(key)
        return str(value).strip() if isinstance(value, str | int) and str(value).strip() not in NOBODY else ""

    def _kind(self) -> ChatKind:
        told = self._fact("type").lower()
        if told in _KINDS:
            return _KINDS[told]
        people = set(self._speakers) | {self._owner} - {""}
        return ChatKind.GROUP if len(people) > 2 else ChatKind.PRIVATE

    def _id(self, kind: ChatKind, owner: str) -> str:
        uid, number, name = self._fact("peerUid"), self._fact("peerUin"), self._fact("name")
        number = number or self.numbers.get(uid, "") or (uid if uid.isdigit() else "")
        if kind is ChatKind.GROUP:
            if number:
                return f"{PLATFORM}:group:{number}"
            return group_chat_id(name) if name else chat_id(PLATFORM, "unnamed", self._stem)
        if not number and owner:
            peer = self._namesake or next((other for other, _ in self._speakers.most_common()), "")
            number = peer if peer.isdigit() else ""
        if number or uid:
            return f"{PLATFORM}:private:{number or uid}"
        return chat_id(PLATFORM, "private", clean_name(name)) if name else chat_id(PLATFORM, "unnamed", self._stem)
