"""Whether the lines that a reply is made of hold the answer: `python benchmarks/told_lines.py [--report] [--worlds 2] [--lives 200]`.

Recall finds lines, and of them the model that ships is shown three at most (`clone_agent.agent.about_as_sure`). On the sample life's
development questions: whether those lines together are a right answer, and memory is confident of them. With `--worlds N` also on N
questions of every Chinese world that is kept out of trainings, ten worlds to a memory: whether one of the lines is gold. With `--lives N`
on N questions of each memory of the invented lives that are kept out (`lives_memory.py`), also whether memory is confident of what nothing
answers. What is told beside the best line is chosen by this.
"""

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from random import Random

import numpy as np
from life_memory import asker_of, development_questions, life_memory
from lives_memory import lives, lives_memory
from memory_life import quoted
from world_memory import WorldMemory, later_worlds

from clone_agent.agent import about_as_sure
from clone_agent.records import Hit, Scope
from clone_agent.sample_life.questions import LifeQuestion, is_right, load_questions
from clone_agent.worlds import World
from memory.corrections import settled
from memory.embed import load_embedder
from memory.metrics import auroc
from memory.reranking import SmallReranker

SHOWN, TOP_K = 3, 8  # as the program has it


def told(hits: Sequence[Hit]) -> list[Hit]:
    """The lines that the model is shown."""
    return list(about_as_sure(sorted(hits, key=lambda hit: -hit.score)))[:SHOWN]


def of_life(questions: Sequence[LifeQuestion]) -> Iterator[tuple[bool, bool, int]]:
    """For each question with an answer: whether what is told is right, whether memory is confident, and how many lines are told."""
    with life_memory() as (_, memory):
        memory.index()
        for question in questions:
            if not question.never_happened:
                scope = Scope(before=question.asked_at)
                recalled = memory.search(question.question, scope=scope, now=question.asked_at, top_k=TOP_K, asker=asker_of(question))
                lines = told(recalled.hits)
                reply = "\n".join(quoted(question, hit.memory, hit.told or hit.memory.text) for hit in lines)
                yield is_right(question, reply), recalled.is_confident, len(lines)


def of_worlds(most: int) -> Iterator[tuple[bool, int]]:
    """For some questions of each world: whether a line that is told answers, and how many are told."""
    embedder, reranker = load_embedder(None), SmallReranker()
    for worlds in later_worlds(kept_out=True):
        memory = WorldMemory(worlds, embedder)
        for case, first in memory.cases(most):
            ranking = reranker.rerank(first, case.asked, memory.table, memory.memories)
            best = ranking.numbers[:TOP_K]
            hits = [Hit(memory=each, score=score) for each, score in zip(memory.memories(best), ranking.scores, strict=False)]
            lines = told(settled(case.asked.question, hits))
            yield any(memory.number(hit.memory) in case.gold for hit in lines), len(lines)


def of_lives(worlds: Sequence[World], most: int) -> list[tuple[bool, bool, float, bool, int]]:
    """For some questions: whether one has an answer, is told it, how sure memory is, whether confident, and how many lines are told."""
    found = []
    with lives_memory(worlds) as (memory, questions):
        for question in Random(worlds[0].title).sample(questions, min(most, len(questions))):
            recalled = memory.search(question.question, scope=question.scope, now=question.asked_at, top_k=TOP_K, asker=question.asker)
            lines = told(recalled.hits)
            is_told = any(question.gold & set(hit.memory.message_ids) for hit in lines)
            found.append((bool(question.gold), is_told, recalled.confidence, recalled.is_confident, len(lines)))
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--report", action="store_true", help="the life's report half: to report, not to choose by")
    parser.add_argument("--worlds", type=int, default=0, metavar="N", help="questions of every world (default: none)")
    parser.add_argument("--lives", type=int, default=0, metavar="N", help="questions of every memory of three lives (default: none)")
    parser.add_argument("--workers", type=int, default=2, help="processes that ask the lives (default %(default)s)")
    arguments = parser.parse_args()
    report = [question for question in load_questions() if question.split == "report"]
    questions, half = (report, "report half") if arguments.report else (development_questions(), "development")
    right, confident, lines = (np.array(column) for column in zip(*of_life(questions), strict=True))
    figures = f"right {right.mean():.4f}, and trusted {(right & confident).mean():.4f} of {len(right)}, {lines.mean():.2f} lines"
    print(f"sample life, {half}: {figures}")
    if arguments.worlds:
        right, lines = (np.array(column) for column in zip(*of_worlds(arguments.worlds), strict=True))
        print(f"worlds: an answer is told for {right.mean():.4f} of {len(right)}, {lines.mean():.2f} lines")
    if arguments.lives:
        with ProcessPoolExecutor(arguments.workers) as pool:
            rows = [row for each in pool.map(partial(of_lives, most=arguments.lives), lives(kept_out=True)) for row in each]
        answered, is_told, sure, confident, lines = (np.array(column) for column in zip(*rows, strict=True))
        figures = f"an answer is told for {is_told[answered].mean():.4f}, and trusted for {(is_told & confident)[answered].mean():.4f}"
        print(f"lives: {figures} of {answered.sum()}, {lines[answered].mean():.2f} lines")
        needless, unknown = (~confident)[answered].mean(), (~confident)[~answered].mean()
        apart = auroc(answerable=sure[answered].tolist(), foreign=sure[~answered].tolist())
        print(
            f"not confident of {needless:.4f} of them, and of {unknown:.4f} of {(~answered).sum()} that nothing answers; AUROC {apart:.3f}"
        )


if __name__ == "__main__":
    main()
