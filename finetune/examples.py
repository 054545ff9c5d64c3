"""Sessions to training examples.

Every turn of the owner becomes a `response`; the turn before it is the prompt and earlier turns of the session are the history, in time
order. In a group the session is taken apart into its threads first, so that an answer follows what it answers. Only people's own words take
part: turns without any (photos, calls) are dropped, which joins what the same person wrote before and after. Nothing is dropped for being
short; what is left out for other reasons is told in `choosing`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from clone_agent.persona import talking_to
from clone_agent.prompt import chat_messages, system_prompt
from clone_agent.pseudonyms import Pseudonyms
from clone_agent.records import LIVE_PLATFORM, ChatKind, ChatTurn, Message, Persona, Session, Turn
from clone_agent.scrub import scrub
from clone_agent.threads.untangle import EARLIER, untangle
from finetune.choosing import Quality, Wanted
from finetune.sampling import BALANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What was said to the owner, and what the owner answered."""

    id: str  # conversation and id of the answer's first message
    conversation: str
    session: str  # unique over all conversations
    sent_at: datetime  # when the owner began to answer
    system: str  # the system message that the agent writes at that time without memory
    context: tuple[ChatTurn, ...]  # in time order; the last one is the prompt
    response: str  # bubbles, one a line
    copies: int = 1  # how often it is learnt from in one pass

    def turns(self) -> list[ChatTurn]:
        """The prompt as the agent would send it: system message, history, what was said last."""
        return chat_messages(self.system, self.context[:-1], self.context[-1].text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleOptions:
    """How sessions become examples."""

    max_turns: int = 8  # the prompt and the turns before it
    mask: bool = True  # replace personal data by placeholders
    eval_share: float = 0.1  # of the examples, the latest ones
    threads: bool = True  # in groups the history is the thread of what is answered, not the lines above
    wanted: Wanted = field(default_factory=Wanted)  # period and people
    contacts: bool = False  # say in the system message whom the owner talks to
    pseudonyms: Pseudonyms | None = None  # replace names
    drop_personal: bool = False  # leave out answers that hold personal data
    balance: float = BALANCE  # of long and short answers: `sampling`
    half_life: timedelta | None = None  # after which an answer counts half


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a turn of the owner."""

    message_ids: tuple[str, ...]
    example: str | None  # its id
    reason: str = ""  # why there is none
    context_ids: tuple[str, ...] = ()  # messages of its prompt and history


def build_examples(
    sessions: Iterable[Session],
    persona: Persona,
    options: ExampleOptions = ExampleOptions(),
    *,
    counts: Counter[str] | None = None,
    on_verdict: Callable[[Verdict], None] | None = None,
) -> Iterator[Example]:
    """Turn sessions into examples, in the sessions' order.

    Args:
        sessions: of any number of conversations; talks with the clone itself are passed over.
        persona: the owner, for the system message.
        options: history length, masking, choice.
        counts: takes up what did not become an example or was masked: `opening` (the owner speaks first in a session or thread),
            `without words` (turns), the reasons of `choosing`, `masked <type>`.
        on_verdict: told of every turn of the owner.
    """
    builder = _Builder(persona, options, Counter() if counts is None else counts, on_verdict or (lambda _: None))
    for session in sessions:
        if session.conversation.platform != LIVE_PLATFORM:
            yield from builder.examples(session)


class _Builder:
    """What building remembers from session to session."""

    def __init__(self, persona: Persona, options: ExampleOptions, counts: Counter[str], tell: Callable[[Verdict], None]) -> None:
        self.persona, self.options, self.counts, self.tell = persona, options, counts, tell
        self.quality = Quality()
        self.earlier: list[Message] = []  # of the group under way
        self.colon = "：" if persona.language == "zh" else ": "

    def examples(self, session: Session) -> Iterator[Example]:
        """The examples of one session, in time order within each thread."""
        if not any(turn.is_owner for turn in session.turns):
            return
        refused = self.options.wanted.refuses(session)
        for thread in self._threads(session) if refused is None else [session]:
            turns = _spoken(thread, self.counts)
            words = [self._masked(turn.text) for turn in turns]
            for number, turn in enumerate(turns):
                if not turn.is_owner:
                    self.quality.hear(turn)
                    continue
                context = _context(thread, self._named(turns), words, end=number, colon=self.colon)[-self.options.max_turns :]
                reason = refused or self._refusal(turn, context)
                made = None if reason else self._example(session, turn, context, words[number])
                ids = tuple(message.id for message in turn.messages)
                said = [message.id for before in turns[:number] for message in before.messages]
                if made is None:
                    self.counts[reason or ""] += 1
                    self.tell(Verdict(message_ids=ids, example=None, reason=reason or ""))
                    continue
                self.tell(Verdict(message_ids=ids, example=made.id, context_ids=tuple(said)))
                yield made

    def _threads(self, session: Session) -> Sequence[Session]:
        if not self.options.threads or session.conversation.kind is not ChatKind.GROUP:
            return [session]
        if self.earlier and self.earlier[-1].conversation != session.conversation.id:
            self.earlier = []
        threads = untangle(session, earlier=self.earlier)
        self.earlier = [*self.earlier, *(message for turn in session.turns for message in turn.messages)][-EARLIER:]
        return threads

    def _refusal(self, turn: Turn, context: Sequence[ChatTurn]) -> str | None:
        quality = self.quality.refuses(turn)  # asked first, because it remembers what was said
        if not context:
            return "opening"
        personal = "personal data" if self.options.drop_personal and scrub(turn.text).found else None
        return self.options.wanted.refuses_at(turn.started_at) or quality or personal

    def _example(self, session: Session, turn: Turn, context: tuple[ChatTurn, ...], response: str) -> Example:
        persona = talking_to(self.persona, session, pseudonyms=self.options.pseudonyms) if self.options.contacts else self.persona
        return Example(
            id=f"{session.conversation.id}/{turn.messages[0].id}",
            conversation=session.conversation.id,
            session=f"{session.conversation.id}/{session.id}",
            sent_at=turn.started_at,
            system=system_prompt(persona, now=turn.started_at, hits=None),
            context=context,
            response=response,
        )

    def _masked(self, text: str) -> str:
        if self.options.mask:
            scrubbed = scrub(text)
            self.counts.update({f"masked {kind}": number for kind, number in scrubbed.found.items()})
            text = scrubbed.text
        return text if self.options.pseudonyms is None else self.options.pseudonyms.replace(text)

    def _named(self, turns: Sequence[Turn]) -> Sequence[Turn]:
        if self.options.pseudonyms is None:
            return turns
        return [replace(turn, speaker_name=self.options.pseudonyms.name(turn.speaker_name)) for turn in turns]


def _spoken(session: Session, counts: Counter[str]) -> list[Turn]:
    """The session's turns that have words, neighbours of one speaker joined."""
    spoken: list[Turn] = []
    for turn in session.turns:
        if not turn.bubbles:
            counts["without words"] += 1
        elif spoken and spoken[-1].speaker == turn.speaker:
            spoken[-1] = replace(spoken[-1], messages=(*spoken[-1].messages, *turn.messages))
        else:
            spoken.append(turn)
    return spoken


def _context(session: Session, turns: Sequence[Turn], words: Sequence[str], *, end: int, colon: str) -> tuple[ChatTurn, ...]:
    """The turns before `end`; in a group the speakers' names stand before their words, and others' turns in a row are one."""
    context: list[ChatTurn] = []
    for turn, text in zip(turns[:end], words[:end], strict=True):
        if turn.is_owner:
            context.append(ChatTurn(role="assistant", text=text))
            continue
        said = text if session.conversation.kind is ChatKind.PRIVATE else f"{turn.speaker_name}{colon}{text}"
        if context and context[-1].role == "user":
            said = f"{context.pop().text}\n{said}"
        context.append(ChatTurn(role="user", text=said))
    return tuple(context)
