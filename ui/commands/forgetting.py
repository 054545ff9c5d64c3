"""`forget`: people, chats, periods, phrases or messages out of everything that is stored."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from clone_agent.errors import StoreError, UsageError
from ui.moments import DAY, PERIOD_START
from ui.options import Call, agree, chroma_option, common, with_chroma
from ui.show import Screen, count, day

if TYPE_CHECKING:
    from clone_agent.archive import Archive
    from clone_agent.forgetting import Wish
    from ui.config import Settings
    from ui.erasing import Plan


@click.command(epilog="Example: clone-agent forget --person 小明 --dry-run")
@click.option("--person", "people", multiple=True, metavar="WHO", help="All this person said, and the private chats with them.")
@click.option("--chat", "chats", multiple=True, metavar="NAME", help="This chat, by name or id.")
@click.option("--since", type=PERIOD_START, metavar="DAY", help="Only from this day on, like 2023-10-01, 2023-10 or 2023.")
@click.option("--until", type=DAY, metavar="DAY", help="Only up to the end of this day.")
@click.option("--phrase", "phrases", multiple=True, metavar="WORDS", help="Messages that hold these words.")
@click.option("--message", "messages", multiple=True, metavar="ID", help="This message, by the id that `recall --json` shows.")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@chroma_option
@common
def forget(
    call: Call,
    people: tuple[str, ...],
    chats: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    phrases: tuple[str, ...],
    messages: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    chroma: str | None,
) -> None:
    """Forget people, chats, a period, phrases or messages, for good.

    Different options narrow each other, the same option twice adds up. Everything made of the messages goes with them; adapters that
    learned from them are marked. A later import of the same chats does not bring them back.
    """
    from clone_agent.archive import Archive
    from ui.erasing import carry_out, plan_forgetting

    home, settings = call.home.require(), with_chroma(call, chroma)
    with ExitStack() as stack:
        if not dry_run:
            stack.enter_context(home.lock())
        archive = stack.enter_context(Archive.open(home.root))
        wish = _wish(call.screen, archive, people, chats, since, until, phrases, messages)
        with call.screen.progress("Looking", unit="files"):
            plan = plan_forgetting(home, archive, wish)
        if not call.screen.as_json:
            show_plan(call.screen, archive, plan)
        is_done = not dry_run and bool(plan.chosen.messages or plan.chosen.quotes)
        if is_done:
            _agree(call.screen, yes=yes)
            carry_out(home, archive, plan)
            index_rest(call, plan, settings)
    call.screen.result({**plan_fields(plan), "is_done": is_done})
    if is_done and not call.screen.as_json:
        call.screen.say("Forgotten.")
        call.screen.next("clone-agent dataset" if plan.dataset or plan.adapters else "clone-agent status")


def plan_fields(plan: "Plan") -> dict[str, object]:
    """The `--json` fields of a forgetting."""
    spans = plan.chosen.spans.values()
    return {
        "messages": plan.chosen.messages,
        "own": plan.chosen.own,
        "chats": len(plan.chosen.spans),
        "people": plan.chosen.people,
        "first": min((span.first for span in spans), default=None),
        "last": max((span.last for span in spans), default=None),
        "quotes": plan.chosen.quotes,
        "passages": plan.passages,
        "dataset": plan.dataset,
        "adapters": plan.adapters,
        "runs": plan.runs,
        "profile": len(plan.profile),
        "files": [{"path": str(one.path), "lines": None if one.lines is None else len(one.lines)} for one in plan.leftovers],
    }


def show_plan(screen: Screen, archive: "Archive", plan: "Plan") -> None:
    """Print what goes, in numbers and names of chats, without anybody's words."""
    chosen = plan.chosen
    if not chosen.messages and not chosen.quotes:
        screen.say("No stored message fits.")
        return
    names = {info.conversation.id: info.conversation.name or info.conversation.id for info in archive.conversations()}
    rows = [
        (names[conversation], f"{span.messages:,}", f"{day(span.first.astimezone())} to {day(span.last.astimezone())}")
        for conversation, span in sorted(chosen.spans.items(), key=lambda item: -item[1].messages)
    ]
    screen.table(("chat", "messages", "from"), rows, numbers=(1,))
    screen.say(f"{count(chosen.messages, 'message')} of {count(chosen.people, 'person', 'people')}, {chosen.own:,} of them yours")
    for line in _rest(plan):
        screen.say(line)


def index_rest(call: Call, plan: "Plan", settings: "Settings") -> None:
    """Put back into the memory what stood around the messages."""
    if not plan.passages:
        return
    from memory.refill import refill
    from ui.environment import stay_offline

    stay_offline(settings.embedding)
    try:
        with call.screen.progress("Indexing", unit="passages") as advance:
            refill(
                call.home.root,
                embedding=settings.embedding,
                server=settings.chroma,
                on_progress=lambda done, total: advance(done, total),
            )
    except StoreError as error:  # the messages are gone; the rest can wait
        call.screen.warn(f"{error.problem} {error.remedy}")


def _rest(plan: "Plan") -> list[str]:
    lines = []
    if plan.chosen.quotes:
        lines.append(f"{count(plan.chosen.quotes, 'message')} of others lose what they quote of them")
    if plan.passages:
        lines.append(f"{count(plan.passages, 'passage')} of the memory, with words and vectors")
    if plan.dataset:
        lines.append("the dataset; `clone-agent dataset` makes it again without them")
    if plan.profile:
        lines.append(f"{count(len(plan.profile), 'line')} of the profile")
    lines += [f"the interrupted tuning run {name}" for name in plan.runs]
    for one in plan.leftovers:
        lines.append(f"{one.path}" if one.lines is None else f"{count(len(one.lines), 'line')} of {one.path}")
    for name, messages in plan.adapters.items():
        lines.append(f"The adapter {name} learned from up to {messages:,} of them: it stays, is marked, and should be tuned again.")
    return lines


def _wish(
    screen: Screen,
    archive: "Archive",
    people: Sequence[str],
    chats: Sequence[str],
    since: datetime | None,
    until: datetime | None,
    phrases: Sequence[str],
    messages: Sequence[str],
) -> "Wish":
    from clone_agent.forgetting import Wish
    from ui.naming import matching, named_chats

    if not (people or chats or since or until or phrases or messages):
        raise UsageError("Nothing was named.", remedy="Say what to forget with --person, --chat, --since, --until, --phrase or --message.")
    if any(not phrase.strip() for phrase in phrases):
        raise UsageError("A phrase is empty.", remedy="Name the words to forget.")
    known = archive.people()
    chosen = {person.id: person for who in people for person in matching(known, who, screen, option="--person")}
    if any(person.is_owner for person in chosen.values()):
        raise UsageError("That is you.", remedy="Name a chat, a period or a phrase, or remove the data home to forget everything.")
    return Wish(
        people=tuple(chosen),
        conversations=tuple(chat for name in chats for chat in named_chats(archive, name, option="--chat")),
        since=None if since is None else since.astimezone(),
        until=None if until is None else (until + timedelta(days=1)).astimezone(),
        phrases=tuple(phrases),
        messages=tuple(messages),
    )


def _agree(screen: Screen, *, yes: bool) -> None:
    screen.warn("This cannot be undone: what is forgotten is overwritten, and importing the same chats again does not bring it back.")
    agree("Forget it?", yes=yes, remedy="Add --yes, or look first with --dry-run.")
