"""What the words of a line tell about who it answers: its shape, and rare words that it shares with other lines.

Both work without a trained vocabulary, in Chinese and in English: Han text is cut into single characters and pairs of them, and how rare a
word is comes from the chat itself.
"""

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "question",
        re.compile(
            r"[?？]|^(?:\S+[:,] )?(?:who|what|whats|when|where|why|how|which|is|are|does|do|did|can|could|should|will|would|has|have)\b"
            r"|[吗呢么]\s*$|怎么|什么|为什么|为啥|咋|几点|哪|谁|多少|是不是|有没有|能不能|要不要|好不好"
        ),
    ),
    (
        "greeting",
        re.compile(r"\b(?:hi|hello|hey|hiya|howdy|yo|morning|evening|greetings)\b|你好|大家好|早上好|晚上好|早安|晚安|哈喽|嗨|在吗|^早"),
    ),
    ("thanks", re.compile(r"\b(?:thanks|thank|thx|thanx|ty|cheers|tnx)\b|谢|多谢|感谢|辛苦")),
    (
        "answer",
        re.compile(
            r"^(?:\S+[:,] )?(?:yes|yeah|yep|yup|no|nope|nah|ok|okay|sure|right|correct|true|maybe|well|oh|ah|hmm|i think|i know|try|it)\b"
            r"|^(?:嗯|好|行|对|是|不|没|可以|哦|噢|有|会|要|能|应该|当然|肯定)"
        ),
    ),
    (
        "to all",
        re.compile(r"\b(?:anyone|anybody|someone|somebody|everyone|all|guys|help|folks)\b|有人|有没有人|大家|各位|谁|求|你们|所有人|全体"),
    ),
    (
        "problem",
        re.compile(
            r"\b(?:problem|error|trying|tried|installed|install|need|want|wont|won't|can't|doesn't|doesnt)\b|问题|不行|报错|坏了|想问"
        ),
    ),
    ("link", re.compile(r"https?://|www\.|\b\S+\.(?:com|org|net)\b")),
    (
        "goes on",
        re.compile(
            r"^(?:and|but|or|so|because|also|then|which|with|plus|even|that|if|the|in|on|for|to)\b|^(?:而且|但是|但|还有|然后|因为|所以|不过|就是|主要是)"
        ),
    ),
    ("you", re.compile(r"\b(?:you|your|you're|u|ur|ya)\b|你|您|妳")),
    ("i", re.compile(r"\b(?:i|i'm|im|i've|my|me|mine)\b|我|咱")),
    ("open end", re.compile(r"(?:\.\.|…|:|：|,|，|、)\s*$")),
    ("laugh", re.compile(r"\b(?:lol|haha\w*|hehe\w*|rofl|lmao|heh)\b|哈哈|嘿嘿|呵呵|笑死|233|[:;]-?[)DPp]")),
    ("correction", re.compile(r"^\*|\*$|\bi mean\b|打错|说错")),
    ("command", re.compile(r"^[!/~]|\bsudo\b|\bapt|/\w+/\w+|^@\w")),
)
_WORD = re.compile(r"[\u3400-\u9fff]+|[a-z0-9][a-z0-9_'+.#/-]*[a-z0-9+#]|[a-z0-9]")
_COMMON = 0.08  # a word in more of the lines than that links nothing


def shape(text: str) -> list[bool]:
    """Which of `SHAPES` a line has."""
    folded = text.casefold()
    return [pattern.search(folded) is not None for _, pattern in SHAPES]


def tokens(text: str) -> set[str]:
    """Words, Han characters and pairs of Han characters."""
    found: set[str] = set()
    for word in _WORD.findall(text.casefold()):
        if "\u3400" <= word[0] <= "\u9fff":
            found.update(word)
            found.update(word[at : at + 2] for at in range(len(word) - 1))
        else:
            found.add(word)
    return found


def overlap(texts: Sequence[str], ignored: Sequence[set[str]]) -> NDArray[np.float32]:
    """How much the words of every two lines have in common.

    Args:
        texts: n lines.
        ignored: for each line the words that do not count: names of people.

    Returns:
        Shape (n, n), symmetric: the cosine of the lines' words weighted by idf; 0 on the diagonal.
    """
    many = len(texts)
    places: dict[str, list[int]] = {}
    for number, (text, names) in enumerate(zip(texts, ignored, strict=True)):
        for word in tokens(text) - names:
            places.setdefault(word, []).append(number)
    squares = np.zeros(many, dtype=np.float32)
    shared = np.zeros((many, many), dtype=np.float32)
    for where in places.values():
        weight = math.log((1 + many) / len(where)) ** 2
        squares[where] += weight
        if 1 < len(where) <= max(2, _COMMON * many):
            shared[np.ix_(where, where)] += weight
    length = np.sqrt(np.maximum(squares, 1e-6))
    shared /= length[:, None]
    shared /= length[None, :]
    np.fill_diagonal(shared, 0)
    return shared
