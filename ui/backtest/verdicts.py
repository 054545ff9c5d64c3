"""The three complaints about the original, and which method and memory cures them: one sentence each, with figures.

What counts as cured is fixed here and printed in the report, so that no run can move it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ui.backtest.figures import REAL, Figures

CURED, EASED, NOT_CURED, OVERDONE = "cured", "eased", "not cured", "overdone"
_CHANCE = 0.1  # of picking one of ten
RULES = (
    "Too short: cured when the mean reply and the long replies (90th percentile) both have at least 80 % of the owner's characters; "
    "eased when one of them has; overdone when the mean reply has more than 150 %.",
    "Beside the point: a reply is to the point when it lies nearer to the message that it answers than to nine others, and does not just "
    "repeat eight characters (Latin: words) of its prompt. Cured when a voice reaches 80 % of the way from chance (10 %) to the owner's "
    "real replies; eased at 50 %.",
    "Forgets: cured when 80 % of the questions about what happened are answered right; eased at 40 %.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one complaint."""

    complaint: str
    states: Mapping[str, str]  # kind -> `CURED`, `EASED`, `OVERDONE`, `NOT_CURED`
    sentence: str


def verdicts(figures: Sequence[Figures]) -> list[Verdict]:
    """One verdict a complaint, over all voices."""
    real = next(one for one in figures if one.kind == REAL)
    voices = [one for one in figures if one.loss is not None]
    return [_short(real, voices), _beside(real, voices), _forgets(voices)]


def _short(real: Figures, voices: Sequence[Figures]) -> Verdict:
    states = {}
    for one in voices:
        reached = (one.style.mean_length >= 0.8 * real.style.mean_length) + (one.style.long_length >= 0.8 * real.style.long_length)
        is_long = one.style.mean_length > 1.5 * real.style.mean_length
        states[one.kind] = OVERDONE if is_long else (NOT_CURED, EASED, CURED)[reached]
    told = {one.kind: f"{one.style.mean_length:.1f} and {one.style.long_length:.0f}" for one in voices}
    owner = f"{real.style.mean_length:.1f} and {real.style.long_length:.0f}"
    return _verdict("Replies too short", f"The owner's real replies have a mean and a 90th percentile of {owner} characters", states, told)


def _beside(real: Figures, voices: Sequence[Figures]) -> Verdict:
    if real.to_the_point is None:
        return Verdict(complaint="Replies beside the point", states={}, sentence="Too few hidden replies to measure.")
    way = max(real.to_the_point - _CHANCE, 1e-9)
    shares = {one.kind: ((one.to_the_point or 0) - _CHANCE) / way for one in voices}
    states = {kind: CURED if share >= 0.8 else EASED if share >= 0.5 else NOT_CURED for kind, share in shares.items()}
    told = {one.kind: f"{one.to_the_point or 0:.0%}" + _groups(one) for one in voices}
    opening = (
        f"{real.to_the_point:.0%}{_groups(real)} of the owner's real replies lie nearest to the message that they answer, by chance 10 %"
    )
    return _verdict("Replies beside the point", opening, states, told)


def _groups(one: Figures) -> str:
    return "" if one.to_the_point_in_groups is None else f" (groups {one.to_the_point_in_groups:.0%})"


def _forgets(voices: Sequence[Figures]) -> Verdict:
    if not any(one.known[1] for one in voices):
        return Verdict(complaint="Forgets", states={}, sentence="No questions about the past were given (--questions FILE).")
    shares = {one.kind: one.known[0] / max(one.known[1], 1) for one in voices}
    states = {kind: CURED if share >= 0.8 else EASED if share >= 0.4 else NOT_CURED for kind, share in shares.items()}
    told = {one.kind: f"{share:.0%}" for one, share in zip(voices, shares.values(), strict=True)}
    return _verdict("Forgets", f"Right answers to {voices[0].known[1]} questions about what happened before the hidden weeks", states, told)


def _verdict(complaint: str, opening: str, states: Mapping[str, str], told: Mapping[str, str]) -> Verdict:
    """The sentence: what the owner's figure is, then the voices by what became of the complaint."""
    parts = []
    for state in (CURED, EASED, OVERDONE, NOT_CURED):
        kinds = [f"{kind} {told[kind]}" for kind, found in states.items() if found == state]
        if kinds:
            parts.append(f"{state} by {', '.join(kinds)}")
    return Verdict(complaint=complaint, states=states, sentence=f"{opening}; {'; '.join(parts)}.")
