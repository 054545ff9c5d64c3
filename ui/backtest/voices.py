"""One voice measured: its losses, its replies, whether it finds the right reply, its answers about the past; without and with memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clone_agent.citations import without_citations
from clone_agent.errors import DatasetError
from clone_agent.prompt import cite
from clone_agent.records import ChatTurn
from finetune.adapter_files import load_adapter
from finetune.encode import NO_LOSS, Encoded, encode
from finetune.examples import Example
from finetune.generate import Sampling
from finetune.glm import LoadedModel, load_model
from finetune.loss import autocast_for, mean_loss
from finetune.matching import blocks, match_scores, matches
from finetune.replies import write_replies

if TYPE_CHECKING:
    from ui.backtest.kept import Kept
    from ui.backtest.prompts import Prompts

SAMPLING = Sampling(seed=0, max_new_tokens=96)  # as in a chat
ANSWERING = Sampling(temperature=0, max_new_tokens=64)
_STEP_TOKENS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What every voice has to do."""

    examples: Sequence[Example]  # what the owner received and answered in the hidden weeks
    prompts: Sequence["Prompts"]  # for each of them
    questions: Sequence["Prompts"]  # about the past

    @property
    def size(self) -> int:
        """Pieces of work for one voice without or with memory."""
        return 2 * len(self.examples) + len(list(blocks(len(self.examples)))) + len(self.questions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one voice did, without or with memory."""

    losses: list[tuple[float, int]]  # for each example the mean over the owner's real tokens, and their number
    replies: list[str]  # to each example, bubbles one a line
    matched: list[bool | None]  # for each example whether its reply was told from nine others; None: took no part
    answers: list[str]  # to each question


def kind_of(voice: str, *, use_memory: bool) -> str:
    """What a voice is called in the report: `lora`, `lora + memory`."""
    return f"{voice} + memory" if use_memory else voice


def load_speaker(base: str | None, adapter: Path | None) -> LoadedModel:
    """A base model, with an adapter on it."""
    loaded = load_model(base)
    if adapter is not None:
        load_adapter(adapter, loaded)
    return loaded


def measure(
    kept: "Kept", name: str, speaker: Callable[[], LoadedModel], work: Work, *, use_memory: bool, advance: Callable[[int], None]
) -> Part:
    """Do what is left of a voice's work; `speaker` is called only if there is some.

    Args:
        kept: where finished pieces lie.
        name: of the part, which becomes its files' names.
        speaker: loads the model.
        work: what to do.
        use_memory: with the memories in the prompt.
        advance: told of every finished piece, those of an earlier run included.
    """

    def counted(name: str, count: int, make: Callable[[Sequence[int]], Iterator[tuple[int, Any]]]) -> list[Any]:
        missing: list[int] = []

        def making(numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
            missing.extend(numbers)
            advance(count - len(numbers))
            for pair in make(numbers):
                yield pair
                advance(1)

        values = kept.rows(name, count, making)
        if not missing:
            advance(count)
        return values

    prompts = {number: _turns(one, use_memory=use_memory) for number, one in enumerate(work.prompts)}
    asked = {number: _turns(one, use_memory=use_memory) for number, one in enumerate(work.questions)}
    groups = list(blocks(len(work.examples)))
    losses = counted(f"{name}.losses", len(work.examples), lambda todo: _losses(speaker(), work, prompts, todo, use_memory=use_memory))
    replies = counted(f"{name}.replies", len(prompts), lambda todo: _replies(speaker(), prompts, todo, SAMPLING))
    found = counted(f"{name}.matches", len(groups), lambda todo: _matches(speaker(), work, prompts, groups, todo, use_memory=use_memory))
    answers = counted(f"{name}.answers", len(asked), lambda todo: _replies(speaker(), asked, todo, ANSWERING))
    matched: list[bool | None] = [None] * len(work.examples)
    for group, right in zip(groups, found, strict=True):
        for number, is_right in zip(group, right, strict=True):
            matched[number] = bool(is_right)
    return Part(
        losses=[(float(loss), int(tokens)) for loss, tokens in losses],
        replies=[str(reply) for reply in replies],
        matched=matched,
        answers=[str(answer) for answer in answers],
    )


def _turns(prompts: "Prompts", *, use_memory: bool) -> tuple[ChatTurn, ...]:
    return prompts.remembering if use_memory else prompts.plain


def _replies(
    loaded: LoadedModel, prompts: Mapping[int, Sequence[ChatTurn]], todo: Sequence[int], sampling: Sampling
) -> Iterator[tuple[int, str]]:
    """The words that people would see, without citations."""
    for written in write_replies(loaded, {number: prompts[number] for number in todo}, sampling):
        yield written.index, without_citations(written.text)


def _losses(
    loaded: LoadedModel, work: Work, prompts: Mapping[int, Sequence[ChatTurn]], todo: Sequence[int], *, use_memory: bool
) -> Iterator[tuple[int, tuple[float, int]]]:
    for number in todo:
        try:
            encoded = _encoded(loaded, work.examples[number], prompts[number], use_memory=use_memory)
        except DatasetError:  # the reply does not fit beside what was recalled
            yield number, (0.0, 0)
            continue
        yield number, (mean_loss(loaded.model, [encoded], max_tokens=_STEP_TOKENS, autocast=autocast_for(loaded.model)), encoded.targets)


def _encoded(loaded: LoadedModel, example: Example, prompt: Sequence[ChatTurn], *, use_memory: bool) -> Encoded:
    """The owner's real reply after the agent's prompt. With memory it begins, as the prompt asks, with a citation, which bears no loss."""
    system = "\n".join(turn.text for turn in prompt if turn.role == "system")
    response = _cited(example.response, use_memory=use_memory)
    encoded = encode(replace(example, system=system, response=response), loaded.format, max_length=loaded.max_tokens)
    extra = len(loaded.format.response_ids(response)) - len(loaded.format.response_ids(example.response))
    start = len(encoded.labels) - len(loaded.format.response_ids(response))
    return Encoded(
        input_ids=encoded.input_ids, labels=[NO_LOSS if place < start + extra else label for place, label in enumerate(encoded.labels)]
    )


def _matches(
    loaded: LoadedModel,
    work: Work,
    prompts: Mapping[int, Sequence[ChatTurn]],
    groups: Sequence[Sequence[int]],
    todo: Sequence[int],
    *,
    use_memory: bool,
) -> Iterator[tuple[int, list[bool]]]:
    for place in todo:
        replies = [_cited(work.examples[number].response, use_memory=use_memory) for number in groups[place]]
        yield place, matches(match_scores(loaded, [prompts[number] for number in groups[place]], replies))


def _cited(response: str, *, use_memory: bool) -> str:
    """A reply as the model that remembers writes it where it rests on no line."""
    return cite(0, response) if use_memory else response
