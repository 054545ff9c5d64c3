"""Where an export lies: a file or a folder, on the disk or inside a zip. Nothing is unpacked to the disk."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from clone_agent.errors import ExportError

_DEPTH = 2  # levels of a folder's listing


class Tree(Protocol):
    """A folder or a zip: names of files, each with its bytes."""

    label: str

    @property
    def names(self) -> tuple[str, ...]:
        """The files, as paths with `/`, sorted."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Open one file; raises KeyError if it is not in `names`."""
        ...

    def size(self, name: str) -> int:
        """The bytes of one file."""
        ...


class FolderTree:
    """The files below a folder. Links are not followed."""

    def __init__(self, root: Path, *, only: str | None = None) -> None:
        self.root = root
        self.label = root.name
        self._only = only

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The files below the folder, sorted; just the one when made for one file."""
        return (self._only,) if self._only is not None else tuple(sorted(self._walk(self.root)))

    def _walk(self, folder: Path) -> Iterator[str]:
        try:
            entries = list(folder.iterdir())
        except OSError as cause:
            raise ExportError(f"{folder} cannot be listed.", remedy="Check that you may read it.") from cause
        for entry in entries:
            if entry.is_symlink():
                continue
            if entry.is_dir():
                yield from self._walk(entry)
            elif entry.is_file():
                yield entry.relative_to(self.root).as_posix()

    def open(self, name: str) -> BinaryIO:
        """Open one file inside the folder."""
        path = self.root / name
        is_inside = path.resolve().is_relative_to(self.root.resolve()) or name == self._only
        if not is_inside or not path.is_file():
            raise KeyError(name)
        try:
            return path.open("rb")
        except OSError as cause:
            raise ExportError(f"{path} cannot be read.", remedy="Check that you may read it.") from cause

    def size(self, name: str) -> int:
        """The bytes of one file."""
        return (self.root / name).stat().st_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One export: a file of a tree, or a folder of it."""

    tree: Tree
    path: str  # inside the tree; ends with "/" for a folder, "" for the whole tree
    name: str = field(init=False)  # of the file or folder, to show and to say where a message stands

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.path.rstrip("/").rpartition("/")[2] or self.tree.label)

    @classmethod
    def of_file(cls, path: Path) -> "Source":
        """A file on the disk."""
        return cls(tree=FolderTree(path.parent, only=path.name), path=path.name)

    @property
    def is_folder(self) -> bool:
        """Whether the export is a folder of files."""
        return self.path == "" or self.path.endswith("/")

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return PurePosixPath(self.name).stem

    def open(self) -> BinaryIO:
        """Open the file that the export is."""
        return self.tree.open(self.path)

    def size(self) -> int:
        """The bytes of the file that the export is."""
        return self.tree.size(self.path)

    def listing(self) -> frozenset[str]:
        """What lies in the folder and one level below."""
        inside = (name.removeprefix(self.path) for name in self.tree.names if name.startswith(self.path))
        return frozenset(name for name in inside if name.count("/") < _DEPTH)

    def inside(self, name: str) -> "Source":
        """A file inside the folder that the export is."""
        return Source(tree=self.tree, path=self.path + name)

    def parent(self) -> "Source":
        """The folder that the file lies in."""
        folder = self.path.rpartition("/")[0]
        tree = FolderTree(self.tree.root) if isinstance(self.tree, FolderTree) else self.tree
        return Source(tree=tree, path=f"{folder}/" if folder else "")

    def beside(self, name: str) -> bytes | None:
        """The bytes of a small file in the same folder, or None if there is none."""
        return self.parent().inside(name)._small()

    def above(self, place: str, *, levels: int = 1) -> bytes | None:
        """The bytes of a small file above the folder that this one lies in, or None if there is none.

        On the disk too, so that an unpacked export tells what its zip tells.

        Args:
            place: from the folder so many levels above; `Users/*/me.json` is the first there is.
            levels: 1 for the folder above.
        """
        folder: Source | None = self.parent()
        for _ in range(levels):
            folder = folder._outer() if folder is not None else None
        if folder is None:
            return None
        before, star, behind = place.partition("*")
        places = (f"{before}{name}{behind}" for name in folder.inside(before)._folders()) if star else (place,)
        return next((data for one in places if (data := folder.inside(one)._small()) is not None), None)

    def _outer(self) -> "Source | None":
        """The folder that a folder lies in; None for a whole zip and the root of the disk."""
        if self.path:
            return Source(tree=self.tree, path=self.path[:-1]).parent()
        if not isinstance(self.tree, FolderTree):
            return None
        root = self.tree.root.resolve()
        return Source(tree=FolderTree(root.parent), path="") if root != root.parent else None

    def _folders(self) -> list[str]:
        """The names of the folders in a folder, sorted."""
        if isinstance(self.tree, FolderTree):
            try:
                entries = list((self.tree.root / self.path).iterdir())
                return sorted(one.name for one in entries if one.is_dir() and not one.is_symlink())
            except OSError:
                return []  # as good as not there: nothing of the export itself
        names = self.tree.names
        below = takewhile(lambda name: name.startswith(self.path), names[bisect_left(names, self.path) :])
        return list(dict.fromkeys(part for part, sign, _ in (name[len(self.path) :].partition("/") for name in below) if sign))

    def _small(self) -> bytes | None:
        try:
            with self.open() as stream:
                return stream.read(1 << 24)
        except KeyError:
            return None
