"""What a JSON export says about its chat, wherever it stands: exporters write it before the messages, other programs in any order."""

from collections.abc import Collection
from contextlib import suppress

from clone_agent.errors import ExportError
from clone_agent.importers.json_stream import JsonStream
from clone_agent.importers.opening import json_of
from clone_agent.importers.source import Source

ROWS = "messages"


def facts_of(source: Source, keys: Collection[str], *, needed: Collection[str]) -> dict[str, object]:
    """The values of some keys of the outermost object.

    The messages are passed over, which takes as long as to read them, only where something needed does not stand before them.

    Args:
        source: the file.
        keys: what is wanted.
        needed: those of them that are worth a look behind the messages.
    """
    found: dict[str, object] = {}
    with json_of(source) as parts, suppress(ExportError):
        if parts.peek() == "{":
            _gather(parts, found, keys, needed)
    return found


def _gather(parts: JsonStream, found: dict[str, object], keys: Collection[str], needed: Collection[str]) -> None:
    for key in parts.members(anchors=(*keys, ROWS)):
        if key in keys:
            found[key] = parts.value_or_none()
        elif key == ROWS and found.keys() >= set(needed):
            return
        else:
            parts.skip()
