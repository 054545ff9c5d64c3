"""`ask` and `compare`: one answer with its sources, or every question answered by every kind of clone."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from clone_agent.errors import CloneError, UsageError
from clone_agent.records import Delta, Hit, Reply
from ui.options import PARTIAL, Call, common, is_asked
from ui.show import Screen, count, show_error

if TYPE_CHECKING:
    from clone_agent.agent import CloneAgent
    from ui.config import Settings
    from ui.questions import Question
    from ui.wiring import Clone, Voice

_F = TypeVar("_F", bound=Callable[..., None])
_SNIPPET = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceOptions:
    """Which model speaks, as the command line said it."""

    adapter: str | None
    base: str | None
    server: str | None
    server_model: str | None
    top_k: int | None
    yes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One kind of clone's answer to one question."""

    kind: str  # "base", "tuned", "base+memory", "tuned+memory"; "server", "server+memory"
    reply: Reply
    seconds: float
    is_right: bool | None  # None: nobody knows
    error: CloneError | None = None  # the question could not be answered; the reply is empty


def voice_options(function: _F) -> _F:
    """Add the options that choose the answering model; they arrive as keyword arguments named like `VoiceOptions`."""
    for option in (
        click.option("--top-k", type=click.IntRange(1, 100), help="Memories in one prompt, at most.  [default: 8]"),
        click.option("--yes", is_flag=True, help="Do not ask before private text goes to a server elsewhere."),
        click.option("--model", "server_model", metavar="NAME", help="Which of the server's models."),
        click.option("--server", metavar="URL", help="OpenAI-compatible server that answers instead, like http://127.0.0.1:8000/v1."),
        click.option("--base", metavar="NAME_OR_PATH", help="GLM that speaks.  [default: the adapter's, else the one that ships]"),
        click.option("--adapter", metavar="NAME|none", help="Tuned adapter that speaks.  [default: the newest]"),
    ):
        function = option(function)
    return function


@click.command(epilog="Example: clone-agent ask 去年国庆我们去哪了")
@click.argument("question")
@click.option("--memory/--no-memory", "use_memory", default=True, help="Recall before answering.")
@click.option("--on", "moment", type=click.DateTime(), help="Answer as if it were this day.  [default: now]")
@voice_options
@common
def ask(call: Call, question: str, use_memory: bool, moment: datetime | None, **voice: object) -> None:
    """Ask the clone one question and see its sources."""
    from ui.wiring import open_clone

    settings = choose_voice(call, VoiceOptions(**voice))  # type: ignore[arg-type]  # click fills in exactly these
    now = None if moment is None else moment.astimezone()
    with open_clone(call.home, settings, use_memory=use_memory) as clone:
        remind(call.screen, clone)
        began = time.monotonic()
        reply = _speak(call.screen, clone.agent, question, use_memory=use_memory, now=now)
        call.screen.result(
            {**reply_fields(question, reply), "model": clone.voice.label, "adapter": clone.voice.adapter, "seconds": _since(began)}
        )
        if not call.screen.as_json:
            show_sources(call.screen, reply)


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
    target = out or call.home.root / "comparisons" / f"{path.stem}.jsonl"
    with open_clone(call.home, settings, use_memory=True) as clone:
        remind(call.screen, clone)
        voices = kinds_of_voice(clone, settings)
        with call.screen.progress("Answering", unit="answers") as advance:
            answers = answer_all(clone, settings, questions, voices, lambda done: advance(done, len(questions) * len(voices) * 2))
    write_answers(target, questions, answers)
    call.screen.result({"questions": len(questions), "file": str(target), "right": _totals(answers), "answers": _rows(questions, answers)})
    if not call.screen.as_json:
        show_answers(call.screen, questions, answers)
        call.screen.say(f"Written to {target}")
    exit_if_failed(answers)


def choose_voice(call: Call, options: VoiceOptions) -> "Settings":
    """The settings with the command line's choice of a model; asks before private text would leave the machine.

    Raises:
        UsageError: a server elsewhere was named and nobody agreed.
    """
    from ui.wiring import is_loopback

    settings = call.settings
    chosen = {name: value for name, value in asdict(options).items() if name != "yes" and value is not None}
    if options.adapter is not None or options.base is not None:
        settings = replace(settings, server=None)
    settings = replace(settings, **chosen)
    if settings.server is not None and not is_loopback(settings.server):
        call.screen.warn("The questions and what is recalled for them, other people's words among them, go to the server you named.")
        if not options.yes:
            if not is_asked():
                raise UsageError("Nobody agreed to that.", remedy="Add --yes, or use a server on this machine.")
            click.confirm("Send them there?", abort=True, err=True)
    return settings


def remind(screen: Screen, clone: "Clone") -> None:
    """Warn about what stands between the clone and good answers."""
    if not clone.archive.owner_ids():
        screen.warn("Nobody is known to be you: run `clone-agent import PATH --me WHO`.")
    if clone.memory is not None and (stale := clone.memory.pending()):
        screen.warn(f"{count(stale, 'chat')} not in the memory yet: run `clone-agent index`.")


def kinds_of_voice(clone: "Clone", settings: "Settings") -> "list[tuple[str, Voice]]":
    """Whom to compare: base and tuned; the base alone where nothing is tuned; the server where one was named."""
    from ui.wiring import without_adapter

    if settings.server is not None:
        return [("server", clone.voice)]
    if not clone.voice.is_tuned:
        return [("base", clone.voice)]
    return [("base", without_adapter(clone.voice)), ("tuned", clone.voice)]


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
        return Answer(kind=kind, reply=Reply(text="", bubbles=()), seconds=_since(began), is_right=None, error=error)
    return Answer(kind=kind, reply=reply, seconds=_since(began), is_right=question.is_right(reply.text))


def final(agent: "CloneAgent", question: str, *, use_memory: bool, now: datetime | None = None) -> Reply:
    """The finished reply to a question."""
    *_, reply = agent.answer(question, use_memory=use_memory, now=now)
    assert isinstance(reply, Reply), "an answer ends with its reply"
    return reply


def write_answers(path: Path, questions: "Sequence[Question]", answers: Sequence[Sequence[Answer]]) -> None:
    """Write one JSON line a question."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [json.dumps(row, ensure_ascii=False, default=str) for row in _rows(questions, answers)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def show_answers(screen: Screen, questions: "Sequence[Question]", answers: Sequence[Sequence[Answer]]) -> None:
    """Print the table of answers, with marks where it is known what is right."""
    kinds = [answer.kind for answer in answers[0]]
    rows = [(question.text, *(_marked(answer) for answer in row)) for question, row in zip(questions, answers, strict=True)]
    screen.table(("question", *kinds), rows)
    for kind, (right, judged) in _totals(answers).items():
        if judged:
            screen.say(f"{kind}: {right} of {judged} right")


def show_sources(screen: Screen, reply: Reply) -> None:
    """Print who said what when, below a reply."""
    if reply.recalled is None:
        return
    if not reply.sources:
        screen.say("Sources: none; nothing about this was found.")
        return
    screen.table(("date", "who", "chat", "said"), [(*_where(hit), _snippet(hit.memory.text)) for hit in reply.sources], title="Sources")


def reply_fields(question: str, reply: Reply) -> dict[str, object]:
    """The `--json` fields of a reply."""
    recalled = reply.recalled
    return {
        "question": question,
        "answer": reply.text,
        "bubbles": list(reply.bubbles),
        "sources": [hit_fields(hit) for hit in reply.sources],
        "confidence": None if recalled is None else round(recalled.confidence, 4),
        "is_confident": None if recalled is None else recalled.is_confident,
    }


def hit_fields(hit: Hit) -> dict[str, object]:
    """The `--json` fields of a hit."""
    memory = hit.memory
    return {
        "at": memory.started_at.isoformat(),
        "person": memory.speaker_name,
        "person_id": memory.speaker,
        "is_owner": memory.is_owner,
        "chat": memory.conversation_name,
        "text": memory.text,
        "score": round(hit.score, 4),
        "message_ids": list(memory.message_ids),
    }


def _speak(screen: Screen, agent: "CloneAgent", question: str, *, use_memory: bool, now: datetime | None) -> Reply:
    """Print the reply as it comes."""
    with _typing(screen) as write:
        for event in agent.answer(question, use_memory=use_memory, now=now):
            match event:
                case Delta():
                    write(event.text)
                case Reply():
                    return event
    raise AssertionError("an answer ends with its reply")


@contextmanager
def _typing(screen: Screen) -> Iterator[Callable[[str], None]]:
    if screen.as_json:
        yield lambda text: None
        return
    yield lambda text: screen.out.print(text, end="", markup=False, highlight=False, soft_wrap=True)
    screen.say()


def _rows(questions: "Sequence[Question]", answers: Sequence[Sequence[Answer]]) -> list[dict[str, object]]:
    return [
        {
            "question": question.text,
            "expected": question.answer or None,
            "category": question.category or None,
            "answers": [
                {**reply_fields(question.text, one.reply), "kind": one.kind, "is_right": one.is_right, "seconds": one.seconds}
                for one in row
            ],
        }
        for question, row in zip(questions, answers, strict=True)
    ]


def _totals(answers: Sequence[Sequence[Answer]]) -> dict[str, tuple[int, int]]:
    from ui.questions import right_share

    kinds = [answer.kind for answer in answers[0]]
    return {kind: right_share([row[column].is_right for row in answers]) for column, kind in enumerate(kinds)}


def _marked(answer: Answer) -> str:
    if answer.error is not None:
        return f"({answer.error.problem})"
    mark = {None: "", True: "✓ ", False: "✗ "}[answer.is_right]
    return mark + answer.reply.text


def _where(hit: Hit) -> tuple[str, str, str]:
    return f"{hit.memory.started_at:%Y-%m-%d %H:%M}", hit.memory.speaker_name, hit.memory.conversation_name


def _snippet(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _SNIPPET else words[:_SNIPPET] + "…"


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
