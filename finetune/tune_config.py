"""What one tuning run does: its settings, and its plan once model and data are known."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clone_agent.errors import UsageError
from finetune.general import digest
from finetune.methods.adapter import SMALL, MethodDefaults
from finetune.methods.registry import find_method, make_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneConfig:
    """Settings of a run. None: what suits the method and the model."""

    base: str | None = None  # folder or hub name; None: the model that ships
    method: str = "lora"
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the method
    epochs: float | None = None
    max_steps: int | None = None  # ends the run earlier than `epochs` would
    learning_rate: float | None = None
    weight_decay: float | None = None
    batch_size: int = 16  # examples a step, about: whole texts are taken
    max_length: int = 512  # tokens of a text, which holds as many answers of a session as fit
    step_tokens: int | None = None  # tokens of one forward pass; smaller saves memory and changes nothing else; None: what suits the device
    schedule: str = "cosine"  # or "linear", "constant"
    warmup_share: float = 0.05  # of the steps
    clip: float = 1.0  # length of the gradient at most
    evaluations: int | None = None  # on held-out answers, spread over the run, a checkpoint with each; None: as many as are cheap (`looks`)
    patience: int = 3  # evaluations without a better one before the run ends early; 0: never
    eval_examples: int = 256  # held-out answers looked at, about, at most; whole sessions are taken
    rehearsal: float | None = (
        None  # share of general talk among the training examples; None: 0.2 for the model that ships or with a file, else 0
    )
    rehearsal_file: Path | None = None  # talks to rehearse with (`general`); None: those of the model that ships
    samples: int = 3  # replies written before and after
    gradient_checkpointing: bool = False
    device: str | None = None
    seed: int = 0

    def check(self) -> None:
        """Refuse what cannot be right.

        Raises:
            UsageError: it is.
        """
        make_settings(self.method, self.settings)
        if self.schedule not in SCHEDULES:
            raise UsageError("There is no such schedule.", remedy=f"Choose one of {', '.join(SCHEDULES)}.")
        for name in ("epochs", "max_steps", "learning_rate", "batch_size", "max_length", "step_tokens", "clip", "evaluations"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise UsageError(f"{name} must be more than 0, and finite.", remedy="Leave it out for a value that suits the method.")
        if (self.weight_decay or 0) < 0:
            raise UsageError("weight_decay must not be less than 0.", remedy="Leave it out for a value that suits the method.")
        if not -(2**63) <= self.seed < 2**63:
            raise UsageError("The seed is a number of at most 64 bits.", remedy="Take a smaller one.")
        for name in ("rehearsal", "warmup_share"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise UsageError(f"{name} is a share: at least 0, less than 1.", remedy="Leave it out for a value that suits the model.")

    def defaults(self) -> MethodDefaults:
        """The method's defaults."""
        return find_method(self.method).defaults

    def rate(self, parameters: int) -> float:
        """The learning rate for a model of so many parameters."""
        own = self.defaults()
        return self.learning_rate or (own.small_learning_rate if parameters < SMALL else own.learning_rate)

    def passes(self, parameters: int) -> float:
        """How often a model of so many parameters sees the examples."""
        own = self.defaults()
        return self.epochs or (own.small_epochs if parameters < SMALL else own.epochs)

    def pass_tokens(self, device: str) -> int:
        """Tokens of one forward pass on a kind of device ("cuda", "cpu"), where memory allows.

        A CPU is busy with a few thousand; a GPU waits for its orders more than it computes unless it gets a whole batch at once.
        """
        return self.step_tokens or (_PASS_ON_CPU if device == "cpu" else _PASS_ON_GPU)

    def identity(self) -> dict[str, Any]:
        """Everything that changes what is learnt, as JSON; a run is resumed only with the same.

        Raises:
            DatasetError: the file of general talk is missing.
        """
        value = asdict(self)
        for free in ("device", "samples", "step_tokens", "gradient_checkpointing"):
            del value[free]
        value["rehearsal_file"] = digest(self.rehearsal_file) if self.rehearsal_file else None  # wherever it lies
        value["settings"] = asdict(make_settings(self.method, self.settings))
        return value


_PASS_ON_CPU, _PASS_ON_GPU = 4096, 16_384  # tokens
SCHEDULES = ("cosine", "linear", "constant")


@dataclass(frozen=True, slots=True, kw_only=True)
class TunePlan:
    """What a run will do, known before it starts."""

    base: str
    method: str
    examples: int  # trained on, rehearsal included
    rehearsal: int  # of them general talk
    texts: int  # the same examples; those that follow each other in a session are one text
    evaluation: int  # held-out examples
    too_long: int  # examples left out because the answer does not fit
    tokens: int  # of all training examples
    parameters: int  # of the model
    trained: int  # numbers that the method trains
    steps: int
    learning_rate: float
    device: str
    processes: int  # that train together
    seconds_per_step: float  # measured on two steps, without what other programs took of the processor meanwhile
    step_tokens: int  # of one forward pass, as fits into memory
    memory: int  # bytes at the peak, about; of one process
    memory_free: int  # bytes that were free on the device when this was measured
    disk: int  # bytes that checkpoints and adapter take, at most

    @property
    def minutes(self) -> float:
        """About how long the steps will take; evaluations and samples come on top."""
        return self.steps * self.seconds_per_step / 60


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneProgress:
    """Where a run stands; sent after every step and at the turns of the run."""

    phase: str  # "prepare", "plan", "evaluate", "samples", "train", "save"
    step: int = 0
    steps: int = 0
    loss: float | None = None  # mean per token of this step
    eval_loss: float | None = None  # the latest on held-out examples
    learning_rate: float = 0.0
    tokens_per_s: float = 0.0  # learnt from in this step
    plan: TunePlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleReply:
    """What a model answered to a held-out prompt, beside what the owner wrote."""

    prompt: str
    owner: str
    before: str
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneReport:
    """What a run did."""

    folder: Path
    plan: TunePlan
    steps: int  # taken
    best_step: int  # the adapter is the one of this step
    loss_before: float | None  # mean per token on held-out examples; None: there are none
    loss_after: float | None
    seconds: float
    samples: tuple[SampleReply, ...]
    finished: bool  # False: stopped on request; `resume` goes on
    stopped_early: bool  # held-out loss stopped falling
    lost_ordinary_talk: bool = False  # everyday questions go worse than before (`probe`); such an adapter speaks only when named
