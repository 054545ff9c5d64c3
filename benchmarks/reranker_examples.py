"""What a cross-encoder can be trained further on: `python benchmarks/reranker_examples.py FILE [--keep-out 8] [--workers 2]`.

Every question of the Chinese worlds that the first training of the cross-encoder did not see, ten worlds to a memory, beside its answer and
the passages that the first look takes for it, likeliest first: what recall will ask of it is to tell these apart, and not those of a small
world. The last memories are kept out, to measure by and for `memory_second_look.py`. `memory.reranker.train --examples FILE` learns from
what is written.
"""

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random

from world_memory import WorldMemory, unseen_worlds

from clone_agent.worlds import World
from memory.embed import load_embedder
from memory.reranker.examples import UNKNOWN, Example, write_examples
from memory.reranker.pairs import ASKER, question_text
from memory.reranking import Asked, shown

MOST_GOLD, MOST_OTHERS, LOOKED_AT = 3, 14, 24


def examples(worlds: Sequence[World]) -> list[Example]:
    """The questions of a few worlds, put to the memory of all of them."""
    return list(_examples(WorldMemory(worlds, load_embedder(None)), Random(worlds[0].title)))


def _examples(memory: WorldMemory, rng: Random) -> Iterator[Example]:
    for case, ranking in memory.cases(None):
        others = [number for number in ranking.numbers[:LOOKED_AT] if number not in case.gold][:MOST_OTHERS]
        numbers = sorted(case.gold)[:MOST_GOLD] + others
        asked = _unknown(case.asked) if rng.random() < UNKNOWN else case.asked
        sessions = memory.sessions([*case.gold, *numbers])
        talks = {sessions[number] for number in case.gold}
        yield Example(
            question_text(asked.question, asked.on, asker=asked.asker),
            shown(numbers, asked, memory.table, memory.memories),
            [number in case.gold for number in numbers],
            [sessions[number] in talks for number in numbers],
        )


def _unknown(asked: Asked) -> Asked:
    """The same question by somebody of whom recall is told nothing, so that their lines and chats bear their name."""
    private = {chat: (asked.asker or "") if other == ASKER else other for chat, other in asked.private.items()}
    return replace(asked, asker=None, askers=(), private=private)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("file", type=Path, help="where the examples are written, one a line")
    parser.add_argument("--keep-out", type=int, default=8, metavar="MEMORIES", help="of ten worlds each (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default %(default)s)")
    arguments = parser.parse_args()
    groups = unseen_worlds()
    with ProcessPoolExecutor(arguments.workers) as pool:
        found = [example for each in pool.map(examples, groups[: len(groups) - arguments.keep_out]) for example in each]
    write_examples(found, arguments.file)
    answered = sum(any(example.gold) for example in found)
    print(f"{len(found)} questions, {answered} of them with an answer, {sum(len(example.passages) for example in found)} passages")


if __name__ == "__main__":
    main()
