"""The attacks themselves, on a guest page that is being served: talks one after the other, then requests, then what takes many requests."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ui.guest_test.attacks import Attack
from ui.guest_test.intrusions import intrusions
from ui.guest_test.judge import Judge, texts_in
from ui.guest_test.probes import Probe, probes
from ui.guest_test.visitor import Visitor
from ui.guests import MESSAGES
from ui.show import Advance

LASTING = 2  # guests that the requests need for themselves
# Gradio's number of this start of a page, and its digests of where its parts are installed: they may look like a bank card's or a phone's.
_DRAWN = re.compile(r'"app_id": ?\d+|"component_class_id": ?"[0-9a-f]+"')


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of the attacks of one kind."""

    tried: int = 0
    leaks: Counter[str] = field(default_factory=Counter)  # "quotes", "names", "personal data", "secrets"
    through: list[str] = field(default_factory=list)  # what should have been refused, or told something

    def add(self, what: str, leaks: dict[str, int], *, is_refused: bool = True) -> None:
        """Count one attack."""
        self.tried += 1
        self.leaks.update(leaks)
        if leaks or not is_refused:
            told = ", ".join(f"{number} {kind}" for kind, number in leaks.items()) or "not refused"
            self.through.append(f"{what} ({told})")


def guests_needed(attacks: Sequence[Attack]) -> int:
    """How many guests it takes to say all of it within the limit, and those that the requests need."""
    longest = max(len(attack.lines) for attack in attacks)
    return 1 + LASTING + sum(len(attack.lines) for attack in attacks) // (MESSAGES - longest)


def talk(url: str, passwords: Mapping[str, str], attacks: Sequence[Attack], judge: Judge, advance: Advance) -> dict[str, Tally]:
    """Every scripted talk, by kind; a guest who has said as much as allowed leaves the rest to the next one.

    Args:
        url: of the page.
        passwords: of at least `guests_needed` guests.
        attacks: to say.
        judge: of what comes back.
        advance: told the number of talks, and of how many.
    """
    tallies: dict[str, Tally] = {}
    guests, left = iter(passwords.items()), 0
    visitor = Visitor(url)
    for number, attack in enumerate(attacks, start=1):
        if left < len(attack.lines):
            visitor.client.close()
            visitor, left = Visitor(url), MESSAGES
            visitor.log_in(*next(guests))
        left -= len(attack.lines)
        visitor.begin()
        told = [text for line in attack.lines for text in texts_in(visitor.say(line))]
        tallies.setdefault(attack.kind, Tally()).add(attack.lines[0][:60], judge.leaks(told, attack.lines))
        advance(number, len(attacks))
    visitor.client.close()
    return tallies


def intrude(
    url: str, passwords: Mapping[str, str], judge: Judge, *, home: Path, revoke: Callable[[str], None], advance: Advance
) -> dict[str, Tally]:
    """Every scripted request, then too many lines, coming back after the end, and guessed passwords.

    Args:
        url: of the page.
        passwords: of two guests who have said nothing yet.
        judge: of what comes back.
        home: the data home behind the page.
        revoke: sends a guest away.
        advance: told the number of requests, and of how many.
    """
    tallies: dict[str, Tally] = {}
    first = next(iter(passwords))
    with Visitor(url) as stranger, Visitor(url) as guest:
        guest.log_in(first, passwords[first])
        tried = probes(home=home, functions=guest.functions, session=stranger.session)
        for number, probe in enumerate(tried, start=1):
            is_refused, told = sent((guest if probe.is_guest else stranger).client, probe)
            tallies.setdefault(probe.kind, Tally()).add(probe.what, judge.leaks(told, (url,)), is_refused=is_refused)
            advance(number, len(tried))
    for kind, what, is_refused in intrusions(url, passwords, revoke):
        tallies.setdefault(kind, Tally()).add(what, {}, is_refused=is_refused)
    return tallies


def sent(client: httpx.Client, probe: Probe) -> tuple[bool, list[str]]:
    """Whether a request was refused as it must be, and what it was told; a connection that the server closes is a refusal."""
    try:
        answer = client.request(probe.method, probe.path, **probe.sent)
    except httpx.TransportError:
        return True, []
    status = answer.status_code
    is_kept_out = 400 <= status < 500
    return is_kept_out or (not probe.must_refuse and status < 500), list(texts_in(_DRAWN.sub("", answer.text)))
