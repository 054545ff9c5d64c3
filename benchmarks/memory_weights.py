"""Fit what each reason for a passage counts: `python benchmarks/memory_weights.py SET_DIR... [--language en]`.

The sets are the development half of the sample life and the folders given, each question's reasons collected once. The weights are those
under which the passages with the answer are likely among all that were found (softmax over the scores), kept near those that ship. To
show how much is luck, every figure is also given for weights that were fitted without a fifth of the questions, on that fifth.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from life_memory import asker_of, life_memory
from numpy.typing import NDArray

from clone_agent.records import Scope
from clone_agent.sample_life.questions import gold_sets, key_ids, load_questions
from memory.embed import load_embedder
from memory.evidence import Evidence
from memory.labelled import build_history, read_lines, understand
from memory.ranking import Ranker
from memory.table import PassageTable
from memory.weights import CHINESE, ENGLISH, NAMES, Weights

SHARPNESS = 12.0  # of the softmax
HELD_BACK = 5  # parts of which one is held back
MOST = 300  # passages of a question that are weighed


@dataclass(frozen=True, slots=True)
class Case:
    """One question: what speaks for each passage, (passages, reasons), and which of them are gold."""

    columns: NDArray[np.float32]
    is_gold: NDArray[np.bool_]
    gold: int  # passages in all, at least 1


def case(evidence: Evidence, gold: set[int], rough: Weights) -> Case:
    """The evidence as a table, of the best passages by the weights that ship."""
    table = np.stack([evidence.columns[name] for name in NAMES], axis=1)[evidence.is_found]
    is_gold = np.isin(evidence.facts.numbers[evidence.is_found], list(gold))
    best = np.argsort(-(table @ values(rough)), kind="stable")[:MOST]
    return Case(table[best], is_gold[best], max(1, len(gold)))


def of_life(language: str) -> list[Case]:
    """The development half of the sample life, asked as of the questions' days."""
    cases = []
    with life_memory() as (archive, memory):
        memory.index()
        ids, table = key_ids(archive), PassageTable(archive.connection)
        for question in load_questions():
            if question.split == "dev" and not question.never_happened and is_of(question.question, language):
                evidence = memory.evidence(
                    question.question, scope=Scope(before=question.asked_at), now=question.asked_at, asker=asker_of(question)
                )
                wanted = {message for gold in gold_sets(question, ids) for message in gold}
                cases += [case(found, holding(table, found, wanted), shipped(language)) for found in evidence[:1]]
    return cases


def holding(table: PassageTable, evidence: Evidence, messages: set[str]) -> set[int]:
    """The passages found that hold any of these messages."""
    numbers = evidence.facts.numbers.tolist()
    return {number for number, memory in zip(numbers, table.memories(numbers), strict=True) if messages & set(memory.message_ids)}


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
                cases.append(case(ranker.collect(parts[0][0], named=parts[0][1]), gold, shipped(language)))
    return cases


def is_of(question: str, language: str) -> bool:
    """Whether a question is in the language, "zh" or "en"."""
    return any("\u3400" <= char <= "\u9fff" for char in question) == (language == "zh")


def shipped(language: str) -> Weights:
    """The weights that ship."""
    return CHINESE if language == "zh" else ENGLISH


def values(weights: Weights) -> NDArray[np.float32]:
    """Weights in the order of the columns."""
    return np.array([asdict(weights)[name] for name in NAMES], dtype=np.float32)


def fit(groups: Sequence[Sequence[Case]], start: Weights, *, hold: float) -> Weights:
    """The weights that suit all groups, the first counting as much as three others; `hold` keeps them near `start`."""
    first = torch.tensor(values(start))
    weights = first.clone().requires_grad_(True)
    tables = [[(torch.tensor(one.columns), torch.tensor(one.is_gold)) for one in group if one.is_gold.any()] for group in groups]
    optimizer = torch.optim.LBFGS([weights], max_iter=60, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        total = hold * ((weights - first) ** 2).sum()
        for place, group in enumerate(tables):
            share = (1.0 if place == 0 else 0.3) / max(1, len(group))
            for columns, is_gold in group:
                scores = torch.log_softmax(SHARPNESS * (columns @ weights), dim=0)[is_gold]
                total = total - share * (torch.logsumexp(scores, dim=0) + scores.mean()) / 2
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return Weights(**dict(zip(NAMES, weights.detach().numpy().astype(float).round(2).tolist(), strict=True)))


def figures(cases: Sequence[Case], weights: Weights) -> NDArray[np.float64]:
    """hit@1, hit@8 and R@8 of each question: (questions, 3)."""
    rows = []
    for one in cases:
        hits = one.is_gold[np.argsort(-(one.columns @ values(weights)), kind="stable")][:8]
        rows.append((float(hits[:1].any()), float(hits.any()), float(hits.sum()) / one.gold))
    return np.array(rows).reshape(-1, 3)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--language", choices=("zh", "en"), default="zh")
    parser.add_argument("--most", type=int, default=250, help="questions of a folder (default %(default)s)")
    parser.add_argument("--hold", type=float, default=0.1, help="how much the shipped weights hold (default %(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sets = {"sample life": of_life(arguments.language)}
    sets |= {folder.name: of_folder(folder, arguments.language, arguments.most) for folder in arguments.folders}
    sets = {name: cases for name, cases in sets.items() if cases}
    start = shipped(arguments.language)
    chosen = fit(list(sets.values()), start, hold=arguments.hold)
    unseen: dict[str, list[NDArray[np.float64]]] = {name: [] for name in sets}
    for part in range(HELD_BACK):
        kept = [[one for place, one in enumerate(cases) if place % HELD_BACK != part] for cases in sets.values()]
        weights = fit(kept, start, hold=arguments.hold)
        for name, cases in sets.items():
            unseen[name].append(figures(cases[part::HELD_BACK], weights))
    print("fitted", asdict(chosen))
    print("| set | questions | shipped: hit@1, hit@8, R@8 | fitted | fitted without them |\n|---|---|---|---|---|")
    for name, cases in sets.items():
        means = (figures(cases, start), figures(cases, chosen), np.concatenate(unseen[name]))
        print(f"| {name} | {len(cases)} | " + " | ".join(" ".join(f"{value:.3f}" for value in each.mean(axis=0)) for each in means) + " |")


if __name__ == "__main__":
    main()
