"""The tab of single memories in a real headless Chromium, on a real archive and a real memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from test_live import clone, companion, recalled
from test_web import ask, browser, open_page
from web_stage import GRADIO_WARNINGS, free_port

from ui.environment import prepare_browser, silence
from ui.wiring import Clone

__all__ = ["browser", "clone"]  # fixtures
pytestmark = [pytest.mark.browser, *map(pytest.mark.filterwarnings, GRADIO_WARNINGS)]


@pytest.fixture
def page(browser: Browser, clone: Clone, tmp_path: Path) -> Iterator[Page]:
    silence()
    prepare_browser(tmp_path / "tmp")
    from ui.web.bubbles import Surroundings
    from ui.web.launch import serve
    from ui.web.page import PageFacts, build_page
    from ui.web.talk import Speaker
    from ui.web.voting import Booth, contenders

    archive = clone.archive
    where = Surroundings(
        around=lambda message, before, after: archive.around(message, before=before, after=after),
        name_of=lambda message: archive.display_name(message.conversation, message.sender),
    )
    speaker = Speaker(agent=clone.agent, where=where, companion=companion(clone, tmp_path))
    facts = PageFacts(name="林晚", model="actor", is_tuned=True, has_memory=True)
    booth = Booth(pairs=contenders(speaker, None, kind="tuned", has_memory=True), keep=lambda _: None, votes=lambda: ())
    served = serve(build_page(speaker, facts, booth), home=tmp_path, port=free_port(), password=None)
    yield from open_page(browser, served.url)
    served.close()


def test_a_memory_is_found_put_right_and_another_one_forgotten_for_good(page: Page, clone: Clone, tmp_path: Path) -> None:
    ask(page, "生日礼物要青轴吗")
    expect(page.locator("#chat-log .user-row")).to_have_text("生日礼物要青轴吗")
    expect(page.locator("#chat-log").get_by_text("条来源")).to_be_visible()
    expect(page.locator("#chat-send")).to_be_visible()
    page.get_by_role("tab", name="记忆").click()
    expect(page.locator("#memory-around")).to_contain_text("找一条")  # an empty tab says what it is for
    ask(page, "青轴键盘", where="memory")
    wrong = page.locator("#memory-list label").filter(has_text="青轴").first
    expect(wrong).to_be_visible()
    expect(page.locator("#memory-list")).to_have_css("overflow-y", "auto")  # a long list can be scrolled to its end
    expect(page.locator("#memory-deeds")).to_be_hidden()
    wrong.click()
    expect(page.locator("#memory-around")).to_contain_text("＞")
    page.locator("#memory-right textarea").fill("要的是红轴键盘")
    page.locator("#memory-correct").click()
    expect(page.locator("#memory-around")).to_contain_text("忘掉了")
    page.get_by_role("tab", name="聊天").click()
    expect(page.locator("#chat-log .message-row")).to_have_count(0)  # the talk that rested on it has lost it
    page.get_by_role("tab", name="记忆").click()
    told = recalled(clone, "生日礼物要什么键盘")
    assert "要的是红轴键盘" in told
    assert "记住，" in told, "marked as told to the clone, not as said by somebody"

    ask(page, "红轴键盘", where="memory")
    page.locator("#memory-list label").filter(has_text="红轴").first.click()
    page.locator("#memory-forget").click()
    expect(page.locator("#memory-around")).to_contain_text("不能撤销")
    assert "红轴" in recalled(clone, "生日礼物要什么键盘"), "nothing goes before it is confirmed"
    page.locator("#memory-sure").click()
    expect(page.locator("#memory-around")).to_contain_text("忘掉了")
    expect(page.locator("#memory-sure")).to_be_hidden()
    assert "红轴" not in recalled(clone, "生日礼物要什么键盘")
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "红轴".encode() not in held


def test_what_is_forgotten_leaves_the_other_tabs_too(page: Page) -> None:
    compared, voted = page.locator("#compare-memory .message-row"), page.locator("#vote-log-first .message-row")

    def open_tab(name: str) -> None:
        page.get_by_role("tab", name=name).click()

    def compare_and_vote(question: str) -> None:
        open_tab("对比")
        ask(page, question, where="compare")
        expect(page.locator("#compare-memory").get_by_text("条来源")).to_be_visible()
        open_tab("盲投")
        ask(page, question, where="vote")
        expect(page.locator("#vote-same")).to_be_visible()

    def find(what: str) -> None:
        open_tab("记忆")
        ask(page, what, where="memory")
        page.locator("#memory-list label").filter(has_text=what).first.click()
        expect(page.locator("#memory-around")).to_contain_text("＞")

    def is_emptied() -> None:
        open_tab("对比")
        expect(compared).to_have_count(0)
        open_tab("盲投")
        expect(voted).to_have_count(0)
        expect(page.locator("#vote-same")).to_be_hidden()

    compare_and_vote("生日礼物要青轴吗")
    find("青轴")
    page.locator("#memory-forget").click()
    page.locator("#memory-sure").click()
    expect(page.locator("#memory-around")).to_contain_text("忘掉了")
    is_emptied()

    compare_and_vote("五一西湖人多吗")
    find("西湖")
    open_tab("聊天")
    ask(page, "你好呀")
    expect(page.locator("#chat-log").get_by_text("日出全是雾 笑死")).to_be_visible()
    expect(page.locator("#chat-send")).to_be_visible()
    open_tab("对比")
    expect(compared).not_to_have_count(0)  # an ordinary line leaves everything
    open_tab("聊天")
    ask(page, "忘掉关于西湖的一切")
    expect(page.locator("#chat-log").get_by_text("不能撤销")).to_be_visible()
    expect(page.locator("#chat-send")).to_be_visible()
    ask(page, "确认忘掉")
    expect(page.locator("#chat-log").get_by_text("忘掉了").last).to_be_visible()
    is_emptied()
    open_tab("记忆")
    expect(page.locator("#memory-list")).to_be_hidden()
    expect(page.locator("#memory-around")).to_have_text("")
