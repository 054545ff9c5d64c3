"""First word and sources in the browser: `python benchmarks/browser_sources.py [--messages 200000] [--questions 20] [--home DIR]`.

Grows the sample life by generated chats, imports and indexes all of it, serves `clone-agent chat` and asks questions of the development
half in a headless Chromium, each on a page of its own. The page itself notes when the question was sent, when the first word of the reply
and when its folded sources stood there: seconds as a visitor lives them, on this machine with whatever else it does. Each question is asked
as of now and, on a second server, as of a day after everything (`--on`), so that what would be said later is left out, which is nothing.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from memory_scale import messages
from playwright.sync_api import Browser, sync_playwright

from clone_agent.archive import Archive
from clone_agent.sample_life.build import EXPORTS
from clone_agent.sample_life.questions import LifeQuestion, load_questions

WAIT_S = 600  # for a start, a page or a reply, on a machine that does other things
AS_OF = "2026-01-01"
# Notes the moments in the page: a word is text of a bubble outside the folded parts; the sources are a folded part that says how many.
WATCH = """(label) => {
  const log = document.querySelector('#chat-log');
  window.noted = {};
  const note = (name) => { if (!(name in window.noted)) window.noted[name] = performance.now(); };
  const look = () => {
    for (const one of log.querySelectorAll('.bot-row .message-content'))
      if (!one.closest('.thought-group') && one.innerText.trim()) note('word');
    for (const one of log.querySelectorAll('.bot-row .thought-group > .title'))
      if (label.some((text) => one.innerText.includes(text))) note(one.innerText.includes(label[0]) ? 'sources' : 'none');
  };
  new MutationObserver(look).observe(log, {childList: true, subtree: true, characterData: true});
  const box = document.querySelector('#chat-question textarea');
  box.addEventListener('keydown', (event) => { if (event.key === 'Enter') note('sent'); }, true);
}"""
LABELS = ("条来源", "没有找到相关的聊天记录", "找到的聊天记录里没有答案")
DONE = "() => 'sources' in window.noted || 'none' in window.noted"


def run(home: Path, *words: str) -> None:
    """One command of the program on a home."""
    subprocess.run([sys.executable, "-m", "ui.cli", *words, "--home", str(home)], check=True, stdout=subprocess.DEVNULL)


def grow(home: Path, count: int) -> None:
    """The sample life with as many generated messages as make `count`, indexed."""
    run(home, "import", str(EXPORTS), "--name", "林晚", "--timezone", "Asia/Shanghai")
    with Archive.open(home) as archive:
        lived = sum(info.messages for info in archive.conversations())
        archive.add(messages(count - lived))
    began = time.monotonic()
    run(home, "index")
    print(f"{lived:,} messages of the sample life grown to {count:,}; indexed in {time.monotonic() - began:.0f} s", flush=True)


@contextmanager
def served(home: Path, *options: str) -> Iterator[str]:
    """The chat of a home, its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "ui.cli", "chat", "--home", str(home), "--port", str(port), *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as server:
        try:
            for _ in range(WAIT_S):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if server.poll() is not None:
                    break
                time.sleep(1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def ask(browser: Browser, url: str, question: str) -> tuple[float, float, bool]:
    """Seconds to the first word, seconds from it to the sources, and whether there were any rather than a note that nothing fits."""
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(1000 * WAIT_S)
    page.goto(url)
    box = page.locator("#chat-question textarea")
    box.fill(question)
    page.evaluate(WATCH, list(LABELS))
    box.press("Enter")
    page.wait_for_function(DONE, polling=20)
    noted: dict[str, float] = page.evaluate("() => window.noted")
    context.close()
    shown = noted.get("sources", noted.get("none", 0.0))
    word = noted.get("word", shown)
    return (word - noted["sent"]) / 1000, (shown - word) / 1000, "sources" in noted


def measure(home: Path, questions: Sequence[LifeQuestion], *options: str) -> str:
    """One table row."""
    executable = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
    with served(home, *options) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        ask(browser, url, questions[0].question)  # loads what is loaded once; small talk would have no sources
        rows = [ask(browser, url, question.question) for question in questions]
        browser.close()
    word, later = (np.array(values) for values in list(zip(*rows, strict=True))[:2])
    figures = (f"{np.percentile(values, 50):.2f} / {np.percentile(values, 95):.2f} / {values.max():.2f}" for values in (word, later))
    within = f"{(later <= 1).sum()} of {len(later)}"
    return f"| {' '.join(options) or 'now'} | {' | '.join(figures)} | {within} | {sum(row[2] for row in rows)} |"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--home", type=Path, help="keep the grown life here, and use it again when it is there")
    arguments = parser.parse_args()
    asked = [each for each in load_questions() if each.split == "dev" and not each.never_happened]
    asked = asked[:: max(1, len(asked) // arguments.questions)][: arguments.questions]
    with tempfile.TemporaryDirectory() as folder:
        home = arguments.home or Path(folder) / "home"
        if not (home / "archive.sqlite3").is_file():
            grow(home, arguments.messages)
        print("| asked as of | first word, s: p50 / p95 / most | sources after it, s: p50 / p95 / most | within a second | with sources |")
        print("|---|---|---|---|---|")
        for options in ((), ("--on", AS_OF)):
            print(measure(home, asked, *options), flush=True)


if __name__ == "__main__":
    main()
