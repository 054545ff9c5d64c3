"""Tensors of a model that is cut into pieces over several processes: put together for a file, cut again from one."""

from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor


def whole(tensor: Tensor) -> Tensor:
    """A copy in one piece on the CPU; where the model is cut, every process must ask for it at the same time."""
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach().to("cpu", copy=True).contiguous()


def cut_like(value: Tensor, place: Tensor) -> Tensor:
    """`value`, which is in one piece, on the device of `place` and cut as that is."""
    value = value.to(place.device)
    return distribute_tensor(value, place.device_mesh, place.placements) if isinstance(place, DTensor) else value
