"""Train what chooses the passages that the cross-encoder reads: `python benchmarks/memory_shortlist.py [--memories 5] [--write]`.

It learns from the questions on invented lives, three to a memory, that are not kept out: of the best 300 passages of the first look a
right one is to stand among the first few. Printed is how often one stands among the first 3, 24 and 36 as the weights of the first look
order them (`memory.weights`) and as the network does, also for what it has not learned from: the lives that are kept out, and the
development questions on the sample life. `--write` puts it where recall reads it.
"""

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from life_memory import asker_of, development_questions, life_memory
from lives_memory import lives, lives_memory
from memory_life import answering
from memory_weights import is_of
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import Tensor, nn

from clone_agent.records import Scope
from clone_agent.sample_life.questions import key_ids
from clone_agent.worlds import World
from memory.question import parts
from memory.shortlist import FILE, likely
from memory.weights import NAMES

UNITS = 16
STEPS, QUESTIONS = 600, 64
RATE, DECAY = 3e-3, 1e-3
STEEP = 40.0  # of the sigmoid that counts the passages before the right one
FEW = 8  # so many before it are half as bad as many

Weigh = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Case:
    """One question: what is seen of each passage, (passages, features), best first, and which of them answer."""

    seen: NDArray[np.float32]
    is_gold: NDArray[np.bool_]


def of_lives(worlds: Sequence[World]) -> list[Case]:
    """The questions on a few of the lives, put to the memory of all of them."""
    torch.set_num_threads(1)
    cases = []
    with lives_memory(worlds, reranker="none") as (memory, questions):
        for question in questions:
            if question.gold and is_asked(question.question):
                numbers, seen = memory.choices(question.question, scope=question.scope, now=question.asked_at, asker=question.asker)
                gold = [bool(question.gold & set(passage.message_ids)) for passage in memory.memories(numbers)]
                cases.append(Case(seen, np.array(gold, dtype=bool)))
    return cases


def of_life() -> list[Case]:
    """The development questions on the sample life, asked as of their days."""
    cases = []
    with life_memory(reranker="none") as (archive, memory):
        memory.index()
        ids = key_ids(archive)
        for question in development_questions():
            if not question.never_happened and is_asked(question.question):
                scope = Scope(before=question.asked_at)
                numbers, seen = memory.choices(question.question, scope=scope, now=question.asked_at, asker=asker_of(question))
                cases.append(Case(seen, answering(question, memory.memories(numbers), ids)))
    return cases


def is_asked(question: str) -> bool:
    """Whether a question is one that it is asked about: Chinese, and in one part."""
    return is_of(question, "zh") and len(parts(question)) == 1


class Network(nn.Module):
    """What `memory.shortlist.likely` computes; at first the score by the weights alone."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.sum = nn.Linear(features, 1, bias=False)
        self.first, self.second, self.last = nn.Linear(features, UNITS), nn.Linear(UNITS, UNITS), nn.Linear(UNITS, 1, bias=False)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.sum.weight)
        with torch.no_grad():
            self.sum.weight[0, len(NAMES)] = 3.0  # the score stands after the reasons

    def forward(self, seen: Tensor) -> Tensor:
        """Seen (..., features) to how likely each answers (...)."""
        hidden = torch.relu(self.second(torch.relu(self.first(seen))))
        return (self.sum(seen) + self.last(hidden))[..., 0]

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The weights under the names that `likely` knows."""
        found = {
            "sum": self.sum.weight[0],
            "first": self.first.weight.T,
            "first.bias": self.first.bias,
            "second": self.second.weight.T,
            "second.bias": self.second.bias,
            "last": self.last.weight[0],
        }
        return {name: np.ascontiguousarray(value.detach().numpy()) for name, value in found.items()}


def train(cases: Sequence[Case]) -> Network:
    """A network under which few passages stand before the first right one."""
    torch.manual_seed(0)
    cases = [case for case in cases if case.is_gold.any()]
    most, features = max(len(case.seen) for case in cases), cases[0].seen.shape[1]
    seen = torch.zeros(len(cases), most, features)
    is_there, is_gold = torch.zeros(2, len(cases), most, dtype=torch.bool)
    for row, case in enumerate(cases):
        seen[row, : len(case.seen)] = torch.from_numpy(case.seen)
        is_there[row, : len(case.seen)] = True
        is_gold[row, : len(case.seen)] = torch.from_numpy(case.is_gold)
    network = Network(features)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    for _ in range(STEPS):
        drawn = torch.randint(len(cases), (QUESTIONS,))
        scores = network(seen[drawn])
        right = scores.masked_fill(~is_gold[drawn], -torch.inf).amax(dim=1, keepdim=True)
        before = (torch.sigmoid(STEEP * (scores - right)) * (is_there & ~is_gold)[drawn]).sum(dim=1)
        loss = torch.log1p(before / FEW).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network


def hits(cases: Sequence[Case], weigh: Weigh) -> str:
    """How often one of the first 3, 24 and 36 passages answers."""
    found = [case.is_gold[np.argsort(-weigh(case.seen), kind="stable")] for case in cases if len(case.seen)]
    return " ".join(f"{sum(gold[:best].any() for gold in found) / len(cases):.3f}" for best in (3, 24, 36))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--memories", type=int, default=5, help="of three lives, that it learns from (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default %(default)s)")
    parser.add_argument("--write", action="store_true", help=f"write it to {FILE.name}, beside what reads it")
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.workers) as pool:
        life = pool.submit(of_life)
        learned = [case for cases in pool.map(of_lives, lives(kept_out=False)[: arguments.memories]) for case in cases]
        kept_out = [case for cases in pool.map(of_lives, lives(kept_out=True)) for case in cases]
        sets = {"lives, learned from": learned, "lives, kept out": kept_out, "sample life, development": life.result()}
    network = train(learned)
    arrays = network.arrays()
    print("| questions | | weights: hit@3, 24, 36 | network |\n|---|---|---|---|")
    for name, cases in sets.items():
        by_weights, by_network = hits(cases, lambda seen: seen[:, len(NAMES)]), hits(cases, lambda seen: likely(seen, arrays))
        print(f"| {name} | {len(cases)} | {by_weights} | {by_network} |")
    if arguments.write:
        save_file(arrays, FILE)


if __name__ == "__main__":
    main()
