"""Draw training pairs (anchor, positive, hard negative) from dialogues that were cut into token ids once.

Kinds of pairs, by how often they are drawn where the dialogue allows it:

    cloze       a span of a turn against the turn (with or without the span): what belongs to one topic
    question    a few telling pieces of a turn among question words against the turn: how people ask about what was said
    adjacent    a turn against the next one, an answer against its question
    dialogue    two turns of one dialogue
    fact        a name with its attribute, or a sentence, against the text that holds the fact (KdConv)

The hard negative is another turn of the same dialogue, or of a neighbouring one. Words are sometimes spelt as single characters, so
that a word and its characters come to lie close together.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tokenizers import Tokenizer

from memory.embedding.corpora import Dialogue, is_han

Ids = NDArray[np.int32]
Triplet = tuple[Ids, Ids, Ids]

MAX_TOKENS = 72
_SHORTEST = 4  # tokens a turn needs to be cut or asked about
_QUESTION_WORDS = {
    True: "什么 什么时候 哪里 哪 谁 吗 怎么 几 多少 为什么 我 我们 的 是 了 那个 上次 呢 ? 你 他 她 有 没有 在 叫 还 记得",
    False: "what when where who did does the is was how many of ? you i my to do have has which why in a",
}
_KINDS = ("cloze", "question", "adjacent", "dialogue", "fact")
_SHARES = (0.30, 0.25, 0.25, 0.10, 0.10)
_SOURCE_SHARES = {"smilechat": 0.6, "kdconv": 0.2, "tencent_prompts": 0.04}  # of the Han batches; the rest goes to other sources


@dataclass(frozen=True)
class Corpus:
    """Dialogues of one language as flat arrays: turn t is `ids[turn_starts[t]:turn_starts[t + 1]]`."""

    ids: Ids
    turn_starts: NDArray[np.int64]
    dialogue_starts: NDArray[np.int64]  # dialogue d has the turns dialogue_starts[d] to dialogue_starts[d + 1] - 1
    facts: NDArray[np.int64]  # (facts, 2): turn numbers of the key and of the text
    weights: NDArray[np.float64]  # how often a dialogue is drawn; sums to 1
    is_han: bool

    def turn(self, number: int) -> Ids:
        """The token ids of one turn, cut to `MAX_TOKENS`."""
        start, end = self.turn_starts[number], self.turn_starts[number + 1]
        return self.ids[start : min(end, start + MAX_TOKENS)]


def encode_corpus(dialogues: Iterable[Dialogue], tokenizer: Tokenizer, *, han: bool) -> Corpus:
    """Cut every turn into token ids; empty turns and dialogues drop out."""
    flat: list[Ids] = []
    turn_starts, dialogue_starts, sources, facts = [0], [0], [], []
    fact_texts: list[tuple[str, str]] = []

    def append(texts: list[str]) -> None:
        for encoding in tokenizer.encode_batch(texts, add_special_tokens=False):
            flat.append(np.array(encoding.ids[: 2 * MAX_TOKENS], dtype=np.int32))
            turn_starts.append(turn_starts[-1] + len(flat[-1]))

    for dialogue in dialogues:
        if texts := [text for text in dialogue.turns if text]:
            append(texts)
            dialogue_starts.append(len(flat))
            sources.append(dialogue.source)
        fact_texts += dialogue.facts
    for key, text in fact_texts:
        facts.append((len(flat), len(flat) + 1))
        append([key, text])
    return Corpus(
        ids=np.concatenate(flat),
        turn_starts=np.array(turn_starts, dtype=np.int64),
        dialogue_starts=np.array(dialogue_starts, dtype=np.int64),
        facts=np.array(facts, dtype=np.int64).reshape(-1, 2),
        weights=_weights(sources),
        is_han=han,
    )


def _weights(sources: list[str]) -> NDArray[np.float64]:
    known = {source: share for source, share in _SOURCE_SHARES.items() if source in sources}
    others = max(1e-9, 1 - sum(known.values()))
    counts = {source: sources.count(source) for source in dict.fromkeys(sources)}
    rest = sum(count for source, count in counts.items() if source not in known) or 1
    weights = np.array([known[s] / counts[s] if s in known else others / rest for s in sources])
    return np.asarray(weights / weights.sum())


class PairSampler:
    """Draws batches; the same seed and step give the same batch, so that an interrupted training goes on where it was."""

    def __init__(self, corpus: Corpus, tokenizer: Tokenizer) -> None:
        self._corpus = corpus
        counts = np.bincount(corpus.ids, minlength=tokenizer.get_vocab_size())
        self._rarity = (1.0 / np.sqrt(counts + 20.0)).astype(np.float64)
        self._cumulative = np.cumsum(corpus.weights)
        words = _QUESTION_WORDS[corpus.is_han].split()
        self._question_ids = np.array([i for i in map(tokenizer.token_to_id, words) if i is not None], dtype=np.int32)
        self._letters = {
            number: np.array(ids, dtype=np.int32)
            for piece, number in tokenizer.get_vocab().items()
            if len(piece) > 1 and all(map(is_han, piece)) and None not in (ids := [tokenizer.token_to_id(char) for char in piece])
        }

    def batch(self, size: int, rng: Generator) -> list[Triplet]:
        """Draw `size` triplets."""
        dialogues = np.searchsorted(self._cumulative, rng.random(size) * self._cumulative[-1])
        kinds = rng.choice(len(_KINDS), size=size, p=_SHARES)
        return [self._triplet(int(dialogue), _KINDS[kind], rng) for dialogue, kind in zip(dialogues, kinds, strict=True)]

    def _triplet(self, dialogue: int, kind: str, rng: Generator) -> Triplet:
        corpus = self._corpus
        first, end = int(corpus.dialogue_starts[dialogue]), int(corpus.dialogue_starts[dialogue + 1])
        number = int(rng.integers(first, end))
        if kind == "fact" and len(corpus.facts):
            row = int(rng.integers(len(corpus.facts)))
            key, text = corpus.facts[row]
            _, wrong = corpus.facts[(row + int(rng.integers(1, 12))) % len(corpus.facts)]
            return self._spelt(corpus.turn(key), rng), corpus.turn(text), corpus.turn(wrong)
        turn = corpus.turn(number)
        negative = self._negative(number, first, end, rng)
        if kind in ("adjacent", "dialogue") and end - first > 1:
            other = min(number + 1, end - 1) if kind == "adjacent" else int(rng.integers(first, end))
            if other == number:
                other = number - 1 if number > first else number + 1
            return self._spelt(turn, rng), corpus.turn(other), negative
        if len(turn) < _SHORTEST:
            return self._spelt(turn, rng), turn, negative
        if kind == "question":
            return self._question(turn, rng), turn, negative
        anchor, positive = _cloze(turn, rng)
        return self._spelt(anchor, rng), positive, negative

    def _negative(self, number: int, first: int, end: int, rng: Generator) -> Ids:
        corpus = self._corpus
        if end - first >= 5:
            shift = int(rng.integers(2, end - first - 2))
            return corpus.turn(first + (number - first + shift) % (end - first))
        return corpus.turn(int(rng.integers(corpus.dialogue_starts[-1])))

    def _question(self, turn: Ids, rng: Generator) -> Ids:
        weights = self._rarity[turn]
        wanted = min(len(turn), int(rng.integers(1, 6)))
        order = np.argsort(rng.exponential(size=len(turn)) / weights)[:wanted]
        asked = rng.choice(self._question_ids, size=int(rng.integers(1, 5)))
        return self._spelt(np.concatenate([turn[np.sort(order)], asked]), rng)

    def _spelt(self, ids: Ids, rng: Generator) -> Ids:
        if not self._corpus.is_han or rng.random() > 0.25:
            return ids
        alone = [self._letters.get(int(number)) if rng.random() < 0.5 else None for number in ids]
        return np.concatenate([ids[i : i + 1] if chars is None else chars for i, chars in enumerate(alone)])


def _cloze(turn: Ids, rng: Generator) -> tuple[Ids, Ids]:
    width = max(1, int(len(turn) * rng.uniform(0.2, 0.6)))
    start = int(rng.integers(len(turn) - width + 1))
    span = turn[start : start + width]
    if rng.random() < 0.5:
        return span, np.concatenate([turn[:start], turn[start + width :]])
    kept = turn[rng.random(len(turn)) > 0.2]
    return span, kept if len(kept) else turn
