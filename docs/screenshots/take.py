"""Takes the pictures of this folder: `python docs/screenshots/take.py HOME`, on the home that `make demo` made (.demo-home).

Serves `clone-agent chat` and drives it in a headless Chromium, in light and dark.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

HERE = Path(__file__).parent
DAY = "2024-07-29"
TALK = ("在干嘛呢", "第一次去爬山是哪天来着")
COMPARED = "去年国庆我们吃的那家店叫什么"
PATIENCE_MS = 120_000


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--talk", nargs="+", default=TALK)
    parser.add_argument("--compared", default=COMPARED)
    options = parser.parse_args()
    with serving(options.home) as url, sync_playwright() as playwright:
        found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            take(browser, url, scheme, options.talk, options.compared)
        browser.close()


def take(browser: Browser, url: str, scheme: str, talk: list[str], compared: str) -> None:
    """The chat and the compare tab in one colour scheme."""
    context = browser.new_context(locale="zh-CN", color_scheme=scheme, viewport={"width": 1180, "height": 780})  # type: ignore[arg-type]  # "light" or "dark"
    page = context.new_page()
    page.goto(url)
    for question in talk:
        ask(page, "chat", question)
    page.locator("#chat-log .bot-row .thought-group > .title").last.click()
    page.locator("#chat-log .thought-group .thought-group > .title").first.click()
    page.locator("#chat-log .thought-group .thought-group .message-content").first.scroll_into_view_if_needed()
    page.wait_for_timeout(600)
    page.screenshot(path=HERE / f"chat-{scheme}.png")
    page.get_by_role("tab").nth(1).click()
    ask(page, "compare", compared)
    page.wait_for_timeout(600)
    page.screenshot(path=HERE / f"compare-{scheme}.png")
    context.close()


def ask(page: Page, where: str, question: str) -> None:
    """Ask and wait until the answer is whole."""
    rows = page.locator("#chat-log .bot-row" if where == "chat" else "#compare-memory .bot-row")
    before = rows.count()
    box = page.locator(f"#{where}-question textarea")
    box.fill(question)
    box.press("Enter")
    expect(rows).not_to_have_count(before, timeout=PATIENCE_MS)
    page.wait_for_timeout(1_000)
    expect(page.locator(f"#{where}-send")).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_timeout(2_000)  # the other side of the comparison


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """The page of a home, on a process of its own."""
    command = [sys.executable, "-m", "ui.cli", "chat", "--json", "--on", DAY, "--port", "7893", "--home", str(home)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait(timeout=60)


if __name__ == "__main__":
    main()
