"""Is a vector directory sound? Asked in a process of its own, because a damaged one can take its process down.

    python -m memory.probe FOLDER < {"turn_abc": [[number, [0.1, …]], …]}

Every vector is searched in its collection and should find itself, or one that is the same.
"""

import json
import random
import subprocess
import sys
from pathlib import Path

import chromadb
import numpy as np
from chromadb.config import Settings

from clone_agent.errors import StoreError
from memory.place import LocalPlace
from memory.table import PassageTable

QUERIES = 64
_MOST_MISSES = 1
_SAME = 2e-3  # cosine distance: the copies are rounded to float16
_TIMEOUT_S = 120


def require_sound(place: LocalPlace, table: PassageTable, *, fingerprint: str, generation: int) -> None:
    """Look into a directory that was not closed properly, or that changed since.

    Raises:
        StoreError: it does not answer, or does not find what it holds.
    """
    numbers = table.sample_stored(QUERIES, seed=random.random())
    if not numbers or place.is_sealed(generation):
        return
    found, vectors = table.vectors(numbers)
    name = place.collection("turn", fingerprint, generation)
    asked = {name: [[number, vector.astype(float).tolist()] for number, vector in zip(found, vectors, strict=True)]}
    command = [sys.executable, "-m", "memory.probe", str(place.folder(generation))]
    try:
        done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603
        is_sound = done.returncode == 0 and int(done.stdout) <= _MOST_MISSES
    except (subprocess.TimeoutExpired, ValueError):
        is_sound = False
    if not is_sound:
        raise StoreError("The vector index is damaged.", remedy="Run `clone-agent rebuild`: it makes the index again from the archive.")


def misses(folder: Path, asked: dict[str, list[tuple[int, list[float]]]]) -> int:
    """How many of the vectors do not find themselves in their collection."""
    client = chromadb.PersistentClient(folder, settings=Settings(anonymized_telemetry=False))
    missed = 0
    for name, rows in asked.items():
        found = client.get_collection(name, embedding_function=None).query(
            query_embeddings=np.array([vector for _, vector in rows], dtype=np.float32), n_results=1, include=["distances"]
        )
        distances = found["distances"] or [[]] * len(rows)
        missed += sum(not row or row[0] > _SAME for row in distances)
    return missed


if __name__ == "__main__":
    sys.stdout.write(str(misses(Path(sys.argv[1]), json.loads(sys.stdin.read()))))
