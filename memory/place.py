"""Where the vectors lie: in a directory of the data home, or on a Chroma server.

Each generation of the index has its own directory, or its own collections on the server, so that a new one is built beside the old. A
directory that was closed properly carries a seal, the sizes and times of its files; one without it, or with files that changed since, is
looked into by `memory.probe` before it is opened.
"""

import json
import secrets
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import chromadb
from chromadb.api import ClientAPI
from chromadb.config import Settings

from clone_agent.errors import StoreError, UsageError
from memory.table import PassageTable
from memory.unused import clear_unused

_TAG = "chroma_tag"
PLACE, HERE = "place", "here"  # the fact of the passage table that says where the vectors lie


class Place(Protocol):
    """Opens generations of the vector index and removes those that are no longer needed."""

    key: str  # differs where the vectors lie elsewhere

    def open(self, generation: int) -> ClientAPI:
        """A client for one generation."""
        ...

    def require(self) -> None:
        """Check that vectors can be stored there, before those that are there are given up.

        Raises:
            StoreError: they cannot.
        """
        ...

    def collection(self, granularity: str, fingerprint: str, generation: int) -> str:
        """The name of a collection."""
        ...

    def clear_unused(self, generation: int) -> None:
        """Blank what the index files hold beyond their vectors."""
        ...

    def close(self, client: ClientAPI, generation: int) -> None:
        """Let go of a client."""
        ...

    def remove(self, *, but: Collection[int]) -> None:
        """Remove every generation but these."""
        ...


class LocalPlace:
    """A directory that this process alone writes, one subdirectory a generation."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.key = HERE

    def folder(self, generation: int) -> Path:
        """The directory of a generation."""
        return self.root / f"g{generation}"

    def open(self, generation: int) -> ClientAPI:
        """See `Place`; the seal is broken until `close`."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._seal(generation).unlink(missing_ok=True)
        return chromadb.PersistentClient(self.folder(generation), settings=Settings(anonymized_telemetry=False))

    def require(self) -> None:
        """See `Place`."""

    def collection(self, granularity: str, fingerprint: str, generation: int) -> str:
        """See `Place`."""
        return f"{granularity}_{fingerprint}"

    def clear_unused(self, generation: int) -> None:
        """See `Place`."""
        clear_unused(self.folder(generation))

    def close(self, client: ClientAPI, generation: int) -> None:
        """See `Place`."""
        client.close()  # type: ignore[attr-defined]  # there since 1.5.9, but not in the interface class
        if self.folder(generation).is_dir():
            self._seal(generation).write_text(json.dumps(self._state(generation)), encoding="utf-8")

    def remove(self, *, but: Collection[int]) -> None:
        """See `Place`. Every byte of deleted vectors goes with the directories."""
        kept = {f"g{generation}" for generation in but}
        for path in self.root.glob("g*"):
            if path.is_dir() and path.name not in kept:
                shutil.rmtree(path)
            elif path.is_file() and path.stem not in kept:
                path.unlink()

    def is_sealed(self, generation: int) -> bool:
        """Whether the directory is as it was when it was closed."""
        try:
            return bool(json.loads(self._seal(generation).read_text(encoding="utf-8")) == self._state(generation))
        except (OSError, ValueError):
            return False

    def _seal(self, generation: int) -> Path:
        return self.root / f"g{generation}.seal"

    def _state(self, generation: int) -> dict[str, Any]:
        folder = self.folder(generation)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): [path.stat().st_size, path.stat().st_mtime_ns] for path in files}


class ServerPlace:
    """A Chroma server, which several data homes may share: each has a random tag in the names of its collections."""

    def __init__(self, url: str, table: PassageTable) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError("The Chroma server's address is not a URL.", remedy="Write it like http://127.0.0.1:8000.")
        self._parts = parts
        self._tag = _tag(table)
        self.key = f"{parts.scheme}://{parts.netloc}"

    def open(self, generation: int) -> ClientAPI:
        """See `Place`."""
        secure = self._parts.scheme == "https"
        port = self._parts.port or (443 if secure else 80)
        quiet = Settings(anonymized_telemetry=False)
        try:
            return chromadb.HttpClient(host=str(self._parts.hostname), port=port, ssl=secure, settings=quiet)
        except ValueError as cause:  # what the client makes of a refused connection
            raise StoreError(
                "The Chroma server does not answer.",
                remedy="Start it with `chroma run`, or leave --chroma out and run `clone-agent rebuild`.",
            ) from cause

    def require(self) -> None:
        """See `Place`."""
        self.close(self.open(0), 0)

    def collection(self, granularity: str, fingerprint: str, generation: int) -> str:
        """See `Place`."""
        return f"{granularity}_{fingerprint}_{self._tag}_g{generation}"

    def clear_unused(self, generation: int) -> None:
        """See `Place`: the server's files hold what was in its memory, and are its own."""

    def close(self, client: ClientAPI, generation: int) -> None:
        """See `Place`."""
        client.close()  # type: ignore[attr-defined]  # there since 1.5.9, but not in the interface class

    def remove(self, *, but: Collection[int]) -> None:
        """See `Place`. The server keeps the bytes of deleted collections until it is vacuumed or its directory is emptied."""
        kept = tuple(f"_g{generation}" for generation in but)
        client = self.open(0)
        try:
            for held in client.list_collections():
                if f"_{self._tag}_g" in held.name and not held.name.endswith(kept):
                    client.delete_collection(held.name)
        finally:
            self.close(client, 0)


def place_of(root: Path, table: PassageTable, *, server: str | None = None) -> Place:
    """The place that a server's address stands for; None: the directory `root`."""
    return LocalPlace(root) if server is None else ServerPlace(server, table)


def present_place(root: Path, table: PassageTable) -> Place:
    """Where the vectors lie now, whatever the settings say."""
    key = table.fact(PLACE) or HERE
    return place_of(root, table, server=None if key == HERE else key)


def _tag(table: PassageTable) -> str:
    tag = table.fact(_TAG)
    if tag is None:
        tag = secrets.token_hex(4)
        table.keep_fact(_TAG, tag)
    return tag
