"""A judge behind a real HTTP server of this test: what it reads, what it rules, and that nothing is asked twice or sent unasked."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from finetune.dataset import read_dataset
from ui.cli import main

CHAT = Path(__file__).parent.parent / "clone_agent" / "sample_life" / "exports" / "qq" / "浩哥.txt"


class Judge(ThreadingHTTPServer):
    """Finds replies without the sign 不 fitting, and remembers what it was asked."""

    asked: list[dict[str, object]]
    is_down = False


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Judge)
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append(request)
        reply = request["messages"][-1]["content"].rpartition("--- the reply to rate ---")[2]
        mark = "1" if "不" in reply else "Rating: 4"
        message = {"role": "assistant", "content": mark}
        body = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "j",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        }
        data = json.dumps(body).encode()
        self.send_response(500 if server.is_down else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def judge() -> Iterator[Judge]:
    server = Judge(("127.0.0.1", 0), _Answer)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--home", str(home)])


def test_what_the_judge_finds_unfit_is_left_out_and_nothing_is_asked_twice(tmp_path: Path, judge: Judge) -> None:
    run(tmp_path, "import", str(CHAT), "--timezone", "Asia/Shanghai")
    limits = ("dataset", "--since", "2023-12", "--until", "2024-01", "--json")
    plain = json.loads(run(tmp_path, *limits).stdout)
    address = ("--judge", f"http://127.0.0.1:{judge.server_port}/v1", "--judge-model", "j")
    done = run(tmp_path, *limits, *address)
    assert done.exit_code == 0, done.stderr
    ruled = json.loads(done.stdout)
    total = sum(plain["examples"].values())
    assert ruled["skipped"]["judged unfit"] > 0
    assert sum(ruled["examples"].values()) == total - ruled["skipped"]["judged unfit"]
    train, evaluation, _ = read_dataset(tmp_path / "dataset")
    assert not [example for example in (*train, *evaluation) if "不" in example.response]
    assert len(judge.asked) <= total
    assert judge.asked[0]["model"] == "j"
    asked = len(judge.asked)
    assert run(tmp_path, *limits, *address).exit_code == 0
    assert len(judge.asked) == asked
    kept = (tmp_path / "dataset" / "judged.jsonl").read_text(encoding="utf-8")
    assert not any(example.response in kept for example in train if len(example.response) > 4)


def test_a_judge_elsewhere_is_asked_only_with_consent(tmp_path: Path) -> None:
    run(tmp_path, "import", str(CHAT), "--timezone", "Asia/Shanghai")
    refused = run(tmp_path, "dataset", "--judge", "https://judge.invalid/v1", "--judge-model", "j")
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert "go to the server" in refused.stderr
    assert run(tmp_path, "dataset", "--judge", "http://127.0.0.1:9/v1").exit_code == 2, "a judge needs a model's name"


def test_a_judge_that_fails_is_an_error_that_keeps_the_old_dataset(tmp_path: Path, judge: Judge) -> None:
    run(tmp_path, "import", str(CHAT), "--timezone", "Asia/Shanghai")
    run(tmp_path, "dataset")
    before = read_dataset(tmp_path / "dataset")[2]
    judge.is_down = True
    failed = run(tmp_path, "dataset", "--judge", f"http://127.0.0.1:{judge.server_port}/v1", "--judge-model", "j")
    assert failed.exit_code == 1
    assert "The judge did not answer" in failed.stderr
    assert read_dataset(tmp_path / "dataset")[2] == before
