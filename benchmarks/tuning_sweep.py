"""Learning rates of every tuning method, in few steps: what the defaults in finetune/methods are chosen from.

    python benchmarks/tuning_sweep.py --record FILE     on the model that ships and the sample life; broken off, the same command goes on
    python benchmarks/tuning_sweep.py --methods ptuning --max-steps 60

Each run is as long as a person waits for a first impression (24 steps, the whole schedule within them), and is looked at with 128 held-out
answers and 30 replies; the options and the columns are those of `tuning_methods.py`.
"""

from tuning_methods import Trial, main

_NETWORK = {"prefix_projection": True}
SWEEP = (
    *(Trial(method="lora", learning_rate=rate) for rate in (2e-3, 5e-3, 1e-2)),
    *(Trial(method="ptuning", learning_rate=rate) for rate in (1e-1, 3e-1, 1.0)),
    *(Trial(method="full", learning_rate=rate) for rate in (2e-4, 5e-4, 1e-3)),
    *(Trial(method="unipelt", learning_rate=rate) for rate in (5e-3, 1e-2, 2e-2)),
    *(Trial(method="ptuning", settings=_NETWORK, learning_rate=rate) for rate in (2e-3, 5e-3, 1e-2)),
)

if __name__ == "__main__":
    main(SWEEP, __doc__, max_steps=24, eval_examples=128, replies=30)
