"""A guest page served over a copy of the chats, attacked, and what came of it."""

import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from clone_agent.archive import Archive
from clone_agent.errors import DatasetError
from clone_agent.pseudonyms import named_people
from clone_agent.records import ChatKind
from ui.backtest.past import copy_archive, copy_settings
from ui.commands.inviting import guest_desk
from ui.commands.remembering import index
from ui.commands.teaching import archive_revision
from ui.guest_test.attack import LASTING, Tally, guests_needed, intrude, talk
from ui.guest_test.attacks import Attack, read_attacks
from ui.guest_test.judge import Judge
from ui.guest_test.parrot import Parrot
from ui.guest_test.planted import NAME, Planted, planted
from ui.guests import Curtain, Event, GuestBook, write_event
from ui.options import Call, step
from ui.show import Screen
from ui.wiring import Clone, Voice, make_agent, open_clone

if TYPE_CHECKING:
    from ui.config import Settings

PARROT = "a model that tells everything"
UNPROTECTED = "the same, given everything and not covered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a guest test found."""

    voices: dict[str, dict[str, Tally]]  # voice -> kind of talk
    control: dict[str, Tally]  # kind of talk: what a page without this protection tells, which shows that the attacks bite
    requests: dict[str, Tally]  # kind of request
    is_unchanged: bool  # whether the chats are as before
    seconds: float

    @property
    def tallies(self) -> list[Tally]:
        """All of them."""
        return [*(one for kinds in self.voices.values() for one in kinds.values()), *self.requests.values()]


class GuestTest:
    """One run over one data home, whose chats are copied. The caller owns the home."""

    def __init__(self, call: Call, settings: "Settings") -> None:
        self._call, self._settings = call, settings
        self._folder = call.home.temporary / "guest-test"

    def run(self) -> Outcome:
        """Copy, plant, serve and attack.

        Raises:
            CloneError: no chats, or a damaged store.
        """
        began = time.monotonic()
        shutil.rmtree(self._folder, ignore_errors=True)
        with Archive.open(self._call.home.root) as archive:
            last = max((info.last for info in archive.conversations() if info.last), default=None)
            if last is None:
                raise DatasetError("No chats are stored.", remedy="Run `clone-agent import PATH` first.")
            secret = planted(archive.persona().language, at=last - timedelta(days=7))
            with self._call.screen.progress("Copying the chats", unit="chats") as advance:
                copy_archive(archive, self._copy.home, planted=secret.records, advance=advance)
        copy_settings(self._call.settings, self._copy.home)
        step(self._copy, index)
        voices: dict[str, dict[str, Tally]] = {}
        with open_clone(self._call.home, self._settings, use_memory=False) as speaking, self._opened() as clone:
            before, judge, attacks = archive_revision(clone.archive), _judge(clone.archive, secret), _attacks(clone.archive, secret)
            parrot = replace(clone, voice=Voice(model=Parrot(), label=PARROT, adapter=None))
            with self._served(parrot, guests=guests_needed(attacks), is_open=True) as (url, book):
                control = self._talk(UNPROTECTED, url, book, attacks, judge)
            with self._served(parrot, guests=guests_needed(attacks)) as (url, book):
                voices[PARROT] = self._talk(PARROT, url, book, attacks, judge)
                requests = self._intrude(url, book, judge)
            name = speaking.voice.label
            with self._served(replace(clone, voice=speaking.voice), guests=guests_needed(attacks)) as (url, book):
                voices[name] = self._talk(name, url, book, attacks, judge)
            is_unchanged = archive_revision(clone.archive) == before
        return Outcome(voices=voices, control=control, requests=requests, is_unchanged=is_unchanged, seconds=time.monotonic() - began)

    def clear(self) -> None:
        """Remove the copy of the chats."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @cached_property
    def _copy(self) -> Call:
        """A call on the home of the copy; what it prints is no result."""
        return Call(self._folder / "copy", Screen(beside=True))

    @contextmanager
    def _opened(self) -> Iterator[Clone]:
        """The copy's archive and memory."""
        from ui.wiring import NO_ADAPTER

        with open_clone(self._copy.home, replace(self._copy.settings, adapter=NO_ADAPTER, server=None), use_memory=True) as clone:
            yield clone

    def _talk(self, name: str, url: str, book: GuestBook, attacks: Sequence[Attack], judge: Judge) -> dict[str, Tally]:
        with self._call.screen.progress(f"Attacking {name}", unit="talks") as advance:
            return talk(url, book.passwords, attacks, judge, advance)

    def _intrude(self, url: str, book: GuestBook, judge: Judge) -> dict[str, Tally]:
        home = self._copy.home.root
        last = dict(list(book.passwords.items())[-LASTING:])

        def revoke(name: str) -> None:
            write_event(home, Event(at=datetime.now().astimezone(), guest=name, what="revoked"))

        with self._call.screen.progress("Attacking the server", unit="requests") as advance:
            return intrude(url, last, judge, home=home, revoke=revoke, advance=advance)

    @contextmanager
    def _served(self, clone: Clone, *, guests: int, is_open: bool = False) -> Iterator[tuple[str, GuestBook]]:
        """The guest page on a free port of this machine; `is_open` takes away what protects others, and leaves the rest."""
        from ui.web.guest import build_guest_page
        from ui.web.launch import serve

        home = self._copy.home.root
        book = GuestBook(home, [f"guest {number}" for number in range(guests)], until=datetime.now().astimezone() + timedelta(hours=24))
        desk = guest_desk(clone, self._settings, book)
        if is_open:
            agent = make_agent(clone.archive, clone.memory, clone.voice, self._settings, persona=clone.archive.persona())
            desk = replace(desk, agent=agent, curtain=_NoCurtain(clone.archive))
        page = build_guest_page(desk, name=clone.archive.persona().name)
        served = serve(page, home=home, port=_free_port(), password=book.knows, welcome="login_guest")
        try:
            yield served.url, book
        finally:
            served.close()


class _NoCurtain(Curtain):
    """Covers nothing."""

    def cover(self, text: str) -> str:
        """The text."""
        return text


def _judge(archive: Archive, secret: Planted) -> Judge:
    own: list[str] = []
    others: list[str] = []
    for info in archive.conversations():
        for session in archive.sessions(info.conversation.id):
            for turn in session.turns:
                (own if turn.is_owner else others).extend(message.text for message in turn.messages)
    owner = archive.persona().name
    names = {name.strip() for person in named_people(archive) if not person.is_owner for name in person.names} - {owner}
    return Judge(own=own, others=others, names=names, secrets=secret.secrets)


def _attacks(archive: Archive, secret: Planted) -> list[Attack]:
    """The scripted talks about the people of these chats."""
    persona = archive.persona()
    groups = [info.conversation.name for info in archive.conversations() if info.conversation.kind is ChatKind.GROUP]
    name = NAME[persona.language]
    blanks = {"name": name, "owner": persona.name, "group": (groups or [name])[0], "quote": "我下周二要做心", "secret": secret.questions[0]}
    return read_attacks(blanks)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
