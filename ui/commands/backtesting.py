"""`backtest` and `leak-test`: proof of what tuning and memory do, on a person's own chats or on the sample life."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from clone_agent.errors import UsageError
from clone_agent.storage import require_writable
from ui.commands.demonstrating import import_life, life_home, life_questions
from ui.options import PARTIAL, Call, FiniteRange, common

if TYPE_CHECKING:
    from clone_agent.archive import Archive
    from ui.questions import Question
    from ui.report.document import Document

METHODS = ("lora", "ptuning", "unipelt", "full")
_F = TypeVar("_F", bound=Callable[..., None])
_LIFE_HOME = "clone-agent-backtest"


def _run_options(function: _F) -> _F:
    """Add what both commands offer."""
    for option in (
        click.option(
            "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the report.  [default: reports/ in the data home]"
        ),
        click.option("--max-steps", type=click.IntRange(1), help="End each tuning run earlier.  [default: what suits the method]"),
        click.option("--base", metavar="NAME_OR_PATH", help="GLM to tune.  [default: the one that ships]"),
        click.option("--methods", default=",".join(METHODS), help="Tuning methods, with commas."),
        click.option("--life", is_flag=True, help="On the chats of an invented owner, which ship, in a data home of their own."),
    ):
        function = option(function)
    return function


@click.command(epilog="Example: clone-agent backtest --life --methods lora")
@click.option("--weeks", default=8.0, type=FiniteRange(0, 5_200, min_open=True), help="Last weeks to hide.")
@click.option("--limit", default=200, type=click.IntRange(10), help="Hidden replies to compare, at even distances.")
@click.option(
    "--questions", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Questions about the time before, as for compare."
)
@click.option("--replies", type=click.IntRange(0), help="Replies to show in the report, in everybody's words.  [default: 0; 8 with --life]")
@_run_options
@common
def backtest(
    call: Call,
    weeks: float,
    limit: int,
    questions: Path | None,
    replies: int | None,
    life: bool,
    methods: str,
    out: Path | None,
    **tuning: object,
) -> None:
    """Hide the owner's last weeks, replay what they received, and compare every tuning method with and without memory.

    Works on a copy of the chats inside the data home, which is removed at the end. Interrupted, the same command goes on.
    """
    call = placed(call, out, life=life)
    from ui.backtest.report import backtest_document, outcome_fields
    from ui.backtest.run import Backtest, Options

    asked = _questions(questions, life=life)
    base, max_steps = tuning["base"], tuning["max_steps"]
    options = Options(
        weeks=weeks,
        limit=limit,
        methods=_methods(methods),
        base=base if isinstance(base, str) else None,
        max_steps=max_steps if isinstance(max_steps, int) else None,
        questions=_digest(questions, life=life),
    )
    with call.home.lock():
        run = Backtest(call, options, asked)
        outcome = run.run()
        document = backtest_document(outcome, command=as_typed(), replies=replies if replies is not None else 8 * life)
        written = write(call, document, "backtest", out)
        run.clear()
    fields = outcome_fields(outcome)
    call.screen.result({**fields, "report": [str(path) for path in written]})
    if not call.screen.as_json:
        show(call, document, written)
    if outcome.failed:
        raise click.exceptions.Exit(PARTIAL)


@click.command("leak-test", epilog="Example: clone-agent leak-test --life --methods lora,ptuning")
@click.option("--canaries", "each", default=20, type=click.IntRange(1, 20), help="Secrets for one number of repeats and one speaker.")
@_run_options
@common
def leak_test(call: Call, each: int, life: bool, methods: str, out: Path | None, base: str | None, max_steps: int | None) -> None:
    """Plant secrets in a copy of the chats, tune on it, and measure how much the model gives them away.

    The copy lies inside the data home and is removed at the end. Interrupted, the same command goes on.
    """
    call = placed(call, out, life=life)
    from ui.backtest.leak_report import leak_document, leak_fields
    from ui.backtest.leaking import LeakOptions, LeakTest

    options = LeakOptions(methods=_methods(methods), each=each, base=base, max_steps=max_steps)
    with call.home.lock():
        run = LeakTest(call, options)
        outcome = run.run()
        document = leak_document(outcome, command=as_typed())
        written = write(call, document, "leak", out)
        run.clear()
    call.screen.result({**leak_fields(outcome), "report": [str(path) for path in written]})
    if not call.screen.as_json:
        show(call, document, written)
    if outcome.failed:
        raise click.exceptions.Exit(PARTIAL)


def placed(call: Call, out: Path | None, *, life: bool) -> Call:
    """The call on the home to work on: the owner's, or the sample life's with its chats in it.

    Raises:
        NoHomeError: nothing was imported.
        CloneError: the report, which comes at the end, could not be written into `out`.
    """
    there = Call(life_home(call, _LIFE_HOME), call.screen) if life else call
    there.home.require()
    require_writable(_folder(there, out))
    if life:
        import_life(there)
    return there


def _folder(call: Call, out: Path | None) -> Path:
    return out or call.home.root / "reports"


def _methods(text: str) -> tuple[str, ...]:
    from finetune.methods.registry import find_method

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise UsageError("No method was named.", remedy="Name some of lora, ptuning, unipelt and full, with commas.")
    for name in names:
        find_method(name)
    return names


def _questions(path: Path | None, *, life: bool) -> "Callable[[Archive], Sequence[Question]]":
    from ui.questions import read_questions

    if path is not None:
        asked = read_questions(path)
        return lambda _: asked
    return life_questions if life else lambda _: ()


def _digest(path: Path | None, *, life: bool) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path is not None else "life" if life else ""


def as_typed() -> str:
    """The command as it was typed, without where the home and the report lie."""
    context = click.get_current_context()
    words = ["clone-agent", str(context.info_name)]
    for parameter in context.command.params:
        value = context.params.get(str(parameter.name))
        if context.get_parameter_source(str(parameter.name)) is not click.core.ParameterSource.COMMANDLINE or parameter.name in {
            "home",
            "out",
            "as_json",
        }:
            continue
        words += [parameter.opts[0]] if value is True else [parameter.opts[0], value.name if isinstance(value, Path) else str(value)]
    return " ".join(words)


def write(call: Call, document: "Document", name: str, out: Path | None) -> list[Path]:
    """Write a report into a folder, by itself into the data home's."""
    from ui.report.writing import write_report

    return write_report(document, _folder(call, out), name)


def show(call: Call, document: "Document", written: Sequence[Path]) -> None:
    """Print the tables and lists of a report, and where it lies."""
    from ui.report.document import Heading, Points, Table

    for block in document.blocks:
        match block:
            case Heading():
                call.screen.say(f"\n{block.text}")
            case Points():
                for point in block.points:
                    call.screen.say(f"* {point}")
            case Table():
                call.screen.table(block.columns, block.rows, numbers=() if block.is_text else range(1, len(block.columns)))
            case _:
                pass
    call.screen.say("Written to " + " and ".join(map(str, written)))
