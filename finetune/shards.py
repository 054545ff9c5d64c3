"""Parameters of a model that is cut into pieces over several processes: put together for a file, set again from one.

Two engines cut them: FSDP makes each a `DTensor`; DeepSpeed's ZeRO leaves them what they were, and keeps the numbers that it trains, in
float32, in an optimizer of its own.
"""

from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from finetune import zero


def whole(tensor: Tensor) -> Tensor:
    """A copy in one piece on the CPU; where the model is cut, every process must ask for it at the same time."""
    if zero.holds(tensor):
        tensor = zero.whole(tensor)
    elif isinstance(tensor, DTensor):
        tensor = tensor.full_tensor()
    return tensor.detach().to("cpu", copy=True).contiguous()


def put(parameter: nn.Parameter, value: Tensor) -> None:
    """Set a parameter from a value in one piece, where no gradient is taken; every process must do so at the same time."""
    if zero.holds(parameter):
        zero.put(parameter, value)
    else:
        parameter.copy_(cut_like(value, parameter))


def cut_like(value: Tensor, place: Tensor) -> Tensor:
    """`value`, which is in one piece, on the device of `place` and cut as that is."""
    value = value.to(place.device)
    return distribute_tensor(value, place.device_mesh, place.placements) if isinstance(place, DTensor) else value


def shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape that the tensor has in one piece."""
    return tuple(getattr(tensor, "ds_shape", tensor.shape))
