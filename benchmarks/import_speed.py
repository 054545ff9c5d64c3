"""Speed and peak memory of reading and storing generated exports.

    python benchmarks/import_speed.py [--megabytes 1000] [--formats qq_pc_txt,qce_json,qce_chunked] [--work "read and store"]

Writes seeded exports into a temporary folder, reads each with `read_export` and stores it with `Archive.add`, each in a process of its
own, and prints megabytes a second and the peak of the resident memory. Targets: text with the archive 5 MB/s, JSONL reading 20 MB/s,
300 MB of memory.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from clone_agent.archive import Archive
from clone_agent.importers import read_export
from clone_agent.importers.inspect import inspect

SEED = 20_161_110
ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2009, 1, 1, tzinfo=UTC)
SYLLABLES = (
    "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后"
    "小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长"
)
PEOPLE = 200
SAYINGS = 20_000


def chatter(draw: random.Random) -> Iterator[tuple[datetime, int, str]]:
    """Endless messages: when, who, what. A little over 100 bytes each with their frame, as in a real group."""
    moment = START
    said = [saying(draw) for _ in range(SAYINGS)]  # said again and again: a gigabyte of new ones takes longer to write than to read
    pauses = [timedelta(seconds=pause) for pause in (1, 2, 3, 5, 8, 13, 40, 300)]
    while True:
        moment += draw.choice(pauses)
        yield moment, int(draw.triangular(0, PEOPLE, 0)), draw.choice(said)


def saying(draw: random.Random) -> str:
    """What somebody says."""
    text = "".join(draw.choices(SYLLABLES, k=draw.choice((1, 3, 6, 9, 12, 15, 20, 26, 40, 60))))
    if draw.random() < 0.1:
        text = "[图片]" + text if draw.random() < 0.5 else "[表情]"
    return text + "\n" + text[::-1] if draw.random() < 0.03 else text


def write_qq_text(path: Path, size: int) -> Path:
    """One group as the QQ message manager writes it."""
    rule = "=" * 64
    with (path / "group.txt").open("wb") as out:
        out.write(
            f"\ufeff消息记录（此消息记录为文本格式，不支持重新导入）\r\n\r\n{rule}\r\n消息分组:我的QQ群\r\n{rule}\r\n消息对象:大群\r\n{rule}\r\n\r\n".encode()
        )
        for moment, who, text in chatter(random.Random(SEED)):
            local = moment.astimezone(ZONE)
            out.write(f"{local:%Y-%m-%d} {local.hour}:{local:%M:%S} 成员{who}({10_000_000 + who})\r\n{text}\r\n\r\n".encode())
            if out.tell() >= size:
                return Path(out.name)
    raise AssertionError


def qce_row(number: int, moment: datetime, who: int, text: str) -> str:
    """One message as QQ Chat Exporter V5 writes it."""
    sender = {"uid": f"u_{who:022d}", "uin": str(10_000_000 + who), "name": f"成员{who}", "nickname": f"成员{who}"}
    content = {"text": text, "html": "", "elements": [{"type": "text", "data": {"text": text}}], "resources": [], "mentions": []}
    stamp = {
        "id": str(7 * 10**18 + number),
        "seq": str(number),
        "timestamp": int(moment.timestamp()) * 1000,
        "time": f"{moment:%Y-%m-%d %H:%M:%S}",
    }
    row = {**stamp, "sender": sender, "type": "type_1", "content": content, "recalled": False, "system": False}
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


HEAD = '"metadata":{"name":"QQChatExporter V5","version":"5.5.77"},"chatInfo":{"name":"大群","type":"group"}'


def write_qce_json(path: Path, size: int) -> Path:
    """One group in one JSON file."""
    with (path / "group.json").open("wb") as out:
        out.write(f'{{\n  {HEAD},\n  "messages":[\n'.encode())
        for number, (moment, who, text) in enumerate(chatter(random.Random(SEED))):
            out.write(f"{'' if number == 0 else ',' + chr(10)}    {qce_row(number, moment, who, text)}".encode())
            if out.tell() >= size:
                break
        out.write(b"\n  ]\n}\n")
        return Path(out.name)


def write_qce_chunked(path: Path, size: int) -> Path:
    """The same in chunks of 50 MB."""
    folder = path / "group_chunked_jsonl"
    (folder / "chunks").mkdir(parents=True)
    (folder / "manifest.json").write_text(f"{{{HEAD}}}", encoding="utf-8")
    rows = enumerate(chatter(random.Random(SEED)))
    for chunk in range(1, 2 + size // 50_000_000):
        with (folder / "chunks" / f"c{chunk:06d}.jsonl").open("wb") as out:
            for number, (moment, who, text) in rows:
                out.write(f"{qce_row(number, moment, who, text)}\n".encode())
                if out.tell() >= min(50_000_000, size):
                    break
    return folder


WRITERS: dict[str, Callable[[Path, int], Path]] = {
    "qq_pc_txt": write_qq_text,
    "qce_json": write_qce_json,
    "qce_chunked": write_qce_chunked,
}


def only_read(path: Path, _: Path) -> None:
    """Read every record and drop it."""
    deque(read_export(path, timezone=ZONE), maxlen=0)


def only_inspect(path: Path, _: Path) -> None:
    """Count what is in it, as `clone-agent inspect` does."""
    inspect(path, timezone=ZONE)


def store(path: Path, home: Path) -> None:
    """Read every record into a new archive."""
    with Archive.open(home, create=True) as archive:
        archive.add(read_export(path, timezone=ZONE))


WORK: dict[str, Callable[[Path, Path], None]] = {"read": only_read, "inspect": only_inspect, "read and store": store}


def measure(work: str, path: Path, home: Path) -> None:
    """Do the work in this process and print seconds, seconds of computing, megabytes of memory."""
    started = time.perf_counter()
    WORK[work](path, home)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def main() -> None:
    """Generate, measure each piece of work in its own process, print a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--megabytes", type=int, default=1000)
    options.add_argument("--formats", default=",".join(WRITERS))
    options.add_argument("--work", default=",".join(WORK), help="what to do with each, by commas")
    options.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.measure:
        measure(chosen.measure[0], Path(chosen.measure[1]), Path(chosen.measure[2]))
        return
    # On a machine that others use too, the speed by computing time is the one to compare.
    print(f"{'format':<14} {'work':<16} {'MB':>6} {'MB/s':>7} {'MB/CPU s':>9} {'peak MB':>8}")
    for name in chosen.formats.split(","):
        with tempfile.TemporaryDirectory() as folder:
            path = WRITERS[name](Path(folder), chosen.megabytes * 1_000_000)
            files = path.rglob("*") if path.is_dir() else [path]
            megabytes = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
            for work in chosen.work.split(","):
                command = [sys.executable, __file__, "--measure", work, str(path), f"{folder}/home"]
                seconds, computing, memory = map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
                print(
                    f"{name:<14} {work:<16} {megabytes:>6.0f} {megabytes / seconds:>7.1f} {megabytes / computing:>9.1f} {memory:>8.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
