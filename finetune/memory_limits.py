"""Running out of memory, on a GPU or a CPU: seen coming, recognised, and answered with advice."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil  # type: ignore[import-untyped]  # it ships no types
import torch

if sys.platform != "win32":
    import resource

from clone_agent.errors import ModelError
from clone_agent.storage import gibibytes

ADVICE = "Use qlora or ptuning, a shorter maximum length, gradient checkpointing, a smaller base, or close other programs."


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch, numpy or Python means that memory ran out."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and ("allocate memory" in str(error) or "out of memory" in str(error).lower())
    )


@contextmanager
def memory_advice(doing: str) -> Iterator[None]:
    """Turn running out of memory inside the block into advice.

    Raises:
        ModelError: memory ran out while `doing`.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as cause:
        if not is_out_of_memory(cause):
            raise
        raise ModelError(f"Memory ran out while {doing}.", remedy=ADVICE) from cause


def free_memory(device: torch.device) -> int:
    """Bytes that are free for a device: its own memory, or the machine's."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def peak_memory(device: torch.device) -> int:
    """Bytes that this process took at its peak: of a GPU's memory, or of the machine's."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    info = psutil.Process().memory_info()
    if sys.platform == "win32":
        return int(info.peak_wset)
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return max(int(info.rss), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def require_memory(needed: float, device: torch.device, *, what: str) -> None:
    """Refuse what cannot fit, before hours are spent or the system ends the process without a word.

    Raises:
        ModelError: `needed` bytes are more than are free.
    """
    free = free_memory(device)
    if needed > free:
        raise ModelError(f"{what} takes about {gibibytes(int(needed))}, and {gibibytes(free)} of memory are free.", remedy=ADVICE)
