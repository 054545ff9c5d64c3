"""Build the tokenizer of the shipped embedding: Han characters and words, English words and word pieces, digits.

A word is a run of two to four Han characters that is frequent, coheres (its parts meet more often than chance) and stands in varied
surroundings. A text is cut into the likeliest pieces (Unigram model), so long words win over their characters.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer
from tokenizers.models import Unigram
from tokenizers.normalizers import NFKC, Lowercase
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import Split

UNKNOWN = "[UNK]"
_HAN_RUN = re.compile(r"[\u3400-\u9fff]+")
_LATIN_WORD = re.compile(r"[a-z]+")
_PIECES = r"[\u3400-\u9fff]+|[a-z]+|[0-9]|[^\u3400-\u9fffa-z0-9\s]"  # a text's pieces; blanks drop out
_LONGEST = 4
_MIN_COHESION = {2: 2.0, 3: 4.0, 4: 4.0}  # by length: nats of mutual information between the parts of a word at its weakest joint
_MIN_ENTROPY = 1.5  # nats of uncertainty about the character before and after
_FUNCTION = frozenset(
    "的了着过我你他她它们是和在也都就会能可把被对很这那有不没与及或到从让给为自己去来说要想得地吗呢吧啊"
)  # glue, not parts of words


def build_tokenizer(texts: Iterable[str], *, size: int, words: Iterable[str] = ()) -> Tokenizer:
    """Learn a vocabulary of at most `size` pieces from `texts`; `words` are candidates that need no proof of cohesion."""
    runs: Counter[str] = Counter()
    latin: Counter[str] = Counter()
    other: Counter[str] = Counter()
    for text in texts:
        lowered = text.lower()
        runs.update(_HAN_RUN.findall(lowered))
        latin.update(_LATIN_WORD.findall(lowered))
        other.update(char for char in lowered if not char.isspace() and not char.isalpha())
    scores = _han_pieces(runs, set(words)) | _latin_pieces(latin) | {char: float(count) for char, count in other.items() if count >= 20}
    scores |= {digit: scores.get(digit, 1.0) for digit in "0123456789"}
    kept = sorted(scores, key=lambda piece: (len(piece) > 1, -scores[piece], piece))[: size - 1]
    total = sum(scores[piece] for piece in kept)
    pieces = [(piece, math.log(max(scores[piece], 1.0) / total)) for piece in kept]
    tokenizer = Tokenizer(Unigram([(UNKNOWN, -30.0), *pieces], unk_id=0))
    tokenizer.normalizer = Normalizers([NFKC(), Lowercase()])
    tokenizer.pre_tokenizer = Split(Regex(_PIECES), behavior="removed", invert=True)
    return tokenizer


def _han_pieces(runs: Counter[str], known: set[str]) -> dict[str, float]:
    grams: Counter[str] = Counter()
    for run, count in runs.items():
        for width in range(1, _LONGEST + 1):
            for start in range(len(run) - width + 1):
                grams[run[start : start + width]] += count
    total = sum(count for gram, count in grams.items() if len(gram) == 1)
    frequent = {gram for gram, count in grams.items() if len(gram) > 1 and count >= (30 if len(gram) == 2 else 60)}
    coherent = {
        gram
        for gram in frequent
        if gram in known or (_FUNCTION.isdisjoint(gram) and _cohesion(gram, grams, total) >= _MIN_COHESION[len(gram)])
    }
    free = coherent & (_varied(coherent, runs) | known)
    known_rare = {word for word in known if 2 <= len(word) <= _LONGEST and grams[word] >= 8 and _HAN_RUN.fullmatch(word)}
    chars = {gram for gram, count in grams.items() if len(gram) == 1 and count >= 3}
    return {gram: float(grams[gram]) for gram in chars | free | known_rare}


def _cohesion(gram: str, grams: Counter[str], total: int) -> float:
    joint = math.log(grams[gram] / total)
    return min(joint - math.log(grams[gram[:cut]] / total) - math.log(grams[gram[cut:]] / total) for cut in range(1, len(gram)))


def _varied(grams: set[str], runs: Counter[str]) -> set[str]:
    """Those that stand between varied neighbours on both sides; the rim of a run counts as a neighbour of its own each time."""
    before: dict[str, Counter[str]] = {gram: Counter() for gram in grams}
    after: dict[str, Counter[str]] = {gram: Counter() for gram in grams}
    for run, count in runs.items():
        for width in range(2, _LONGEST + 1):
            for start in range(len(run) - width + 1):
                if (gram := run[start : start + width]) in grams:
                    before[gram][run[start - 1] if start else "^"] += count
                    after[gram][run[start + width : start + width + 1] or "$"] += count
    return {gram for gram in grams if min(_entropy(before[gram], "^"), _entropy(after[gram], "$")) >= _MIN_ENTROPY}


def _entropy(neighbours: Counter[str], rim: str) -> float:
    total = sum(neighbours.values())
    rim_part = neighbours[rim] / total * math.log(total)
    return rim_part - sum(count / total * math.log(count / total) for char, count in neighbours.items() if char != rim)


def _latin_pieces(words: Counter[str]) -> dict[str, float]:
    pieces: dict[str, float] = dict.fromkeys("abcdefghijklmnopqrstuvwxyz", 1.0)
    inner: Counter[str] = Counter()
    for word in words:
        for width in (2, 3, 4, 5):
            inner.update({word[:width], word[-width:]} if len(word) > width else ())
    pieces |= {piece: count / 50 for piece, count in inner.items() if count >= 25}
    return pieces | {word: float(count) for word, count in words.items() if count >= 3 and len(word) > 1}
