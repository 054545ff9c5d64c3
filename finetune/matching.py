"""Which reply belongs to which prompt, as a model sees it: how likely it finds each of some replies after each of some prompts.

Ten prompts and the ten replies that their owner wrote, shuffled: a model that listens gives a reply the highest rise over its mean after
the prompt that it answers. By chance it is right once in ten times. (Hits@1 of ConvAI2, arXiv 1902.00098, without favouring short replies.)
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache

from clone_agent.records import ChatTurn
from finetune.encode import fit_prompt
from finetune.glm import LoadedModel

BLOCK = 10


def blocks(count: int, *, size: int = BLOCK) -> Iterator[list[int]]:
    """Divide indexes in time order into blocks of `size` that lie far apart in time; what is left over takes no part."""
    number = count // size
    for first in range(number):
        yield [first + step * number for step in range(size)]


def matches(scores: Tensor) -> list[bool]:
    """Whether each prompt's own reply rises highest; `scores` has shape (prompts, replies), and reply n answers prompt n.

    Rows of nan count for nothing.
    """
    risen = scores - scores.nanmean(0, keepdim=True)
    return [bool(row.argmax() == index) for index, row in enumerate(risen)]


@torch.inference_mode()
def match_scores(
    loaded: LoadedModel, prompts: Sequence[Sequence[ChatTurn]], replies: Sequence[str], *, openings: Sequence[str] | None = None
) -> Tensor:
    """The log-probability of every reply after every prompt, shape (prompts, replies), on the CPU.

    A prompt that is too long loses its oldest turns; nan stands for one that does not fit at all. Each prompt is read once.

    Args:
        loaded: the model, in evaluation mode.
        prompts: talks whose last turn is to be answered.
        replies: to choose from.
        openings: what stands before each reply and bears no probability, such as a citation.
    """
    targets = [
        loaded.format.response_ids(f"{opening}{reply}") for opening, reply in zip(openings or [""] * len(replies), replies, strict=True)
    ]
    skip = [len(target) - len(loaded.format.response_ids(reply)) for target, reply in zip(targets, replies, strict=True)]
    longest = max(map(len, targets))
    rows = []
    for prompt in prompts:
        ids = fit_prompt(prompt, loaded.format, max_tokens=loaded.max_tokens - longest)
        rows.append(continuation_scores(loaded, ids, targets, skip=skip) if ids else torch.full((len(replies),), torch.nan))
    return torch.stack(rows)


@torch.inference_mode()
def continuation_scores(
    loaded: LoadedModel, prompt: Sequence[int], targets: Sequence[Sequence[int]], *, skip: Sequence[int] | None = None
) -> Tensor:
    """The log-probability of each continuation of one prompt, shape (continuations,), on the CPU. No continuation is empty.

    The first `skip` tokens of each are read, but not counted.
    """
    device, width = loaded.device, max(map(len, targets))
    cache = DynamicCache(config=loaded.model.config)
    out = loaded.model(input_ids=torch.tensor([list(prompt)], device=device), past_key_values=cache, use_cache=True, logits_to_keep=1)
    padded = torch.tensor([[*target, *[0] * (width - len(target))] for target in targets], device=device)
    weights = torch.tensor(
        [
            [float(start <= place < len(target)) for place in range(width)]
            for target, start in zip(targets, skip or [0] * len(targets), strict=True)
        ],
        device=device,
    )
    logits = out.logits.expand(len(targets), 1, -1)
    if width > 1:
        cache.batch_repeat_interleave(len(targets))
        # Padding stands behind the words, where a causal model does not see it.
        after = loaded.model(input_ids=padded[:, :-1], past_key_values=cache, use_cache=True).logits
        logits = torch.cat([logits, after], dim=1)
    # Rows of a vocabulary each lie together in memory, which takes a fraction of the time of the same with the vocabulary in the middle.
    losses = functional.cross_entropy(logits.float().flatten(0, 1), padded.flatten(), reduction="none").view_as(weights)
    return -(losses * weights).sum(1).cpu()
