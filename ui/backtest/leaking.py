"""A leak test from planted canaries to exposures; what is finished is kept, so that the same call goes on after a kill."""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from clone_agent.archive import Archive
from clone_agent.errors import DatasetError, ModelError
from clone_agent.prompt import system_prompt
from finetune.canaries import Canary, draw_canaries, plant
from finetune.dataset import read_dataset
from finetune.leak import Exposure, Leakage, exposures, leakage
from finetune.model_files import find_model, fingerprint
from finetune.tune_config import TuneConfig
from ui.backtest.forecast import Forecast, Planned, tuning_minutes
from ui.backtest.kept import Kept
from ui.backtest.past import copy_archive, copy_settings
from ui.backtest.run import BASE
from ui.backtest.voices import HELD_OUT, load_speaker
from ui.commands.teaching import archive_revision, dataset
from ui.commands.tuning import tune_adapter
from ui.options import Call, step
from ui.show import Screen

_FORMAT = 2  # rises when kept pieces of an older program no longer fit
_LEARNED = 0.8  # of the time that the chats span: later weeks are held out by tuning itself
_TIMED = 2  # canaries of the owner's and of others' that are timed for the estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakOptions:
    """What one leak test does."""

    methods: tuple[str, ...]
    each: int  # canaries for one number of repeats and one speaker
    base: str | None
    max_steps: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakOutcome:
    """What a leak test found."""

    base: str
    canaries: Sequence[Canary]
    planted: int  # times that a canary is said
    learned: Mapping[str, int]  # of them in training examples: as words of the `owner`, as context from `others`
    voices: Mapping[str, Sequence[Leakage]]  # the base first
    failed: Mapping[str, ModelError]
    seconds: float  # of this call


class LeakTest:
    """One run over one data home. The caller owns the home."""

    def __init__(self, call: Call, options: LeakOptions) -> None:
        self._call, self._options = call, options
        self._folder = call.home.temporary / "leak-test"

    def run(self) -> LeakOutcome:
        """Do what is left, and measure.

        Raises:
            CloneError: too few chats, or no base model.
        """
        began = time.monotonic()
        with Archive.open(self._call.home.root) as archive:
            persona, first, last = archive.persona(), *_span(archive)
            canaries = draw_canaries(persona.language, each=self._options.each)
            kept = Kept(self._folder, self._identity(archive))
            with self._call.screen.progress("Copying the chats", unit="chats") as advance:
                end = first + (last - first) * _LEARNED
                copy_archive(archive, self._copy.home, planted=plant(canaries, first=first, last=end), advance=advance)
        copy_settings(self._call.settings, self._copy.home)
        if not (self._copy.home.dataset / "manifest.json").is_file():
            step(self._copy, dataset)
        system = system_prompt(persona, now=last + timedelta(days=1), hits=None)
        forecast = self._estimate(kept, canaries, system)
        voices: dict[str, Sequence[Leakage]] = {}
        failed: dict[str, ModelError] = {}
        for voice in (BASE, *self._options.methods):
            started, is_whole = time.monotonic(), not (kept.holds(f"{voice}.") or (self._copy.home.adapters / voice).is_dir())
            try:
                voices[voice] = leakage(self._exposures(kept, voice, canaries, system))
            except ModelError as error:
                failed[voice] = error
                self._call.screen.warn(f"{voice} is left out: {error}")
            left = forecast.finished(voice, (time.monotonic() - started) / 60, is_whole=is_whole and voice not in failed)
            self._call.screen.note(f"{voice}: done; about {left:,.0f} min left")
        return LeakOutcome(
            base=find_model(self._options.base or self._call.settings.base).name,
            canaries=canaries,
            planted=sum(canary.repeats for canary in canaries),
            learned=self._learned(canaries),
            voices=voices,
            failed=failed,
            seconds=time.monotonic() - began,
        )

    def clear(self) -> None:
        """Remove the copy of the chats and everything that was kept, once the report is written."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @cached_property
    def _copy(self) -> Call:
        """A call on the home of the chats with the canaries; what it prints is no result."""
        return Call(self._folder / "copy", Screen(beside=True))

    def _config(self, voice: str) -> TuneConfig:
        base = self._options.base or self._call.settings.base
        return TuneConfig(base=base, method=voice, max_steps=self._options.max_steps, eval_examples=HELD_OUT)

    def _identity(self, archive: Archive) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "archive": archive_revision(archive),
            "base": fingerprint(find_model(self._options.base or self._call.settings.base)),
            "each": self._options.each,
            "max_steps": self._options.max_steps,
        }

    def _exposures(self, kept: Kept, voice: str, canaries: Sequence[Canary], system: str) -> list[Exposure]:
        adapter: Path | None = None
        if voice != BASE:
            with self._copy.home.lock():
                adapter = tune_adapter(self._copy, self._config(voice), name=voice, resume=True).folder
        with self._call.screen.progress(f"Looking into {voice}", unit="canaries") as advance:

            def make(todo: Sequence[int]) -> Iterator[tuple[int, Any]]:
                loaded = load_speaker(self._options.base or self._call.settings.base, adapter)
                for number, found in zip(todo, exposures(loaded, [canaries[one] for one in todo], system), strict=True):
                    yield number, asdict(found)
                    advance(number + 1, len(canaries))

            rows = kept.rows(voice, len(canaries), make)
        return [Exposure(**row) for row in rows]

    def _learned(self, canaries: Sequence[Canary]) -> dict[str, int]:
        train, _, _ = read_dataset(self._copy.home.dataset)
        secrets = [canary.secret for canary in canaries]
        said = [(example.response, example.context[-1].text) for example in train if example.conversation.startswith("leak-test")]
        return {
            "owner": sum(any(secret in response for secret in secrets) for response, _ in said),
            "others": sum(any(secret in prompt for secret in secrets) for _, prompt in said),
        }

    def _estimate(self, kept: Kept, canaries: Sequence[Canary], system: str) -> Forecast:
        """Say how long it will take before the long part begins; timed once on this machine."""

        def time_it() -> dict[str, float]:
            minutes = tuning_minutes(self._options.methods, self._config, self._copy.home.dataset)
            loaded, began = load_speaker(self._options.base or self._call.settings.base, None), time.monotonic()
            timed = len(list(exposures(loaded, [*canaries[:_TIMED], *canaries[-_TIMED:]], system)))
            return {**minutes, BASE: (time.monotonic() - began) / timed / 60 * len(canaries)}

        times = kept.value("times", time_it)
        tuning = {method: times.get(method, 0.0) for method in self._options.methods}
        voices = {voice: Planned(tuning=tuning.get(voice, 0.0), looking=times[BASE]) for voice in (BASE, *self._options.methods)}
        forecast = Forecast(voices)
        self._call.screen.note(
            f"About {forecast.total:,.0f} min from the beginning on: {sum(tuning.values()):,.0f} for tuning {len(tuning)} methods, "
            f"{times[BASE] * len(voices):,.0f} for {len(canaries)} canaries in each. Stop it whenever you like; the same command goes on."
        )
        return forecast


def _span(archive: Archive) -> tuple[datetime, datetime]:
    spans = [(info.first, info.last.astimezone()) for info in archive.conversations() if info.first and info.last]
    if not spans:
        raise DatasetError("No chats are stored.", remedy="Run `clone-agent import PATH` first.")
    return min(first for first, _ in spans), max(last for _, last in spans)
