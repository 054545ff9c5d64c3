"""Chroma holds ids and vectors only, scores are cosines, limits are exact, and a rebuild leaves nothing behind."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from clone_agent.errors import StoreError
from clone_agent.records import Memory
from memory.embed import Vectors, normalised
from memory.outline import Limit
from memory.place import LocalPlace
from memory.probe import require_sound
from memory.store import ExactVectors, MemoryStore
from memory.table import PassageTable
from memory.twins import apart

MANY = 60
DIMENSION = 8


def vectors() -> Vectors:
    return normalised(np.random.default_rng(0).normal(size=(MANY, DIMENSION)).astype(np.float32))


def filled_table(path: Path) -> PassageTable:
    table = PassageTable(sqlite3.connect(path / "archive.sqlite3", isolation_level=None))
    start = datetime(2024, 3, 3, tzinfo=UTC)
    memories = [
        Memory(
            id=str(number),
            conversation="chat",
            conversation_name="",
            speaker="yu",
            speaker_name="",
            is_owner=False,
            started_at=start + timedelta(minutes=number),
            ended_at=start + timedelta(minutes=number),
            text=f"秘密话题{number}号",
            message_ids=(str(number),),
        )
        for number in range(MANY)
    ]
    with table.transaction():
        table.add_session("chat", b"hash", memories)
        table.set_vectors(table.numbers("turn"), vectors())
    return table


def fill(table: PassageTable, store: MemoryStore) -> None:
    for granularity in ("turn", "segment"):
        found, rows = ExactVectors(table).load(granularity, table.unstored(granularity))
        store.add(granularity, found, rows)
        with table.transaction():
            table.mark_stored(granularity, found)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[PassageTable]:
    made = filled_table(tmp_path)
    yield made
    made.connection.close()


@pytest.fixture
def store(tmp_path: Path, table: PassageTable) -> Iterator[MemoryStore]:
    opened = MemoryStore(LocalPlace(tmp_path / "vectors"), table, fingerprint="abc")
    fill(table, opened)
    yield opened
    opened.close()


def test_the_score_is_the_cosine_and_the_passage_itself_comes_first(store: MemoryStore) -> None:
    found = store.search("turn", vectors()[4], top_k=3)
    assert found[0][0] == 5
    assert found[0][1] == pytest.approx(1.0, abs=2e-3)
    assert found[0][1] >= found[1][1] >= found[2][1]


def test_a_limited_search_agrees_with_an_exact_one(store: MemoryStore, table: PassageTable) -> None:
    question = vectors()[10]
    among = list(range(20, 40))
    expected = sorted(among, key=lambda number: -float(vectors()[number - 1] @ question))[:5]
    assert [number for number, _ in store.search("turn", question, top_k=5, among=Limit(among))] == expected
    everything = [number for number, _ in ExactVectors(table).search("turn", question, top_k=5)]
    assert [number for number, _ in store.search("turn", question, top_k=5)] == everything


def test_a_wide_limit_asks_chroma_and_keeps_to_its_passages(
    store: MemoryStore, table: PassageTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = store.search("turn", vectors()[10], top_k=5, among=Limit(range(11, 50)))
    monkeypatch.setattr("memory.store._FEW", 0)
    monkeypatch.setattr(table, "vectors", None)  # nothing is read from SQLite
    found = store.search("turn", vectors()[10], top_k=5, among=Limit(range(11, 50)))
    assert [number for number, _ in found] == [number for number, _ in exact]
    assert [number for number, _ in store.search("segment", vectors()[10], top_k=2, among=Limit(range(11, 50)))] == [1]


def test_passages_that_say_the_same_do_not_hide_others(tmp_path: Path) -> None:
    made = np.random.default_rng(1).normal(size=(4, DIMENSION)).astype(np.float32)
    alone = np.random.default_rng(2).normal(size=(300, DIMENSION)).astype(np.float32)
    said = normalised(np.concatenate([alone, *(np.repeat(each[None], 400, axis=0) for each in made), -alone]))
    numbers = list(range(1, len(said) + 1))
    moved = apart(numbers, said)
    assert len(np.unique(moved, axis=0)) == len(said)
    assert (np.einsum("ij,ij->i", moved, said) > 0.999).all()
    assert (apart(numbers[7:9], said[7:9]) == moved[7:9]).all()
    table = PassageTable(sqlite3.connect(":memory:", isolation_level=None))
    store = MemoryStore(LocalPlace(tmp_path / "vectors"), table, fingerprint="abc")
    store.add("turn", numbers, said)
    asked = [*range(0, 300, 10), *range(1900, 2200, 10)]
    assert [number for number in asked if store.search("turn", said[number], top_k=1)[0][0] != number + 1] == []
    store.close()
    table.connection.close()


def test_a_segment_lies_in_the_middle_of_its_turns(store: MemoryStore, table: PassageTable) -> None:
    members = table.members([1])[1]
    middle = normalised(vectors()[[number - 1 for number in members]].mean(axis=0, keepdims=True))[0]
    assert store.search("segment", middle, top_k=1)[0] == (1, pytest.approx(1.0, abs=2e-3))


def test_no_text_and_no_name_reaches_the_directory(store: MemoryStore, tmp_path: Path) -> None:
    store.close()
    held = b"".join(path.read_bytes() for path in (tmp_path / "vectors").rglob("*") if path.is_file())
    assert "秘密话题".encode() not in held
    assert b"turn_abc" in held


def test_a_zero_vector_is_refused(store: MemoryStore) -> None:
    with pytest.raises(ValueError, match="zero vector"):
        store.add("turn", [1], np.zeros((1, DIMENSION), dtype=np.float32))
    assert store.search("turn", np.zeros(DIMENSION, dtype=np.float32), top_k=3) == []


def test_deleting_what_is_not_there_is_no_error(store: MemoryStore) -> None:
    store.delete("turn", [3, 4_000])
    assert store.count("turn") == MANY - 1
    assert 3 not in [number for number, _ in store.search("turn", vectors()[2], top_k=MANY)]


def test_counts_that_do_not_fit_the_archive_are_reported(store: MemoryStore) -> None:
    store.check()
    store.delete("turn", [7])
    with pytest.raises(StoreError, match="holds 59 turns, the archive expects 60") as caught:
        store.check()
    assert "clone-agent rebuild" in caught.value.remedy


def test_a_directory_that_is_no_index_is_reported(tmp_path: Path, table: PassageTable) -> None:
    folder = tmp_path / "broken" / "g1"
    folder.mkdir(parents=True)
    (folder / "chroma.sqlite3").write_bytes(b"not a database, but long enough to be taken for one" * 20)
    with pytest.raises(StoreError, match="clone-agent rebuild"):
        MemoryStore(LocalPlace(tmp_path / "broken"), table, fingerprint="abc")


def test_a_new_generation_starts_empty_and_the_old_directory_is_gone(store: MemoryStore, table: PassageTable, tmp_path: Path) -> None:
    store.close()
    fresh = MemoryStore.begin(LocalPlace(tmp_path / "vectors"), table, fingerprint="abc", vectors=False)
    assert [path.name for path in (tmp_path / "vectors").iterdir() if path.is_dir()] == ["g2"]
    fill(table, fresh)
    fresh.check()
    assert fresh.search("turn", vectors()[4], top_k=1)[0][0] == 5
    fresh.close()
    assert LocalPlace(tmp_path / "vectors").is_sealed(2)


def test_what_waits_for_chroma_is_found_meanwhile(store: MemoryStore, table: PassageTable) -> None:
    store.delete("turn", [7])
    table.connection.execute("UPDATE memory_passages SET stored = 0 WHERE n = 7")
    assert store.search("turn", vectors()[6], top_k=1)[0][0] == 7


def test_a_directory_that_changed_since_it_was_closed_is_looked_into(store: MemoryStore, table: PassageTable, tmp_path: Path) -> None:
    place = LocalPlace(tmp_path / "vectors")
    require_sound(place, table, fingerprint="abc", generation=1)  # open, so without a seal: the probe finds it sound
    store.close()
    (data,) = place.folder(1).rglob("chroma.sqlite3")
    data.write_bytes(data.read_bytes()[:5_000])
    with pytest.raises(StoreError, match="damaged"):
        require_sound(place, table, fingerprint="abc", generation=1)


# Fills new memory with a pattern as glibc hands it out (MALLOC_PERTURB_), so that what a file holds of unfilled memory is seen every time.
_FILLS_AND_SEARCHES = """
import sqlite3, sys
from pathlib import Path
import numpy as np
from memory.place import LocalPlace
from memory.store import MemoryStore
from memory.table import PassageTable
from memory.twins import apart
root = Path(sys.argv[1])
table = PassageTable(sqlite3.connect(root / "archive.sqlite3", isolation_level=None))
store = MemoryStore(LocalPlace(root / "vectors"), table, fingerprint="model")
if sys.argv[2] == "fill":
    store.add("turn", [1, 2], np.eye(2, 8, dtype=np.float32))
else:
    assert store.search("turn", np.eye(1, 8, dtype=np.float32)[0], top_k=1)[0][0] == 1
files = [path for path in (root / "vectors").rglob("*.bin")]
open_now = b"".join(path.read_bytes() for path in files)
store.close()
closed = b"".join(path.read_bytes() for path in files)
assert len(files) >= 4 and len(closed) > 10_000
for content in (open_now, closed):
    assert bytes([73]) * 16 not in content and bytes([73 ^ 255]) * 16 not in content
"""


def test_no_memory_of_the_process_gets_into_the_index_files(tmp_path: Path) -> None:
    filled_table(tmp_path).connection.close()
    for what in ("fill", "search"):
        command = [sys.executable, "-c", _FILLS_AND_SEARCHES, str(tmp_path), what]
        ended = subprocess.run(command, env={**os.environ, "MALLOC_PERTURB_": "73"}, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
