"""How well `scrub` masks: recall by kind, precision and speed on labelled messages.

A set is JSON lines: `{"text": …, "spans": [[start, end, kind], …]}`, places in characters; `half` where some of the messages were used
to mend the rules (`mend`) and others only to measure them (`held_out`); `people`, a list of everything that each is called, where names are
labelled too. A labelled piece counts as found when no digit or Latin letter of
it is left and, for an address, at least half of its characters are gone; whatever kind it was taken for. A masked piece is right when at
least half of it was labelled.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clone_agent.errors import DatasetError
from clone_agent.pseudonyms import NamedPerson, Pseudonyms
from clone_agent.scrub import Found, find, scrub

WORST_LENGTH = 200_000
WORST_UNITS = (
    "1",
    "路",
    "a",
    "a@",
    "1-",
    "路1号",
    "13812345678",
    "京A",
    "密码",
    "1.",
    "栋1",
    "wx",
    "6222 ",
    "qq1",
    "a.",
    "@a.",
    "大街12号3单元",
    "1 Elm St ",
    "验证码1",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledMessage:
    """A message and where its personal data stands."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    half: str = ""
    people: tuple[tuple[str, ...], ...] = ()  # whose names are known, each by all they are called


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingScore:
    """The figures of one set."""

    messages: int
    labelled: dict[str, int]  # by kind
    found: dict[str, int]
    masked: int  # pieces
    right: int  # of them
    same_kind: int  # found pieces that were taken for their own kind

    def recall(self, kind: str) -> float:
        """The share of a kind that is masked."""
        return self.found.get(kind, 0) / self.labelled[kind]

    @property
    def precision(self) -> float:
        """The share of what is masked that was personal data; 1 when nothing is masked."""
        return self.right / self.masked if self.masked else 1.0


def read_labelled(path: Path) -> list[LabelledMessage]:
    """Read a labelled set.

    Raises:
        DatasetError: it is missing or damaged.
    """
    messages = []
    try:
        number = 1
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):  # noqa: B007 - named in the error
                value = json.loads(line)
                spans = tuple((int(start), int(end), str(kind)) for start, end, kind in value["spans"])
                people = tuple(tuple(map(str, names)) for names in value.get("people", ()))
                messages.append(LabelledMessage(text=value["text"], spans=spans, half=value.get("half", ""), people=people))
    except FileNotFoundError as cause:
        raise DatasetError(f"There is no labelled set at {path}.", remedy="Name one, such as benchmarks/masking/messages.jsonl.") from cause
    except (ValueError, KeyError, TypeError) as cause:
        remedy = 'A line is {"text": "…", "spans": [[start, end, "phone"]]}.'
        raise DatasetError(f"{path.name}:{number}: not a labelled message.", remedy=remedy) from cause
    if not messages:
        raise DatasetError(f"{path.name} is empty.", remedy="Name a file with labelled messages.")
    return messages


def score(messages: Sequence[LabelledMessage]) -> MaskingScore:
    """Mask labelled messages and compare."""
    labelled: Counter[str] = Counter()
    found: Counter[str] = Counter()
    masked = right = same_kind = 0
    for message in messages:
        pieces = _find(message)
        masked += len(pieces)
        right += sum(2 * sum(_common(piece, span) for span in message.spans) >= piece.end - piece.start for piece in pieces)
        for span in message.spans:
            labelled[span[2]] += 1
            if is_masked(message.text, span, pieces):
                found[span[2]] += 1
                same_kind += any(piece.kind == span[2] and _common(piece, span) for piece in pieces)
    return MaskingScore(
        messages=len(messages), labelled=dict(sorted(labelled.items())), found=dict(found), masked=masked, right=right, same_kind=same_kind
    )


def _find(message: LabelledMessage) -> list[Found]:
    people = [NamedPerson(names=names, is_owner=False) for names in message.people]
    return [*find(message.text), *Pseudonyms(people, language="zh").find(message.text)]


def is_masked(text: str, span: tuple[int, int, str], pieces: Iterable[Found]) -> bool:
    """Whether nothing telling of a labelled piece is left."""
    start, end, kind = span
    gone = {place for piece in pieces for place in range(max(start, piece.start), min(end, piece.end))}
    left = [text[place] for place in range(start, end) if place not in gone]
    is_silent = not any(letter.isdigit() or (letter.isascii() and letter.isalpha()) for letter in left)
    return bool(gone) and is_silent and (kind != "address" or 2 * len(gone) >= end - start)


def _common(piece: Found, span: tuple[int, int, str]) -> int:
    return max(0, min(piece.end, span[1]) - max(piece.start, span[0]))


def messages_per_second(messages: Sequence[LabelledMessage], *, seconds: float = 1.0) -> float:
    """How many of these messages are masked in a second of processor time."""
    done, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        for message in messages:
            scrub(message.text)
        done += len(messages)
    return done / (time.process_time() - start)


def worst_line_seconds() -> float:
    """Processor time of the slowest of some lines of 200,000 characters that were made to take long."""
    worst = 0.0
    for unit in WORST_UNITS:
        start = time.process_time()
        scrub(unit * (WORST_LENGTH // len(unit)))
        worst = max(worst, time.process_time() - start)
    return worst
