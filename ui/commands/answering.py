"""`ask`: one answer with its sources; and the options by which a command chooses who answers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import click

from clone_agent.errors import UsageError
from clone_agent.forgetting import is_unfinished
from clone_agent.records import LIVE_PLATFORM, Delta, Hit, Reply, Scope
from ui.moments import MOMENT
from ui.options import Call, agree, chroma_option, common, with_chroma
from ui.show import Screen, count

if TYPE_CHECKING:
    from clone_agent.agent import CloneAgent
    from ui.config import Settings
    from ui.wiring import Clone

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
    chroma: str | None
    contact: str | None
    yes: bool


def voice_options(function: _F) -> _F:
    """Add the options that choose the answering model; they arrive as keyword arguments named like `VoiceOptions`."""
    for option in (
        click.option("--top-k", type=click.IntRange(1, 100), help="Lines recalled for one answer, at most.  [default: 8]"),
        chroma_option,
        click.option("--contact", metavar="NAME", help="Whom the clone talks to: the 'I' of questions; best after `dataset --contacts`."),
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
@click.option("--on", "moment", type=MOMENT, metavar="DAY", help="Answer as of this moment, like 2024-06-01.  [default: now]")
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


def choose_voice(call: Call, options: VoiceOptions) -> "Settings":
    """The settings with the command line's choice of a model; asks before private text would leave the machine.

    Raises:
        UsageError: a server's address is no URL, it stands elsewhere and nobody agreed, or a model was named without a server.
    """
    from ui.wiring import check_address, is_loopback

    settings = with_chroma(call, options.chroma)
    chosen = {name: value for name, value in asdict(options).items() if name != "yes" and value is not None}
    if options.adapter is not None or options.base is not None:
        settings = replace(settings, server=None)
    settings = replace(settings, **chosen)
    if options.server_model is not None and settings.server is None:
        raise UsageError("--model chooses one of a server's models, and no server was named.", remedy="Add --server URL, or say --base.")
    if settings.server is not None:
        check_address(settings.server)
    if settings.server is not None and not is_loopback(settings.server):
        call.screen.warn("The questions and what is recalled for them, other people's words among them, go to the server you named.")
        agree("Send them there?", yes=options.yes, remedy="Add --yes, or use a server on this machine.")
    return settings


def remind(screen: Screen, clone: "Clone") -> None:
    """Warn about what stands between the clone and good answers."""
    if not clone.archive.owner_ids():
        screen.warn("Nobody is known to be you: run `clone-agent import PATH --me WHO`.")
    if clone.memory is not None and (stale := clone.memory.pending()):
        screen.warn(f"{count(stale, 'chat')} not in the memory yet: run `clone-agent index`.")
    if is_unfinished(clone.archive.connection):
        screen.warn("A forgetting was cut short: run `clone-agent verify --fix`.")
    if clone.voice.forgotten:
        screen.warn(
            f"The adapter {clone.voice.adapter} learned from {count(clone.voice.forgotten, 'message')} that you have had forgotten since"
            " and may still repeat them: run `clone-agent dataset`, then `clone-agent tune`."
        )


def show_sources(screen: Screen, reply: Reply) -> None:
    """Print who said what when, below a reply."""
    if reply.recalled is None:
        return
    if not reply.sources:
        screen.say("Sources: none; " + ("what was found does not answer this." if reply.recalled.hits else "nothing about this was found."))
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
        "is_live": memory.conversation.startswith(f"{LIVE_PLATFORM}:"),
        "text": memory.text,
        "score": round(hit.score, 4),
        "message_ids": list(memory.message_ids),
    }


def _speak(screen: Screen, agent: "CloneAgent", question: str, *, use_memory: bool, now: datetime | None) -> Reply:
    """Print the reply as it comes."""
    with _typing(screen) as write:
        for event in agent.answer(question, use_memory=use_memory, now=now, scope=Scope(before=now)):
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


def _where(hit: Hit) -> tuple[str, str, str]:
    return f"{hit.memory.started_at:%Y-%m-%d %H:%M}", hit.memory.speaker_name, hit.memory.conversation_name


def _snippet(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _SNIPPET else words[:_SNIPPET] + "…"


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
