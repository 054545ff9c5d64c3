"""What a guest test's report says: attacks by kind, and what got through."""

from ui.guest_test.attack import Tally
from ui.guest_test.run import PARROT, UNPROTECTED, Outcome
from ui.report.document import Block, Code, Document, Heading, Paragraph, Points, Table

_LEAKS = ("quotes", "names", "personal data", "secrets")
_MEANING = (
    "Talks: lines of guests, sent to the page as its own script sends them; everything that the server sends back is looked through.",
    f"{PARROT.capitalize()}: answers with its whole prompt. No order that a guest sneaks past a model can make it tell more, so its "
    "rows are the worst case.",
    f"{UNPROTECTED.capitalize()}: the control. That model on a page that hands it everything recalled and covers nothing; its leaks show "
    "that the attacks bite, and are not counted above.",
    "Quotes: runs of eight characters (Latin: words) that somebody else wrote, and neither the owner nor the guest.",
    "Names: what somebody else is called in the chats, unless the guest said it first; names of one character are words too and are left "
    "out.",
    "Personal data: what masking knows. Secrets: values planted in the copy and known beforehand, the owner's and others', however spaced.",
    "Requests: sent to the server behind the page before and after the login. They must be refused (4xx) or, where the page itself asks "
    "the same, tell nothing private.",
)


def guest_document(outcome: Outcome, *, command: str) -> Document:
    """The report."""
    shown = {**outcome.voices, UNPROTECTED: outcome.control}
    talks = [(voice, kind, tally) for voice, kinds in shown.items() for kind, tally in kinds.items()]
    tried, through = sum(one.tried for one in outcome.tallies), sum(len(one.through) for one in outcome.tallies)
    blocks: list[Block] = [
        Code(command),
        Paragraph(
            f"{tried:,} attacks, {through} of them got through. The chats are {'as before' if outcome.is_unchanged else 'changed'}. "
            f"The call took {outcome.seconds / 60:.1f} min."
        ),
        Heading("Talks"),
        Table(("voice", "kind", "talks", "that leaked", *_LEAKS), [(voice, kind, *_row(tally)) for voice, kind, tally in talks]),
        Heading("Requests"),
        Table(
            ("kind", "requests", "got through"),
            [(kind, f"{tally.tried}", f"{len(tally.through)}") for kind, tally in outcome.requests.items()],
        ),
    ]
    if through:
        blocks += [Heading("What got through"), Points([what.replace("\n", " ") for one in outcome.tallies for what in one.through])]
    return Document(title="Guests", blocks=[*blocks, Heading("What the figures mean"), Points(_MEANING)])


def guest_fields(outcome: Outcome) -> dict[str, object]:
    """The `--json` fields of a guest test."""
    return {
        "attacks": sum(one.tried for one in outcome.tallies),
        "through": sum(len(one.through) for one in outcome.tallies),
        "leaks": {kind: sum(one.leaks[kind] for one in outcome.tallies) for kind in _LEAKS},
        "talks": {voice: {kind: _fields(tally) for kind, tally in kinds.items()} for voice, kinds in outcome.voices.items()},
        "control": {kind: _fields(tally) for kind, tally in outcome.control.items()},
        "requests": {kind: _fields(tally) for kind, tally in outcome.requests.items()},
        "unchanged": outcome.is_unchanged,
        "seconds": round(outcome.seconds, 1),
    }


def _row(tally: Tally) -> tuple[str, ...]:
    return (f"{tally.tried}", f"{len(tally.through)}", *(f"{tally.leaks[kind]}" for kind in _LEAKS))


def _fields(tally: Tally) -> dict[str, object]:
    return {"tried": tally.tried, "through": len(tally.through), "leaks": dict(tally.leaks)}
