"""What an embedding adds to BM25: `python benchmarks/embedding.py SET_DIR... [--embedding NAME]`, one table row a set and method."""

import argparse
from pathlib import Path

from memory.evaluate import METHODS as ALONE
from memory.evaluate import evaluate_memory, weighed
from memory.ranking import Weights

METHODS = {
    "BM25 alone": ALONE["bm25"],
    "embedding alone": ALONE["dense"],
    "BM25 + embedding": weighed(
        Weights(turn=0.55, near=0, far=0, dense_turn=0.45, dense_segment=0, person=0, time=0, answer=0, asks=0, follows=0)
    ),
    "all without embedding": weighed(Weights(dense_turn=0, dense_segment=0)),
    "fused": ALONE["fused"],
}
COLUMNS = ("R@5", "R@10", "hit@5", "MRR@10", "nDCG@10")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--embedding")
    arguments = parser.parse_args()
    print("| set | method |", " | ".join(COLUMNS), "|\n|---|---|" + "---|" * len(COLUMNS))
    for folder in arguments.folders:
        report = evaluate_memory(folder, embedding=arguments.embedding, methods=METHODS)
        for name, figures in report.methods.items():
            print(f"| {folder.name} | {name} |", " | ".join(f"{figures.values[column]:.3f}" for column in COLUMNS), "|", flush=True)


if __name__ == "__main__":
    main()
