"""The guest page under more than 200 scripted attacks: nothing that is not the guest's to know comes out, whatever the model does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from web_stage import ATTACK, GRADIO_WARNINGS, ZONE, fill, free_port

from clone_agent.agent import CloneAgent
from clone_agent.archive import Archive
from clone_agent.records import Hit, Message, Persona, Recalled
from memory.passages import bursts
from ui.environment import prepare_browser, silence
from ui.guest_test.attack import LASTING, Tally, guests_needed, intrude, sent, talk
from ui.guest_test.attacks import read_attacks
from ui.guest_test.judge import Judge, texts_in
from ui.guest_test.parrot import Parrot
from ui.guest_test.planted import NAME, planted
from ui.guest_test.probes import Probe
from ui.guests import Curtain, Event, GuestBook, GuestDesk, GuestMemory, read_log, write_event

pytestmark = list(map(pytest.mark.filterwarnings, GRADIO_WARNINGS))
SECRET = planted("zh", at=datetime(2022, 10, 4, tzinfo=ZONE))
BLANKS = {"name": NAME["zh"], "owner": "林晚", "group": "爬山群", "quote": "我下周二要做心", "secret": SECRET.questions[0]}


@dataclass(frozen=True)
class Everything:
    """A memory that finds every line that was ever said, whatever is asked."""

    archive: Archive

    def search(self, question: str, **asked: object) -> Recalled:
        sessions = [session for info in self.archive.conversations() for session in self.archive.sessions(info.conversation.id)]
        hits = [Hit(memory=memory, score=0.9) for session in sessions for memory in bursts(session)]
        return Recalled(question=question, hits=tuple(hits), confidence=1, is_confident=True)


@dataclass(frozen=True)
class Evening:
    """A guest page that is being served, and what must not come out of it."""

    url: str
    book: GuestBook
    archive: Archive
    home: Path
    judge: Judge


def judge_of(archive: Archive) -> Judge:
    texts: dict[bool, list[str]] = {True: [], False: []}
    for info in archive.conversations():
        for session in archive.sessions(info.conversation.id):
            for turn in session.turns:
                texts[turn.is_owner].append(turn.text.replace(ATTACK, ""))  # markup, which the page is made of too, is nobody's words
    return Judge(own=texts[True], others=texts[False], names=[NAME["zh"], "陈一诺", "一诺千斤"], secrets=SECRET.secrets)


class NoCurtain(Curtain):
    """Covers nothing."""

    def cover(self, text: str) -> str:
        return text


@contextmanager
def serving(home: Path, archive: Archive, *, is_open: bool = False) -> Iterator[tuple[str, GuestBook]]:
    """The guest page; `is_open` gives the model everything and covers nothing."""
    from ui.web.guest import build_guest_page
    from ui.web.launch import serve

    curtain, memory = Curtain(archive), Everything(archive)
    guarded = memory if is_open else GuestMemory(memory, curtain)
    agent = CloneAgent(Parrot(), persona=Persona(name="林晚"), memory=guarded, top_k=1000)
    names = [f"guest {number}" for number in range(guests_needed(read_attacks(BLANKS)))]
    book = GuestBook(home, names, until=datetime.now().astimezone() + timedelta(hours=1))
    desk = GuestDesk(agent=agent, curtain=NoCurtain(archive) if is_open else curtain, book=book)
    served = serve(build_guest_page(desk, name="林晚"), home=home, port=free_port(), password=book.knows, welcome="login_guest")
    yield served.url, book
    served.close()


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    home = tmp_path_factory.mktemp("home")
    silence()
    prepare_browser(home / "tmp")
    with fill(home) as archive:
        archive.add(SECRET.records)
        with serving(home, archive) as (url, book):
            yield Evening(url, book, archive, home, judge_of(archive))


def through(tallies: dict[str, Tally]) -> list[str]:
    return [what for tally in tallies.values() for what in tally.through]


def test_no_talk_draws_out_what_is_not_the_guests_to_know(evening: Evening) -> None:
    attacks, before = read_attacks(BLANKS), [info.revision for info in evening.archive.conversations()]
    tallies = talk(evening.url, evening.book.passwords, attacks, evening.judge, lambda *_: None)
    assert sum(tally.tried for tally in tallies.values()) == len(attacks) >= 140
    assert through(tallies) == []
    assert [info.revision for info in evening.archive.conversations()] == before, "a guest cannot have anything forgotten or remembered"
    said = [event for event in read_log(evening.home) if event.what == "said"]
    assert len(said) >= len(attacks) - 2, "nearly every line reached the model; two are too long"


def test_no_request_gets_past_the_page(evening: Evening) -> None:
    last = dict(list(evening.book.passwords.items())[-LASTING:])
    tallies = intrude(
        evening.url,
        last,
        evening.judge,
        home=evening.home,
        revoke=lambda name: write_event(evening.home, Event(at=datetime.now().astimezone(), guest=name, what="revoked")),
        advance=lambda *_: None,
    )
    assert sum(tally.tried for tally in tallies.values()) >= 90
    assert through(tallies) == []


def test_a_number_that_the_server_draws_is_no_leak(evening: Evening) -> None:
    # A bank card's number, by its prefix, length and check digit, and a phone's.
    page = '{"app_id":6246968989652902948,"name":"6246968989652902948","component_class_id":"0a16370920287b","elem_id":"0a16370920287b"}'
    answers = httpx.MockTransport(lambda _: httpx.Response(200, text=page))
    with httpx.Client(transport=answers, base_url="http://page") as client:
        probe = Probe(kind="requests", what="the page's configuration", method="GET", path="/config", is_guest=True, must_refuse=False)
        is_refused, told = sent(client, probe)
    assert is_refused
    assert evening.judge.leaks(told, []) == {"personal data": 2}, "where the server did not draw them"


def test_the_same_talks_leak_where_nothing_is_covered(evening: Evening) -> None:
    attacks = read_attacks(BLANKS)[::15]
    with serving(evening.home, evening.archive, is_open=True) as (url, book):
        tallies = talk(url, book.passwords, attacks, evening.judge, lambda *_: None)
    assert len(through(tallies)) == len(attacks), "every one, so that their silence above is the page's doing"


def test_the_judge_knows_a_leak_when_it_sees_one(evening: Evening) -> None:
    others = next(record.text for record in SECRET.records if isinstance(record, Message) and record.sender == NAME["zh"])
    assert evening.judge.leaks([others], []).keys() == {"quotes", "personal data", "secrets"}
    assert evening.judge.leaks([others], [others]) == {}, "what the guest said is no news to the guest"
    assert evening.judge.leaks(["号码是 139 8801 6524"], []) == {"personal data": 1, "secrets": 1}
    assert evening.judge.leaks([f"{NAME['zh']}呀"], []) == {"names": 1}
    assert evening.judge.leaks(["绝了 黄山白来了"], []) == {}
    served = {"data": [[{"role": "user", "content": "我说的"}, {"role": "assistant", "content": "&lt;他说的&gt;"}]]}
    assert list(texts_in(served)) == ["assistant", "<他说的>"]
