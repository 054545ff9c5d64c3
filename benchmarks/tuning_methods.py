"""Every tuning method on one base and one dataset: what it learns, what it costs, what it spoils.

    python benchmarks/tuning_methods.py                 the defaults of every method on the model that ships and the sample life
    python benchmarks/tuning_methods.py --record FILE   the same, broken off at will: FILE keeps each row as soon as it is there, and the
                                                        same command goes on; with --new 2 it makes two more rows and ends
    python benchmarks/tuning_methods.py --max-steps 12 --eval-examples 40 --replies 30
                                                        in the time of a coffee
    python benchmarks/tuning_methods.py --dataset DIR --base NAME_OR_PATH
    python benchmarks/tuning_methods.py --home HOME     the adapters of a data home, tuned before; what that took of a core and of
                                                        memory was not noted

Columns: loss on held-out weeks; `style`: how far the lengths of its replies (characters) and their punctuation (bits) are from the
owner's; `reading`: share of questions about a memory block of at most four lines where the reply cites the right line; `ordinary`: loss on
general examples that no run is trained on; `everyday`: share of everyday questions whose right reply is told from wrong ones
(`finetune/probe.py`); seconds the training took, and of them what one core computed (other programs do not lengthen
that); share of steps and looks that looking at held-out answers took; peak memory; size of the adapter. `a → b`: before and after.
`tuning_sweep.py` runs several learning rates a method.
"""

import argparse
import json
import math
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tuning_measures import measure, sample_dataset
from tuning_rows import Row, kept_rows

from finetune.adapter_files import load_adapter, wants_four_bit
from finetune.checkpoint import LOG, AdapterInfo, list_adapters
from finetune.dataset import read_manifest
from finetune.glm import load_model
from finetune.model_files import find_model, fingerprint
from finetune.train import tune
from finetune.tune_config import TuneConfig

_BASE = "base"
_COLUMNS = (
    *("method", "rate", "steps", "trained", "held-out loss", "style", "reading", "ordinary", "everyday"),
    *("seconds", "of a core", "looking", "peak MiB", "adapter MiB"),
)
_NOTED = {"busy": "{:.0f}", "looking": "{:.1%}", "peak_mib": "{:.0f}"}  # not of every run


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One row of the table."""

    method: str
    settings: dict[str, Any] = field(default_factory=dict)
    learning_rate: float | None = None
    rehearsal: float | None = None

    @property
    def name(self) -> str:
        """What the row is called in the table and in the file."""
        changed = {**self.settings, "rate": self.learning_rate, "general": self.rehearsal}
        return ", ".join([self.method, *(f"{key} {value:g}" for key, value in changed.items() if value is not None)])


DEFAULTS = (
    Trial(method="lora"),
    Trial(method="ptuning"),
    Trial(method="full"),
    Trial(method="unipelt"),
    Trial(method="qlora"),
    Trial(method="ptuning", settings={"prefix_projection": True}, learning_rate=5e-3),
)


def main(trials: Sequence[Trial] = DEFAULTS, about: str | None = __doc__, **usual: Any) -> None:
    """Run the trials one after the other and print the table. `usual` gives options other defaults."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", help="folder or hub name (default: the model that ships)")
    parser.add_argument("--dataset", type=Path, help="a dataset folder (default: built from the sample life)")
    parser.add_argument("--home", type=Path, help="measure the adapters of this data home instead of tuning; they must be tuned on --base")
    parser.add_argument("--epochs", type=float, help="passes over the examples (default: the method's)")
    parser.add_argument("--max-steps", type=int, help="end every run earlier")
    parser.add_argument("--eval-examples", type=int, default=256, help="held-out examples looked at, at most")
    parser.add_argument("--replies", type=int, default=60, help="replies to held-out prompts, and to questions about a memory block")
    parser.add_argument("--methods", help="only these, with commas")
    parser.add_argument("--record", type=Path, help="keep each row in this file as soon as it is there, and pass over those that it holds")
    parser.add_argument("--new", type=int, help="make so many new rows at most; the same command goes on (default: all)")
    parser.set_defaults(**usual)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        dataset = options.dataset or (options.home / "dataset" if options.home else sample_dataset(Path(scratch)))
        wanted = options.methods.split(",") if options.methods else None
        works: dict[str, Callable[[], Row]] = {_BASE: lambda: measure(load_model(options.base), dataset, replies_each=options.replies)}
        if options.home:
            works |= {info.name: partial(tuned_before, info, dataset, options) for info in list_adapters(options.home)}
            trials = ()
        works |= {trial.name: partial(run, trial, dataset, options) for trial in trials if wanted is None or trial.method in wanted}
        cut = {name: getattr(options, name) for name in ("epochs", "max_steps", "eval_examples", "replies")}
        about = {"base": fingerprint(find_model(options.base)), "dataset": read_manifest(dataset)["hash"], **cut}
        print_table(kept_rows(works, options.record, about=about, new=options.new))


def run(trial: Trial, dataset: Path, options: argparse.Namespace) -> Row:
    """Tune once and measure."""
    config = TuneConfig(
        base=options.base,
        method=trial.method,
        settings=trial.settings,
        learning_rate=trial.learning_rate,
        rehearsal=trial.rehearsal,
        epochs=options.epochs,
        max_steps=options.max_steps,
        eval_examples=options.eval_examples,
        samples=0,
        patience=0,
    )
    with tempfile.TemporaryDirectory() as out:
        folder = Path(out) / "adapter"
        start, at = time.perf_counter(), time.process_time()
        report = tune(config, dataset, folder)
        seconds, busy = time.perf_counter() - start, time.process_time() - at
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        looking = looking_share(folder)
        after = measure_adapter(folder, dataset, options)
        size = (folder / "adapter_model.safetensors").stat().st_size
    return {
        "learning_rate": report.plan.learning_rate,
        "steps": report.steps,
        "trained": report.plan.trained,
        "before": report.loss_before,
        "after": report.loss_after,
        "seconds": seconds,
        "busy": busy,
        "looking": looking,
        "peak_mib": peak,
        "adapter_mib": size / 2**20,
        **after,
    }


def tuned_before(info: AdapterInfo, dataset: Path, options: argparse.Namespace) -> Row:
    """Measure an adapter; what its training took comes from its manifest."""
    training = info.manifest["training"]
    return {
        "learning_rate": training["plan"]["learning_rate"],
        "steps": training["steps"],
        "trained": info.parameters,
        "before": info.loss_before,
        "after": info.loss_after,
        "seconds": training["seconds"],
        "busy": math.nan,
        "looking": looking_share(info.folder),
        "peak_mib": math.nan,
        "adapter_mib": info.bytes / 2**20,
        **measure_adapter(info.folder, dataset, options),
    }


def looking_share(folder: Path) -> float:
    """Of the seconds that a run's steps and looks took, those of the looks; NaN for a run that did not note them."""
    seconds = {"loss": 0.0, "eval_loss": 0.0}
    for line in map(json.loads, (folder / LOG).read_text(encoding="utf-8").splitlines()):
        seconds["loss" if "loss" in line else "eval_loss"] += line.get("seconds", math.nan)
    return seconds["eval_loss"] / sum(seconds.values())


def measure_adapter(folder: Path, dataset: Path, options: argparse.Namespace) -> Row:
    """What the base does with an adapter."""
    loaded = load_model(options.base, four_bit=wants_four_bit(folder))
    load_adapter(folder, loaded)
    return measure(loaded, dataset, replies_each=options.replies)


def print_table(rows: Iterable[tuple[str, Row]]) -> None:
    """Print each row as it comes, as Markdown; the first is the base."""
    print(f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}")
    base: Row = {}
    for name, row in rows:
        if name == _BASE:
            base = row
            continue
        cells = [
            name,
            f"{row['learning_rate']:g}",
            f"{row['steps']}",
            f"{row['trained']:,}",
            f"{row['before']:.3f} → {row['after']:.3f}",
            f"{_style(base)} → {_style(row)}",
            f"{base['right_line']:.2f} → {row['right_line']:.2f}",
            f"{base['ordinary']:.2f} → {row['ordinary']:.2f}",
            f"{base['on_topic']:.2f} → {row['on_topic']:.2f}",
            f"{row['seconds']:.0f}",
            *("" if math.isnan(row[key]) else form.format(row[key]) for key, form in _NOTED.items()),
            f"{row['adapter_mib']:.2f}",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


def _style(row: Row) -> str:
    return f"{row['length_distance']:.1f}, {row['marks_distance']:.2f}"


if __name__ == "__main__":
    main()
