"""Zips are read where they are, and a zip that is made to hurt is refused.

Limits: names that stay inside, no links, no locked members, at most 20,000 files that may be exports and 90,000 with the pictures, voices
and videos beside them, which are never read, and no file that swells more than 200 times once it is past 16 MB. A zip inside a zip is not
opened. (0.5 MB expands to 500 MB without protest in the standard library.)
"""

import io
import lzma
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from clone_agent.errors import ExportError
from clone_agent.importers.finding import may_be_export

MOST_FILES = 20_000  # that may be exports
MOST_ENTRIES = 90_000  # files of every kind, and folders
MOST_BYTES = 1 << 36  # 64 GB over all files
MOST_SWELLING = 200
FREE_BYTES = 1 << 24  # below this a file may swell as it likes
_IS_UTF8 = 0x800  # the flag of a member whose name is marked as UTF-8
_TAIL = 1 << 16
_LISTED = re.compile(rb"PK\x01\x02")
_LENGTH_AT, _NAME_AT = 28, 46  # of a name, behind the mark of its entry
_LONGEST_LIST = 1 << 26  # bytes of a zip's list of files that are looked at before it is read
_UNPACK = "Unpack it yourself and name the folder, if you trust it."


class ZipTree:
    """The files of a zip."""

    def __init__(self, path: Path) -> None:
        self.label = path.name
        self._path = path
        _refuse_crowds(path)
        try:
            self._zip = zipfile.ZipFile(path)
        # NotImplementedError is what zipfile raises for a compression or version that it does not know.
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as cause:
            raise ExportError(f"{path.name} is not a whole zip.", remedy="Download or make it again.") from cause
        self._members = {_name_of(info): info for info in self._zip.infolist() if not info.is_dir()}
        _check(path, self._members)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The files in the zip, sorted; not the rubbish that macOS adds."""
        return tuple(sorted(name for name in self._members if not name.startswith("__MACOSX/")))

    def open(self, name: str) -> BinaryIO:
        """Open one file; it is unpacked as it is read, and counted."""
        info = self._members[name]
        try:
            return io.BufferedReader(_Counted(self._zip.open(info), info, self.label), 1 << 18)
        # ValueError: the name before the file is damaged, so that it is no UTF-8 any more.
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError) as cause:
            raise ExportError(f"{self.label} holds a file that cannot be unpacked.", remedy="Make the zip again.") from cause

    def size(self, name: str) -> int:
        """The bytes of one file, unpacked, as the zip says."""
        return self._members[name].file_size


class _Counted(io.RawIOBase):
    """A member's bytes, refused once there are far more of them than the zip can honestly hold."""

    def __init__(self, stream: IO[bytes], info: zipfile.ZipInfo, label: str) -> None:
        self._stream = stream
        self._most = max(FREE_BYTES, info.compress_size * MOST_SWELLING)
        self._label = label
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]  # typeshed has no buffer type before Python 3.12
        try:
            data = self._stream.read(len(view))
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as cause:
            raise ExportError(f"{self._label} is damaged inside.", remedy="Download or make it again.") from cause
        self._read += len(data)
        if self._read > self._most:
            raise ExportError(f"{self._label} unpacks to more than {MOST_SWELLING} times its size.", remedy=_UNPACK)
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def is_zip(path: Path) -> bool:
    """Whether the file begins or ends like a zip; one that was cut off counts, so that it can be named as such.

    Raises:
        ExportError: it may not be read.
    """
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(4) == b"PK\x03\x04" or zipfile.is_zipfile(stream)
    except OSError as cause:
        raise ExportError(f"{path} cannot be read.", remedy="Check that you may read it.") from cause


def _refuse_crowds(path: Path) -> None:
    """Count the files before the list of them is built: by the zip's last record, and by the list itself, since the record may lie."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - _TAIL))
        tail = stream.read()
        at = tail.rfind(b"PK\x05\x06")
        told = int.from_bytes(tail[at + 10 : at + 12], "little") if at >= 0 else 0
        length = int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
        end = max(0, size - len(tail) + at)
        start = max(0, end - min(length, _LONGEST_LIST))
        stream.seek(start)
        names = _names_in(stream.read(end - start))
    if max(told, len(names)) > MOST_ENTRIES:
        raise ExportError(f"{path.name} holds more than {MOST_ENTRIES:,} files.", remedy=_UNPACK)
    if sum(map(may_be_export, names)) > MOST_FILES:
        raise ExportError(f"{path.name} holds more than {MOST_FILES:,} files.", remedy=_UNPACK)


def _names_in(listed: bytes) -> list[str]:
    """The names in a zip's list of files, as far as their endings go."""
    starts = [found.start() for found in islice(_LISTED.finditer(listed), MOST_ENTRIES + 1)]
    ends = (start + _NAME_AT + int.from_bytes(listed[start + _LENGTH_AT : start + _LENGTH_AT + 2], "little") for start in starts)
    return [listed[start + _NAME_AT : end].decode("ascii", "replace") for start, end in zip(starts, ends, strict=True)]


def _name_of(info: zipfile.ZipInfo) -> str:
    """The path of a file. Windows and its programs write names in the system's encoding, unmarked, and some of them backslashes."""
    name = info.filename
    if not info.flag_bits & _IS_UTF8 and not name.isascii():
        for encoding in ("utf-8", "gb18030"):
            with suppress(UnicodeError):
                name = name.encode("cp437").decode(encoding)  # zipfile takes unmarked names for this
                break
    return name.replace("\\", "/")


def _check(path: Path, members: Mapping[str, zipfile.ZipInfo]) -> None:
    files = list(members.values())
    if sum(map(may_be_export, members)) > MOST_FILES:
        raise ExportError(f"{path.name} holds more than {MOST_FILES:,} files.", remedy=_UNPACK)
    if any(_leads_outside(name) or _leads_outside(info.filename) for name, info in members.items()):
        raise ExportError(f"{path.name} holds names that lead outside of it.", remedy="Do not trust it; make the export again.")
    if any(stat.S_ISLNK(info.external_attr >> 16) for info in files):
        raise ExportError(f"{path.name} holds links.", remedy=_UNPACK)
    if any(info.flag_bits & 1 for info in files):
        raise ExportError(f"{path.name} is locked with a password.", remedy="Unpack it yourself and name the folder.")
    if sum(info.compress_size for info in files) > path.stat().st_size:
        raise ExportError(f"{path.name} holds files that lie over each other.", remedy="Do not trust it; make the export again.")
    swollen = any(info.file_size > max(FREE_BYTES, info.compress_size * MOST_SWELLING) for info in files)
    if swollen or sum(info.file_size for info in files) > MOST_BYTES:
        raise ExportError(f"{path.name} unpacks to more than {MOST_SWELLING} times its size.", remedy=_UNPACK)


def _leads_outside(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or name[1:2] == ":" or "\x00" in name
