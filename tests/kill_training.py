"""Kills trainings with SIGKILL at many points, in steps and in the middle of saves, and resumes them.

    python tests/kill_training.py BASE DATASET SCRATCH --points 30 --methods lora,ptuning,unipelt,full --record FILE

Every run is a fork of this process, which has imported everything and trained nothing. The points go round the methods; every third is at
the end of a step, the others lie at even distances among all moments when something is forced to the disk. Prints one JSON object: of each
killed run where it was killed, whether it was, whether it resumed, and whether log and adapter are the unbroken run's. The last line of
stderr counts them. FILE keeps each point as soon as it is there, and the same command goes on.
"""

import argparse
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from finetune import files
from finetune.train import tune
from finetune.tune_config import TuneConfig, TuneProgress

STEPS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where runs of one method read and write."""

    base: Path
    dataset: Path
    scratch: Path
    method: str

    def train(self, name: str, *, resume: bool = False, on_progress: Callable[[TuneProgress], None] | None = None) -> None:
        settings = TuneConfig(
            base=str(self.base), method=self.method, batch_size=8, evaluations=3, samples=1, learning_rate=0.02, epochs=2, max_steps=STEPS
        )
        tune(settings, self.dataset, self.scratch / name, resume=resume, on_progress=on_progress)

    def left(self, name: str) -> tuple[list[dict[str, object]], bytes]:
        """The log without its times, which differ from run to run, and the adapter's weights."""
        lines = [json.loads(line) for line in (self.scratch / name / "log.jsonl").read_text(encoding="utf-8").splitlines()]
        weights = (self.scratch / name / "adapter_model.safetensors").read_bytes()
        return [{key: value for key, value in line.items() if key != "seconds"} for line in lines], weights


def forked(work: Callable[[], None]) -> int:
    """Do the work in a fork; its exit status as `os.waitpid` gives it."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def on_sync(act: Callable[[int], object]) -> None:
    """Call `act` with 1, 2, … each time before something is forced to the disk."""
    real, calls = files.sync, count(1)

    def sync(path: Path) -> None:
        act(next(calls))
        real(path)

    files.sync = sync


def unbroken(place: Place) -> int:
    """Train to the end, unless that was done before; how many times something was forced to the disk."""
    counted = place.scratch / f"{place.method}.syncs"
    if (place.scratch / f"{place.method}-unbroken" / "manifest.json").is_file():
        return int(counted.read_text())

    def work() -> None:
        on_sync(lambda number: counted.write_text(str(number)))
        place.train(f"{place.method}-unbroken")

    place.scratch.mkdir(parents=True, exist_ok=True)
    assert forked(work) == 0
    return int(counted.read_text())


def killed_in_step(place: Place, name: str, step: int) -> None:
    place.train(name, on_progress=lambda progress: die() if progress.step == step else None)


def killed_in_save(place: Place, name: str, number: int) -> None:
    """Die when something is forced to the disk for the `number`th time: half of a checkpoint or of the adapter is there."""
    on_sync(lambda called: die() if called == number else None)
    place.train(name)


def broken(place: Place, point: int, *, points: int, syncs: int) -> dict[str, object]:
    """Kill a run at a point and resume it; what became of it."""
    name = f"killed-{point}"
    shutil.rmtree(place.scratch / name, ignore_errors=True)
    if point % 3 == 0:
        where, number, kill = "step", 1 + point // 3 % STEPS, killed_in_step
    else:
        order, in_saves = point - point // 3 - 1, points - len(range(0, points, 3))
        where, number, kill = "save", 1 + (2 * order + 1) * syncs // (2 * in_saves), killed_in_save
    status = forked(lambda: kill(place, name, number))
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    resumed = forked(lambda: place.train(name, resume=True)) == 0
    (log, weights), (whole_log, whole_weights) = place.left(name), place.left(f"{place.method}-unbroken")
    found = {"killed": killed, "resumed": resumed, "same log": log == whole_log, "same adapter": weights == whole_weights}
    return {"point": point, "method": place.method, "where": where, "number": number, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("base", "dataset", "scratch"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--points", type=int, default=30)
    parser.add_argument("--methods", default="lora")
    parser.add_argument("--record", type=Path)
    options = parser.parse_args()
    methods = options.methods.split(",")
    places = [Place(base=options.base, dataset=options.dataset, scratch=options.scratch, method=method) for method in methods]
    syncs = {place.method: unbroken(place) for place in places}
    record: Path = options.record or options.scratch / "points.jsonl"
    runs = [json.loads(line) for line in record.read_text().splitlines()] if record.is_file() else []
    for point in range(len(runs), options.points):
        place = places[point % len(places)]
        runs.append(broken(place, point, points=options.points, syncs=syncs[place.method]))
        with record.open("a") as file:
            file.write(json.dumps(runs[-1]) + "\n")
    print(json.dumps({"syncs": syncs, "runs": runs}))
    total = {key: sum(bool(run[key]) for run in runs) for key in ("killed", "resumed", "same log", "same adapter")}
    print(f"{len(runs)} points: " + ", ".join(f"{value} {key}" for key, value in total.items()), file=sys.stderr)


if __name__ == "__main__":
    main()
