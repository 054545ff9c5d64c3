"""`tune`: examples to a tuned GLM."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clone_agent.errors import DatasetError, UsageError
from ui.options import Call, FiniteRange, common
from ui.show import count

if TYPE_CHECKING:
    from finetune.tune_config import TuneConfig, TunePlan, TuneProgress, TuneReport

_LOSS = "{:.3f}"


@click.command(epilog="Example: clone-agent tune --method ptuning")
@click.option("--method", default="lora", help="Tuning method: lora, qlora (on a 4-bit base), ptuning (P-Tuning v2), unipelt or full.")
@click.option("--base", metavar="NAME_OR_PATH", help="GLM to tune: a folder or a hub name.  [default: the one that ships]")
@click.option("--name", help="Name of the adapter.  [default: the method]")
@click.option("--epochs", type=FiniteRange(0, 1_000_000, min_open=True), help="Passes over the examples.  [default: what suits the method]")
@click.option("--max-steps", type=click.IntRange(1), help="End earlier than the epochs would.")
@click.option("--learning-rate", type=FiniteRange(0, min_open=True), help="Learning rate.  [default: what suits the method]")
@click.option("--batch-size", default=16, type=click.IntRange(1), help="Examples a step.")
@click.option("--max-length", default=512, type=click.IntRange(32), help="Tokens an example, at most.")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A setting of the method, like r=8 or num_virtual_tokens=32.")
@click.option("--general", "rehearsal_file", type=click.Path(dir_okay=False, path_type=Path), help="General talk to mix in: JSON lines.")
@click.option("--general-share", "rehearsal", type=FiniteRange(0, 0.9), help="Its share.  [default: 0.2 with --general or the small GLM]")
@click.option("--seed", default=0, help="Seed of everything random.")
@click.option("--resume", is_flag=True, help="Go on with the interrupted run of this name.")
@click.option("--dry-run", is_flag=True, help="Measure and say what would happen, then stop.")
@common
def tune(
    call: Call, method: str, base: str | None, name: str | None, pairs: tuple[str, ...], resume: bool, dry_run: bool, **numbers: Any
) -> None:
    """Tune a GLM on your examples, so that it speaks as you do.

    Loss is taken on your words only. An interrupted run goes on with --resume. On several GPUs: accelerate launch -m ui.cli tune.
    """
    base = base or call.settings.base
    require_dataset(call, base)
    from finetune.checkpoint import adapter_folder
    from finetune.processes import is_leader
    from finetune.tune_config import TuneConfig

    config = TuneConfig(base=base, method=method, settings=dict(_setting(pair) for pair in pairs), **numbers)
    folder = adapter_folder(call.home.root, name or method)
    if dry_run:
        _print_dry_run(call, config)
        return
    with call.home.lock() if is_leader() else nullcontext():
        if resume and not folder.is_dir():
            call.screen.warn(f"There is no interrupted run {name or method}; this one starts from the beginning.")
        report = tune_adapter(call, config, name=name or method, resume=resume)
    if not is_leader():
        return
    call.screen.result(report_fields(report))
    if not call.screen.as_json:
        _print_report(call, report)


def require_dataset(call: Call, base: str | None) -> None:
    """Check that there is something to tune and something to tune it on, before torch is imported.

    Raises:
        NoHomeError: nothing was imported.
        DatasetError: there are no examples.
        ModelError: the base model is missing or damaged.
    """
    from ui.wiring import check_model

    call.home.require()
    if not (call.home.dataset / "manifest.json").is_file():
        raise DatasetError("There are no examples yet.", remedy="Run `clone-agent dataset` first.")
    check_model(base)


def tune_adapter(call: Call, config: "TuneConfig", *, name: str, resume: bool = False) -> "TuneReport":
    """Run the tuning with a progress bar; the caller owns the home."""
    from finetune.checkpoint import adapter_folder
    from finetune.train import tune as run

    folder = adapter_folder(call.home.root, name)
    with call.screen.progress(f"Tuning {name}", unit="steps") as advance:

        def watch(progress: "TuneProgress") -> None:
            if progress.plan is not None and progress.phase == "plan":
                call.screen.note(_plan_line(progress.plan))
            advance(progress.step, progress.steps or None, _state(progress))

        return run(config, call.home.dataset, folder, on_progress=watch, resume=resume)


def report_fields(report: "TuneReport") -> dict[str, object]:
    """The `--json` fields of a tuning run."""
    return {
        "adapter": report.folder.name,
        "folder": str(report.folder),
        "base": report.plan.base,
        "method": report.plan.method,
        "examples": report.plan.examples,
        "steps": report.steps,
        "best_step": report.best_step,
        "loss_before": report.loss_before,
        "loss_after": report.loss_after,
        "trained": report.plan.trained,
        "seconds": round(report.seconds, 1),
        "finished": report.finished,
        "stopped_early": report.stopped_early,
        "lost_ordinary_talk": report.lost_ordinary_talk,
        "samples": [{"prompt": one.prompt, "owner": one.owner, "before": one.before, "after": one.after} for one in report.samples],
    }


def loss_line(report: "TuneReport") -> str:
    """One line on what a run did to the held-out loss."""
    if report.loss_before is None or report.loss_after is None:
        return "no held-out examples to measure on"
    return f"held-out loss {_LOSS.format(report.loss_before)} → {_LOSS.format(report.loss_after)}"


def _setting(pair: str) -> tuple[str, Any]:
    key, equals, value = pair.partition("=")
    if not equals:
        raise UsageError("--set needs KEY=VALUE.", remedy="Write for example --set r=8.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _state(progress: "TuneProgress") -> str:
    losses = (("loss", progress.loss), ("held out", progress.eval_loss))
    speed = [f"{progress.tokens_per_s:,.0f} tokens/s"] if progress.tokens_per_s else []
    return " · ".join([progress.phase, *(f"{name} {_LOSS.format(loss)}" for name, loss in losses if loss is not None), *speed])


def _print_dry_run(call: Call, config: "TuneConfig") -> None:
    from dataclasses import asdict

    from finetune.memory_limits import memory_advice
    from finetune.prepare import plan_run

    with memory_advice("preparing the training"):
        plan = plan_run(config, call.home.dataset)
    call.screen.result({**asdict(plan), "minutes": round(plan.minutes, 2)})
    if not call.screen.as_json:
        call.screen.say(_plan_line(plan))
        call.screen.next("the same command without --dry-run")


def _plan_line(plan: "TunePlan") -> str:
    """One line on what a run will do and take."""
    from clone_agent.storage import gibibytes

    team = f" in {plan.processes} processes" if plan.processes > 1 else ""
    return (
        f"{plan.method} on {plan.base}: {plan.trained:,} of {plan.parameters:,} numbers, {count(plan.examples, 'example')}, "
        f"{count(plan.steps, 'step')}, about {max(plan.minutes, 0.1):.1f} min on {plan.device}{team}, {gibibytes(plan.memory)} of memory "
        f"({gibibytes(plan.memory_free)} are free), {gibibytes(plan.disk)} of disk"
    )


def _print_report(call: Call, report: "TuneReport") -> None:
    screen = call.screen
    screen.say(f"{report.folder.name}: {loss_line(report)}; {count(report.steps, 'step')} in {report.seconds:,.0f} s")
    if report.samples:
        screen.table(("prompt", "you wrote", "before", "after"), [(one.prompt, one.owner, one.before, one.after) for one in report.samples])
    if report.lost_ordinary_talk:
        screen.warn(
            f"{report.folder.name} answers everyday questions worse than before, so it is not made current. "
            f"Tune more gently (--epochs, --learning-rate, --general), or name it with --adapter {report.folder.name} to hear it anyway."
        )
    if report.finished:
        screen.next("clone-agent index")
    else:
        screen.next(f"clone-agent tune --method {report.plan.method} --name {report.folder.name} --resume")
