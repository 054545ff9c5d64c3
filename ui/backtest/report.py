"""What a backtest's report says: the verdicts on the three complaints, the figures, plots, and how they were measured."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from finetune.authorship import BUNDLE
from finetune.probe import OrdinaryTalk, is_lost
from ui.backtest.figures import BEFORE, REAL, Figures
from ui.backtest.run import BASE, Outcome
from ui.backtest.verdicts import RULES, verdicts
from ui.report.charts import Bars, Chart
from ui.report.document import Block, Code, Document, Heading, Paragraph, Points, Table

_DASH = "–"
_SERIES = ("without memory", "with memory")
_LONGEST = 120  # characters of somebody's words in the table of replies
_MEANING = (
    "In brackets: 95 % intervals over the replies, bundles and questions that were drawn (Wilson's for shares). Two voices whose intervals "
    "overlap are not told apart by this run; another seed of the tuning moves figures too, and is not in them.",
    "The owner: the real replies of the same weeks put through the same measures, which is the ceiling; a clone cannot be asked for more.",
    "Taken for the owner: a classifier of character bigrams, trained on everybody's real messages before the hidden weeks, is given "
    f"{BUNDLE} bubbles at a time and says whose they are. The owner's real replies are the ceiling, the untuned model the floor.",
    "Loss: of the owner's real replies, mean per token. With memory the citation that the prompt asks for bears no loss.",
    "Length, bubbles: the area between the distributions of the replies and the owner's. Marks, emoji: Jensen-Shannon divergence in bits "
    "of what stands in a bubble. The row of the owner before the hidden weeks says how far somebody is from themselves.",
    "Copied: runs of eight characters (Latin: words) of the replies that stand in the training replies word for word.",
    "Picks the real reply: of ten real replies, for ten prompts far apart in time, the one whose likelihood rises most after the prompt.",
    "To the point: the reply lies nearer to the message that it answers than to nine others, by the embedding model, and says nothing of "
    "its prompt again (repeats its prompt: eight characters or words of the talk or of the recalled lines, word for word).",
    "Remembers: questions about what happened before the hidden weeks; right by the words that a right answer must and must not hold. "
    "Admits not knowing: questions about what never happened, answered with not remembering; wrongly, the same to what did happen.",
    "Everyday questions: of 24 that any speaker answers, the loss of sensible replies, and how often a question's own reply is found "
    "likelier than those of three others (by chance 25 %). Lost: much worse than the base, by the rule that keeps such an adapter from "
    "being made current.",
)


def backtest_document(outcome: Outcome, *, command: str, replies: int) -> Document:
    """The report.

    Args:
        outcome: of the run.
        command: that made it.
        replies: how many replies to show beside the owner's, in everybody's words.
    """
    figures = outcome.figures
    blocks: list[Block] = [
        Code(command),
        Paragraph(_summary(outcome)),
        *(Paragraph(f"{name} could not be tuned here: {error.problem}") for name, error in outcome.failed.items()),
        Heading("The three complaints"),
        Points([f"{one.complaint}: {one.sentence}" for one in verdicts(figures)]),
        _complaints(figures),
        Paragraph("What counts as cured was fixed beforehand. " + " ".join(RULES)),
        Heading("How near to the owner"),
        _nearness(figures),
        *_nearness_charts(figures),
        Heading("To the point, and remembering"),
        _answers(figures),
        *_answer_charts(figures),
    ]
    if replies:
        blocks += [Heading("Some replies"), Paragraph("Picked by position, not for what they say."), _replies(outcome, replies)]
    blocks += [Heading("What the figures mean"), Points(_MEANING)]
    return Document(title="Backtest", blocks=blocks)


def outcome_fields(outcome: Outcome) -> dict[str, object]:
    """The `--json` fields of a backtest."""
    return {
        "base": outcome.base,
        "cut": outcome.cut.isoformat(),
        "replies": len(outcome.examples),
        "questions": len(outcome.questions),
        "figures": [asdict(one) for one in outcome.figures],
        "verdicts": [
            {"complaint": one.complaint, "states": dict(one.states), "sentence": one.sentence} for one in verdicts(outcome.figures)
        ],
        "failed": {name: error.problem for name, error in outcome.failed.items()},
        "seconds": round(outcome.seconds, 1),
        "core_seconds": round(outcome.core_seconds, 1),
    }


def _summary(outcome: Outcome) -> str:
    last = max(example.sent_at for example in outcome.examples)
    groups = sum(outcome.in_groups)
    return (
        f"The weeks from {outcome.cut:%Y-%m-%d} to {last:%Y-%m-%d} were hidden from tuning and memory. "
        f"{len(outcome.examples)} of the messages that the owner answered in them ({groups} in groups) were put "
        f"to {outcome.base} and its tuned selves, and {len(outcome.questions)} questions about the weeks before. "
        f"The classifier knows {outcome.writers} hands. The last call took {outcome.seconds / 60:.1f} min, "
        f"{outcome.core_seconds / 60:.1f} min of a core."
    )


def _complaints(figures: Sequence[Figures]) -> Table:
    """Every complaint for every voice, with 95 % intervals and what became of it."""
    found = verdicts(figures)
    rows = [
        (
            one.kind,
            f"{one.style.mean_length:.1f}{_between(one, 'mean_length', '.1f')}",
            f"{one.style.long_length:.0f}",
            found[0].states.get(one.kind, _DASH),
            f"{_percent(one.to_the_point)}{_between(one, 'to_the_point', '.0%')}",
            _percent(one.repeated),
            found[1].states.get(one.kind, _DASH),
            f"{_percent(_ratio(one.known))}{_between(one, 'known', '.0%')}",
            found[2].states.get(one.kind, _DASH),
        )
        for one in figures
        if one.kind != BEFORE
    ]
    columns = ("voice", "mean characters", "long (90 %)", "too short", "to the point", "repeats its prompt", "beside the point")
    return Table((*columns, "answers right", "forgets"), rows)


def _between(one: Figures, name: str, how: str) -> str:
    """The interval of a figure in brackets."""
    if name not in one.intervals:
        return ""
    low, high = one.intervals[name]
    return f" ({low:{how}}–{high:{how}})"


def _nearness(figures: Sequence[Figures]) -> Table:
    columns = (
        "voice",
        "loss",
        "taken for the owner",
        "mean length",
        "long (90 %)",
        "bubbles",
        "length off by",
        "bubbles off by",
        "marks",
        "emoji",
    )
    rows = [
        (
            one.kind,
            _number(one.loss, 3),
            f"{_percent(one.authorship)}{_between(one, 'authorship', '.0%')}",
            f"{one.style.mean_length:.1f}",
            f"{one.style.long_length:.0f}",
            f"{one.style.mean_bubbles:.2f}",
            f"{one.distance.length:.1f}",
            f"{one.distance.bubbles:.2f}",
            f"{one.distance.punctuation:.3f}",
            f"{one.distance.emoji:.3f}",
        )
        for one in figures
    ]
    return Table(
        (*columns, "copied", "longest copy"),
        [(*row, _percent(one.copied), str(one.longest_copy)) for row, one in zip(rows, figures, strict=True)],
    )


def _answers(figures: Sequence[Figures]) -> Table:
    base = next((one.ordinary for one in figures if one.kind == BASE), None)
    rows = [
        (
            one.kind,
            _percent(one.picked),
            _percent(one.picked_in_groups),
            _percent(one.to_the_point),
            _percent(one.to_the_point_in_groups),
            _percent(one.repeated),
            _of(one.known),
            _of(one.never),
            _of(one.false_unknown),
            _everyday(one, base),
        )
        for one in figures
        if one.kind != BEFORE
    ]
    columns = (
        "voice",
        "picks the real reply",
        "in groups",
        "to the point",
        "in groups",
        "repeats its prompt",
        "remembers",
        "admits not knowing",
        "wrongly",
    )
    return Table((*columns, "everyday questions"), rows)


def _everyday(one: Figures, base: OrdinaryTalk | None) -> str:
    if one.ordinary is None:
        return _DASH
    told = f"{one.ordinary.loss:.2f}; {one.ordinary.on_topic:.0%}"
    return f"{told}, lost" if base is not None and is_lost(base, one.ordinary) else told


def _nearness_charts(figures: Sequence[Figures]) -> list[Chart]:
    real = _named(figures, REAL)
    return [
        _chart(
            figures,
            "authorship",
            f"Bundles of {BUNDLE} bubbles taken for the owner's",
            lambda one: one.authorship,
            _percent,
            real.authorship,
            1,
        ),
        _chart(
            figures,
            "length",
            "Mean characters of a reply",
            lambda one: one.style.mean_length,
            lambda value: _number(value, 1),
            real.style.mean_length,
        ),
    ]


def _answer_charts(figures: Sequence[Figures]) -> list[Chart]:
    real = _named(figures, REAL)
    charts = [_chart(figures, "point", "Replies to the point (chance 10 %)", lambda one: one.to_the_point, _percent, real.to_the_point)]
    if any(one.known[1] for one in figures):
        charts.append(
            _chart(figures, "memory", "Questions about the past answered right", lambda one: _ratio(one.known), _percent, None, 1)
        )
    return charts


def _chart(
    figures: Sequence[Figures],
    name: str,
    title: str,
    value: Callable[[Figures], float | None],
    write: Callable[[float | None], str],
    real: float | None,
    maximum: float | None = None,
) -> Chart:
    voices = [one.kind for one in figures if one.loss is not None and not one.kind.endswith("memory")]
    groups = [
        Bars(voice, [(value(one), write(value(one))) for one in figures if one.kind == voice or one.kind == f"{voice} + memory"])
        for voice in voices
    ]
    marks = [(real, f"the owner {write(real)}")] if real is not None else []
    return Chart(name, title, _SERIES, groups, marks, maximum)


def _replies(outcome: Outcome, count: int) -> Table:
    kinds = [kind for kind in outcome.parts if kind == BASE or (kind.endswith("memory") and not kind.startswith(BASE))]
    spread = [(2 * number + 1) * len(outcome.examples) // (2 * count) for number in range(min(count, len(outcome.examples)))]
    rows = [
        (
            _cut(outcome.examples[number].context[-1].text),
            _cut(outcome.examples[number].response),
            *(_cut(outcome.parts[kind].replies[number]) for kind in kinds),
        )
        for number in spread
    ]
    return Table(("received", "the owner", *kinds), rows, is_text=True)


def _named(figures: Sequence[Figures], kind: str) -> Figures:
    return next(one for one in figures if one.kind == kind)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _ratio(pair: tuple[int, int]) -> float | None:
    return pair[0] / pair[1] if pair[1] else None


def _of(pair: tuple[int, int]) -> str:
    return f"{pair[0]} of {pair[1]}" if pair[1] else _DASH


def _percent(value: float | None) -> str:
    return _DASH if value is None else f"{value:.0%}"


def _number(value: float | None, digits: int) -> str:
    return _DASH if value is None else f"{value:.{digits}f}"
