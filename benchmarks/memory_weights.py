"""Choose the weights of the memory's arms on development sets: `python benchmarks/memory_weights.py SET_DIR... [--embedding NAME]`.

Every question's arms are searched once; then many weights are tried, first on a coarse grid, then around the best. The figure is the
mean over the sets of (R@5 + R@10 + MRR@10) / 3, every set counting the same. To show how much is luck, each set is also reported with the
weights chosen on the other sets alone.
"""

import argparse
import itertools
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory.embed import load_embedder
from memory.labelled import build_history, read_lines, understand
from memory.ranking import FUSED, Evidence, Ranker

ARMS = ("lexical_turn", "lexical_segment", "dense_turn", "dense_segment")
Case = tuple[NDArray[np.float32], NDArray[np.bool_], int]


def cases(folder: Path, embedding: str | None, most: int) -> list[Case]:
    """Each question as (features of shape (6, turns), which turns are gold, how many gold turns there are)."""
    embedder = load_embedder(embedding)
    turns, questions = defaultdict(list), [line for line in read_lines(folder, "questions") if line.get("gold")]
    for turn in read_lines(folder, "turns"):
        turns[turn["history"]].append(turn)
    found = []
    for question in questions[:: max(1, len(questions) // most)]:
        found.append((question["history"], question))
    memories = {}
    result = []
    for history, question in sorted(found, key=lambda pair: str(pair[0])):
        if history not in memories:
            memories.clear()
            memories[history] = build_history(turns[history], embedder)
        memory = memories[history]
        text, named = understand(memory, question)
        evidence = Ranker(memory.table, memory.vectors, embedder).collect(text, named=named, weights=FUSED)
        result.append(features(evidence, memory.ids, {str(turn) for turn in question["gold"]}))
    return result


def features(evidence: Evidence, ids: list[str], gold: set[str]) -> Case:
    """The four arms divided by their best, then who and when."""
    numbers = sorted({number for arm in evidence.arms for number in arm} & evidence.facts.keys())
    table = np.zeros((6, len(numbers)), dtype=np.float32)
    for row, arm in enumerate(evidence.arms):
        best = max(arm.values(), default=0.0)
        if best > 0:
            table[row] = [max(0.0, arm.get(number, 0.0)) / best for number in numbers]
    facts = [evidence.facts[number] for number in numbers]
    table[4] = [fact.person in evidence.named.people for fact in facts]
    if evidence.span and evidence.named.span:
        first, end = evidence.span
        table[5] = [(fact.started_ms < end and fact.ended_ms >= first) * evidence.named.span.confidence for fact in facts]
    return table, np.array([ids[number - 1] in gold for number in numbers], dtype=bool), len(gold)


def figure(found: list[Case], weights: NDArray[np.float32]) -> tuple[float, float, float]:
    """R@5, R@10 and MRR@10 with these weights."""
    sums = np.zeros(3)
    for table, is_gold, many in found:
        hits = is_gold[np.argsort(-(weights @ table), kind="stable")[:10]]
        first = np.flatnonzero(hits)
        sums += (hits[:5].sum() / many, hits.sum() / many, 1 / (first[0] + 1) if len(first) else 0.0)
    values = sums / len(found)
    return float(values[0]), float(values[1]), float(values[2])


def grid() -> Iterator[NDArray[np.float32]]:
    """Weights of the arms that sum to 1, and of who and when."""
    steps = [step / 10 for step in range(8)]
    for arms in itertools.product(steps, repeat=3):
        if 0.2 <= sum(arms) <= 1:
            for person, time in ((0.15, 0.15), (0.25, 0.25), (0.25, 0.4), (0.35, 0.35)):
                yield np.array([*arms, 1 - sum(arms), person, time], dtype=np.float32)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--embedding")
    parser.add_argument("--most", type=int, default=300, help="questions of a set (default %(default)s)")
    arguments = parser.parse_args()
    sets = {folder.name: cases(folder, arguments.embedding, arguments.most) for folder in arguments.folders}
    tried = list(grid())
    scores = {name: np.array([np.mean(figure(found, weights)) for weights in tried]) for name, found in sets.items()}
    best = tried[int(np.argmax(np.mean(list(scores.values()), axis=0)))]
    for _ in range(3):  # around the best
        near = [best, *(np.clip(best + shift, 0, 1) for shift in np.random.default_rng(0).normal(0, 0.04, (60, 6)).astype(np.float32))]
        best = max(near, key=lambda weights: float(np.mean([np.mean(figure(found, weights)) for found in sets.values()])))
    names = [*ARMS, "person", "time"]
    print("chosen", {name: round(float(value / best[:4].sum()), 3) for name, value in zip(names, best, strict=True)})
    shipped = np.array([asdict(replace(FUSED))[name] for name in names], dtype=np.float32)
    for name, found in sets.items():
        others = np.mean([scores[other] for other in scores if other != name], axis=0) if len(scores) > 1 else scores[name]
        rows = {"shipped": shipped, "chosen": best, "chosen on the other sets": tried[int(np.argmax(others))]}
        rows |= {"words alone": shipped * [1, 1, 0, 0, 1, 1], "vectors alone": shipped * [0, 0, 1, 1, 1, 1]}
        for label, weights in rows.items():
            print(json.dumps([name, label, *(round(value, 4) for value in figure(found, weights.astype(np.float32)))]))


if __name__ == "__main__":
    main()
