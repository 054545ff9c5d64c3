"""The vectors: in Chroma for search at any size, and as exact float16 copies in SQLite for everything limited to few passages.

Chroma holds ids and vectors, no text and no metadata; it is derived and can be made again from the copies. It lies in a directory or on a
server (`memory.place`). A rebuild fills a new generation, and the number in SQLite that names the valid one switches over in one commit.
The collections carry the embedding model's fingerprint in their names. Chroma's distances become scores here and nowhere else:
score = 1 - cosine distance, so 1 is the same direction and 0 unrelated.
"""

from collections.abc import Callable, Collection, Sequence
from typing import ParamSpec, Protocol, TypeVar

import numpy as np
from chromadb.api.models.Collection import Collection as ChromaCollection
from numpy.typing import NDArray

from clone_agent.errors import StoreError
from memory.embed import Vectors, normalised
from memory.place import PLACE, Place
from memory.table import Half, PassageTable

BATCH = 1_000
_MOST_EXACT = 20_000  # above this many passages it is faster to ask Chroma for many and to drop the others
_WIDE = 1_000
_MOST_WAITING = 5_000  # passages that wait for Chroma and are searched exactly meanwhile
# Facts of the passage table: which generation is valid, of which model; and the one that is being built (`memory.switching`).
GENERATION, FINGERPRINT, EMBEDDING = "generation", "fingerprint", "embedding"
NEXT_GENERATION, NEXT_FINGERPRINT = "next_generation", "next_fingerprint"
_REMEDY = "Run `clone-agent rebuild`: it makes the vector index again from the archive."

P = ParamSpec("P")
R = TypeVar("R")


class VectorSearch(Protocol):
    """Finds the nearest turns or segments."""

    def search(
        self, granularity: str, vector: NDArray[np.float32], *, top_k: int, among: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        """The nearest as (number, score), best first; `among` limits the numbers."""
        ...


class ExactVectors:
    """Exact search over the copies in SQLite; a segment's vector is the mean of its turns'. A search of everything reads the table once."""

    def __init__(self, table: PassageTable, *, read: Callable[[Sequence[int]], tuple[list[int], Half]] | None = None) -> None:
        self._table = table
        self._read = read or table.vectors
        self._all: dict[str, tuple[list[int], Vectors]] = {}

    def search(
        self, granularity: str, vector: NDArray[np.float32], *, top_k: int, among: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        """See `VectorSearch`."""
        if among is None and granularity not in self._all:
            self._all[granularity] = self.load(granularity, self._table.numbers(granularity))
        numbers, vectors = self._all[granularity] if among is None else self.load(granularity, sorted(among))
        if not numbers:
            return []
        scores = vectors @ vector
        best = np.argsort(-scores, kind="stable")[:top_k]
        return [(numbers[i], float(scores[i])) for i in best]

    def load(self, granularity: str, numbers: Sequence[int]) -> tuple[list[int], Vectors]:
        """Those of `numbers` that have a vector, and the vectors, scaled to length 1."""
        if granularity == "turn":
            found, half = self._read(numbers)
            return found, normalised(half.astype(np.float32)) if found else np.zeros((0, 0), dtype=np.float32)
        members = self._table.members(numbers)
        turns, half = self._read(sorted({turn for span in members.values() for turn in span}))
        row = {turn: i for i, turn in enumerate(turns)}
        full = half.astype(np.float32)
        found, means = [], []
        for number in numbers:
            if rows := [row[turn] for turn in members.get(number, ()) if turn in row]:
                found.append(number)
                means.append(full[rows].mean(axis=0))
        return found, normalised(np.array(means, dtype=np.float32)) if found else np.zeros((0, 0), dtype=np.float32)


class MemoryStore:
    """The Chroma collections of one data home. One at a time in a process; `close` it.

    Args:
        place: where they lie.
        table: the passages.
        fingerprint: of the embedding model.
        generation: None: the valid one.
    """

    def __init__(self, place: Place, table: PassageTable, *, fingerprint: str, generation: int | None = None) -> None:
        self._place = place
        self._table = table
        self._exact = ExactVectors(table)
        self._fingerprint = fingerprint
        self._open(generation or int(table.fact(GENERATION) or 1))

    def _open(self, generation: int) -> None:
        self._generation = generation
        self._client = _guarded(self._place.open, generation)
        self._collections = {name: self._collection(name) for name in ("turn", "segment")}
        for granularity in self._collections:
            self.count(granularity)  # makes Chroma load the index, which writes its files
        self._place.clear_unused(generation)

    def _collection(self, granularity: str) -> ChromaCollection:
        return _guarded(
            self._client.get_or_create_collection,
            self._place.collection(granularity, self._fingerprint, self._generation),
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine"}},
        )

    def check(self) -> None:
        """Compare Chroma's counts with what SQLite says it acknowledged.

        Raises:
            StoreError: they differ by more than an interrupted `index` explains.
        """
        for granularity in self._collections:
            held, known = self.count(granularity), self._table.count(granularity, stored_only=True)
            lowest = known
            highest = known + len(self._table.removed(granularity)) + len(self._table.unstored(granularity))
            if not lowest <= held <= highest:
                raise StoreError(f"The vector index holds {held} {granularity}s, the archive expects {known}.", remedy=_REMEDY)

    def count(self, granularity: str) -> int:
        """How many vectors Chroma holds."""
        return int(_guarded(self._collections[granularity].count))

    def add(self, granularity: str, numbers: Sequence[int], vectors: Vectors) -> None:
        """Store vectors under their numbers; one that is there is replaced. Returns when Chroma has acknowledged them.

        Raises:
            ValueError: a vector is zero, which would be near to everything.
        """
        if len(vectors) and not np.linalg.norm(vectors, axis=1).all():
            raise ValueError("A zero vector has no direction and cannot be stored.")
        for start in range(0, len(numbers), BATCH):
            ids = [str(number) for number in numbers[start : start + BATCH]]
            _guarded(self._collections[granularity].upsert, ids=ids, embeddings=vectors[start : start + BATCH])
        self._place.clear_unused(self._generation)

    def delete(self, granularity: str, numbers: Sequence[int]) -> None:
        """Drop vectors from the search; those that are not there are passed over. Their bytes go with the next `renew`."""
        for start in range(0, len(numbers), BATCH):
            _guarded(self._collections[granularity].delete, ids=[str(number) for number in numbers[start : start + BATCH]])

    def search(
        self, granularity: str, vector: NDArray[np.float32], *, top_k: int, among: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        """See `VectorSearch`. A limit to few passages is searched exactly, since Chroma slows down with filters."""
        if not vector.any() or top_k < 1:
            return []
        if among is not None and len(among) <= _MOST_EXACT:
            return self._exact.search(granularity, vector, top_k=top_k, among=among)
        wanted = top_k if among is None else _WIDE
        held = self._collections[granularity]
        found = _guarded(held.query, query_embeddings=vector[None, :], n_results=wanted, include=["distances"])
        distances = (found["distances"] or [[]])[0]
        hits = [(int(number), 1.0 - float(distance)) for number, distance in zip(found["ids"][0], distances, strict=True)]
        hits += self._waiting(granularity, vector, top_k, {number for number, _ in hits})
        allowed = None if among is None else set(among)
        return sorted((hit for hit in hits if allowed is None or hit[0] in allowed), key=lambda hit: -hit[1])[:top_k]

    def _waiting(self, granularity: str, vector: NDArray[np.float32], top_k: int, known: Collection[int]) -> list[tuple[int, float]]:
        """What SQLite has and Chroma has not yet: the newest."""
        waiting = [number for number in self._table.waiting(granularity, limit=_MOST_WAITING) if number not in known]
        return self._exact.search(granularity, vector, top_k=top_k, among=waiting) if waiting else []

    def ids(self, granularity: str) -> set[int]:
        """Every number that Chroma holds."""
        held, found = self._collections[granularity], set[int]()
        for start in range(0, self.count(granularity), 10 * BATCH):
            found.update(map(int, _guarded(held.get, include=[], limit=10 * BATCH, offset=start)["ids"]))
        return found

    @classmethod
    def begin(cls, place: Place, table: PassageTable, *, fingerprint: str, vectors: bool) -> "MemoryStore":
        """Switch to a new, empty generation; every earlier one, with every byte of deleted vectors, is removed.

        Args:
            place: where it is to lie.
            table: the passages; all of them count as unstored from now on.
            fingerprint: of the embedding model.
            vectors: False keeps the copies in SQLite, True drops them too (another embedding model).
        """
        _guarded(place.require)
        with table.transaction():
            retire_generation(table, vectors=vectors)
            table.keep_fact(PLACE, place.key)
        remove_retired(place, table)
        return cls(place, table, fingerprint=fingerprint)

    def close(self) -> None:
        """Let go of the directory."""
        self._place.clear_unused(self._generation)
        self._place.close(self._client, self._generation)


def retire_generation(table: PassageTable, *, vectors: bool) -> int:
    """Give up the generations that there are and return the number of the next, which holds nothing yet; in the caller's transaction.

    `vectors` drops our own copies, too: they are of another embedding model.
    """
    generation = 1 + max(int(table.fact(name) or 1) for name in (GENERATION, NEXT_GENERATION))
    table.forget_stored(vectors=vectors)
    table.keep_fact(GENERATION, str(generation))
    table.drop_fact(NEXT_FINGERPRINT)
    return generation


def remove_retired(place: Place, table: PassageTable) -> None:
    """Remove every generation but the valid one and the one that is being built, with every byte of deleted vectors."""
    kept = [int(table.fact(GENERATION) or 1)]
    if table.fact(NEXT_FINGERPRINT) is not None:
        kept.append(int(table.fact(NEXT_GENERATION) or 0))
    _guarded(place.remove, but=kept)


def _guarded(call: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    try:
        return call(*arguments, **options)
    except (ValueError, TypeError, StoreError):
        raise
    except BaseException as cause:  # Chroma's core raises panics that are no Exception
        if isinstance(cause, KeyboardInterrupt | SystemExit):
            raise
        raise StoreError(f"The vector index does not answer ({type(cause).__name__}).", remedy=_REMEDY) from cause
