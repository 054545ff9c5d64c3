"""Cuts an export of every text format at every 1/200, flips single bits in it, and counts what is lost beside the damage.

    python benchmarks/import_damage.py [--kilobytes 30] [--flips 200] [--formats qq_pc_txt,qce_json] [--seed 1]

Intact are, of a cut file, the messages that a shorter piece of it already gave, without the one that the cut goes through; of a file with
a flipped bit behind its first 2 kB, all but the one that was hit. Exits with 1 where anything but an error of an export was raised, or
less than 99.9 % of the intact messages were kept.
"""

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

from format_files import LAYOUTS, SPECIAL, write

from clone_agent.errors import AmbiguousError, ExportError
from clone_agent.importers import detect, read_export
from clone_agent.records import Message

ZONE = ZoneInfo("Asia/Shanghai")
CUTS = 200
HEAD = 2_000  # bytes that may name the program, the chat and the columns, which every message hangs on
WANTED = 0.999

crashed: list[str] = []


def doubted(path: Path, name: str) -> str | None:
    """The format, where an import would ask which one the whole file is."""
    try:
        detect(path)
    except AmbiguousError:
        return name
    return None


def said(path: Path, data: bytes, named: str | None) -> Counter[tuple[int, str]]:
    """Seconds and words of the messages that these bytes give under this name."""
    path.write_bytes(data)
    found: Counter[tuple[int, str]] = Counter()
    try:
        for record in read_export(path, timezone=ZONE, format_name=named):
            if isinstance(record, Message):
                found[int(record.sent_at.timestamp()), record.text] += 1
    except ExportError:
        pass
    except Exception as error:  # noqa: BLE001 - that is what is counted
        crashed.append(f"{path.name}: {type(error).__name__}")
    return found


def cuts(path: Path, data: bytes, named: str | None) -> tuple[int, int]:
    """Intact messages over all cuts, and how many of them were lost."""
    intact = lost = most = 0
    for part in range(1, CUTS):
        kept = said(path, data[: len(data) * part // CUTS], named).total()
        intact += max(0, most - 1)
        lost += max(0, most - 1 - kept)
        most = max(most, kept)
    return intact, lost


def flips(path: Path, data: bytes, named: str | None, number: int, draw: random.Random) -> tuple[int, int]:
    """The same over all flipped bits."""
    whole, intact, lost = said(path, data, named), 0, 0
    for _ in range(number):
        damaged = bytearray(data)
        damaged[draw.randrange(min(HEAD, len(data) // 2), len(data))] ^= 1 << draw.randrange(8)
        missing = (whole - said(path, bytes(damaged), named)).total()
        intact += whole.total() - 1
        lost += max(0, missing - 1)
    return intact, lost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kilobytes", type=int, default=30)
    parser.add_argument("--flips", type=int, default=200)
    parser.add_argument("--formats", default=",".join(sorted(LAYOUTS.keys() - SPECIAL.keys())))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    totals = Counter[str]()
    print(f"{'format':24} {'cuts: intact':>14} {'lost':>6} {'flips: intact':>14} {'lost':>6}")
    for name in options.formats.split(","):
        with tempfile.TemporaryDirectory() as folder:
            path = write(name, Path(folder), options.kilobytes * 1000)
            data, named = path.read_bytes(), doubted(path, name)
            rows = [*cuts(path, data, named), *flips(path, data, named, options.flips, random.Random(f"{options.seed} {name}"))]
        print(f"{name:24} {rows[0]:14,} {rows[1]:6} {rows[2]:14,} {rows[3]:6}", flush=True)
        totals.update(cut=rows[0], cut_lost=rows[1], flipped=rows[2], flipped_lost=rows[3])
    kept = [1 - totals[f"{kind}_lost"] / totals[kind] for kind in ("cut", "flipped")]
    print(f"kept of the intact: {kept[0]:.3%} where a file was cut, {kept[1]:.3%} where a bit was flipped; {len(crashed)} crashes")
    print(*sorted(set(crashed)), sep="\n", end="")
    sys.exit(bool(crashed) or min(kept) < WANTED)


if __name__ == "__main__":
    main()
