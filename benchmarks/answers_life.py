"""Answers about the sample life with gold, recalled and no memory: `python benchmarks/answers_life.py [--split dev] [--model DIR]`.

Imports the exports into a temporary data home, indexes them and puts every question as of its date to the clone: with the lines that hold
the answer, with what is recalled, and with nothing. Right: the reply holds one alternative of every accepted group and nothing that was
corrected later; of what never happened: it says that it does not remember. A false memory is any other reply to the latter.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from life_memory import asker_of, life_memory

from clone_agent.agent import CloneAgent
from clone_agent.archive import Archive
from clone_agent.records import ChatTurn, Delta, Hit, Recalled, Reply, Scope, SearchMemory
from clone_agent.sample_life.questions import LifeQuestion, gold_ids, key_ids, load_questions
from finetune.chat_model import load_chat_model
from finetune.model_files import recall_habits
from memory.corrections import settled
from memory.passages import bursts
from memory.recall import MemoryIndex
from ui.questions import Question, says_unknown


@dataclass(frozen=True, slots=True)
class Shelf:
    """A memory that gives the lines it was made with, whatever is asked."""

    hits: tuple[Hit, ...]

    def search(
        self, question: str, *, history: Sequence[ChatTurn] = (), scope: Scope = Scope(), top_k: int = 12, now: datetime | None = None
    ) -> Recalled:
        """The lines."""
        return Recalled(question=question, hits=self.hits, confidence=1.0, is_confident=True)


@dataclass(frozen=True, slots=True)
class AskedBy:
    """A memory that knows who asks, as `--contact` tells it."""

    memory: MemoryIndex
    asker: str

    def search(
        self, question: str, *, history: Sequence[ChatTurn] = (), scope: Scope = Scope(), top_k: int = 12, now: datetime | None = None
    ) -> Recalled:
        """What is recalled for them."""
        return self.memory.search(question, history=history, scope=scope, top_k=top_k, now=now, asker=self.asker)


def gold_shelf(question: LifeQuestion, ids: dict[str, str], passages: dict[str, Hit]) -> Shelf:
    """The lines that hold the answer to a question, in time order, with what memory says of any it gives: which corrects which."""
    hits = {passages[message].memory.id: passages[message] for message in gold_ids(question, ids) if message in passages}
    return Shelf(tuple(settled(question.question, sorted(hits.values(), key=lambda hit: hit.memory.started_at))))


def all_passages(archive: Archive) -> dict[str, Hit]:
    """Every line of the archive by the ids of its messages."""
    found: dict[str, Hit] = {}
    for info in archive.conversations():
        for session in archive.sessions(info.conversation.id):
            for memory in bursts(session):
                found |= dict.fromkeys(memory.message_ids, Hit(memory=memory, score=1.0))
    return found


def ask(agent: CloneAgent, question: LifeQuestion) -> tuple[Reply, float, float]:
    """The reply to a question as of its day, the seconds to its first word and to its end."""
    began, first = time.monotonic(), 0.0
    for event in agent.answer(question.question, now=question.asked_at):
        if isinstance(event, Delta) and not first:
            first = time.monotonic() - began
        if isinstance(event, Reply):
            return event, first, time.monotonic() - began
    raise AssertionError("an answer ends with its reply")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--split", choices=("dev", "report"), default="dev")
    parser.add_argument("--model", help="folder or name  [default: the one that ships]")
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--lines", type=int, help="recalled lines that the model reads  [default: as many as it wants]")
    parser.add_argument("--show", action="store_true", help="print every question and reply")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures: defaultdict[str, list[bool]] = defaultdict(list)
    waits: list[tuple[float, float, int]] = []
    with life_memory() as (archive, memory):
        memory.index()
        ids, passages = key_ids(archive), all_passages(archive)
        model, persona = load_chat_model(arguments.model, arguments.adapter), archive.persona()
        habits = recall_habits(model.engine.loaded.model.config.to_dict())
        shown = arguments.lines or habits.lines
        for question in load_questions():
            if question.split != arguments.split:
                continue
            shelves: dict[str, SearchMemory | None] = {
                "gold": gold_shelf(question, ids, passages),
                "recalled": AskedBy(memory, asker_of(question)),
                "none": None,
            }
            for kind, shelf in shelves.items():
                if kind == "gold" and question.never_happened:
                    continue
                agent = CloneAgent(model, persona=persona, memory=shelf, shown=shown)
                reply, first, whole = ask(agent, question)
                waits.append((first, whole, len(reply.text)))
                note(figures, kind, question, reply.text)
                if arguments.show:
                    print(kind, question.category, "|", question.question, "|", question.answer, "|", reply.text.replace("\n", " / "))
    shares = {name: sum(marks) / len(marks) for name, marks in sorted(figures.items())}
    for name, share in shares.items():
        print(f"{name}: {share:.3f} of {len(figures[name])}")
    firsts = sorted(first for first, _, _ in waits)
    print(f"first word: {firsts[len(firsts) // 2]:.3f} s in the middle, {firsts[len(firsts) * 95 // 100]:.3f} s at most of 95 %")
    passed, said = sum(whole for _, whole, _ in waits), sum(length for _, _, length in waits)
    print(f"{said / (passed - sum(firsts)):.0f} characters/s after the first, {len(waits) / passed:.1f} replies/s")
    if arguments.json:
        arguments.json.write_text(json.dumps(shares, ensure_ascii=False, indent=1) + "\n", "utf-8")


def note(figures: defaultdict[str, list[bool]], kind: str, question: LifeQuestion, answer: str) -> None:
    """Count one reply."""
    judge = Question(text=question.question, accept=question.accept, reject=question.reject, category=question.category)
    right = bool(judge.is_right(answer))
    if question.never_happened:
        figures[f"{kind}: abstains on what never happened"].append(right)
        return
    figures[f"{kind}: right"].append(right)
    figures[f"{kind}: right, {question.category}"].append(right)
    figures[f"{kind}: needless abstention"].append(says_unknown(answer) and not right)


if __name__ == "__main__":
    main()
