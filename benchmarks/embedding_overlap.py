"""Prove that no evaluation text was trained on: `python benchmarks/embedding_overlap.py --corpora DIR --exclude DIR`.

Counts the turns of the corpora that share a run of 10 letters and digits (40 in texts that are not Chinese) with an evaluation text, before
and after the filter that the training applies. After it the count must be 0; the exit status says whether it is.
"""

import argparse
import sys
from pathlib import Path

from memory.embedding.corpora import Exclusions, read_dialogues
from memory.embedding.train import clean_dialogues


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--exclude", type=Path, required=True)
    arguments = parser.parse_args()
    exclusions = Exclusions(arguments.exclude)
    before = sum(exclusions.overlaps(turn) for dialogue in read_dialogues(arguments.corpora) for turn in dialogue.turns)
    kept = clean_dialogues(arguments.corpora, exclusions)
    texts = [text for dialogue in kept for text in (*dialogue.turns, *(part for fact in dialogue.facts for part in fact)) if text]
    after = sum(exclusions.shared(text) for text in texts)
    print(f"{len(exclusions)} runs of evaluation text; {before} turns of the corpora share one.")
    print(f"The {len(texts)} texts that are trained on share {after}.")
    return 1 if after else 0


if __name__ == "__main__":
    sys.exit(main())
