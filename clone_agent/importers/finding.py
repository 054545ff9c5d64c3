"""Which files and folders of a tree are exports."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from clone_agent.errors import ExportError
from clone_agent.importers.format import HEAD_SIZE, Format, head_of
from clone_agent.importers.json_shape import squeezed
from clone_agent.importers.other_files import refusal
from clone_agent.importers.source import Source, Tree
from clone_agent.records import Skipped

NO_EXPORT = "no chat export"
OF_OTHERS = "tells about the chats beside it"
# What readers look into beside an export: names of people and groups.
_OF_OTHERS = frozenset({"users.json", "channel.json", "user.json", "group_info.json", "user_info.json", "profile_info.db", "group_info.db"})
NESTED = "a zip inside a zip: unpack it first"
_MEDIA = re.compile(
    r"\.(jpe?g|png|gif|webp|bmp|heic|ico|svg|mp4|mov|avi|mkv|3gp|webm|mp3|m4a|aac|amr|silk|slk|ogg|opus|wav|flac|dat"
    r"|exe|apk|css|js)",
)


def exports_in(tree: Tree, *, formats: Sequence[Format], are_zips_opened: bool) -> Iterator[Source | Skipped]:
    """Every export in the tree, folders before files, and a `Skipped` for every file that is none.

    A file that more than one format recognises is yielded too: reading it asks which one is meant. So is one that cannot be opened: reading
    it says why, and what lies beside it is imported all the same.
    """
    taken: list[str] = []
    for folder in _folders(tree):
        if not any(folder.path.startswith(other) for other in taken) and _is_export(folder, formats, unreadable=False):
            taken.append(folder.path)
            yield folder
    for name in tree.names:
        if any(name.startswith(folder) for folder in taken):
            continue
        source = Source(tree=tree, path=name)
        suffix = PurePosixPath(name).suffix.lower()
        if suffix == ".zip":
            yield source if are_zips_opened else Skipped(source=source.name, reason=NESTED)
        elif not _MEDIA.fullmatch(suffix) and _is_export(source, formats, unreadable=True):
            yield source
        else:
            yield Skipped(source=source.name, reason=_reason(source, suffix))


def _is_export(source: Source, formats: Sequence[Format], *, unreadable: bool) -> bool:
    """Whether any format recognises it; `unreadable` where it cannot be opened."""
    try:
        return bool(candidates(source, formats))
    except ExportError:
        return unreadable


def may_be_export(name: str) -> bool:
    """Whether a file's name is none of a picture, voice, video or program, and none of a folder: such files are never opened."""
    return not name.endswith("/") and _MEDIA.fullmatch(PurePosixPath(name).suffix.lower()) is None


def _reason(source: Source, suffix: str) -> str:
    """Why a file that nothing recognises is no export."""
    known = None if _MEDIA.fullmatch(suffix) else refusal(head_of(source))
    if known is not None:
        return known.problem.removeprefix("is ")
    return OF_OTHERS if PurePosixPath(source.path).name in _OF_OTHERS else NO_EXPORT


def candidates(source: Source, formats: Sequence[Format]) -> list[Format]:
    """The formats that recognise an export."""
    head = head_of(source)
    found = [one for one in formats if one.matches(head)]
    if not found and len(head.data) == HEAD_SIZE and head.text.lstrip()[:1] in {"{", "["} and (text := squeezed(source)):
        found = [one for one in formats if one.matches(replace(head, text=text))]
    return found


def _folders(tree: Tree) -> Iterator[Source]:
    """The folders of the tree that hold folders, outer ones first."""
    listings: dict[str, set[str]] = defaultdict(set)
    for name in tree.names:
        parents = [*PurePosixPath(name).parents][:2]
        for parent in parents:
            path = "" if parent == PurePosixPath(".") else f"{parent}/"
            listings[path].add(name.removeprefix(path))
    for path in sorted(listings):
        if any("/" in name for name in listings[path]):
            yield Source(tree=tree, path=path)
