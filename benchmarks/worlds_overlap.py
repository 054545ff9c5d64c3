"""Prove that no evaluation text stands in the invented worlds: `python benchmarks/worlds_overlap.py [--exclude DIR]`.

Checks every passage, question and answer of `clone_agent/worlds`, or of `--worlds DIR`, by the runs that the embedding's training is kept
clean with (10 letters and digits, 40 in texts that are not Chinese): against the sample life's chats and questions, those for development
among them, and against the reference sets below `--exclude`, every `*.jsonl` and the lines of every `*.ascii.txt`. Each text that shares a
run is printed; the exit status says whether there is one.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from life_memory import MORE

from clone_agent.sample_life import grammar
from clone_agent.sample_life.questions import QUESTIONS
from clone_agent.worlds import HERE, read_worlds
from memory.embedding.corpora import Exclusions

SCENES = Path(grammar.__file__).parent / "scenes"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--worlds", type=Path, default=HERE)
    parser.add_argument("--exclude", type=Path, action="append", default=[], help="folder of a reference set; may come several times")
    arguments = parser.parse_args()
    worlds = list(read_worlds(arguments.worlds))
    passages = [passage.text for world in worlds for passage in world.passages]
    questions = [question for world in worlds for question in world.questions]
    bubbles = sum(text.count("\n") + 1 for text in passages)
    unanswered = sum(not question.gold for question in questions)
    print(f"{len(worlds)} worlds ({sum(world.is_chinese for world in worlds)} Chinese), {bubbles} bubbles in {len(passages)} passages,")
    print(f"{len(questions)} questions, {unanswered} of which nothing answers.")
    texts = [*passages, *(question.text for question in questions), *_answers(arguments.worlds)]
    found = set[str]()
    for name, exclusions in _excluded(arguments.exclude):
        sharing = [text for text in texts if exclusions.overlaps(text)]
        print(f"{name}: {len(exclusions)} runs; of {len(texts)} texts {len(sharing)} share one.")
        found.update(sharing)
    print(*sorted(found), sep="\n", end="")
    return 1 if found else 0


def _answers(folder: Path) -> Iterator[str]:
    """What the questions' last fields say, which no training reads."""
    for path in sorted(folder.rglob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("?"):
                yield line.rsplit("|", 1)[-1]


def _excluded(folders: list[Path]) -> Iterator[tuple[str, Exclusions]]:
    yield "sample life", _sample_life()
    for folder in folders:
        exclusions = Exclusions(folder)
        for path in folder.rglob("*.ascii.txt"):  # Ubuntu IRC: [12:34] <name> text
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                exclusions.add(line.split("> ", 1)[-1])
        yield folder.name, exclusions


def _sample_life() -> Exclusions:
    exclusions = Exclusions(QUESTIONS, MORE)
    for path in sorted(SCENES.glob("*.txt")):
        for scene in grammar.read_scene_file(path).scenes:
            for _, lines in groupby(scene.lines, key=lambda line: line.who):
                exclusions.add("\n".join(line.text for line in lines).replace("\\n", "\n"))
    return exclusions


if __name__ == "__main__":
    sys.exit(main())
