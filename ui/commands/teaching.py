"""`dataset` and `tune`: chats to examples, examples to a tuned GLM."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clone_agent.errors import DatasetError, UsageError
from clone_agent.records import LIVE_PLATFORM
from ui.commands.explaining import show_verdict
from ui.commands.judging import open_judge
from ui.moments import PERIOD_START
from ui.options import Call, common
from ui.show import count

if TYPE_CHECKING:
    from clone_agent.archive import Archive
    from clone_agent.records import Session
    from finetune.examples import ExampleOptions
    from finetune.tune_config import TuneConfig, TunePlan, TuneProgress, TuneReport

DATASET_FACT = "dataset_revision"
_LOSS = "{:.3f}"


@click.command(epilog="Example: clone-agent dataset --since 2021 --with 小明 --export pairs.jsonl")
@click.option(
    "--export", type=click.Path(dir_okay=False, path_type=Path), help='Also write {"prompt", "response", "history"} lines to this file.'
)
@click.option("--history", "max_turns", default=8, type=click.IntRange(1, 64), help="The prompt and the turns before it, at most.")
@click.option(
    "--eval-share", default=0.1, type=click.FloatRange(0, 0.5), help="Share of the examples, the latest ones, kept for evaluation."
)
@click.option("--mask/--no-mask", default=True, help="Replace phone numbers, addresses and the like by placeholders.")
@click.option("--drop-personal", is_flag=True, help="Leave out answers of yours that hold such data.")
@click.option("--pseudonyms", is_flag=True, help="Replace the names of everybody but you, the same person by the same name.")
@click.option("--threads/--no-threads", default=True, help="In groups, follow the thread of what you answer.")
@click.option(
    "--with", "people", multiple=True, metavar="NAME", help="Learn from chats with this person or from this chat only; repeatable."
)
@click.option("--since", type=PERIOD_START, metavar="DAY", help="Learn from replies of this day on, like 2021-06-01, 2021-06 or 2021.")
@click.option("--until", type=PERIOD_START, metavar="DAY", help="Learn from replies before this day.")
@click.option("--half-life", type=click.FloatRange(0, min_open=True), metavar="DAYS", help="A reply that much older counts half as much.")
@click.option("--balance", default=0.7, type=click.FloatRange(0, 1), help="1 draws replies as they are, less draws long ones more often.")
@click.option("--contacts", is_flag=True, help="Say in each prompt whom you talk to, so that the tone follows; ask with --contact later.")
@click.option("--judge", metavar="URL", help="OpenAI-compatible server whose model leaves out answers that do not fit what was said.")
@click.option("--judge-model", metavar="NAME", help="Which of its models.")
@click.option("--yes", is_flag=True, help="Do not ask before private text goes to a judge elsewhere.")
@click.option("--explain", metavar="MESSAGE", help="Only say what became of a message, named by its id or by FILE:LINE of its export.")
@common
def dataset(
    call: Call, export: Path | None, explain: str | None, judge: str | None, judge_model: str | None, yes: bool, **chosen: Any
) -> None:
    """Turn the stored chats into training examples, split by time.

    Every turn of yours becomes a response; the turn before it is the prompt, earlier ones the history. In groups both follow the thread.
    """
    from clone_agent.archive import Archive
    from finetune.examples import build_examples, export_pairs, read_dataset, write_dataset
    from finetune.files import private_folder
    from finetune.judge import judged
    from ui.naming import check_people_or_chats

    ask = open_judge(call, judge, judge_model, agreed=yes) if judge else None
    with call.home.require().lock(), Archive.open(call.home.root) as archive:
        check_people_or_chats(archive, chosen["people"], call.screen, option="--with")
        options = _example_options(archive, **chosen)
        if explain is not None:
            show_verdict(call, archive, options, explain)
            return
        counts: Counter[str] = Counter()
        with call.screen.progress("Building examples", unit="chats") as advance:
            sessions = _all_sessions(archive, advance)
            examples = build_examples(sessions, archive.persona(), options, counts=counts)
            if ask is not None:
                examples = judged(examples, ask, private_folder(call.home.dataset), counts=counts)
            manifest = write_dataset(examples, call.home.dataset, options=options, counts=counts)
        archive.keep_fact(DATASET_FACT, archive_revision(archive))
    exported = None
    if export is not None:
        train, evaluation, _ = read_dataset(call.home.dataset)
        exported = export_pairs([*train, *evaluation], export)
    call.screen.result({**manifest, "folder": str(call.home.dataset), "exported": exported})
    if not call.screen.as_json:
        _print_dataset(call, manifest, export, exported)


@click.command(epilog="Example: clone-agent tune --method ptuning")
@click.option("--method", default="lora", help="Tuning method: lora, qlora (on a 4-bit base), ptuning (P-Tuning v2), unipelt or full.")
@click.option("--base", metavar="NAME_OR_PATH", help="GLM to tune: a folder or a hub name.  [default: the one that ships]")
@click.option("--name", help="Name of the adapter.  [default: the method]")
@click.option("--epochs", type=click.FloatRange(0, min_open=True), help="Passes over the examples.  [default: what suits the method]")
@click.option("--max-steps", type=click.IntRange(1), help="End earlier than the epochs would.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="Learning rate.  [default: what suits the method]")
@click.option("--batch-size", default=16, type=click.IntRange(1), help="Examples a step.")
@click.option("--max-length", default=512, type=click.IntRange(32), help="Tokens an example, at most.")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A setting of the method, like r=8 or num_virtual_tokens=32.")
@click.option("--general", "rehearsal_file", type=click.Path(dir_okay=False, path_type=Path), help="General talk to mix in: JSON lines.")
@click.option(
    "--general-share", "rehearsal", type=click.FloatRange(0, 0.9), help="Its share.  [default: 0.2 with --general or the small GLM]"
)
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
    from finetune.processes import is_leader
    from finetune.tune_config import TuneConfig

    config = TuneConfig(base=base, method=method, settings=dict(_setting(pair) for pair in pairs), **numbers)
    if dry_run:
        _print_dry_run(call, config)
        return
    with call.home.lock() if is_leader() else nullcontext():
        report = tune_adapter(call, config, name=name or method, resume=resume)
    if not is_leader():
        return
    call.screen.result(report_fields(report))
    if not call.screen.as_json:
        _print_report(call, report)


def archive_revision(archive: "Archive") -> str:
    """A text that changes whenever the stored messages do; talks with the clone do not count."""
    revisions = [info.revision for info in archive.conversations() if info.conversation.platform != LIVE_PLATFORM]
    return f"{sum(revisions)}/{len(archive.owner_ids())}"


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
    if resume and not folder.is_dir():
        call.screen.warn(f"There is no interrupted run {name}; this one starts from the beginning.")
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


def _example_options(
    archive: "Archive",
    *,
    people: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    half_life: float | None,
    pseudonyms: bool,
    **rest: Any,
) -> "ExampleOptions":
    from clone_agent.pseudonyms import Pseudonyms, named_people
    from finetune.choosing import Wanted
    from finetune.examples import ExampleOptions

    names = None
    if pseudonyms:
        names = Pseudonyms(named_people(archive), language=archive.persona().language)
    return ExampleOptions(
        wanted=Wanted(since=since, until=until, people=people),
        half_life=timedelta(days=half_life) if half_life else None,
        pseudonyms=names,
        **rest,
    )


def _all_sessions(archive: "Archive", advance: Any) -> "Iterator[Session]":
    infos = archive.conversations()
    for number, info in enumerate(infos, start=1):
        yield from archive.sessions(info.conversation.id)
        advance(number, len(infos))


def _setting(pair: str) -> tuple[str, Any]:
    key, equals, value = pair.partition("=")
    if not equals:
        raise UsageError("--set needs KEY=VALUE.", remedy="Write for example --set r=8.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _print_dataset(call: Call, manifest: dict[str, Any], export: Path | None, exported: int | None) -> None:
    screen, lengths = call.screen, manifest["lengths"]
    numbers = manifest["examples"]
    screen.say(
        f"{count(numbers['train'], 'example')} to learn from, {numbers['eval']:,} to evaluate on (the latest), "
        f"{manifest['first'][:10]} to {manifest['last'][:10]}"
    )
    names = [name for name, value in next(iter(lengths.values())).items() if isinstance(value, int | float)]
    if manifest["learnt"] > numbers["train"]:
        screen.say(f"Long replies are drawn more often: {manifest['learnt']:,} in one pass.")
    screen.table(
        ("characters a reply", *names),
        [(what, *(_short(summary[name]) for name in names)) for what, summary in lengths.items()],
        numbers=range(1, len(names) + 1),
    )
    for reason, number in manifest["skipped"].items():
        screen.say(f"{number:,} turns left out: {reason}")
    if manifest["masked"]:
        screen.say("Masked: " + ", ".join(f"{number:,} {kind}" for kind, number in manifest["masked"].items()))
    if export is not None and exported is not None:
        screen.say(f"{count(exported, 'pair')} written to {export}")
    screen.next("clone-agent tune")


def _state(progress: "TuneProgress") -> str:
    losses = (("loss", progress.loss), ("held out", progress.eval_loss))
    return " · ".join([progress.phase, *(f"{name} {_LOSS.format(loss)}" for name, loss in losses if loss is not None)])


def _short(value: object) -> object:
    return f"{value:,.1f}".removesuffix(".0") if isinstance(value, int | float) else value


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
    from finetune.files import gibibytes

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
