"""What tuning changed: loss on held-out weeks, and how long and how parted the replies are, beside the owner's own.

The owner's and the models' replies are to the same held-out prompts. Losses are per supervised token, so that they compare between methods
on one base, not between tokenizers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

from clone_agent.errors import DatasetError
from finetune.adapter_files import load_adapter, wants_four_bit
from finetune.dataset import read_dataset
from finetune.encode import encode, fit_prompt
from finetune.examples import Example
from finetune.generate import Sampling, reply_text
from finetune.glm import LoadedModel, load_model
from finetune.loss import autocast_for, mean_loss

SAMPLING = Sampling(seed=0, max_new_tokens=64)
_STEP_TOKENS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How somebody writes, in figures."""

    replies: int
    mean_length: float  # characters of a reply, all bubbles together
    median_length: float
    mean_bubbles: float
    distinct: float  # share of different replies
    length_distance: float  # characters between these lengths and the owner's: the area between the two distributions
    bubble_distance: float  # likewise in bubbles


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The base and the tuned model on the same held-out examples."""

    examples: int
    loss_before: float
    loss_after: float
    owner: Manner
    before: Manner
    after: Manner


def evaluate(
    base: str | Path | None,
    adapter: Path,
    dataset_dir: Path,
    *,
    limit: int = 100,
    sampling: Sampling = SAMPLING,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Compare a base model with its tuned self.

    Args:
        base: as for `load_model`.
        adapter: an adapter's folder.
        dataset_dir: whose `eval.jsonl` is used.
        limit: held-out examples used, at even distances.
        sampling: how replies are drawn.
        on_progress: told (replies written, replies to write).

    Raises:
        DatasetError: nothing was held out.
        ModelError: base or adapter cannot be loaded.
    """
    _, held_out, _ = read_dataset(dataset_dir)
    chosen = held_out[:: -(-len(held_out) // limit)] if held_out else []
    if not chosen:
        raise DatasetError("No examples were held out.", remedy="Import more than one session of chats, then run `clone-agent dataset`.")
    tell = on_progress or (lambda _, __: None)
    loaded = load_model(base, four_bit=wants_four_bit(adapter))
    loss_before, before = _measure(loaded, chosen, sampling, lambda done: tell(done, 2 * len(chosen)))
    load_adapter(adapter, loaded)
    loss_after, after = _measure(loaded, chosen, sampling, lambda done: tell(len(chosen) + done, 2 * len(chosen)))
    own = [example.response for example in chosen]
    return Evaluation(
        examples=len(chosen),
        loss_before=loss_before,
        loss_after=loss_after,
        owner=manner(own, own),
        before=manner(before, own),
        after=manner(after, own),
    )


def _measure(loaded: LoadedModel, examples: Sequence[Example], sampling: Sampling, tell: Callable[[int], None]) -> tuple[float, list[str]]:
    """Held-out loss, and a reply to each prompt."""
    encoded = [encode(example, loaded.format, max_length=loaded.max_tokens) for example in examples]
    loss = mean_loss(loaded.model, encoded, max_tokens=_STEP_TOKENS, autocast=autocast_for(loaded.model))
    replies = []
    for done, reply in enumerate(_replies(loaded, examples, sampling), start=1):
        replies.append(reply)
        tell(done)
    return loss, replies


def _replies(loaded: LoadedModel, examples: Sequence[Example], sampling: Sampling) -> Iterator[str]:
    for example in examples:
        prompt = fit_prompt(example.turns(), loaded.format, max_tokens=loaded.max_tokens - sampling.max_new_tokens)
        yield reply_text(loaded.model, loaded.tokenizer, prompt, loaded.format.stop_ids, sampling) if prompt else ""


def manner(replies: Sequence[str], owner: Sequence[str]) -> Manner:
    """The figures of some replies (bubbles, one a line), beside the owner's to the same prompts."""
    lengths, bubbles = _lengths(replies), _bubbles(replies)
    return Manner(
        replies=len(replies),
        mean_length=fmean(lengths),
        median_length=median(lengths),
        mean_bubbles=fmean(bubbles),
        distinct=len(set(replies)) / len(replies),
        length_distance=_distance(lengths, _lengths(owner)),
        bubble_distance=_distance(bubbles, _bubbles(owner)),
    )


def _lengths(replies: Sequence[str]) -> list[int]:
    return [len(reply.replace("\n", "")) for reply in replies]


def _bubbles(replies: Sequence[str]) -> list[int]:
    return [sum(bool(line.strip()) for line in reply.split("\n")) for reply in replies]


def _distance(values: Sequence[int], others: Sequence[int]) -> float:
    """Wasserstein distance of two samples of the same size: the mean difference of their sorted values."""
    return fmean(abs(one - other) for one, other in zip(sorted(values), sorted(others), strict=True))
