"""Kills an import at random points and looks whether anything is lost or doubled.

    python benchmarks/import_kill.py [--kills 100] [--messages 20000] [--seed 1]

One chat is written as QQ's text and as QQ Chat Exporter's JSON, so that the import also has to recognise the chat and its people. Each time
a process imports both into a new data home and gets `kill -9` at a random moment; what was committed until then must be there, and after
the same imports once more the archive must say the same as one that was never interrupted. Exits with 1 where it does not.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from clone_agent.archive import Archive
from clone_agent.importers import read_export

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2019, 1, 1, tzinfo=UTC)
PEOPLE = (("10001", "小明"), ("20002", "阿宝"))


def write_exports(folder: Path, count: int, seed: int) -> list[Path]:
    """The same chat from two programs; the second knows a fifth more."""
    draw, moment = random.Random(seed), START
    rule = "=" * 64
    lines = ["消息记录（此消息记录为文本格式，不支持重新导入）", "", rule, "消息分组:我的好友", rule, "消息对象:阿宝", rule, ""]
    rows = []
    for number in range(count):
        moment += timedelta(seconds=draw.choice((0, 0, 1, 3, 20, 400)))
        uin, name = draw.choice(PEOPLE)
        text = "[图片]" if draw.random() < 0.1 else "".join(draw.choices("今天去哪吃饭好不我们明见了是的哈", k=draw.randint(1, 20)))
        if number < count * 5 // 6:
            local = moment.astimezone(ZONE)
            lines += [f"{local:%Y-%m-%d} {local.hour}:{local:%M:%S} {name}", text, ""]
        rows.append(_qce_row(number, moment, uin, name, text))
    head = '"metadata":{"name":"QQChatExporter V5","version":"5.5.77"},"chatInfo":{"name":"阿宝","type":"private","selfUin":"10001"}'
    (folder / "阿宝.txt").write_text("\r\n".join(lines) + "\r\n", encoding="utf-8-sig", newline="")
    (folder / "friend.json").write_text(f'{{{head},"messages":[\n' + ",\n".join(rows) + "\n]}\n", encoding="utf-8")
    return [folder / "阿宝.txt", folder / "friend.json"]


def _qce_row(number: int, moment: datetime, uin: str, name: str, text: str) -> str:
    element = {"type": "image", "data": {"filename": "a.jpg"}} if text == "[图片]" else {"type": "text", "data": {"text": text}}
    row = {
        "id": str(10**9 + number),
        "timestamp": int(moment.timestamp()) * 1000,
        "sender": {"uid": f"u_{uin}", "uin": uin, "name": name},
        "type": "type_1",
        "content": {"text": text, "elements": [element], "resources": [], "mentions": []},
        "recalled": False,
        "system": False,
    }
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def bring(home: Path, exports: list[Path]) -> None:
    """Import the exports, one after the other."""
    with Archive.open(home, create=True) as archive:
        for path in exports:
            archive.add(read_export(path, timezone=ZONE), source=path.name)


def dump(home: Path) -> list[object]:
    """What the archive says, without its inner numbers."""
    with Archive.open(home) as archive:
        messages = [list(archive.messages(info.conversation.id)) for info in archive.conversations() if info.messages]
        people = [(person.id, person.name, person.is_owner, person.messages, person.accounts) for person in archive.people()]
        aliases = archive.connection.execute(
            "SELECT a.id, m.id FROM message_aliases a JOIN messages m ON m.n = a.message ORDER BY 1"
        ).fetchall()
        return [messages, people, aliases]


def committed(home: Path) -> int:
    """How many messages another process can see."""
    try:
        with sqlite3.connect(f"file:{home / 'archive.sqlite3'}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM messages").fetchone()[0])
    except sqlite3.Error:  # not made yet
        return 0


def kill_once(home: Path, exports: list[Path], after_s: float) -> tuple[int, int, bool]:
    """Import in a process that is killed; messages seen before the kill, after it, and whether it came in time."""
    child = os.fork()
    if child == 0:
        bring(home, exports)
        os._exit(0)
    time.sleep(after_s)
    seen = committed(home)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return seen, committed(home), os.WIFSIGNALED(status)


def main() -> int:
    """Kill, look, import again, compare; print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    draw = random.Random(chosen.seed)
    lost = different = late = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        exports = write_exports(folder, chosen.messages, chosen.seed)
        started = time.monotonic()
        bring(folder / "whole", exports)
        whole_s, whole = time.monotonic() - started, dump(folder / "whole")
        for number in range(chosen.kills):
            home = folder / f"home{number}"
            seen, kept, was_killed = kill_once(home, exports, draw.uniform(0, whole_s))
            lost += kept < seen
            late += not was_killed
            bring(home, exports)
            different += dump(home) != whole
    print(f"{chosen.kills} kills within {whole_s:.1f} s, {late} of them after the end: {lost} lost messages, {different} ended differently")
    return 1 if lost or different else 0


if __name__ == "__main__":
    sys.exit(main())
