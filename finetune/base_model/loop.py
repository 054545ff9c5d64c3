"""One training loop for every stage: batches in, a better model and a log of progress out; resumable at any step.

Batches depend on nothing but the seed and the number of the step, so a run that was killed and resumed sees what it would have seen.
"""

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import GlmForCausalLM

from finetune.base_model.items import Batch, Item, collate


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopConfig:
    """Settings of one stage."""

    tokens: int  # the stage ends after so many
    seconds: float = math.inf  # ... or after so long, on a machine that is lent for a while; then the rate falls by the clock
    learning_rate: float = 1e-3
    half: bool = False  # compute in bfloat16, where the hardware is the faster for it
    compiled: bool = False  # by torch.compile: a minute at the start, a third faster from then on
    warmup_steps: int = 100
    decay_share: float = 0.75  # the last share of the tokens, over which the rate falls to a twentieth
    log_every: int = 20
    save_every: int = 100
    evaluate_every: int = 500


@dataclass(slots=True, kw_only=True)
class Progress:
    """Where a stage stands; written into every checkpoint."""

    stage: str
    step: int = 0
    tokens: int = 0
    accuracy: float = 0.0  # running mean of the share of right target tokens
    found: float = 0.0  # the same for the first token of what was to be found
    vocabulary: float = 0.0  # tokens in use by the copying tasks
    lines: float = 2.0  # most lines of the record tasks


class Optimizers:
    """AdamW for every weight; the embeddings at a share of the rate and with an epsilon that is large beside stray gradients.

    A token that is rare in the text gets hardly any gradient but the push that every other target gives its output embedding. Adam blows
    that up to full steps, so rare tokens drift together and the model forgets how to copy them. With `embedding_epsilon` between the
    gradient of a token that stands in the batch (1e-3 and more) and that push (1e-5), only tokens that occur are moved.
    """

    def __init__(self, model: GlmForCausalLM, *, embedding_share: float = 1.0, embedding_epsilon: float = 1e-8) -> None:
        tied = model.get_input_embeddings().weight
        rest = [value for value in model.parameters() if value is not tied]
        self._shares = (embedding_share, 1.0, 1.0)
        groups = [
            {"params": [tied], "weight_decay": 0.0, "eps": embedding_epsilon},
            {"params": [value for value in rest if value.ndim > 1], "weight_decay": 0.01},
            {"params": [value for value in rest if value.ndim < 2], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), fused=True)

    def step(self, learning_rate: float) -> None:
        """Apply the gradients at `learning_rate` and clear them."""
        for share, group in zip(self._shares, self._optimizer.param_groups, strict=True):
            group["lr"] = learning_rate * share
        self._optimizer.step()
        self._optimizer.zero_grad()

    def state(self) -> dict[str, Any]:
        """What `load` needs to go on."""
        return self._optimizer.state_dict()

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self._optimizer.load_state_dict(state)


def learning_rate(config: LoopConfig, progress: Progress, passed: float = 0.0) -> float:
    """Rise over the first steps, stay, fall linearly over the last share of the tokens, or of the seconds, of which some have `passed`."""
    left = max(0.0, 1 - max(progress.tokens / config.tokens, passed / config.seconds))
    fall = min(1.0, 0.05 + 0.95 * left / config.decay_share) if config.decay_share else 1.0
    return config.learning_rate * min(1.0, (progress.step + 1) / config.warmup_steps) * fall


def train_stage(
    model: GlmForCausalLM,
    optimizers: Optimizers,
    progress: Progress,
    *,
    config: LoopConfig,
    batch: Callable[[Progress], Sequence[Item] | Batch],
    out: Path,
    evaluate: Callable[[GlmForCausalLM, Progress], dict[str, float]] | None = None,
) -> None:
    """Train until the stage has seen its tokens, logging to `progress.jsonl` and saving `checkpoint.pt` in `out`."""
    device = next(model.parameters()).device
    tally: defaultdict[str, list[float]] = defaultdict(list)
    started, seen = time.monotonic(), progress.tokens
    trunk = torch.compile(model.model, dynamic=True) if config.compiled else model.model
    while progress.tokens < config.tokens and time.monotonic() - started < config.seconds:
        drawn = batch(progress)
        data = drawn if isinstance(drawn, Batch) else collate(drawn, pad=model.config.pad_token_id or 0)
        rate = learning_rate(config, progress, time.monotonic() - started)
        model.train()
        right, found = _learn(model, trunk, data, tally, device, half=config.half)
        norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0))
        if math.isfinite(norm):
            optimizers.step(rate)
        progress.step += 1
        progress.tokens += data.input_ids.numel()
        progress.accuracy += 0.05 * (right - progress.accuracy)
        if found is not None:
            progress.found += 0.05 * (found - progress.found)
        if progress.step % config.log_every == 0:
            speed = (progress.tokens - seen) / (time.monotonic() - started)
            _log(
                out,
                progress,
                {name: sum(values) / len(values) for name, values in sorted(tally.items())} | {"rate": rate, "tokens_per_s": speed},
            )
            tally.clear()
        if evaluate and progress.step % config.evaluate_every == 0:
            _log(out, progress, evaluate(model, progress))
        if progress.step % config.save_every == 0:
            save_checkpoint(out, model, optimizers, progress)
    save_checkpoint(out, model, optimizers, progress)


def _learn(
    model: GlmForCausalLM,
    trunk: Callable[..., Any],
    data: Batch,
    tally: dict[str, list[float]],
    device: torch.device,
    *,
    half: bool,
) -> tuple[float, float | None]:
    """One forward and backward pass, logits for the targets alone; the share of right targets, and of right first tokens."""
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
        hidden = trunk(input_ids=data.input_ids.to(device), use_cache=False).last_hidden_state
        logits = model.lm_head(hidden.flatten(0, 1)[data.positions.to(device)]).float()
    targets, weights = data.targets.to(device), data.weights.to(device)
    losses = functional.cross_entropy(logits, targets, reduction="none")
    ((losses * weights).sum() / weights.sum()).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    hits = (logits.argmax(-1) == targets).float().cpu()
    values = losses.detach().cpu()
    most = data.weights.max()
    for kind in set(data.kinds):
        mine = torch.tensor([name == kind for name in data.kinds])[data.owners]
        if mine.any():
            tally[f"{kind}.loss"].append(float(values[mine].mean()))
            tally[f"{kind}.right"].append(float(hits[mine].mean()))
            found = mine & (data.weights == most)
            if kind.startswith("re") and found.any():
                tally[f"{kind}.found"].append(float(hits[found].mean()))
    first = data.weights > 1
    first &= data.weights == most
    return float(hits.mean()), float(hits[first].mean()) if first.any() else None


def _log(out: Path, progress: Progress, figures: dict[str, float]) -> None:
    row = {
        "stage": progress.stage,
        "step": progress.step,
        "tokens": progress.tokens,
        "vocabulary": int(progress.vocabulary),
        "lines": round(progress.lines, 1),
    }
    with (out / "progress.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(row | {name: float(f"{value:.4g}") for name, value in figures.items()}) + "\n")


def save_checkpoint(out: Path, model: GlmForCausalLM, optimizers: Optimizers, progress: Progress) -> None:
    """Write the whole state of the training, replacing the former one in one move."""
    fresh = out / "checkpoint.tmp"
    fields = {name: getattr(progress, name) for name in Progress.__slots__}
    torch.save({"model": model.state_dict(), "optimizers": optimizers.state(), "progress": fields}, fresh)
    fresh.replace(out / "checkpoint.pt")


def load_checkpoint(out: Path, model: GlmForCausalLM, optimizers: Optimizers, *, stage: str) -> Progress:
    """Go on from `checkpoint.pt` in `out`; another stage's gives its weights alone, to start this stage from."""
    state = torch.load(out / "checkpoint.pt", map_location=next(model.parameters()).device, weights_only=True)
    model.load_state_dict(state["model"])
    if state["progress"]["stage"] != stage:
        return Progress(stage=stage)
    optimizers.load(state["optimizers"])
    return Progress(**state["progress"])
