"""Everything a tuning run needs in memory, and the plan that says beforehand what it will do."""

import logging
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import torch

from clone_agent.errors import DatasetError, ModelError
from finetune.dataset import read_dataset
from finetune.encode import Encoded, encode, encode_runs
from finetune.examples import Example
from finetune.four_bit import numbers
from finetune.general import read_general
from finetune.glm import TESTED, LoadedModel, find_device, load_model, require_words
from finetune.memory_limits import is_out_of_memory
from finetune.methods.adapter import Adapter
from finetune.methods.registry import attach, find_method
from finetune.model_files import SHIPPED_NAME, find_model
from finetune.preflight import measure, require_room
from finetune.processes import ALONE, Team
from finetune.rehearsal import rehearsal_examples
from finetune.tune_config import TuneConfig, TunePlan

REHEARSAL = 0.2  # share of general talk, for the model that ships, which forgets quickly, and wherever a file of it is named
LOOKING = 0.08  # share of a run's time for looks at held-out texts, at most
LOOK_COST = 0.5  # time of a token that is looked at, beside one that is learnt from; about, for LoRA and a prefix
FEWEST_LOOKS, MOST_LOOKS = 2, 8  # in the course of a run, besides the one before it
_DRAWS = 20  # general examples drawn for one wanted, at most
_Item = TypeVar("_Item")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A run that could start."""

    loaded: LoadedModel
    adapter: Adapter
    train: list[Encoded]  # texts of one or more answers
    rows: int  # texts a step
    evaluation: list[Encoded]  # likewise
    looks: int  # at `evaluation` in the course of the run
    shown: list[Example]  # whose replies are written before and after
    dataset: dict[str, Any]  # its manifest
    identity: dict[str, Any]  # of the settings, with the files that they name as they were when they were read
    plan: TunePlan


def prepare(config: TuneConfig, dataset_dir: Path, team: Team = ALONE) -> Prepared:
    """Load data and model, attach the method, encode, and measure two steps.

    Raises:
        UsageError: a setting cannot be right.
        DatasetError: no dataset, or none of its examples fits.
        ModelError: the base cannot be loaded, or memory does not suffice.
    """
    config.check()
    team.require_fitting(four_bit=find_method(config.method).four_bit)
    train, evaluation, manifest = read_dataset(dataset_dir)
    identity = config.identity()
    device = find_device(team.device or config.device)
    require_words(config.base)
    require_room(find_model(config.base), config, device)
    loaded = load_model(config.base, device=str(device), four_bit=find_method(config.method).four_bit)
    parameters = numbers(loaded.model)
    torch.manual_seed(config.seed)
    with _fitting_together(config.method, loaded):
        adapter = attach(loaded.model, config.method, config.settings)
    if config.gradient_checkpointing:
        loaded.model.activation_checkpointing_enable()
    length = min(config.max_length, loaded.max_tokens)
    general = _rehearsal(config, loaded, train, length)
    own, left_out = _own(loaded, train, length)
    held_out = _held_out(config, loaded, evaluation, length)
    texts = [*own, *general]
    rows = max(1, round(config.batch_size * len(texts) / _answers(texts)))
    with _fitting_together(config.method, loaded):
        demand = measure(config, loaded, adapter, texts, rows, team)
    per_epoch = math.ceil(len(texts) / rows)
    steps = max(1, math.ceil(config.passes(parameters) * per_epoch))
    steps = min(steps, config.max_steps or steps)
    plan = TunePlan(
        base=loaded.name,
        method=config.method,
        examples=_answers(texts),
        rehearsal=_answers(general),
        texts=len(texts),
        evaluation=_answers(held_out),
        too_long=left_out,
        tokens=_tokens(texts),
        parameters=parameters,
        trained=adapter.size(),
        steps=steps,
        learning_rate=config.rate(parameters),
        device=str(loaded.device),
        processes=team.size,
        seconds_per_step=demand.seconds_per_step,
        step_tokens=demand.step_tokens,
        memory=demand.memory,
        memory_free=demand.memory_free,
        disk=demand.disk,
    )
    return Prepared(
        loaded=loaded,
        adapter=adapter,
        train=texts,
        rows=rows,
        evaluation=held_out,
        looks=config.evaluations or looks(run=steps * plan.tokens / per_epoch, held_out=_tokens(held_out)),
        shown=_spread(evaluation or train, config.samples),
        dataset=manifest,
        identity=identity,
        plan=plan,
    )


def plan_run(config: TuneConfig, dataset_dir: Path) -> TunePlan:
    """What `tune` would do with these settings, without doing it. Loads the model; raises what `prepare` raises."""
    return prepare(config, dataset_dir).plan


@contextmanager
def _fitting_together(method: str, loaded: LoadedModel) -> Iterator[None]:
    """Turn what goes wrong inside into advice where a method meets a kind of model that nobody tried it on.

    Raises:
        ModelError: they do not fit.
    """
    try:
        yield
    except (AttributeError, TypeError, ValueError, RuntimeError, IndexError) as cause:
        kind = loaded.model.config.model_type
        if kind in TESTED or is_out_of_memory(cause):
            raise
        raise ModelError(
            f"{method} does not work on a {kind}, which is untested here.", remedy="Tune it with lora, or tune a GLM."
        ) from cause


def looks(*, run: float, held_out: int) -> int:
    """How often to look at held-out texts, so that all looks and the one before the first step take at most `LOOKING` of the run.

    Every look takes all texts: fewer looks leave each as sure as it was, fewer texts would not. Only tokens count, no time that was
    measured, so that a run comes out the same on every machine.

    Args:
        run: tokens that all steps together learn from.
        held_out: tokens of the held-out texts.
    """
    affordable = LOOKING / (1 - LOOKING) * run / (LOOK_COST * max(1, held_out)) - 1
    return max(FEWEST_LOOKS, min(MOST_LOOKS, int(affordable)))


def _own(loaded: LoadedModel, train: Sequence[Example], length: int) -> tuple[list[Encoded], int]:
    """The examples as texts, those that are learnt from more often once more each, and how many are too long.

    Raises:
        DatasetError: all of them are.
    """
    own = list(encode_runs(train, loaded.format, max_length=length))
    left_out = len(train) - _answers(own)
    own += _fitting((example for example in train for _ in range(example.copies - 1)), loaded, length)
    if left_out:
        log.warning("%d examples are left out, because their answers do not fit", left_out)
    if not own:
        raise DatasetError("No example fits into the maximum length.", remedy="Raise the maximum length, or import more chats.")
    return own, left_out


def _held_out(config: TuneConfig, loaded: LoadedModel, evaluation: Sequence[Example], length: int) -> list[Encoded]:
    """The held-out answers in the texts of their sessions, of so many sessions at even distances as hold the answers wanted."""
    texts = list(encode_runs(evaluation, loaded.format, max_length=length))
    answers = _answers(texts)
    return texts if answers <= config.eval_examples else _spread(texts, max(1, len(texts) * config.eval_examples // answers))


def _rehearsal(config: TuneConfig, loaded: LoadedModel, own: Sequence[Example], length: int) -> list[Encoded]:
    """As many general examples as the share asks for, the same at every call with the same seed; those too long are passed over."""
    is_wanted = config.rehearsal_file is not None or loaded.name == SHIPPED_NAME
    share = config.rehearsal if config.rehearsal is not None else REHEARSAL if is_wanted else 0.0
    wanted = round(len(own) * share / (1 - share))
    if not wanted:
        return []
    if config.rehearsal_file is None:
        drawn: Iterable[Example] = islice(rehearsal_examples(language=language_of(own), seed=config.seed), _DRAWS * wanted)
    else:
        known = list(read_general(config.rehearsal_file, system=own[0].system))
        drawn = random.Random(config.seed).sample(known, len(known))
    texts: list[Encoded] = []
    missing = wanted
    for text in encode_runs(drawn, loaded.format, max_length=length):
        texts.append(text)
        missing -= text.answers
        if missing <= 0:
            break
    return texts


def _tokens(texts: Iterable[Encoded]) -> int:
    return sum(len(text.input_ids) for text in texts)


def _answers(texts: Iterable[Encoded]) -> int:
    return sum(text.answers for text in texts)


def language_of(examples: Sequence[Example]) -> str:
    """The language of the system messages, which is the owner's."""
    return "zh" if any("\u4e00" <= character <= "\u9fff" for character in examples[0].system) else "en"


def _fitting(examples: Iterable[Example], loaded: LoadedModel, length: int) -> Iterator[Encoded]:
    """The examples whose answers fit, encoded."""
    for example in examples:
        with suppress(DatasetError):
            yield encode(example, loaded.format, max_length=length)


def _spread(items: Sequence[_Item], count: int) -> list[_Item]:
    """`count` of them at even distances, all when there are fewer."""
    if len(items) <= count:
        return list(items)
    return [items[(2 * number + 1) * len(items) // (2 * count)] for number in range(count)]
