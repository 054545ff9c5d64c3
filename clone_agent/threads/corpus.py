"""Chats with labelled links, as the Ubuntu IRC corpus of Kummerfeld et al. 2019 writes them, and the published score.

A chat is two files. `NAME.ascii.txt` holds one message a line, counted from 0:

    [09:19] <owlmanatt> cthulfuego: thanks          words
    [09:20]  * owlmanatt sighs                      an action
    === MorphDK [~x@y]  has joined #ubuntu          a notice

`NAME.annotation.txt` holds links `1002 1003 -`: the later message answers the earlier one; a link of a message to itself begins a thread.
Only messages from number 1000 on are labelled; those before are context. The clock has no date, and in early years 12 hours.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from clone_agent.errors import ExportError
from clone_agent.threads.lines import Line

FIRST_SCORED = 1000
_WORDS = re.compile(r"\[(\d\d):(\d\d)\] <([^>]*)> ?(.*)")
_ACTION = re.compile(r"\[(\d\d):(\d\d)\] +\* ?(\S+) ?(.*)")
_NOTICE = re.compile(r"===\s*(\S*)(.*)")
_CLOCK = 720  # minutes after which a 12-hour clock reads the same


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledChat:
    """A chat and what is known of its links."""

    name: str
    lines: tuple[Line, ...]
    gold: Mapping[int, frozenset[int]]  # message -> those it answers, itself when it begins a thread; labelled messages only


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkScore:
    """Micro-averaged over all links, self-links among them."""

    predicted: int
    gold: int
    matched: int

    @property
    def precision(self) -> float:
        """The share of predicted links that are right."""
        return self.matched / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """The share of labelled links that were predicted."""
        return self.matched / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.matched / (self.predicted + self.gold) if self.predicted + self.gold else 0.0

    def __add__(self, other: "LinkScore") -> "LinkScore":
        return LinkScore(predicted=self.predicted + other.predicted, gold=self.gold + other.gold, matched=self.matched + other.matched)


def link_score(predicted: Mapping[int, Iterable[int]], gold: Mapping[int, frozenset[int]]) -> LinkScore:
    """Score the links of the labelled messages; a labelled message without a prediction predicts nothing."""
    links = {(message, earlier) for message in gold for earlier in predicted.get(message, ())}
    wanted = {(message, earlier) for message, earliers in gold.items() for earlier in earliers}
    return LinkScore(predicted=len(links), gold=len(wanted), matched=len(links & wanted))


def read_labelled(folder: Path) -> list[LabelledChat]:
    """Read every labelled chat of a folder, by name.

    Raises:
        ExportError: there is none, a file is not of this format, or labels nothing.
    """
    paths = sorted(folder.glob("*.annotation.txt"))
    if not paths:
        raise ExportError(
            f"{folder.name} holds no *.annotation.txt.", remedy="Name a folder with NAME.ascii.txt and NAME.annotation.txt files."
        )
    return [_read_chat(path) for path in paths]


def _read_chat(path: Path) -> LabelledChat:
    name = path.name.removesuffix(".annotation.txt")
    words = path.with_name(f"{name}.ascii.txt")
    try:
        # The corpus' own tools count "\n" alone; other line ends stand inside messages.
        rows = words.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
        gold = _read_links(path, len(rows))
    except (OSError, UnicodeDecodeError) as cause:
        raise ExportError(f"{words.name} cannot be read.", remedy="It stands beside its .annotation.txt, in UTF-8.") from cause
    if not gold:
        raise ExportError(f"{path.name} labels no message from number {FIRST_SCORED} on.", remedy="Those before are context alone.")
    return LabelledChat(name=name, lines=tuple(_read_lines(rows)), gold=gold)


def _read_links(path: Path, many: int) -> dict[int, frozenset[int]]:
    gold: dict[int, set[int]] = {}
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not row.strip():
            continue
        link = re.match(r"(\d+)\s+(\d+)\b", row)
        if link is None or max(int(link[1]), int(link[2])) >= many:
            raise ExportError(f"{path.name}:{number}: expected a link like `1002 1003 -`.", remedy="Get the file again.")
        earlier, later = sorted((int(link[1]), int(link[2])))
        if later >= FIRST_SCORED:
            gold.setdefault(later, set()).add(earlier)
    return {later: frozenset(earliers) for later, earliers in sorted(gold.items())}


def _read_lines(rows: Iterable[str]) -> Iterable[Line]:
    minute, clock = 0, None
    for row in rows:
        said = _WORDS.match(row) or _ACTION.match(row)
        if said is None:
            notice = _NOTICE.match(row)
            who, text = (notice[1], notice[2]) if notice else ("", row)
            yield Line(speaker=f"={who.casefold()}", name="", minute=minute, text=text, is_notice=True)
            continue
        now = int(said[1]) * 60 + int(said[2])
        passed = (now - clock) % _CLOCK if clock is not None else 0
        minute += passed if passed < _CLOCK / 2 else 0
        clock = now
        yield Line(speaker=said[3].casefold(), name=said[3], minute=minute, text=said[4])
