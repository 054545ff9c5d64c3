"""`index` and `recall`: chats into the memory, and what it finds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import click

from clone_agent.archive import Archive
from clone_agent.records import Scope
from clone_agent.storage import require_space
from ui.commands.answering import hit_fields
from ui.erasing import finished_forgetting
from ui.moments import PERIOD_START
from ui.naming import matching, named_chats
from ui.options import Call, chroma_option, common, with_chroma
from ui.show import count

_BYTES = 1_000  # of vectors for a message, about


@click.command(epilog="Example: clone-agent index")
@click.option("--embedding", metavar="NAME_OR_PATH", help="Model that turns text into vectors.  [default: the one that ships]")
@chroma_option
@common
def index(call: Call, embedding: str | None, chroma: str | None) -> None:
    """Index the stored chats, so that they can be recalled. Does only what is new."""
    from ui.wiring import open_memory

    settings = replace(with_chroma(call, chroma), embedding=embedding or call.settings.embedding)
    home = call.home.require()
    with (
        home.lock(),
        Archive.open(home.root) as archive,
        finished_forgetting(home, archive),
        open_memory(home, archive, settings) as memory,
        call.screen.progress("Indexing", unit="passages") as advance,
    ):
        infos = archive.conversations()
        if memory.pending() >= len(infos):  # nothing is indexed yet
            require_space(home.root, _BYTES * sum(info.messages for info in infos), what="The index")
        report = memory.index(on_progress=lambda done, total: advance(done, total))
    call.screen.result({"passages": report.passages, "added": report.added, "removed": report.removed, "seconds": round(report.seconds, 2)})
    if not call.screen.as_json:
        call.screen.say(
            f"{count(report.passages, 'passage')} in the memory; {report.added:,} new, {report.removed:,} gone, {report.seconds:,.1f} s"
        )
        call.screen.next('clone-agent ask "去年国庆我们去哪了"', "clone-agent chat")


@click.command(epilog="Example: clone-agent recall 去年国庆我们去哪了 --person 小明")
@click.argument("question")
@click.option("--top-k", default=12, type=click.IntRange(1, 100), help="How many hits, at most.")
@click.option("--person", "people", multiple=True, metavar="NAME", help="Only with this person.")
@click.option("--chat", "chats", multiple=True, metavar="NAME", help="Only in this chat.")
@click.option("--after", type=PERIOD_START, metavar="DAY", help="Only from this day on, like 2023-10-01, 2023-10 or 2023.")
@click.option("--before", type=PERIOD_START, metavar="DAY", help="Only before this day.")
@chroma_option
@common
def recall(
    call: Call,
    question: str,
    top_k: int,
    people: tuple[str, ...],
    chats: tuple[str, ...],
    after: datetime | None,
    before: datetime | None,
    chroma: str | None,
) -> None:
    """Show what the memory holds on a question: who, when, which messages."""
    from ui.wiring import open_memory

    home = call.home.require()
    with home.lock(), Archive.open(home.root) as archive:
        scope = _scope(call, archive, people, chats, after, before)
        with open_memory(home, archive, with_chroma(call, chroma)) as memory:
            found = memory.search(question, scope=scope, top_k=top_k)
            stale = memory.pending()
    if stale:
        call.screen.warn(f"{count(stale, 'chat')} not in the memory yet: run `clone-agent index`.")
    call.screen.result(
        {
            "question": found.question,
            "confidence": round(found.confidence, 4),
            "is_confident": found.is_confident,
            "hits": [hit_fields(hit) for hit in found.hits],
        }
    )
    if call.screen.as_json:
        return
    rows = [
        (
            f"{hit.score:.2f}",
            f"{hit.memory.started_at:%Y-%m-%d %H:%M}",
            hit.memory.speaker_name,
            hit.memory.conversation_name,
            hit.memory.text,
        )
        for hit in found.hits
    ]
    if rows:
        call.screen.table(("score", "when", "who", "chat", "said"), rows, numbers=(0,))
    sure = "sure" if found.is_confident else "not sure"
    call.screen.say(
        f"{count(len(rows), 'hit')}; {sure} that they are about this ({found.confidence:.2f})" if rows else "Nothing was found."
    )


def _scope(
    call: Call, archive: Archive, people: Sequence[str], chats: Sequence[str], after: datetime | None, before: datetime | None
) -> Scope:
    """What the options let through; a name may stand for several people or chats."""
    known = archive.people() if people else []
    return Scope(
        people=tuple(person.id for who in people for person in matching(known, who, call.screen, option="--person", several=True)),
        conversations=tuple(chat for name in chats for chat in named_chats(archive, name, option="--chat")),
        after=_local(after),
        before=_local(before),
    )


def _local(day: datetime | None) -> datetime | None:
    return None if day is None else day.astimezone()
