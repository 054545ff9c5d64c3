"""From an export to answers on the command line, with a tiny GLM: every command after the other on one data home."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import tiny_glm
from click.testing import CliRunner, Result
from web_stage import GRADIO_WARNINGS, free_port

from clone_agent.archive import Archive
from clone_agent.extracting import lasting
from clone_agent.home import DataHome
from finetune.adapter_files import save_adapter
from finetune.glm import load_model
from finetune.methods.registry import attach
from ui.cli import main
from ui.config import _File

COUSIN = Path(__file__).parent.parent / "clone_agent" / "sample_life" / "exports" / "qq" / "浩哥.txt"
QUESTION = "婚礼定在哪天"


def run(home: Path, *arguments: str | Path, **options: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--home", str(home)], **options)  # type: ignore[arg-type]  # passed on


def fields(home: Path, *arguments: str | Path) -> dict[str, object]:
    result = run(home, *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    loaded = json.loads(result.stdout)
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_glm.save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    """A home after import, dataset, tune and index."""
    home = tmp_path_factory.mktemp("home")
    for arguments in (
        ["import", str(COUSIN), "--timezone", "Asia/Shanghai"],
        ["dataset"],
        ["tune", "--base", str(base), "--max-steps", "2", "--set", "r=2", "--max-length", "128"],
        ["index"],
    ):
        result = run(home, *arguments)
        assert result.exit_code == 0, result.output
    (home / "clone-agent.toml").write_text("[memory]\ntop_k = 1\n", encoding="utf-8")
    return home


def test_dataset_says_how_many_examples_and_exports_pairs(home: Path, tmp_path: Path) -> None:
    told = fields(home, "dataset", "--export", tmp_path / "pairs.jsonl")
    assert told["examples"]["train"] > told["examples"]["eval"] > 0  # type: ignore[index]  # a nested object
    pairs = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(pairs) == told["exported"]
    assert set(pairs[0]) == {"prompt", "response", "history"}


def test_tune_reports_losses_and_samples(home: Path, base: Path) -> None:
    told = fields(home, "tune", "--base", base, "--method", "ptuning", "--max-steps", "2", "--max-length", "128", "--name", "second")
    assert told["adapter"] == "second"
    assert told["steps"] == 2
    assert told["finished"] is True
    assert isinstance(told["loss_before"], float)
    run(home, "tune", "--base", base, "--max-steps", "2", "--max-length", "128", "--name", "newest")


def test_a_method_that_is_not_there_is_an_error_that_lists_those_that_are(home: Path, base: Path) -> None:
    result = run(home, "tune", "--base", base, "--method", "magic")
    assert result.exit_code == 2
    assert "ptuning" in result.stderr


def test_a_name_that_no_adapter_may_have_is_told_in_a_dry_run_too(home: Path, base: Path) -> None:
    for name in ("none", "../x"):
        assert run(home, "tune", "--base", base, "--name", name, "--dry-run").exit_code == 2


def test_a_setting_without_a_value_is_a_wrong_usage(home: Path, base: Path) -> None:
    assert run(home, "tune", "--base", base, "--set", "r").exit_code == 2


def test_a_missing_model_exits_4_with_the_remedy(home: Path, tmp_path: Path) -> None:
    result = run(home, "tune", "--base", tmp_path / "nowhere")
    assert result.exit_code == 4
    assert "hub name" in result.stderr
    assert run(home, "ask", QUESTION, "--adapter", "nowhere").exit_code == 4


def test_indexing_again_adds_nothing(home: Path) -> None:
    told = fields(home, "index")
    assert told["passages"] > 100  # type: ignore[operator]  # a number
    assert (told["added"], told["removed"]) == (0, 0)


def test_recall_shows_who_when_and_which_messages(home: Path) -> None:
    told = fields(home, "recall", QUESTION)
    hits = told["hits"]
    assert isinstance(hits, list)
    assert any("婚" in hit["text"] for hit in hits)
    assert set(hits[0]) == {"at", "person", "person_id", "is_owner", "chat", "is_live", "text", "score", "message_ids"}
    assert hits == sorted(hits, key=lambda hit: hit["at"])
    assert run(home, "recall", QUESTION).stdout.count("2024-") >= 1


def test_recall_can_be_limited_in_time(home: Path) -> None:
    hits = fields(home, "recall", QUESTION, "--before", "2023-01-01")["hits"]
    assert isinstance(hits, list)
    assert hits
    assert all(hit["at"] < "2023" for hit in hits)


def test_ask_answers_with_its_sources(home: Path) -> None:
    told = fields(home, "ask", QUESTION)
    assert set(told) == {"question", "answer", "bubbles", "sources", "confidence", "is_confident", "model", "adapter", "seconds"}
    assert told["question"] == QUESTION
    assert told["adapter"] is not None
    assert len(told["sources"]) <= 1  # type: ignore[arg-type]  # a list
    assert told["sources"]


def test_ask_without_memory_has_no_sources_and_needs_no_lock(home: Path, base: Path) -> None:
    with DataHome(home).lock():
        told = fields(home, "ask", QUESTION, "--no-memory", "--adapter", "none", "--base", base)
    assert told["sources"] == []
    assert (told["confidence"], told["adapter"]) == (None, None)


def test_compare_answers_every_question_four_ways(home: Path, tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    lines = [
        {
            "question": QUESTION,
            "asked_at": "2024-06-01T20:00:00+08:00",
            "accept": [["5月2", "5.2"]],
            "category": "when",
            "answer": "5月2号",
        },
        {"question": "你去过西安吗", "category": "never"},
    ]
    questions.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    told = fields(home, "compare", questions, "--out", tmp_path / "answers.jsonl")
    kinds = ["base", "tuned", "base+memory", "tuned+memory"]
    assert list(told["right"]) == kinds  # type: ignore[call-overload]  # an object
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [[answer["kind"] for answer in row["answers"]] for row in rows] == [kinds, kinds]
    assert [answer["sources"] != [] for answer in rows[0]["answers"]] == [False, False, True, True]
    assert rows[0]["expected"] == "5月2号"
    assert all(isinstance(answer["is_right"], bool) for row in rows for answer in row["answers"])


def test_compare_prints_a_table_and_where_the_answers_are(home: Path, tmp_path: Path) -> None:
    (tmp_path / "questions.txt").write_text("# mine\n婚礼定在哪天\n", encoding="utf-8")
    result = run(home, "compare", tmp_path / "questions.txt")
    assert result.exit_code == 0
    assert "tuned+memory" in result.stdout
    assert (home / "comparisons" / "questions.jsonl").is_file()


@pytest.fixture
def tuned_in_full(home: Path, base: Path, tmp_path: Path) -> Path:
    """A home whose newest adapter is one of full tuning, which leaves no base to switch to."""
    copy = shutil.copytree(home, tmp_path / "home")
    loaded = load_model(base)
    facts = {"dataset": {"hash": "x"}, "losses": {"before": None, "after": None}, "training": {}, "samples": []}
    save_adapter(copy / "adapters" / "full", attach(loaded.model, "full", {}), loaded, facts)
    return copy


def test_compare_shows_a_fully_tuned_model_alone_and_says_why(tuned_in_full: Path, tmp_path: Path) -> None:
    (tmp_path / "questions.txt").write_text(QUESTION, encoding="utf-8")
    result = run(tuned_in_full, "compare", tmp_path / "questions.txt", "--json")
    assert result.exit_code == 0, result.stderr
    assert list(json.loads(result.stdout)["right"]) == ["tuned", "tuned+memory"]
    assert "full was tuned in full" in result.stderr
    assert "--adapter none" in result.stderr


@pytest.mark.filterwarnings(*GRADIO_WARNINGS)
def test_a_fully_tuned_model_chats_in_the_browser(tuned_in_full: Path) -> None:
    port = free_port()
    with chat_process(tuned_in_full, port) as (process, url):
        assert "clone-agent" in httpx.get(url, trust_env=False, timeout=30).text
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_the_terminal_chat_answers_line_by_line(home: Path) -> None:
    result = run(home, "chat", "--terminal", "--json", "--no-live-memory", input="你好\n婚礼定在哪天\n")
    assert result.exit_code == 0
    assert [json.loads(line)["question"] for line in result.stdout.splitlines()] == ["你好", "婚礼定在哪天"]


def test_what_is_told_in_the_terminal_chat_is_recalled_later_and_marked(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    result = run(copy, "chat", "--terminal", "--json", input="记住我的储物柜在三楼\n忘掉没人说过的话\n")
    assert result.exit_code == 0, result.stderr
    assert [json.loads(line)["answer"] for line in result.stdout.splitlines()] == ["好，记住了。", "没有找到可以忘掉的消息。"]
    hits = fields(copy, "recall", "储物柜在几楼")["hits"]
    assert any(hit["is_live"] and "三楼" in hit["text"] for hit in hits)  # type: ignore[attr-defined]  # a list
    status = fields(copy, "status")
    assert (status["messages"], status["dataset"]["is_stale"]) == (497, False)  # type: ignore[index]  # an object


def test_status_tells_what_is_there_and_what_is_stale(home: Path) -> None:
    told = fields(home, "status")
    assert {
        "home",
        "chats",
        "messages",
        "people",
        "owner",
        "first",
        "last",
        "sizes",
        "dataset",
        "adapters",
        "unusable",
        "memory",
        "next",
    } == set(told)
    assert told["messages"] == 496
    assert told["dataset"]["is_stale"] is False  # type: ignore[index]  # an object
    assert told["memory"]["pending"] == 0  # type: ignore[index]  # an object
    assert run(home, "status").stdout.strip().splitlines()[-1] == f"Next: {told['next']}"


def test_status_names_adapters_that_are_damaged_unfinished_or_older_than_their_base(home: Path, base: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    adapters = copy / "adapters"
    for other in adapters.iterdir():  # of other tests
        if other.is_dir() and other.name != "lora":
            shutil.rmtree(other)
    for name in ("cut", "begun"):
        shutil.copytree(adapters / "lora", adapters / name)
    weights = adapters / "cut" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    (adapters / "begun" / "manifest.json").unlink()
    config = (base / "config.json").read_text(encoding="utf-8")
    assert (fields(copy, "status")["adapters"][0]["problem"], fields(copy, "status")["next"]) == (None, "clone-agent chat")  # type: ignore[index]  # objects
    try:
        (base / "config.json").write_text(config + "\n", encoding="utf-8")
        told = fields(copy, "status")
        shown = " ".join(run(copy, "status", env={"COLUMNS": "400"}).stdout.split())
    finally:
        (base / "config.json").write_text(config, encoding="utf-8")
    assert [one["name"] for one in told["adapters"]] == ["lora"]  # type: ignore[attr-defined]  # a list
    assert "earlier version" in told["adapters"][0]["problem"]  # type: ignore[index]  # an object
    assert [one["problem"] for one in told["unusable"]] == ["The adapter begun is unfinished.", "The adapter cut is truncated."]  # type: ignore[attr-defined]  # a list
    assert told["next"] == "clone-agent tune"
    # A long path breaks the line between "earlier" and "version", with the size of the adapter between them.
    assert all(words in shown for words in ("earlier", "begun is unfinished", "cut is truncated"))


def test_a_damaged_vector_index_exits_5_and_is_made_again(home: Path) -> None:
    shutil.rmtree(home / "vectors")
    result = run(home, "verify")
    assert result.exit_code == 5
    assert "clone-agent rebuild" in result.stderr
    assert fields(home, "verify", "--fix")["vectors"] == "rebuilt"
    for path in (home / "vectors").rglob("*.sqlite3"):
        path.write_bytes(b"no index any more" * 99)
    assert run(home, "recall", QUESTION).exit_code == 5
    before = fields(home, "status")["memory"]
    told = fields(home, "rebuild")
    assert told["passages"] == before["passages"]  # type: ignore[index]  # an object
    assert fields(home, "verify") == {"archive": "ok", "vectors": "ok", "problem": None, "pending": 0}
    assert fields(home, "recall", QUESTION)["hits"]


def test_what_was_mended_waits_for_no_index(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    with Archive.open(copy) as archive:
        (info,) = archive.conversations()
        last = list(archive.messages(info.conversation.id))[-1]
        archive.add([info.conversation, replace(last, id="f" * 32, text="还有一句")])
        archive.keep_fact("forgetting_unfinished", "1")
    assert fields(copy, "status")["memory"]["pending"] == 1  # type: ignore[index]  # an object
    told = fields(copy, "verify", "--fix")
    assert (told["vectors"], told["pending"]) == ("rebuilt", 0)
    assert fields(copy, "status")["memory"]["pending"] == 0  # type: ignore[index]  # an object


def test_sharing_without_a_password_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLONE_AGENT_PASSWORD", raising=False)
    result = run(home, "chat", "--share", "--yes")
    assert result.exit_code == 2
    assert "needs a password" in result.stderr
    monkeypatch.setenv("CLONE_AGENT_PASSWORD", "short")
    assert "shorter than 12" in run(home, "chat", "--share", "--yes").stderr


def test_sharing_says_what_it_exposes_and_needs_consent(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLONE_AGENT_PASSWORD", "correct-horse-battery")
    result = run(home, "chat", "--share")
    assert result.exit_code == 2
    assert "plain text" in result.stderr
    assert "--yes" in result.stderr
    assert "correct-horse" not in result.output


def bytes_below(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_forgetting_shows_numbers_first_and_changes_nothing_in_a_dry_run(home: Path) -> None:
    answers = home / "comparisons" / "mine.jsonl"
    answers.parent.mkdir(exist_ok=True)
    sources = fields(home, "recall", QUESTION)["hits"]
    answers.write_text("\n".join(json.dumps(row) for row in ({"sources": sources}, {"question": "别的"})) + "\n", encoding="utf-8")
    told = fields(home, "forget", "--phrase", "婚", "--dry-run")
    assert (told["is_done"], told["dataset"], told["runs"]) == (False, True, [])
    assert told["messages"] > 1  # type: ignore[operator]  # a number
    assert "lora" in told["adapters"]  # type: ignore[operator]  # an object
    assert {"path": str(answers), "lines": 1} in told["files"]  # type: ignore[operator]  # a list
    shown = run(home, "forget", "--phrase", "婚", "--dry-run").stdout
    assert "is marked" in shown
    assert "酒店" not in shown
    assert fields(home, "status")["messages"] == 496


def test_forgetting_needs_a_wish_and_consent_and_is_not_for_oneself(home: Path) -> None:
    assert run(home, "forget").exit_code == 2
    refused = run(home, "forget", "--phrase", "婚")
    assert refused.exit_code == 2
    assert "cannot be undone" in refused.stderr
    assert "--yes" in refused.stderr
    assert "That is you" in run(home, "forget", "--person", "林晚不晚睡").stderr
    assert "fits nobody" in run(home, "forget", "--person", "不认识").stderr
    assert "fits no stored chat" in run(home, "forget", "--chat", "不认识").stderr
    assert "No stored message fits" in run(home, "forget", "--phrase", "从没说过的话呀").stdout


def test_a_forgotten_phrase_is_nowhere_in_the_home_and_the_adapter_is_marked(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    before = fields(copy, "recall", QUESTION)
    sentences = [hit["text"].split("\n")[0] for hit in before["hits"] if "婚" in hit["text"].split("\n")[0]]  # type: ignore[attr-defined]  # a list
    assert sentences
    told = fields(copy, "forget", "--phrase", "婚", "--yes")
    assert told["is_done"] is True
    held = bytes_below(copy)
    assert [text for text in sentences if text.encode() in held] == []
    status = fields(copy, "status")
    assert status["messages"] == 496 - told["messages"]  # type: ignore[operator]  # numbers
    assert status["dataset"] is None
    assert status["memory"]["pending"] == 0  # type: ignore[index]  # an object
    assert all(adapter["forgotten"] > 0 for adapter in status["adapters"])  # type: ignore[attr-defined]  # a list
    assert "forgotten since" in run(copy, "status").stdout
    asked = run(copy, "ask", QUESTION)
    assert "may still repeat them" in asked.stderr
    assert run(copy, "verify").exit_code == 0
    again = fields(copy, "import", COUSIN, "--timezone", "Asia/Shanghai")
    assert again["added"] == 0


class Server(BaseHTTPRequestHandler):
    """An OpenAI-compatible server that answers every chat with the same words, streamed."""

    asked: list[dict[str, object]] = []
    words: tuple[str, ...] = ("五月二号", "\n", "在成都")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Server.asked.append({"path": self.path, **body})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for words in Server.words:
            choice = {"index": 0, "delta": {"role": "assistant", "content": words}}
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "tiny", "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Server.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def test_a_server_on_this_machine_answers_without_a_question(home: Path, server: str) -> None:
    told = fields(home, "ask", QUESTION, "--server", server, "--model", "tiny")
    assert told["answer"] == "五月二号\n在成都"
    assert told["bubbles"] == ["五月二号", "在成都"]
    assert (told["model"], told["adapter"]) == ("tiny", None)
    assert [one["path"] for one in Server.asked] == ["/v1/chat/completions"]
    assert "记忆" in str(Server.asked[0]["messages"])


def test_private_text_goes_to_a_server_elsewhere_only_with_consent(home: Path) -> None:
    result = run(home, "ask", QUESTION, "--server", "https://models.example/v1", "--model", "tiny")
    assert result.exit_code == 2
    assert "other people's words" in result.stderr
    assert "--yes" in result.stderr


def test_a_profile_is_made_by_the_model_shown_and_told_with_every_question(
    home: Path, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    assert fields(copy, "profile", "--show") == {"people": [], "prompts": 0}
    with Archive.open(copy) as archive:
        cousin, *_ = [person for person in archive.people() if not person.is_owner]
        (first, *_) = lasting(archive.said_by([cousin.id]))
    monkeypatch.setattr(Server, "words", (first.text[:20], "[1]"))
    told = fields(copy, "profile", "--person", cousin.id, "--server", server, "--model", "tiny")
    assert told["people"] == [
        {"id": cousin.id, "name": cousin.name, "lines": [{"says": " ".join(first.text[:20].split()), "messages": [first.id]}]}
    ]
    assert told["prompts"] == len(Server.asked) > 0
    assert cousin.name in run(copy, "profile", "--show").stdout
    fields(copy, "ask", QUESTION, "--server", server, "--model", "tiny")
    assert f"{cousin.name}：{' '.join(first.text[:20].split())}" in str(Server.asked[-1]["messages"])
    assert fields(copy, "forget", "--message", first.id, "--yes")["profile"] == 1
    assert fields(copy, "profile", "--show")["people"] == []


def test_a_server_needs_the_name_of_a_model(home: Path, server: str) -> None:
    result = run(home, "ask", QUESTION, "--server", server)
    assert result.exit_code == 2
    assert "--model NAME" in result.stderr
    assert Server.asked == []


@pytest.mark.filterwarnings(*GRADIO_WARNINGS)
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_chat_serves_the_page_and_ends_when_asked_to(home: Path, stop: signal.Signals) -> None:
    port = free_port()
    with chat_process(home, port) as (process, url):
        assert url == f"http://127.0.0.1:{port}/"
        assert "clone-agent" in httpx.get(url, trust_env=False, timeout=30).text
        with httpx.stream("GET", f"{url}gradio_api/heartbeat/a-visitor", trust_env=False, timeout=30) as page_left_open:
            assert page_left_open.status_code == 200
            process.send_signal(stop)
            assert process.wait(timeout=60) == 0
    with DataHome(home).lock():
        pass  # nobody holds it any more


@contextmanager
def chat_process(home: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`clone-agent chat --json` as a process of its own, and the address that it prints; killed if it still runs at the end."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "ui.cli", "chat", "--json", "--port", str(port), "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


def test_a_question_that_cannot_be_answered_does_not_cost_the_others(home: Path, tmp_path: Path) -> None:
    (tmp_path / "questions.txt").write_text("婚礼定在哪天\n", encoding="utf-8")
    result = run(home, "compare", tmp_path / "questions.txt", "--top-k", "30", "--json")  # more than the tiny model can read
    assert result.exit_code == 3
    answers = json.loads(result.stdout)["answers"][0]["answers"]
    assert [answer["error"] is None for answer in answers] == [True, True, False, False]
    assert "lower top_k" in result.stderr


def promised(command: str) -> str:
    """What ui/README.md says that a command prints with `--json`."""
    readme = (Path(__file__).parent.parent / "ui" / "README.md").read_text(encoding="utf-8")
    return next(line for line in readme.splitlines() if re.match(rf"\| `{command}` \| (`|the manifest)", line)).split("|", 2)[2]


def documented(command: str, *, instead: bool = False) -> set[str]:
    """The top-level fields that ui/README.md promises for a command, or those that an option of it prints instead."""
    text = promised(command)
    while (flat := re.sub(r"\[[^\[\]]*\]|\{[^{}]*\}|\([^()]*\)", "", text)) != text:
        text = flat
    told = text.partition(" instead ")[2] if instead else text.split(";")[0]
    return set(re.findall(r"`(\w+)`", told))


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["index"],
        ["recall", QUESTION],
        ["ask", QUESTION],
        ["verify"],
        ["rebuild"],
        ["formats"],
        ["people", "浩哥"],
        ["models"],
        ["profile", "--show"],
        ["vote"],
        ["forget", "--phrase", "没人说过", "--dry-run"],
        ["import", str(COUSIN), "--timezone", "Asia/Shanghai"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_json_has_the_fields_that_the_readme_promises(home: Path, arguments: list[str]) -> None:
    assert set(fields(home, *arguments)) == documented(arguments[0])


@pytest.mark.parametrize("arguments", [["guest", "--log"], ["dataset", "--explain", "浩哥.txt:100"]], ids=lambda arguments: arguments[0])
def test_json_of_an_option_has_the_fields_that_the_readme_promises_instead(home: Path, arguments: list[str]) -> None:
    assert set(fields(home, *arguments)) == documented(arguments[0], instead=True)


def test_a_dry_run_of_tuning_prints_its_plan_as_the_result_and_writes_nothing(home: Path, base: Path) -> None:
    options = ["tune", "--base", str(base), "--max-steps", "2", "--max-length", "128", "--name", "planned", "--dry-run"]
    shown = run(home, *options)
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.startswith(f"lora on {base}: ")
    plan = fields(home, *options)
    assert plan["steps"] == 2
    assert all(f"`{name}`" in promised("tune") for name in plan)
    assert not (home / "adapters" / "planned").exists()


def test_a_run_that_never_began_is_not_resumed_in_silence(home: Path, base: Path) -> None:
    tuned = run(home, "tune", "--base", str(base), "--max-steps", "1", "--max-length", "128", "--name", "misspelt", "--resume")
    assert tuned.exit_code == 0
    assert "no interrupted run misspelt" in tuned.stderr
    shutil.rmtree(home / "adapters" / "misspelt")


def test_the_readme_names_every_command_and_every_setting() -> None:
    readme = (Path(__file__).parent.parent / "ui" / "README.md").read_text(encoding="utf-8")
    names = [f"{name} {inner}" if inner else name for name, one in main.commands.items() for inner in getattr(one, "commands", [""])]
    assert [name for name in names if f"| `{name}` |" not in readme] == []
    for section, model in _File.model_fields.items():
        for key in model.annotation.model_fields:  # type: ignore[union-attr]  # a section is a model
            assert f"`{section.rstrip('_')}.{key}`" in readme
