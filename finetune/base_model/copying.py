"""The warm-up: copying, before any language.

A tiny transformer does not find out how to copy from dialogues alone. It does from the plainest form of the task: a random segment, a few
other tokens, a separator, the segment again, with loss on every token of the second copy but its first, while the vocabulary grows
smoothly. Once that works, the same with several keyed lines: find the line by its key, then copy the rest of it, which is what reading a
memory block comes down to.
"""

from random import Random

from transformers import PreTrainedTokenizerFast

from finetune.base_model.items import Item

START, PACE, GROWTH = 60, 1, 0.004  # tokens at first, tokens more a step, share more a step once copying works
WORKS = 0.75  # running accuracy from which the vocabulary grows by its own share


class Vocabulary:
    """The tokens that the warm-up draws from: a fixed random order of all ordinary tokens, of which a growing number is in use."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, *, size: float = START) -> None:
        special = set(tokenizer.all_special_ids)
        self._order = [number for number in range(len(tokenizer)) if number not in special]
        Random(0).shuffle(self._order)
        self.size = min(size, len(self._order))
        encode = tokenizer.encode
        self.separator, self.colon, self.line_end, self.bracket = (
            encode(mark, add_special_tokens=False)[0] for mark in ("|", "：", "\n", "[")
        )
        self.stop = tokenizer.convert_tokens_to_ids("<|user|>")

    def grow(self, accuracy: float) -> None:
        """Widen after a step whose running accuracy is `accuracy`."""
        self.size = min(len(self._order), self.size + PACE + (GROWTH * self.size if accuracy > WORKS else 0))

    def pool(self, rng: Random, size: int = 60) -> list[int]:
        """Some tokens of those in use."""
        return [self._order[int(rng.random() * self.size)] for _ in range(size)]


def copy_item(vocabulary: Vocabulary, rng: Random) -> Item:
    """A segment, fillers, the separator, the segment again."""
    pool = vocabulary.pool(rng)
    segment = rng.choices(pool, k=rng.randint(6, 24))
    filler = rng.choices(pool, k=rng.randint(0, 6))
    before = rng.choices(pool, k=rng.randint(0, 3))
    known = [*before, *segment, *filler, vocabulary.separator]
    return Item(kind="copy", ids=known + segment, weights=[0.0] * (len(known) + 1) + [1.0] * (len(segment) - 1))


def lookup_item(vocabulary: Vocabulary, rng: Random, *, lines: int) -> Item:
    """Lines of a key and a value; then some of the keys again, each followed by the value of its line and the stop token."""
    pool = vocabulary.pool(rng, 40 + 10 * lines)
    keys = [rng.choices(pool, k=rng.randint(2, 4)) for _ in range(lines)]
    values = [rng.choices(pool, k=rng.randint(2, 8)) for _ in range(lines)]
    ids: list[int] = []
    for key, value in zip(keys, values, strict=True):
        ids += [vocabulary.bracket, *rng.choices(pool, k=rng.randint(0, 6)), *key, vocabulary.colon, *value, vocabulary.line_end]
    weights = [0.0] * len(ids)
    for line in rng.sample(range(lines), k=min(lines, 3)):
        asked = [vocabulary.separator, *keys[line], vocabulary.colon]
        ids += [*asked, *values[line], vocabulary.line_end]
        weights += [0.0] * len(asked) + [1.0] * (len(values[line]) + 1)
    return Item(kind="lookup", ids=ids, weights=weights)
