"""What a training does when something fails: it is killed, memory runs out, the disk is full."""

import json
import resource
import subprocess
import sys
import time
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import pytest
import tiny_glm
import torch
from test_train import config, examples, log
from transformers import AutoModelForCausalLM, BloomConfig

from clone_agent.errors import CloneError, ModelError
from finetune import memory_limits, prepare
from finetune.dataset import write_dataset
from finetune.encode import encode
from finetune.generate import Sampling
from finetune.glm import LoadedModel, load_model
from finetune.loss import example_losses, mean_loss
from finetune.methods.adapter import decoder
from finetune.methods.registry import METHODS
from finetune.prepare import plan_run
from finetune.replies import write_replies
from finetune.train import tune
from finetune.tune_config import TuneProgress

KILLS = Path(__file__).parent / "kill_training.py"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_glm.save(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    write_dataset(examples(), folder)
    return folder


class Memory:
    """Room for so many tokens in one pass; torch runs out of memory above."""

    def __init__(self) -> None:
        self.tokens = 10**9

    def check(self, _: object, args: tuple[object, ...], kwargs: dict[str, torch.Tensor]) -> None:
        if kwargs["input_ids"].numel() > self.tokens:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    found = Memory()

    def load(*args: object, **kwargs: object) -> LoadedModel:
        loaded = load_model(*args, **kwargs)  # type: ignore[arg-type]
        decoder(loaded.model).register_forward_pre_hook(found.check, with_kwargs=True)
        return loaded

    monkeypatch.setattr(prepare, "load_model", load)
    return found


def test_killed_in_steps_and_in_saves_a_run_of_any_method_resumes_to_the_same_curve_and_adapter(dataset: Path, tmp_path: Path) -> None:
    base = tiny_glm.save(tmp_path / "base", "glm4")
    command = [sys.executable, str(KILLS), str(base), str(dataset), str(tmp_path), "--points", "6", "--methods", ",".join(METHODS)]
    done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    assert len(done["runs"]) == 6
    assert {run["method"] for run in done["runs"]} == set(METHODS)
    for run in done["runs"]:
        assert all(run[law] for law in ("killed", "resumed", "same log", "same adapter")), run


def test_the_preflight_finds_pieces_that_fit_and_the_run_learns_the_same(base: Path, dataset: Path, tmp_path: Path, memory: Memory) -> None:
    still = config(base, settings={"lora_dropout": 0.0}, max_steps=2)
    whole = tune(still, dataset, tmp_path / "whole")
    memory.tokens = 300
    cut = tune(still, dataset, tmp_path / "cut")
    assert whole.plan.step_tokens == still.pass_tokens("cpu")
    assert cut.plan.step_tokens <= 512
    assert cut.loss_after == pytest.approx(whole.loss_after, abs=1e-2)  # bfloat16 where the processor has it


def test_memory_that_another_program_takes_meanwhile_halves_the_pieces(base: Path, dataset: Path, tmp_path: Path, memory: Memory) -> None:
    still = config(base, settings={"lora_dropout": 0.0}, max_steps=2)

    def shrink(progress: TuneProgress) -> None:
        if progress.phase == "plan":
            memory.tokens = 300

    assert tune(still, dataset, tmp_path / "a", on_progress=shrink).finished


def test_losses_and_replies_measured_in_smaller_pieces_are_the_same(base: Path) -> None:
    loaded, memory = load_model(base), Memory()
    decoder(loaded.model).register_forward_pre_hook(memory.check, with_kwargs=True)
    some = list(islice(examples(), 12))
    texts = [encode(example, loaded.format, max_length=512) for example in some]
    prompts = {number: example.turns() for number, example in enumerate(some)}
    greedy = Sampling(temperature=0, max_new_tokens=3)

    def measured() -> tuple[float, list[float], dict[int, str]]:
        mean = mean_loss(loaded.model, texts, max_tokens=10_000, autocast=nullcontext())
        each = example_losses(loaded.model, texts, max_tokens=10_000, autocast=nullcontext())
        return mean, each, {reply.index: reply.text for reply in write_replies(loaded, prompts, greedy)}

    whole = measured()
    memory.tokens = 2 * max(len(text.input_ids) for text in texts)
    cut = measured()
    assert cut[0] == pytest.approx(whole[0], abs=1e-4)
    assert cut[1] == pytest.approx(whole[1], abs=1e-4)
    assert cut[2] == whole[2]
    memory.tokens = 5
    for measure in (mean_loss, example_losses):
        with pytest.raises(ModelError, match="single text"):
            measure(loaded.model, texts, max_tokens=10_000, autocast=nullcontext())
    with pytest.raises(ModelError, match="single text"):
        list(write_replies(loaded, prompts, greedy))


def test_the_minutes_told_beforehand_do_not_count_other_programs(base: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*args: object, **kwargs: object) -> LoadedModel:
        loaded = load_model(*args, **kwargs)  # type: ignore[arg-type]
        decoder(loaded.model).register_forward_pre_hook(lambda *_: time.sleep(1))  # as when the processor is given to somebody else
        return loaded

    monkeypatch.setattr(prepare, "load_model", load)
    plan = plan_run(config(base), dataset)
    assert 0 < plan.seconds_per_step < 0.8
    assert plan.minutes == plan.steps * plan.seconds_per_step / 60


def test_a_text_that_never_fits_ends_in_advice(base: Path, dataset: Path, tmp_path: Path, memory: Memory) -> None:
    memory.tokens = 5
    with pytest.raises(ModelError, match="single text") as error:
        plan_run(config(base), dataset)
    assert "ptuning" in error.value.remedy
    assert "CUDA" not in str(error.value)


def test_a_method_that_does_not_work_on_an_untested_model_says_so(dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tokenizer = tiny_glm.tokenizer()
    sizes = {"vocab_size": len(tokenizer), "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    AutoModelForCausalLM.from_config(BloomConfig(**sizes, bos_token_id=None, eos_token_id=0, pad_token_id=0)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    config_of_bloom = json.loads((tmp_path / "config.json").read_text()) | {"max_position_embeddings": 256}
    (tmp_path / "config.json").write_text(json.dumps(config_of_bloom))
    with pytest.raises(ModelError, match="unipelt does not work on a bloom, which is untested here") as error:
        plan_run(config(tmp_path, method="unipelt"), dataset)
    assert "lora" in error.value.remedy
    assert "untested here" in caplog.text


def test_a_base_that_cannot_fit_is_refused_before_it_is_loaded(base: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limits, "free_memory", lambda _: 1_000_000)
    monkeypatch.setattr(prepare, "load_model", None)
    with pytest.raises(ModelError, match="takes about 10 MiB, and 1 MiB of memory are free"):
        plan_run(config(base, method="full"), dataset)


def test_a_disk_that_fills_up_ends_in_advice_and_the_run_goes_on_later(base: Path, dataset: Path, tmp_path: Path) -> None:
    settings = config(base, max_steps=6)
    tune(settings, dataset, tmp_path / "unbroken")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(progress: TuneProgress) -> None:
        if progress.step == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))

    try:
        with pytest.raises(CloneError, match="disk is full") as error:
            tune(settings, dataset, tmp_path / "a", on_progress=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "--resume" in error.value.remedy
    assert tune(settings, dataset, tmp_path / "a", resume=True).finished
    assert log(tmp_path / "a") == log(tmp_path / "unbroken")


def test_a_disk_without_room_is_told_before_the_first_step(
    base: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(CloneError, match="Training needs"):
        tune(config(base), dataset, tmp_path / "a")
    assert not (tmp_path / "a").exists()
