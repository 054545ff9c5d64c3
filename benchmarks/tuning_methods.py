"""Every tuning method on one model and one dataset: held-out loss, ordinary talk, seconds, memory, adapter size.

    python benchmarks/tuning_methods.py                 the defaults of every method on the model that ships and the sample life
    python benchmarks/tuning_methods.py --sweep         several learning rates a method; the defaults in finetune/methods were chosen so
    python benchmarks/tuning_methods.py --dataset DIR --base NAME_OR_PATH

Every run is a process of its own, so that its peak memory is its own. "Ordinary talk" is the loss on general examples that take no part in
the training (small talk, and questions on a memory block), before and after: what tuning must not spoil.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from clone_agent.archive import Archive
from clone_agent.home import DataHome
from clone_agent.importers import find_exports, read_export
from finetune.adapter_files import load_adapter, wants_four_bit
from finetune.encode import encode
from finetune.examples import build_examples, write_dataset
from finetune.glm import load_model
from finetune.loss import autocast_for, mean_loss
from finetune.rehearsal import rehearsal_examples
from finetune.train import tune
from finetune.tune_config import TuneConfig

LIFE = Path(__file__).parent.parent / "clone_agent" / "sample_life" / "exports"
ORDINARY = 120  # general examples in the probe
PROBE_SEED = 987_654


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One row of the table."""

    method: str
    settings: dict[str, Any] = field(default_factory=dict)
    learning_rate: float | None = None


DEFAULTS = (
    Trial(method="lora"),
    Trial(method="ptuning"),
    Trial(method="ptuning", settings={"prefix_projection": True}, learning_rate=5e-3),
    Trial(method="unipelt"),
    Trial(method="full"),
)
SWEEP = (
    *(Trial(method="lora", learning_rate=rate) for rate in (1e-3, 2e-3, 5e-3, 1e-2)),
    *(Trial(method="ptuning", learning_rate=rate) for rate in (2e-2, 1e-1, 3e-1)),
    *(Trial(method="ptuning", settings={"prefix_projection": True}, learning_rate=rate) for rate in (1e-3, 5e-3, 1e-2)),
    *(Trial(method="unipelt", learning_rate=rate) for rate in (1e-3, 5e-3, 1e-2)),
    *(Trial(method="full", learning_rate=rate) for rate in (1e-4, 3e-4, 1e-3)),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the trials one after the other and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", help="folder or hub name (default: the model that ships)")
    parser.add_argument("--dataset", type=Path, help="a dataset folder (default: built from the sample life)")
    parser.add_argument("--sweep", action="store_true", help="several learning rates a method")
    parser.add_argument("--epochs", type=float, help="passes over the examples (default: the method's)")
    parser.add_argument("--max-steps", type=int, help="end every run earlier")
    parser.add_argument("--methods", help="only these, with commas")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.run:
        print(json.dumps(run(Trial(**json.loads(options.run)), options.base, options.dataset, options.epochs, options.max_steps)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        dataset = options.dataset or sample_dataset(Path(scratch))
        wanted = options.methods.split(",") if options.methods else None
        trials = [trial for trial in (SWEEP if options.sweep else DEFAULTS) if wanted is None or trial.method in wanted]
        print_table(in_processes(trials, options.base, dataset, options.epochs, options.max_steps))


def sample_dataset(home: Path) -> Path:
    """Import the sample life into a scratch home and make its dataset."""
    with Archive.open(DataHome(home).create().root, create=True) as archive:
        for path in find_exports(LIFE):
            if isinstance(path, Path):
                archive.add(read_export(path, timezone=ZoneInfo("Asia/Shanghai")), source=path.name)
        owner = [person.id for person in archive.people() if person.is_owner or "林晚" in person.names or "晚风" in person.names]
        archive.set_owner(owner)
        sessions = (session for info in archive.conversations() for session in archive.sessions(info.conversation.id))
        write_dataset(build_examples(sessions, archive.persona()), home / "dataset")
    return home / "dataset"


def in_processes(
    trials: Sequence[Trial], base: str | None, dataset: Path, epochs: float | None, max_steps: int | None
) -> Iterator[dict[str, Any]]:
    """Run each trial in a process of its own and yield its figures."""
    for trial in trials:
        command = [sys.executable, __file__, "--dataset", str(dataset), "--run", json.dumps(asdict(trial))]
        command += ["--base", base] if base else []
        command += ["--epochs", str(epochs)] if epochs else []
        command += ["--max-steps", str(max_steps)] if max_steps else []
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        yield json.loads(done.stdout.splitlines()[-1])


def run(trial: Trial, base: str | None, dataset: Path, epochs: float | None, max_steps: int | None) -> dict[str, Any]:
    """Tune once and measure."""
    config = TuneConfig(
        base=base,
        method=trial.method,
        settings=trial.settings,
        learning_rate=trial.learning_rate,
        epochs=epochs,
        max_steps=max_steps,
        samples=0,
        patience=0,
    )
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        report = tune(config, dataset, Path(out) / "adapter")
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        before, after = ordinary_talk(base, None), ordinary_talk(base, Path(out) / "adapter")
        size = (Path(out) / "adapter" / "adapter_model.safetensors").stat().st_size
    return {
        "method": trial.method,
        "settings": trial.settings,
        "learning_rate": report.plan.learning_rate,
        "steps": report.steps,
        "trained": report.plan.trained,
        "before": report.loss_before,
        "after": report.loss_after,
        "ordinary_before": before,
        "ordinary_after": after,
        "seconds": seconds,
        "peak_mib": peak,
        "adapter_mib": size / 2**20,
    }


def ordinary_talk(base: str | None, adapter: Path | None) -> float:
    """Loss on general examples that no run is trained on."""
    loaded = load_model(base, four_bit=adapter is not None and wants_four_bit(adapter))
    if adapter is not None:
        load_adapter(adapter, loaded)
    drawn = islice(rehearsal_examples(language="zh", seed=PROBE_SEED), ORDINARY)
    encoded = [encode(example, loaded.format, max_length=loaded.max_tokens) for example in drawn]
    return mean_loss(loaded.model, encoded, max_tokens=4096, autocast=autocast_for(loaded.model))


def print_table(rows: Iterator[dict[str, Any]]) -> None:
    """Print each row as it comes, as Markdown."""
    print("| method | settings | learning rate | steps | trained | held-out loss | ordinary talk | seconds | peak MiB | adapter MiB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['method']} | {', '.join(f'{key}={value}' for key, value in row['settings'].items())} | {row['learning_rate']:g} "
            f"| {row['steps']} | {row['trained']:,} | {row['before']:.3f} → {row['after']:.3f} "
            f"| {row['ordinary_before']:.3f} → {row['ordinary_after']:.3f} | {row['seconds']:.0f} | {row['peak_mib']:.0f} "
            f"| {row['adapter_mib']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
