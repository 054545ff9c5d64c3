"""Killed at the commits of indexing and of forgetting, the home is whole again after `verify --fix`, and nothing is half forgotten."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_recall import NING, messages

from clone_agent.archive import Archive
from clone_agent.forgetting import is_unfinished
from memory.recall import MemoryIndex
from ui.cli import main

# The process counts the statements that end a step, and kills itself before the one that was asked for.
CHILD = """
import os, signal, sys
from pathlib import Path
from clone_agent.archive import Archive
from clone_agent.forgetting import Wish
from clone_agent.home import DataHome
home, action, left = Path(sys.argv[1]), sys.argv[2], [int(sys.argv[3])]
archive = Archive.open(home)
def tick(sql):
    if sql.startswith(("COMMIT", "VACUUM", "PRAGMA wal_checkpoint")):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
if action == "index":
    from memory.recall import MemoryIndex
    memory = MemoryIndex.open(home, archive)
    archive.connection.set_trace_callback(tick)
    memory.index()
else:
    from ui.erasing import carry_out, plan_forgetting
    plan = plan_forgetting(DataHome(home), archive, Wish(people=(sys.argv[4],)))
    archive.connection.set_trace_callback(tick)
    carry_out(DataHome(home), archive, plan)
"""


def kill(home: Path, action: str, after: int) -> None:
    command = [sys.executable, "-c", CHILD, str(home), action, str(after), f"qq:{NING}"]
    assert subprocess.run(command, check=False, env={**os.environ, "PYTHONWARNINGS": "ignore"}).returncode == -signal.SIGKILL


def mended(home: Path) -> dict[str, object]:
    result = CliRunner().invoke(main, ["verify", "--fix", "--json", "--home", str(home)])
    assert result.exit_code == 0, result.output
    with Archive.open(home) as archive:
        assert not is_unfinished(archive.connection)
        memory = MemoryIndex.open(home, archive)
        memory.index()
        assert memory.verify() == ()
        memory.close()
    loaded = json.loads(result.stdout)
    assert isinstance(loaded, dict)
    return loaded


def spoken(home: Path) -> list[int]:
    with Archive.open(home) as archive:
        rows = archive.connection.execute("SELECT count(*), sum(sender = ?) FROM messages", (NING,)).fetchone()
    return [int(number or 0) for number in rows]


@pytest.mark.parametrize("after", [3])
def test_killed_while_indexing(tmp_path: Path, after: int) -> None:
    with Archive.open(tmp_path, create=True) as archive:
        archive.add(messages())
    before = spoken(tmp_path)
    kill(tmp_path, "index", after)
    mended(tmp_path)
    assert spoken(tmp_path) == before


def test_killed_while_forgetting(tmp_path: Path) -> None:
    with Archive.open(tmp_path, create=True) as archive:
        archive.add(messages())
        memory = MemoryIndex.open(tmp_path, archive)
        memory.index()
        memory.close()
    before = spoken(tmp_path)
    kill(tmp_path, "forget", 0)
    assert mended(tmp_path)["vectors"] == "ok"
    assert spoken(tmp_path) == before, "before its commit nothing is forgotten"
    kill(tmp_path, "forget", 2)
    assert spoken(tmp_path) == [before[0] - before[1], 0], "after it everything is"
    assert mended(tmp_path)["problem"] == "A forgetting was cut short."
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "我找到新工作了".encode() not in held
