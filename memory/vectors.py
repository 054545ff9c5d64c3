"""Passages -> vectors in SQLite and in the vector store, only what is missing.

A passage's vector is kept in SQLite first and counts as stored once the store has acknowledged it, so a run can be killed anywhere.
"""

from collections.abc import Sequence

from memory.embed import Embedder
from memory.indexing import Progress
from memory.store import BATCH, ExactVectors, MemoryStore
from memory.table import PassageTable


def update_vectors(table: PassageTable, store: MemoryStore, embedder: Embedder, *, progress: Progress) -> None:
    """Bring the vector store up to date with the passages; vectors that SQLite has are not computed again."""
    for granularity in ("turn", "segment"):
        store.delete(granularity, table.removed(granularity))
        with table.transaction():
            table.clear_removed(granularity)
    turns, spans = table.unstored("turn"), table.unstored("segment")
    progress.total = progress.done + len(turns) + len(spans)
    for start in range(0, len(turns), BATCH):
        batch = turns[start : start + BATCH]
        embed_missing(table, embedder, batch)
        _store(table, store, "turn", batch, progress)
    for start in range(0, len(spans), BATCH):
        _store(table, store, "segment", spans[start : start + BATCH], progress)


def embed_missing(table: PassageTable, embedder: Embedder, numbers: Sequence[int]) -> None:
    """Compute the vectors that passages do not have yet, into SQLite."""
    known = set(table.vectors(numbers)[0])
    missing = [number for number in numbers if number not in known]
    vectors = embedder.encode(table.texts(missing))
    with table.transaction():
        kept = [row for row in range(len(missing)) if vectors[row].any()]
        table.set_vectors([missing[row] for row in kept], vectors[kept])


def _store(table: PassageTable, store: MemoryStore, granularity: str, numbers: Sequence[int], progress: Progress) -> None:
    found, vectors = ExactVectors(table).load(granularity, numbers)
    store.add(granularity, found, vectors)
    with table.transaction():
        table.mark_stored(granularity, found)
        table.mark_stored(granularity, set(numbers) - set(found), empty=True)
    progress.advance(len(numbers))
