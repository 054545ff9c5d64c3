"""The whole way without a network: nothing needs one, nothing tries to reach one, and nothing is left outside the data home."""

import json
import os
import subprocess
import sys
from pathlib import Path

import tiny_glm

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "benchmarks" / "offline.py"
COUSIN = ROOT / "clone_agent" / "sample_life" / "exports" / "qq" / "浩哥.txt"


def offline(*commands: str) -> tuple[int, dict[str, object]]:
    """The exit code and the figures of the script; on a system without namespaces they are those of the audit hook alone."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *commands], capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_from_the_import_to_the_page_nothing_needs_or_tries_the_network(tmp_path: Path) -> None:
    base = tiny_glm.save(tmp_path / "tiny")
    told = json.loads((base / "config.json").read_text(encoding="utf-8"))
    (base / "config.json").write_text(json.dumps({**told, "max_position_embeddings": 4096}), encoding="utf-8")  # room for memories
    code, told = offline(
        f"import {COUSIN} --timezone Asia/Shanghai",
        "dataset",
        f"tune --base {base} --max-steps 1 --set r=2 --max-length 64",
        "index",
        f"chat --base {base}",
    )
    assert told["commands"] == {"import": 0, "dataset": 0, "tune": 0, "index": 0, "chat": 0}
    assert (told["page_answered"], told["reached_out"], told["files_outside_the_home"]) == (True, 0, 0)
    assert told["packets_without_a_way"] in (0, None)
    assert code == 0


def test_what_does_reach_out_is_counted() -> None:
    ask = "ask hello --no-memory --server http://clone-agent.invalid:9/v1 --model m --yes"
    code, told = offline(f"import {COUSIN} --timezone Asia/Shanghai", ask)
    assert told["commands"] == {"import": 0, "ask": 1}
    assert told["reached_out"]
    assert told["packets_without_a_way"] is None or told["packets_without_a_way"]
    assert code == 1
