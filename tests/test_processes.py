"""Two processes that `accelerate launch` starts on the CPU learn what one process learns."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny_glm
from accelerate.utils import DistributedType
from test_train import config, examples, log

from clone_agent.errors import UsageError
from finetune import zero
from finetune.checkpoint import read_adapter
from finetune.dataset import write_dataset
from finetune.processes import Team, open_team
from finetune.train import tune
from finetune.tune_config import TuneConfig

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "lora": ("lora", {"lora_dropout": 0.0}),
    "full": ("full", {}),
    "unipelt": ("unipelt", {}),
    "projected": ("ptuning", {"prefix_projection": True, "prefix_hidden_size": 8}),
}


def settings(base: Path, variant: str) -> TuneConfig:
    method, chosen = VARIANTS[variant]
    return config(base, method=method, settings=chosen, max_steps=4, device="cpu")


SCRIPT = """
import shutil
import sys
from pathlib import Path
from test_processes import settings
from finetune import train
from finetune.processes import is_leader
base, dataset, out = map(Path, sys.argv[1:4])
{team}
for method in sys.argv[4:]:
    step = [0]
    def stop():
        step[0] += 1
        return step[0] == 2
    stopped = train.tune(settings(base, method), dataset, out / method, should_stop=stop)
    assert (stopped.finished, stopped.steps, stopped.plan.processes) == (False, 2, 2)
    if is_leader():
        shutil.copytree(out / method, out / (method + "-stopped"))
    train.tune(settings(base, method), dataset, out / method, resume=True)
"""

# accelerate offers FSDP on GPUs only; torch cuts a model over processors as well.
CUT = """
from accelerate import Accelerator, PartialState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from finetune.processes import Team
def cut(device):
    accelerator = Accelerator(cpu=True)
    accelerator.state.fsdp_plugin = FullyShardedDataParallelPlugin(
        fsdp_version=2, auto_wrap_policy="transformer_based_wrap", cpu_ram_efficient_loading=False
    )
    accelerator.state.distributed_type = PartialState._shared_state["distributed_type"] = DistributedType.FSDP
    team = Team(accelerator)
    assert team.cuts
    return team
train.open_team = cut
"""


def launch(script: Path, *arguments: str, engine: Sequence[str]) -> None:
    """Run a script in two processes on the CPU."""
    command = [sys.executable, "-m", "accelerate.commands.launch", *engine, "--num_processes", "2", "--num_machines", "1"]
    command += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""), str(Path(__file__).parent.parent)])
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": here, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    environment["ACCELERATE_USE_CPU"] = "false" if DEEPSPEED in engine else "true"
    done = subprocess.run([*command, str(script), *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


DEEPSPEED = "--use_deepspeed"
ENGINES = {
    "copied": (["--multi_gpu"], "", ["lora"]),
    "cut": (["--multi_gpu"], CUT, ["lora", "full", "projected"]),
    "zero-2": ([DEEPSPEED, "--zero_stage", "2"], "", ["lora", "projected"]),
    "zero-3": ([DEEPSPEED, "--zero_stage", "3"], "", ["full", "unipelt"]),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_two_processes_stopped_and_resumed_walk_the_curve_of_one(tmp_path: Path, engine: str) -> None:
    flags, team, methods = ENGINES[engine]
    base = tiny_glm.save(tmp_path / "base")
    write_dataset(examples(), tmp_path / "dataset")
    (tmp_path / "team.py").write_text(SCRIPT.format(team=team), encoding="utf-8")
    launch(tmp_path / "team.py", *(str(tmp_path / name) for name in ("base", "dataset", "team")), *methods, engine=flags)
    for method in methods:
        alone = tune(settings(base, method), tmp_path / "dataset", tmp_path / "alone" / method)
        stopped = tmp_path / "team" / f"{method}-stopped"
        tune(settings(base, method), tmp_path / "dataset", stopped, resume=True)  # one process goes on with what two began
        ours = log(tmp_path / "alone" / method)
        for theirs in (log(tmp_path / "team" / method), log(stopped)):
            assert [line.keys() for line in ours] == [line.keys() for line in theirs]
            for one, two in zip(ours, theirs, strict=True):
                for key, value in one.items():
                    assert two[key] == pytest.approx(value, abs=1e-2), (method, one["step"], key)  # bfloat16 where the processor has it
        info = read_adapter(tmp_path / "team" / method)
        assert info.loss_after == pytest.approx(alone.loss_after, abs=1e-2)
        assert info.manifest["training"]["plan"]["processes"] == 2
        prompts = [sample.prompt for sample in alone.samples]
        # A cut model writes none.
        assert [sample["prompt"] for sample in info.manifest["samples"]] == ([] if engine in ("cut", "zero-3") else prompts)


ZERO = {"zero_optimization": {"stage": 3}, "bf16": {"enabled": True}}


def test_deepspeed_is_told_what_it_must_leave_to_the_run() -> None:
    zero.require_plain(ZERO)
    wrong: dict[str, dict[str, Any]] = {
        "stages 1 to 3": {"zero_optimization": {"stage": 0}},
        "off the GPU": {"zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu", "nvme_path": None}}},
        "fp16": {"fp16": {"enabled": True}},
        "section scheduler": {"scheduler": {"type": "WarmupLR"}},
    }
    for words, change in wrong.items():
        with pytest.raises(UsageError, match=words):
            zero.require_plain({**ZERO, **change})


@pytest.mark.parametrize("kind", [DistributedType.FSDP, DistributedType.DEEPSPEED])
def test_a_base_in_4_bits_is_not_cut(kind: DistributedType) -> None:
    team = Team(SimpleNamespace(process_index=0, num_processes=2, distributed_type=kind))
    team.require_fitting(four_bit=False)
    with pytest.raises(UsageError, match="4 bits"):
        team.require_fitting(four_bit=True)


def test_a_launch_with_deepspeed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    monkeypatch.setattr(zero, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="not installed") as error:
        open_team("cpu")
    assert 'pip install "clone-agent[deepspeed]"' in str(error.value.remedy)


def test_a_team_of_one_shares_and_sums_as_it_is() -> None:
    team = Team()
    assert (team.leads, team.cuts, team.size) == (True, False, 1)
    assert list(team.share([4, 5, 6])) == [4, 5, 6]
    assert team.total(1.5, 2.0) == (1.5, 2.0)
    assert team.collect("a") == ["a"]
