"""The training loop: every method learns, and a run that was stopped or killed walks the curve that it would have walked unbroken."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import tiny_glm

from clone_agent.errors import CloneError, DatasetError, ModelError, UsageError
from clone_agent.prompt import system_prompt
from clone_agent.records import ChatTurn, Persona
from finetune.checkpoint import read_adapter
from finetune.dataset import write_dataset
from finetune.evaluate import evaluate, manner
from finetune.examples import Example, ExampleOptions
from finetune.generate import Sampling
from finetune.methods.registry import METHODS
from finetune.prepare import FEWEST_LOOKS, LOOK_COST, LOOKING, MOST_LOOKS, looks, plan_run, prepare
from finetune.train import tune
from finetune.training_state import checkpoints
from finetune.tune_config import TuneConfig, TuneProgress, TuneReport

ANSWERS = ["嗯", "哈哈哈", "走\n几点", "不去 累死了", "在", "吃了\n你呢", "好呀", "明天再说吧"]


def examples(count: int = 30) -> Iterator[Example]:
    for number in range(count):
        at = datetime(2024, 5, 1, 20, tzinfo=timezone(timedelta(hours=8))) + timedelta(days=number)
        yield Example(
            id=f"qq:1/{number}",
            conversation="qq:1",
            session=f"qq:1/{number}",
            sent_at=at,
            system=system_prompt(Persona(name="林晚"), now=at, hits=None),
            context=(
                ChatTurn(role="user", text="吃饭了吗"),
                ChatTurn(role="assistant", text="没"),
                ChatTurn(role="user", text=f"走吗{number}"),
            ),
            response=ANSWERS[number % len(ANSWERS)],
        )


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: tiny_glm.save(tmp_path_factory.mktemp(kind), kind) for kind in ("glm", "glm4")}


@pytest.fixture(scope="module")
def base(bases: dict[str, Path]) -> Path:
    return bases["glm"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    write_dataset(examples(), folder, options=ExampleOptions(balance=1))
    return folder


def config(base: Path, **values: Any) -> TuneConfig:
    fixed: dict[str, Any] = {"base": str(base), "method": "lora", "batch_size": 8, "evaluations": 3, "samples": 1, "learning_rate": 0.02}
    return TuneConfig(**{**fixed, **values})


def log(folder: Path) -> list[dict[str, Any]]:
    """The loss log without its times, which differ from run to run."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def stop_at(step: int) -> tuple[Callable[[TuneProgress], None], Callable[[], bool]]:
    seen = [0]

    def on_progress(progress: TuneProgress) -> None:
        seen[0] = progress.step

    return on_progress, lambda: seen[0] >= step


@pytest.mark.parametrize("method", METHODS)
def test_every_method_lowers_the_held_out_loss_and_leaves_a_whole_adapter(base: Path, dataset: Path, tmp_path: Path, method: str) -> None:
    report = tune(config(base, method=method, learning_rate=None, epochs=4, samples=2), dataset, tmp_path / "a")
    assert report.finished
    assert report.loss_before is not None
    assert report.loss_after is not None
    assert report.loss_after < report.loss_before - 0.05
    info = read_adapter(tmp_path / "a")
    assert (info.method, info.loss_before, info.loss_after) == (method, report.loss_before, report.loss_after)
    assert [sample["owner"] for sample in info.manifest["samples"]] == [sample.owner for sample in report.samples]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "log.jsonl",
        "manifest.json",
    ]


def test_progress_tells_the_plan_then_every_step(base: Path, dataset: Path, tmp_path: Path) -> None:
    seen: list[TuneProgress] = []
    report = tune(config(base, epochs=1), dataset, tmp_path / "a", on_progress=seen.append)
    assert list(dict.fromkeys(progress.phase for progress in seen)) == ["prepare", "plan", "evaluate", "train", "samples", "save"]
    plan = next(progress.plan for progress in seen if progress.plan)
    assert plan == report.plan
    assert (plan.examples, plan.evaluation, plan.rehearsal, plan.steps) == (27, 3, 0, 4)
    assert plan.seconds_per_step > 0
    assert [progress.step for progress in seen if progress.phase == "train"] == [1, 2, 3, 4]
    assert [line["step"] for line in log(tmp_path / "a") if "loss" in line] == [1, 2, 3, 4]


def test_a_plan_can_be_had_without_training(base: Path, dataset: Path) -> None:
    plan = plan_run(config(base, method="ptuning", epochs=2, settings={"num_virtual_tokens": 5}), dataset)
    assert (plan.steps, plan.trained) == (8, 5 * 2 * 2 * 2 * 16)


@pytest.mark.parametrize("run", [1_000, 30_000, 231_000, 10_000_000])
@pytest.mark.parametrize("held_out", [0, 300, 10_719, 200_000])
def test_looking_at_held_out_answers_takes_a_small_share_of_a_run(run: int, held_out: int) -> None:
    count = looks(run=run, held_out=held_out)
    assert FEWEST_LOOKS <= count <= MOST_LOOKS
    cost = (count + 1) * LOOK_COST * held_out
    assert count == FEWEST_LOOKS or cost <= LOOKING * (run + cost)
    assert looks(run=run * 8, held_out=held_out) >= count


def test_held_out_answers_are_read_in_their_sessions_and_whole_sessions_are_chosen(base: Path, tmp_path: Path) -> None:
    def sessions() -> Iterator[Example]:
        for example in examples(40):
            second = replace(
                example,
                id=f"{example.id}/2",
                context=(*example.context, ChatTurn(role="assistant", text=example.response), ChatTurn(role="user", text="然后呢")),
                response="睡了",
            )
            yield from (example, second)

    write_dataset(sessions(), tmp_path, options=ExampleOptions(balance=1, eval_share=0.2))
    everything = prepare(config(base, evaluations=None), tmp_path)
    assert (len(everything.evaluation), everything.plan.evaluation) == (8, 16)
    assert everything.looks == FEWEST_LOOKS
    some = prepare(config(base, eval_examples=4), tmp_path)
    assert [text.answers for text in some.evaluation] == [2, 2]
    assert some.looks == 3, "what the settings say counts"


def test_a_gpu_gets_a_whole_batch_at_once_unless_a_size_is_named() -> None:
    usual = TuneConfig()
    assert usual.pass_tokens("cuda") >= usual.batch_size * usual.max_length > usual.pass_tokens("cpu")
    assert {TuneConfig(step_tokens=700).pass_tokens(device) for device in ("cuda", "cpu")} == {700}


def test_cut_into_small_pieces_a_step_learns_the_same(base: Path, dataset: Path, tmp_path: Path) -> None:
    still = {"lora_dropout": 0.0}
    whole = tune(config(base, settings=still, max_steps=3), dataset, tmp_path / "whole")
    pieces = tune(config(base, settings=still, max_steps=3, step_tokens=1), dataset, tmp_path / "pieces")
    assert whole.loss_after == pytest.approx(pieces.loss_after, abs=1e-2)  # bfloat16 where the processor has it


@pytest.mark.parametrize("kind", ["glm", "glm4"])
@pytest.mark.parametrize("method", METHODS)
def test_a_stopped_run_resumes_to_the_same_curve(bases: dict[str, Path], dataset: Path, tmp_path: Path, method: str, kind: str) -> None:
    base = bases[kind]
    settings = config(base, method=method, max_steps=6)
    unbroken = tune(settings, dataset, tmp_path / "unbroken")
    on_progress, should_stop = stop_at(3)
    stopped = tune(settings, dataset, tmp_path / "broken", on_progress=on_progress, should_stop=should_stop)
    assert (stopped.finished, stopped.steps) == (False, 3)
    with pytest.raises(ModelError, match="unfinished"):
        read_adapter(tmp_path / "broken")
    resumed = tune(settings, dataset, tmp_path / "broken", resume=True)
    assert log(tmp_path / "broken") == log(tmp_path / "unbroken")
    assert (resumed.finished, resumed.loss_after, resumed.samples) == (True, unbroken.loss_after, unbroken.samples)
    weights = [(tmp_path / name / "adapter_model.safetensors").read_bytes() for name in ("unbroken", "broken")]
    assert weights[0] == weights[1]


KILLED = """
import os, signal, sys
from pathlib import Path
from finetune.train import tune
from finetune.tune_config import TuneConfig
base, dataset, out = map(Path, sys.argv[1:4])
def die(progress):
    if progress.step == 3:
        os.kill(os.getpid(), signal.SIGKILL)
tune(TuneConfig(base=str(base), batch_size=8, evaluations=3, samples=1, learning_rate=0.02, max_steps=6), dataset, out, on_progress=die)
"""


def test_a_killed_run_resumes_to_the_same_curve(base: Path, dataset: Path, tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", KILLED, str(base), str(dataset), str(tmp_path / "killed")]
    assert subprocess.run(arguments, check=False, env={**os.environ}).returncode == -signal.SIGKILL
    tune(config(base, max_steps=6), dataset, tmp_path / "killed", resume=True)
    tune(config(base, max_steps=6), dataset, tmp_path / "unbroken")
    assert log(tmp_path / "killed") == log(tmp_path / "unbroken")


def test_a_checkpoint_cut_short_is_passed_over_for_the_one_before(base: Path, dataset: Path, tmp_path: Path) -> None:
    settings = config(base, epochs=2, max_steps=6)
    tune(settings, dataset, tmp_path / "unbroken")
    on_progress, should_stop = stop_at(5)
    tune(settings, dataset, tmp_path / "broken", on_progress=on_progress, should_stop=should_stop)
    newest = checkpoints(tmp_path / "broken")[-1] / "tensors.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    tune(settings, dataset, tmp_path / "broken", resume=True)
    assert log(tmp_path / "broken") == log(tmp_path / "unbroken")


def test_ctrl_c_leaves_a_state_to_resume_from(base: Path, dataset: Path, tmp_path: Path) -> None:
    def interrupt(progress: TuneProgress) -> None:
        if progress.step == 2:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        tune(config(base, max_steps=4), dataset, tmp_path / "a", on_progress=interrupt)
    assert signal.getsignal(signal.SIGINT) == before
    assert [path.name for path in checkpoints(tmp_path / "a")][-1] == "step-00000002"
    assert tune(config(base, max_steps=4), dataset, tmp_path / "a", resume=True).finished


def test_a_finished_run_resumed_says_what_it_did(base: Path, dataset: Path, tmp_path: Path) -> None:
    first = tune(config(base, max_steps=2), dataset, tmp_path / "a")
    again = tune(config(base, max_steps=2), dataset, tmp_path / "a", resume=True)
    assert replace(again, seconds=0) == replace(first, seconds=0)


def test_a_finished_adapter_stays_until_another_run_into_its_folder_finishes(base: Path, dataset: Path, tmp_path: Path) -> None:
    tune(config(base, max_steps=2), dataset, tmp_path / "a")
    created = read_adapter(tmp_path / "a").manifest["training"]["steps"]
    on_progress, should_stop = stop_at(2)
    tune(config(base, max_steps=4), dataset, tmp_path / "a", on_progress=on_progress, should_stop=should_stop)
    assert read_adapter(tmp_path / "a").manifest["training"]["steps"] == created == 2
    report = tune(config(base, max_steps=4), dataset, tmp_path / "a", resume=True)
    assert (report.steps, read_adapter(tmp_path / "a").manifest["training"]["steps"]) == (4, 4)


def test_resuming_with_other_settings_where_nothing_is_under_way_begins_anew(base: Path, dataset: Path, tmp_path: Path) -> None:
    tune(config(base, max_steps=2), dataset, tmp_path / "a")
    assert tune(config(base, max_steps=3), dataset, tmp_path / "a", resume=True).steps == 3


def test_other_settings_do_not_resume_a_run(base: Path, dataset: Path, tmp_path: Path) -> None:
    on_progress, should_stop = stop_at(2)
    tune(config(base, max_steps=6), dataset, tmp_path / "a", on_progress=on_progress, should_stop=should_stop)
    with pytest.raises(UsageError, match="other settings") as error:
        tune(config(base, max_steps=6, learning_rate=0.5), dataset, tmp_path / "a", resume=True)
    assert "--resume" in error.value.remedy


def test_a_run_with_general_talk_resumes_with_the_same_talk_wherever_it_lies(base: Path, dataset: Path, tmp_path: Path) -> None:
    file, moved = tmp_path / "general.jsonl", tmp_path / "moved.jsonl"
    file.write_text('{"prompt": "你好", "response": "你好呀"}\n' * 40, encoding="utf-8")
    on_progress, should_stop = stop_at(2)
    tune(config(base, max_steps=4, rehearsal_file=file), dataset, tmp_path / "a", on_progress=on_progress, should_stop=should_stop)
    shutil.copyfile(file, moved)
    file.write_text('{"prompt": "早", "response": "早呀"}\n' * 40, encoding="utf-8")
    with pytest.raises(UsageError, match="other settings"):
        tune(config(base, max_steps=4, rehearsal_file=file), dataset, tmp_path / "a", resume=True)

    def lose(progress: TuneProgress) -> None:
        if progress.phase == "train":
            moved.unlink(missing_ok=True)

    assert tune(config(base, max_steps=4, rehearsal_file=moved), dataset, tmp_path / "a", resume=True, on_progress=lose).finished
    with pytest.raises(DatasetError, match="not there"):
        tune(config(base, max_steps=4, rehearsal_file=moved), dataset, tmp_path / "a", resume=True)


def test_training_ends_when_the_held_out_loss_stops_falling(base: Path, dataset: Path, tmp_path: Path) -> None:
    report: TuneReport = tune(
        config(base, learning_rate=1.0, schedule="constant", epochs=10, evaluations=25, patience=2), dataset, tmp_path / "a"
    )
    assert report.stopped_early
    losses = {line["step"]: line["eval_loss"] for line in log(tmp_path / "a") if "eval_loss" in line}
    assert report.loss_after == losses[report.best_step] == min(losses.values())


def test_general_talk_can_be_mixed_in(base: Path, dataset: Path, tmp_path: Path) -> None:
    plan = plan_run(config(base, rehearsal=0.25), dataset)
    assert plan.examples - plan.rehearsal == 27
    assert 9 <= plan.rehearsal < 14  # whole texts, so a few more than a quarter
    own = plan_run(config(base, rehearsal=0.1, rehearsal_file=dataset / "eval.jsonl"), dataset)
    assert own.rehearsal == 3
    file = tmp_path / "general.jsonl"
    file.write_text('{"prompt": "你好", "response": "你好呀"}\n' * 40, encoding="utf-8")
    assert plan_run(config(base, rehearsal_file=file), dataset).rehearsal == 7, "a named file is a fifth of what is learnt"


def test_what_the_dataset_draws_more_often_is_learnt_more_often(base: Path, tmp_path: Path) -> None:
    manifest = write_dataset(examples(), tmp_path, options=ExampleOptions(balance=0))
    assert plan_run(config(base, rehearsal=0), tmp_path).examples == manifest["learnt"] > manifest["examples"]["train"]


def test_a_missing_dataset_or_senseless_setting_is_refused(base: Path, dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no dataset"):
        tune(config(base), tmp_path, tmp_path / "a")
    with pytest.raises(UsageError, match="batch_size must be more than 0"):
        tune(config(base, batch_size=0), dataset, tmp_path / "a")
    for value in (float("nan"), float("inf")):
        with pytest.raises(UsageError, match="epochs must be more than 0, and finite"):
            tune(config(base, epochs=value), dataset, tmp_path / "a")
    with pytest.raises(UsageError, match="cosine, linear, constant"):
        tune(config(base, schedule="wavy"), dataset, tmp_path / "a")
    with pytest.raises(UsageError, match="weight_decay must not be less than 0"):
        tune(config(base, weight_decay=-0.1), dataset, tmp_path / "a")
    with pytest.raises(UsageError, match="64 bits"):
        tune(config(base, seed=2**64), dataset, tmp_path / "a")
    with pytest.raises(DatasetError, match="No example fits"):
        tune(config(base, max_length=8), dataset, tmp_path / "a")
    (tmp_path / "file").touch()
    with pytest.raises(CloneError, match="a file is in its place"):
        tune(config(base), dataset, tmp_path / "file")


def test_an_evaluation_sets_base_and_tuned_replies_beside_the_owners(base: Path, dataset: Path, tmp_path: Path) -> None:
    report = tune(config(base, epochs=4), dataset, tmp_path / "a")
    result = evaluate(base, tmp_path / "a", dataset, sampling=Sampling(seed=0, max_new_tokens=8))
    assert result.examples == result.owner.replies == result.after.replies == 3
    assert (result.loss_before, result.loss_after) == pytest.approx((report.loss_before, report.loss_after), abs=1e-2)
    assert result.owner.length_distance == 0


def test_the_manner_of_replies_is_told_in_characters_and_bubbles() -> None:
    figures = manner(["嗯", "走\n几点", "嗯"], ["嗯嗯", "好", "走\n几点"])
    assert (figures.mean_length, figures.median_length, figures.mean_bubbles) == (5 / 3, 1, 4 / 3)
    assert (figures.distinct, figures.length_distance, figures.bubble_distance) == (2 / 3, 1 / 3, 0)
