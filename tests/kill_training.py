"""Kills trainings with SIGKILL at many points, in steps and in the middle of saves, and resumes them.

    python tests/kill_training.py BASE DATASET SCRATCH --points 30

Every run is a fork of this process, which has imported everything and trained nothing. Prints one JSON object: the log of the unbroken run,
and of each killed one where it was killed and its log after resuming.
"""

import argparse
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from finetune import files
from finetune.train import tune
from finetune.tune_config import TuneConfig, TuneProgress

STEPS = 6


def train(base: Path, dataset: Path, out: Path, *, resume: bool = False, on_progress: Callable[[TuneProgress], None] | None = None) -> None:
    settings = TuneConfig(base=str(base), batch_size=8, evaluations=3, samples=1, learning_rate=0.02, max_steps=STEPS)
    tune(settings, dataset, out, resume=resume, on_progress=on_progress)


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


def killed_in_step(step: int, base: Path, dataset: Path, out: Path) -> None:
    train(base, dataset, out, on_progress=lambda progress: die() if progress.step == step else None)


def killed_in_save(number: int, base: Path, dataset: Path, out: Path) -> None:
    """Die when something is forced to the disk for the `number`th time: half of a checkpoint or of the adapter is there."""
    real, calls = files.sync, [0]

    def sync(path: Path) -> None:
        calls[0] += 1
        if calls[0] == number:
            die()
        real(path)

    files.sync = sync
    train(base, dataset, out)


def log(out: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("base", "dataset", "scratch"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--points", type=int, default=30)
    options = parser.parse_args()
    base, dataset, scratch = options.base, options.dataset, options.scratch
    assert forked(lambda: train(base, dataset, scratch / "unbroken")) == 0
    runs = []
    for point in range(options.points):
        out = scratch / f"killed-{point}"
        if point % 3 == 0:
            where, number, kill = "step", 1 + point // 3 % STEPS, killed_in_step
        else:
            where, number, kill = "save", 3 + 2 * (point - point // 3 - 1) % 28, killed_in_save
        status = forked(lambda kill=kill, number=number, out=out: kill(number, base, dataset, out))
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        resumed = forked(lambda out=out: train(base, dataset, out, resume=True)) == 0
        weights = [(path / "adapter_model.safetensors").read_bytes() for path in (out, scratch / "unbroken")]
        runs.append(
            {"where": where, "number": number, "killed": killed, "resumed": resumed, "log": log(out), "same": len(set(weights)) == 1}
        )
    print(json.dumps({"unbroken": log(scratch / "unbroken"), "runs": runs}))


if __name__ == "__main__":
    main()
