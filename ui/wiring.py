"""Settings -> memory, model, agent. The one place where the packages meet."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from clone_agent.archive import Archive
from clone_agent.errors import StoreError, UsageError
from clone_agent.home import DataHome
from clone_agent.persona import with_contact
from clone_agent.storage import require_writable
from ui.config import Settings
from ui.environment import stay_offline

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from clone_agent.agent import CloneAgent
    from clone_agent.records import Persona, SearchMemory
    from finetune.checkpoint import AdapterInfo
    from finetune.model_files import RecallHabits
    from memory.recall import MemoryIndex

NO_ADAPTER = "none"
KEY_VARIABLE = "CLONE_AGENT_API_KEY"
_ROOM = 4 << 20  # bytes; opening a small index takes a twentieth of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """The model that speaks, and what it is called."""

    model: "BaseChatModel"
    label: str  # "clone-agent-base · lora"
    adapter: str | None  # None: nothing tuned speaks
    forgotten: int = 0  # messages that its tuning saw and that were forgotten since

    @property
    def is_tuned(self) -> bool:
        """Whether the owner's words went into it."""
        return self.adapter is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """Everything that answers: the archive, the memory if there is one, the voice, the agent."""

    archive: Archive
    memory: "MemoryIndex | None"
    voice: Voice
    agent: "CloneAgent"


def choose_adapter(home: DataHome, name: str | None) -> "AdapterInfo | None":
    """The adapter that speaks: the named one, else the newest that kept its ordinary talk; None when there is none or it is `none`.

    Raises:
        ModelError: the named one is missing or damaged.
        UsageError: that is no name for an adapter.
    """
    from finetune.checkpoint import adapter_folder, current_adapter, read_adapter

    if name == NO_ADAPTER:
        return None
    if name is not None:
        return read_adapter(adapter_folder(home.root, name))
    return current_adapter(home.root)


def load_voice(home: DataHome, settings: Settings) -> Voice:
    """Load the model that the settings name: a server's, or a GLM here with its adapter.

    Raises:
        ModelError: missing, damaged, or the adapter belongs to another base.
        UsageError: a server without a model's name.
    """
    if settings.server is not None:
        return _server_voice(settings)
    adapter = choose_adapter(home, settings.adapter)
    base = settings.base or base_of(adapter)
    check_model(base, adapter)
    from finetune.chat_model import load_chat_model

    model = load_chat_model(base, None if adapter is None else adapter.folder)
    label = model.engine.loaded.name
    if adapter is None:
        return Voice(model=model, label=label, adapter=None)
    return Voice(model=model, label=f"{label} · {adapter.name}", adapter=adapter.name, forgotten=adapter.forgotten)


def check_model(base: str | None, adapter: "AdapterInfo | None" = None) -> None:
    """Look at a model's files before torch is imported, so that what is missing is told within a second.

    Raises:
        ModelError: missing, truncated, or the adapter belongs to another one.
    """
    stay_offline(base)
    from finetune.checkpoint import check_base
    from finetune.model_files import find_model

    files = find_model(base)
    if adapter is not None:
        check_base(adapter, files)


def base_of(adapter: "AdapterInfo | None") -> str | None:
    """The base an adapter was tuned on, as the user named it; None for the model that ships."""
    from finetune.model_files import SHIPPED_NAME

    return None if adapter is None or adapter.base == SHIPPED_NAME else adapter.base


def without_adapter(voice: Voice) -> Voice | None:
    """The base model beside the tuned one; both share the weights. None where tuning changed the weights themselves."""
    from finetune.chat_model import GlmChatModel

    assert isinstance(voice.model, GlmChatModel)
    adapter = voice.model.engine.adapter
    if adapter is not None and adapter.switch is None:
        return None
    return Voice(model=voice.model.without_adapter(), label=voice.model.engine.loaded.name, adapter=None)


def check_address(url: str, *, whose: str = "The server's", like: str = "http://127.0.0.1:8000/v1") -> None:
    """Check that a server's address is one, before anything is said about where it leads.

    Raises:
        UsageError: it is no URL; the message says whose it should be and what one looks like.
    """
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or a bracket that is left open: brackets belong to IPv6
        is_url = False
    if not is_url:
        raise UsageError(f"{whose} address is not a URL.", remedy=f"Write it like {like}.")


def is_loopback(url: str) -> bool:
    """Whether a server's address is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _server_voice(settings: Settings) -> Voice:
    if not settings.server_model:
        raise UsageError("The server's model has no name.", remedy="Add --model NAME, one of those the server offers.")
    return Voice(model=server_model(settings.server or "", settings.server_model), label=settings.server_model, adapter=None)


def server_model(url: str, name: str) -> "BaseChatModel":
    """A model of an OpenAI-compatible server.

    Raises:
        UsageError: the address is no URL.
    """
    check_address(url)
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    key = os.environ.get(KEY_VARIABLE) or os.environ.get("OPENAI_API_KEY") or "none"
    return ChatOpenAI(model=name, base_url=url, api_key=SecretStr(key), use_responses_api=False, timeout=120, max_retries=1)


@contextmanager
def open_memory(home: DataHome, archive: Archive, settings: Settings) -> Iterator["MemoryIndex"]:
    """Open the memory index; the caller owns the home (`DataHome.lock`), since two processes would damage the vectors."""
    stay_offline(settings.embedding, settings.reranker)
    from memory.recall import MemoryIndex

    with _full_disk_told(home):
        memory = MemoryIndex.open(
            home.root,
            archive,
            embedding=settings.embedding,
            server=settings.chroma,
            reranker=settings.reranker,
            asker=settings.contact,
        )
        with closing(memory):
            yield memory


@contextmanager
def new_memory(home: DataHome, archive: Archive, settings: Settings) -> Iterator["MemoryIndex"]:
    """The memory index without a look at whether its vectors are whole, in order to rebuild them."""
    stay_offline(settings.embedding)
    from memory.recall import MemoryIndex

    with _full_disk_told(home), closing(MemoryIndex(home.root, archive, embedding=settings.embedding, server=settings.chroma)) as memory:
        yield memory


@contextmanager
def _full_disk_told(home: DataHome) -> Iterator[None]:
    """Raise the disk's failure where it has no room for what Chroma writes even to open an index, which then seems to be damaged."""
    try:
        yield
    except StoreError:
        require_writable(home.temporary, size=_ROOM)
        raise


@contextmanager
def open_clone(home: DataHome, settings: Settings, *, use_memory: bool) -> Iterator[Clone]:
    """Open everything that answers questions.

    Args:
        home: with chats in it.
        settings: which model speaks.
        use_memory: False opens no index, and so needs no lock.

    Raises:
        CloneError: of any kind; see `clone_agent.errors`.
    """
    home.require()
    with ExitStack() as stack:
        if use_memory:
            stack.enter_context(home.lock())
        archive = stack.enter_context(Archive.open(home.root))
        voice = load_voice(home, settings)
        memory = stack.enter_context(open_memory(home, archive, settings)) if use_memory else None
        yield Clone(archive=archive, memory=memory, voice=voice, agent=make_agent(archive, memory, voice, settings))


def told_persona(archive: Archive, home: Path) -> "Persona":
    """The owner's persona with the standing facts of their profile."""
    from clone_agent.profile import facts, read_profile

    persona, lines = archive.persona(), read_profile(home)
    if not lines:
        return persona
    names = {account.id: person.name for person in archive.people() for account in person.accounts}
    told = facts(lines, owner=archive.owner_ids(), name_of=names.get, language=persona.language)
    return replace(persona, facts=(*persona.facts, *told))


def make_agent(
    archive: Archive, memory: "SearchMemory | None", voice: Voice, settings: Settings, *, persona: "Persona | None" = None
) -> "CloneAgent":
    """The agent that speaks with this voice; as the owner with their profile, or as another `persona`."""
    from clone_agent.agent import TOP_K, CloneAgent

    persona = with_contact(persona or told_persona(archive, settings.home), [settings.contact] if settings.contact else [])
    habits = habits_of(voice)
    return CloneAgent(voice.model, persona=persona, memory=memory, top_k=settings.top_k or TOP_K, shown=habits.lines)


def habits_of(voice: Voice) -> "RecallHabits":
    """How the model reads recalled lines best, by its configuration."""
    from finetune.model_files import recall_habits

    engine = getattr(voice.model, "engine", None)  # a server's model has none
    return recall_habits({} if engine is None else engine.loaded.model.config.to_dict())
