"""`chat --terminal`: line by line, until the input ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from clone_agent.errors import CloneError
from clone_agent.records import ChatTurn, Delta, Recalled, Reply
from ui.commands.answering import reply_fields
from ui.options import is_asked
from ui.show import Screen

if TYPE_CHECKING:
    from clone_agent.traces import Traces
    from ui.companion import Companion, Obeyed
    from ui.wiring import Clone

_HISTORY = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """A question and its answer."""

    question: str
    reply: Reply

    @property
    def turns(self) -> tuple[ChatTurn, ChatTurn]:
        return ChatTurn(role="user", text=self.question), ChatTurn(role="assistant", text=self.reply.text)

    def tells_of(self, traces: "Traces") -> bool:
        """Whether it repeats forgotten messages, or rests on them."""
        ids = frozenset(identity for hit in self.reply.sources for identity in hit.memory.message_ids)
        return traces.are_in((self.question, self.reply.text), ids)


def talk_here(screen: Screen, clone: "Clone", companion: "Companion | None" = None, *, now: datetime | None = None) -> None:
    """Talk line by line until the input ends; with `--json` one object a reply."""
    talk: list[_Exchange] = []
    obeyed: Obeyed | None = None
    screen.note(f"{clone.voice.label}. AI-generated, not the person. An empty line ends the talk.")
    while question := _next_line(screen):
        try:
            obeyed = companion.obey(question, waiting=None if obeyed is None else obeyed.waiting) if companion is not None else None
            if obeyed is not None:
                reply = Reply(text=obeyed.text, bubbles=(obeyed.text,))
                if not screen.as_json:
                    screen.say(obeyed.text)
                talk = _kept(screen, talk, obeyed.forgotten)
            elif (answered := _reply_here(screen, clone, question, [turn for one in talk for turn in one.turns], now)) is not None:
                reply = answered
                talk.append(_Exchange(question=question, reply=reply))
            else:
                continue
            screen.result(reply_fields(question, reply))
            if companion is not None and obeyed is None:
                companion.keep(question, reply.bubbles)
        except CloneError as error:
            screen.warn(f"{error.problem} {error.remedy}")


def _kept(screen: Screen, talk: list[_Exchange], forgotten: "Traces | None") -> list[_Exchange]:
    """The talk without what tells of forgotten messages; says so."""
    kept = talk if forgotten is None else [one for one in talk if not one.tells_of(forgotten)]
    if len(kept) < len(talk):
        screen.note("What this talk held of it is gone from it, too; what stands above, your terminal keeps until you clear it.")
    return kept


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
