"""The benchmarks of tuning: broken off, they go on where they were; without a GPU the one for GPUs says so."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

ROWS = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tuning_rows import kept_rows
def row(number):
    print("made", number, file=sys.stderr, flush=True)
    return {"number": number}
works = {f"row {number}": (lambda number=number: row(number)) for number in range(4)}
kept = kept_rows(works, Path(sys.argv[2]), about={"steps": int(sys.argv[3])}, new=int(sys.argv[4]))
print([name for name, _ in kept])
"""


def rows(record: Path, *, steps: int, new: int) -> tuple[list[str], int, str]:
    """Names of the rows that came, how many were made for it, and what was said."""
    command = [sys.executable, "-c", ROWS, str(BENCHMARKS), str(record), str(steps), str(new)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout.replace("'", '"') or "[]"), done.stderr.count("made"), done.stderr


def test_rows_that_were_measured_are_not_measured_again(tmp_path: Path) -> None:
    record = tmp_path / "rows.jsonl"
    assert rows(record, steps=5, new=2)[:2] == (["row 0", "row 1"], 2)
    with record.open("a", encoding="utf-8") as file:
        file.write('{"name": "row 2", "num')  # cut short
    assert rows(record, steps=5, new=1)[:2] == (["row 0", "row 1", "row 2"], 1)
    assert rows(record, steps=5, new=9)[:2] == (["row 0", "row 1", "row 2", "row 3"], 1)
    assert "other weights or settings" in rows(record, steps=6, new=9)[2]


def test_without_a_gpu_the_benchmark_for_gpus_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "argv", ["tuning_gpu.py"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("PYTORCH_NVML_BASED_CUDA_CHECK", raising=False)
    import tuning_gpu

    with pytest.raises(SystemExit, match="needs a CUDA device"):
        tuning_gpu.main()
