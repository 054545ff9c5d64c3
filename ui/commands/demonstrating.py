"""`demo`: the whole way on the sample life: import, dataset, tune twice, index, questions answered two ways, chat."""

import shutil
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clone_agent.errors import UsageError
from clone_agent.home import DataHome
from ui.commands.answering import hit_fields
from ui.commands.browsing import serve_page
from ui.commands.comparing import Answer, answer_all, marked, totals
from ui.commands.importing import import_
from ui.commands.remembering import index
from ui.commands.teaching import dataset
from ui.commands.tuning import loss_line, report_fields, require_dataset, tune_adapter
from ui.options import Call, common, step
from ui.show import Screen, typed

if TYPE_CHECKING:
    from clone_agent.archive import Archive
    from finetune.tune_config import TuneReport
    from ui.questions import Question
    from ui.wiring import Clone

METHODS = ("ptuning", "lora")
_OWNER, _ZONE = "林晚", "Asia/Shanghai"  # whose life it is, and where
_MARKER = "demo"
_SHOWN = 12


@click.command(epilog="Example: clone-agent demo --no-serve")
@click.option("--serve/--no-serve", default=True, help="Serve the chat at the end.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the page.  [default: the first free one from 7860 on]")
@click.option("--max-steps", type=click.IntRange(1), help="End each tuning run earlier.  [default: what suits the method]")
@click.option("--base", metavar="NAME_OR_PATH", help="GLM to tune.  [default: the one that ships]")
@common
def demo(call: Call, serve: bool, port: int | None, max_steps: int | None, base: str | None) -> None:
    """Show everything on the chats of an invented owner, which ship with the program.

    Works in a data home of its own. The questions are of the half that is kept for reporting; every one of them counts.
    """
    from ui.wiring import open_clone

    call = Call(life_home(call, "clone-agent-demo"), call.screen)
    import_life(call)
    step(call, dataset)
    reports = [_tune(call, method, base, max_steps) for method in METHODS]
    step(call, index)
    with open_clone(call.home, call.settings, use_memory=True) as clone:
        questions, answers = _ask_everything(call, clone)
        call.screen.result(
            {
                "home": str(call.home.root),
                "tuned": [report_fields(report) for report in reports],
                "right": totals(answers),
                "questions": [_fields(question, row) for question, row in zip(questions, answers, strict=True)],
            }
        )
        if not call.screen.as_json:
            call.screen.next(f"your own chats, with {_program()} import ~/exports --me 123456789")
        if serve:
            now = _day_after(clone.archive)
            call.screen.say(f"\n$ clone-agent chat --on {now:%Y-%m-%d}")
            serve_page(call, clone, call.settings, port=port, now=now)


def _program() -> str:
    """How to call this program in the shell that called it: `make demo` puts it on nobody's path."""
    return "clone-agent" if shutil.which("clone-agent") else typed(sys.argv[0])


def _day_after(archive: "Archive") -> datetime:
    """The day after the last message: what the invented owner calls today."""
    return max(info.last for info in archive.conversations() if info.last).astimezone() + timedelta(days=1)


def life_home(call: Call, folder: str) -> Path:
    """The home of the sample life: the named one, or `folder` beside the user's own, which it never touches.

    Raises:
        UsageError: the named one holds somebody's chats.
    """
    from platformdirs import user_data_dir

    from clone_agent.archive import Archive

    root = call.home_option or Path(user_data_dir(folder, appauthor=False))
    home = DataHome(root.expanduser().absolute())
    if home.archive.is_file():
        with Archive.open(home.root) as archive:
            if archive.fact(_MARKER) is None and archive.conversations():
                raise UsageError(
                    f"{home.root} holds chats that are not the demo's.", remedy="Name another folder with --home, or leave it out."
                )
    with Archive.open(home.root, create=True) as archive:
        archive.keep_fact(_MARKER, "1")
    return home.root


def import_life(call: Call) -> None:
    """Import the chats of the sample life."""
    from clone_agent.sample_life.build import EXPORTS

    step(call, import_, f"{EXPORTS} --name {_OWNER} --timezone {_ZONE}", paths=(EXPORTS,), name=_OWNER, timezone=_ZONE)


def _tune(call: Call, method: str, base: str | None, max_steps: int | None) -> "TuneReport":
    require_dataset(call, base)
    from finetune.tune_config import TuneConfig

    call.screen.say(f"\n$ clone-agent tune --method {method}")
    with call.home.lock():
        report = tune_adapter(call, TuneConfig(base=base, method=method, max_steps=max_steps), name=method, resume=True)
    call.screen.say(f"{method}: {loss_line(report)}; {report.steps:,} steps in {report.seconds:,.0f} s")
    return report


def _ask_everything(call: Call, clone: "Clone") -> "tuple[list[Question], list[list[Answer]]]":
    """Ask the tuned model every question without and with memory, and print some answers and all totals."""
    questions = life_questions(clone.archive)
    call.screen.say(f"\n{len(questions)} questions about the past, to the same tuned model ({clone.voice.label}) without and with memory:")
    voices = [("tuned" if clone.voice.is_tuned else "base", clone.voice)]
    with call.screen.progress("Answering", unit="answers") as advance:
        answers = answer_all(clone, call.settings, questions, voices, lambda done: advance(done, 2 * len(questions)))
    _print_answers(call.screen, questions, answers)
    return questions, answers


def life_questions(archive: "Archive") -> "list[Question]":
    """The questions kept for reporting whose gold messages were imported."""
    from clone_agent.sample_life.questions import key_ids, load_questions
    from ui.questions import Question

    known = key_ids(archive)
    return [
        Question(text=one.question, asked_at=one.asked_at, accept=one.accept, reject=one.reject, category=one.category, answer=one.answer)
        for one in load_questions()
        if one.split == "report" and all(key in known for key in one.gold)
    ]


def _print_answers(screen: Screen, questions: "Sequence[Question]", answers: Sequence[Sequence[Answer]]) -> None:
    """A table of evenly picked questions, and how many of all are right. Picked by position, so that none is chosen for its answer."""
    every = max(1, len(questions) // _SHOWN)
    rows = [
        (question.text, question.answer or "（没有这回事）", *(marked(answer) for answer in row), _sources(row[-1]))
        for question, row in list(zip(questions, answers, strict=True))[::every][:_SHOWN]
    ]
    screen.table(("question", "truth", "tuned only", "tuned + memory", "sources"), rows)
    screen.say(f"Every {every}th question is shown. Right, of all: " if every > 1 else "Right: ")
    for kind, (right, judged) in totals(answers).items():
        screen.say(f"  {kind}: {right} of {judged}")


def _sources(answer: Answer) -> str:
    return "\n".join(f"{hit.memory.started_at:%Y-%m-%d} {hit.memory.speaker_name}" for hit in answer.reply.sources[:3])


def _fields(question: "Question", row: Sequence[Answer]) -> dict[str, object]:
    return {
        "question": question.text,
        "expected": question.answer,
        "category": question.category,
        "answers": [
            {
                "kind": answer.kind,
                "answer": answer.reply.text,
                "is_right": answer.is_right,
                "sources": [hit_fields(hit) for hit in answer.reply.sources],
            }
            for answer in row
        ],
    }
