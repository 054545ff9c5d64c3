"""The loss of a model on batches: cross-entropy on the owner's words and the stop token, nothing else."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from clone_agent.errors import ModelError
from finetune.batches import Batch, collate, pieces
from finetune.encode import NO_LOSS, Encoded
from finetune.memory_limits import ADVICE, is_out_of_memory
from finetune.methods.adapter import decoder

log = logging.getLogger(__name__)

# Models whose logits are the output head of the last hidden state and nothing more. For them the head, which is most of the work where the
# vocabulary is large, is computed at the supervised tokens only.
_PLAIN_HEAD = frozenset({"glm", "glm4", "chatglm_6b", "llama", "qwen2", "qwen3"})


def summed_loss(model: PreTrainedModel, batch: Batch) -> Tensor:
    """The sum of the losses of all supervised tokens (a scalar with gradient)."""
    targets = nn.functional.pad(batch.labels[:, 1:], (0, 1), value=NO_LOSS).flatten()  # of every place: the token after it
    # Looked up before the model runs: a GPU would have to be waited for in the midst of its work.
    supervised = (targets != NO_LOSS).nonzero().squeeze(1)
    if model.config.model_type in _PLAIN_HEAD:
        hidden = decoder(model)(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).last_hidden_state
        head: nn.Module = model.get_output_embeddings()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        logits = head(hidden.flatten(0, 1)[supervised])
    else:
        logits = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).logits.flatten(0, 1)[supervised]
    return cross_entropy(logits.float(), targets[supervised], reduction="sum")


class SummedLoss(nn.Module):
    """`summed_loss` as a module, which can be copied or cut over several processes."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model
        self._no_split_modules = model._no_split_modules  # accelerate cuts a model between these

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> Tensor:
        """All of shape (rows, length) -> a scalar."""
        return summed_loss(self.model, Batch(input_ids=input_ids, attention_mask=attention_mask, labels=labels))


@torch.no_grad()
def mean_loss(model: PreTrainedModel, examples: Sequence[Encoded], *, max_tokens: int, autocast: AbstractContextManager[object]) -> float:
    """Mean loss per supervised token over `examples`, without dropout. NaN for no examples."""
    total = 0.0

    def add(_: list[int], batch: Batch) -> None:
        nonlocal total
        with autocast:
            total += float(summed_loss(model, batch))

    _take_pieces(model, examples, max_tokens, add)
    targets = sum(example.targets for example in examples)
    return total / targets if targets else float("nan")


@torch.no_grad()
def example_losses(
    model: PreTrainedModel, examples: Sequence[Encoded], *, max_tokens: int, autocast: AbstractContextManager[object]
) -> list[float]:
    """Mean loss per supervised token of each example by itself, without dropout."""
    losses = [0.0] * len(examples)

    def note(piece: list[int], batch: Batch) -> None:
        with autocast:
            logits = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).logits[:, :-1]
        # One row at a time: all rows' logits in float32 would be large where the vocabulary is.
        for row, index in enumerate(piece):
            losses[index] = float(cross_entropy(logits[row].float(), batch.labels[row, 1:], ignore_index=NO_LOSS))

    _take_pieces(model, examples, max_tokens, note)
    return losses


def _take_pieces(model: PreTrainedModel, examples: Sequence[Encoded], max_tokens: int, take: Callable[[list[int], Batch], None]) -> None:
    """Hand every example to `take` once, in pieces (indexes, and their batch on the model's device), the model in evaluation mode.

    When memory runs out, that piece and those after it are cut half as large; `take` must change nothing before its pass is through.

    Raises:
        ModelError: a single example does not fit into memory.
    """
    was_training, device = model.training, next(model.parameters()).device
    lengths = [len(example.input_ids) for example in examples]
    left = list(pieces(range(len(examples)), lengths, max_tokens=max_tokens))
    model.train(False)
    try:
        while left:
            try:
                take(left[0], collate([examples[index] for index in left[0]]).to(device))
                del left[0]
            except (MemoryError, RuntimeError) as cause:
                if not is_out_of_memory(cause):
                    raise
                left = _halved(left, lengths, cause)
    finally:
        model.train(was_training)


def _halved(left: Sequence[Sequence[int]], lengths: Sequence[int], cause: BaseException) -> list[list[int]]:
    """The pieces that are left, of at most half as many tokens as the first of them."""
    if len(left[0]) == 1:
        raise ModelError("Memory does not suffice for a single text.", remedy=ADVICE) from cause
    tokens = len(left[0]) * max(lengths[index] for index in left[0]) // 2
    log.warning("out of memory: going on with pieces of %d tokens", tokens)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return list(pieces([index for piece in left for index in piece], lengths, max_tokens=tokens))


def autocast_for(model: PreTrainedModel) -> AbstractContextManager[object]:
    """bfloat16 arithmetic where the hardware has it; the same answer at every call on one machine."""
    return torch.autocast(next(model.parameters()).device.type, dtype=torch.bfloat16, enabled=has_bfloat16(model))


def has_bfloat16(model: PreTrainedModel) -> bool:
    """Whether the model's device computes fast in bfloat16 (a GPU, a CPU with AMX)."""
    device = next(model.parameters()).device
    # bitsandbytes unpacks 4-bit weights several times slower into bfloat16 than into float32 on a CPU.
    is_fast_cpu = device.type == "cpu" and torch.cpu._is_amx_tile_supported() and not getattr(model, "is_loaded_in_4bit", False)
    return bool(torch.cuda.is_bf16_supported() if device.type == "cuda" else is_fast_cpu)
