"""The page for guests in a real headless Chromium."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from test_web import ask, browser, log_in, open_page
from web_stage import GRADIO_WARNINGS, Actor, WordMemory, fill, free_port

from clone_agent.agent import CloneAgent
from clone_agent.records import Persona
from ui.environment import prepare_browser, silence
from ui.guests import Curtain, Event, GuestBook, GuestDesk, GuestMemory, read_log, write_event

__all__ = ["browser"]  # a fixture
pytestmark = [pytest.mark.browser, *map(pytest.mark.filterwarnings, GRADIO_WARNINGS)]


@dataclass(frozen=True)
class Evening:
    url: str
    book: GuestBook
    home: Path


@pytest.fixture
def evening(tmp_path: Path) -> Iterator[Evening]:
    silence()
    prepare_browser(tmp_path / "tmp")
    from ui.web.guest import build_guest_page
    from ui.web.launch import serve

    with fill(tmp_path) as archive:
        curtain = Curtain(archive)
        agent = CloneAgent(Actor(), persona=Persona(name="林晚"), memory=GuestMemory(WordMemory(archive), curtain))
        book = GuestBook(tmp_path, ["小明", "小红"], until=datetime.now().astimezone() + timedelta(hours=1))
        page = build_guest_page(GuestDesk(agent=agent, curtain=curtain, book=book), name="林晚")
        served = serve(page, home=tmp_path, port=free_port(), password=book.knows, welcome="login_guest")
        yield Evening(served.url, book, tmp_path)
        served.close()


def test_a_guest_talks_sees_the_label_and_the_owners_lines_alone_and_is_sent_away(browser: Browser, evening: Evening) -> None:
    for page in open_page(browser, evening.url):
        expect(page.get_by_text("填邀请你的人给的名字和密码")).to_be_visible()
        assert "林晚" not in page.content()
        log_in(page, evening.book.passwords["小明"], user="小明")
        expect(page.locator("#heading")).to_contain_text("AI 生成，非本人")
        assert page.get_by_role("tab").count() == 0
        ask(page, "黄山白来了吗")
        expect(page.locator("#chat-log .bot-row .message-content").first).to_contain_text("（AI 生成，非本人）")
        page.get_by_text("1 条来源").click()
        source = page.locator("#chat-log .thought-group .message-content")
        expect(source).to_contain_text("2022-10　绝了 黄山白来了")
        assert "到黄山了" not in page.content()
        page.reload()
        page.get_by_text("1 条来源").click()
        expect(source).to_contain_text("2022-10　绝了 黄山白来了")  # it stands there again
        assert "黄山" not in page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])")
        expect(page.locator("#chat-send")).to_be_enabled()
        ask(page, "长" * 300)
        expect(page.locator("#chat-log .user-row").last).to_contain_text("长" * 200)
        assert "长" * 201 not in page.content()
        expect(page.locator("#chat-log .bot-row .message-content", has_text="（AI 生成，非本人）")).to_have_count(2)
        expect(page.locator("#chat-send")).to_be_enabled()  # a line sent before would stay in the box
        write_event(evening.home, Event(at=datetime.now().astimezone(), guest="小明", what="revoked"))
        ask(page, "还在吗")
        expect(page.get_by_text("这个邀请已经结束了")).to_be_visible()
        page.reload()
        expect(page.locator("#heading")).to_contain_text("林晚")
        expect(page.locator("#chat-log .message-row")).to_have_count(0)
    assert [event.what for event in read_log(evening.home)] == ["invited", "invited", "entered", "said", "said", "revoked"]


def test_a_guest_sees_nothing_of_who_talked_in_the_same_tab_before_and_can_clear_their_own_talk(browser: Browser, evening: Evening) -> None:
    for page in open_page(browser, evening.url):
        rows = page.locator("#chat-log .message-row")
        log_in(page, evening.book.passwords["小明"], user="小明")
        ask(page, "黄山白来了吗")
        expect(page.get_by_text("1 条来源")).to_be_visible()
        page.context.clear_cookies()  # as by logging out
        page.reload()
        log_in(page, evening.book.passwords["小红"], user="小红")
        ask(page, "我是小红")
        expect(rows.filter(has_text="AI 生成，非本人")).to_have_count(1)
        expect(page.locator("#chat-log .user-row")).to_have_text("我是小红")
        page.locator("#chat-clear").click()
        expect(rows).to_have_count(0)
        page.reload()
        expect(page.locator("#heading")).to_contain_text("林晚")
        expect(rows).to_have_count(0)
