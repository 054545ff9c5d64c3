"""What the owner received in the hidden weeks, as the prompts that the agent would send without and with memory.

The prompts are taken from the agent itself, at the moment when it calls its model, so that the backtest measures what people talk to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from clone_agent.agent import CloneAgent
from clone_agent.archive import Archive
from clone_agent.records import ChatKind, ChatTurn, Persona, Scope, SearchMemory
from finetune.examples import Example, ExampleOptions, build_examples


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """One thing said to the clone, as prompts."""

    plain: tuple[ChatTurn, ...]
    remembering: tuple[ChatTurn, ...]


class _Taker(BaseChatModel):
    """Keeps the prompt it is given and answers nothing."""

    taken: tuple[ChatTurn, ...] = ()

    @property
    def _llm_type(self) -> str:
        return "clone-agent-prompt"

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: CallbackManagerForLLMRun | None = None, **kwargs: Any
    ) -> ChatResult:
        self.taken = tuple(ChatTurn(role=_role(message), text=str(message.text)) for message in messages)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(""))])


class PromptMaker:
    """Makes the prompts of one agent."""

    def __init__(self, persona: Persona, memory: SearchMemory, *, top_k: int, shown: int | None = None) -> None:
        self._taker = _Taker()
        self._agent = CloneAgent(self._taker, persona=persona, memory=memory, top_k=top_k, shown=shown)

    def make(self, question: str, *, history: Sequence[ChatTurn] = (), now: datetime | None) -> Prompts:
        """The prompts for a question, as of a moment."""
        both = []
        for use_memory in (False, True):
            for _ in self._agent.answer(question, history=history, use_memory=use_memory, scope=Scope(before=now), now=now):
                pass
            both.append(self._taker.taken)
        return Prompts(plain=both[0], remembering=both[1])


def hidden_examples(
    archive: Archive, persona: Persona, *, after: datetime, limit: int, advance: Callable[[int, int], None]
) -> list[Example]:
    """What the owner was sent and answered in sessions that began in the hidden weeks, in time order, `limit` of them at even distances."""
    found: list[Example] = []
    for number, info in enumerate(infos := archive.conversations(), start=1):
        if info.last is not None and info.last >= after:
            late = (one for one in archive.sessions(info.conversation.id) if one.turns[0].started_at >= after)
            found += build_examples(late, persona, ExampleOptions())
        advance(number, len(infos))
    found.sort(key=lambda example: (example.sent_at, example.id))
    if len(found) <= limit:
        return found
    return [found[(2 * number + 1) * len(found) // (2 * limit)] for number in range(limit)]


def groups_of(archive: Archive, examples: Sequence[Example]) -> list[bool]:
    """Which examples are from group chats."""
    kinds = {info.conversation.id: info.conversation.kind for info in archive.conversations()}
    return [kinds[example.conversation] is ChatKind.GROUP for example in examples]


def _role(message: BaseMessage) -> str:
    if isinstance(message, SystemMessage):
        return "system"
    return "assistant" if isinstance(message, AIMessage) else "user"
