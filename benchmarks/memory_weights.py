"""Fit what each reason for a passage counts: `python benchmarks/memory_weights.py SET_DIR... [--language en]`.

The sets are the development questions on the sample life and the folders given, each question's reasons collected once. The weights are
those under which the passages with the answer are likely among all that were found (softmax over the scores), kept near those that
ship. To show how much is luck, every figure is also given for weights that were fitted without some of the questions, on those: of the
sample life those of one chat at a time, of a folder a fifth. In the sample life a line counts that is a right answer by itself, where
there is one.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from life_memory import asker_of, development_questions, life_memory
from memory_life import answering
from numpy.typing import NDArray
from scipy.optimize import minimize

from clone_agent.records import Scope
from clone_agent.sample_life.questions import key_ids
from memory.embed import load_embedder
from memory.evidence import Evidence
from memory.labelled import build_history, read_lines, understand
from memory.ranking import Ranker
from memory.weights import CHINESE, ENGLISH, NAMES, Weights, values

SHARPNESS = 12.0  # of the softmax
HELD_BACK = 5  # parts of which one is held back
MOST = 100  # passages of a question that are weighed


@dataclass(frozen=True, slots=True)
class Case:
    """One question: what speaks for each passage, (passages, reasons), and which of them are gold."""

    columns: NDArray[np.float32]
    is_gold: NDArray[np.bool_]
    gold: int  # passages in all, at least 1
    part: str  # held back together with those of the same


def case(evidence: Evidence, is_gold: NDArray[np.bool_], rough: Weights, *, gold: int, part: str) -> Case:
    """The evidence as a table, of the best passages by the weights that ship."""
    table = np.stack([evidence.columns[name] for name in NAMES], axis=1)[evidence.is_found]
    best = np.argsort(-(table @ values(rough)), kind="stable")[:MOST]
    return Case(table[best], is_gold[evidence.is_found][best], max(1, gold), part)


def of_life(language: str) -> list[Case]:
    """The questions on the sample life that are for development, asked as of their days."""
    cases = []
    with life_memory() as (archive, memory):
        memory.index()
        ids = key_ids(archive)
        for question in development_questions():
            if not question.never_happened and is_of(question.question, language):
                found = memory.evidence(
                    question.question, scope=Scope(before=question.asked_at), now=question.asked_at, asker=asker_of(question)
                )[0]
                passages = memory.memories(found.facts.numbers.tolist())
                chosen = answering(question, passages, ids)
                part = question.id.rsplit("-", maxsplit=1)[0]  # the chat
                cases.append(case(found, chosen, shipped(language), gold=int(chosen.sum()), part=part))
    return cases


def of_folder(folder: Path, language: str, most: int) -> list[Case]:
    """At most so many questions of a set of one part, spread over it."""
    embedder = load_embedder(None)
    turns, asked = defaultdict(list), defaultdict(list)
    for turn in read_lines(folder, "turns"):
        turns[turn["history"]].append(turn)
    questions = [line for line in read_lines(folder, "questions") if line.get("gold") and is_of(line["question"], language)]
    for question in questions[:: max(1, len(questions) // most)]:
        asked[question["history"]].append(question)
    cases = []
    for history, lines in asked.items():
        memory = build_history(turns[history], embedder)
        ranker = Ranker(memory.table, memory.vectors, embedder)
        for question in lines:
            if len(parts := understand(memory, question)) == 1:
                gold = {memory.ids.index(str(turn)) + 1 for turn in question["gold"] if str(turn) in memory.ids}
                evidence = ranker.collect(parts[0][0], named=parts[0][1])
                is_gold = np.isin(evidence.facts.numbers, list(gold))
                cases.append(case(evidence, is_gold, shipped(language), gold=len(gold), part=str(len(cases) % HELD_BACK)))
    return cases


def is_of(question: str, language: str) -> bool:
    """Whether a question is in the language, "zh" or "en"."""
    return any("\u3400" <= char <= "\u9fff" for char in question) == (language == "zh")


def shipped(language: str) -> Weights:
    """The weights that ship."""
    return CHINESE if language == "zh" else ENGLISH


def fit(groups: Sequence[Sequence[Case]], start: Weights, *, hold: float) -> Weights:
    """The weights that suit all groups, the first counting as much as three others; `hold` keeps them near `start`."""
    first = values(start).astype(np.float64)
    columns, is_there, is_gold, shares = stacked(groups)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = np.where(is_there, SHARPNESS * (columns @ weights), -np.inf)
        likely = np.exp(scores - scores.max(axis=1, keepdims=True))
        all_of_them, gold = likely.sum(axis=1), (likely * is_gold).sum(axis=1)
        slope = likely / all_of_them[:, None] - likely * is_gold / gold[:, None]
        total = shares @ np.log(all_of_them / gold) + hold * ((weights - first) ** 2).sum()
        return float(total), SHARPNESS * np.einsum("q,qp,qpr->r", shares, slope, columns) + 2 * hold * (weights - first)

    chosen = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": 60}).x
    return Weights(**dict(zip(NAMES, chosen.round(2).tolist(), strict=True)))


def stacked(
    groups: Sequence[Sequence[Case]],
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]]:
    """The questions with a gold passage: (questions, MOST, reasons), which rows are passages, which gold, and what each question counts."""
    found = [(place, one, len(group)) for place, group in enumerate(groups) for one in group if one.is_gold.any()]
    columns = np.zeros((len(found), MOST, len(NAMES)))
    is_there, is_gold = np.zeros((2, len(found), MOST), dtype=bool)
    for row, (_, one, _) in enumerate(found):
        columns[row, : len(one.columns)] = one.columns
        is_there[row, : len(one.columns)] = True
        is_gold[row, : len(one.columns)] = one.is_gold
    return columns, is_there, is_gold, np.array([(1.0 if place == 0 else 0.3) / size for place, _, size in found])


def figures(cases: Sequence[Case], weights: Weights) -> NDArray[np.float64]:
    """hit@1, hit@2, hit@8 and R@8 of each question: (questions, 4)."""
    rows = []
    for one in cases:
        hits = one.is_gold[np.argsort(-(one.columns @ values(weights)), kind="stable")][:8]
        rows.append((float(hits[:1].any()), float(hits[:2].any()), float(hits.any()), float(hits.sum()) / one.gold))
    return np.array(rows).reshape(-1, 4)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--language", choices=("zh", "en"), default="zh")
    parser.add_argument("--most", type=int, default=250, help="questions of a folder (default %(default)s)")
    parser.add_argument("--hold", type=float, default=1.0, help="how much the shipped weights hold (default %(default)s)")
    arguments = parser.parse_args()
    sets = {"sample life": of_life(arguments.language)}
    sets |= {folder.name: of_folder(folder, arguments.language, arguments.most) for folder in arguments.folders}
    sets = {name: cases for name, cases in sets.items() if cases}
    start = shipped(arguments.language)
    chosen = fit(list(sets.values()), start, hold=arguments.hold)
    unseen: dict[str, list[NDArray[np.float64]]] = {name: [] for name in sets}
    for part in sorted({one.part for cases in sets.values() for one in cases}):
        weights = fit([[one for one in cases if one.part != part] for cases in sets.values()], start, hold=arguments.hold)
        for name, cases in sets.items():
            if held_back := [one for one in cases if one.part == part]:
                unseen[name].append(figures(held_back, weights))
    print("fitted", asdict(chosen))
    print("| set | questions | shipped: hit@1, hit@2, hit@8, R@8 | fitted | fitted without them |\n|---|---|---|---|---|")
    for name, cases in sets.items():
        means = (figures(cases, start), figures(cases, chosen), np.concatenate(unseen[name]))
        print(f"| {name} | {len(cases)} | " + " | ".join(" ".join(f"{value:.3f}" for value in each.mean(axis=0)) for each in means) + " |")


if __name__ == "__main__":
    main()
