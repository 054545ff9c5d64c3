"""Forgetting across the packages: what it will touch, and doing it so that it can be killed anywhere and taken up again.

Order: files derived from the words go first, while the words are still known; then archive, passages and vectors in one transaction; then
what that left on the disk. A killed run either changed nothing in the archive, and the same command does it all, or `is_unfinished` says
so, and `finish` does the rest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from clone_agent.archive import Archive
from clone_agent.forgetting import Chosen, Forgetting, Wish, is_unfinished, scour
from clone_agent.home import DataHome
from clone_agent.leftovers import Leftover, find_leftovers, remove_leftovers
from clone_agent.profile import ProfileLine, concerned_lines, read_profile, write_profile
from clone_agent.storage import require_space


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a forgetting will touch."""

    forgetting: Forgetting
    chosen: Chosen
    passages: int  # in the memory
    dataset: bool  # whether the examples go
    adapters: dict[str, int]  # those to be marked, and how many of the messages each may know
    runs: list[str]  # interrupted tuning runs that go
    profile: list[ProfileLine]  # lines that rest on the messages
    leftovers: list[Leftover]


def plan_forgetting(home: DataHome, archive: Archive, wish: Wish) -> Plan:
    """Look what a wish comes to; changes nothing."""
    from finetune.forgotten import concerned_adapters, concerned_dataset, unfinished_runs
    from memory.forgetting import concerned_passages
    from memory.table import PassageTable

    forgetting = Forgetting(archive.connection, wish)
    chosen, ids = forgetting.chosen, forgetting.message_ids()
    spans = _spans(chosen)
    dataset = concerned_dataset(home.root, spans)
    people = frozenset(wish.people if wish.is_whole else ())
    found = find_leftovers(home, finder=forgetting.finder, ids=frozenset(ids)) if ids else []
    return Plan(
        forgetting=forgetting,
        chosen=chosen,
        passages=concerned_passages(PassageTable(archive.connection), ids),
        dataset=dataset,
        adapters=concerned_adapters(home.root, spans),
        runs=unfinished_runs(home.root) if spans else [],
        profile=concerned_lines(read_profile(home.root), ids=frozenset(ids), people=people, finder=forgetting.finder),
        leftovers=[one for one in found if not _is_tuned(home, one) and not (dataset and one.path.is_relative_to(home.dataset))],
    )


def carry_out(home: DataHome, archive: Archive, plan: Plan) -> None:
    """Do it; the caller owns the home. The memory's other passages around the messages are left to `index`.

    Raises:
        StoreError: another program reads the archive; everything is erased but for traces in its log.
    """
    from finetune.forgotten import forget_tuning
    from memory.forgetting import drop_messages
    from memory.table import PassageTable

    require_space(home.root, 2 * home.archive.stat().st_size, what="Forgetting")
    remove_leftovers(home, plan.leftovers)
    if plan.profile:
        write_profile(home.root, [line for line in read_profile(home.root) if line not in plan.profile])
    forget_tuning(home.root, _spans(plan.chosen), at=datetime.now(UTC))
    table = PassageTable(archive.connection)
    ids = plan.forgetting.message_ids()
    with table.transaction():
        plan.forgetting.erase()
        drop_messages(table, ids)
    finish(home, archive)


def finish(home: DataHome, archive: Archive) -> None:
    """Remove what the erased rows left on the disk; may be repeated."""
    from memory.place import present_place
    from memory.store import remove_retired
    from memory.table import PassageTable

    table = PassageTable(archive.connection)
    remove_retired(present_place(home.vectors, table), table)
    with table.transaction():
        table.lexical.optimize()
    scour(archive.connection)


@contextmanager
def finished_forgetting(home: DataHome, archive: Archive) -> Iterator[None]:
    """Finish a forgetting that was cut short before the block runs; the caller owns the home."""
    if is_unfinished(archive.connection):
        finish(home, archive)
    yield


def _spans(chosen: Chosen) -> dict[str, tuple[datetime, datetime, int]]:
    return {conversation: (span.first, span.last, span.messages) for conversation, span in chosen.spans.items()}


def _is_tuned(home: DataHome, leftover: Leftover) -> bool:
    """Whether a file belongs to an adapter, whose manifest is cleaned rather than removed."""
    return leftover.path.is_relative_to(home.adapters) and leftover.path.name == "manifest.json"
