"""Many replies at once: prompts of like length are answered together, each reply drawn from a seed of its own.

What a reply says does not depend on which others are drawn beside it, up to the rounding of the device.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from clone_agent.errors import ModelError
from clone_agent.records import ChatTurn
from finetune.encode import fit_prompt
from finetune.generate import INCOMPLETE, Sampling, choose
from finetune.glm import LoadedModel
from finetune.memory_limits import ADVICE, is_out_of_memory
from finetune.model_files import Quoted
from finetune.quoting import quoted_reply

log = logging.getLogger(__name__)

_STEP_TOKENS = 8192  # of the prompts answered together
_TOGETHER = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A reply, and which prompt it answers."""

    index: int
    text: str  # "" also where not even the system message fits


def write_replies(
    loaded: LoadedModel, prompts: Mapping[int, Sequence[ChatTurn]], sampling: Sampling, *, quoted: Quoted | None = None
) -> Iterator[Written]:
    """Answer every prompt, the shortest first.

    Args:
        loaded: the model, tuned or not, in evaluation mode.
        prompts: by number, each a talk whose last turn is to be answered; one that is too long loses its oldest turns.
        sampling: how to draw; its seed is made different for each number.
        quoted: what of recalled lines replies are kept to; None: what the model's configuration says.

    Raises:
        ModelError: a single prompt does not fit into memory.
    """
    room = loaded.max_tokens - sampling.max_new_tokens
    encoded = {index: ids for index, prompt in prompts.items() if (ids := fit_prompt(prompt, loaded.format, max_tokens=room))}
    yield from (Written(index=index, text="") for index in prompts if index not in encoded)
    waiting = list(_groups({index: len(ids) for index, ids in encoded.items()}))
    while waiting:
        group = waiting.pop(0)
        choosers = [
            partial(choose, sampling=sampling, source=_source(sampling, index), quoted=quoted_reply(prompts[index], loaded, quoted))
            for index in group
        ]
        try:
            replies = _generate(
                loaded.model, [encoded[index] for index in group], loaded.format.stop_ids, choosers, most=sampling.max_new_tokens
            )
        except (MemoryError, RuntimeError) as cause:
            if not is_out_of_memory(cause):
                raise
            waiting[:0] = _halves(group, cause)
            continue
        for index, reply in zip(group, replies, strict=True):
            yield Written(index=index, text=str(loaded.tokenizer.decode(reply, skip_special_tokens=True)).replace(INCOMPLETE, "").strip())


def _halves(group: list[int], cause: BaseException) -> list[list[int]]:
    """A group that memory does not suffice for, as two."""
    if len(group) == 1:
        raise ModelError("Memory does not suffice for a single text.", remedy=ADVICE) from cause
    log.warning("out of memory: answering %d prompts together instead of %d", len(group) // 2, len(group))
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return [group[: len(group) // 2], group[len(group) // 2 :]]


def _groups(lengths: dict[int, int]) -> Iterator[list[int]]:
    """Prompts that are answered together."""
    group: list[int] = []
    for index in sorted(lengths, key=lambda index: (lengths[index], index)):
        if group and (len(group) == _TOGETHER or (len(group) + 1) * lengths[index] > _STEP_TOKENS):
            yield group
            group = []
        group.append(index)
    if group:
        yield group


def _source(sampling: Sampling, index: int) -> torch.Generator | None:
    return None if sampling.seed is None else torch.Generator().manual_seed(sampling.seed * 1_000_003 + index)


@torch.inference_mode()
def _generate(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    stop_ids: Sequence[int],
    choosers: Sequence[Callable[[Tensor, Sequence[int]], int]],
    *,
    most: int,
) -> list[list[int]]:
    """The ids of each reply without its stop token; prompts are padded on the left."""
    device, width = next(model.parameters()).device, max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    cache, replies = DynamicCache(config=model.config), [list[int]() for _ in prompts]
    rows = list(range(len(prompts)))  # which prompt each row of the batch answers; -1: its reply is finished
    for _ in range(most):
        out = model(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1)
        scores = out.logits[:, -1].float().cpu()
        last = [choosers[row](score, replies[row]) if row >= 0 else 0 for row, score in zip(rows, scores, strict=True)]
        for place, token in enumerate(last):
            if rows[place] >= 0 and token in stop_ids:
                rows[place] = -1
            elif rows[place] >= 0:
                replies[rows[place]].append(token)
        going_on = [place for place, row in enumerate(rows) if row >= 0]
        if not going_on:
            break
        if 2 * len(going_on) <= len(rows):  # those that are finished need not be computed any more
            kept = torch.tensor(going_on, device=device)
            cache.batch_select_indices(kept)
            mask, positions = mask[kept], positions[kept]
            rows, last = [rows[place] for place in going_on], [last[place] for place in going_on]
        ids = torch.tensor([[token] for token in last], device=device)
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        positions = positions[:, -1:] + 1
    return replies
