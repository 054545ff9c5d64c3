"""What a chat export format is: a name, a test on the first bytes, a reader.

A reader yields the `Conversation` before its first `Message`, and a `Skipped` for every piece of the export that is no message.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from clone_agent.importers.dates import Order
from clone_agent.importers.encoding import decode_head
from clone_agent.importers.source import Source
from clone_agent.records import Conversation, Message, Skipped

Record = Conversation | Message | Skipped
HEAD_SIZE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a format is recognised by."""

    name: str  # of the file or folder
    data: bytes = b""  # the first 64 KiB; nothing for a folder
    text: str = ""  # the same, decoded
    listing: frozenset[str] = frozenset()  # of a folder: what lies in it and one level below


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What the user may say about an export."""

    timezone: ZoneInfo  # of times that name none
    columns: Mapping[str, str] = field(default_factory=dict)  # of a table that no known program wrote: field -> column
    date_order: Order | None = None  # of dates that do not tell by themselves whether the day or the month comes first


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One row in the table of formats."""

    name: str
    title: str
    how_to_export: str
    matches: Callable[[Head], bool]
    read: Callable[[Source, ReadOptions], Iterator[Record]]
    names_zone: bool = False  # its times are epochs or carry an offset, so that nobody needs to say the zone
    order_doubt: Callable[[Source], str | None] | None = None  # a date as written, where the dates do not tell their order


def head_of(source: Source) -> Head:
    """Read what `matches` looks at."""
    if source.is_folder:
        return Head(name=source.name, listing=source.listing())
    with source.open() as stream:
        data = stream.read(HEAD_SIZE)
    return Head(name=source.name, data=data, text=decode_head(data))


def system_zone() -> ZoneInfo:
    """The zone of this machine, by name where the system tells it."""
    for name in (os.environ.get("TZ", ""), *_zone_names()):
        try:
            return ZoneInfo(name.lstrip(":"))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    hours = round((datetime.now().astimezone().utcoffset() or datetime.min - datetime.min).total_seconds() / 3600)
    return ZoneInfo(f"Etc/GMT{-hours:+d}" if hours else "UTC")


def _zone_names() -> Iterator[str]:
    link = Path("/etc/localtime")
    if link.is_symlink():
        yield str(link.resolve()).partition("zoneinfo/")[2]
    named = Path("/etc/timezone")
    if named.is_file():
        yield named.read_text(encoding="utf-8", errors="replace").strip()
