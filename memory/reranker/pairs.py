"""What the shipped cross-encoder reads: a question, and a passage with its day, its chat and what stands around it, or a stretch of a talk.

People stand as the question calls them: who asks is 我 (me), the owner 你 (you); the day stands as counted from the day of asking, since
questions say 去年, not 2023. The same function writes the text for training and for recall.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

MARK = "<mask>"  # before and after the passage itself, among what stands around it; before every passage of a stretch
MOST_TOKENS, MOST_TALK_TOKENS = 144, 256  # of question and passage together, and of question and stretch
_MOST_PASSAGE, _MOST_BEFORE, _MOST_AFTER, _MOST_OF_TALK = 160, 48, 32, 100  # characters
REACH_BEFORE, REACH_AFTER = 5, 1  # passages that may be shown around one
_ALWAYS_BEFORE, _MOST_FURTHER = 2, 60  # the passages before it that are always shown; characters of all of them where more are
_WEEKDAYS_ZH = "一二三四五六日"
_WEEKDAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS_EN = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_YEARS_ZH = {0: "今年", 1: "去年", 2: "前年"}
_YEARS_EN = {0: "this year", 1: "last year"}


@dataclass(frozen=True, slots=True)
class Said:
    """One passage: who says what."""

    speaker: str  # their name, or ASKER or OWNER
    text: str


ASKER, OWNER, GROUP = "\x00asker", "\x00owner", "\x00group"
_WORDS = {"zh": {ASKER: "我", OWNER: "你", GROUP: "群"}, "en": {ASKER: "me", OWNER: "you", GROUP: "group"}}


def language_of(question: str) -> str:
    """`zh` where a Han character stands in it, else `en`."""
    return "zh" if any("\u3400" <= char <= "\u9fff" for char in question) else "en"


def question_text(question: str, asked_on: date, *, asker: str | None = None) -> str:
    """The question with its day; `asker`: the name of who asks, if known."""
    language = language_of(question)
    who = asker or ("有人" if language == "zh" else "someone")
    return f"{_day(asked_on, asked_on, language)} {who}: {question}"


def passage_text(
    passage: Said, *, said_on: date, asked_on: date, chat: str, before: Sequence[Said], after: Sequence[Said], language: str
) -> str:
    """A passage as it is shown beside a question in `language`.

    Args:
        passage: the passage.
        said_on: its day.
        asked_on: the day of the question.
        chat: the other person of a private chat, `ASKER`, `OWNER` or `GROUP`.
        before: the passages before it, in order; the last two are shown, and more where these are short, `REACH_BEFORE` at most.
        after: the passages after it.
        language: of the question.
    """
    parts = [_head(said_on, asked_on, chat, language)]
    parts += _lines_before(before, language)
    parts += [f"{MARK} {_line(passage, _MOST_PASSAGE, language)} {MARK}"]
    parts += [_line(said, _MOST_AFTER, language) for said in after[:REACH_AFTER]]
    return " / ".join(parts)


def talk_text(passages: Sequence[Said], *, said_on: date, asked_on: date, chat: str, language: str) -> str:
    """Neighbouring passages of a talk, as they are shown together beside a question; see `passage_text`."""
    parts = [f"{MARK} {_line(said, _MOST_OF_TALK, language)}" for said in passages]
    return " / ".join([_head(said_on, asked_on, chat, language), *parts])


def _lines_before(before: Sequence[Said], language: str) -> list[str]:
    lines: list[str] = []
    for said in reversed(before[-REACH_BEFORE:]):
        line = _line(said, _MOST_BEFORE, language)
        if len(lines) >= _ALWAYS_BEFORE and sum(map(len, lines)) + len(line) > _MOST_FURTHER:
            break
        lines.insert(0, line)
    return lines


def _head(said_on: date, asked_on: date, chat: str, language: str) -> str:
    return f"{_day(said_on, asked_on, language)} {_WORDS[language].get(chat, chat)}"


def _line(said: Said, most: int, language: str) -> str:
    text = " ".join(said.text.split())
    return f"{_WORDS[language].get(said.speaker, said.speaker)}: {text if len(text) <= most else text[:most] + '…'}"


def _day(day: date, asked_on: date, language: str) -> str:
    years = asked_on.year - day.year
    if language == "zh":
        year = _YEARS_ZH.get(years, f"{years}年前" if years > 0 else f"{-years}年后")
        return f"{year}{day.month}月{day.day}日 周{_WEEKDAYS_ZH[day.weekday()]}"
    year = _YEARS_EN.get(years, f"{years} years ago" if years > 0 else f"in {-years} years")
    return f"{year} {_MONTHS_EN[day.month - 1]} {day.day} {_WEEKDAYS_EN[day.weekday()]}"
