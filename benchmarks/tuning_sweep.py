"""Learning rates of every tuning method, in the steps that a person waits for: what the defaults in finetune/methods are chosen from.

    python benchmarks/tuning_sweep.py                   on the model that ships and the sample life
    python benchmarks/tuning_sweep.py --methods ptuning --max-steps 40

The options and the columns are those of `tuning_methods.py`.
"""

from tuning_methods import Trial, main

_NETWORK = {"prefix_projection": True}
SWEEP = (
    *(Trial(method="lora", learning_rate=rate) for rate in (2e-3, 5e-3, 1e-2)),
    *(Trial(method="ptuning", learning_rate=rate) for rate in (1e-1, 3e-1, 1.0)),
    *(Trial(method="ptuning", settings=_NETWORK, learning_rate=rate) for rate in (2e-3, 5e-3, 1e-2)),
    *(Trial(method="unipelt", learning_rate=rate) for rate in (5e-3, 1e-2, 2e-2)),
    *(Trial(method="full", learning_rate=rate) for rate in (2e-4, 5e-4, 1e-3)),
)

if __name__ == "__main__":
    main(SWEEP, __doc__)
