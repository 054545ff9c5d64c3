"""What a chat with the clone does besides answering: it keeps what is said, and obeys 记住… and 忘掉….

Forgetting is asked back first and done when the next line agrees. It needs the owner's home, so a page that strangers can reach gets no
companion at all.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from clone_agent.errors import StoreError
from clone_agent.forgetting import Wish
from clone_agent.home import DataHome
from clone_agent.live import keep_talk
from clone_agent.orders import Forget, Remember, is_consent, read_order
from clone_agent.storage import storage_errors
from clone_agent.traces import Traces
from ui.show import count

if TYPE_CHECKING:
    from clone_agent.records import Hit, Memory
    from ui.config import Settings
    from ui.erasing import Plan
    from ui.wiring import Clone

_FOUND = 20  # memories to choose from
_SAID = {
    "remembered": ("好，记住了。", "All right, I will remember that."),
    "off": ("没有开启对话记忆，所以记不下来。", "Live memory is off, so it cannot be kept."),
    "nothing": ("没有找到可以忘掉的消息。", "No stored message fits."),
    "ask": (
        "会忘掉 {messages} 条消息（{chats} 个聊天，{first} 到 {last}），连同由它们做成的一切。这不能撤销。",
        "That forgets {many_messages} in {many_chats}, {first} to {last}, with everything made of them. It cannot be undone.",
    ),
    "answer": ("回“确认”就忘掉，回别的就算了。", ' Answer "confirm" to do it, anything else to leave it.'),
    "done": ("忘掉了。", "Forgotten."),
    "corrected": ("记住，{date} {person}那条应该是：{text}", "Remember that what {person} said on {date} should be: {text}"),
    "dataset": (
        "微调用的数据也去掉了，重新做一份：clone-agent dataset",
        "The dataset went with them; to make it again: clone-agent dataset",
    ),
    "index": (
        "它们前后的聊天还没放回记忆里，需要运行：clone-agent index",
        "What was said around them is not back in the memory yet: clone-agent index",
    ),
    "adapters": (
        "微调过的声音学过这些话，可能还会说出来，需要重新微调：{names}",
        "These adapters learned from them and may still repeat them; tune again: {names}",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Obeyed:
    """What the chat says to an order."""

    text: str
    waiting: Wish | None = None  # to be forgotten if the next line agrees
    forgotten: Traces | None = None  # what was forgotten: for the running talk, which must not go on with it


class Companion:
    """Keeps and obeys for one running chat.

    Args:
        home: the data home, owned by this process.
        clone: with its memory open.
        settings: of this run.
        is_live: whether what is said is kept.
    """

    def __init__(self, home: DataHome, clone: "Clone", settings: "Settings", *, is_live: bool) -> None:
        self._home = home
        self._clone = clone
        self._settings = settings
        self._is_live = is_live
        self._lock = Lock()
        self._listeners: list[Callable[[Traces], None]] = []

    def when_forgotten(self, listener: Callable[[Traces], None]) -> None:
        """Have a function called each time something was forgotten: whoever keeps talks has to take it out of them."""
        self._listeners.append(listener)

    def obey(self, text: str, *, waiting: Wish | None) -> Obeyed | None:
        """Do what a line orders; None when it is ordinary talk.

        Args:
            text: the line.
            waiting: what `Obeyed.waiting` held after the line before.

        Raises:
            CloneError: it could not be done.
        """
        with self._lock, storage_errors():
            if waiting is not None and is_consent(text):
                return self._forget(waiting)
            match read_order(text):
                case Remember():
                    self._keep(text, ())
                    return Obeyed(text=self._say("remembered" if self._is_live else "off"))
                case Forget(what=what):
                    return self._ask(what)
        return None

    def keep(self, said: str, answered: Sequence[str]) -> None:
        """Keep a question and its answer, and make it recallable.

        Raises:
            CloneError: they could not be kept.
        """
        with self._lock, storage_errors():
            self._keep(said, answered)

    def find(self, question: str) -> "Sequence[Hit]":
        """What the memory holds on a question, the nearest first.

        Raises:
            CloneError: the memory cannot be read.
        """
        with self._lock, storage_errors():
            hits = () if self._clone.memory is None else self._clone.memory.search(question, top_k=_FOUND).hits
        return sorted(hits, key=lambda hit: -hit.score)

    def ask_to_forget(self, memory: "Memory") -> Obeyed:
        """Say what forgetting one memory comes to; `Obeyed.waiting` is for `forget`.

        Raises:
            CloneError: it could not be found out.
        """
        with self._lock, storage_errors():
            return self._asked(Wish(messages=memory.message_ids))

    def forget(self, wish: Wish) -> Obeyed:
        """Forget what was asked about.

        Raises:
            CloneError: it could not be done.
        """
        with self._lock, storage_errors():
            return self._forget(wish)

    @property
    def can_correct(self) -> bool:
        """Whether a correction can be kept: only where live memory is on."""
        return self._is_live

    def correct(self, memory: "Memory", text: str) -> Obeyed:
        """Put a memory right: what is true is kept as told in a chat with the clone, and what was stored is forgotten.

        The archive never says that somebody wrote what they did not write.

        Raises:
            CloneError: it could not be done.
        """
        with self._lock, storage_errors():
            self._keep(self._say("corrected", date=f"{memory.started_at:%Y-%m-%d}", person=memory.speaker_name, text=text), ())
            return self._forget(Wish(messages=memory.message_ids))

    def _keep(self, said: str, answered: Sequence[str]) -> None:
        if not self._is_live or self._clone.memory is None:
            return
        archive, persona = self._clone.archive, self._clone.archive.persona()
        now = datetime.now().astimezone()
        conversation, _ = keep_talk(archive, said, answered, at=now, name=persona.name, language=persona.language)
        self._clone.memory.note(conversation.id)

    def _ask(self, what: str) -> Obeyed:
        asked = self._asked(self._wish(what))
        return asked if asked.waiting is None else replace(asked, text=asked.text + self._say("answer"))

    def _asked(self, wish: Wish) -> Obeyed:
        plan = self._plan(wish)
        if not plan.chosen.messages:
            return Obeyed(text=self._say("nothing"))
        spans = plan.chosen.spans.values()
        text = self._say(
            "ask",
            messages=plan.chosen.messages,
            chats=len(plan.chosen.spans),
            many_messages=count(plan.chosen.messages, "message"),
            many_chats=count(len(plan.chosen.spans), "chat"),
            first=f"{min(span.first for span in spans).astimezone():%Y-%m-%d}",
            last=f"{max(span.last for span in spans).astimezone():%Y-%m-%d}",
        )
        return Obeyed(text=text, waiting=wish)

    def _wish(self, what: str) -> Wish:
        """A person or a chat of that name, else the words."""
        people = [person.id for person in self._clone.archive.people() if what in (*person.names, person.name) and not person.is_owner]
        if people:
            return Wish(people=tuple(people))
        chats = [info.conversation.id for info in self._clone.archive.conversations() if info.conversation.name == what]
        return Wish(conversations=tuple(chats)) if chats else Wish(phrases=(what,))

    def _plan(self, wish: Wish) -> "Plan":
        from ui.erasing import plan_forgetting

        return plan_forgetting(self._home, self._clone.archive, wish)

    def _forget(self, wish: Wish) -> Obeyed:
        """Forget, and make the rest recallable again in a process that never saw the words."""
        from memory.refill import refill
        from ui.erasing import carry_out

        plan = self._plan(wish)
        traces = plan.forgetting.traces()
        lines = [self._say("done")]
        # Two processes on one vector store would damage it: nobody may search, and so open it again, before the other one has ended.
        with self._clone.memory.paused() if self._clone.memory is not None else nullcontext():
            carry_out(self._home, self._clone.archive, plan)
            for listener in self._listeners:
                listener(traces)
            if plan.passages:
                try:
                    refill(self._home.root, embedding=self._settings.embedding, server=self._settings.chroma)
                except StoreError:  # the messages are gone; the rest can wait
                    lines.append(self._say("index"))
        if plan.dataset:
            lines.append(self._say("dataset"))
        if plan.adapters:
            lines.append(self._say("adapters", names=", ".join(plan.adapters)))
        return Obeyed(text="\n".join(lines), forgotten=traces)

    def _say(self, key: str, **values: object) -> str:
        language = self._clone.archive.persona().language
        return _SAID[key][language == "en"].format(**values)
