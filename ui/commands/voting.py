"""`vote`: answers judged by somebody who is not told which clone gave them, and the tally."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random, SystemRandom

import click

from clone_agent.errors import UsageError
from ui.options import Call, common
from ui.show import Screen, count
from ui.votes import SAME, Tally, Vote, ballot_of, keep_vote, read_votes, tallies

_CHOICES = ("1", "2", "=", "s", "q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A question and its answers by kind of clone, as `compare` wrote them."""

    question: str
    answers: dict[str, str]


@click.command(epilog="Example: clone-agent vote answers.jsonl --between tuned,tuned+memory")
@click.argument("path", metavar="[ANSWERS]", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--between", metavar="KIND,KIND", help="Which two kinds to compare.  [default: the best one without and with memory]")
@common
def vote(call: Call, path: Path | None, between: str | None) -> None:
    """Judge answers without knowing which clone gave them, and see the tally of all votes.

    ANSWERS is a file that `clone-agent compare` wrote; without one, only the tally is printed. Each question comes with two answers in
    random order. Votes are kept in the data home, without anybody's words; the same command goes on with what is left.
    """
    home = call.home.require().root
    kept = 0
    if path is not None:
        rows = read_answers(path)
        kept = _ask(call, home, rows, _pair(rows, between))
    elif between is not None:
        raise UsageError("--between chooses from a file of answers.", remedy="Name the file that `clone-agent compare` wrote.")
    show_tallies(call.screen, home, kept)


def read_answers(path: Path) -> list[Answered]:
    """Read what `compare` wrote.

    Raises:
        UsageError: a line is something else, or there is none. The message names the line, not its words.
    """
    rows = []
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # no other line end counts: an answer may hold U+2028 as it is
    except UnicodeDecodeError as cause:
        raise UsageError(f"{path.name} is not UTF-8 text.", remedy="Make it with `clone-agent compare QUESTIONS --out FILE`.") from cause
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            answers = {str(one["kind"]): str(one["answer"]) for one in value["answers"] if not one.get("error")}
            rows.append(Answered(question=str(value["question"]), answers=answers))
        except (ValueError, KeyError, TypeError, AttributeError) as cause:
            raise UsageError(
                f"{path.name}:{number} is not what compare writes.", remedy="Make the file with `clone-agent compare QUESTIONS --out FILE`."
            ) from cause
    if not rows:
        raise UsageError(f"{path.name} holds no answers.", remedy="Make it with `clone-agent compare QUESTIONS --out FILE`.")
    return rows


def show_tallies(screen: Screen, home: Path, kept: int) -> None:
    """Print who won how often, with the interval of the share."""
    found = tallies(read_votes(home))
    screen.result({"kept": kept, "tallies": [_fields(one) for one in found]})
    if screen.as_json:
        return
    if not found:
        screen.say("No votes yet.")
        screen.next("clone-agent compare questions.txt --out answers.jsonl", "clone-agent vote answers.jsonl")
        return
    rows = [(*one.kinds, *one.wins, one.same, _share(one)) for one in found]
    columns = ("kind", "against", "better", "worse", "no difference", "share of decided votes (95 %)")
    screen.table(columns, rows, numbers=range(2, 6))


def _fields(one: Tally) -> dict[str, object]:
    (kind, other), (wins, losses) = one.kinds, one.wins
    return {
        "kind": kind,
        "other": other,
        "wins": wins,
        "losses": losses,
        "same": one.same,
        "share": one.share,
        "interval": one.interval,
    }


def _share(one: Tally) -> str:
    if one.share is None:
        return "–"
    low, high = one.interval
    return f"{one.share:.0%} ({low:.0%} to {high:.0%})" + ("" if one.is_clear else ", undecided")


def _pair(rows: Sequence[Answered], between: str | None) -> tuple[str, str]:
    """The two kinds to vote between.

    Raises:
        UsageError: the answers hold nothing of that kind.
    """
    known = list(dict.fromkeys(kind for row in rows for kind in row.answers))
    if between is None:
        pairs = [(kind, f"{kind}+memory") for kind in reversed(known) if f"{kind}+memory" in known]
        if not pairs:
            raise UsageError(
                "The answers are of one kind.", remedy="Let compare answer with and without memory, or name two with --between."
            )
        return pairs[0]
    named = [kind.strip() for kind in between.split(",")]
    if len(named) != 2 or named[0] == named[1] or not set(named) <= set(known):
        raise UsageError("--between takes two kinds of the file.", remedy=f"Choose from {', '.join(known)}.")
    return named[0], named[1]


def _ask(call: Call, home: Path, rows: Sequence[Answered], pair: tuple[str, str]) -> int:
    """Show what has not been voted on, one after the other; how many votes were kept."""
    known = {vote.ballot for vote in read_votes(home)}
    both = [row for row in rows if set(pair) <= set(row.answers)]
    differ = [row for row in both if row.answers[pair[0]].strip() != row.answers[pair[1]].strip()]
    left = [row for row in differ if _ballot(row, pair) not in known]
    if len(both) > len(differ):
        call.screen.note(f"{count(len(both) - len(differ), 'question')} left out: both answers are the same.")
    if len(differ) > len(left):
        call.screen.note(f"{count(len(differ) - len(left), 'question')} voted on before.")
    chance, kept = SystemRandom(), 0
    for number, row in enumerate(left, start=1):
        order = _shuffled(pair, chance)
        _show(call.screen, f"{number} of {len(left)}", row, order)
        chosen = click.prompt("Which is better? (= no difference, s skip, q quit)", type=click.Choice(_CHOICES), err=True)
        if chosen == "q":
            break
        if chosen == "s":
            continue
        better = SAME if chosen == "=" else order[int(chosen) - 1]
        keep_vote(home, Vote(at=datetime.now().astimezone(), kinds=order, better=better, ballot=_ballot(row, pair)))
        kept += 1
    return kept


def _show(screen: Screen, where: str, row: Answered, order: Sequence[str]) -> None:
    screen.note(f"\n{where}")
    screen.say(row.question)
    for number, kind in enumerate(order, start=1):
        lines = [line for line in row.answers[kind].splitlines() if line.strip()] or ["……"]
        screen.say("\n".join(f"{f'  {number}  ' if place == 0 else '     '}{line}" for place, line in enumerate(lines)))


def _shuffled(pair: tuple[str, str], chance: Random) -> tuple[str, str]:
    return pair if chance.random() < 0.5 else (pair[1], pair[0])


def _ballot(row: Answered, pair: tuple[str, str]) -> str:
    return ballot_of(row.question, [row.answers[kind] for kind in pair])
