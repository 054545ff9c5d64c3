"""Guests of the clone: who may talk to it for how long and how much, what they get to see, and the owner's log of it.

A guest gets the owner's own lines only, masked, with other people's names replaced; nothing that somebody else wrote reaches the prompt,
so no question can draw it out. Passwords live in the running program alone. `guests.jsonl` of the data home holds one JSON line an event,
without anybody's words: who was invited until when, entered, was refused, said how many characters, was sent away.
"""

import hmac
import json
import secrets
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from clone_agent.agent import CloneAgent
from clone_agent.archive import Archive
from clone_agent.pseudonyms import Pseudonyms, named_people
from clone_agent.records import ChatTurn, Hit, Recalled, Reply, Scope, SearchMemory
from clone_agent.scrub import scrub
from ui.line_log import append_line, read_lines

LONGEST = 200  # characters of a message
MESSAGES, WITHIN = 20, timedelta(minutes=10)  # that a guest may send in that time
_FILE = "guests.jsonl"
_WIDER = 4  # times more is recalled than shown, since most of it is not the owner's


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A line of the owner's log."""

    at: datetime
    guest: str
    what: str  # "invited", "entered", "refused", "said", "limited", "revoked"
    until: datetime | None = None  # of an invitation
    characters: int | None = None  # of what was said


class GuestBook:
    """Who is invited by this program, and the log.

    Args:
        home: the data home.
        until: when every invitation ends.
        names: of the guests.
    """

    def __init__(self, home: Path, names: Sequence[str], *, until: datetime) -> None:
        self.until = until
        self.passwords: Mapping[str, str] = {name: secrets.token_urlsafe(15) for name in names}  # 20 signs, 120 bits
        self._home, self._lock = home, threading.Lock()
        self._sent: dict[str, deque[datetime]] = {name: deque() for name in names}
        self._limited: dict[str, datetime] = {}  # when somebody was last noted to say too much
        self._since = _now()
        for name in names:
            self.note(name, "invited", until=until)

    def knows(self, name: str, password: str) -> bool:
        """Whether somebody may enter; noted either way."""
        right = self.passwords.get(name)
        is_known = right is not None and hmac.compare_digest(password.encode(), right.encode()) and self.is_open(name)
        self.note(name if right is not None else "?", "entered" if is_known else "refused")
        return is_known

    def is_open(self, name: str) -> bool:
        """Whether a guest may still talk: invited, in time, not revoked."""
        gone = any(event.what == "revoked" and event.guest == name and event.at >= self._since for event in read_log(self._home))
        return name in self.passwords and _now() < self.until and not gone

    def takes(self, name: str, text: str) -> bool:
        """Whether a guest may send one more message now; counts it."""
        with self._lock:
            sent, now = self._sent[name], _now()
            while sent and sent[0] <= now - WITHIN:
                sent.popleft()
            is_taken = len(sent) < MESSAGES
            if is_taken:
                sent.append(now)
            # Once within the time: a script that goes on asking must not fill the log.
            is_noted = is_taken or name not in self._limited or self._limited[name] <= now - WITHIN
            if is_noted and not is_taken:
                self._limited[name] = now
        if is_noted:
            self.note(name, "said" if is_taken else "limited", characters=len(text))
        return is_taken

    def note(self, guest: str, what: str, *, until: datetime | None = None, characters: int | None = None) -> None:
        """Write a line into the log."""
        write_event(self._home, Event(at=_now(), guest=guest, what=what, until=until, characters=characters))


def write_event(home: Path, event: Event) -> None:
    """Add a line to the log, in one write, so that the running page and another command may both do it."""
    row = {"at": event.at.isoformat(), "guest": event.guest, "what": event.what}
    if event.until is not None:
        row["until"] = event.until.isoformat()
    whole = row if event.characters is None else {**row, "characters": event.characters}
    append_line(home / _FILE, json.dumps(whole, ensure_ascii=False))


def read_log(home: Path) -> list[Event]:
    """The log in time order."""
    found = []
    for line in read_lines(home / _FILE):
        with suppress(ValueError, KeyError, TypeError):  # a line that a full disk cut short
            row = json.loads(line)
            until = datetime.fromisoformat(row["until"]) if "until" in row else None
            at = datetime.fromisoformat(row["at"])
            found.append(Event(at=at, guest=row["guest"], what=row["what"], until=until, characters=row.get("characters")))
    return found


class Curtain:
    """What of a text a guest may see: personal data masked, other people's names replaced."""

    def __init__(self, archive: Archive) -> None:
        self._names = Pseudonyms(named_people(archive), language=archive.persona().language)

    def cover(self, text: str) -> str:
        """The text as a guest may see it."""
        return self._names.replace(scrub(text).text)


class GuestMemory:
    """A memory that finds the owner's own lines alone, covered."""

    def __init__(self, memory: SearchMemory, curtain: Curtain) -> None:
        self._memory, self._curtain = memory, curtain

    def search(
        self, question: str, *, history: Sequence[ChatTurn] = (), scope: Scope = Scope(), top_k: int = 12, now: datetime | None = None
    ) -> Recalled:
        """Find what the owner said on `question`."""
        recalled = self._memory.search(question, history=history, scope=scope, top_k=_WIDER * top_k, now=now)
        own = sorted((hit for hit in recalled.hits if hit.memory.is_owner), key=lambda hit: -hit.score)[:top_k]
        hits = tuple(self._covered(hit) for hit in sorted(own, key=lambda hit: hit.memory.started_at))
        return replace(recalled, hits=hits, is_confident=recalled.is_confident and bool(hits))

    def _covered(self, hit: Hit) -> Hit:
        covered = self._curtain.cover(hit.memory.text)
        return replace(hit, memory=replace(hit.memory, text=covered, conversation="", conversation_name="", message_ids=()))


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestDesk:
    """Answers guests, one whole reply at a time: what is covered must be seen as a whole."""

    agent: CloneAgent  # its memory is a `GuestMemory`
    curtain: Curtain
    book: GuestBook

    def answer(self, question: str, history: Sequence[ChatTurn]) -> Reply:
        """The covered reply.

        Raises:
            CloneError: the model failed.
        """
        *_, reply = self.agent.answer(question, history=history)
        assert isinstance(reply, Reply), "an answer ends with its reply"
        bubbles = tuple(self.curtain.cover(bubble) for bubble in reply.bubbles)
        return replace(reply, text="\n".join(bubbles), bubbles=bubbles)


def sources_of(reply: Reply) -> Iterator[tuple[str, str]]:
    """What a guest is told of where a reply comes from: month and covered words of the owner's lines."""
    for hit in reply.sources:
        yield f"{hit.memory.started_at:%Y-%m}", hit.memory.text


def _now() -> datetime:
    return datetime.now().astimezone()
