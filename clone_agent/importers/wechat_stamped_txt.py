"""Texts of MemoTrace and WeFlow: cut into messages, and who is who by what the messages as a whole tell.

Both write `stamp name`, the body, a blank line. How lines become messages is the same as in QQ's text, pasted logs and all, and is taken
from there.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from clone_agent.importers.body import Body
from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.encoding import find_encoding, find_record_end, text_records
from clone_agent.importers.format import HEAD_SIZE, ReadOptions, Record
from clone_agent.importers.qq_pc_lines import Block, Entry, is_edited, read_pieces
from clone_agent.importers.source import Source
from clone_agent.importers.wechat_chat import OWNER, Bubble, Chats, Peer, named, peer_of, room_kind
from clone_agent.records import ChatKind, Kind, Skipped

_LOOK_AHEAD = 5000
_LONG = 100  # messages
_SAMPLE = 1 << 20  # bytes that decide how the file is laid out
_OWN_NAMES = frozenset({"我", "你", "Me"})


class Spoken(NamedTuple):
    """One message before it is known who is who."""

    name: str  # "" for the program's own lines
    body: Body


def read_stamped(source: Source, options: ReadOptions, understand: Callable[[str, str, bool], Spoken]) -> Iterator[Record]:
    """Every message of the text.

    Args:
        source: the file.
        options: what the user said.
        understand: makes the message of a name and a body, both cleaned; told also whether this name has spoken elsewhere in the file.
    """
    entries = _entries(source, options.timezone)
    ahead = list(islice(entries, _LOOK_AHEAD))
    spoken_ahead = [(clean_name(entry.sender), clean(entry.body)) for entry in ahead if isinstance(entry, Entry) and entry.body.strip()]
    speakers = {name for name, _ in spoken_ahead}
    whole = (understand(name, body, True) for name, body in spoken_ahead)
    people = _People(peer_of(source), Counter(spoken.name for spoken in whole))
    chats, room, file = Chats(), people.peer.conversation, source.name
    for entry in chain(ahead, entries):
        if isinstance(entry, Skipped):
            yield entry
            continue
        name = clean_name(entry.sender)
        spoken = understand(name, clean(entry.body), name in speakers)
        sender, is_own = people.sender(spoken.name)
        if is_own and chats.owner is None:
            yield from chats.learn_owner(sender)
        bubble = Bubble(sender, spoken.name, entry.moment, spoken.body, f"{file}:{entry.line}")
        yield from chats.message(bubble, room=room, name=people.peer.name, kind=people.kind)


def _entries(source: Source, zone: ZoneInfo) -> Iterator[Entry | Skipped]:
    with source.open() as stream:
        sample = stream.read(_SAMPLE)
    encoding = find_encoding(sample[:HEAD_SIZE])
    text = sample.decode(encoding, "replace").removeprefix("\ufeff")
    end = find_record_end(text[:HEAD_SIZE])
    with source.open() as stream:
        lines = text_records(stream, encoding, end)
        for piece in read_pieces(lines, name=source.name, zone=zone, is_loose=is_edited(text, end)):
            if isinstance(piece, Block):
                yield Skipped(source=f"{source.name}:{piece.line}", reason="the head of a QQ export inside the text")
            else:
                yield piece


class _People:
    """Who speaks in the file: the owner, the contact, or the members of a group."""

    def __init__(self, place: Peer, counts: Counter[str]) -> None:
        # In a long text a name that speaks once is more likely a damaged one than a third person.
        speakers = {name for name, count in counts.items() if name and (count > 1 or counts.total() < _LONG)}
        own = speakers & _OWN_NAMES
        others = speakers - own
        if place.wxid:
            self.kind = room_kind(place.wxid)
        else:
            self.kind = ChatKind.GROUP if len(others) > (1 if own else 2) else ChatKind.PRIVATE
        if not own and self.kind is ChatKind.PRIVATE and len(others) == 2 and place.name in others:
            own = others - {place.name}
            others = {place.name}
        self._own = own
        (only,) = others if len(others) == 1 else ("",)
        is_told = self.kind is not ChatKind.PRIVATE or place.wxid or not only or not own
        self.peer = place if is_told else Peer(name=only, wxid="")

    def sender(self, name: str) -> tuple[str, bool]:
        """The id behind a name, and whether it is the owner's."""
        if name in self._own:
            return (OWNER if name in _OWN_NAMES else named(name)), True
        if name and self.kind is ChatKind.PRIVATE and self.peer.wxid and (self._own or name == self.peer.name):
            return self.peer.wxid, False
        return named(name), False


def notice(name: str, body: str = "") -> Spoken:
    """A line of the program."""
    return Spoken("", Body(Kind.SYSTEM, "\n".join(part for part in (name, body.strip()) if part)))
