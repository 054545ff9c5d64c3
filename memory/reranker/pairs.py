"""What the shipped cross-encoder reads: a question, and a passage with its day, its chat and what stands around it.

People stand as the question calls them: who asks is 我 (me), the owner 你 (you); the day stands as counted from the day of asking, since
questions say 去年, not 2023. The same function writes the text for training and for recall.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

MARK = "<mask>"  # before and after the passage itself, among what stands around it
MOST_TOKENS = 144  # of question and passage together
_MOST_PASSAGE, _MOST_BEFORE, _MOST_AFTER = 160, 48, 32  # characters
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
        before: the passages before it, in order; the last ones are shown.
        after: the passages after it.
        language: of the question.
    """
    words = _WORDS[language]

    def line(said: Said, most: int) -> str:
        text = " ".join(said.text.split())
        return f"{words.get(said.speaker, said.speaker)}: {text if len(text) <= most else text[:most] + '…'}"

    parts = [f"{_day(said_on, asked_on, language)} {words.get(chat, chat)}"]
    parts += [line(said, _MOST_BEFORE) for said in before[-2:]]
    parts += [f"{MARK} {line(passage, _MOST_PASSAGE)} {MARK}"]
    parts += [line(said, _MOST_AFTER) for said in after[:1]]
    return " / ".join(parts)


def _day(day: date, asked_on: date, language: str) -> str:
    years = asked_on.year - day.year
    if language == "zh":
        year = _YEARS_ZH.get(years, f"{years}年前" if years > 0 else f"{-years}年后")
        return f"{year}{day.month}月{day.day}日 周{_WEEKDAYS_ZH[day.weekday()]}"
    year = _YEARS_EN.get(years, f"{years} years ago" if years > 0 else f"in {-years} years")
    return f"{year} {_MONTHS_EN[day.month - 1]} {day.day} {_WEEKDAYS_EN[day.weekday()]}"
