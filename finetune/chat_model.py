"""A tuned GLM as a LangChain chat model: streams token by token, stops when its reader does.

One copy of the weights serves several chat models: `without_adapter` gives the base beside the tuned model. Every step of the model is
taken under a lock, with the adapter switched as that chat model wants it, so replies of both may stream at the same time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict
from transformers import PreTrainedModel

from clone_agent.errors import ModelError, UsageError
from clone_agent.records import ChatTurn
from finetune.adapter_files import load_adapter, wants_four_bit
from finetune.encode import fit_prompt
from finetune.generate import Sampling, TextStream, generate
from finetune.glm import LoadedModel, load_model, require_words
from finetune.methods.adapter import Adapter
from finetune.quoting import quoted_reply

_SHORTEST = 16  # tokens a reply must have room for


class Engine:
    """One model in memory, its adapter if any, and the lock that its users share."""

    def __init__(self, loaded: LoadedModel, adapter: Adapter | None = None) -> None:
        self.loaded, self.adapter, self._lock = loaded, adapter, Lock()

    @contextmanager
    def step(self, *, use_adapter: bool) -> Iterator[None]:
        """Have the model to oneself for one step, tuned or plain."""
        with self._lock:
            if self.adapter is not None:
                self.adapter.enable(use_adapter)
            yield


class GlmChatModel(BaseChatModel):
    """Answers a talk with a GLM in this process."""

    model_config = ConfigDict(arbitrary_types_allowed=True, protected_namespaces=())

    engine: Engine
    use_adapter: bool = True
    temperature: float = 0.7  # 0: always the likeliest token
    top_p: float = 0.8
    repetition_penalty: float = 1.05  # on the reply's own tokens
    max_new_tokens: int = 128
    seed: int | None = None
    supports_tools: bool = False

    @property
    def _llm_type(self) -> str:
        return "clone-agent-glm"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        adapter = self.engine.adapter
        return {"model": self.engine.loaded.name, "method": adapter.method if adapter and self.use_adapter else None}

    def without_adapter(self) -> "GlmChatModel":
        """The base model, sharing this one's weights.

        Raises:
            ModelError: full tuning changed the weights themselves.
        """
        adapter = self.engine.adapter
        if adapter is not None and adapter.switch is None:
            raise ModelError("This adapter changes the model itself.", remedy="Load the base model a second time to compare.")
        return self.model_copy(update={"use_adapter": False})

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: CallbackManagerForLLMRun | None = None, **kwargs: Any
    ) -> ChatResult:
        whole: ChatGenerationChunk | None = None
        for chunk in self._stream(messages, stop, run_manager, **kwargs):
            whole = chunk if whole is None else whole + chunk
        if whole is None:
            raise AssertionError("a stream ends with a chunk that says why")
        metadata = whole.generation_info or {}
        usage = whole.message.usage_metadata if isinstance(whole.message, AIMessageChunk) else None
        return ChatResult(generations=[ChatGeneration(message=AIMessage(whole.text, response_metadata=metadata, usage_metadata=usage))])

    def _stream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: CallbackManagerForLLMRun | None = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        loaded, sampling = self.engine.loaded, self._sampling(kwargs)
        turns = [ChatTurn(role=_role(message), text=message.text) for message in messages]
        prompt, room = self._prompt(turns, sampling.max_new_tokens)
        text, made, ended = TextStream(loaded.tokenizer), 0, False
        window = _StopWords(stop or [])
        tokens = generate(
            loaded.model,
            prompt,
            loaded.format.stop_ids,
            Sampling(**{**asdict(sampling), "max_new_tokens": room}),
            quoted=quoted_reply(turns, loaded),
            guard=lambda: self.engine.step(use_adapter=self.use_adapter),
        )
        for made, token in enumerate(tokens, start=1):  # noqa: B007 - counted for the usage
            if shown := window.push(text.push(token)):
                yield _chunk(shown)
            if ended := window.ended:
                tokens.close()
                break
        if not ended and (shown := window.push(text.rest()) + window.rest()):
            yield _chunk(shown)
        yield _last_chunk("length" if made == room and not window.ended else "stop", prompt=len(prompt), made=made)

    def _sampling(self, kwargs: dict[str, Any]) -> Sampling:
        own = {name: getattr(self, name) for name in ("temperature", "top_p", "repetition_penalty", "max_new_tokens", "seed")}
        return Sampling(**{name: kwargs.get(name, value) for name, value in own.items()})

    def _prompt(self, turns: Sequence[ChatTurn], wanted: int) -> tuple[list[int], int]:
        """The prompt's ids, cut from the oldest turn on if need be, and how many tokens the reply may have."""
        loaded = self.engine.loaded
        room = min(wanted, max(_SHORTEST, loaded.max_tokens // 4))
        ids = fit_prompt(turns, loaded.format, max_tokens=loaded.max_tokens - room)
        if ids is None:
            raise UsageError(
                f"The prompt is longer than the {loaded.max_tokens} tokens that {loaded.name} can read.",
                remedy="Let fewer memories in with a lower top_k, or use a model with a longer context.",
            )
        return ids, min(wanted, loaded.max_tokens - len(ids))


class _StopWords:
    """Holds text back while it could be the beginning of a stop word, and ends at the first one."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words, self._held, self.ended = [word for word in words if word], "", False

    def push(self, text: str) -> str:
        """The part of the text so far that may be shown."""
        self._held += text
        if found := [at for word in self._words if (at := self._held.find(word)) >= 0]:
            shown, self._held, self.ended = self._held[: min(found)], "", True
            return shown
        keep = max((_overlap(self._held, word) for word in self._words), default=0)
        shown, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return shown

    def rest(self) -> str:
        """What was held back and turned out to be no stop word."""
        held, self._held = self._held, ""
        return held


def load_chat_model(
    base: str | Path | None = None, adapter: Path | None = None, *, device: str | None = None, **settings: Any
) -> GlmChatModel:
    """Load a base model, and an adapter onto it.

    Args:
        base: folder, hub name, or None for the model that ships.
        adapter: an adapter's folder; None: the base as it is.
        device: where to run; None: the best place here.
        settings: fields of `GlmChatModel`, such as `temperature`; what the model's generation_config.json says of sampling stands in for
            those left out.

    Raises:
        ModelError: one of them is missing, damaged, or they do not belong together.
    """
    require_words(base)
    loaded = load_model(base, device=device, four_bit=adapter is not None and wants_four_bit(adapter))
    attached = load_adapter(adapter, loaded) if adapter is not None else None
    return GlmChatModel(engine=Engine(loaded, attached), **{**_usual_sampling(loaded.model), **settings})


def _usual_sampling(model: PreTrainedModel) -> dict[str, float]:
    """How the model's makers sample from it, where they say that they do."""
    said = model.generation_config
    if said is None or not said.do_sample:
        return {}
    named = {name: getattr(said, name, None) for name in ("temperature", "top_p", "repetition_penalty")}
    return {name: float(value) for name, value in named.items() if value is not None}


def _role(message: BaseMessage) -> str:
    if isinstance(message, SystemMessage):
        return "system"
    if isinstance(message, AIMessage):
        return "assistant"
    if isinstance(message, HumanMessage):
        return "user"
    raise UsageError(f"This model cannot read a {message.type} message.", remedy="Use it without tools.")


def _chunk(text: str) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(content=text))


def _last_chunk(reason: str, *, prompt: int, made: int) -> ChatGenerationChunk:
    usage = UsageMetadata(input_tokens=prompt, output_tokens=made, total_tokens=prompt + made)
    message = AIMessageChunk(content="", usage_metadata=usage, chunk_position="last")
    return ChatGenerationChunk(message=message, generation_info={"finish_reason": reason})


def _overlap(text: str, word: str) -> int:
    """How many characters at the end of `text` begin `word`."""
    return next((size for size in range(min(len(text), len(word) - 1), 0, -1) if text.endswith(word[:size])), 0)
