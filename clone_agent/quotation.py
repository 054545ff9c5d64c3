"""What a reply says that quotes a recalled line: who said it, and its words, as much of them as one would repeat.

    小明说 到黄山了             somebody else's line
    10月2号 小明说 到黄山了      where the question asks for a date
    下次再也不爬山              the owner's own, or 我说 下次再也不爬山

One file for the training of the shipped model, whose replies are made here, and for its decoding, which lets it say nothing else of a line
than this: a model of a few million weights finds the line, and would get a digit of it wrong.
"""

import re
from collections.abc import Iterator
from itertools import product

from clone_agent.day_words import spoken_day
from clone_agent.prompt import ShownLine

LONGEST = {"zh": 48, "en": 160}  # characters of a line that a reply says again
_PIECES = {"zh": re.compile(r"\s+|(?<=[。！？!?；;…~～])"), "en": re.compile(r"(?<=[.!?])\s+")}
_OWN = {"zh": "我说 ", "en": "I said "}
_SAID = {"zh": "{name}说 ", "en": "{name} said "}


def spans(words: str) -> list[str]:
    """What may be quoted of a line's words: all of them, or of a long line every run of its sentences that is as long as may be."""
    kind = "en" if sum(map(str.isascii, words)) > 0.8 * len(words) else "zh"
    limit = LONGEST[kind]
    if len(words) <= limit:
        return [words]
    ends = [match.end() for match in _PIECES[kind].finditer(words) if match.end() < len(words)]
    starts, ends = [0, *ends], [*ends, len(words)]
    lasts = [
        max((last for last in range(first, len(ends)) if ends[last] - start <= limit), default=first) for first, start in enumerate(starts)
    ]
    is_own = [first == 0 or last > lasts[first - 1] for first, last in enumerate(lasts)]  # no part of the run before
    return [words[start : ends[last]].strip() for start, last, own in zip(starts, lasts, is_own, strict=True) if own]


def spoken_by(speaker: str, owner: str, language: str) -> str:
    """What stands before the words of another, and may stand before the owner's own."""
    return _OWN[language] if speaker == owner else _SAID[language].format(name=speaker)


def quotations(line: ShownLine, *, owner: str, language: str) -> Iterator[str]:
    """Every way to quote a line: with and without its day, of the owner with and without "I said"."""
    said = spoken_by(line.speaker, owner, language)
    days, speakers = ("", spoken_day(line.said_on, language) + " "), ("", said) if line.speaker == owner else (said,)
    for day, speaker, words in product(days, speakers, spans(line.words)):
        yield day + speaker + words
