"""A backtest from the copy of the chats to the figures; what is finished is kept, so that the same call goes on after a kill."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from clone_agent.agent import TOP_K
from clone_agent.archive import Archive
from clone_agent.errors import DatasetError, ModelError
from clone_agent.records import ChatTurn
from finetune.dataset import from_json, read_dataset, to_json
from finetune.examples import Example
from finetune.glm import LoadedModel
from finetune.model_files import find_model, fingerprint, recall_habits
from finetune.probe import OrdinaryTalk, probe
from finetune.tune_config import TuneConfig
from memory.embed import load_embedder
from ui.backtest.figures import Figures, Measure
from ui.backtest.forecast import Forecast, Planned, tuning_minutes
from ui.backtest.kept import Kept
from ui.backtest.past import copy_archive, copy_settings, cut_before
from ui.backtest.prompts import PromptMaker, Prompts, groups_of, hidden_examples
from ui.backtest.voices import HELD_OUT, Part, Work, kind_of, load_speaker, measure, minutes_of
from ui.commands.remembering import index
from ui.commands.teaching import archive_revision, dataset
from ui.commands.tuning import tune_adapter
from ui.options import Call, step
from ui.questions import Question
from ui.show import Screen
from ui.wiring import open_memory

BASE = "base"
_FORMAT = 4  # rises when kept pieces of an older program no longer fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What one backtest does."""

    weeks: float
    limit: int  # hidden replies that are compared
    methods: tuple[str, ...]
    base: str | None
    max_steps: int | None
    questions: str  # tells one set of questions about the past from another


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a backtest found."""

    base: str
    cut: datetime
    examples: Sequence[Example]
    in_groups: Sequence[bool]
    questions: Sequence[Question]
    writers: int  # hands that the classifier knows
    figures: Sequence[Figures]  # the owner's two first
    parts: Mapping[str, Part]  # by kind
    failed: Mapping[str, ModelError]  # methods that could not be tuned here
    seconds: float  # of this call
    core_seconds: float  # of them, what the cores worked for it, together


class Backtest:
    """One run over one data home. The caller owns the home."""

    def __init__(self, call: Call, options: Options, questions: Callable[[Archive], Sequence[Question]]) -> None:
        """Prepare; nothing is done yet.

        Args:
            call: of the command.
            options: what to do.
            questions: those that the chats before the cut can answer, and those that nothing answers.
        """
        self._call, self._options, self._choose = call, options, questions
        self._folder = call.home.temporary / "backtest"
        self._loaded: tuple[str, LoadedModel] | None = None

    def run(self) -> Outcome:
        """Do what is left, and measure.

        Raises:
            CloneError: too few chats, no base model, a damaged store.
        """
        began, worked = time.monotonic(), time.process_time()
        with Archive.open(self._call.home.root) as archive:
            cut = cut_before(archive, self._options.weeks)
            kept = Kept(self._folder, self._identity(archive, cut))
            self._prepare(archive, cut)
            examples, prompts, in_groups, questions, asked = self._work(archive, kept, cut)
        work = Work(examples=examples, prompts=prompts, questions=asked)
        parts, ordinary, failed = self._voices(kept, work, self._estimate(kept, work))
        with Archive.open(self._past.home.root) as past:
            train, _, _ = read_dataset(self._past.home.dataset)
            measuring = Measure(
                past=past,
                trained_on=[example.response for example in train],
                examples=examples,
                prompts=prompts,
                in_groups=in_groups,
                questions=questions,
                embedder=load_embedder(self._call.settings.embedding),
            )
            figures = [*measuring.real(), *(measuring.of(kind, part, ordinary=ordinary.get(kind)) for kind, part in parts.items())]
        return Outcome(
            base=find_model(self._base).name,
            cut=cut,
            examples=examples,
            in_groups=in_groups,
            questions=questions,
            writers=len(measuring.attributor.writers),
            figures=figures,
            parts=parts,
            failed=failed,
            seconds=time.monotonic() - began,
            core_seconds=time.process_time() - worked,
        )

    def clear(self) -> None:
        """Remove the copy of the chats and everything that was kept, once the report is written."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _base(self) -> str | None:
        return self._options.base or self._call.settings.base

    def _config(self, voice: str) -> TuneConfig:
        return TuneConfig(base=self._base, method=voice, max_steps=self._options.max_steps, eval_examples=HELD_OUT)

    @cached_property
    def _past(self) -> Call:
        """A call on the home of the chats before the cut; what it prints is no result."""
        return Call(self._folder / "past", Screen(beside=True))

    def _identity(self, archive: Archive, cut: datetime) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "archive": archive_revision(archive),
            "cut": cut.isoformat(),
            "base": fingerprint(find_model(self._base)),
            "embedding": self._call.settings.embedding,
            "top_k": self._call.settings.top_k,
            **asdict(replace(self._options, methods=())),
        }

    # --- the chats before the cut, and what was received after it ---

    def _prepare(self, archive: Archive, cut: datetime) -> None:
        """Copy, make the dataset and the memory; each is left alone when it is there."""
        with self._call.screen.progress("Copying the weeks before", unit="chats") as advance:
            copy_archive(archive, self._past.home, until=cut, advance=advance)
        copy_settings(self._call.settings, self._past.home)
        if not (self._past.home.dataset / "manifest.json").is_file():
            step(self._past, dataset)
        step(self._past, index)

    def _work(
        self, archive: Archive, kept: Kept, cut: datetime
    ) -> tuple[list[Example], list[Prompts], list[bool], Sequence[Question], list[Prompts]]:
        with Archive.open(self._past.home.root) as past:
            persona, questions = past.persona(), self._choose(past)

            def find() -> list[str]:
                with self._call.screen.progress("Reading the hidden weeks", unit="chats") as advance:
                    found = hidden_examples(archive, persona, after=cut, limit=self._options.limit, advance=advance)
                return [to_json(example) for example in found]

            examples = [from_json(line) for line in kept.value("examples", find)]
            if not examples:
                raise DatasetError("The owner answers nobody in the hidden weeks.", remedy="Hide more with --weeks.")
            with open_memory(self._past.home, past, self._past.settings) as memory:
                habits = recall_habits(find_model(self._base).config)
                maker = PromptMaker(persona, memory, top_k=self._call.settings.top_k or TOP_K, shown=habits.lines)
                received = [(example.context[-1].text, example.context[:-1], example.sent_at) for example in examples]
                prompts = self._prompts(kept, "prompts", maker, received)
                asked = self._prompts(kept, "asked", maker, [(one.text, (), one.asked_at or cut) for one in questions])
        return examples, prompts, groups_of(archive, examples), questions, asked

    def _prompts(
        self, kept: Kept, name: str, maker: PromptMaker, said: Sequence[tuple[str, Sequence[ChatTurn], datetime]]
    ) -> list[Prompts]:
        with self._call.screen.progress("Remembering", unit="prompts") as advance:

            def make(todo: Sequence[int]) -> Iterator[tuple[int, Any]]:
                for number in todo:
                    text, history, now = said[number]
                    yield number, asdict(maker.make(text, history=history, now=now))
                    advance(number + 1, len(said))

            rows = kept.rows(name, len(said), make)
        return [Prompts(plain=_turns(row["plain"]), remembering=_turns(row["remembering"])) for row in rows]

    # --- the voices ---

    def _voices(self, kept: Kept, work: Work, forecast: Forecast) -> tuple[dict[str, Part], dict[str, OrdinaryTalk], dict[str, ModelError]]:
        """What every voice did, what it makes of everyday questions, and the methods that could not be tuned here."""
        parts: dict[str, Part] = {}
        ordinary: dict[str, OrdinaryTalk] = {}
        failed: dict[str, ModelError] = {}
        for voice in (BASE, *self._options.methods):
            adapter, began, is_whole = None, time.monotonic(), not self._is_begun(kept, voice)
            if voice != BASE:
                self._loaded = None  # frees the memory for the training
                try:
                    with self._past.home.lock():
                        adapter = tune_adapter(self._past, self._config(voice), name=voice, resume=True).folder
                except ModelError as error:
                    failed[voice] = error
                    self._call.screen.warn(f"{voice} is left out: {error}")
                    continue
            for use_memory in (False, True):
                kind = kind_of(voice, use_memory=use_memory)
                with self._measuring(kind, work.size) as advance:
                    name = kind.replace(" ", "")
                    parts[kind] = measure(kept, name, self._speaker_of(voice, adapter), work, use_memory=use_memory, advance=advance)
            ordinary[voice] = self._ordinary(kept, voice, adapter)
            left = forecast.finished(voice, (time.monotonic() - began) / 60, is_whole=is_whole)
            self._call.screen.note(f"{voice}: done; about {left:,.0f} min left")
        self._loaded = None
        return parts, ordinary, failed

    def _is_begun(self, kept: Kept, voice: str) -> bool:
        """Whether an earlier call left something of a voice."""
        return bool(kept.holds(f"{voice}.")) or (self._past.home.adapters / voice).is_dir()

    def _ordinary(self, kept: Kept, voice: str, adapter: Path | None) -> OrdinaryTalk:
        """The probe that every tuning run takes, for the base too."""
        with Archive.open(self._past.home.root) as past:
            persona = past.persona()
        speaker = self._speaker_of(voice, adapter)
        return OrdinaryTalk(**kept.value(f"{voice}.ordinary", lambda: asdict(probe(speaker(), persona))))

    @contextmanager
    def _measuring(self, kind: str, size: int) -> Iterator[Callable[[int], None]]:
        done = 0
        with self._call.screen.progress(f"Measuring {kind}", unit="pieces") as show:

            def advance(more: int) -> None:
                nonlocal done
                done += more
                show(done, size)

            yield advance
        self._call.screen.note(f"{kind}: measured")

    def _speaker_of(self, voice: str, adapter: Path | None) -> Callable[[], LoadedModel]:
        """Loads a voice when it is first needed, and keeps it until another one is."""

        def load() -> LoadedModel:
            if self._loaded is None or self._loaded[0] != voice:
                self._loaded = None
                self._loaded = (voice, load_speaker(self._base, adapter))
            return self._loaded[1]

        return load

    # --- how long it will take ---

    def _estimate(self, kept: Kept, work: Work) -> Forecast:
        """Say it before the long part begins; timed once on this machine."""

        def time_it() -> dict[str, float]:
            minutes = tuning_minutes(self._options.methods, self._config, self._past.home.dataset)
            return {**minutes, BASE: minutes_of(load_speaker(self._base, None), work)}

        times = kept.value("times", time_it)
        speaking = times[BASE]
        tuning = {method: times.get(method, 0.0) for method in self._options.methods}  # a method named later was not timed
        voices = {voice: Planned(tuning=tuning.get(voice, 0.0), looking=speaking) for voice in (BASE, *self._options.methods)}
        forecast = Forecast(voices)
        self._call.screen.note(
            f"About {forecast.total:,.0f} min from the beginning on: {sum(tuning.values()):,.0f} for tuning {len(tuning)} methods, "
            f"{speaking * len(voices):,.0f} for {2 * len(voices)} times {len(work.prompts)} replies and {len(work.questions)} answers. "
            "Stop it whenever you like; the same command goes on."
        )
        return forecast


def _turns(rows: Sequence[Mapping[str, str]]) -> tuple[ChatTurn, ...]:
    return tuple(ChatTurn(role=row["role"], text=row["text"]) for row in rows)
