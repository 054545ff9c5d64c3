"""Killed at random moments of indexing and forgetting: `python benchmarks/memory_kill.py [--points 50] [--messages 4000]`.

Half of the points kill `index` on a fresh archive, half kill the forgetting of a person in an indexed one. After each the home is mended as
`verify --fix` does it, and these must hold: no message is lost, or exactly the forgotten ones; the ids in SQLite, Chroma and the lexical
index are the same; nothing of a forgotten sentence is in any file. Work is done in forked processes, which are killed with SIGKILL.
"""

import argparse
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from memory_scale import messages

from clone_agent.archive import Archive
from clone_agent.forgetting import Wish, is_unfinished
from clone_agent.home import DataHome
from memory.recall import MemoryIndex
from ui.erasing import carry_out, finish, plan_forgetting

PERSON = "qq:500"  # speaks in one of the generated chats


def index(home: Path) -> None:
    """Index a home."""
    with Archive.open(home) as archive:
        memory = MemoryIndex.open(home, archive)
        memory.index()
        memory.close()


def forget(home: Path) -> None:
    """Forget a person in it."""
    with Archive.open(home) as archive:
        carry_out(DataHome(home), archive, plan_forgetting(DataHome(home), archive, Wish(people=(PERSON,))))


def mend(home: Path) -> None:
    """What `verify --fix` does, then the rest of the index; fails when something does not agree."""
    with Archive.open(home) as archive:
        if is_unfinished(archive.connection):
            finish(DataHome(home), archive)
        memory = MemoryIndex(home, archive)
        if memory.verify():
            memory.mend()
        memory.index()
        assert memory.verify() == ()
        memory.close()


def in_fork(work: Callable[[Path], None], home: Path, *, kill_after: float | None = None) -> int:
    """Run something in a forked process, perhaps kill it; returns its wait status."""
    child = os.fork()
    if child == 0:
        try:
            work(home)
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - the parent counts it
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def counts(home: Path) -> tuple[int, int]:
    """Messages, and those of the person's chat."""
    with Archive.open(home) as archive:
        infos = {info.conversation.id: info.messages for info in archive.conversations()}
    return sum(infos.values()), infos.get("qq:5", 0)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--messages", type=int, default=4_000)
    arguments = parser.parse_args()
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        fresh, indexed, home = Path(folder) / "fresh", Path(folder) / "indexed", Path(folder) / "home"
        with Archive.open(fresh, create=True) as archive:
            archive.add(messages(arguments.messages))
        shutil.copytree(fresh, indexed)
        assert in_fork(index, indexed) == 0
        whole, theirs = counts(fresh)
        with Archive.open(fresh) as archive:
            sentences = [message.text.encode() for message in archive.messages("qq:5") if len(message.text) > 10][:50]
            others = " ".join(
                m.text for info in archive.conversations() if info.conversation.id != "qq:5" for m in archive.messages(info.conversation.id)
            )
        sentences = [sentence for sentence in sentences if sentence.decode() not in others]
        for name, work, start in (("index", index, fresh), ("forget", forget, indexed)):
            shutil.copytree(start, home)
            began = time.monotonic()
            assert in_fork(work, home) == 0
            took = time.monotonic() - began
            shutil.rmtree(home)
            killed = failed = lost = left = done = 0
            for _ in range(arguments.points // 2):
                shutil.copytree(start, home)
                killed += os.WIFSIGNALED(in_fork(work, home, kill_after=rng.uniform(0, took)))
                failed += in_fork(mend, home) != 0
                now = counts(home)
                done += now[1] == 0
                lost += now not in ({(whole, theirs)} if name == "index" else {(whole, theirs), (whole - theirs, 0)})
                held = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
                left += now[1] == 0 and any(sentence in held for sentence in sentences)
                shutil.rmtree(home)
            print(
                f"{name}: {arguments.points // 2} points over {took:.2f} s, {killed} killed under way, {done} of them forgotten; "
                f"not whole after the mending {failed}, messages lost {lost}, sentences of {len(sentences)} left {left}",
                flush=True,
            )


if __name__ == "__main__":
    main()
