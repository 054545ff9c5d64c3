"""The warm-up: copying, before any language.

A tiny transformer does not find out how to copy from dialogues alone. It does from the plainest form of the task: a random segment, a few
other tokens, a separator, the segment again, with loss on every token of the second copy but its first, while the vocabulary grows
smoothly. Once that works, the same with several keyed lines: find the line by its key, then copy the rest of it, which is what reading a
memory block comes down to.
"""

from collections.abc import Sequence
from random import Random

from transformers import PreTrainedTokenizerFast

from finetune.base_model.items import Item

_ASKING = ("什么", "谁", "哪", "多少", "几", "啥", "怎么", "吗", "呢", "?")
_MARKS = "在去叫是买吃点几哪时说个有送给看到用要来"
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
        self.numbers = [encode(f"[{number}] ", add_special_tokens=False) for number in range(20)]
        self.marks = encode(_MARKS, add_special_tokens=False)
        self.who = encode("谁", add_special_tokens=False)[0]
        self.user, self.assistant = (encode(mark, add_special_tokens=False)[0] for mark in ("<|user|>", "<|assistant|>"))
        self.opening = [*encode("[gMASK]<sop><|system|>", add_special_tokens=False), self.line_end]
        self.asking = [encode(word, add_special_tokens=False) for word in _ASKING]
        self._encode = encode
        self._dates = [encode(f"2023-10-0{day} 周{'一二三四五六日'[day % 7]} 21:04 ", add_special_tokens=False) for day in range(10)]
        self._digits = encode("0123456789", add_special_tokens=False)

    def grow(self, accuracy: float) -> None:
        """Widen after a step whose running accuracy is `accuracy`."""
        self.size = min(len(self._order), self.size + PACE + (GROWTH * self.size if accuracy > WORKS else 0))

    def date(self, rng: Random) -> list[int]:
        """The ids of a date as a memory line shows it, its digits at random."""
        return [rng.choice(self._digits) if token in self._digits else token for token in rng.choice(self._dates)]

    def words(self, text: str) -> list[int]:
        """The ids of a text."""
        return list(self._encode(text, add_special_tokens=False))

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


def record_item(vocabulary: Vocabulary, rng: Random, *, lines: int, asked: int = 8) -> Item:
    """Numbered lines of marked fields in any order; then, as turns of a talk, one field of a line and the mark of another, to be given.

    This is what a question about a memory does: it repeats some words of a line and asks for others, which stand before them as often as
    after. The marks are the same in all lines, so the words alone tell which line is meant. Some items ask for the number of the line or
    for who said it instead, and some name the number: the two halves of the way from the words to the answer.
    """
    pool = vocabulary.pool(rng, 60 + 10 * lines)
    marks = rng.sample(vocabulary.marks, k=rng.randint(2, 2 + min(2, lines // 3)))
    rows = [{mark: rng.choices(pool, k=rng.randint(2, 4)) for mark in marks} for _ in range(lines)]
    names = [rng.choices(pool, k=rng.randint(2, 3)) for _ in range(lines)]
    form = rng.choices(("number", "by_number", "who", "record"), (3, 1, 3, 4))[0]
    has_names = form == "who" or rng.random() < 0.4
    ids = list(vocabulary.opening)
    for number, (row, name) in enumerate(zip(rows, names, strict=True), start=1):
        ids += vocabulary.numbers[number]
        ids += [*vocabulary.date(rng), *name, vocabulary.colon] if has_names else []
        for mark in rng.sample(marks, k=len(marks)):
            ids += [mark, *row[mark]]
        ids.append(vocabulary.line_end)
    ids.append(vocabulary.user)
    weights = [0.0] * len(ids)
    for _ in range(asked):
        line = rng.randrange(lines)
        known, wanted = rng.sample(marks, k=2)
        key, answer = rows[line][known], rows[line][wanted]
        if form == "number":
            wanted, answer = vocabulary.bracket, vocabulary.numbers[line + 1]
        elif form == "by_number":
            key = vocabulary.numbers[line + 1]
        elif form == "who":
            wanted, answer = vocabulary.who, names[line]
        question = [*key, wanted] if rng.random() < 0.6 else [wanted, *key]
        asking = [vocabulary.line_end, *question, vocabulary.assistant, vocabulary.line_end]
        ids += [*asking, *answer, vocabulary.user]
        first = [1.0, 2.0] if form == "number" else [2.0]
        weights += [0.0] * len(asking) + first + [1.0] * (len(answer) + 1 - len(first))
    return Item(kind=f"re_{form}", ids=ids, weights=weights)


def pointing_item(
    vocabulary: Vocabulary,
    rng: Random,
    *,
    lines: int,
    length: int = 24,
    header: int = 28,
    sentences: Sequence[str] = (),
    frame: tuple[str, str] = ("", ""),
    asked: int = 16,
) -> Item:
    """Numbered lines of real or random words; then, as turns of a talk, stretches of a line, to be answered by its number.

    The step from records to reading: nothing tells but the words that question and line share. Loss on the numbers alone, so that nothing
    drowns it: inside whole replies, which are mostly copied, a model of this size did not learn to point in 1.5 M tokens. It starts from
    lines of two tokens (`length` is the most of them), where the number stands beside the words, with nothing between the two; then
    lines and what stands between (`header`, the end of a date and a name) grow by a token at a time. With whole sentences and dates at
    once it hardly moved; nor with numbers in no order, since the model counts the lines. `frame` is what stands before and after them.
    """
    pool = vocabulary.pool(rng, 60 + 10 * lines)
    is_real, is_dated = bool(sentences) and rng.random() < 0.6, rng.random() < 0.7
    texts = [vocabulary.words(rng.choice(sentences)) if is_real else rng.choices(pool, k=rng.randint(2, length)) for _ in range(lines)]
    texts = [text[: rng.randint(max(2, length // 2), length)] for text in texts]
    numbers = vocabulary.numbers[1 : lines + 1]
    ids = [*vocabulary.opening, *vocabulary.words(frame[0])]
    for number, text in zip(numbers, texts, strict=True):
        dated = [*vocabulary.date(rng), *rng.choices(pool, k=rng.randint(2, 3)), vocabulary.colon]
        between = dated if is_dated else rng.choices(pool, k=len(dated))
        between = between[max(0, len(between) - rng.randint(header // 2, header)) :]
        ids += [*number, *between, *text, vocabulary.line_end]
    ids += [*vocabulary.words(frame[1]), vocabulary.user]
    weights = [0.0] * len(ids)
    for _ in range(asked):
        line = rng.randrange(lines)
        parts = [_stretch(texts[line], rng) for _ in range(rng.choice((1, 1, 2)))]
        if rng.random() < 0.5:
            parts.insert(rng.randint(0, len(parts)), rng.choice(vocabulary.asking))
        asking = [vocabulary.line_end, *(token for part in parts for token in part), vocabulary.assistant, vocabulary.line_end]
        ids += [*asking, *numbers[line], vocabulary.user]
        weights += [0.0] * (len(asking) + 1) + [2.0] * (len(numbers[line]) - 3) + [0.0] * 3
    return Item(kind="re_point", ids=ids, weights=weights)


def _stretch(text: Sequence[int], rng: Random) -> Sequence[int]:
    size = rng.randint(2, 6)
    start = rng.randrange(max(1, len(text) - size + 1))
    return text[start : start + size]
