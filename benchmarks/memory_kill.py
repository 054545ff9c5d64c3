"""Killed at random moments of indexing and forgetting: `python benchmarks/memory_kill.py [--points 51] [--messages 2000]`.

A third of the points kill `index` on a fresh archive, a third the forgetting of a person in an indexed one from its beginning on, and a
third the same once the erasing is committed: while traces are removed and the rest is indexed again. After each the home is mended as
`verify --fix` does it, and these must hold: no message is lost, or exactly the forgotten ones; the ids in SQLite, Chroma and the lexical
index are the same; nothing of a forgotten sentence is in any file. Work is done in forked processes, which are killed with SIGKILL; one
that ended before its kill is no point, and shortens the time in which the next are killed.
"""

import argparse
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from memory_scale import messages

from clone_agent.archive import Archive
from clone_agent.forgetting import Wish, is_unfinished
from clone_agent.home import DataHome
from clone_agent.records import Conversation, Message
from memory.recall import MemoryIndex
from ui.erasing import carry_out, finish, plan_forgetting

Work = Callable[[Path, Callable[[], None]], None]  # told where the kills may begin
PERSON, CHAT = "qq:500", "qq:5"  # who speaks in one of the generated chats
SECRET_EVERY = 10  # messages of that chat, of which one says what stands nowhere else


def messages_with_secrets(count: int) -> Iterator[Conversation | Message]:
    """The generated chats, with sentences in the person's chat that nobody else says."""
    for number, record in enumerate(messages(count)):
        if isinstance(record, Message) and record.conversation == CHAT and number % SECRET_EVERY == 0:
            yield replace(record, text=f"{record.text} 藏在第{number}只抽屉里")
        else:
            yield record


def index(home: Path, tell: Callable[[], None]) -> None:
    """Index a home."""
    tell()
    with Archive.open(home) as archive:
        memory = MemoryIndex.open(home, archive)
        memory.index()
        memory.close()


def forget(home: Path, tell: Callable[[], None]) -> None:
    """Forget a person in it, then index the rest."""
    tell()
    erase(home, lambda: None)


def erase(home: Path, tell: Callable[[], None]) -> None:
    """The same; tells once the erasing is committed."""
    ended: list[str] = []

    def follow(statement: str) -> None:
        """Sees each statement before it runs."""
        if len(ended) == 1:
            tell()
        if ended or statement == "COMMIT":
            ended.append(statement)

    with Archive.open(home) as archive:
        plan = plan_forgetting(DataHome(home), archive, Wish(people=(PERSON,)))
        archive.connection.set_trace_callback(follow)
        carry_out(DataHome(home), archive, plan)
    index(home, lambda: None)


def mend(home: Path, tell: Callable[[], None]) -> None:
    """What `verify --fix` does, then the rest of the index; fails when something does not agree."""
    tell()
    with Archive.open(home) as archive:
        if is_unfinished(archive.connection):
            finish(DataHome(home), archive)
        memory = MemoryIndex(home, archive)
        if memory.verify():
            memory.mend()
        memory.index()
        assert memory.verify() == ()
        memory.close()


def in_fork(work: Work, home: Path, *, kill_after: float | None = None) -> tuple[int, float]:
    """Run something in a forked process, perhaps kill it; returns its wait status and the seconds it ran after it told."""
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work(home, lambda: os.close(told))
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - the parent counts it
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
    os.close(told)
    os.read(heard, 1)  # ends when the child tells, or ends
    os.close(heard)
    began = time.monotonic()
    while kill_after is not None:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status, time.monotonic() - began
        if time.monotonic() - began >= kill_after:
            os.kill(child, signal.SIGKILL)
            break
        time.sleep(0.001)
    return os.waitpid(child, 0)[1], time.monotonic() - began


def counts(home: Path) -> tuple[int, int]:
    """Messages, and those of the person's chat."""
    with Archive.open(home) as archive:
        infos = {info.conversation.id: info.messages for info in archive.conversations()}
    return sum(infos.values()), infos.get(CHAT, 0)


def kill_at_random(name: str, start: Path, whole: tuple[int, int], sentences: Sequence[bytes], points: int) -> str:
    """Kill one kind of work so many times, each on a copy of `start`, and say what came of it; `whole` is `counts` before."""
    rng, work, home = random.Random(name), WORKS[name], start.parent / "home"
    shutil.copytree(start, home)
    status, took = in_fork(work, home)
    assert status == 0
    shutil.rmtree(home)
    forgotten = (whole[0] - whole[1], 0)
    allowed = {"index": {whole}, "forget": {whole, forgotten}, "erase": {forgotten}}[name]
    killed = early = failed = lost = left = done = 0
    while killed < points:
        shutil.copytree(start, home)
        status, ran = in_fork(work, home, kill_after=rng.uniform(0, took))
        if not os.WIFSIGNALED(status):
            early, took = early + 1, min(took, ran)
        else:
            killed += 1
            failed += in_fork(mend, home)[0] != 0
            now = counts(home)
            done += now[1] == 0
            lost += now not in allowed
            held = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
            left += now[1] == 0 and any(sentence in held for sentence in sentences)
        shutil.rmtree(home)
    return (
        f"{name}: {killed} killed under way, within {took:.2f} s ({early} had ended before), {done} of them forgotten; "
        f"not whole after the mending {failed}, messages lost {lost}, sentences of {len(sentences)} left {left}"
    )


WORKS: dict[str, Work] = {"index": index, "forget": forget, "erase": erase}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--points", type=int, default=51)
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--work", choices=sorted(WORKS), nargs="+", default=list(WORKS), help="what is killed (default: all three)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fresh, indexed = Path(folder) / "fresh", Path(folder) / "indexed"
        with Archive.open(fresh, create=True) as archive:
            archive.add(messages_with_secrets(arguments.messages))
        shutil.copytree(fresh, indexed)
        assert in_fork(index, indexed)[0] == 0
        with Archive.open(fresh) as archive:
            sentences = [message.text.encode() for message in archive.messages(CHAT) if "抽屉里" in message.text]
        assert sentences, "too few messages for a secret"
        for name in arguments.work:
            start = fresh if name == "index" else indexed
            print(kill_at_random(name, start, counts(fresh), sentences, arguments.points // 3), flush=True)


if __name__ == "__main__":
    main()
