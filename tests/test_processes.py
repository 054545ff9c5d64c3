"""Two processes that `accelerate launch` starts on the CPU learn what one process learns."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_glm
from test_train import config, examples, log

from finetune.checkpoint import read_adapter
from finetune.examples import write_dataset
from finetune.processes import Team
from finetune.train import tune

SCRIPT = """
import sys
from pathlib import Path
from test_train import config, stop_at
from finetune.train import tune
base, dataset, out = map(Path, sys.argv[1:4])
settings = config(base, settings={"lora_dropout": 0.0}, max_steps=6, device="cpu")
step = [0]
def stop():
    step[0] += 1
    return step[0] == 3
stopped = tune(settings, dataset, out, should_stop=stop)
assert (stopped.finished, stopped.steps, stopped.plan.processes) == (False, 3, 2)
tune(settings, dataset, out, resume=True)
"""


def test_two_processes_stopped_and_resumed_walk_the_curve_of_one(tmp_path: Path) -> None:
    base = tiny_glm.save(tmp_path / "base")
    write_dataset(examples(), tmp_path / "dataset")
    (tmp_path / "team.py").write_text(SCRIPT, encoding="utf-8")
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    folders = [str(tmp_path / name) for name in ("base", "dataset", "team")]
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""), str(Path(__file__).parent.parent)])
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "PYTHONPATH": here, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run([*launch, str(tmp_path / "team.py"), *folders], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    alone = tune(config(base, settings={"lora_dropout": 0.0}, max_steps=6), tmp_path / "dataset", tmp_path / "alone")
    ours, theirs = log(tmp_path / "alone"), log(tmp_path / "team")
    assert [line.keys() for line in ours] == [line.keys() for line in theirs]
    for one, two in zip(ours, theirs, strict=True):
        for key, value in one.items():
            assert two[key] == pytest.approx(value, abs=1e-2), (one["step"], key)  # bfloat16 where the processor has it
    info = read_adapter(tmp_path / "team")
    assert info.loss_after == pytest.approx(alone.loss_after, abs=1e-2)
    assert json.dumps(info.manifest["training"]["plan"]["processes"]) == "2"
    assert [sample["prompt"] for sample in info.manifest["samples"]] == [sample.prompt for sample in alone.samples]


def test_a_team_of_one_shares_and_sums_as_it_is() -> None:
    team = Team()
    assert (team.leads, team.cuts, team.size) == (True, False, 1)
    assert list(team.share([4, 5, 6])) == [4, 5, 6]
    assert team.total(1.5, 2.0) == (1.5, 2.0)
    assert team.collect("a") == ["a"]
