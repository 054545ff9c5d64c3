"""The tab of the blind vote: one question, two answers without names or sources, a vote, and then who it was.

Both answers appear at once, when both are whole: who is slower, or looks through the chats first, would tell otherwise.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import SystemRandom
from typing import Any

import gradio as gr

from clone_agent.importers.cleaning import clean
from ui.votes import SAME, Tally, Vote, ballot_of, tally_between
from ui.web.bubbles import escape, question_bubble, waiting
from ui.web.forgotten import Emptied, Forgettings
from ui.web.parts import LONGEST, PRIVATE, chat_log, language_asked, question_box
from ui.web.talk import Speaker, Talk
from ui.web.texts import say

Shown = list[gr.ChatMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A kind of clone that stands for election."""

    kind: str  # as `compare` names it: "tuned", "tuned+memory", "base", …
    speaker: Speaker
    use_memory: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Booth:
    """Who can be compared, and where votes are kept."""

    pairs: Sequence[tuple[Contender, Contender]]
    keep: Callable[[Vote], None]
    votes: Callable[[], Sequence[Vote]]

    def tally(self, number: int) -> Tally:
        """The votes on one of the pairs."""
        first, second = self.pairs[number]
        return tally_between(self.votes(), (first.kind, second.kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """Two whole answers that wait for a vote."""

    pair: int
    kinds: tuple[str, str]  # left and right
    full: tuple[tuple[gr.ChatMessage, ...], tuple[gr.ChatMessage, ...]]  # with their sources
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteTab:
    """What the page greets when it loads, and what it empties when something was forgotten."""

    pair: gr.Dropdown
    logs: tuple[gr.Chatbot, gr.Chatbot]
    titles: tuple[gr.Button, gr.Button]
    tally: gr.HTML
    emptied: Emptied


def vote_tab(booth: Booth, i18n: gr.I18n, forgettings: Forgettings) -> VoteTab:
    """Lay the tab out and wire it.

    Args:
        booth: who can be compared.
        i18n: the static labels.
        forgettings: of the page; what was answered before one is not shown after it.
    """
    pair = gr.Dropdown(
        choices=[(f"{number + 1}", number) for number in range(len(booth.pairs))],
        value=0,
        show_label=False,
        container=False,
        visible=len(booth.pairs) > 1,
        elem_id="vote-pair",
    )
    with gr.Row(elem_classes="ask-row"):
        box = question_box(i18n("ask_vote"), elem_id="vote-question")
        send = gr.Button(i18n("send"), variant="primary", scale=0, min_width=88, elem_id="vote-send")
    with gr.Row(elem_classes="sides", equal_height=True):
        titles, logs = zip(*(_side(i18n, which) for which in ("first", "second")), strict=True)
    with gr.Row(elem_classes="ballot-row", visible=False, elem_id="ballot") as ballot_row:
        cast = [gr.Button(i18n(f"vote_{which}"), elem_id=f"vote-{which}") for which in ("first", "same", "second")]
    tally = gr.HTML(elem_id="vote-tally", padding=False)
    waiting_ballot, asked, is_answering = gr.State(None, time_to_live=24 * 3600), gr.State(""), gr.State(False)
    answered = [waiting_ballot, *logs, *titles, ballot_row]

    def ask(text: str, number: int, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Answer what was taken, once: after a line that was refused nothing is left to answer."""
        states = _ask(booth, text, number, language_asked(request)) if text else ()
        for state in forgettings.until_next(states, (None, [], [], gr.skip(), gr.skip(), gr.Row(visible=False))):
            yield *state, ""

    taken = gr.on([send.click, box.submit], _take, [box, is_answering], [box, asked, is_answering], queue=False, **PRIVATE)
    shown = taken.then(ask, [asked, pair], [*answered, asked], concurrency_id="vote", **PRIVATE)
    shown.then(lambda: False, None, [is_answering], queue=False, **PRIVATE)
    for place, button in enumerate(cast):

        def judge(ballot: Ballot | None, request: gr.Request, place: int = place) -> tuple[Any, ...]:
            return _judge(booth, ballot, place, language_asked(request))

        button.click(judge, [waiting_ballot], [*answered, tally], queue=False, **PRIVATE)

    def count(number: int, request: gr.Request) -> str:
        return tally_text(booth.tally(number), language_asked(request))

    pair.change(count, [pair], [tally], queue=False, **PRIVATE)
    emptied = Emptied(parts=[waiting_ballot, *logs, ballot_row], values=lambda: (None, [], [], gr.Row(visible=False)))
    return VoteTab(pair=pair, logs=logs, titles=titles, tally=tally, emptied=emptied)


def greet(booth: Booth, language: str, empty: str) -> tuple[gr.Dropdown, gr.Chatbot, gr.Chatbot, gr.Button, gr.Button, str]:
    """What the tab shows a visitor at first, in the order of `VoteTab`'s fields."""
    choices = [
        (say(language, "against", one=_name(language, first.kind), other=_name(language, second.kind)), number)
        for number, (first, second) in enumerate(booth.pairs)
    ]
    return (
        gr.Dropdown(choices=choices, value=0),
        gr.Chatbot(placeholder=empty),
        gr.Chatbot(placeholder=empty),
        gr.Button(say(language, "side_first")),
        gr.Button(say(language, "side_second")),
        tally_text(booth.tally(0), language),
    )


def tally_text(tally: Tally, language: str) -> str:
    """The votes as a sentence or two, as HTML."""
    one, other = (_name(language, kind) for kind in tally.kinds)
    if not any(tally.wins) and not tally.same:
        return f"<p>{escape(say(language, 'no_votes', one=one, other=other))}</p>"
    lines = [say(language, "tally", one=one, other=other, wins=tally.wins[0], losses=tally.wins[1], same=tally.same)]
    if tally.share is not None:
        low, high = tally.interval
        doubt = "" if tally.is_clear else say(language, "undecided")
        shares = {"share": f"{tally.share:.0%}", "low": f"{low:.0%}", "high": f"{high:.0%}"}
        lines.append(say(language, "tally_share", one=one, doubt=doubt, **shares))
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _side(i18n: gr.I18n, which: str) -> tuple[gr.Button, gr.Chatbot]:
    with gr.Column(min_width=280):
        title = gr.Button(i18n(f"side_{which}"), interactive=False, size="sm", elem_classes="side-title", elem_id=f"vote-title-{which}")
        return title, chat_log(f"vote-log-{which}")


def _take(text: str, is_busy: bool) -> tuple[Any, ...]:
    line = clean(text).strip()[:LONGEST]
    return ("", line, True) if line and not is_busy else (gr.skip(), gr.skip(), gr.skip())  # the line stays in the box


def _ask(booth: Booth, text: str, number: int, language: str) -> Iterator[tuple[Any, ...]]:
    """Both answers, first as waiting; then whole, in random order, and with the buttons to vote where both succeeded."""
    names = (gr.Button(say(language, "side_first")), gr.Button(say(language, "side_second")))
    pending = [question_bubble(text), waiting(language, "thinking")]
    yield None, pending, pending, *names, gr.Row(visible=False)
    sides = list(booth.pairs[number])
    SystemRandom().shuffle(sides)
    ends = []
    for side in sides:
        *_, end = side.speaker.answer(Talk(), text, use_memory=side.use_memory, language=language)
        ends.append(end)
    left, right = ends
    ballot = Ballot(
        pair=number,
        kinds=(sides[0].kind, sides[1].kind),
        full=(left.shown, right.shown),
        digest=ballot_of(text, [end.turns[-1].text if end.turns else "" for end in ends]),
    )
    is_whole = bool(left.turns and right.turns)
    yield ballot if is_whole else None, _nameless(left, is_whole), _nameless(right, is_whole), *names, gr.Row(visible=is_whole)


def _nameless(talk: Talk, is_whole: bool) -> Shown:
    """A talk without its folded sources; a failure stays to be seen."""
    return [message for message in talk.shown if not is_whole or not message.metadata]


def _judge(booth: Booth, ballot: Ballot | None, place: int, language: str) -> tuple[Any, ...]:
    """Keep the vote and tell who it was."""
    if ballot is None:  # voted on already, or the page was loaded anew
        return *(gr.skip() for _ in range(5)), gr.Row(visible=False), gr.skip()
    better = (ballot.kinds[0], SAME, ballot.kinds[1])[place]
    booth.keep(Vote(at=datetime.now().astimezone(), kinds=ballot.kinds, better=better, ballot=ballot.digest))
    names = [_name(language, kind) for kind in ballot.kinds]
    told = [
        gr.Button(say(language, "better_mark", kind=name) if kind == better else name)
        for kind, name in zip(ballot.kinds, names, strict=True)
    ]
    return None, *map(list, ballot.full), *told, gr.Row(visible=False), tally_text(booth.tally(ballot.pair), language)


def _name(language: str, kind: str) -> str:
    return say(language, kind.replace("+", "_"))


def contenders(tuned: Speaker, base: Speaker | None, *, kind: str, has_memory: bool) -> list[tuple[Contender, Contender]]:
    """The pairs worth a vote: without against with memory, and the base against what was tuned.

    Args:
        tuned: who answers in the chat.
        base: the model before tuning, where something was tuned.
        kind: what `tuned` is called: "tuned", "base", "server".
        has_memory: whether there is one.
    """
    alone = Contender(kind=kind, speaker=_private(tuned), use_memory=False)
    pairs = [(alone, replace(alone, kind=f"{kind}+memory", use_memory=True))] if has_memory else []
    if base is not None:
        before = Contender(kind="base", speaker=_private(base), use_memory=False)
        pairs.append((before, alone))
        if has_memory:
            pairs.append((replace(before, kind="base+memory", use_memory=True), pairs[0][1]))
    return pairs


def _private(speaker: Speaker) -> Speaker:
    """A speaker that keeps nothing of what is said."""
    return replace(speaker, companion=None)
