"""Do archive, passages, words and vectors agree? And making the passages and words agree again."""

from collections.abc import Sequence

from clone_agent.archive import Archive
from memory.indexing import stale
from memory.lexical import GRANULARITIES
from memory.store import MemoryStore
from memory.table import PassageTable

_BATCH = 5_000


def disagreements(archive: Archive, table: PassageTable, store: MemoryStore) -> tuple[str, ...]:
    """What does not agree, a sentence each; what is only waiting for `index` does."""
    found = []
    if orphans := _orphans(archive, table):
        found.append(f"{len(orphans)} remembered sessions hold messages that the archive does not.")
    for granularity in GRANULARITIES:
        if set(table.numbers(granularity)) != table.lexical.numbers(granularity):
            found.append(f"The words of {granularity}s do not agree with the passages.")
    for granularity in ("turn", "segment"):
        stored = set(table.stored(granularity))
        extra = store.ids(granularity) - stored
        allowed = set(table.removed(granularity)) | set(table.unstored(granularity))
        if stored - store.ids(granularity) or extra - allowed:
            found.append(f"The vectors of {granularity}s do not agree with the passages.")
    return tuple(found)


def mend_words(archive: Archive, table: PassageTable) -> None:
    """Index all words again where they do not agree, and drop passages of messages that are gone; `update_words` then reads those chats."""
    for granularity in GRANULARITIES:
        numbers = table.numbers(granularity)
        if set(numbers) != table.lexical.numbers(granularity):
            _index_again(table, granularity, numbers)
    with table.transaction():
        for session, conversation in _orphans(archive, table):
            table.remove_session(session)
            table.set_revision(conversation, None)


def _index_again(table: PassageTable, granularity: str, numbers: Sequence[int]) -> None:
    with table.transaction():
        table.lexical.clear(granularity)
        for start in range(0, len(numbers), _BATCH):
            batch = numbers[start : start + _BATCH]
            table.lexical.add(granularity, zip(batch, table.texts(batch), strict=True))


def _orphans(archive: Archive, table: PassageTable) -> list[tuple[int, str]]:
    """Sessions with a message that is not in the archive, and their conversations, of those that are up to date."""
    waiting = {info.conversation.id for info in stale(archive, table)}
    return [(session, conversation) for session, conversation in table.sessions_without_messages() if conversation not in waiting]
