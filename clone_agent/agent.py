"""The agent: question -> recall -> prompt -> chat model -> a stream of events.

One LangChain agent serves models with and without tool calling. A middleware recalls once per question before the model is called, keeps
what it found in the run's state, and writes it into the system message of each model call; nothing of it is added to the talk. A model
that can call tools may search again, at most `MAX_SEARCHES` times. Recalled lines are quoted data between marks with a fresh nonce
(`clone_agent.prompt`). Threads are the caller's: history comes in, nothing is kept between questions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Any, NotRequired, cast

from langchain.agents import AgentState, create_agent
from langchain.agents.middleware import AgentMiddleware, InputAgentState, ModelRequest, ModelResponse, ToolCallLimitMiddleware
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.runtime import Runtime

from clone_agent.citations import ReplyWords
from clone_agent.errors import CloneError, UsageError
from clone_agent.importers.cleaning import clean
from clone_agent.prompt import new_nonce, system_prompt
from clone_agent.records import ChatTurn, Delta, Hit, Persona, Recalled, Reply, Scope, SearchMemory
from clone_agent.search_tool import search_tool
from clone_agent.small_talk import is_small_talk

MAX_SEARCHES = 3
TOP_K = 8
# Shares of the best line's score from which another one is told beside it, chosen by `benchmarks/told_lines.py`. Where the question
# tells what kind of answer it wants, a line of another talk may hold another value and has to be about as sure, while what stands in the
# same talk needs less. Elsewhere two lines seldom contradict each other.
OF_THE_TALK = 0.3
ABOUT_AS_SURE = 0.8
OF_NO_KIND = 0.5
AS_SURE = 0.9  # ... where the line is of another talk and tells an earlier value
TELLS = 0.8  # how well a line fits that surely tells a value of the kind that is asked for
Event = Recalled | Delta | Reply


class CloneAgent:
    """Answers as the owner.

    Args:
        model: any LangChain chat model.
        persona: whose clone it is.
        memory: where to recall from; None: the clone answers from its tuning alone.
        top_k: lines recalled at most.
        use_tools: let the model search memory by itself; needs a model that can call tools.
        shown: for a model that reads few lines: put the best so many into the prompt, the best first, and of them only those that are of
            its talk or about as sure as it, and answer small talk without memory; None: all, in time order.
    """

    def __init__(
        self,
        model: BaseChatModel,
        *,
        persona: Persona,
        memory: SearchMemory | None,
        top_k: int = TOP_K,
        use_tools: bool = False,
        shown: int | None = None,
    ) -> None:
        self._model = model
        self._persona = persona
        self._memory = memory
        self._top_k = top_k
        self._use_tools = use_tools
        self._shown = shown

    def answer(
        self,
        question: str,
        *,
        history: Sequence[ChatTurn] = (),
        use_memory: bool = True,
        scope: Scope = Scope(),
        now: datetime | None = None,
    ) -> Iterator[Event]:
        """Answer one question: `Recalled` first (with memory), then `Delta`s, then one `Reply`.

        Closing the iterator stops the model at its next token.

        Args:
            question: what the other side says.
            history: the talk so far in time order; the question is understood with it.
            use_memory: False answers from the tuning alone.
            scope: limits on what is recalled.
            now: the date that "yesterday" counts from; default: now, here. A date of one's own also hides what was said after it.

        Raises:
            UsageError: the question is blank.
            CloneError: the model failed.
        """
        question, history = clean(question), [replace(turn, text=clean(turn.text)) for turn in history]
        if not question.strip():
            raise UsageError("The question is empty.", remedy="Ask something.")
        moment = now or datetime.now().astimezone()
        if now is not None and scope.before is None:
            scope = replace(scope, before=now)
        is_asked = use_memory and not (self._shown is not None and is_small_talk(question))
        memory = self._memory if is_asked else None
        middleware = _RecallMiddleware(
            self._persona,
            memory,
            search=lambda text, limits, talk: self._search(memory, text, talk, limits, moment),
            history=history,
            scope=scope,
            now=moment,
            shown=self._shown,
            use_tools=self._use_tools,
        )
        yield from self._run(middleware, [*_as_messages(history), HumanMessage(question)])

    def _search(self, memory: SearchMemory | None, question: str, history: Sequence[ChatTurn], scope: Scope, now: datetime) -> Recalled:
        if memory is None:
            return Recalled(question=question)
        recalled = memory.search(question, history=history, scope=scope, top_k=self._top_k, now=now)
        if self._shown is None:  # a model that reads many lines tells by itself what holds
            return replace(recalled, hits=tuple(replace(hit, told=None) for hit in recalled.hits))
        return replace(recalled, hits=tuple(sorted(recalled.hits, key=lambda hit: -hit.score)))

    def _run(self, middleware: "_RecallMiddleware", messages: list[AnyMessage]) -> Iterator[Event]:
        layers: list[AgentMiddleware[Any, Any, Any]] = [middleware]
        if self._use_tools:
            layers.append(ToolCallLimitMiddleware(run_limit=MAX_SEARCHES, exit_behavior="continue"))
        agent = create_agent(self._model, tools=[], middleware=layers)
        stop = _StopOnRequest()
        words = ReplyWords(cites=middleware.has_memory)
        recalled: Recalled | None = None
        found: dict[int, Hit] = {}
        talk = InputAgentState(messages=[*messages])
        config = RunnableConfig(callbacks=[stop])
        stream: Any = agent.stream(talk, config, stream_mode=["messages", "updates"])
        with closing(stream) as parts:
            try:
                for mode, part in parts:
                    if mode == "updates":
                        update = _recalled_in(part)
                        if update is not None:
                            recalled = update
                            yield update
                        found |= _hits_in(part)
                    elif delta := words.add(_words_in(part[0])):
                        yield Delta(text=delta)
            except CloneError:
                raise
            except Exception as cause:
                raise CloneError(
                    f"The answering model failed ({type(cause).__name__}).",
                    remedy="Try again; if it stays, see whether its server runs and offers it, or choose another model.",
                ) from cause
            finally:
                stop.requested = True
        if rest := words.finish():
            yield Delta(text=rest)
        yield _reply(words, recalled, middleware.in_prompt(recalled), found)


class _State(AgentState[Any]):
    recalled: NotRequired[Recalled | None]


class _RecallMiddleware(AgentMiddleware[_State, Any, Any]):
    """Recalls once per question, then writes the system message of every model call."""

    state_schema = _State

    def __init__(
        self,
        persona: Persona,
        memory: SearchMemory | None,
        *,
        search: Callable[[str, Scope, Sequence[ChatTurn]], Recalled],
        history: Sequence[ChatTurn],
        scope: Scope,
        now: datetime,
        shown: int | None,
        use_tools: bool,
    ) -> None:
        super().__init__()
        self._persona = persona
        self.has_memory = memory is not None
        self._search = search
        self._scope = scope
        self._now = now
        self._most = shown
        self._nonce = new_nonce()
        self._history = history
        self.tools: Sequence[BaseTool] = []
        if use_tools and self.has_memory:  # the model's query stands for itself, so the talk is not joined to it
            again = search_tool(
                lambda text, limits: search(text, limits, ()), scope=scope, persona=persona, now=now, shown=lambda: self._shown
            )
            self.tools = [again]

    _shown = 0  # recalled lines of this question

    def in_prompt(self, recalled: Recalled | None) -> tuple[Hit, ...]:
        """The recalled lines that the model reads."""
        hits = recalled.hits if recalled else ()
        return hits if self._most is None else tuple(about_as_sure(hits))[: self._most]

    def before_agent(self, state: _State, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Recall for the question, which is the last message."""
        if not self.has_memory:
            return None
        recalled = self._search(str(state["messages"][-1].content), self._scope, self._history)
        self._shown = len(self.in_prompt(recalled))
        return {"recalled": recalled}

    def wrap_model_call(self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]) -> ModelResponse[Any]:
        """Put persona and recalled lines into the system message of this call alone."""
        recalled = cast("Recalled | None", cast("dict[str, Any]", request.state).get("recalled"))
        prompt = system_prompt(
            self._persona,
            now=self._now,
            hits=None if recalled is None else self.in_prompt(recalled),
            nonce=self._nonce,
            is_confident=recalled is None or recalled.is_confident,
        )
        return handler(request.override(system_message=SystemMessage(prompt)))


def about_as_sure(hits: Sequence[Hit]) -> Iterator[Hit]:
    """Of hits, the best first, it and what memory is sure enough of beside it, if it adds to it; the same words once."""
    said: set[str] = set()
    for hit in hits:
        if hit is hits[0] or (hit.score >= _share(hit, hits[0]) * hits[0].score and hit.memory.text not in said and _adds(hit, hits[0])):
            said.add(hit.memory.text)
            yield hit


def _share(hit: Hit, best: Hit) -> float:
    """Which share of the best line's score another one needs."""
    if best.fits is None:
        return OF_NO_KIND
    return OF_THE_TALK if hit.memory.is_of_the_talk_of(best.memory) else ABOUT_AS_SURE


def _adds(hit: Hit, best: Hit) -> bool:
    """Whether a line may be told beside the best one.

    Not where that one tells what is asked for and this one nothing of the kind, or a value that was told before it and that memory is less
    sure of, or in the same talk one that fits no better and is less sure: the two would contradict each other.
    """
    if hit.fits is None or best.fits is None or best.fits < TELLS:
        return True
    is_of_its_talk = hit.memory.is_of_the_talk_of(best.memory)
    if hit.fits < TELLS:
        return False
    if hit.memory.started_at < best.memory.started_at:
        return not is_of_its_talk and hit.score >= AS_SURE * best.score
    return hit.fits > best.fits or not is_of_its_talk or hit.score >= ABOUT_AS_SURE * best.score


def _as_messages(history: Sequence[ChatTurn]) -> list[AnyMessage]:
    return [HumanMessage(turn.text) if turn.role == "user" else AIMessage(turn.text) for turn in history]


def _words_in(message: BaseMessage) -> str:
    """The reply's own words in a streamed message: not a tool's result, nor the call of a tool."""
    if not isinstance(message, AIMessageChunk | AIMessage) or message.tool_calls:
        return ""
    return str(message.text)


def _recalled_in(update: dict[str, Any]) -> Recalled | None:
    for change in update.values():
        if isinstance(change, dict) and isinstance(change.get("recalled"), Recalled):
            return cast("Recalled", change["recalled"])
    return None


def _hits_in(update: dict[str, Any]) -> dict[int, Hit]:
    """What the search tool found, by the numbers that the model saw."""
    messages = [message for change in update.values() if isinstance(change, dict) for message in change.get("messages", ())]
    artifacts = [message.artifact for message in messages if isinstance(message, ToolMessage) and message.artifact]
    return {number: hit for artifact in artifacts for number, hit in artifact.items()}


def _reply(words: ReplyWords, recalled: Recalled | None, read: Sequence[Hit], found: Mapping[int, Hit]) -> Reply:
    """The reply; its sources are all that was recalled and found, first what it cites, in that order."""
    numbered = dict(enumerate(read, start=1)) | dict(found)
    hits = {hit.memory.id: hit for hit in (*(recalled.hits if recalled else ()), *found.values())}
    cited = [numbered[number] for number in dict.fromkeys(words.numbers) if number in numbered]
    others = sorted((hit for hit in hits.values() if hit not in cited), key=lambda hit: hit.memory.started_at)
    sources = () if words.numbers[:1] == [0] else (*cited, *others)
    bubbles = tuple(line.strip() for line in words.text.splitlines() if line.strip())
    return Reply(text=words.text.strip(), bubbles=bubbles, sources=sources, cited=cited[0] if cited else None, recalled=recalled)


class _StopOnRequest(BaseCallbackHandler):
    """Ends any LangChain model's generation at its next token once `requested` is set."""

    raise_error = True
    requested = False

    def on_llm_new_token(self, token: str | list[str | dict[str, Any]], **kwargs: Any) -> None:
        """Refuse the token when nobody waits for it any more."""
        if self.requested:
            raise InterruptedError
