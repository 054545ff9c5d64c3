"""Ten people at once: everybody gets their own answers, and a full queue says so."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from web_stage import GRADIO_WARNINGS, Actor, fill, free_port

from clone_agent.agent import CloneAgent
from clone_agent.records import Persona
from ui.environment import prepare_browser, silence
from ui.guest_test.judge import texts_in
from ui.guest_test.visitor import Visitor
from ui.guests import MESSAGES, Curtain, GuestBook, GuestDesk
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
