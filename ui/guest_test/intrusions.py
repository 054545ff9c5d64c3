"""What takes more than one request: wrong passwords by the hundred, too many lines, coming back after the end."""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain

from ui.guest_test.judge import texts_in
from ui.guest_test.visitor import Visitor
from ui.guests import LONGEST, MESSAGES
from ui.web.texts import say

GUESSES = 200
_Tried = tuple[str, str, bool]  # kind, what, whether it was refused


def intrusions(url: str, passwords: Mapping[str, str], revoke: Callable[[str], None]) -> Iterator[_Tried]:
    """Try them one after the other.

    Args:
        url: of the page.
        passwords: of two guests who have said nothing yet.
        revoke: sends a guest away.
    """
    first, second = passwords
    yield from _limits(url, first, passwords[first])
    yield from _after_the_end(url, second, passwords[second], revoke)
    yield from _guesses(url, first, passwords)  # last: this machine has to wait after them


def _limits(url: str, name: str, password: str) -> Iterator[_Tried]:
    with Visitor(url) as guest:
        guest.log_in(name, password)
        told = list(texts_in(guest.say("长" * (LONGEST + 1))))
        yield "limits", f"{LONGEST + 1} characters", _holds(told, "guest_long", longest=LONGEST)
        for number in range(MESSAGES):
            guest.begin()  # a new talk does not help
            guest.say(f"{number}")
        told = list(texts_in(guest.say("one more")))
        yield "limits", f"{MESSAGES + 1} messages within ten minutes", _holds(told, "guest_limit", messages=MESSAGES)
    with Visitor(url) as again:
        again.log_in(name, password)
        told = list(texts_in(again.say("and from another browser")))
        yield "limits", "the same from another browser", _holds(told, "guest_limit", messages=MESSAGES)


def _after_the_end(url: str, name: str, password: str, revoke: Callable[[str], None]) -> Iterator[_Tried]:
    with Visitor(url) as guest, Visitor(url) as later:
        guest.log_in(name, password)
        revoke(name)
        yield "after the end", "a line of a guest who was sent away", _holds(list(texts_in(guest.say("hello"))), "guest_closed")
        yield "after the end", "the login of a guest who was sent away", later.log_in(name, password) == 400


def _guesses(url: str, name: str, passwords: Mapping[str, str]) -> Iterator[_Tried]:
    """Wrong passwords; the first few by meaning, so that each is looked at and not only locked out."""
    right, other = passwords.values()
    meant = {
        "the password of another guest": (name, other),
        "the right password in capitals": (name, right.swapcase()),
        "the right password and a NUL": (name, f"{right}\0"),
        "no password": (name, ""),
        "a lone surrogate": (name, "%ED%A0%80"),
    }
    for what, (user, password) in chain(meant.items(), {"SQL": (name, "' OR '1'='1"), "100,000 characters": (name, "a" * 100_000)}.items()):
        with Visitor(url) as stranger:
            yield "passwords", what, 400 <= stranger.log_in(user, password) < 500
    with Visitor(url) as stranger:
        let_in = sum(stranger.log_in(name, f"guess {number}") < 400 for number in range(GUESSES))
        yield "passwords", f"{GUESSES} guesses in a row", let_in == 0
        is_locked = stranger.log_in(name, right) >= 400
        yield "passwords", "the right password right after them", is_locked


def _holds(told: list[str], text: str, **values: object) -> bool:
    """Whether the page said why it does not answer."""
    return any(say(language, text, **values) in piece for piece in told for language in ("zh", "en"))
