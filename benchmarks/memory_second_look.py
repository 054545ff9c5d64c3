"""Fit what counts beside a cross-encoder's odds: `python benchmarks/memory_second_look.py [--most 8] [--lives 200] [--keep FILE]`.

With `--reranker FOLDER` beside another cross-encoder than the one that ships.

The questions are those on the sample life that are for development, some of every memory of three invented lives that are kept out of
trainings, and some of every Chinese world that is kept out of them, ten worlds to a memory. For each the 24 best passages are read, which
takes a second; `--keep` writes what was read, and reads it again. The weights are those under which the passages with the answer are likely
among them (softmax over the sum), kept near those that were there before. A question of a world counts a tenth of one on a life. To
show how much is luck, the figures are also given for weights that were fitted without some of the questions: of the sample life those of
one chat at a time, of the lives and worlds those of one memory.
"""

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import torch
from life_memory import asker_of, development_questions, life_memory
from lives_memory import lives, lives_memory
from memory_life import answering
from memory_weights import is_of
from numpy.typing import NDArray
from scipy.optimize import minimize
from world_memory import WorldMemory, later_worlds

from clone_agent.records import Scope
from clone_agent.sample_life.questions import key_ids
from clone_agent.worlds import World
from memory.embed import load_embedder
from memory.question import parts
from memory.reranking import DEPTH, SHIPPED_FOLDER, SmallReranker
from memory.weights import SECOND, SECOND_NAMES, SecondWeights, values

LIFE, LIVES, WORLDS = KINDS = ("sample life, development", "lives", "worlds")
SHARES = {LIFE: 1.0, LIVES: 1.0, WORLDS: 0.1}  # of a question
# What was weighed before the cross-encoder learned from lives, its odds, which it is surer of since, counting 1.6 times as much.
FORMER = SecondWeights(
    turn=-0.42,
    near=-1.29,
    far=0.49,
    before=-0.19,
    long_before=1.34,
    dense_turn=-0.34,
    dense_segment=-0.27,
    dense_before=-0.08,
    person=-0.38,
    time=1.03,
    asker_chat=1.18,
    asker_says=0.16,
    kind=-0.11,
    answer=0.74,
    asks=0.13,
    follows=-0.69,
    alike=-0.51,
    length=-0.11,
    late=2.16,
    last=-0.09,
    settles=0.16,
    owner=-0.14,
    score=4.66,
    odds=0.38,
    in_talk=0.58,
    says=1.40,
)


@dataclass(frozen=True, slots=True)
class Looked:
    """One question: what speaks for each passage, (passages, reasons), and which of them answer."""

    reasons: NDArray[np.float32]
    is_gold: NDArray[np.bool_]
    part: str  # held back together with those of the same
    kind: str  # of `KINDS`


def of_life(share: tuple[int, int], folder: Path) -> list[Looked]:
    """The development questions on the sample life, asked as of their days; every so many-th of them."""
    torch.set_num_threads(1)
    found = []
    with life_memory(reranker=str(folder)) as (archive, memory):
        memory.index()
        ids = key_ids(archive)
        for question in development_questions()[share[0] :: share[1]]:
            if question.never_happened or not is_of(question.question, "zh") or len(parts(question.question)) > 1:
                continue
            scope = Scope(before=question.asked_at)
            numbers, reasons = memory.second_look(question.question, scope=scope, now=question.asked_at, asker=asker_of(question))
            is_gold = answering(question, memory.memories(numbers), ids)
            found.append(Looked(reasons, is_gold, question.id.rsplit("-", maxsplit=1)[0], LIFE))
    return found


def of_lives(worlds: Sequence[World], most: int, folder: Path) -> list[Looked]:
    """Some questions of a few of the lives, put to the memory of all of them."""
    torch.set_num_threads(1)
    found = []
    with lives_memory(worlds, reranker=str(folder)) as (memory, questions):
        answered = [each for each in questions if each.gold and len(parts(each.question)) == 1 and is_of(each.question, "zh")]
        for question in Random(worlds[0].title).sample(answered, min(most, len(answered))):
            numbers, reasons = memory.second_look(question.question, scope=question.scope, now=question.asked_at, asker=question.asker)
            is_gold = np.array([bool(question.gold & set(passage.message_ids)) for passage in memory.memories(numbers)], dtype=bool)
            found.append(Looked(reasons, is_gold, worlds[0].title, LIVES))
    return found


def of_worlds(numbered: tuple[int, Sequence[World]], most: int, folder: Path) -> list[Looked]:
    """Some questions of each of a few worlds, put to the memory of all of them."""
    number, worlds = numbered
    torch.set_num_threads(1)
    memory, reranker = WorldMemory(worlds, load_embedder(None)), SmallReranker(folder)
    found = []
    for case, ranking in memory.cases(most):
        numbers, reasons = reranker.look(ranking, case.asked, memory.table, memory.memories)
        is_gold = np.isin(numbers, list(case.gold))
        found.append(Looked(reasons, is_gold, f"worlds {number}", WORLDS))
    return found


def look(most: int, most_of_lives: int, workers: int, folder: Path) -> list[Looked]:
    """Read for all questions, in so many processes."""
    groups = list(enumerate(later_worlds(kept_out=True)))
    with ProcessPoolExecutor(workers) as pool:
        life = pool.map(partial(of_life, folder=folder), [(place, workers) for place in range(workers)])
        others = pool.map(partial(of_lives, most=most_of_lives, folder=folder), lives(kept_out=True) if most_of_lives else [])
        found = life, others, pool.map(partial(of_worlds, most=most, folder=folder), groups)
        return [one for kind in found for some in kind for one in some]


def keep(cases: Sequence[Looked], file: Path) -> None:
    """Write what was read as an `.npz`."""
    columns = {"reasons": np.concatenate([one.reasons for one in cases]), "gold": np.concatenate([one.is_gold for one in cases])}
    of_each = {"passages": [len(one.reasons) for one in cases], "parts": [one.part for one in cases]}
    with file.open("wb") as stream:
        np.savez_compressed(stream, **columns, **of_each, kinds=[one.kind for one in cases])


def kept(file: Path) -> list[Looked]:
    """What `keep` wrote."""
    with np.load(file) as found:
        cuts = np.cumsum(found["passages"])[:-1]
        columns = np.split(found["reasons"], cuts), np.split(found["gold"], cuts), found["parts"].tolist(), found["kinds"].tolist()
    return [Looked(*row) for row in zip(*columns, strict=True)]


def fit(cases: Sequence[Looked], start: SecondWeights, *, hold: float) -> SecondWeights:
    """The weights that suit the questions; `hold` keeps them near `start`."""
    cases = [one for one in cases if one.is_gold.any()]
    first = values(start).astype(np.float64)
    reasons = np.zeros((len(cases), DEPTH, len(first)))
    is_there, is_gold = np.zeros((2, len(cases), DEPTH), dtype=bool)
    for row, one in enumerate(cases):
        reasons[row, : len(one.reasons)] = one.reasons
        is_there[row, : len(one.reasons)] = True
        is_gold[row, : len(one.reasons)] = one.is_gold
    shares = np.array([SHARES[one.kind] for one in cases])

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        sums = np.where(is_there, reasons @ weights, -np.inf)
        likely = np.exp(sums - sums.max(axis=1, keepdims=True))
        all_of_them, gold = likely.sum(axis=1), (likely * is_gold).sum(axis=1) + 1e-300
        slope = likely / all_of_them[:, None] - likely * is_gold / gold[:, None]
        total = shares @ np.log(all_of_them / gold) + hold * ((weights - first) ** 2).sum()
        return float(total), np.einsum("q,qp,qpr->r", shares, slope, reasons) + 2 * hold * (weights - first)

    chosen = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    return SecondWeights(**dict(zip(SECOND_NAMES, chosen.round(2).tolist(), strict=True)))


def figures(cases: Sequence[Looked], weights: SecondWeights) -> NDArray[np.float64]:
    """hit@1, hit@2, hit@3 and hit@8 of each question: (questions, 4)."""
    rows = []
    for one in cases:
        hits = one.is_gold[np.argsort(-(one.reasons @ values(weights)), kind="stable")]
        rows.append([float(hits[:best].any()) for best in (1, 2, 3, 8)])
    return np.array(rows).reshape(-1, 4)


def _rows(cases: Sequence[Looked], *, hold: float) -> Iterator[str]:
    held_back: dict[str, list[NDArray[np.float64]]] = {kind: [] for kind in KINDS}
    for part in sorted({one.part for one in cases}):
        weights = fit([one for one in cases if one.part != part], FORMER, hold=hold)
        mine = [one for one in cases if one.part == part]
        held_back[mine[0].kind].append(figures(mine, weights))
    fitted = fit(cases, FORMER, hold=hold)
    yield f"fitted {asdict(fitted)}"
    yield "| questions | | former weights: hit@1, 2, 3, 8 | shipped | fitted | fitted without them |\n|---|---|---|---|---|---|"
    for kind in KINDS:
        mine = [one for one in cases if one.kind == kind]
        if not mine:
            continue
        columns = (figures(mine, FORMER), figures(mine, SECOND), figures(mine, fitted), np.concatenate(held_back[kind]))
        yield f"| {kind} | {len(mine)} | " + " | ".join(" ".join(f"{value:.3f}" for value in each.mean(axis=0)) for each in columns) + " |"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--most", type=int, default=8, help="questions of a world (default %(default)s)")
    parser.add_argument("--lives", type=int, default=200, help="questions of every memory of three lives (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes that read (default %(default)s)")
    parser.add_argument("--reranker", type=Path, default=SHIPPED_FOLDER, metavar="FOLDER", help="default: the one that ships")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="what was read; read again where it is there")
    parser.add_argument("--hold", type=float, default=1.0, help="how much the former weights hold (default %(default)s)")
    arguments = parser.parse_args()
    if arguments.keep and arguments.keep.is_file():
        cases = kept(arguments.keep)
    else:
        cases = look(arguments.most, arguments.lives, arguments.workers, arguments.reranker)
        if arguments.keep:
            keep(cases, arguments.keep)
    print("\n".join(_rows(cases, hold=arguments.hold)))


if __name__ == "__main__":
    main()
