"""`dataset`: chats to examples."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clone_agent.records import LIVE_PLATFORM
from ui.commands.explaining import show_verdict
from ui.commands.judging import open_judge
from ui.moments import PERIOD_START
from ui.options import Call, FiniteRange, common
from ui.show import count

if TYPE_CHECKING:
    from clone_agent.archive import Archive
    from clone_agent.records import Session
    from finetune.examples import ExampleOptions

DATASET_FACT = "dataset_revision"


@click.command(epilog="Example: clone-agent dataset --since 2021 --with 小明 --export pairs.jsonl")
@click.option(
    "--export", type=click.Path(dir_okay=False, path_type=Path), help='Also write {"prompt", "response", "history"} lines to this file.'
)
@click.option("--history", "max_turns", default=8, type=click.IntRange(1, 64), help="The prompt and the turns before it, at most.")
@click.option("--eval-share", default=0.1, type=FiniteRange(0, 0.5), help="Share of the examples, the latest ones, kept for evaluation.")
@click.option("--mask/--no-mask", default=True, help="Replace phone numbers, addresses and the like by placeholders.")
@click.option("--drop-personal", is_flag=True, help="Leave out answers of yours that hold such data.")
@click.option("--pseudonyms", is_flag=True, help="Replace the names of everybody but you, the same person by the same name.")
@click.option("--threads/--no-threads", default=True, help="In groups, follow the thread of what you answer.")
@click.option(
    "--with", "people", multiple=True, metavar="NAME", help="Learn from chats with this person or from this chat only; repeatable."
)
@click.option("--since", type=PERIOD_START, metavar="DAY", help="Learn from replies of this day on, like 2021-06-01, 2021-06 or 2021.")
@click.option("--until", type=PERIOD_START, metavar="DAY", help="Learn from replies before this day.")
@click.option("--half-life", type=FiniteRange(0.01, 100_000), metavar="DAYS", help="A reply that much older counts half as much.")
@click.option("--balance", default=0.7, type=FiniteRange(0, 1), help="1 draws replies as they are, less draws long ones more often.")
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
    from finetune.dataset import export_pairs, read_dataset, write_dataset
    from finetune.examples import build_examples
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


def archive_revision(archive: "Archive") -> str:
    """A text that changes whenever the stored messages do; talks with the clone do not count."""
    revisions = [info.revision for info in archive.conversations() if info.conversation.platform != LIVE_PLATFORM]
    return f"{sum(revisions)}/{len(archive.owner_ids())}"


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


def _short(value: object) -> object:
    return f"{value:,.1f}".removesuffix(".0") if isinstance(value, int | float) else value
