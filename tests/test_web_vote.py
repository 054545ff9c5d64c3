"""The blind vote in the browser, driven in a real headless Chromium."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import Browser, Page, expect
from test_web import ask, ask_in_vain, browser, bubbles, open_page
from web_stage import GRADIO_WARNINGS, Stage, open_stage

from ui.votes import SAME, read_votes

__all__ = ["browser"]  # a fixture
pytestmark = [pytest.mark.browser, *map(pytest.mark.filterwarnings, GRADIO_WARNINGS)]
QUESTION = "去年国庆我们去黄山了吗"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def stage(home: Path) -> Iterator[Stage]:
    yield from open_stage(home)


@pytest.fixture
def page(browser: Browser, stage: Stage) -> Iterator[Page]:
    for page in open_page(browser, stage.url):
        page.get_by_role("tab", name="盲投").click()
        yield page


def titles(page: Page) -> list[str]:
    return [page.locator(f"#vote-title-{which}").inner_text().strip() for which in ("first", "second")]


def test_who_it_was_is_told_after_the_vote_with_the_sources_and_the_tally(page: Page, home: Path) -> None:
    expect(page.locator("#vote-tally")).to_contain_text("还没有票")
    expect(page.locator("#ballot")).to_be_hidden()
    ask(page, QUESTION, where="vote")
    expect(page.locator("#vote-first")).to_be_visible()
    assert titles(page) == ["甲", "乙"]
    assert page.locator("#vote-log-first .thought-group, #vote-log-second .thought-group").count() == 0, "sources would tell"
    first = bubbles(page, "vote-log-first")
    remembers_first = first[0] == "黄山呀"
    assert {first[0], bubbles(page, "vote-log-second")[0]} == {"黄山呀", "害 好像是去海边了吧"}
    page.locator("#vote-first").click()
    expect(page.locator("#ballot")).to_be_hidden()
    name, other = ("微调＋记忆", "只有微调") if remembers_first else ("只有微调", "微调＋记忆")
    expect(page.locator("#vote-title-first")).to_contain_text(f"{name}　✓")
    expect(page.locator("#vote-title-second")).to_have_text(other)
    expect(page.locator("#vote-tally")).to_contain_text(f"微调＋记忆 胜 {int(remembers_first)} 票")
    expect(page.locator("#vote-tally")).to_contain_text("95 % 区间")
    expect(page.get_by_text("2 条来源")).to_be_visible()
    (vote,) = read_votes(home)
    assert vote.better == ("tuned+memory" if remembers_first else "tuned")
    ask(page, "日出", where="vote")
    expect(page.locator("#vote-same")).to_be_visible()
    assert titles(page) == ["甲", "乙"]
    page.locator("#vote-same").click()
    expect(page.locator("#vote-tally")).to_contain_text("差不多 1 票")
    assert [one.better for one in read_votes(home)][1:] == [SAME]


def test_another_pair_has_a_tally_of_its_own(page: Page) -> None:
    page.locator("#vote-pair input").click()
    page.get_by_role("option", name="基础模型 对 只有微调").click()
    expect(page.locator("#vote-tally")).to_contain_text("基础模型 对 只有微调：还没有票")
    ask(page, QUESTION, where="vote")
    expect(page.locator("#vote-same")).to_be_visible()
    assert bubbles(page, "vote-log-first") == bubbles(page, "vote-log-second") == ["害 好像是去海边了吧", "记不清啦"]


def test_a_question_sent_while_two_are_answering_stays_in_the_box(browser: Browser, tmp_path: Path) -> None:
    gate = Event()
    for stage in open_stage(tmp_path, gate=gate):
        for page in open_page(browser, stage.url):
            page.get_by_role("tab", name="盲投").click()
            ask(page, QUESTION, where="vote")
            expect(page.locator("#vote-question textarea")).to_have_value("")  # the question was taken
            ask_in_vain(page, "还有呢", where="vote")
            gate.set()
            expect(page.locator("#vote-same")).to_be_visible()
            expect(page.locator("#vote-question textarea")).to_have_value("还有呢")
            assert bubbles(page, "vote-log-first")[0] in {"黄山呀", "害 好像是去海边了吧"}


def test_where_an_answer_fails_there_is_nothing_to_vote_on(page: Page) -> None:
    ask(page, "坏掉", where="vote")
    expect(page.locator("#vote-log-first").get_by_text("这次没能回答")).to_be_visible()
    expect(page.locator("#ballot")).to_be_hidden()
