"""Speed and peak memory of reading every format, from generated exports.

    python benchmarks/format_speed.py [--megabytes 200] [--formats whatsapp_txt,telegram_json] [--record FILE] [--beside PYTHON]

Writes a seeded export of each format (`format_files.py`), reads it with `read_export` in a process of its own, prints megabytes a second,
by the wall and by computing time, and the peak of the resident memory, and deletes it before the next. Targets: 5 MB/s, JSON Lines
20 MB/s, 300 MB.

`--record` names a file that each figure is added to as it comes; formats that it holds at this size already are left out, so that a run
that was broken off goes on where it stopped. At its end the run prints all figures of that size in the file.

`--beside` names a Python in which chat-miner and whatstk are installed; both are optional, and this project does not depend on them. They
read the same WhatsApp and Telegram files, each into a pandas frame.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from format_files import FORMAT_NAMES, write
from import_speed import ZONE

from clone_agent.importers import read_export
from clone_agent.importers.table import FORMATS

MINER = "parser = chatminer.chatparsers.{}({!r}); parser.parse_file(); print(len(parser.parsed_messages.get_df()))"
OTHERS = {
    ("whatsapp_txt", "chat-miner"): lambda path: MINER.format("WhatsAppParser", path),
    ("telegram_json", "chat-miner"): lambda path: MINER.format("TelegramJsonParser", path),
    ("whatsapp_txt", "whatstk"): lambda path: f"print(len(whatstk.WhatsAppChat.from_source({path!r}).df))",
}
MEASURED = """
import resource, time
import {}
started, computing = time.perf_counter(), time.process_time()
{}
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(time.perf_counter() - started, time.process_time() - computing, memory)
"""
MODULES = {"chat-miner": "chatminer.chatparsers", "whatstk": "whatstk"}


def measure(path: Path) -> None:
    """Read in this process and print seconds, seconds of computing, megabytes of memory."""
    started, computing = time.perf_counter(), time.process_time()
    deque(read_export(path, timezone=ZONE), maxlen=0)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(time.perf_counter() - started, time.process_time() - computing, memory)


def megabytes_of(path: Path) -> float:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


@dataclass(frozen=True)
class Figure:
    """How one reader did on one file."""

    format: str
    reader: str
    asked: int  # megabytes that were asked for
    megabytes: float  # of the file
    seconds: float
    computing: float  # seconds of the processor
    memory: float  # megabytes at the peak
    failure: str = ""

    @classmethod
    def of(cls, format_name: str, reader: str, asked: int, megabytes: float, done: "subprocess.CompletedProcess[str]") -> "Figure":
        """What a run printed, or why it broke off."""
        if done.returncode != 0:
            return cls(format_name, reader, asked, megabytes, 0, 0, 0, (done.stderr.strip().splitlines() or ["killed"])[-1][:80])
        return cls(format_name, reader, asked, megabytes, *map(float, done.stdout.split()[-3:]))

    def row(self) -> str:
        """The figure as a line of the table."""
        told = f"| `{self.format}` | {self.reader} | {self.megabytes:.0f} |"
        if self.failure:
            return f"{told} gives up: {self.failure} | | |"
        return f"{told} {self.megabytes / self.seconds:.1f} | {self.megabytes / self.computing:.1f} | {self.memory:.0f} |"


HEAD = "| format | reader | MB | MB/s | MB / s of computing | peak MB |\n|---|---|---|---|---|---|"


def run(format_name: str, asked: int, beside: str | None) -> Iterator[Figure]:
    """Write one export and have every reader read it."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(format_name, Path(folder), asked * 1_000_000)
        megabytes = megabytes_of(path)
        done = subprocess.run([sys.executable, __file__, "--measure", str(path)], check=False, capture_output=True, text=True)
        yield Figure.of(format_name, "clone-agent", asked, megabytes, done)
        for (name, reader), code in OTHERS.items():
            if beside is None or name != format_name:
                continue
            done = subprocess.run(
                [beside, "-c", MEASURED.format(MODULES[reader], code(str(path)))], check=False, capture_output=True, text=True
            )
            yield Figure.of(format_name, reader, asked, megabytes, done)


def recorded(path: Path | None, asked: int) -> list[Figure]:
    """The figures of one size that a file holds."""
    if path is None or not path.is_file():
        return []
    figures = [Figure(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [figure for figure in figures if figure.asked == asked]


def main() -> None:
    """Every format in turn, as a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--megabytes", type=int, default=200)
    options.add_argument("--formats", default=",".join(FORMAT_NAMES))
    options.add_argument("--record", type=Path, metavar="FILE")
    options.add_argument("--beside", metavar="PYTHON")
    options.add_argument("--measure", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.measure:
        measure(Path(chosen.measure))
        return
    missing = {one.name for one in FORMATS} - set(FORMAT_NAMES)
    if missing:
        print(f"no export is written for: {', '.join(sorted(missing))}", file=sys.stderr)
    known = {figure.format for figure in recorded(chosen.record, chosen.megabytes)}
    # On a machine that others use too, the speed by computing time is the one to compare.
    print(HEAD)
    for format_name in chosen.formats.split(","):
        for figure in run(format_name, chosen.megabytes, chosen.beside) if format_name not in known else ():
            print(figure.row(), flush=True)
            if chosen.record is not None:
                with chosen.record.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(figure)) + "\n")
    if known:
        print("", HEAD, *(figure.row() for figure in recorded(chosen.record, chosen.megabytes)), sep="\n")


if __name__ == "__main__":
    main()
