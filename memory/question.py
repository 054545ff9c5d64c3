"""What a question is about: its subject filled in from the talk so far, its parts, and the people it names."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from clone_agent.records import ChatTurn

_SHORT_HAN = 6  # characters
_SHORT_LATIN = 3  # words
_POINTS_BACK = re.compile(
    r"他|她|它|那次|那天|那里|那儿|那家|那个|那时|那件|当时|然后|后来|接着|还有呢|结果呢|为什么呢|这件事|这个人|这事"
    r"|\b(?:he|she|him|her|his|hers|they|them|their|it|its|there|then|that one|those)\b"
    r"|^(?:and|what about|how about|why|so)\b",
    re.IGNORECASE,
)
_SOMEBODY = re.compile(r"[他她](?!们)|\b(?:he|she|him|her|his|hers)\b", re.IGNORECASE)
_HAN = re.compile(r"[\u3400-\u9fff]")
# Where a question turns to something else, and where a speaker takes back what came before.
_NEXT_PART = re.compile(
    r"(?<=[?？])\s*|[，。,;；.!！]?\s*(?:另外|此外|还有就是|顺便问(?:一下|下|句)?|对了)[，,：:]?\s*|\s+(?:and also|also,|by the way,?)\s+",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"^.*(?:其实|实际|本来|真正|我)[^，。？?]{0,4}想(?:问|说|知道|搞清楚|了解|搞明白)的?[^，。？?：:]{0,6}[：:，,]"
    r"|^.*\bwhat i (?:really|actually) (?:meant|want(?:ed)?) to ask(?: is| was)?[:,]?",
    re.IGNORECASE | re.DOTALL,
)
_LEADS_ON = re.compile(r"^(?:他|她|它|那次|那天|那里|那儿|那家|那时|当时|然后|后来|结果|he|she|it|they|there|then)(?![a-z])", re.IGNORECASE)
_FEWEST_HAN, _FEWEST_LATIN = 5, 3  # fewer characters or words: a rest of the part before
_MOST_PARTS = 4
# Words for relatives by which people also save them among their contacts.
_RELATIVES = (
    ("妈妈", "妈", "老妈", "母亲", "阿妈", "妈咪", "mom", "mum", "mother", "mama"),
    ("爸爸", "爸", "老爸", "父亲", "阿爸", "dad", "father", "papa"),
    ("哥哥", "哥", "老哥", "大哥"),
    ("姐姐", "姐", "老姐", "大姐"),
    ("弟弟", "弟", "老弟"),
    ("妹妹", "妹", "老妹"),
    ("奶奶", "grandma"),
    ("爷爷", "grandpa"),
    ("外婆", "姥姥"),
    ("外公", "姥爷"),
    ("老公", "丈夫", "husband"),
    ("老婆", "妻子", "wife"),
)
# What friends of somebody call their parents.
_ELDERS = (("叔叔", _RELATIVES[1]), ("阿姨", _RELATIVES[0]))
_CALLED = re.compile(r"[老小阿][\u3400-\u9fff](?<![区学时吃店家师人板])")  # 老郑, 小王, 阿哲; not 小区
_I = re.compile(r"我(?!们)|\b(?:i|me|my|mine)\b", re.IGNORECASE)
_WHOSE = r"(?:你|我|他|她|咱|your |my |his |her )"
_MOST_JOINED = 2  # earlier questions


@dataclass(frozen=True, slots=True)
class _Form:
    """A name as it is looked for."""

    plain: str
    forms: tuple[str, ...]  # any of them names the person
    is_han: bool


def resolve(question: str, history: Sequence[ChatTurn] = (), *, names: Iterable[str] = ()) -> str:
    """Make a follow-up stand alone: a very short question, or one that points back ("那次她说了什么"), gets the user's last turn before it.

    A question that names one of `names` stands for itself unless it is very short. A "she" that is still nobody gets the name that stands
    last in the talk, in whosever turn.
    """
    names = list(names)
    earlier = [turn.text.strip() for turn in history if turn.role == "user" and turn.text.strip()]
    whole = question.strip()
    for text in reversed(earlier[-_MOST_JOINED:]):
        if not _points_back(whole, names):
            break
        whole = f"{text} {question.strip()}" if whole == question.strip() else f"{text} {whole}"
        if not _points_back(text, names):
            break
    if _SOMEBODY.search(question) and not any(name in whole for name in names) and (name := _named_last(history, names)):
        return f"{whole} {name}"
    return whole


def _named_last(history: Sequence[ChatTurn], names: Iterable[str]) -> str:
    for turn in reversed(history):
        if found := [(turn.text.rfind(name), name) for name in names if name and name in turn.text]:
            return max(found)[1]
    return ""


def parts(question: str) -> list[str]:
    """The questions that a message asks, each to be answered by itself: at most four, at least one.

    What the speaker takes back ("搞错了，我其实想问的是…") is left out. A part that cannot stand alone gets the one before it.
    """
    found: list[str] = []
    for piece in _NEXT_PART.split(question.strip()):
        piece = _TAKEN_BACK.sub("", piece).strip() or piece.strip()
        if not piece:
            continue
        if found and (_is_rest(piece) or len(found) == _MOST_PARTS):
            found[-1] = f"{found[-1]} {piece}"
        elif found and _LEADS_ON.match(piece):
            found.append(f"{found[-1]} {piece}")
        else:
            found.append(piece)
    return found or [question.strip()]


def _is_rest(piece: str) -> bool:
    han = len(_HAN.findall(piece))
    return han < _FEWEST_HAN if han else len(piece.split()) < _FEWEST_LATIN


def _points_back(question: str, names: Iterable[str]) -> bool:
    words = re.sub(r"[^\w]+", " ", question).split()
    han = len(_HAN.findall(question))
    if (han and han < _SHORT_HAN) or (not han and len(words) <= _SHORT_LATIN):
        return True
    return bool(_POINTS_BACK.search(question)) and not any(name and name in question for name in names)


def named_people(question: str, people: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """The people whose name stands in the question.

    `people` gives the names by person id. Besides the whole name a part of it counts (王阿姨 for "房东 王阿姨", Caroline for Caroline
    Smith), the given name (思远 for 陈思远), and what people are called by (老郑 for 老郑不老). Who is saved as a relative ("老妈") is
    named by any word for that relative ("你妈"); parents also by 叔叔 and 阿姨, as their child's friends call them, where nobody else is.
    """
    text = _plain(question)
    relatives = {word for words in _RELATIVES if _names_relative(text, words) for word in words}
    named = frozenset(
        person for person, names in people.items() if any(_is_named(text, form := _form(name)) or form.plain in relatives for name in names)
    )
    elders = {word for called, words in _ELDERS if called in text for word in words}
    if named or not elders:
        return named
    return frozenset(person for person, names in people.items() if any(_form(name).plain in elders for name in names))


def says_i(question: str) -> bool:
    """Whether who asks speaks of themselves: what they mean was then most likely said in a chat with them."""
    return _I.search(question) is not None


def _names_relative(text: str, words: Iterable[str]) -> bool:
    either = "|".join(words)
    return re.search(rf"{_WHOSE}(?:{either})(?![a-z])|^(?:{either})(?![a-z])", text) is not None


def _is_named(text: str, name: _Form) -> bool:
    found = [form for form in name.forms if form in text]
    return bool(found) and (
        name.is_han or any(re.search(rf"(?<![a-z0-9]){re.escape(form)}(?![a-z0-9])", text) is not None for form in found)
    )


@lru_cache(maxsize=1 << 16)  # a big group has thousands of names, of which every question asks
def _form(name: str) -> _Form:
    plain = _plain(name)
    if not _HAN.search(plain):
        return _Form(plain, tuple(form for form in (plain, *plain.split()[:1]) if len(form) > 2), is_han=False)
    whole = "".join(plain.split())
    forms = [whole, *plain.split()]
    forms += [whole[1:]] if len(whole) == 3 and all(map(_HAN.match, whole)) else []
    forms += [whole[:2]] if _CALLED.match(whole) else []
    return _Form(plain, tuple(form for form in dict.fromkeys(forms) if len(form) > 1 and _HAN.search(form)), is_han=True)


def _plain(text: str) -> str:
    kept = (char if char.isalnum() or char.isspace() else " " for char in unicodedata.normalize("NFKC", text).lower())
    return " ".join("".join(kept).split())
