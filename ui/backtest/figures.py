"""What the voices did, as figures: beside the owner's real replies, which are the ceiling, and the untuned model, which is the floor."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from clone_agent.archive import Archive
from finetune.authorship import OWNER, Attribution, Attributor
from finetune.copies import CopyIndex
from finetune.matching import blocks
from finetune.probe import OrdinaryTalk
from finetune.style import Style, StyleDistance, bubbles_of, style, style_distance
from ui.backtest.intervals import Interval, of_mean, of_share
from ui.questions import Question, says_unknown
from ui.votes import wilson

if TYPE_CHECKING:
    from clone_agent.archive_people import Person
    from finetune.examples import Example
    from memory.embed import Embedder
    from ui.backtest.prompts import Prompts
    from ui.backtest.voices import Part

REAL = "the owner"  # the real replies of the hidden weeks
BEFORE = "the owner, before"  # the same number of real replies from the weeks before


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of one voice, without or with memory. None: cannot be measured here."""

    kind: str  # "lora", "lora + memory"; `REAL`, `BEFORE`
    loss: float | None  # mean per token of the owner's real replies
    authorship: float | None  # share of bundles taken for the owner's
    bundles: int
    style: Style
    distance: StyleDistance  # to the owner's real replies
    copied: float | None  # share of eight-unit runs that stand in the training data
    longest_copy: int  # units
    picked: float | None  # share of prompts whose real reply the model picks of ten
    picked_in_groups: float | None
    repeated: float | None  # share of replies with a run of eight units that stands in their prompt word for word
    to_the_point: float | None  # share of replies nearer to what they answer than to nine other messages, and no repetition of the prompt
    to_the_point_in_groups: float | None
    known: tuple[int, int]  # right answers to questions about what happened, of how many
    never: tuple[int, int]  # "I do not remember" to questions about what never happened, of how many
    false_unknown: tuple[int, int]  # "I do not remember" to questions about what happened
    ordinary: OrdinaryTalk | None = None  # what it makes of everyday questions
    intervals: Mapping[str, Interval] = field(default_factory=dict)  # 95 %, by the names of the fields; "mean_length" is of the style


class Measure:
    """Everything that turns replies into figures."""

    def __init__(
        self,
        *,
        past: Archive,
        trained_on: Sequence[str],
        examples: "Sequence[Example]",
        prompts: "Sequence[Prompts]",
        in_groups: Sequence[bool],
        questions: Sequence[Question],
        embedder: "Embedder",
    ) -> None:
        """Learn the hands and the training data.

        Args:
            past: the chats before the hidden weeks.
            trained_on: the owner's replies in the training examples.
            examples: of the hidden weeks.
            prompts: of these, without and with memory.
            in_groups: which of them are from group chats.
            questions: about the past.
            embedder: tells how near two texts are.

        Raises:
            DatasetError: the owner or everybody else wrote too little to know a hand.
        """
        self.attributor = Attributor(writings(past))
        self._copies = CopyIndex(trained_on)
        self._trained_on = trained_on
        self._examples, self._in_groups, self._questions = examples, in_groups, questions
        self._real = [example.response for example in examples]
        self._seen = {
            False: [CopyIndex(turn.text for turn in one.plain) for one in prompts],
            True: [CopyIndex(turn.text for turn in one.remembering) for one in prompts],
        }
        self._encode = embedder.encode
        self._prompts = self._encode([example.context[-1].text for example in examples])

    def of(self, kind: str, part: "Part", *, ordinary: OrdinaryTalk | None = None) -> Figures:
        """The figures of what a voice did."""
        tokens = sum(number for _, number in part.losses)
        return self._figures(
            kind,
            part.replies,
            loss=sum(loss * number for loss, number in part.losses) / tokens if tokens else None,
            matched=part.matched,
            answers=part.answers,
            ordinary=ordinary,
            use_memory=part.use_memory,
        )

    def real(self) -> list[Figures]:
        """The figures of the owner: in the hidden weeks, and in as many replies from the weeks before."""
        many, all_before = len(self._real), self._trained_on
        before = [all_before[(2 * number + 1) * len(all_before) // (2 * many)] for number in range(min(many, len(all_before)))]
        none: list[bool | None] = [None] * many
        hidden = self._figures(REAL, self._real, loss=None, matched=none, answers=[], ordinary=None)
        return [hidden, self._figures(BEFORE, before, loss=None, matched=none, answers=[], ordinary=None, is_answer=False)]

    def _figures(
        self,
        kind: str,
        replies: Sequence[str],
        *,
        loss: float | None,
        matched: Sequence[bool | None],
        answers: Sequence[str],
        ordinary: OrdinaryTalk | None,
        is_answer: bool = True,
        use_memory: bool = False,
    ) -> Figures:
        hand, copying = self.attributor.attribute(bubbles_of(replies)), self._copies.copying(replies)
        repeats = self._repeats(replies, use_memory) if is_answer else []
        near = self._nearness(replies, repeats) if is_answer else [None] * len(self._in_groups)
        known, never, false_unknown = _scores(self._questions, answers)
        return Figures(
            kind=kind,
            loss=loss,
            authorship=hand.share if is_answer else None,  # the weeks before are what the hand was learned from
            bundles=hand.bundles,
            style=style(replies),
            distance=style_distance(replies, self._real),
            copied=copying.share if kind != BEFORE else None,
            longest_copy=copying.longest if kind != BEFORE else 0,
            picked=_mean(matched),
            picked_in_groups=_mean(_only(matched, self._in_groups)),
            repeated=_mean(repeats),
            to_the_point=_mean(near),
            to_the_point_in_groups=_mean(_only(near, self._in_groups)),
            known=known,
            never=never,
            false_unknown=false_unknown,
            ordinary=ordinary,
            intervals=_intervals(replies, near, hand if is_answer else None, known),
        )

    def _repeats(self, replies: Sequence[str], use_memory: bool) -> list[bool]:
        """Which replies say something of their prompt again, eight units or more."""
        return [bool(seen.copying([reply]).copied) for seen, reply in zip(self._seen[use_memory], replies, strict=True)]

    def _nearness(self, replies: Sequence[str], repeats: Sequence[bool]) -> list[float | None]:
        """For each reply 1 where it is nearest to what it answers of ten messages; equals share; None: took no part.

        What only repeats its prompt is near to it and answers nothing: 0.
        """
        vectors = self._encode([reply.replace("\n", " ") for reply in replies])
        found: list[float | None] = [None] * len(replies)
        for block in blocks(len(replies)):
            closeness = vectors[block] @ self._prompts[block].T
            for row, number in enumerate(block):
                best = np.isclose(closeness[row], closeness[row].max(), atol=1e-6)
                found[number] = 0.0 if repeats[number] else float(best[row]) / float(best.sum())
        return found


def writings(archive: Archive) -> dict[str, list[str]]:
    """Everybody's messages in time order, the owner's under `OWNER`."""
    found: dict[str, list[str]] = {}
    named = _names(archive.people())
    for info in archive.conversations():
        for session in archive.sessions(info.conversation.id):
            for turn in session.turns:
                found.setdefault(OWNER if turn.is_owner else named.get(turn.speaker, turn.speaker), []).extend(turn.bubbles)
    return found


def _names(people: "Iterable[Person]") -> Mapping[str, str]:
    """The person that an account belongs to."""
    return {account.id: person.id for person in people for account in person.accounts}


def _scores(questions: Sequence[Question], answers: Sequence[str]) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    pairs = [(question, answer) for question, answer in zip(questions, answers, strict=False) if question.is_scored]
    happened = [(question, answer) for question, answer in pairs if not question.never_happened]
    never = [answer for question, answer in pairs if question.never_happened]
    right = [bool(question.is_right(answer)) for question, answer in happened]
    unknown = [says_unknown(answer) and not is_right for (_, answer), is_right in zip(happened, right, strict=True)]
    return (sum(right), len(right)), (sum(map(says_unknown, never)), len(never)), (sum(unknown), len(unknown))


def _intervals(
    replies: Sequence[str], near: Sequence[float | None], hand: Attribution | None, known: tuple[int, int]
) -> dict[str, Interval]:
    found = {
        "mean_length": of_mean([float(len(reply.replace("\n", ""))) for reply in replies]),
        "to_the_point": of_share([value for value in near if value is not None]),
        "authorship": None if hand is None or not hand.bundles else wilson(hand.owner, hand.bundles),
        "known": wilson(*known) if known[1] else None,
    }
    return {name: interval for name, interval in found.items() if interval is not None}


def _only(values: Sequence[bool | float | None], wanted: Sequence[bool]) -> list[bool | float | None]:
    return [value for value, is_wanted in zip(values, wanted, strict=True) if is_wanted]


def _mean(values: Sequence[bool | float | None]) -> float | None:
    counted = [float(value) for value in values if value is not None]
    return fmean(counted) if counted else None
