"""Files of questions to compare models with: plain lines, or JSONL that also says what a right answer holds.

A JSONL line has `question`; `asked_at` (ISO 8601) is the day that "yesterday" counts from. An answer is right when it holds at least one
alternative of every group in `accept` and nothing of `reject`. Category `never`: it never happened, and an answer is right when it says
that it does not remember.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from clone_agent.errors import UsageError

NEVER = "never"
_FORGOT = re.compile(
    r"不记得|记不得|记不清|记不太清|没印象|想不起|不知道|不清楚|忘了|don'?t (remember|recall|know)|no idea|can'?t recall|forgot|not sure"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, and what is needed to tell a right answer."""

    text: str
    asked_at: datetime | None = None
    accept: tuple[tuple[str, ...], ...] = ()
    reject: tuple[str, ...] = ()
    category: str = ""
    answer: str = ""  # for people to read

    @property
    def is_scored(self) -> bool:
        """Whether it is known what a right answer is."""
        return bool(self.accept) or self.category == NEVER

    @property
    def never_happened(self) -> bool:
        """Whether the right answer is not to remember."""
        return self.category == NEVER

    def is_right(self, answer: str) -> bool | None:
        """Whether an answer is right; None: nobody knows."""
        if not self.is_scored:
            return None
        if self.category == NEVER:
            return says_unknown(answer)
        given = _folded(answer)
        holds = all(any(_holds(given, word) for word in group) for group in self.accept)
        return holds and not any(_holds(given, word) for word in self.reject)


def says_unknown(answer: str) -> bool:
    """Whether an answer says that it does not remember."""
    return _FORGOT.search(unicodedata.normalize("NFKC", answer).lower().replace("’", "'")) is not None


def read_questions(path: Path) -> list[Question]:
    """Read the questions of a file, `.jsonl` or plain lines; empty lines and lines that begin with # do not count.

    Raises:
        UsageError: the file holds none, or a line is not what it should be. The message names the line, not its words.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # no other line end counts: JSON may hold U+2028 as it is
    except UnicodeDecodeError as cause:
        raise UsageError(f"{path.name} is not UTF-8 text.", remedy="Save it as UTF-8.") from cause
    numbered = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip() and not line.lstrip().startswith("#")]
    is_json = path.suffix == ".jsonl"
    questions = [_from_json(line, f"{path.name}:{number}") if is_json else Question(text=line) for number, line in numbered]
    if not questions:
        raise UsageError(f"{path.name} holds no question.", remedy="Write one question a line.")
    return questions


def _from_json(line: str, where: str) -> Question:
    try:
        value = json.loads(line)
        return Question(
            text=_text(value["question"]),
            asked_at=datetime.fromisoformat(value["asked_at"]).astimezone() if value.get("asked_at") else None,
            accept=tuple(tuple(map(_text, group)) for group in value.get("accept", [])),
            reject=tuple(map(_text, value.get("reject", []))),
            category=_text(value.get("category", "")),
            answer=_text(value.get("answer", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as cause:
        raise UsageError(
            f"{where}: expected an object with a question.", remedy='Write lines like {"question": "…", "accept": [["…"]]}.'
        ) from cause


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _holds(given: str, word: str) -> bool:
    """Whether a folded answer holds a word; a number must not be part of a longer one."""
    wanted = _folded(word)
    before = r"(?<!\d)" if wanted[:1].isdigit() else ""
    after = r"(?!\d)" if wanted[-1:].isdigit() else ""
    return re.search(before + re.escape(wanted) + after, given) is not None


def _folded(text: str) -> str:
    """Without blanks and in one case; where numbers of two lines would run into one ("85" and "1号"), the line end stays."""
    parted = re.sub(r"(?<=\d)\s*\n\s*(?=\d)", "|", unicodedata.normalize("NFKC", text))
    return re.sub(r"\s+", "", parted).casefold()


def right_share(marks: Sequence[bool | None]) -> tuple[int, int]:
    """How many answers are right, of how many that could be judged."""
    judged = [mark for mark in marks if mark is not None]
    return sum(judged), len(judged)
