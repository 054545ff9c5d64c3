"""Vectors on a real Chroma server on this machine: the same answers, moved there and back, nothing left behind."""

import gc
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import chromadb
import pytest
from click.testing import CliRunner
from test_recall import LIFE, NOW, messages, said
from web_stage import free_port

from clone_agent.archive import Archive
from clone_agent.errors import StoreError, UsageError
from clone_agent.forgetting import Wish
from clone_agent.home import DataHome
from memory.recall import MemoryIndex
from ui.cli import main
from ui.erasing import carry_out, plan_forgetting

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
STARTS_WITHIN_S = 60


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """The client of Chroma leaves its sockets to the garbage collection, which must not come about in another test."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    program = shutil.which("chroma") or str(Path(sys.executable).with_name("chroma"))
    command = [program, "run", "--host", "127.0.0.1", "--port", str(port), "--path", str(tmp_path_factory.mktemp("chroma"))]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the Chroma server did not start")


def collections(server: str) -> list[str]:
    with chromadb.HttpClient(host="127.0.0.1", port=int(server.rpartition(":")[2])) as client:
        return sorted(held.name for held in client.list_collections())


def test_a_server_is_a_drop_in_and_the_vectors_can_move_there_and_back(server: str, tmp_path: Path) -> None:
    with Archive.open(tmp_path, create=True) as archive:
        archive.add(messages(LIFE))
        here = MemoryIndex.open(tmp_path, archive)
        here.index()
        expected = here.search("黄山住宿", now=NOW)
        here.close()
        with pytest.raises(StoreError, match="lie elsewhere"):
            MemoryIndex.open(tmp_path, archive, server=server)
        there = MemoryIndex(tmp_path, archive, server=server)
        there.rebuild()
        assert not list((tmp_path / "vectors").glob("g*"))
        assert there.search("黄山住宿", now=NOW) == expected
        assert there.verify() == ()
        there.close()
        assert len(collections(server)) == 2
        again = MemoryIndex.open(tmp_path, archive, server=server)
        assert again.index().added == 0
        again.close()
        home = DataHome(tmp_path)
        carry_out(home, archive, plan_forgetting(home, archive, Wish(phrases=("白云宾馆",))))
        assert collections(server) == [], "what was forgotten is gone from the server's collections, too"
        after = MemoryIndex.open(tmp_path, archive, server=server)
        after.index()
        assert "白云" not in said(after.search("白云宾馆", now=NOW))
        after.close()
        back = MemoryIndex(tmp_path, archive)
        back.rebuild()
        assert back.verify() == ()
        back.close()
        assert collections(server) == []


def test_forgetting_reaches_the_server_that_is_named(server: str, tmp_path: Path) -> None:
    with Archive.open(tmp_path, create=True) as archive:
        archive.add(messages(LIFE))
        there = MemoryIndex(tmp_path, archive, server=server)
        there.index()
        there.close()
    command = ["forget", "--phrase", "白云宾馆", "--yes", "--chroma", server, "--home", str(tmp_path), "--json"]
    told = json.loads(CliRunner().invoke(main, command, catch_exceptions=False).stdout)
    assert told["is_done"]
    with Archive.open(tmp_path) as archive:
        after = MemoryIndex.open(tmp_path, archive, server=server)
        assert after.pending() == 0, "what stood around it is on the server again"
        assert after.verify() == ()
        after.close()
        MemoryIndex(tmp_path, archive).rebuild()
    assert collections(server) == []


def test_a_server_that_does_not_run_or_has_no_address_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with Archive.open(tmp_path, create=True) as archive:
        archive.add(messages(LIFE))
        with pytest.raises(StoreError, match="does not answer") as caught:
            MemoryIndex(tmp_path, archive, server=f"http://127.0.0.1:{free_port()}").index()
        assert "chroma run" in caught.value.remedy
        with pytest.raises(UsageError, match="not a URL"):
            MemoryIndex(tmp_path, archive, server="localhost")
