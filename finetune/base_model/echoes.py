"""Sentences that share words with a question without answering it: what recall brings up beside the line that is meant."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from random import Random

_KEPT = 24  # sentences of one pair of characters
_COMMON = 300  # a pair that stands in more sentences says nothing


class Echoes:
    """Sentences by the pairs of characters that they hold."""

    def __init__(self, sentences: Iterable[str] = ()) -> None:
        table: defaultdict[str, list[str]] = defaultdict(list)
        counts: defaultdict[str, int] = defaultdict(int)
        for sentence in sentences:
            for pair in character_pairs(sentence):
                counts[pair] += 1
                if len(table[pair]) < _KEPT:
                    table[pair].append(sentence)
        self._table = {pair: found for pair, found in table.items() if counts[pair] <= _COMMON}

    def draw(self, text: str, rng: Random, *, but: Sequence[str] = ()) -> str:
        """A sentence that shares a pair of characters with a text, and is not part of one of `but`; "" where there is none."""
        pairs = [pair for pair in sorted(character_pairs(text)) if pair in self._table]
        if not pairs:
            return ""
        found = rng.choice(self._table[rng.choice(pairs)])
        return "" if any(found in other or other in found for other in but) else found


def character_pairs(text: str) -> set[str]:
    """Every two characters that stand side by side, blanks aside."""
    return {pair for place in range(len(text) - 1) if " " not in (pair := text[place : place + 2])}
