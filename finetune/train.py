"""One training loop for every method: plan, learn, look at held-out examples, keep the best, resume where it was stopped.

A step takes `batch_size` examples in pieces that fit into memory, and the mean over all their supervised tokens. What is learnt depends on
settings, data and seed alone: a run that was killed and resumed walks the curve that it would have walked unbroken.
"""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from clone_agent.errors import UsageError
from clone_agent.records import Persona
from clone_agent.storage import require_space
from finetune.adapter_files import save_adapter
from finetune.encode import fit_prompt
from finetune.files import disk_advice, private_folder, private_umask
from finetune.finished import finished_before, finished_facts
from finetune.generate import Sampling, reply_text
from finetune.interrupts import stop_requests
from finetune.memory_limits import memory_advice
from finetune.prepare import Prepared, language_of, prepare
from finetune.probe import OrdinaryTalk, as_facts, probe
from finetune.processes import Team, open_team
from finetune.run_log import RunLog
from finetune.stepper import Stepper
from finetune.training_state import (
    checkpoints,
    newest_checkpoint,
    random_tensors,
    remove_checkpoints,
    restore_random,
    save_checkpoint,
)
from finetune.tune_config import SampleReply, TuneConfig, TuneProgress, TuneReport

CHECKPOINT_EVERY_S = 300.0
_NAME = "林晚"  # any name does in the system message of the probe
_SAMPLE = Sampling(temperature=0, max_new_tokens=64)
_BETTER = 1e-4  # a held-out loss counts as better when it is lower by so much


def tune(
    config: TuneConfig,
    dataset_dir: Path,
    out: Path,
    *,
    on_progress: Callable[[TuneProgress], None] | None = None,
    resume: bool = False,
    should_stop: Callable[[], bool] | None = None,
) -> TuneReport:
    """Tune a model and write an adapter folder.

    Args:
        config: what to do.
        dataset_dir: written by `finetune.dataset.write_dataset`.
        out: the adapter's folder, `<home>/adapters/<name>`.
        on_progress: told of every step.
        resume: go on from the newest whole checkpoint in `out`; from the beginning when there is none. When the same run has finished
            already, its report comes back at once.
        should_stop: asked after every step; True leaves a resumable state and returns an unfinished report.

    Raises:
        UsageError: a setting cannot be right, or `out` was begun with other ones.
        DatasetError: no dataset, or none of its examples fits.
        ModelError: the base cannot be loaded, memory does not suffice, or the loss ran away.
        CloneError: the disk is full.
        KeyboardInterrupt: Ctrl-C; the state left behind is resumable.
    """
    if resume and not checkpoints(out) and (report := finished_before(config, dataset_dir, out)) is not None:
        return report
    team = open_team(config.device)
    tell = on_progress if on_progress is not None and team.leads else lambda _: None
    tell(TuneProgress(phase="prepare"))
    with memory_advice("preparing the training"):
        prepared = prepare(config, dataset_dir, team)
    require_space(out, prepared.plan.disk, what="Training")
    tell(TuneProgress(phase="plan", steps=prepared.plan.steps, plan=prepared.plan))
    with private_umask(), stop_requests() as interrupted, memory_advice("training"):
        run = _Run(config, prepared, private_folder(out), tell, team)
        run.begin(resume=resume)
        stopped = run.learn(lambda: interrupted() or (should_stop is not None and should_stop()))
        if stopped and interrupted():
            raise KeyboardInterrupt
        return run.report(finished=False) if stopped else run.finish()


class _Run:
    """The state of a run between its steps."""

    def __init__(self, config: TuneConfig, prepared: Prepared, out: Path, tell: Callable[[TuneProgress], None], team: Team) -> None:
        self.config, self.prepared, self.out, self.tell, self.team = config, prepared, out, tell, team
        self.model, self.adapter, self.plan = prepared.loaded.model, prepared.adapter, prepared.plan
        # A model that is cut over processes cannot write replies, and one writer suffices.
        self.shown = prepared.shown if team.leads and not team.cuts else []
        self.stepper, self.log = Stepper(config, prepared, team), RunLog(out, writes=team.leads)
        if team.size > 1:
            torch.manual_seed(config.seed + team.rank)  # of dropout, which must not be alike in all processes
        self.step, self.best_step, self.misses, self.seconds = 0, 0, 0, 0.0
        self.before: float | None = None
        self.best: float | None = None
        self.latest: float | None = None
        self.best_state = self.adapter.state()
        self.samples: tuple[SampleReply, ...] = ()
        self.ordinary: OrdinaryTalk | None = None  # before
        self.lost_ordinary_talk = False

    # --- beginning and end ---

    def begin(self, *, resume: bool) -> None:
        """Restore the newest checkpoint, or look at the model as it is."""
        checkpoint = newest_checkpoint(self.out) if resume else None
        if checkpoint is not None:
            self._restore(*checkpoint)
            return
        if self.team.leads:
            remove_checkpoints(self.out)
        self.log.begin()
        self.tell(TuneProgress(phase="evaluate", steps=self.plan.steps))
        with self._base():
            self.before = self.best = self._held_out_loss()
            replies = self._replies()
            self.ordinary = self._probe()
        self.samples = tuple(
            SampleReply(prompt=example.context[-1].text, owner=example.response, before=reply)
            for example, reply in zip(self.shown, replies, strict=True)
        )

    def finish(self) -> TuneReport:
        """Write the adapter of the best step."""
        self.adapter.load_state(self.best_state)
        self.tell(TuneProgress(phase="samples", step=self.step, steps=self.plan.steps, eval_loss=self.best))
        self.samples = tuple(replace(sample, after=reply) for sample, reply in zip(self.samples, self._replies(), strict=True))
        after = self._probe()
        ordinary = as_facts(self.ordinary, after) if self.ordinary is not None and after is not None else None
        self.lost_ordinary_talk = ordinary is not None and ordinary["is_lost"]
        report = self.report(finished=True)
        self.tell(TuneProgress(phase="save", step=self.step, steps=self.plan.steps, eval_loss=self.best))
        facts = finished_facts(self.prepared.identity, report, self.prepared.dataset, ordinary)
        if self.team.leads:
            with disk_advice():
                save_adapter(self.out, self.adapter, self.prepared.loaded, facts, state=self.best_state)
            remove_checkpoints(self.out)
        self.team.wait()
        return report

    def report(self, *, finished: bool) -> TuneReport:
        """What the run did so far."""
        return TuneReport(
            folder=self.out,
            plan=self.plan,
            steps=self.step,
            best_step=self.best_step,
            loss_before=self.before,
            loss_after=self.best,
            seconds=self.seconds,
            samples=self.samples,
            finished=finished,
            stopped_early=finished and self.step < self.plan.steps,
            lost_ordinary_talk=self.lost_ordinary_talk,
        )

    def _base(self) -> AbstractContextManager[None]:
        """The base as it is; full tuning has nothing to switch off, and has not begun."""
        return self.adapter.disabled() if self.adapter.switch is not None else nullcontext()

    # --- the loop ---

    def learn(self, should_stop: Callable[[], bool]) -> bool:
        """Take the steps that are left. True: stopped on request, and saved."""
        saved_at = time.monotonic()
        count = self.prepared.looks
        looks = {round(self.plan.steps * number / count) for number in range(1, count + 1)}
        while self.step < self.plan.steps and not self._is_enough():
            start = time.perf_counter()
            rate = self.stepper.rate(self.step)
            loss, tokens = self.stepper.take(self.step)
            self.step += 1
            seconds = time.perf_counter() - start
            self.seconds += seconds
            self.log.add({"step": self.step, "loss": round(loss, 6), "learning_rate": rate, "tokens": tokens, "seconds": round(seconds, 4)})
            if self.step in looks:
                self._look()
            self.tell(
                TuneProgress(
                    phase="train",
                    step=self.step,
                    steps=self.plan.steps,
                    loss=loss,
                    eval_loss=self.latest,
                    learning_rate=rate,
                    tokens_per_s=tokens / seconds,
                )
            )
            stop, is_late = self.team.total(should_stop(), time.monotonic() - saved_at > CHECKPOINT_EVERY_S)
            if stop or is_late or self.step in looks:
                self._save()
                saved_at = time.monotonic()
            if stop:
                return True
        return False

    # --- looking ---

    def _look(self) -> None:
        """Evaluate, and keep the adapter if it is the best so far."""
        self._held_out_loss()
        if self.latest is None or self.best is None or self.latest < self.best - _BETTER:
            self.best, self.best_step, self.misses = self.latest, self.step, 0
            self.best_state = self.adapter.state()
        else:
            self.misses += 1

    def _held_out_loss(self) -> float | None:
        start = time.perf_counter()
        self.latest = self.stepper.held_out_loss(self.prepared.evaluation)
        self.log.add({"step": self.step, "eval_loss": self.latest, "seconds": round(time.perf_counter() - start, 4)})
        return self.latest

    def _is_enough(self) -> bool:
        # Of few looks the last but one can end the run, if none was better.
        return bool(self.config.patience) and self.misses >= min(self.config.patience, max(2, self.prepared.looks - 1))

    def _replies(self) -> list[str]:
        loaded, replies = self.prepared.loaded, []
        for example in self.shown:
            prompt = fit_prompt(example.turns(), loaded.format, max_tokens=loaded.max_tokens - _SAMPLE.max_new_tokens)
            replies.append(reply_text(self.model, loaded.tokenizer, prompt, loaded.format.stop_ids, _SAMPLE) if prompt else "")
        return replies

    def _probe(self) -> OrdinaryTalk | None:
        """How the model takes everyday questions, in the owner's language; None where no replies are written."""
        if not self.shown:
            return None
        return probe(self.prepared.loaded, Persona(name=_NAME, language=language_of(self.shown)))

    # --- state on disk ---

    def _save(self) -> None:
        parts = {
            "adapter": self.adapter.state(),
            "best": self.best_state,
            "optimizer": self.stepper.tensors(),
            "random": {key: tensor for own in self.team.collect(random_tensors(self.team.rank)) for key, tensor in own.items()},
        }
        if not self.team.leads:
            return
        tensors = {f"{part}/{name}": tensor for part, named in parts.items() for name, tensor in named.items()}
        state = {
            "run": self._identity(),
            "best_step": self.best_step,
            "misses": self.misses,
            "seconds": self.seconds,
            "losses": {"before": self.before, "best": self.best, "latest": self.latest},
            "samples": [asdict(sample) for sample in self.samples],
            "ordinary_talk": asdict(self.ordinary) if self.ordinary else None,
        }
        with disk_advice():
            save_checkpoint(self.out, self.step, tensors, state)

    def _restore(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        if state["run"] != self._identity():
            raise UsageError(
                f"The run in {self.out.name} was begun with other settings, data or base.",
                remedy="Use the same ones, or leave --resume out.",
            )
        parts: dict[str, dict[str, torch.Tensor]] = {"adapter": {}, "best": {}, "optimizer": {}, "random": {}}
        for key, tensor in tensors.items():
            part, _, name = key.partition("/")
            parts[part][name] = tensor
        self.adapter.load_state(parts["adapter"])
        self.best_state = parts["best"]
        self.stepper.restore(parts["optimizer"])
        restore_random(parts["random"], self.team.rank)
        self.step, self.best_step, self.misses, self.seconds = state["step"], state["best_step"], state["misses"], state["seconds"]
        self.before, self.best, self.latest = (state["losses"][name] for name in ("before", "best", "latest"))
        self.samples = tuple(SampleReply(**sample) for sample in state["samples"]) if self.shown else ()
        if not self.samples:  # begun by processes that cut the model: there is nothing to hold replies of now beside
            self.shown = []
        ordinary = state.get("ordinary_talk")
        self.ordinary = OrdinaryTalk(**ordinary) if ordinary and self.shown else None
        self.team.wait()
        self.log.go_back(self.step)

    def _identity(self) -> dict[str, Any]:
        return {
            "config": json.loads(json.dumps(self.prepared.identity)),
            "dataset": self.prepared.dataset.get("hash"),
            "base": self.prepared.loaded.fingerprint,
        }
