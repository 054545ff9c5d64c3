"""Every tuning method on one model and one dataset: held-out loss, ordinary talk, seconds, memory, adapter size.

    python benchmarks/tuning_methods.py                 the defaults of every method on the model that ships and the sample life
    python benchmarks/tuning_methods.py --dataset DIR --base NAME_OR_PATH

Every run is a fork, so that its peak memory is its own and everything is imported once. "Ordinary talk" is the loss on general examples
that take no part in the training (small talk, and questions on a memory block), before and after: what tuning must not spoil.
`tuning_sweep.py` runs several learning rates a method with the same functions.
"""

import argparse
import json
import os
import resource
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
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
ORDINARY = 60  # general examples in the probe
PROBE_SEED = 987_654


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One row of the table."""

    method: str
    settings: dict[str, Any] = field(default_factory=dict)
    learning_rate: float | None = None


DEFAULTS = (
    Trial(method="lora"),
    Trial(method="qlora"),
    Trial(method="ptuning"),
    Trial(method="ptuning", settings={"prefix_projection": True}, learning_rate=5e-3),
    Trial(method="unipelt"),
    Trial(method="full"),
)


def main(trials: Sequence[Trial] = DEFAULTS, about: str | None = __doc__, arguments: Sequence[str] | None = None) -> None:
    """Run the trials one after the other and print the table."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", help="folder or hub name (default: the model that ships)")
    parser.add_argument("--dataset", type=Path, help="a dataset folder (default: built from the sample life)")
    parser.add_argument("--epochs", type=float, help="passes over the examples (default: the method's)")
    parser.add_argument("--max-steps", type=int, help="end every run earlier")
    parser.add_argument("--eval-examples", type=int, default=256, help="held-out examples looked at, at most")
    parser.add_argument("--methods", help="only these, with commas")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        dataset = options.dataset or sample_dataset(Path(scratch))
        wanted = options.methods.split(",") if options.methods else None
        chosen = [trial for trial in trials if wanted is None or trial.method in wanted]
        before = forked(lambda: {"ordinary_before": ordinary_talk(options.base, None)})
        print_table({**before, **forked(lambda trial=trial: run(trial, dataset, options))} for trial in chosen)  # type: ignore[misc]


def forked(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do the work in a fork of this process and return its figures."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            with os.fdopen(theirs, "w") as pipe:
                json.dump(work(), pipe)
            code = 0
        finally:
            traceback.print_exc() if code else None
            os._exit(code)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    if not text:
        raise SystemExit("a run failed; see above")
    return dict(json.loads(text))


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


def run(trial: Trial, dataset: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Tune once and measure."""
    base = options.base
    config = TuneConfig(
        base=base,
        method=trial.method,
        settings=trial.settings,
        learning_rate=trial.learning_rate,
        epochs=options.epochs,
        max_steps=options.max_steps,
        eval_examples=options.eval_examples,
        evaluations=2,
        samples=0,
        patience=0,
    )
    with tempfile.TemporaryDirectory() as out:
        start, at = time.perf_counter(), time.process_time()
        report = tune(config, dataset, Path(out) / "adapter")
        seconds, busy = time.perf_counter() - start, time.process_time() - at
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        after = ordinary_talk(base, Path(out) / "adapter")
        size = (Path(out) / "adapter" / "adapter_model.safetensors").stat().st_size
    return {
        "method": trial.method,
        "settings": trial.settings,
        "learning_rate": report.plan.learning_rate,
        "steps": report.steps,
        "trained": report.plan.trained,
        "before": report.loss_before,
        "after": report.loss_after,
        "ordinary_after": after,
        "seconds": seconds,
        "busy": busy,
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


def print_table(rows: Iterable[dict[str, Any]]) -> None:
    """Print each row as it comes, as Markdown."""
    print("| method | settings | rate | steps | trained | held-out loss | ordinary talk | seconds | of a core | peak MiB | adapter MiB |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['method']} | {', '.join(f'{key}={value}' for key, value in row['settings'].items())} | {row['learning_rate']:g} "
            f"| {row['steps']} | {row['trained']:,} | {row['before']:.3f} → {row['after']:.3f} "
            f"| {row['ordinary_before']:.3f} → {row['ordinary_after']:.3f} | {row['seconds']:.0f} | {row['busy']:.0f} "
            f"| {row['peak_mib']:.0f} | {row['adapter_mib']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
