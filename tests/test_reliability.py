"""An import survives what happens to programs: killed, interrupted, a full disk, a second process, a zip that is made to hurt."""

import errno
import json
import os
import re
import resource
import signal
import sqlite3
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from same_chat import QQ, part_of, put, scene

from clone_agent.archive import Archive
from clone_agent.errors import CloneError, LockedError
from clone_agent.home import DataHome
from clone_agent.storage import storage_errors
from ui.cli import main

ROOT = Path(__file__).parent.parent
CLI = [sys.executable, "-m", "ui.cli"]
ENDS_WITHIN_S = 60  # it ends in a fraction of a second; how early is told by what it left to do


def run(home: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--home", str(home)])


def big_text(path: Path, megabytes: int) -> tuple[Path, int]:
    """A group's export of some size, and how many messages it holds."""
    rule = "=" * 64
    head = f"\ufeff消息记录\r\n\r\n{rule}\r\n消息分组:我的QQ群\r\n{rule}\r\n消息对象:大群\r\n{rule}\r\n\r\n"
    lines = []
    size, number = len(head), 0
    while size < megabytes * 1_000_000:
        number += 1
        clock = f"2021-{number // 86400 % 12 + 1:02d}-01 {number // 3600 % 24}:{number // 60 % 60:02d}:{number % 60:02d}"
        lines.append(f"{clock} 成员{number % 7}({10001 + number % 7})\r\n第{number}句话，说完就走\r\n\r\n")
        size += len(lines[-1].encode())
    path.write_text(head + "".join(lines), encoding="utf-8", newline="")
    return path, number


def test_ctrl_c_while_the_program_is_still_being_imported_ends_it_without_a_traceback() -> None:
    at_import = """
import os, runpy, signal, sys
class Interrupting:
    def find_spec(self, name, *rest):
        if name == 'click':
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ['clone-agent', 'status']
runpy.run_module('ui', run_name='__main__')
"""
    done = subprocess.run(
        [sys.executable, "-c", at_import], capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 130
    assert done.stderr.split() == ["Interrupted."]


def test_an_import_that_is_killed_anywhere_goes_on_where_it_was() -> None:
    script = ROOT / "benchmarks" / "import_kill.py"
    done = subprocess.run(
        [sys.executable, str(script), "--kills", "3", "--messages", "4000"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 lost messages, 0 ended differently" in done.stdout


def test_ctrl_c_ends_an_import_at_once_and_the_next_one_goes_on(tmp_path: Path) -> None:
    path, count = big_text(tmp_path / "group.txt", 3)
    home = tmp_path / "home"
    command = [*CLI, "import", str(path), "--me", "10001", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as importing:
        wal = home / "archive.sqlite3-wal"
        while importing.poll() is None and not (wal.is_file() and wal.stat().st_size > 300_000):
            time.sleep(0.005)
        importing.send_signal(signal.SIGINT)
        _, said = importing.communicate(timeout=ENDS_WITHIN_S)
    assert importing.returncode == 130
    assert "the same command goes on from there" in said
    assert "Traceback" not in said
    with Archive.open(home) as archive:
        kept = sum(info.messages for info in archive.conversations())
    assert 0 < kept < count
    told = json.loads(run(home, "import", path, "--me", "10001", "--json").stdout)
    assert (told["messages"], told["added"]) == (count, count - kept)


# Imports again and again in processes whose files may not grow beyond a limit, as on a disk that is full, and prints what each said.
FULL_DISK = """
import json, os, resource, signal, sys
from pathlib import Path
from ui.cli import main

export, folder, step, most = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for limit in range(0, most, step):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        main(["import", export, "--home", str(folder / str(limit))])
    os.close(writing)
    with os.fdopen(reading) as said:
        text = said.read()
    print(json.dumps([limit, os.waitstatus_to_exitcode(os.wait()[1]), text]), flush=True)
"""


def test_a_disk_that_fills_up_at_any_moment_is_said_and_the_archive_opens_again(tmp_path: Path) -> None:
    export = put(QQ["text"](part_of(scene("cousin"), 0, 150)), tmp_path)
    run(tmp_path / "whole", "import", export)
    most = max(path.stat().st_size for path in (tmp_path / "whole").rglob("*") if path.is_file())
    command = [sys.executable, "-c", FULL_DISK, str(export), str(tmp_path), str(most // 7), str(most)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    tries = [json.loads(line) for line in done.stdout.splitlines()]
    failed = [(limit, code, said) for limit, code, said in tries if code]
    assert len(failed) >= 3
    for limit, code, said in failed:
        assert code == 1, said
        assert re.search(r"disk|cannot be opened", said), said
        assert "Traceback" not in said
        assert "Unexpected" not in said
        again = json.loads(run(tmp_path / str(limit), "import", export, "--json").stdout)
        assert again["messages"] == 150
        with Archive.open(tmp_path / str(limit)) as archive:
            assert archive.conversations()[0].messages == 150


def test_a_full_disk_is_not_taken_for_a_damaged_index(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run(home, "import", ROOT / "tests/exports/qq_root_txt")
    run(home, "index")
    for path in (home / "vectors").rglob("chroma.sqlite3"):
        path.write_bytes(b"no database" * 1_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))  # no file may grow beyond, as on a disk that is nearly full
    try:
        full = run(home, "verify")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "The disk is full" in full.stderr
    assert "Free some space" in full.stderr
    assert "vector index" not in full.stderr
    damaged = run(home, "verify")
    assert (full.exit_code, damaged.exit_code) == (1, 5)
    assert "vector index" in damaged.stderr


def test_a_disk_without_room_is_told_before_anything_is_stored_or_indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export, home = put(QQ["text"](part_of(scene("cousin"), 0, 20)), tmp_path), tmp_path / "home"
    with monkeypatch.context() as full:
        full.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100})())
        refused = run(home, "import", export)
    assert (refused.exit_code, run(home, "status").exit_code) == (1, 0)
    assert f"Storing {export.name} needs" in refused.stderr
    assert json.loads(run(home, "status", "--json").stdout)["messages"] == 0
    assert run(home, "import", export).exit_code == 0
    with monkeypatch.context() as full:
        full.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100})())
        refused = run(home, "index")
    assert refused.exit_code == 1
    assert "The index needs" in refused.stderr


def test_a_second_process_is_turned_away_at_once_and_a_dead_one_holds_nobody_up(tmp_path: Path) -> None:
    export = put(QQ["text"](part_of(scene("cousin"), 0, 20)), tmp_path)
    home = tmp_path / "home"
    script = f"""
from pathlib import Path
from clone_agent.home import DataHome
with DataHome(Path({str(home)!r})).lock():
    print(flush=True)
    input()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        assert other.stdout is not None
        other.stdout.readline()
        result = run(home, "import", export)  # while the other one holds the home: it cannot have waited for it
        assert result.exit_code == 11
        assert f"Process {other.pid} " in result.stderr
        other.kill()
    assert (home / "owner.pid").is_file(), "what the dead process left"
    assert run(home, "import", export).exit_code == 0


def bomb(path: Path, megabytes: int) -> Path:
    """A zip of half a megabyte with one text of `megabytes` MB: the same packed block again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b"\0" * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    data = block * megabytes + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    name, size = b"chat.txt", megabytes << 20
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 33, 0, len(data), size, len(name), 0) + name
    listed = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 33, 0, len(data), size, len(name), 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(listed), len(local) + len(data), 0)
    path.write_bytes(local + data + listed + end)
    return path


def crowd(path: Path, files: int, *, told: int) -> Path:
    """A zip of many empty files that tells how many there are as it likes."""
    rows = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0) + b"%07d" % number
        for number in range(files)
    )
    path.write_bytes(rows + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, told, told, len(rows), 0, 0))
    return path


def nest(path: Path) -> Path:
    """A zip in a zip in a zip, a bomb inside."""
    inner = bomb(path.with_name("inner.zip"), 500)
    for name in ("middle.zip", path.name):
        with zipfile.ZipFile(path.with_name(name), "w") as archive:
            archive.write(inner, inner.name)
        inner.unlink()
        inner = path.with_name(name)
    return path


@pytest.mark.usefixtures("ends")
@pytest.mark.parametrize(
    "make",
    [
        lambda path: bomb(path, 500),
        lambda path: crowd(path, 100_000, told=100_000 % 65_536),
        lambda path: crowd(path, 300_000, told=3),
        nest,
    ],
    ids=["bomb", "crowd", "crowd that lies", "nested"],
)
def test_a_zip_that_is_made_to_hurt_is_refused_before_it_hurts(tmp_path: Path, make: object) -> None:
    path = make(tmp_path / "export.zip")  # type: ignore[operator]  # one of those above
    result = run(tmp_path / "home", "import", path)
    assert result.exit_code == 1
    assert "export.zip" in result.stderr
    written = sum(file.stat().st_size for file in (tmp_path / "home").rglob("*") if file.is_file())
    assert written < 50_000_000
    assert {one.name for one in tmp_path.iterdir()} == {"export.zip", "home"}


@pytest.mark.parametrize(
    ("cause", "code", "words"),
    [
        (OSError(errno.EROFS, "", "/mnt/home/owner.lock"), 1, "/mnt/home/owner.lock lies on a read-only disk"),
        (PermissionError(errno.EACCES, "", "/root/x"), 1, "/root/x may not be used by you"),
        (OSError(errno.ENOSPC, ""), 1, "The disk is full"),
        (FileNotFoundError(errno.ENOENT, "", "/proc/out"), 1, "/proc/out is not there, or cannot be made there"),
    ],
)
def test_what_the_system_refuses_is_said_with_what_to_do(cause: OSError, code: int, words: str) -> None:
    with pytest.raises(CloneError, match=re.escape(words)) as caught, storage_errors():
        raise cause
    assert caught.value.exit_code == code
    assert caught.value.remedy


def test_an_archive_that_another_program_holds_is_locked_not_broken(tmp_path: Path) -> None:
    with (
        Archive.open(tmp_path, create=True) as archive,
        closing(sqlite3.connect(DataHome(tmp_path).archive, isolation_level=None)) as other,
    ):
        archive.connection.execute("PRAGMA busy_timeout=0")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError, match="Another program"), storage_errors():
            archive.keep_fact("a", "b")
