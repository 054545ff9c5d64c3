"""A stage for tests of the browser chat: the real hardened app, a real archive, and an actor in the model's place."""

import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from clone_agent.agent import CloneAgent
from clone_agent.archive import Archive
from clone_agent.records import ChatKind, ChatTurn, Conversation, Hit, Kind, Message, Persona, Recalled, Scope
from memory.passages import bursts
from ui.environment import prepare_browser, silence
from ui.votes import keep_vote, read_votes

GRADIO_WARNINGS = ("ignore::DeprecationWarning:gradio",)  # it counts its events with calls that pandas has deprecated
ZONE = timezone(timedelta(hours=8))
CHAT = Conversation(id="qq:10086321", platform="qq", name="陈一诺", kind=ChatKind.PRIVATE, owner="20010417")
# What runs a script, loads something from elsewhere, or changes the page, where it is taken for HTML, Markdown, LaTeX or a template.
ATTACK = "".join(
    (
        '<img src="http://evil.example/x.png" onerror="window.hacked=1">',
        "<script>window.hacked=1</script>",
        "<svg onload=window.hacked=1><animate onbegin=window.hacked=1 attributeName=x dur=1s></svg>",
        '<iframe srcdoc="<script>parent.hacked=1</script>"></iframe>',
        "<style>@import url(http://evil.example/x.css); body{background:url(http://evil.example/y.png)}</style>",
        '<link rel="stylesheet" href="http://evil.example/z.css"><base href="http://evil.example/">',
        '<video src="http://evil.example/v.mp4" autoplay onerror="window.hacked=1"></video>',
        '<object data="http://evil.example/o"></object><embed src="http://evil.example/e">',
        "<details open ontoggle=window.hacked=1><summary>看</summary></details>",
        '<input autofocus onfocus="window.hacked=1"><form action="http://evil.example/"><button>发</button></form>',
        '<a href="javascript:window.hacked=1">点</a><math><mtext><img src=x onerror=window.hacked=1></mtext></math>',
        '<meta http-equiv="refresh" content="0;url=http://evil.example/">',
        "**粗**![图](http://evil.example/m.png)[链](javascript:window.hacked=1)$\\\\href{javascript:window.hacked=1}{x}$",
        "{{constructor.constructor('window.hacked=1')()}}&lt;img src=x onerror=window.hacked=1&gt;",
    )
)
TALK = (
    ("20010417", "林晚不晚睡", 2, 20, 58, "欸 你到哪了"),
    ("10086321", "一诺千斤", 2, 21, 3, "刚到光明顶山庄"),
    ("10086321", "一诺千斤", 2, 21, 4, "到黄山了 腿都断了"),
    ("20010417", "林晚不晚睡", 2, 21, 5, "笑死"),
    ("20010417", "林晚不晚睡", 2, 21, 5, ""),
    ("10086321", "一诺千斤", 3, 5, 40, f"日出全是雾 {ATTACK}"),
    ("20010417", "林晚不晚睡", 3, 5, 41, "绝了 黄山白来了"),
    ("10086321", "一诺千斤", 3, 9, 12, "下次再也不爬山"),
)
REMEMBERED = ("黄山呀", "\n", "住的", "光明顶", "山庄", "\n", "日出", "全是雾 ", "笑死")
HELD_AFTER = 2  # pieces
GUESSED = ("害 ", "好像是", "去海边了吧", "\n", "记不清", "啦")


class Actor(BaseChatModel):
    """Plays one script when the prompt holds memories, another when it does not.

    With a `gate` it says `HELD_AFTER` pieces and goes on when the gate is open: a test that looks into the middle of an answer then does
    not depend on how fast the machine is.
    """

    pause_s: float = 0.02
    gate: Event | None = None

    @property
    def _llm_type(self) -> str:
        return "actor"

    def _script(self, messages: Sequence[BaseMessage]) -> tuple[str, ...]:
        question = str(messages[-1].content)
        if question.startswith("复述"):
            return (question, ATTACK)
        if question == "坏掉":
            raise RuntimeError("秘密的话")
        return REMEMBERED if "[1]" in str(messages[0].content) else GUESSED

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: CallbackManagerForLLMRun | None = None, **kwargs: Any
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("".join(self._script(messages))))])

    def _stream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: CallbackManagerForLLMRun | None = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for number, piece in enumerate(self._script(messages)):
            time.sleep(self.pause_s)
            if number == HELD_AFTER and self.gate is not None:
                assert self.gate.wait(120)
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=piece))
            if run_manager:
                run_manager.on_llm_new_token(piece, chunk=chunk)
            yield chunk


@dataclass(frozen=True)
class WordMemory:
    """Finds the turns that share two characters with the question."""

    archive: Archive

    def search(
        self, question: str, *, history: Sequence[ChatTurn] = (), scope: Scope = Scope(), top_k: int = 12, now: datetime | None = None
    ) -> Recalled:
        pairs = {question[n : n + 2] for n in range(len(question) - 1)}
        said = [memory for session in self.archive.sessions(CHAT.id) for memory in bursts(session)]
        hits = [Hit(memory=memory, score=0.9) for memory in said if any(pair in memory.text for pair in pairs)]
        return Recalled(question=question, hits=tuple(hits[:top_k]), confidence=0.9, is_confident=True)


def fill(home: Path) -> Archive:
    archive = Archive.open(home, create=True)
    messages = [
        Message(
            id=f"m{number}",
            conversation=CHAT.id,
            sender=sender,
            sender_name=name,
            sent_at=datetime(2022, 10, day, hour, minute, tzinfo=ZONE),
            kind=Kind.TEXT if text else Kind.STICKER,
            text=text,
        )
        for number, (sender, name, day, hour, minute, text) in enumerate(TALK)
    ]
    archive.add([CHAT, *messages])
    archive.set_owner(["qq:20010417"])
    return archive


@dataclass(frozen=True)
class Stage:
    """A served page with a real archive behind it."""

    url: str
    archive: Archive
    share_url: str | None = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def open_stage(
    home: Path, *, password: str | None = None, pause_s: float = 0.02, share: bool = False, gate: Event | None = None
) -> Iterator[Stage]:
    silence()
    prepare_browser(home / "tmp")
    from ui.web.bubbles import Surroundings
    from ui.web.launch import serve
    from ui.web.page import Notice, PageFacts, build_page
    from ui.web.talk import Speaker
    from ui.web.voting import Booth, contenders

    with fill(home) as archive:
        agent = CloneAgent(Actor(pause_s=pause_s, gate=gate), persona=Persona(name="林晚"), memory=WordMemory(archive))
        where = Surroundings(
            around=lambda message, before, after: archive.around(message, before=before, after=after),
            name_of=lambda message: archive.display_name(message.conversation, message.sender),
        )
        facts = PageFacts(
            name="林晚", model="actor", is_tuned=True, has_memory=True, notices=(Notice(text="do_tune", command="clone-agent tune"),)
        )
        speaker = Speaker(agent=agent, where=where)
        booth = Booth(
            pairs=contenders(speaker, speaker, kind="tuned", has_memory=True),
            keep=lambda vote: keep_vote(home, vote),
            votes=lambda: read_votes(home),
        )
        served = serve(build_page(speaker, facts, booth), home=home, port=free_port(), password=password, share=share)
        try:
            yield Stage(url=served.url, archive=archive, share_url=served.share_url)
        finally:
            served.close()
