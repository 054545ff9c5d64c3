"""Two processes that `accelerate launch` starts on the CPU learn what one process learns."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_glm
from test_train import config, examples, log

from finetune.checkpoint import read_adapter
from finetune.dataset import write_dataset
from finetune.processes import Team
from finetune.train import tune

STEPS = """
def settings(method):
    chosen = {"lora_dropout": 0.0} if method == "lora" else {}
    return config(base, method=method, settings=chosen, max_steps=4, device="cpu")
"""

SCRIPT = """
import sys
from pathlib import Path
from test_train import config
from finetune import train
base, dataset, out = map(Path, sys.argv[1:4])
{steps}
{team}
for method in sys.argv[4:]:
    step = [0]
    def stop():
        step[0] += 1
        return step[0] == 2
    stopped = train.tune(settings(method), dataset, out / method, should_stop=stop)
    assert (stopped.finished, stopped.steps, stopped.plan.processes) == (False, 2, 2)
    train.tune(settings(method), dataset, out / method, resume=True)
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


def launch(script: Path, *arguments: str) -> None:
    """Run a script in two processes on the CPU."""
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
    command += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""), str(Path(__file__).parent.parent)])
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "PYTHONPATH": here, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run([*command, str(script), *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(("team", "methods"), [("", ["lora"]), (CUT, ["lora", "full"])], ids=["copied", "cut"])
def test_two_processes_stopped_and_resumed_walk_the_curve_of_one(tmp_path: Path, team: str, methods: list[str]) -> None:
    base = tiny_glm.save(tmp_path / "base")
    write_dataset(examples(), tmp_path / "dataset")
    (tmp_path / "team.py").write_text(SCRIPT.format(steps=STEPS, team=team), encoding="utf-8")
    launch(tmp_path / "team.py", *(str(tmp_path / name) for name in ("base", "dataset", "team")), *methods)
    for method in methods:
        chosen = {"lora_dropout": 0.0} if method == "lora" else {}
        alone = tune(config(base, method=method, settings=chosen, max_steps=4), tmp_path / "dataset", tmp_path / "alone" / method)
        ours, theirs = log(tmp_path / "alone" / method), log(tmp_path / "team" / method)
        assert [line.keys() for line in ours] == [line.keys() for line in theirs]
        for one, two in zip(ours, theirs, strict=True):
            for key, value in one.items():
                assert two[key] == pytest.approx(value, abs=1e-2), (method, one["step"], key)  # bfloat16 where the processor has it
        info = read_adapter(tmp_path / "team" / method)
        assert info.loss_after == pytest.approx(alone.loss_after, abs=1e-2)
        assert info.manifest["training"]["plan"]["processes"] == 2
        prompts = [sample.prompt for sample in alone.samples]
        assert [sample["prompt"] for sample in info.manifest["samples"]] == ([] if team else prompts)  # a cut model writes none


def test_a_team_of_one_shares_and_sums_as_it_is() -> None:
    team = Team()
    assert (team.leads, team.cuts, team.size) == (True, False, 1)
    assert list(team.share([4, 5, 6])) == [4, 5, 6]
    assert team.total(1.5, 2.0) == (1.5, 2.0)
    assert team.collect("a") == ["a"]
