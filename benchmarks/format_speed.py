"""Speed and peak memory of reading every format, from generated exports.

    python benchmarks/format_speed.py [--megabytes 200] [--formats whatsapp_txt,telegram_json] [--beside PYTHON]

Writes a seeded export of each format (`format_files.py`), reads it with `read_export` in a process of its own and prints megabytes a
second, by the wall and by computing time, and the peak of the resident memory. Targets: 5 MB/s, JSON Lines 20 MB/s, 300 MB.

`--beside` names a Python in which chat-miner and whatstk are installed; both are optional, and this project does not depend on them. They
read the same WhatsApp and Telegram files, each into a pandas frame.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
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


def show(format_name: str, reader: str, megabytes: float, printed: str) -> None:
    seconds, computing, memory = map(float, printed.split()[-3:])
    print(
        f"{format_name:<26} {reader:<12} {megabytes:>6.0f} {megabytes / seconds:>7.1f} {megabytes / computing:>9.1f} {memory:>8.0f}",
        flush=True,
    )


def run(format_name: str, size: int, beside: str | None) -> None:
    """Write one export and have every reader read it."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(format_name, Path(folder), size)
        megabytes = megabytes_of(path)
        command = [sys.executable, __file__, "--measure", str(path)]
        show(format_name, "clone-agent", megabytes, subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for (name, reader), code in OTHERS.items():
            if beside is None or name != format_name:
                continue
            done = subprocess.run(
                [beside, "-c", MEASURED.format(MODULES[reader], code(str(path)))], check=False, capture_output=True, text=True
            )
            if done.returncode == 0:
                show(format_name, reader, megabytes, done.stdout)
            else:
                print(f"{format_name:<26} {reader:<12} gives up: {(done.stderr.strip().splitlines() or ['killed'])[-1][:80]}", flush=True)


def main() -> None:
    """Every format in turn, as a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--megabytes", type=int, default=200)
    options.add_argument("--formats", default=",".join(FORMAT_NAMES))
    options.add_argument("--beside", metavar="PYTHON")
    options.add_argument("--measure", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.measure:
        measure(Path(chosen.measure))
        return
    missing = {one.name for one in FORMATS} - set(FORMAT_NAMES)
    if missing:
        print(f"no export is written for: {', '.join(sorted(missing))}", file=sys.stderr)
    # On a machine that others use too, the speed by computing time is the one to compare.
    print(f"{'format':<26} {'reader':<12} {'MB':>6} {'MB/s':>7} {'MB/CPU s':>9} {'peak MB':>8}")
    for format_name in chosen.formats.split(","):
        run(format_name, chosen.megabytes * 1_000_000, chosen.beside)


if __name__ == "__main__":
    main()
