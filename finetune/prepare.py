"""Everything a tuning run needs in memory, and the plan that says beforehand what it will do."""

import logging
import math
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from clone_agent.errors import DatasetError
from finetune.batches import collate, epoch_batches, pieces
from finetune.encode import Encoded, encode, encode_runs
from finetune.examples import Example, read_dataset, read_examples
from finetune.four_bit import numbers
from finetune.glm import LoadedModel, load_model
from finetune.loss import autocast_for, summed_loss
from finetune.methods.adapter import Adapter
from finetune.methods.registry import attach, find_method
from finetune.model_files import SHIPPED_NAME
from finetune.rehearsal import rehearsal_examples
from finetune.tune_config import TuneConfig, TunePlan

SHIPPED_REHEARSAL = 0.2  # share of general talk in the training of the model that ships, which forgets quickly
_DRAWS = 20  # general examples drawn for one wanted, at most

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A run that could start."""

    loaded: LoadedModel
    adapter: Adapter
    train: list[Encoded]  # texts of one or more answers
    rows: int  # texts a step
    evaluation: list[Encoded]
    shown: list[Example]  # whose replies are written before and after
    dataset: dict[str, Any]  # its manifest
    plan: TunePlan


def prepare(config: TuneConfig, dataset_dir: Path) -> Prepared:
    """Load data and model, attach the method, encode, and measure two steps.

    Raises:
        UsageError: a setting cannot be right.
        DatasetError: no dataset, or none of its examples fits.
        ModelError: the base cannot be loaded.
    """
    config.check()
    train, evaluation, manifest = read_dataset(dataset_dir)
    loaded = load_model(config.base, device=config.device, four_bit=find_method(config.method).four_bit)
    parameters = numbers(loaded.model)
    torch.manual_seed(config.seed)
    adapter = attach(loaded.model, config.method, config.settings)
    if config.gradient_checkpointing:
        loaded.model.activation_checkpointing_enable()
    length = min(config.max_length, loaded.max_tokens)
    general = _rehearsal(config, loaded, train, length)
    own = list(encode_runs(train, loaded.format, max_length=length))
    held_out = list(_fitting(_spread(evaluation, config.eval_examples), loaded, length))
    left_out = len(train) - _answers(own)
    own += _fitting((example for example in train for _ in range(example.copies - 1)), loaded, length)
    if left_out:
        log.warning("%d examples are left out, because their answers do not fit", left_out)
    if not own:
        raise DatasetError("No example fits into the maximum length.", remedy="Raise the maximum length, or import more chats.")
    texts = [*own, *general]
    rows = max(1, round(config.batch_size * len(texts) / _answers(texts)))
    seconds = _seconds_per_step(config, loaded, adapter, texts, rows)
    per_epoch = math.ceil(len(texts) / rows)
    steps = max(1, math.ceil(config.passes(parameters) * per_epoch))
    plan = TunePlan(
        base=loaded.name,
        method=config.method,
        examples=_answers(texts),
        rehearsal=_answers(general),
        texts=len(texts),
        evaluation=len(held_out),
        too_long=left_out,
        tokens=sum(len(example.input_ids) for example in texts),
        parameters=parameters,
        trained=adapter.size(),
        steps=min(steps, config.max_steps or steps),
        learning_rate=config.rate(parameters),
        device=str(loaded.device),
        seconds_per_step=seconds,
    )
    return Prepared(
        loaded=loaded,
        adapter=adapter,
        train=texts,
        rows=rows,
        evaluation=held_out,
        shown=_spread(evaluation or train, config.samples),
        dataset=manifest,
        plan=plan,
    )


def plan_run(config: TuneConfig, dataset_dir: Path) -> TunePlan:
    """What `tune` would do with these settings, without doing it. Loads the model; raises what `prepare` raises."""
    return prepare(config, dataset_dir).plan


def _rehearsal(config: TuneConfig, loaded: LoadedModel, own: Sequence[Example], length: int) -> list[Encoded]:
    """As many general examples as the share asks for, the same at every call with the same seed; those too long are passed over."""
    share = config.rehearsal if config.rehearsal is not None else SHIPPED_REHEARSAL if loaded.name == SHIPPED_NAME else 0.0
    wanted = round(len(own) * share / (1 - share))
    if not wanted:
        return []
    if config.rehearsal_file is None:
        drawn: Iterable[Example] = islice(rehearsal_examples(language=_language(own), seed=config.seed), _DRAWS * wanted)
    else:
        known = list(read_examples(config.rehearsal_file))
        drawn = random.Random(config.seed).sample(known, len(known))
    texts: list[Encoded] = []
    missing = wanted
    for text in encode_runs(drawn, loaded.format, max_length=length):
        texts.append(text)
        missing -= text.answers
        if missing <= 0:
            break
    return texts


def _answers(texts: Iterable[Encoded]) -> int:
    return sum(text.answers for text in texts)


def _language(examples: Sequence[Example]) -> str:
    """The language of the system messages, which is the owner's."""
    return "zh" if any("\u4e00" <= character <= "\u9fff" for character in examples[0].system) else "en"


def _fitting(examples: Iterable[Example], loaded: LoadedModel, length: int) -> Iterator[Encoded]:
    """The examples whose answers fit, encoded."""
    for example in examples:
        with suppress(DatasetError):
            yield encode(example, loaded.format, max_length=length)


def _spread(examples: Sequence[Example], count: int) -> list[Example]:
    """`count` examples at even distances, all when there are fewer."""
    if len(examples) <= count:
        return list(examples)
    return [examples[(2 * number + 1) * len(examples) // (2 * count)] for number in range(count)]


def _seconds_per_step(config: TuneConfig, loaded: LoadedModel, adapter: Adapter, examples: Sequence[Encoded], rows: int) -> float:
    """Time of a step, from two that leave no trace; the first one warms up."""
    lengths = [len(example.input_ids) for example in examples]
    batches = epoch_batches(lengths, batch_size=rows, seed=config.seed, epoch=0)
    typical = sorted(batches, key=lambda batch: sum(lengths[index] for index in batch))[len(batches) // 2]
    autocast, seconds = autocast_for(loaded.model), 0.0
    with torch.random.fork_rng():
        loaded.model.train(True)
        for _ in range(2):
            start = time.perf_counter()
            for piece in pieces(typical, lengths, max_tokens=config.step_tokens):
                batch = collate([examples[index] for index in piece]).to(loaded.device)
                with autocast:
                    loss = summed_loss(loaded.model, batch)
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                float(loss.detach())  # waits for the device
            seconds = time.perf_counter() - start
        loaded.model.train(False)
    for parameter in adapter.parameters.values():
        parameter.grad = None
    return seconds
