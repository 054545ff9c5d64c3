"""What an embedding adds to BM25: `python benchmarks/embedding.py SET_DIR... [--embedding NAME]`, one table row a set and method."""

import argparse
from pathlib import Path

from memory.evaluate import METHODS as ALONE
from memory.evaluate import evaluate_memory, weighed
from memory.ranking import Ranker
from memory.weights import NAMES, Weights

METHODS = {
    "BM25 alone": ALONE["bm25"],
    "embedding alone": ALONE["dense"],
    "BM25 + embedding": weighed(Weights(**(dict.fromkeys(NAMES, 0.0) | {"turn": 0.55, "dense_turn": 0.45}))),
    "all without embedding": lambda history, embedder: Ranker(history.table, None, None),
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
