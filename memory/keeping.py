"""Keeping the vectors: which model they are of, where they lie, and bringing them up to date with the passages."""

from pathlib import Path

from clone_agent.errors import ModelError, StoreError
from memory.embed import Embedder, load_embedder
from memory.indexing import Progress
from memory.place import HERE, PLACE, LocalPlace, place_of, present_place
from memory.probe import require_sound
from memory.store import EMBEDDING, FINGERPRINT, GENERATION, MemoryStore
from memory.switching import switch
from memory.table import PassageTable
from memory.vectors import embed_missing, update_vectors


class Keeper:
    """The vectors of one data home, open for search and for writing.

    Args:
        root: directory of the vectors, where they lie here.
        table: the passages.
        embedding: name or folder of the embedding model; None: the one that ships.
        server: address of a Chroma server; None: `root`.

    Raises:
        ModelError: the embedding model cannot be loaded.
    """

    def __init__(self, root: Path, table: PassageTable, *, embedding: str | None, server: str | None) -> None:
        self._root = root
        self._table = table
        self._name = embedding or ""
        self._wanted = load_embedder(embedding)
        self._earlier: Embedder | None = None  # of the vectors in use, while the wanted model's are being built
        self._place = place_of(root, table, server=server)
        self._store: MemoryStore | None = None

    @property
    def store(self) -> MemoryStore:
        """The open store of the valid generation."""
        if self._store is None:
            fingerprint = self._table.fact(FINGERPRINT) or self._wanted.fingerprint
            self._store = MemoryStore(self._place, self._table, fingerprint=fingerprint)
        return self._store

    @property
    def embedder(self) -> Embedder:
        """The model that the vectors in use are of, if it can be had, else the one that is wanted."""
        return self._present or self._wanted

    @property
    def vectors(self) -> MemoryStore | None:
        """What to search by meaning; None while there is nothing of a model that can be had."""
        return self.store if self._present is not None else None

    @property
    def _present(self) -> Embedder | None:
        """The model that the vectors in use are of: the wanted one, or, until its vectors are whole, the one before."""
        fingerprint = self._table.fact(FINGERPRINT)
        if fingerprint in (self._wanted.fingerprint, None):
            return self._wanted if fingerprint else None
        if self._earlier is None or self._earlier.fingerprint != fingerprint:
            try:
                self._earlier = load_embedder(self._table.fact(EMBEDDING) or None)
            except ModelError:
                return None
        return self._earlier if self._earlier.fingerprint == fingerprint else None

    def check(self) -> None:
        """Look whether the vectors are sound and fit the passages.

        Raises:
            StoreError: they do not, or they lie elsewhere.
        """
        fingerprint = self._table.fact(FINGERPRINT)
        if fingerprint is None:
            return
        if (self._table.fact(PLACE) or HERE) != self._place.key:
            raise StoreError(
                "The vectors lie elsewhere.", remedy="Name the place with --chroma, or run `clone-agent rebuild` to move them here."
            )
        if isinstance(self._place, LocalPlace):
            require_sound(self._place, self._table, fingerprint=fingerprint, generation=int(self._table.fact(GENERATION) or 1))
        self.store.check()

    def update(self, progress: Progress) -> None:
        """Bring the vectors up to date; another model's are built beside those in use."""
        if self._table.fact(FINGERPRINT) == self._wanted.fingerprint:
            update_vectors(self._table, self.store, self._wanted, progress=progress)
        elif not self._table.count("turn", stored_only=True):
            self.renew(progress)
        else:
            switch(self._table, self._place, self._wanted, embedding=self._name, progress=progress)
            self.close()
            self._place.remove(but=[int(self._table.fact(GENERATION) or 1)])

    def embed_conversation(self, conversation: str) -> None:
        """Embed what has no vector yet in one conversation, into SQLite alone."""
        if self._table.fact(FINGERPRINT) == self._wanted.fingerprint:
            here = self._table.select(conversations=[conversation])
            embed_missing(self._table, self._wanted, [number for number in self._table.unstored("turn") if here.has(number)])

    def renew(self, progress: Progress) -> None:
        """Fill a new generation from the copies in SQLite, computed anew where they are of another model, and remove what was before."""
        is_kept = self._table.fact(FINGERPRINT) == self._wanted.fingerprint
        before = present_place(self._root, self._table)
        if before.key != self._place.key:
            before.remove(but=())

        def fill(store: MemoryStore) -> None:
            with self._table.transaction():
                self._table.keep_fact(FINGERPRINT, self._wanted.fingerprint)
                self._table.keep_fact(EMBEDDING, self._name)
            update_vectors(self._table, store, self._wanted, progress=progress)

        self.close()
        self._store = MemoryStore.begin(self._place, self._table, fingerprint=self._wanted.fingerprint, vectors=not is_kept)
        fill(self._store)

    def close(self) -> None:
        """Let go of the vector store."""
        if self._store is not None:
            self._store.close()
            self._store = None
