"""`chat --terminal`: line by line, until the input ends."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from clone_agent.errors import CloneError
from clone_agent.records import ChatTurn, Delta, Recalled, Reply
from ui.commands.answering import reply_fields
from ui.options import is_asked
from ui.show import Screen

if TYPE_CHECKING:
    from ui.companion import Companion, Obeyed
    from ui.wiring import Clone

_HISTORY = 12


def talk_here(screen: Screen, clone: "Clone", companion: "Companion | None" = None, *, now: datetime | None = None) -> None:
    """Talk line by line until the input ends; with `--json` one object a reply."""
    history: list[ChatTurn] = []
    obeyed: Obeyed | None = None
    screen.note(f"{clone.voice.label}. AI-generated, not the person. An empty line ends the talk.")
    while question := _next_line(screen):
        try:
            obeyed = companion.obey(question, waiting=None if obeyed is None else obeyed.waiting) if companion is not None else None
            if obeyed is not None:
                reply = Reply(text=obeyed.text, bubbles=(obeyed.text,))
                if not screen.as_json:
                    screen.say(obeyed.text)
            elif (answered := _reply_here(screen, clone, question, history, now)) is not None:
                reply = answered
                history += [ChatTurn(role="user", text=question), ChatTurn(role="assistant", text=reply.text)]
            else:
                continue
            screen.result(reply_fields(question, reply))
            if companion is not None and obeyed is None:
                companion.keep(question, reply.bubbles)
        except CloneError as error:
            screen.warn(f"{error.problem} {error.remedy}")


def _reply_here(screen: Screen, clone: "Clone", question: str, history: Sequence[ChatTurn], now: datetime | None) -> Reply | None:
    """Print the reply as it comes; None when Ctrl-C stopped it."""
    try:
        return _print_reply(screen, clone, question, history, now)
    except KeyboardInterrupt:
        if not is_asked():
            raise
        screen.say()
        screen.note("Stopped. Ctrl-C once more ends the talk.")
        return None


def _print_reply(screen: Screen, clone: "Clone", question: str, history: Sequence[ChatTurn], now: datetime | None) -> Reply:
    for event in clone.agent.answer(question, history=history[-_HISTORY:], use_memory=clone.memory is not None, now=now):
        match event:
            case Recalled():
                pass
            case Delta():
                if not screen.as_json:
                    screen.out.print(event.text, end="", markup=False, highlight=False, soft_wrap=True)
            case Reply():
                if not screen.as_json:
                    screen.say()
                    sources = "; ".join(f"{hit.memory.started_at:%Y-%m-%d} {hit.memory.speaker_name}" for hit in event.sources)
                    screen.note(f"  ← {sources}" if sources else "")
                return event
    raise AssertionError("an answer ends with its reply")


def _next_line(screen: Screen) -> str:
    try:
        if screen.as_json and is_asked():  # stdout belongs to JSON
            screen.err.print("> ", end="")
        return input("> " if is_asked() and not screen.as_json else "").strip()
    except EOFError:
        return ""
