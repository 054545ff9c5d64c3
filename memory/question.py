"""What a question is about: its subject filled in from the talk so far, and the people it names."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from clone_agent.records import ChatTurn

_SHORT_HAN = 6  # characters
_SHORT_LATIN = 3  # words
_POINTS_BACK = re.compile(
    r"他|她|它|那次|那天|那里|那儿|那家|那个|那时|那件|当时|然后|后来|接着|还有呢|结果呢|为什么呢|这件事|这个人|这事"
    r"|\b(?:he|she|him|her|his|hers|they|them|their|it|its|there|then|that one|those)\b"
    r"|^(?:and|what about|how about|why|so)\b",
    re.IGNORECASE,
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_MOST_JOINED = 2  # earlier questions


def resolve(question: str, history: Sequence[ChatTurn] = (), *, names: Iterable[str] = ()) -> str:
    """Make a follow-up stand alone: a very short question, or one that points back ("那次她说了什么"), gets the user's last turn before it.

    A question that names one of `names` stands for itself unless it is very short.
    """
    earlier = [turn.text.strip() for turn in history if turn.role == "user" and turn.text.strip()]
    whole = question.strip()
    for text in reversed(earlier[-_MOST_JOINED:]):
        if not _points_back(whole, names):
            break
        whole = f"{text} {question.strip()}" if whole == question.strip() else f"{text} {whole}"
        if not _points_back(text, names):
            break
    return whole


def _points_back(question: str, names: Iterable[str]) -> bool:
    words = re.sub(r"[^\w]+", " ", question).split()
    han = len(_HAN.findall(question))
    if (han and han < _SHORT_HAN) or (not han and len(words) <= _SHORT_LATIN):
        return True
    return bool(_POINTS_BACK.search(question)) and not any(name and name in question for name in names)


def named_people(question: str, people: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """The people whose name stands in the question.

    `people` gives the names by person id. Besides the whole name the given name counts: 思远 for 陈思远, Caroline for Caroline Smith.
    """
    text = _plain(question)
    return frozenset(person for person, names in people.items() if any(_is_named(text, name) for name in names))


def _is_named(text: str, name: str) -> bool:
    plain = _plain(name)
    if _HAN.search(plain):
        whole = "".join(plain.split())
        forms = [whole, whole[1:]] if len(whole) == 3 and all(map(_HAN.match, whole)) else [whole]
        return any(len(form) > 1 and form in text for form in forms)
    forms = [plain, *plain.split()[:1]]
    return any(len(form) > 2 and re.search(rf"(?<![a-z0-9]){re.escape(form)}(?![a-z0-9])", text) is not None for form in forms)


def _plain(text: str) -> str:
    kept = (char if char.isalnum() or char.isspace() else " " for char in unicodedata.normalize("NFKC", text).lower())
    return " ".join("".join(kept).split())
