"""Fit the signs of a found subject to a probability: `python benchmarks/memory_confidence.py SET_DIR...`.

A logistic regression over `memory.confidence.Signs`: of the development questions on the sample life, of which some ask about what never
happened, and of each folder's questions, put to their own history and to the next. Both kinds count the same in each set; the
sample life counts as three others. The last figure is of questions that were held back in turn.
"""

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from life_memory import development_questions, life_memory
from numpy.typing import NDArray

from clone_agent.records import Scope
from memory.confidence import BIAS, WEIGHTS, Signs
from memory.embed import load_embedder
from memory.labelled import build_history, read_lines, understand
from memory.metrics import auroc, kept_and_rejected
from memory.ranking import Ranker, together

Array = NDArray[np.float64]
LIFE = "sample life"
HOLD = 1.0  # how much weights are kept small
HELD_BACK = 6  # parts of which one is held back


@dataclass(frozen=True, slots=True)
class Asked:
    """The questions of a set: their signs, (questions, signs), and which of them have an answer."""

    signs: Array
    is_answerable: NDArray[np.bool_]

    def but(self, rows: NDArray[np.int64]) -> "Asked":
        """Without some questions."""
        return Asked(np.delete(self.signs, rows, axis=0), np.delete(self.is_answerable, rows))


def asked(rows: Sequence[tuple[Signs, bool]]) -> Asked:
    """Signs as a table, with a leading 1 for the bias; the answerable questions first."""
    ordered = sorted(rows, key=lambda row: not row[1])
    return Asked(np.array([(1.0, *astuple(signs)) for signs, _ in ordered]), np.array([is_answerable for _, is_answerable in ordered]))


def of_life() -> Asked:
    """The questions on the sample life that are for development, asked as of their days."""
    with life_memory() as (_, memory):
        memory.index()
        rows = [
            (memory.signs(each.question, now=each.asked_at, scope=Scope(before=each.asked_at)), not each.never_happened)
            for each in development_questions()
        ]
    return asked(rows)


def of_folder(folder: Path, most: int) -> Asked:
    """At most so many questions of a set, spread over it, put to their own history and to the next."""
    embedder = load_embedder(None)
    turns, questions = defaultdict(list), defaultdict(list)
    for turn in read_lines(folder, "turns"):
        turns[turn["history"]].append(turn)
    labelled = [line for line in read_lines(folder, "questions") if line.get("gold")]
    for question in labelled[:: max(1, len(labelled) // most)]:
        questions[question["history"]].append(question)
    rows: list[tuple[Signs, bool]] = []
    foreign: list[dict[str, object]] = []
    for history, own in questions.items():
        memory = build_history(turns[history], embedder)
        ranker = Ranker(memory.table, memory.vectors, embedder)
        for question in [*own, *foreign]:
            ranking = together([ranker.rank(text, named=named) for text, named in understand(memory, question)])
            rows.append((ranking.signs, question in own))
        foreign = own
        memory.table.connection.close()
    return asked(rows)


def fit(sets: Mapping[str, Asked]) -> Array:
    """Bias and weights: Newton's method on the penalised likelihood."""
    signs = np.concatenate([each.signs for each in sets.values()])
    answerable = np.concatenate([each.is_answerable for each in sets.values()]).astype(float)
    shares = np.concatenate([_shares(each, 100.0 if name == LIFE else 30.0) for name, each in sets.items()])
    weights = np.zeros(signs.shape[1])
    hold = np.diag([1e-6, *[HOLD] * (len(weights) - 1)])
    for _ in range(30):
        likely = 1 / (1 + np.exp(-signs @ weights))
        slope = signs.T @ (shares * (likely - answerable)) + hold @ weights
        weights = weights - np.linalg.solve((signs * (shares * likely * (1 - likely))[:, None]).T @ signs + hold, slope)
    return weights


def _shares(each: Asked, share: float) -> Array:
    known = each.is_answerable
    return np.asarray(np.where(known, share / 2 / max(1, known.sum()), share / 2 / max(1, (~known).sum())), dtype=np.float64)


def figures(each: Asked, scores: Array) -> str:
    """AUROC, and what is rejected where 95 % are kept."""
    kinds = {"answerable": scores[each.is_answerable].tolist(), "foreign": scores[~each.is_answerable].tolist()}
    return f"{auroc(**kinds):.3f} {kept_and_rejected(**kinds).get('rejected', float('nan')):.2f}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--most", type=int, default=70, help="questions of a folder (default %(default)s)")
    arguments = parser.parse_args()
    sets = {LIFE: of_life()} | {folder.name: of_folder(folder, arguments.most) for folder in arguments.folders}
    weights, shipped = fit(sets), np.array([BIAS, *astuple(WEIGHTS)])
    print("fitted", dict(zip(("bias", *[field.name for field in fields(Signs)]), weights.round(2).tolist(), strict=True)))
    unseen = {name: np.zeros(len(each.signs)) for name, each in sets.items()}
    for part in range(HELD_BACK):
        rows = {name: np.arange(part, len(each.signs), HELD_BACK) for name, each in sets.items()}
        without = fit({name: each.but(rows[name]) for name, each in sets.items()})
        for name, each in sets.items():
            unseen[name][rows[name]] = each.signs[rows[name]] @ without
    print("| set | answerable, not | shipped: AUROC, rejected | fitted | fitted without them |\n|---|---|---|---|---|")
    for name, each in sets.items():
        counts = f"{each.is_answerable.sum()}, {(~each.is_answerable).sum()}"
        columns = (each.signs @ shipped, each.signs @ weights, unseen[name])
        print(f"| {name} | {counts} | " + " | ".join(figures(each, scores) for scores in columns) + " |")


if __name__ == "__main__":
    main()
