"""The unused part of Chroma's index files, which holds whatever the writing process had in memory before: it is blanked.

Until an index has its first thousand vectors it has no `index_metadata.pickle` and lives in Chroma's SQLite alone. Every process that opens
it, a searching one too, still writes `data_level0.bin` (a record a vector) and `length.bin` (four bytes a vector) at the size of an empty
index's capacity, from memory that nobody filled: in a process that knew a forgotten vector, with that vector. A saved index is written
at the number of its vectors and has no unused part.

`header.bin`, little-endian: version (4 bytes), then 8 bytes each: offset of level 0, capacity, vectors in use, bytes of a record.
"""

import struct
from pathlib import Path

_HEADER = struct.Struct("<i4Q")
_BYTES_OF_LENGTH = 4


def clear_unused(folder: Path) -> None:
    """Blank the unused part of the index files of one Chroma directory; nobody reads it."""
    for header in folder.glob("*/header.bin"):
        content = header.read_bytes()[: _HEADER.size]
        if len(content) < _HEADER.size or (header.parent / "index_metadata.pickle").exists():
            continue
        _, _, _, used, width = _HEADER.unpack(content)
        _blank(header.parent / "data_level0.bin", used * width)
        _blank(header.parent / "length.bin", used * _BYTES_OF_LENGTH)


def _blank(path: Path, start: int) -> None:
    """Make everything from a position on zero, by cutting it off and letting the file grow again."""
    if not path.exists() or path.stat().st_size <= start:
        return
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.truncate(start)
        file.truncate(size)
