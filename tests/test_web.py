"""The browser chat, driven in a real headless Chromium against the real hardened app."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import Browser, Page, Request, Response, expect, sync_playwright
from web_stage import ATTACK, GRADIO_WARNINGS, Actor, Stage, WordMemory, fill, open_stage

from clone_agent.agent import CloneAgent
from clone_agent.records import Hit, Kind, Memory, Message, Persona, Recalled, Reply
from ui.web.bubbles import Surroundings, question_bubble, reply_bubbles, source_bubbles
from ui.web.talk import Speaker, Talk

pytestmark = [pytest.mark.browser, *map(pytest.mark.filterwarnings, GRADIO_WARNINGS)]
# What an attack would have made of a message.
LIVE = "#chat-log .message-content :is(img, script, strong, svg, iframe, style, link, video, object, input, form, details, math, meta)"
expect.set_options(timeout=30_000)  # a busy machine is slow, not wrong


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    yield from open_stage(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, stage: Stage) -> Iterator[Page]:
    yield from open_page(browser, stage.url)


def open_page(browser: Browser, url: str, *, locale: str = "zh-CN") -> Iterator[Page]:
    """A page that fails the test when it asks anything of another host, or anything but a login that the server refuses."""
    context = browser.new_context(locale=locale, viewport={"width": 1180, "height": 800})
    page = context.new_page()
    asked: list[str] = []
    refused: list[tuple[int, str]] = []
    page.on("response", lambda answer: refused.append((answer.status, answer.url)) if is_refusal(answer) else None)
    page.on("request", lambda request: asked.append(request.url) if is_foreign(request, url) else None)
    page.goto(url)
    yield page
    context.close()
    assert asked == []
    assert refused == []


def is_refusal(answer: Response) -> bool:
    """Whether the server refused something; a wrong password and what comes before the right one do not count."""
    return answer.status >= 400 and answer.status != 401 and not (answer.status == 400 and answer.url.endswith("/login"))


def is_foreign(request: Request, url: str) -> bool:
    return not request.url.startswith((url, "data:", "blob:"))


def ask(page: Page, question: str, *, where: str = "chat") -> None:
    box = page.locator(f"#{where}-question textarea")
    box.fill(question)
    box.press("Enter")


def ask_in_vain(page: Page, question: str, *, where: str = "chat") -> None:
    """Ask while an answer runs, wait until the server has refused the line, and see that it stays in the box."""
    with page.expect_response("**/run/predict"):
        ask(page, question, where=where)
    page.wait_for_timeout(200)  # for the page to take the refusal in
    expect(page.locator(f"#{where}-question textarea")).to_have_value(question)


def answered(page: Page) -> None:
    """Wait until the actor has said its last word on 黄山 and may be asked again."""
    expect(page.locator("#chat-log").get_by_text("日出全是雾 笑死")).to_be_visible()
    expect(page.locator("#chat-send")).to_be_visible()


def bubbles(page: Page, log: str = "chat-log") -> list[str]:
    return page.locator(f"#{log} .bot-row .message-content").all_inner_texts()


def unfold(page: Page, log: str = "chat-log") -> None:
    """Open the sources once the reply is whole: while it is written, each new word folds them again."""
    expect(page.locator("#chat-send" if log == "chat-log" else "#compare-send")).to_be_visible()
    page.locator(f"#{log} .bot-row .thought-group > .title").first.click()


def test_a_question_is_answered_in_several_bubbles(page: Page) -> None:
    ask(page, "去年国庆我们去黄山了吗")
    answered(page)
    expect(page.locator("#chat-log .bot-row")).to_have_count(4)
    assert bubbles(page)[:3] == ["黄山呀", "住的光明顶山庄", "日出全是雾 笑死"]
    expect(page.locator("#chat-question textarea")).to_have_value("")


def test_sources_unfold_to_date_person_and_the_messages_around(page: Page) -> None:
    ask(page, "到黄山了吗")
    answered(page)
    expect(page.get_by_text("2 条来源")).to_be_visible()
    assert page.get_by_text("刚到光明顶山庄").count() == 0, "sources are folded at first"
    unfold(page)
    source = page.get_by_text("2022-10-02 · 一诺千斤")
    expect(source).to_be_visible()
    source.click()
    around = page.locator("#chat-log .thought-group .thought-group .message-content")
    expect(around).to_contain_text("＞ 10-02 21:04 一诺千斤：到黄山了 腿都断了")
    expect(around).to_contain_text("10-02 20:58 林晚不晚睡：欸 你到哪了")
    expect(around).to_contain_text("林晚不晚睡：[表情]")


def test_sources_stand_below_the_first_word_of_a_reply(tmp_path: Path) -> None:
    with fill(tmp_path) as archive:
        agent = CloneAgent(Actor(pause_s=0.06), persona=Persona(name="林晚"), memory=WordMemory(archive))
        where = Surroundings(around=lambda message, before, after: archive.around(message, before=before, after=after), name_of=str)
        states = list(Speaker(agent=agent, where=where).answer(Talk(), "到黄山了吗", use_memory=True, language="zh"))
    first = next(state for state in states if any(one.role == "assistant" and one.content for one in state.shown))
    assert first is not states[-1]
    assert [one.metadata.get("title") for one in first.shown if one.metadata] == [
        one.metadata.get("title") for one in states[-1].shown if one.metadata
    ]
    assert first.folded == states[-1].folded == 3, "a reply that is stopped here leaves its numbers used"


def test_without_memory_nothing_is_recalled_and_no_sources_are_shown(page: Page) -> None:
    expect(page.locator("#chat-memory input")).to_be_checked()
    page.locator("#chat-memory input").uncheck()
    ask(page, "去年国庆我们去黄山了吗")
    expect(page.locator("#chat-log").get_by_text("记不清啦")).to_be_visible()  # its last word
    assert bubbles(page) == ["害 好像是去海边了吧", "记不清啦"]


def test_what_memory_does_not_hold_is_said_below_the_reply(page: Page) -> None:
    ask(page, "西安好玩吗")
    expect(page.get_by_text("没有找到相关的聊天记录")).to_be_visible()


def test_html_and_markdown_in_messages_stay_text(page: Page) -> None:
    ask(page, f"日出 {ATTACK}")
    expect(page.locator("#chat-log .user-row .message-content")).to_have_text(f"日出 {ATTACK}")
    expect(page.get_by_text("1 条来源")).to_be_visible()
    unfold(page)
    page.get_by_text("2022-10-03 · 一诺千斤").click()
    expect(page.locator("#chat-log .thought-group .thought-group .message-content")).to_contain_text(ATTACK)
    assert page.locator(LIVE).count() == 0
    assert page.evaluate("window.hacked") is None


def test_html_from_the_model_stays_text(page: Page) -> None:
    ask(page, "复述一下")
    expect(page.locator("#chat-log .bot-row .message-content").first).to_contain_text(ATTACK)
    assert page.locator(LIVE).count() == 0
    assert page.evaluate("window.hacked") is None


def test_a_failure_is_shown_kindly_and_the_next_question_works(page: Page) -> None:
    ask(page, "坏掉")
    expect(page.get_by_text("这次没能回答")).to_be_visible()
    assert "秘密的话" not in page.locator("#chat-log").inner_text()
    expect(page.locator("#chat-send")).to_be_visible()  # a line sent before would stay in the box
    ask(page, "去黄山了吗")
    expect(page.get_by_text("光明顶山庄")).to_be_visible()


def test_clearing_empties_the_talk(page: Page) -> None:
    ask(page, "去黄山了吗")
    expect(page.get_by_text("光明顶山庄")).to_be_visible()
    page.locator("#chat-clear").click()
    expect(page.locator("#chat-log .message-row")).to_have_count(0)


def test_an_answer_is_stopped_or_cleared_at_any_moment_and_another_visitor_only_waits(browser: Browser, tmp_path: Path) -> None:
    gate = Event()
    for stage in open_stage(tmp_path, pause_s=0.1, gate=gate):
        for page, other in zip(open_page(browser, stage.url), open_page(browser, stage.url), strict=True):
            rows = page.locator("#chat-log .message-row")
            ask(page, "去黄山了吗")
            expect(page.locator("#chat-log .bot-row .message-content").first).to_contain_text("黄山")
            ask_in_vain(page, "还有呢")
            ask(other, "西安好玩吗")
            expect(other.locator("#chat-log .user-row")).to_have_text("西安好玩吗")
            expect(other.get_by_text("等一下……")).to_be_visible()
            page.locator("#chat-stop").click()
            expect(page.locator("#chat-send")).to_be_visible()
            gate.set()
            expect(other.get_by_text("记不清")).to_be_visible()
            gate.clear()
            said = rows.count()
            ask(page, "去黄山了吗")
            expect(rows).not_to_have_count(said)
            page.locator("#chat-clear").click()
            expect(rows).to_have_count(0)
            gate.set()
            page.wait_for_timeout(1_200)  # the rest of the answer, if it went on
            expect(rows).to_have_count(0)
            expect(page.locator("#chat-send")).to_be_visible()


def test_a_reload_shows_the_talk_again_to_the_tab_that_had_it_and_to_nobody_else(page: Page, browser: Browser, stage: Stage) -> None:
    ask(page, "到黄山了吗")
    answered(page)
    page.reload()
    expect(page.locator("#chat-log").get_by_text("日出全是雾 笑死")).to_be_visible()
    expect(page.locator("#chat-log .user-row")).to_have_text("到黄山了吗")
    unfold(page)
    expect(page.get_by_text("2022-10-02 · 一诺千斤")).to_be_visible()
    for other in open_page(browser, stage.url):
        expect(other.locator("#heading")).to_contain_text("林晚")
        expect(other.locator("#chat-log .message-row")).to_have_count(0)
    assert "黄山" not in page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])")
    ask(page, "还有呢")
    expect(page.locator("#chat-log .user-row")).to_have_count(2)
    expect(page.locator("#chat-send")).to_be_visible()
    page.locator("#chat-clear").click()
    expect(page.locator("#chat-log .message-row")).to_have_count(0)
    page.reload()
    expect(page.locator("#heading")).to_contain_text("林晚")
    expect(page.locator("#chat-log .message-row")).to_have_count(0)


def test_a_reload_in_the_middle_of_an_answer_shows_it_to_its_end(browser: Browser, tmp_path: Path) -> None:
    gate = Event()
    for stage in open_stage(tmp_path, gate=gate):
        for page in open_page(browser, stage.url):
            ask(page, "去黄山了吗")
            expect(page.locator("#chat-log .bot-row .message-content").first).to_contain_text("黄山")
            page.reload()
            expect(page.locator("#chat-log .bot-row .message-content").first).to_contain_text("黄山")
            expect(page.locator("#chat-stop")).to_be_visible()
            gate.set()
            answered(page)
            expect(page.locator("#chat-log .user-row")).to_have_text("去黄山了吗")
            expect(page.get_by_text("2 条来源")).to_be_visible()
            assert bubbles(page)[:3] == ["黄山呀", "住的光明顶山庄", "日出全是雾 笑死"]
            gate.clear()
            ask(page, "还有呢")
            expect(page.locator("#chat-log .user-row")).to_have_count(2)
            page.reload()  # as soon as it was taken
            expect(page.locator("#chat-log .user-row")).to_have_count(2)
            expect(page.locator("#chat-stop")).to_be_visible()
            page.locator("#chat-stop").click()
            expect(page.locator("#chat-send")).to_be_visible()
            gate.set()


def test_names_that_run_from_right_to_left_turn_nothing_around() -> None:
    message = Message(
        id="a",
        conversation="c",
        sender="1",
        sender_name="مريم",
        sent_at=datetime(2022, 10, 2, 21, 3, tzinfo=UTC),
        kind=Kind.TEXT,
        text="שלום 3",
    )
    memory = Memory(
        id="a", conversation="c", conversation_name="", speaker="1", speaker_name="مريم", is_owner=False,
        started_at=message.sent_at, ended_at=message.sent_at, text="שלום 3", message_ids=("a",),
    )  # fmt: skip
    reply = Reply(text="好", bubbles=("好",), sources=(Hit(memory=memory, score=1.0),), recalled=Recalled(question="好"))
    where = Surroundings(around=lambda *_: [message], name_of=lambda one: one.sender_name)
    _, source = source_bubbles(reply, where, "zh", first_id=1)
    assert source.content == "＞ 10-02 21:03  \u2068مريم\u2069：\u2068שלום 3\u2069"


def test_html_in_names_of_people_chats_and_in_what_stands_around_stays_text() -> None:
    message = Message(
        id="a",
        conversation="c",
        sender="1",
        sender_name=ATTACK,
        sent_at=datetime(2022, 10, 2, 21, 3, tzinfo=UTC),
        kind=Kind.TEXT,
        text=ATTACK,
    )
    memory = Memory(
        id="a", conversation="c", conversation_name=ATTACK, speaker="1", speaker_name=ATTACK, is_owner=False,
        started_at=message.sent_at, ended_at=message.sent_at, text="好", message_ids=("a",),
    )  # fmt: skip
    reply = Reply(text=ATTACK, bubbles=(ATTACK,), sources=(Hit(memory=memory, score=1.0),), recalled=Recalled(question="好"))
    where = Surroundings(around=lambda *_: [message], name_of=lambda one: one.sender_name)
    shown = [*reply_bubbles(ATTACK), *source_bubbles(reply, where, "zh", first_id=1), question_bubble(ATTACK)]
    written = [text for one in shown for text in (one.content, one.metadata.get("title", ""))]
    assert sum("&lt;img" in text for text in written) >= 4
    assert not any("<" in text for text in written)


def test_compare_answers_both_sides_at_once(browser: Browser, tmp_path: Path) -> None:
    gate = Event()
    for stage in open_stage(tmp_path, pause_s=0.1, gate=gate):
        for page in open_page(browser, stage.url):
            page.get_by_role("tab", name="对比").click()
            expect(page.get_by_text("只有微调")).to_be_visible()
            ask(page, "去年国庆我们去黄山了吗", where="compare")
            expect(page.locator("#compare-tuned .bot-row .message-content").first).to_contain_text("害")
            expect(page.locator("#compare-memory .bot-row .message-content").first).to_contain_text("黄山")
            ended = page.locator("#compare-tuned").get_by_text("记不清啦")
            assert ended.count() == 0, "the right side began before the left one had ended"
            gate.set()
            expect(ended).to_be_visible()
            expect(page.locator("#compare-memory").get_by_text("日出全是雾 笑死")).to_be_visible()
            expect(page.locator("#compare-memory").get_by_text("2 条来源")).to_be_visible()
            assert bubbles(page, "compare-tuned") == ["害 好像是去海边了吧", "记不清啦"]
            assert bubbles(page, "compare-memory")[:2] == ["黄山呀", "住的光明顶山庄"]


@pytest.mark.parametrize(
    ("locale", "send", "label"), [("zh-CN", "发送", "AI 生成，非本人"), ("en-US", "Send", "AI-generated, not the person")]
)
def test_labels_follow_the_browser_and_the_ai_is_named(browser: Browser, stage: Stage, locale: str, send: str, label: str) -> None:
    for page in open_page(browser, stage.url, locale=locale):
        expect(page.locator("#chat-send")).to_have_text(send)
        expect(page.get_by_text(label)).to_be_visible()
        expect(page.locator("#heading")).to_contain_text("林晚")
        expect(page.locator("#heading code")).to_have_text("clone-agent tune")


def test_a_password_stands_before_everything_and_the_login_page_names_nobody(browser: Browser, tmp_path: Path) -> None:
    for stage in open_stage(tmp_path, password="correct-horse-battery"):
        for page in open_page(browser, stage.url):
            expect(page.get_by_text("AI 分身")).to_be_visible()
            page.wait_for_load_state("networkidle")
            for hidden in ("林晚", "一诺", "chat-log", "只有微调", "actor"):
                assert hidden not in page.content()
            log_in(page, "wrong-password")
            expect(page.get_by_text("凭据不正确")).to_be_visible()
            log_in(page, "correct-horse-battery")
            expect(page.locator("#heading")).to_contain_text("林晚")
            ask(page, "去黄山了吗")
            expect(page.get_by_text("光明顶山庄")).to_be_visible()


def log_in(page: Page, password: str, *, user: str = "friend") -> None:
    fields = page.locator("form input, input")
    fields.nth(0).fill(user)
    page.locator("input[type=password]").fill(password)
    page.get_by_role("button", name="登录").or_(page.get_by_role("button", name="Login")).first.click()
