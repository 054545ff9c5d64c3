"""Whether the labels of the sample life's questions are right: `python benchmarks/life_second_reader.py [--show]`.

`life_second_reader.jsonl` holds, for every question, what a large language model answered that was given the chats as text, the question,
who asks and when, but not the labels; NONE where the chats tell nothing. Where such a reader and a label disagree, the label is to be
looked at. The reader was told to put other wordings in brackets, and put former values there too, so what stands there is not judged.
"""

import argparse
import json
import re
from collections import Counter
from pathlib import Path

from clone_agent.sample_life.questions import LifeQuestion, is_right, load_questions

ANSWERS = Path(__file__).with_suffix(".jsonl")
_BRACKETS = re.compile(r"[(（][^)）]*[)）]")


def agrees(question: LifeQuestion, answer: str) -> bool:
    """Whether the label takes the answer for right; of what never happened: whether the reader found nothing."""
    found_nothing = answer == "NONE"
    if question.never_happened or found_nothing:
        return question.never_happened and found_nothing
    return is_right(question, _BRACKETS.sub("", answer))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--show", action="store_true", help="print every answer that a label does not take for right")
    arguments = parser.parse_args()
    lines = map(json.loads, ANSWERS.read_text(encoding="utf-8").splitlines())
    answers = {line["id"]: line["answer"] for line in lines}
    asked, agreed = Counter[str](), Counter[str]()
    for question in load_questions():
        kind = f"{question.split}, {'never happened' if question.never_happened else 'with an answer'}"
        is_same = agrees(question, answers[question.id])
        asked[kind] += 1
        agreed[kind] += is_same
        if arguments.show and not is_same:
            print(question.id, "|", question.question, "|", question.answer, "|", answers[question.id])
    for kind, count in sorted(asked.items()):
        print(f"{kind}: {agreed[kind]} of {count} agree")


if __name__ == "__main__":
    main()
