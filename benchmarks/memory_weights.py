"""Choose the weights of the memory's arms on development sets: `python benchmarks/memory_weights.py SET_DIR... [--embedding NAME]`.

Every question's arms are searched once; then weights are tried at random, first around the shipped ones, then around the best so far. The
figure is the mean over the sets of (R@5 + R@10 + MRR@10) / 3, every set counting the same. To show how much is luck, each set is also
reported with the weights that are best on the other sets.
"""

import argparse
from collections import defaultdict
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np

from memory.embed import load_embedder
from memory.labelled import build_history, read_lines, understand
from memory.metrics import of_question
from memory.ranking import Evidence, Named, Ranker, Weights, fuse

NAMES = [field.name for field in fields(Weights)]
ARMS = 5  # the first weights, which sum to 1
Case = tuple[list[tuple[str, Named, Evidence]], list[str], set[str]]


def cases(folder: Path, embedding: str | None, most: int) -> list[Case]:
    """Each question as its parts with what was found for each, the turn ids of the history, and the gold ones."""
    embedder = load_embedder(embedding)
    turns, questions = defaultdict(list), [line for line in read_lines(folder, "questions") if line.get("gold")]
    for turn in read_lines(folder, "turns"):
        turns[turn["history"]].append(turn)
    by_history = defaultdict(list)
    for question in questions[:: max(1, len(questions) // most)]:
        by_history[question["history"]].append(question)
    result = []
    for history, asked in by_history.items():
        memory = build_history(turns[history], embedder)
        ranker = Ranker(memory.table, memory.vectors, embedder)
        for question in asked:
            found = [(text, named, ranker.collect(text, named=named)) for text, named in understand(memory, question)]
            result.append((found, memory.ids, {str(turn) for turn in question["gold"]}))
    return result


def figure(found: list[Case], weights: Weights) -> float:
    """The mean of R@5, R@10 and MRR@10 with these weights."""
    sums = []
    for parts, ids, gold in found:
        best: dict[int, float] = {}
        for text, named, evidence in parts:
            scores = fuse(evidence, weights, question=text, others=named.others)
            top = float(scores.max(initial=0.0)) or 1.0
            for number, score in zip(evidence.facts.numbers.tolist(), scores.tolist(), strict=True):
                best[number] = max(best.get(number, 0.0), score / top)
        ranked = sorted(best, key=lambda number: -best[number])[:20]
        values = of_question([ids[number - 1] for number in ranked], gold)
        sums.append((values["R@5"] + values["R@10"] + values["MRR@10"]) / 3)
    return float(np.mean(sums))


def near(weights: Weights, rng: np.random.Generator) -> Weights:
    """Weights at random around others."""
    values = np.clip(np.array(astuple(weights)) + rng.normal(0, 0.06, len(NAMES)), 0, 1)
    values[:ARMS] /= values[:ARMS].sum()
    return Weights(**dict(zip(NAMES, values.round(3).tolist(), strict=True)))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--embedding")
    parser.add_argument("--most", type=int, default=100, help="questions of a set (default %(default)s)")
    parser.add_argument("--tries", type=int, default=40)
    arguments = parser.parse_args()
    sets = {folder.name: cases(folder, arguments.embedding, arguments.most) for folder in arguments.folders}
    rng = np.random.default_rng(0)
    tried = [Weights()]
    scores = [[figure(found, tried[0]) for found in sets.values()]]
    for _ in range(arguments.tries):
        best = tried[int(np.argmax(np.mean(scores, axis=1)))]
        tried.append(near(best, rng))
        scores.append([figure(found, tried[-1]) for found in sets.values()])
    table = np.array(scores)
    chosen = int(np.argmax(table.mean(axis=1)))
    print("chosen", dict(zip(NAMES, astuple(tried[chosen]), strict=True)))
    print("| set | shipped | chosen | chosen on the other sets |\n|---|---|---|---|")
    for column, name in enumerate(sets):
        others = int(np.argmax(np.delete(table, column, axis=1).mean(axis=1))) if len(sets) > 1 else chosen
        print(f"| {name} | {table[0, column]:.3f} | {table[chosen, column]:.3f} | {table[others, column]:.3f} |")


if __name__ == "__main__":
    main()
