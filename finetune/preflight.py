"""What a run will take, measured before it starts: seconds a step, pieces that fit into memory, bytes at the peak, bytes on disk.

The heaviest piece is tried first, so that memory runs out here if it does, and not after an hour; pieces are halved until it fits.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from clone_agent.errors import ModelError
from finetune.batches import collate, epoch_batches, pieces
from finetune.encode import Encoded
from finetune.glm import LoadedModel, precision
from finetune.loss import autocast_for, summed_loss
from finetune.memory_limits import ADVICE, free_memory, is_out_of_memory, peak_memory, require_memory
from finetune.methods.adapter import Adapter
from finetune.methods.registry import find_method
from finetune.model_files import ModelFiles
from finetune.processes import Team
from finetune.tune_config import TuneConfig

_MOMENTS_AND_BEST = 12  # bytes that a trained number takes besides itself and its gradient: two moments, and the best state so far
_STATES_ON_DISK = 3 * 16 + 4  # bytes of a trained number: two checkpoints and one being written, of 4 numbers each; then the adapter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What was measured."""

    seconds_per_step: float  # with nothing else running
    step_tokens: int  # of one forward pass
    memory: int  # bytes at the peak, about
    memory_free: int  # bytes before the optimizer takes its own
    disk: int  # bytes at most while training


def require_room(files: ModelFiles, config: TuneConfig, device: torch.device) -> None:
    """Refuse a base that cannot be trained here by this method, before it is loaded.

    Raises:
        ModelError: it takes more memory than is free.
    """
    method = find_method(config.method)
    weights = precision(files.parameters, device).itemsize
    place = torch.device("cpu") if method.four_bit else device  # it is packed on the way from the one to the other
    require_memory(files.parameters * (weights + method.bytes_per_parameter), place, what=f"{config.method} on {files.name}")


def measure(config: TuneConfig, loaded: LoadedModel, adapter: Adapter, texts: Sequence[Encoded], rows: int, team: Team) -> Demand:
    """Take the heaviest piece and a typical batch through the model and back, leaving no trace.

    Raises:
        ModelError: a single text does not fit into memory.
    """
    lengths = [len(text.input_ids) for text in texts]
    batches = epoch_batches(lengths, batch_size=rows, seed=config.seed, epoch=0)
    shares = [team.share(batch, 0) for batch in batches]
    typical = sorted(shares, key=lambda share: sum(lengths[index] for index in share))[len(shares) // 2]
    tokens = config.pass_tokens(loaded.device.type)
    # This thread takes part in all that a CPU computes, so its own time is what a step takes where no other program holds the machine up.
    clock = time.thread_time if loaded.device.type == "cpu" else time.perf_counter
    with torch.random.fork_rng():
        loaded.model.train(True)
        while True:
            try:
                _pass(loaded, [texts[index] for index in _heaviest(shares, lengths, tokens)])
                start = clock()
                for piece in pieces(typical, lengths, max_tokens=tokens):
                    _pass(loaded, [texts[index] for index in piece])
                seconds = clock() - start
                break
            except (MemoryError, RuntimeError) as cause:
                if not is_out_of_memory(cause):
                    raise
                tokens = _halved(tokens, longest=max(lengths), cause=cause)
        loaded.model.train(False)
    for parameter in adapter.parameters.values():
        parameter.grad = None
    agreed = team.collect((tokens, seconds))
    return Demand(
        seconds_per_step=max(each for _, each in agreed),
        step_tokens=min(each for each, _ in agreed),
        memory=peak_memory(loaded.device) + _MOMENTS_AND_BEST * adapter.size(),
        memory_free=free_memory(loaded.device),
        disk=_STATES_ON_DISK * adapter.size(),
    )


def _pass(loaded: LoadedModel, texts: Sequence[Encoded]) -> None:
    batch = collate(texts).to(loaded.device)
    with autocast_for(loaded.model):
        loss = summed_loss(loaded.model, batch)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    float(loss.detach())  # waits for the device


def _heaviest(shares: Sequence[Sequence[int]], lengths: Sequence[int], tokens: int) -> list[int]:
    """The piece of most tokens, padding included."""
    cut = (piece for share in shares for piece in pieces(share, lengths, max_tokens=tokens))
    return max(cut, key=lambda piece: len(piece) * max(lengths[index] for index in piece))


def _halved(tokens: int, *, longest: int, cause: BaseException) -> int:
    if tokens < longest:
        raise ModelError("Memory does not suffice for a single text.", remedy=ADVICE) from cause
    log.warning("out of memory: trying pieces of %d tokens", tokens // 2)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return tokens // 2
