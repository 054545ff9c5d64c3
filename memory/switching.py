"""Another embedding model: its vectors are built beside those in use, and come into use when they are whole.

Until then questions are answered with the old model's. A run that is cut short is taken up where it was.
"""

import json
from collections.abc import Sequence

import numpy as np

from memory.embed import Embedder
from memory.indexing import Progress
from memory.place import Place
from memory.store import BATCH, EMBEDDING, FINGERPRINT, GENERATION, NEXT_FINGERPRINT, NEXT_GENERATION, ExactVectors, MemoryStore
from memory.table import Half, PassageTable


def switch(table: PassageTable, place: Place, embedder: Embedder, *, embedding: str, progress: Progress) -> None:
    """Build the vectors of another model and bring them into use; the store of the old ones may stay open meanwhile.

    Args:
        table: the passages, up to date.
        place: where the vectors lie.
        embedder: the new model.
        embedding: what it is called in the settings.
        progress: told of each batch.
    """
    generation = _begin(table, embedder.fingerprint)
    place.remove(but=[int(table.fact(GENERATION) or 1), generation])
    store = MemoryStore(place, table, fingerprint=embedder.fingerprint, generation=generation)
    try:
        for granularity in ("turn", "segment"):
            _drop_gone(table, store, granularity)
        left = {granularity: _left(table, granularity) for granularity in ("turn", "segment")}
        progress.total = progress.done + sum(map(len, left.values()))
        for granularity, numbers in left.items():
            for start in range(0, len(numbers), BATCH):
                _add(table, store, embedder, granularity, numbers[start : start + BATCH])
                progress.advance(len(numbers[start : start + BATCH]))
    finally:
        store.close()
    _bring_into_use(table, embedder.fingerprint, embedding, generation)


def _begin(table: PassageTable, fingerprint: str) -> int:
    """The generation that is being built for this model; a new one unless a run was cut short."""
    with table.transaction():
        if table.fact(NEXT_FINGERPRINT) != fingerprint:
            table.connection.execute("DELETE FROM memory_next")
            table.keep_fact(NEXT_FINGERPRINT, fingerprint)
            table.keep_fact(NEXT_GENERATION, str(1 + max(int(table.fact(name) or 1) for name in (GENERATION, NEXT_GENERATION))))
        return int(table.fact(NEXT_GENERATION) or 0)


def _drop_gone(table: PassageTable, store: MemoryStore, granularity: str) -> None:
    """Drop what was built and has been removed from the table since."""
    rows = table.connection.execute("SELECT n FROM memory_next WHERE granularity = ?", (granularity,))
    gone = sorted({row[0] for row in rows} - set(table.numbers(granularity)))
    store.delete(granularity, gone)
    with table.transaction():
        table.connection.executemany("DELETE FROM memory_next WHERE granularity = ? AND n = ?", [(granularity, n) for n in gone])


def _left(table: PassageTable, granularity: str) -> list[int]:
    rows = table.connection.execute("SELECT n FROM memory_next WHERE granularity = ?", (granularity,))
    done = {row[0] for row in rows}
    return [number for number in table.numbers(granularity) if number not in done]


def _add(table: PassageTable, store: MemoryStore, embedder: Embedder, granularity: str, numbers: Sequence[int]) -> None:
    """Store a batch, then note it; a batch that is stored twice is stored once."""
    if granularity == "turn":
        vectors = embedder.encode(table.texts(numbers)).astype(np.float16)
        kept = [row for row in range(len(numbers)) if vectors[row].any()]
        found = [numbers[row] for row in kept]
        store.add("turn", found, vectors[kept].astype(np.float32))
        blobs = {number: vector.tobytes() for number, vector in zip(found, vectors[kept], strict=True)}
    else:
        found, means = ExactVectors(table, read=lambda turns: _read(table, turns)).load("segment", numbers)
        store.add("segment", found, means)
        blobs = dict.fromkeys(found, b"")
    with table.transaction():
        rows = [(granularity, number, blobs.get(number)) for number in numbers]
        table.connection.executemany("INSERT OR REPLACE INTO memory_next VALUES (?, ?, ?)", rows)


def _read(table: PassageTable, numbers: Sequence[int]) -> tuple[list[int], Half]:
    """As `PassageTable.vectors`, of the new model's."""
    rows = table.connection.execute(
        "SELECT n, vector FROM json_each(?) w JOIN memory_next ON granularity = 'turn' AND n = w.value WHERE vector IS NOT NULL"
        " ORDER BY w.key",
        (json.dumps(list(numbers)),),
    ).fetchall()
    return [row[0] for row in rows], np.array([np.frombuffer(row[1], dtype=np.float16) for row in rows], dtype=np.float16)


def _bring_into_use(table: PassageTable, fingerprint: str, embedding: str, generation: int) -> None:
    with table.transaction():
        new = "(SELECT vector FROM memory_next WHERE granularity = 'turn' AND memory_next.n = memory_passages.n)"
        table.connection.execute(f"UPDATE memory_passages SET vector = {new}")  # noqa: S608
        table.connection.execute("UPDATE memory_passages SET stored = CASE WHEN vector IS NULL THEN 2 ELSE 1 END")
        held = "(SELECT vector FROM memory_next WHERE granularity = 'segment' AND memory_next.n = memory_segments.n)"
        table.connection.execute(f"UPDATE memory_segments SET stored = CASE WHEN {held} IS NULL THEN 2 ELSE 1 END")  # noqa: S608
        table.connection.execute("DELETE FROM memory_removed")
        table.connection.execute("DELETE FROM memory_next")
        for name, value in ((FINGERPRINT, fingerprint), (EMBEDDING, embedding), (GENERATION, str(generation))):
            table.keep_fact(name, value)
        table.drop_fact(NEXT_FINGERPRINT)
