"""One voice measured: its losses, its replies, whether it finds the right reply, its answers about the past; without and with memory."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clone_agent.citations import without_citations
from clone_agent.prompt import cite
from clone_agent.records import ChatTurn
from finetune.adapter_files import load_adapter
from finetune.examples import Example
from finetune.generate import Sampling
from finetune.glm import LoadedModel, load_model
from finetune.matching import blocks, match_scores, matches
from finetune.replies import write_replies

if TYPE_CHECKING:
    from ui.backtest.kept import Kept
    from ui.backtest.prompts import Prompts

SAMPLING = Sampling(seed=0, max_new_tokens=96)  # as in a chat
ANSWERING = Sampling(temperature=0, max_new_tokens=64)
_TIMED, _SHARE = 8, 10  # replies that are timed for the forecast, at most, and at most one in so many
HELD_OUT = 96  # examples that a run under test looks at eight times; the figures come from the hidden weeks


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What every voice has to do."""

    examples: Sequence[Example]  # what the owner received and answered in the hidden weeks
    prompts: Sequence["Prompts"]  # for each of them
    questions: Sequence["Prompts"]  # about the past

    @property
    def size(self) -> int:
        """Pieces of work for one voice without or with memory."""
        return len(self.examples) + len(_groups(len(self.examples))) + len(self.questions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one voice did, without or with memory."""

    use_memory: bool
    losses: list[tuple[float, int]]  # for each example the mean over the owner's real tokens, and their number
    replies: list[str]  # to each example, bubbles one a line
    matched: list[bool | None]  # for each example whether its reply was told from nine others; None: took no part
    answers: list[str]  # to each question


def minutes_of(loaded: LoadedModel, work: Work) -> float:
    """About how long all of a voice's work takes, without and with memory: a few pieces of every kind are done and timed."""
    groups, seconds = _groups(len(work.prompts)), 0.0
    for use_memory in (False, True):
        prompts = {number: _turns(one, use_memory=use_memory) for number, one in enumerate(work.prompts)}
        asked = {number: _turns(one, use_memory=use_memory) for number, one in enumerate(work.questions)}
        for turns, sampling in ((prompts, SAMPLING), (asked, ANSWERING)):
            seconds += _seconds(len(turns), _TIMED, partial(_replies, loaded, turns, sampling=sampling))
        seconds += _seconds(len(groups), 1, partial(_scores, loaded, work, prompts, groups, use_memory=use_memory))
    return seconds / 60


def _seconds(count: int, timed: int, do: Callable[[Sequence[int]], Iterator[object]]) -> float:
    """Seconds for `count` pieces, by `timed` of them at even distances."""
    if not count:
        return 0.0
    timed = max(1, min(timed, count // _SHARE))
    some = [(2 * number + 1) * count // (2 * timed) for number in range(timed)]
    began = time.monotonic()
    done = sum(1 for _ in do(some))
    return (time.monotonic() - began) / done * count


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
    groups = _groups(len(prompts))
    replies = counted(f"{name}.replies", len(prompts), lambda todo: _replies(speaker(), prompts, todo, SAMPLING))
    scores = counted(f"{name}.scores", len(groups), lambda todo: _scores(speaker(), work, prompts, groups, todo, use_memory=use_memory))
    answers = counted(f"{name}.answers", len(asked), lambda todo: _replies(speaker(), asked, todo, ANSWERING))
    losses, matched = [(0.0, 0)] * len(prompts), list[bool | None]([None] * len(prompts))
    for group, found in zip(groups, scores, strict=True):
        for number, (loss, tokens, is_right) in zip(group, found, strict=True):
            losses[number], matched[number] = (float(loss), int(tokens)), is_right
    return Part(
        use_memory=use_memory,
        losses=losses,
        replies=[str(reply) for reply in replies],
        matched=matched,
        answers=[str(answer) for answer in answers],
    )


def _groups(count: int) -> list[list[int]]:
    """The examples whose replies are told from each other, and those left over, each by itself."""
    grouped = list(blocks(count))
    told = {number for group in grouped for number in group}
    return [*grouped, *([number] for number in range(count) if number not in told)]


def _turns(prompts: "Prompts", *, use_memory: bool) -> tuple[ChatTurn, ...]:
    return prompts.remembering if use_memory else prompts.plain


def _replies(
    loaded: LoadedModel, prompts: Mapping[int, Sequence[ChatTurn]], todo: Sequence[int], sampling: Sampling
) -> Iterator[tuple[int, str]]:
    """The words that people would see, without citations."""
    for written in write_replies(loaded, {number: prompts[number] for number in todo}, sampling):
        yield written.index, without_citations(written.text)


def _scores(
    loaded: LoadedModel,
    work: Work,
    prompts: Mapping[int, Sequence[ChatTurn]],
    groups: Sequence[Sequence[int]],
    todo: Sequence[int],
    *,
    use_memory: bool,
) -> Iterator[tuple[int, list[tuple[float, int, bool | None]]]]:
    """For each example of a group the loss of the owner's real reply, its number of tokens, and whether it was told from the others.

    With memory a reply begins, as the prompt asks, with a citation (here that it rests on no line), which bears no loss.
    """
    opening = cite(0, "") if use_memory else ""
    for place in todo:
        replies = [work.examples[number].response for number in groups[place]]
        scores = match_scores(loaded, [prompts[number] for number in groups[place]], replies, openings=[opening] * len(replies))
        sizes = [len(loaded.format.response_ids(reply)) for reply in replies]
        right = matches(scores) if len(replies) > 1 else [None]
        own = scores.diagonal().tolist()
        # nan: not even the system message fits beside the reply.
        yield (
            place,
            [(0.0, 0, None) if isnan(score) else (-score / size, size, told) for score, size, told in zip(own, sizes, right, strict=True)],
        )
