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
from memory.outline import Limit
from memory.place import PLACE, Place
from memory.table import Half, PassageTable
from memory.twins import apart

BATCH = 1_000
_WIDE = 1_000  # what Chroma is asked for at most, to drop what a limit does not let through
_FEW, _MOST_EXACT = 2_000, 20_000  # so few turns are searched exactly; so many, when they are too small a share for that
_MOST_WAITING = 5_000  # passages that wait for Chroma and are searched exactly meanwhile
# Facts of the passage table: which generation is valid, of which model; and the one that is being built (`memory.switching`).
GENERATION, FINGERPRINT, EMBEDDING = "generation", "fingerprint", "embedding"
NEXT_GENERATION, NEXT_FINGERPRINT = "next_generation", "next_fingerprint"
_REMEDY = "Run `clone-agent rebuild`: it makes the vector index again from the archive."

P = ParamSpec("P")
R = TypeVar("R")


class VectorSearch(Protocol):
    """Finds the nearest turns or segments."""

    def search(self, granularity: str, vector: NDArray[np.float32], *, top_k: int, among: Limit | None = None) -> list[tuple[int, float]]:
        """The nearest as (number, score), best first; `among` limits the turns, and the segments to those that hold one of them.

        Where `among` lets much through, segments without any of them may be found, too.
        """
        ...


class ExactVectors:
    """Exact search over the copies in SQLite; a segment's vector is the mean of its turns'. A search of everything reads the table once."""

    def __init__(self, table: PassageTable, *, read: Callable[[Sequence[int]], tuple[list[int], Half]] | None = None) -> None:
        self._table = table
        self._read = read or table.vectors
        self._all: dict[str, tuple[list[int], Vectors]] = {}

    def search(self, granularity: str, vector: NDArray[np.float32], *, top_k: int, among: Limit | None = None) -> list[tuple[int, float]]:
        """See `VectorSearch`."""
        if among is not None:
            limit = among if granularity == "turn" else self._table.segments_of(among.numbers.tolist())
            return self.nearest(granularity, vector, top_k=top_k, numbers=limit.numbers.tolist())
        if granularity not in self._all:
            self._all[granularity] = self.load(granularity, self._table.numbers(granularity))
        return _nearest(*self._all[granularity], vector, top_k)

    def nearest(self, granularity: str, vector: NDArray[np.float32], *, top_k: int, numbers: Sequence[int]) -> list[tuple[int, float]]:
        """The nearest of these turns or segments, best first."""
        return _nearest(*self.load(granularity, numbers), vector, top_k)

    def load(self, granularity: str, numbers: Sequence[int]) -> tuple[list[int], Vectors]:
        """Those of `numbers` that have a vector, and the vectors, scaled to length 1."""
        if granularity == "turn":
            found, half = self._read(numbers)
            return found, normalised(half.astype(np.float32)) if found else np.zeros((0, 0), dtype=np.float32)
        spans = self._table.spans(numbers)
        inside = np.zeros(int(spans[2].max(initial=-1)) + 2, dtype=np.int64)
        np.add.at(inside, spans[1], 1)
        np.add.at(inside, spans[2] + 1, -1)
        turns, half = self._read(np.flatnonzero(np.cumsum(inside)).tolist())
        first, end = np.searchsorted(turns, spans[1]), np.searchsorted(turns, spans[2], side="right")
        has_any = end > first
        if not has_any.any():
            return [], np.zeros((0, 0), dtype=np.float32)
        # The sums from each first row up to its end; a row of zeros, since an end may lie behind the last.
        rows = np.concatenate([half, np.zeros((1, half.shape[1]), dtype=half.dtype)]).astype(np.float32)
        sums = np.add.reduceat(rows, np.stack([first[has_any], end[has_any]], axis=1).ravel(), axis=0)[::2]
        return spans[0][has_any].tolist(), normalised(sums)


def _nearest(numbers: list[int], vectors: Vectors, vector: NDArray[np.float32], top_k: int) -> list[tuple[int, float]]:
    if not numbers:
        return []
    scores = vectors @ vector
    best = np.argsort(-scores, kind="stable")[:top_k]
    return [(numbers[i], float(scores[i])) for i in best]


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
            batch = numbers[start : start + BATCH]
            embeddings = apart(batch, vectors[start : start + BATCH])
            _guarded(self._collections[granularity].upsert, ids=[str(number) for number in batch], embeddings=embeddings)
        self._place.clear_unused(self._generation)

    def delete(self, granularity: str, numbers: Sequence[int]) -> None:
        """Drop vectors from the search; those that are not there are passed over. Their bytes go with the next `renew`."""
        for start in range(0, len(numbers), BATCH):
            _guarded(self._collections[granularity].delete, ids=[str(number) for number in numbers[start : start + BATCH]])

    def search(self, granularity: str, vector: NDArray[np.float32], *, top_k: int, among: Limit | None = None) -> list[tuple[int, float]]:
        """See `VectorSearch`. A limit to few passages is searched exactly, since Chroma slows down with filters."""
        if not vector.any() or top_k < 1:
            return []
        if among is not None and self._is_exact(among, top_k):
            return self._exact.search(granularity, vector, top_k=top_k, among=among)
        wanted = top_k if among is None else self._wide(among, top_k)
        held = self._collections[granularity]
        found = _guarded(held.query, query_embeddings=vector[None, :], n_results=wanted, include=["distances"])
        numbers = np.array(found["ids"][0], dtype=np.int64)
        scores = 1.0 - np.array((found["distances"] or [[]])[0], dtype=np.float64)
        if among is not None and granularity == "turn":
            is_allowed = among.holds(numbers)
            numbers, scores = numbers[is_allowed], scores[is_allowed]
        hits = list(zip(numbers.tolist(), scores.tolist(), strict=True))
        hits += self._waiting(granularity, vector, top_k, among, {number for number, _ in hits})
        return sorted(hits, key=lambda hit: -hit[1])[: top_k if granularity == "turn" else wanted]

    def _is_exact(self, among: Limit, top_k: int) -> bool:
        """Whether so few passages are searched exactly: Chroma would have to be asked for too many to find half of `top_k` among them."""
        is_small = 2 * _WIDE * len(among) < top_k * self._table.lexical.count()
        return len(among) <= _FEW or (is_small and len(among) <= _MOST_EXACT)

    def _wide(self, among: Limit, top_k: int) -> int:
        """How many to ask for so that `top_k` of them are allowed, if these lie like the others."""
        return min(_WIDE, round(1.2 * top_k * self._table.lexical.count() / len(among)))

    def _waiting(
        self, granularity: str, vector: NDArray[np.float32], top_k: int, among: Limit | None, known: Collection[int]
    ) -> list[tuple[int, float]]:
        """What SQLite has and Chroma has not yet: the newest."""
        waiting = [number for number in self._table.waiting(granularity, limit=_MOST_WAITING) if number not in known]
        if granularity == "turn" and among is not None:
            waiting = [number for number in waiting if among.has(number)]
        return self._exact.nearest(granularity, vector, top_k=top_k, numbers=waiting) if waiting else []

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
