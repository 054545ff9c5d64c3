"""Blind votes: which of two kinds of clone answered better, said by people who did not know which was which.

One JSON line a vote in `votes.jsonl` of the data home: when, which kinds, which one was better ("" where there was no difference), and a
digest of question and answers. Nobody's words are in it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import blake2b
from math import sqrt
from pathlib import Path

from ui.line_log import append_line, read_lines

SAME = ""  # neither was better
_FILE = "votes.jsonl"
_Z = 1.959964  # of the normal distribution, for 95 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One vote between two kinds of clone."""

    at: datetime
    kinds: tuple[str, str]  # as shown, first and second
    better: str  # one of them, or `SAME`
    ballot: str  # digest of question and answers: `ballot_of`


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """All votes between two kinds; the share is the first one's."""

    kinds: tuple[str, str]  # with memory first, else in the order of the alphabet
    wins: tuple[int, int]
    same: int

    @property
    def share(self) -> float | None:
        """The first kind's share of the votes that saw a difference; None: there are none."""
        return self.wins[0] / sum(self.wins) if any(self.wins) else None

    @property
    def interval(self) -> tuple[float, float]:
        """Where that share lies with 95 % confidence."""
        return wilson(self.wins[0], sum(self.wins))

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves no doubt which one is better."""
        low, high = self.interval
        return low > 0.5 or high < 0.5


def wilson(hits: float, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927, doi 10.1080/01621459.1927.10502953)."""
    if not of:
        return (0.0, 1.0)
    share, square = hits / of, _Z * _Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = _Z / (1 + square / of) * sqrt(share * (1 - share) / of + square / (4 * of * of))
    return (max(0.0, middle - half), min(1.0, middle + half))


def ballot_of(question: str, answers: Iterable[str]) -> str:
    """What tells one ballot from another, whichever answer is shown first."""
    return blake2b("\0".join([question, *sorted(answers)]).encode(), digest_size=16).hexdigest()


def keep_vote(home: Path, vote: Vote) -> None:
    """Add a vote. One write of one line, so that the page and a terminal may vote at once."""
    append_line(home / _FILE, json.dumps({**asdict(vote), "at": vote.at.isoformat()}, ensure_ascii=False))


def read_votes(home: Path) -> list[Vote]:
    """All votes that were kept; a line that a full disk cut short counts for nothing."""
    return [vote for line in read_lines(home / _FILE) if (vote := _read(line)) is not None]


def tallies(votes: Sequence[Vote]) -> list[Tally]:
    """The votes counted, one tally for every two kinds, the one with most votes first."""
    found: dict[tuple[str, str], list[str]] = {}
    for vote in votes:
        found.setdefault(_ordered(vote.kinds), []).append(vote.better)
    counted = [
        Tally(kinds=kinds, wins=(better.count(kinds[0]), better.count(kinds[1])), same=better.count(SAME))
        for kinds, better in found.items()
    ]
    return sorted(counted, key=lambda one: -sum(one.wins) - one.same)


def tally_between(votes: Sequence[Vote], kinds: tuple[str, str]) -> Tally:
    """The tally of two kinds, empty where nobody voted."""
    asked = _ordered(kinds)
    return next((one for one in tallies(votes) if one.kinds == asked), Tally(kinds=asked, wins=(0, 0), same=0))


def _ordered(kinds: tuple[str, str]) -> tuple[str, str]:
    first, second = sorted(kinds, key=lambda kind: (not kind.endswith("+memory"), kind))
    return first, second


def _read(line: str) -> Vote | None:
    try:
        value = json.loads(line)
        first, second = value["kinds"]
        vote = Vote(at=datetime.fromisoformat(value["at"]), kinds=(first, second), better=value["better"], ballot=value["ballot"])
    except (ValueError, KeyError, TypeError):
        return None
    return vote if vote.better in (*vote.kinds, SAME) else None
