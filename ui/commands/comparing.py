"""`compare`: every question answered by every kind of clone, in a table and a file."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clone_agent.errors import CloneError
from clone_agent.records import Reply, Scope
from clone_agent.storage import require_writable
from ui.commands.answering import VoiceOptions, choose_voice, remind, reply_fields, voice_options
from ui.options import PARTIAL, Call, common
from ui.show import Screen, show_error

if TYPE_CHECKING:
    from clone_agent.agent import CloneAgent
    from ui.config import Settings
    from ui.questions import Question
    from ui.wiring import Clone, Voice


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One kind of clone's answer to one question."""

    kind: str  # "base", "tuned", "base+memory", "tuned+memory"; "server", "server+memory"
    reply: Reply
    seconds: float
    is_right: bool | None  # None: nobody knows
    error: CloneError | None = None  # the question could not be answered; the reply is empty


@click.command(epilog="Example: clone-agent compare questions.txt --out answers.jsonl")
@click.argument("path", metavar="QUESTIONS", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="JSONL file for the answers.  [default: comparisons/ in the data home]"
)
@voice_options
@common
def compare(call: Call, path: Path, out: Path | None, **voice: object) -> None:
    """Answer every question four ways: base, tuned, base + memory, tuned + memory.

    QUESTIONS has one question a line; a .jsonl file may also say what a right answer holds (see ui/README.md).
    """
    from ui.questions import read_questions
    from ui.wiring import open_clone

    questions = read_questions(path)
    settings = choose_voice(call, VoiceOptions(**voice))  # type: ignore[arg-type]  # click fills in exactly these
    target = out or call.home.require().root / "comparisons" / f"{path.stem}.jsonl"
    require_writable(target.parent)
    with open_clone(call.home, settings, use_memory=True) as clone:
        remind(call.screen, clone)
        voices = kinds_of_voice(clone, settings)
        if clone.voice.is_tuned and len(voices) == 1:
            call.screen.note(
                f"{clone.voice.adapter} was tuned in full: there is no base beside it. Compare that one by itself with --adapter none."
            )
        with call.screen.progress("Answering", unit="answers") as advance:
            answers = answer_all(clone, settings, questions, voices, lambda done: advance(done, len(questions) * len(voices) * 2))
    write_answers(target, questions, answers)
    call.screen.result({"questions": len(questions), "file": str(target), "right": totals(answers), "answers": _rows(questions, answers)})
    if not call.screen.as_json:
        show_answers(call.screen, questions, answers)
        call.screen.say(f"Written to {target}")
    exit_if_failed(answers)


def kinds_of_voice(clone: "Clone", settings: "Settings") -> "list[tuple[str, Voice]]":
    """Whom to compare: base and tuned; one of them alone where nothing is tuned, or all was; the server where one was named."""
    from ui.wiring import without_adapter

    if settings.server is not None:
        return [("server", clone.voice)]
    if not clone.voice.is_tuned:
        return [("base", clone.voice)]
    base = without_adapter(clone.voice)
    return [*([] if base is None else [("base", base)]), ("tuned", clone.voice)]


def answer_all(
    clone: "Clone",
    settings: "Settings",
    questions: "Sequence[Question]",
    voices: "Sequence[tuple[str, Voice]]",
    on_answer: Callable[[int], None] = lambda done: None,
) -> list[list[Answer]]:
    """Every question answered by every voice without and with memory; for each question the answers in the order of `kinds`."""
    from ui.wiring import make_agent

    answers: list[list[Answer]] = [[] for _ in questions]
    done = 0
    for use_memory in (False, True):
        for kind, voice in voices:
            agent = make_agent(clone.archive, clone.memory, voice, settings)
            for question, row in zip(questions, answers, strict=True):
                row.append(_answer(agent, question, f"{kind}+memory" if use_memory else kind, use_memory=use_memory))
                done += 1
                on_answer(done)
    return answers


def exit_if_failed(answers: Sequence[Sequence[Answer]]) -> None:
    """End with the error when no question could be answered, with `PARTIAL` when some could not."""
    errors = [answer.error for row in answers for answer in row if answer.error is not None]
    if len(errors) == sum(len(row) for row in answers):
        raise errors[0]
    if errors:
        show_error(errors[0])
        raise click.exceptions.Exit(PARTIAL)


def _answer(agent: "CloneAgent", question: "Question", kind: str, *, use_memory: bool) -> Answer:
    began = time.monotonic()
    try:
        reply = final(agent, question.text, use_memory=use_memory, now=question.asked_at)
    except CloneError as error:  # one question that does not fit must not cost the answers to the others
        return Answer(kind=kind, reply=Reply(text="", bubbles=()), seconds=round(time.monotonic() - began, 3), is_right=None, error=error)
    return Answer(kind=kind, reply=reply, seconds=round(time.monotonic() - began, 3), is_right=question.is_right(reply.text))


def final(agent: "CloneAgent", question: str, *, use_memory: bool, now: datetime | None = None) -> Reply:
    """The finished reply to a question; with `now`, as of that moment: what was said later is not recalled."""
    *_, reply = agent.answer(question, use_memory=use_memory, now=now, scope=Scope(before=now))
    assert isinstance(reply, Reply), "an answer ends with its reply"
    return reply


def write_answers(path: Path, questions: "Sequence[Question]", answers: Sequence[Sequence[Answer]]) -> None:
    """Write one JSON line a question."""
    from finetune.files import write_lines

    write_lines(path, (json.dumps(row, ensure_ascii=False, default=str) for row in _rows(questions, answers)))


def show_answers(screen: Screen, questions: "Sequence[Question]", answers: Sequence[Sequence[Answer]]) -> None:
    """Print the table of answers, with marks where it is known what is right."""
    kinds = [answer.kind for answer in answers[0]]
    rows = [(question.text, *(marked(answer) for answer in row)) for question, row in zip(questions, answers, strict=True)]
    screen.table(("question", *kinds), rows)
    for kind, (right, judged) in totals(answers).items():
        if judged:
            screen.say(f"{kind}: {right} of {judged} right")


def _rows(questions: "Sequence[Question]", answers: Sequence[Sequence[Answer]]) -> list[dict[str, object]]:
    return [
        {
            "question": question.text,
            "expected": question.answer or None,
            "category": question.category or None,
            "answers": [
                {
                    **reply_fields(question.text, one.reply),
                    "kind": one.kind,
                    "is_right": one.is_right,
                    "seconds": one.seconds,
                    "error": None if one.error is None else one.error.problem,
                }
                for one in row
            ],
        }
        for question, row in zip(questions, answers, strict=True)
    ]


def totals(answers: Sequence[Sequence[Answer]]) -> dict[str, tuple[int, int]]:
    """How many answers of each kind are right, of how many that could be judged."""
    from ui.questions import right_share

    kinds = [answer.kind for answer in answers[0]]
    return {kind: right_share([row[column].is_right for row in answers]) for column, kind in enumerate(kinds)}


def marked(answer: Answer) -> str:
    """An answer as a table shows it: with a mark where it is known what is right."""
    if answer.error is not None:
        return f"({answer.error.problem})"
    mark = {None: "", True: "✓ ", False: "✗ "}[answer.is_right]
    return mark + answer.reply.text
