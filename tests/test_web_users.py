"""Ten people at once: everybody gets their own answers, and a full queue says so."""

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from web_stage import GRADIO_WARNINGS, Actor, fill, free_port

from clone_agent.agent import CloneAgent
from clone_agent.records import Persona
from ui.environment import prepare_browser, silence
from ui.guest_test.judge import texts_in
from ui.guest_test.visitor import Visitor
from ui.guests import LONGEST, MESSAGES, Curtain, Event, GuestBook, GuestDesk, write_event
from ui.web.running import MOST
from ui.web.texts import say

pytestmark = list(map(pytest.mark.filterwarnings, GRADIO_WARNINGS))
USERS = 10
FULL = say("en", "crowded")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, GuestBook]]:
    silence()
    prepare_browser(tmp_path / "tmp")
    from ui.web.guest import build_guest_page
    from ui.web.launch import serve

    with fill(tmp_path) as archive:
        curtain = Curtain(archive)
        book = GuestBook(tmp_path, [f"guest {number}" for number in range(USERS)], until=datetime.now().astimezone() + timedelta(hours=1))
        agent = CloneAgent(Actor(pause_s=0), persona=Persona(name="林晚"), memory=None)
        page = build_guest_page(GuestDesk(agent=agent, curtain=curtain, book=book), name="林晚")
        served = serve(page, home=tmp_path, port=free_port(), password=book.knows)
        yield served.url, book
        served.close()


def test_ten_users_with_twenty_messages_each_get_their_own_answers(served: tuple[str, GuestBook]) -> None:
    url, book = served

    def talk(number: int) -> tuple[list[str], int]:
        """Every text that this user got, and how often the queue was full."""
        told, was_full, name = [], 0, f"guest {number}"
        with Visitor(url) as visitor:
            assert visitor.log_in(name, book.passwords[name]) == 200
            for line in range(MESSAGES):
                visitor.begin()
                while FULL in (got := str(list(texts_in(visitor.say(f"复述 user{number:02d} line{line:02d}"))))):
                    was_full += 1
                    time.sleep(0.2)
                    visitor.begin()
                assert f"line{line:02d}" in got, "answered"
                told.append(got)
        return told, was_full

    with ThreadPoolExecutor(USERS) as pool:
        everybody = list(pool.map(talk, range(USERS)))
    for number, (told, _) in enumerate(everybody):
        assert len(told) == MESSAGES
        others = [other for other in range(USERS) if other != number and f"user{other:02d}" in "".join(told)]
        assert others == []


def take(visitor: Visitor, line: str, number: str) -> list[str]:
    """The log that the page shows at once for a line of the tab with this number."""
    taken, _ = visitor._wired()
    return _log(visitor, taken, [line, number])


def reload(visitor: Visitor, number: str) -> list[str]:
    """The log after a reload of that tab."""
    loaded = next(one["id"] for one in visitor.functions if len(one["inputs"]) == 1 and any(event == "load" for _, event in one["targets"]))
    return _log(visitor, loaded, [number])


def _log(visitor: Visitor, function: int, values: list[Any]) -> list[str]:
    logs = (value for value in visitor._post("run/predict", function, values).json()["data"] if isinstance(value, list))
    return [str(list(texts_in(one["content"]))) for one in next(logs, [])]


def test_a_script_with_many_tabs_takes_no_talk_from_another_guest(served: tuple[str, GuestBook]) -> None:
    url, book = served
    with Visitor(url) as one, Visitor(url) as other:
        for number, visitor in enumerate((one, other)):
            assert visitor.log_in(f"guest {number}", book.passwords[f"guest {number}"]) == 200
        tab = secrets.token_hex(16)
        take(one, "复述 mine", tab)
        one.call(one._wired()[1], [None])
        for _ in range(MOST + 10):
            other.begin()
            take(other, "嗨", secrets.token_hex(16))
        assert "mine" in reload(one, tab)[0]


def test_a_line_that_is_too_long_is_refused_and_kept_cut(served: tuple[str, GuestBook]) -> None:
    url, book = served
    with Visitor(url) as visitor:
        assert visitor.log_in("guest 0", book.passwords["guest 0"]) == 200
        tab = secrets.token_hex(16)
        line, reason = take(visitor, "长" * 500_000, tab)
        assert line.count("长") == LONGEST
        assert str(LONGEST) in reason
        assert reload(visitor, tab) == [line, reason]


def test_a_guest_who_was_sent_away_sees_nothing_of_the_talk_by_any_request(served: tuple[str, GuestBook]) -> None:
    url, book = served
    with Visitor(url) as visitor:
        assert visitor.log_in("guest 0", book.passwords["guest 0"]) == 200
        tab, (_, follow) = secrets.token_hex(16), visitor._wired()
        take(visitor, "复述 earlier", tab)
        assert "earlier" in str(visitor.call(follow, [None]))
        write_event(book._home, Event(at=datetime.now().astimezone(), guest="guest 0", what="revoked"))
        assert "earlier" not in str(visitor.call(follow, [None]))
        assert len(closed := take(visitor, "还在吗", tab)) == 2
        assert say("en", "guest_closed")[:20] in closed[1]
        assert "earlier" not in str(visitor.call(follow, [None]))
        assert reload(visitor, tab) == []
