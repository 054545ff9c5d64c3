"""What answering and tuning take here: memory and time of a model and a method, estimated from sizes alone; nothing is loaded.

The sizes come from the real classes and methods on torch's `meta` device, which has shapes and no numbers. `clone-agent tune` measures
before it starts; this is for choosing what to download.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from finetune.chatglm import modeling
from finetune.four_bit import BYTES_PER_WEIGHT
from finetune.glm import find_device, precision
from finetune.known_models import KnownModel
from finetune.memory_limits import free_memory
from finetune.methods.adapter import decoder
from finetune.methods.registry import METHODS, attach

TEXT = 512  # tokens of the longest text that is trained on, and of a talk that is answered
TOKENS = 200_000  # of the training that the time is told for: 1,000 answers with their context, twice
# Bytes of a trained number: itself, its gradient, the optimizer's two moments and the best state so far, in float32.
_TRAINED = 5 * 4
_EFFICIENCY = 0.3  # share of a matrix product's speed that a training step reaches, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What this machine has."""

    device: str
    memory: int  # bytes free on the device
    host: int  # bytes free outside it, through which weights come; the same without a GPU
    speed: float  # floating-point operations a second, of a matrix product as training does it


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one use of a model takes."""

    memory: int  # bytes
    minutes: float | None  # for `TOKENS` tokens; None for answering
    trained: int  # numbers; 0 for answering
    fits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a model takes here."""

    parameters: int
    bytes: int  # to download, in half precision
    answer: Need
    methods: Mapping[str, Need]


def look_around(device: str | None = None) -> Machine:
    """Look at memory and speed; takes a fraction of a second.

    Raises:
        UsageError: there is no such device here.
    """
    place = find_device(device)
    host = free_memory(torch.device("cpu"))
    return Machine(device=str(place), memory=free_memory(place), host=host, speed=_speed(place))


def needs_of(model: KnownModel, machine: Machine) -> Needs:
    """Estimate what a known model takes on this machine."""
    shapes = _shapes(json.dumps(dict(model.config), sort_keys=True))
    width = precision(shapes.parameters, torch.device(machine.device)).itemsize
    answer = shapes.parameters * width + TEXT * shapes.cache * width
    methods = {name: _tuning(shapes, name, machine, width=width) for name in METHODS}
    return Needs(
        parameters=shapes.parameters,
        bytes=2 * shapes.parameters,
        answer=Need(memory=answer, minutes=None, trained=0, fits=answer <= machine.memory),
        methods=methods,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shapes:
    """Counts of a model."""

    parameters: int
    linear: int  # numbers in linear layers of the decoder
    cache: int  # numbers that one token keeps in the cache
    kept: int  # numbers that one token keeps for the way back
    vocabulary: int
    trained: Mapping[str, int]  # by each method

    @classmethod
    def of(cls, config: Mapping[str, Any], layers: int) -> "_Shapes":
        """Count a model of so many layers."""
        model = _shape(config, layers)
        made = model.config
        linears = [part for part in decoder(model).modules() if isinstance(part, torch.nn.Linear)]
        return cls(
            parameters=model.num_parameters(),
            linear=sum(part.weight.numel() for part in linears),
            cache=layers * 2 * made.num_key_value_heads * made.head_dim,
            # Inputs and outputs of every linear layer, and of the norms and the activation between them.
            kept=sum(part.in_features + part.out_features for part in linears) + layers * (4 * made.hidden_size + made.intermediate_size),
            vocabulary=made.vocab_size,
            trained={name: attach(_shape(config, layers), name, {}).size() for name in METHODS},
        )

    def deepened(self, two: "_Shapes", layers: int) -> "_Shapes":
        """From the counts of one and of two layers those of `layers`: everything grows by the same number with each."""

        def grown(first: int, second: int) -> int:
            return first + (layers - 1) * (second - first)

        return _Shapes(
            parameters=grown(self.parameters, two.parameters),
            linear=grown(self.linear, two.linear),
            cache=grown(self.cache, two.cache),
            kept=grown(self.kept, two.kept),
            vocabulary=self.vocabulary,
            trained={name: grown(count, two.trained[name]) for name, count in self.trained.items()},
        )


@cache
def _shapes(config: str) -> _Shapes:
    """Counts of a whole model, of its configuration as JSON; several checkpoints share one."""
    sizes = json.loads(config)
    one, two = (_Shapes.of(sizes, layers) for layers in (1, 2))
    return one.deepened(two, int(sizes["num_hidden_layers"]))


def _shape(config: Mapping[str, Any], layers: int) -> PreTrainedModel:
    """A model without numbers."""
    modeling.register()
    sizes = {**config, "num_hidden_layers": layers, "pad_token_id": 0}
    sizes.pop("dtype", None)
    with torch.device("meta"):
        made = AutoConfig.for_model(**sizes)
        model: PreTrainedModel = AutoModelForCausalLM.from_config(made)  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    return model


def _tuning(shapes: _Shapes, method: str, machine: Machine, *, width: int) -> Need:
    """One method on one model: weights, what is trained with the optimizer's share, and one text's way there and back."""
    trained = shapes.trained[method]
    held = loaded = shapes.parameters * width
    if METHODS[method].four_bit:
        held = int(shapes.linear * BYTES_PER_WEIGHT) + (shapes.parameters - shapes.linear) * width
    if trained >= shapes.parameters:
        held = 0  # the weights themselves are what is trained
    way = TEXT * (shapes.kept * width + 2 * 4 * shapes.vocabulary)
    memory = held + trained * _TRAINED + way
    if METHODS[method].four_bit and machine.device == "cpu":
        memory = max(memory, loaded)  # before they are packed
    # Two operations a number on the way there, two on the way back, two more for the gradient of each trained number.
    operations = TOKENS * (4 * shapes.parameters + 2 * trained)
    minutes = operations / (machine.speed * _EFFICIENCY) / 60
    return Need(
        memory=memory,
        minutes=minutes,
        trained=trained,
        fits=memory <= machine.memory and (loaded <= machine.host or not METHODS[method].four_bit),
    )


def _speed(device: torch.device) -> float:
    """Operations a second of a matrix product of a middling layer, in the type that training computes in."""
    amx = device.type == "cpu" and torch.cpu._is_amx_tile_supported()
    dtype = torch.bfloat16 if amx or (device.type == "cuda" and torch.cuda.is_bf16_supported()) else torch.float32
    side = 4096 if device.type == "cuda" else 768
    left, right = (torch.ones(side, side, dtype=dtype, device=device) for _ in range(2))
    best = 0.0
    for _ in range(20):  # the best one, so that other programs disturb it less
        start = time.perf_counter()
        float((left @ right)[0, 0])  # waits for the device
        best = max(best, 2 * side**3 / (time.perf_counter() - start))
    return best
