"""What a cross-encoder can be trained further on: `python benchmarks/reranker_examples.py FILE [--cast | --lives | --talks]`.

Every question of the Chinese worlds that the first training of the cross-encoder did not see, ten worlds to a memory, beside its answer and
the passages that the first look takes for it, likeliest first: what recall will ask of it is to tell these apart, and not those of a small
world. The last memories are kept out, to measure by and for `memory_second_look.py`. `memory.reranker.train --examples FILE` learns from
what is written.

With `--cast` the worlds stand in eight memories, each of one cast of people, so that more of what resembles the answer was said by whom the
question names, in their chat.

With `--lives` the questions of the invented lives that are not kept out, three to a memory of one cast.

With `--talks`, for `memory.reranker.train --talks FILE`: beside the stretch of talk that holds its answer, and those that hold what the
first look takes for it; of all worlds but those kept out, also of those that the first training saw, which read passages.
"""

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

from lives_memory import lives
from world_memory import TOGETHER, WorldMemory, later_worlds

from clone_agent.worlds import World, read_worlds
from memory.embed import load_embedder
from memory.reranker.examples import UNKNOWN, Example, TalkExample, write_examples
from memory.reranker.pairs import ASKER, question_text
from memory.reranking import Asked, shown, shown_talks

MOST_GOLD, MOST_OTHERS, LOOKED_AT = 3, 14, 24
CASTS = 8  # memories of one cast
MOST_GOLD_TALKS, MOST_TALKS, MOST_LINES = 2, 8, 12


def examples(worlds: Sequence[World], *, one_cast: bool = False) -> list[Example]:
    """The questions of a few worlds, put to the memory of all of them."""
    return list(_examples(WorldMemory(worlds, load_embedder(None), one_cast=one_cast), Random(worlds[0].title)))


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


def talk_examples(worlds: Sequence[World]) -> list[TalkExample]:
    """The questions of a few worlds, put to the memory of all of them, beside stretches of talks."""
    return list(_talk_examples(WorldMemory(worlds, load_embedder(None)), Random(worlds[0].title)))


def _talk_examples(memory: WorldMemory, rng: Random) -> Iterator[TalkExample]:
    for case, ranking in memory.cases(None):
        asked = _unknown(case.asked) if rng.random() < UNKNOWN else case.asked
        show = partial(shown_talks, asked=asked, table=memory.table, memories=memory.memories, most=MOST_LINES)
        answering = show(sorted(case.gold)[:MOST_GOLD_TALKS])
        others = show([number for number in ranking.numbers[:LOOKED_AT] if number not in case.gold])
        read = answering + [window for window in others if window not in answering][:MOST_TALKS]
        sessions = memory.sessions([*case.gold, *(window.numbers[0] for window in read)])
        talks = {sessions[number] for number in case.gold}
        if read:
            yield TalkExample(
                question_text(asked.question, asked.on, asker=asked.asker),
                [window.text for window in read],
                [[number in case.gold for number in window.numbers] for window in read],
                [sessions[window.numbers[0]] in talks for window in read],
            )


def _unknown(asked: Asked) -> Asked:
    """The same question by somebody of whom recall is told nothing, so that their lines and chats bear their name."""
    private = {chat: (asked.asker or "") if other == ASKER else other for chat, other in asked.private.items()}
    return replace(asked, asker=None, askers=(), private=private)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("file", type=Path, help="where the examples are written, one a line")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--cast", action="store_true", help="in fewer memories, each of one cast of people")
    kinds.add_argument("--lives", action="store_true", help="of whole lives, in memories of one cast of people")
    kinds.add_argument("--talks", action="store_true", help="beside stretches of talks")
    parser.add_argument("--workers", type=int, default=2, help="processes (default %(default)s)")
    arguments = parser.parse_args()
    learned = later_worlds(kept_out=False)
    with ProcessPoolExecutor(arguments.workers) as pool:
        if arguments.talks:
            found = [example for each in pool.map(talk_examples, [*learned, *_first_worlds()]) for example in each]
            write_examples(found, arguments.file)
            answered, parts = sum(any(example.answers) for example in found), sum(len(example.talks) for example in found)
        else:
            groups = lives(kept_out=False) if arguments.lives else _casts(learned) if arguments.cast else learned
            pairs = [
                example for each in pool.map(partial(examples, one_cast=arguments.cast or arguments.lives), groups) for example in each
            ]
            write_examples(pairs, arguments.file)
            answered, parts = sum(any(example.gold) for example in pairs), sum(len(example.passages) for example in pairs)
    print(f"{answered} questions with an answer and others, beside {parts} {'stretches of talks' if arguments.talks else 'passages'}")


def _casts(groups: Sequence[Sequence[World]]) -> list[list[World]]:
    worlds = [world for group in groups for world in group]
    Random(8).shuffle(worlds)
    return [worlds[start::CASTS] for start in range(CASTS)]


def _first_worlds() -> Iterator[list[World]]:
    """The other worlds but the lives, those of a language together."""
    parted = [group for kept_out in (False, True) for groups in (later_worlds, lives) for group in groups(kept_out=kept_out)]
    titles = {world.title for group in parted for world in group}
    others = [world for world in read_worlds() if world.title not in titles]
    for is_chinese in (True, False):
        mine = [world for world in others if world.is_chinese is is_chinese]
        Random(7).shuffle(mine)
        yield from (mine[start : start + TOGETHER] for start in range(0, len(mine), TOGETHER))


if __name__ == "__main__":
    main()
