"""Training on a GPU: every method, with and without gradient checkpointing, and our loop beside others, on a random GLM-Edge-1.5B.

    pip install "clone-agent[qlora]" trl
    python benchmarks/tuning_gpu.py --record FILE           on a CUDA device; broken off, the same command goes on
    python benchmarks/tuning_gpu.py --device cpu --shape shipped --steps 2 --batch-size 2
                                                            the same code on a CPU, to see that it runs

First table: tokens/s without padding, peak of the device's memory, loss of the last step; bfloat16, and a base in 4
bits for qlora. A method that does not fit says so. Second table: that of `tuning_loops.py`, LoRA in every loop.
"""

import argparse
import math
from functools import partial
from pathlib import Path

import torch
from tuning_loops import compare, ours
from tuning_rows import Row, kept_rows
from tuning_shapes import SHAPES

from finetune.memory_limits import is_out_of_memory
from finetune.methods.registry import METHODS


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shape", choices=("shipped", *SHAPES), default="1.5b")
    parser.add_argument("--steps", type=int, default=20, help="timed steps of each run")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--record", type=Path, help="keep each row in this file as soon as it is there, and pass over those that it holds")
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        raise SystemExit("This benchmark needs a CUDA device, and torch finds none here.")
    fixed = argparse.Namespace(**vars(options), attention="sdpa", float32=False, gradient_checkpointing=False, rounds=1, loops=None)
    works = {f"{name}{note}": partial(fitting, fixed, name, note != "") for name in METHODS for note in ("", ", checkpointing")}
    settings = {name: getattr(options, name) for name in ("device", "shape", "steps", "batch_size")}
    print("| method | tokens/s | peak MiB | loss after |\n|---|---|---|---|")
    for name, row in kept_rows(works, options.record, about=settings, on_gpu=options.device.startswith("cuda")):
        cells = (
            ("out of memory", "", "")
            if math.isnan(row["speed"])
            else (f"{row['speed']:,.0f}", f"{row['peak'] / 2**20:,.0f}", f"{row['loss']:.3f}")
        )
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print()
    loops = options.record.with_name(f"{options.record.name}.loops") if options.record else None
    compare(argparse.Namespace(**{**vars(fixed), "record": loops, "gradient_checkpointing": True}))


def fitting(options: argparse.Namespace, method: str, checkpointing: bool) -> Row:
    """Our loop with a method; NaN where it does not fit into memory."""
    try:
        return ours(argparse.Namespace(**{**vars(options), "gradient_checkpointing": checkpointing}), method)
    except RuntimeError as cause:
        if not is_out_of_memory(cause):
            raise
        return {"speed": math.nan, "peak": math.nan, "loss": math.nan}


if __name__ == "__main__":
    main()
