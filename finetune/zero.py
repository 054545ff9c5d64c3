"""DeepSpeed's ZeRO, as accelerate starts it: what it must not be asked for, and the parameters that it holds.

ZeRO (Rajbhandari et al. 2019, arXiv 1910.02054) cuts over the processes what the optimizer remembers (stage 1), the gradients as well (2)
and the weights as well (3). DeepSpeed is an extra and takes seconds to import: it is imported when a launcher asks for it.
"""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext, redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor, nn
from torch.nn.functional import pad

from clone_agent.errors import UsageError

INSTALL = 'pip install "clone-agent[deepspeed]"'
STAGES = (1, 2, 3)
_MOMENTS = ("exp_avg", "exp_avg_sq")  # what AdamW remembers of a parameter, under torch's names


def is_wanted() -> bool:
    """Whether this process was started by `accelerate launch` with DeepSpeed in its configuration."""
    return os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true"


def open_zero(device: str | None) -> Accelerator:
    """Join the processes that the launcher started, with DeepSpeed as the engine.

    Raises:
        UsageError: DeepSpeed is missing, or set up as it does not work here.
    """
    if find_spec("deepspeed") is None:
        raise UsageError("The launcher asks for DeepSpeed, which is not installed.", remedy=f"Install it: {INSTALL}")
    if device == "cpu" and torch.cuda.is_available():
        raise UsageError("DeepSpeed trains on the GPUs where there are any.", remedy="Leave the device out, or launch without DeepSpeed.")
    with redirect_stdout(sys.stderr):  # where DeepSpeed logs is decided when it is imported
        accelerator = Accelerator(kwargs_handlers=[] if torch.cuda.is_available() else [_gloo()])
    plugin = accelerator.state.deepspeed_plugin
    require_plain(plugin.deepspeed_config)
    # transformers would cut the model while it loads, before a method is attached and the plan measured.
    plugin.zero3_init_flag = False
    plugin.dschf = None
    return accelerator


def require_plain(settings: Mapping[str, Any]) -> None:
    """Refuse a configuration of DeepSpeed that asks for what a tuning run decides by itself, or for what was not tried.

    Raises:
        UsageError: it does.
    """
    zero, place = settings["zero_optimization"], "in the configuration of accelerate or DeepSpeed"
    if zero["stage"] not in STAGES:
        raise UsageError("DeepSpeed trains here in ZeRO's stages 1 to 3.", remedy=f"Set the stage to one of these {place}.")
    if any((zero.get(f"offload_{what}") or {}).get("device", "none") != "none" for what in ("optimizer", "param")):
        raise UsageError("What ZeRO holds cannot be moved off the GPU here.", remedy=f"Set both offload devices to none {place}.")
    if settings.get("fp16", {}).get("enabled"):
        raise UsageError("Training does not run in fp16.", remedy=f"Set the mixed precision to bf16 or no {place}.")
    if own := [name for name in ("optimizer", "scheduler") if name in settings]:
        raise UsageError(
            f"DeepSpeed's configuration has a section {own[0]}, which is decided here by the method.", remedy="Take that section out of it."
        )


def cuts_weights(accelerator: Accelerator) -> bool:
    """Whether the model that answers is in pieces."""
    return bool(accelerator.state.deepspeed_plugin.deepspeed_config["zero_optimization"]["stage"] == STAGES[-1])


def _gloo() -> InitProcessGroupKwargs:
    """What makes accelerate start DeepSpeed on a CPU: told of no backend, it takes the process to be alone (its `state.py`)."""
    # Sums in shared memory, which DeepSpeed would compile first; gloo sums as well.
    import_module("deepspeed.ops").__compatible_ops__["deepspeed_shm_comm"] = False
    return InitProcessGroupKwargs(backend="gloo")


class ZeroEngine:
    """DeepSpeed as what moves the weights (see `finetune.engine.Engine`)."""

    def __init__(
        self, accelerator: Accelerator, module: nn.Module, optimizer: torch.optim.Optimizer, *, clip: float, autocast: bool
    ) -> None:
        settings = accelerator.state.deepspeed_plugin.deepspeed_config
        # A step is ended by hand, after as many pieces as it has.
        settings |= {"train_micro_batch_size_per_gpu": 1, "gradient_accumulation_steps": 1, "gradient_clipping": clip}
        settings.pop("train_batch_size", None)
        if not settings["bf16"]["enabled"]:
            module.to(torch.float32)  # DeepSpeed takes no other type then
            # No safe modules: gradients are summed in float32.
            settings["torch_autocast"] = {"enabled": autocast, "dtype": "bfloat16", "lower_precision_safe_modules": []}
        self._size = accelerator.num_processes
        with redirect_stdout(sys.stderr):
            joined = accelerator.prepare(module, optimizer)
        self.module: nn.Module = joined[0]
        self._engine: Any = joined[0]

    def add(self, loss: Callable[[], Tensor], *, is_last: bool) -> float:
        """Add the gradients of a piece; after the last piece of a step they are summed over the team."""
        self._engine.set_gradient_accumulation_boundary(is_last)
        value = loss()
        self._engine.backward(value * self._size)  # the mean over the team is taken, and the sum is wanted
        return float(value.detach())

    def step(self, rate: float) -> None:
        """Move the parameters along their gradients, no further than the length allowed, and forget the gradients."""
        for group in self._engine.optimizer.param_groups:
            group["lr"] = rate
        self._engine.step()

    def forget(self) -> None:
        """Nothing: a step leaves no gradients behind."""

    def tensors(self, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
        """What the optimizer remembers, as torch's AdamW would: `<parameter>|<what>`, each in one piece."""
        utils = import_module("deepspeed.utils")
        taken = next(iter(self._states()))["step"]
        tensors = {f"{name}|step": torch.as_tensor(float(taken)) for name in parameters}
        for name, parameter in parameters.items():
            for what in _MOMENTS:
                tensors[f"{name}|{what}"] = utils.safe_get_full_optimizer_state(parameter, what).detach().to("cpu", copy=True)
        return tensors

    def restore(self, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor], loss: Callable[[], Tensor]) -> None:
        """Put back what `tensors` gave."""
        # The optimizer's memory begins with a step. One at the rate 0 changes no weight.
        self.add(lambda: loss() * 0, is_last=True)
        self.step(0.0)
        for name, parameter in parameters.items():
            for what in _MOMENTS:
                _set(parameter, tensors[f"{name}|{what}"], what)
        taken = float(next(value for key, value in tensors.items() if key.endswith("|step")))
        for state in self._states():
            state["step"] = torch.full_like(state["step"], taken) if torch.is_tensor(state["step"]) else int(taken)

    def _states(self) -> list[dict[str, Any]]:
        """Of each of the flat tensors that the optimizer moves."""
        return list(self._engine.optimizer.optimizer.state.values())


def holds(tensor: Tensor) -> bool:
    """Whether this is a trained parameter whose numbers are in ZeRO's hands."""
    return hasattr(tensor, "ds_id") or hasattr(tensor, "_hp_mapping")


def whole(parameter: Tensor) -> Tensor:
    """The numbers in float32 that ZeRO trains, in one piece; every process must ask at the same time."""
    value: Tensor = import_module("deepspeed.utils").safe_get_full_fp32_param(parameter)
    return value


def put(parameter: nn.Parameter, value: Tensor) -> None:
    """Set the numbers that ZeRO trains, and those that the model computes with; every process must do so at the same time."""
    value = value.to(parameter.device)
    gathered = import_module("deepspeed").zero.GatheredParameters([parameter], modifier_rank=0)
    with gathered if hasattr(parameter, "ds_id") else nullcontext(), torch.no_grad():
        parameter.copy_(value)
    _set(parameter, value, None)


def _set(parameter: nn.Parameter, value: Tensor, moment: str | None) -> None:
    """Set a moment of a parameter, or (None) its numbers in float32."""
    utils, key = import_module("deepspeed.utils"), () if moment is None else (moment,)
    if not hasattr(parameter, "ds_id"):
        (utils.safe_set_full_optimizer_state if moment else utils.safe_set_full_fp32_param)(parameter, value, *key)
        return
    # DeepSpeed's own setter of a whole value fails where a parameter does not divide among the processes.
    piece: Any = parameter.ds_tensor  # type: ignore[attr-defined]
    rank, length = torch.distributed.get_rank(parameter.ds_process_group), piece.numel()  # type: ignore[attr-defined]
    flat = value.flatten()
    flat = pad(flat, (0, max(0, length * (rank + 1) - flat.numel())))[length * rank : length * (rank + 1)]
    (utils.safe_set_local_optimizer_state if moment else utils.safe_set_local_fp32_param)(parameter, flat, *key)
