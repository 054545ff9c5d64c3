"""Recall on the sample life through the whole pipeline: `python benchmarks/memory_life.py [--split dev] [--top-k 8] [--unknown]`.

Imports the exports into a temporary data home, indexes them and asks the questions as of their dates; what was said later is not seen. A
question counts as found when the lines hold all messages of one of its gold sets. The second figure asks less: whether the words of a right
answer stand in the lines at all, be it in messages that no gold set names (a later chat that tells it again). Last, whether one of the best
lines alone is a right answer, when it names its speaker and, where a day is asked for, its day: what a model can do that only quotes.
"""

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from life_memory import asker_of, life_memory
from numpy.typing import NDArray

from clone_agent.day_words import spoken_day
from clone_agent.prompt import line_words
from clone_agent.records import Hit, Memory, Scope
from clone_agent.sample_life.questions import LifeQuestion, gold_sets, is_right, key_ids, load_questions
from memory.asked import Kind, wanted
from memory.confidence import CONFIDENT
from memory.metrics import auroc, kept_and_rejected


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--split", choices=("dev", "report"), default="dev")
    parser.add_argument("--top-k", type=int, default=8)
    parser.add_argument("--embedding")
    parser.add_argument("--reranker", default="shipped", help="or none")
    parser.add_argument("--unknown", action="store_true", help="recall is not told who asks")
    arguments = parser.parse_args()
    with life_memory(arguments.embedding, reranker=arguments.reranker) as (archive, memory):
        print(memory.index())
        ids, found, readable, touched = key_ids(archive), defaultdict(list), defaultdict(list), []
        quotable: list[list[bool]] = []
        confidences: dict[str, list[float]] = {"answerable": [], "foreign": []}
        for question in load_questions():
            if question.split != arguments.split:
                continue
            recalled = memory.search(
                question.question,
                scope=Scope(before=question.asked_at),
                now=question.asked_at,
                top_k=arguments.top_k,
                asker=None if arguments.unknown else asker_of(question),
            )
            confidences["foreign" if question.never_happened else "answerable"].append(recalled.confidence)
            if not question.never_happened:
                got = {message for hit in recalled.hits for message in hit.memory.message_ids}
                sets = [set(gold) for gold in gold_sets(question, ids)]
                touched.append(any(gold & got for gold in sets))
                found["all"].append(any(gold <= got for gold in sets))
                found[question.category].append(found["all"][-1])
                lines = "\n".join(hit.memory.text for hit in recalled.hits)
                readable["all"].append(is_right(replace(question, reject=()), lines))
                readable[question.category].append(readable["all"][-1])
                quotable.append([may_quote(question, hit) for hit in sorted(recalled.hits, key=lambda hit: -hit.score)])
    print("| | all evidence | answer in the lines | questions |\n|---|---|---|---|")
    for name, hits in found.items():
        print(f"| {name} | {np.mean(hits):.3f} | {np.mean(readable[name]):.3f} | {len(hits)} |")
    print(f"some evidence: {np.mean(touched):.3f}")
    shares = (f"{np.mean([any(each[:best]) for each in quotable]):.3f} of {best}" for best in (1, 2, 3, 4, 6, 8) if best <= arguments.top_k)
    print("a right answer among the best lines, one by one:", ", ".join(shares))
    kept, rejected = (np.array(values) for values in confidences.values())
    print(f"AUROC {auroc(**confidences)}, {kept_and_rejected(**confidences)}")
    print(f"at {CONFIDENT}: keeps {np.mean(kept >= CONFIDENT):.3f}, rejects {np.mean(rejected < CONFIDENT):.3f}")


def may_quote(question: LifeQuestion, hit: Hit) -> bool:
    """Whether a recalled line is by itself a right answer."""
    return is_right(question, quoted(question, hit.memory, hit.memory.text))


def answering(question: LifeQuestion, passages: Sequence[Memory], ids: Mapping[str, str]) -> NDArray[np.bool_]:
    """Which passages are by themselves a right answer; where none is, those with a gold message, their ids by the questions' keys."""
    is_right = np.array([may_quote(question, Hit(memory=passage, score=0.0)) for passage in passages], dtype=bool)
    if is_right.any():
        return is_right
    gold = {message for each in gold_sets(question, ids) for message in each}
    return np.array([bool(gold & set(passage.message_ids)) for passage in passages], dtype=bool)


def quoted(question: LifeQuestion, memory: Memory, words: str) -> str:
    """Words of a line as a model tells them: with who said it, and with the day where one is asked for."""
    text = line_words(words, memory.started_at)
    named = text if memory.is_owner else f"{memory.speaker_name}说 {text}"
    want = wanted(question.question)
    is_dated = want is not None and want.kind in (Kind.DAY, Kind.MOMENT)
    return f"{spoken_day(memory.started_at, 'zh')} {named}" if is_dated else named


if __name__ == "__main__":
    main()
