"""What a JSON export is built like, as far as its first 64 KiB show: its keys, and one row of its messages.

Exporters are told apart by what their objects hold. The order of the keys says nothing: whatever passes a file on may write it anew.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from clone_agent.errors import ExportError
from clone_agent.importers.json_fields import Row
from clone_agent.importers.json_stream import JsonStream
from clone_agent.importers.opening import json_of
from clone_agent.importers.source import Source

_ROWS = frozenset({"messages", "data", "items"})
# Where reading goes on after damage.
_KNOWN = ("messages", "metadata", "chatInfo", "chatlab", "meta", "weflow", "session", "guild", "channel", "chats")
_LISTS = frozenset({"chats", "left_chats"})  # Telegram's: an object with a list of chats
_MOST_KEYS, _SMALL = 100, 1000  # keys of an object, and characters of a value, that are kept of a large file
_LOOKED_AT = 20  # rows among which the first object is looked for


class Shape(NamedTuple):
    """How a JSON text is built."""

    keys: frozenset[str] = frozenset()  # of the outermost object, as far as they are seen, and `chats.list`; none for an array
    row: Row = {}  # noqa: RUF012  nobody changes it. The first row of the array, or of the object's messages; empty where none is seen whole

    def has(self, *keys: str) -> bool:
        """Whether the outermost object holds all of these keys."""
        return self.keys.issuperset(keys)

    def has_row(self, *keys: str) -> bool:
        """Whether a message holds all of these keys."""
        return self.row.keys() >= set(keys)


@lru_cache(maxsize=4)
def shape_of(text: str) -> Shape:
    """The shape of a text by its beginning; an empty one where it is no JSON."""
    parts = JsonStream(iter((text.lstrip("\ufeff"),)), name="")
    keys: set[str] = set()
    row: Row = {}
    try:
        if parts.peek() == "[":
            return Shape(row=_first(parts.elements()))
        if parts.peek() != "{":
            return Shape()
        for key in parts.members(anchors=_KNOWN):
            keys.add(key)
            if key in _ROWS and parts.peek() == "[":
                row = row or _first(parts.elements(), is_used_up=True)
            elif key in _LISTS and parts.peek() == "{":
                for inner in parts.members():
                    keys.add(f"{key}.{inner}")
                    parts.skip()
            else:
                parts.skip()
    except (ExportError, RecursionError):
        pass  # the beginning ends here
    return Shape(frozenset(keys), row)


def _first(elements: Iterable[object], *, is_used_up: bool = False) -> Row:
    """The first object among the first elements."""
    found: Row = {}
    for number, element in enumerate(elements):
        if not found and isinstance(element, dict):
            found = element
        if not is_used_up and (found or number > _LOOKED_AT):
            break
    return found


def squeezed(source: Source) -> str:
    """A JSON file with what is large left out: its facts, and its first row, which may stand behind megabytes of contacts or pictures."""
    with json_of(source) as parts, suppress(ExportError, RecursionError):
        if parts.peek() == "[":
            return json.dumps([_small(_first(parts.elements()))])
        found: dict[str, object] = {}
        for key in parts.members() if parts.peek() == "{" else ():
            if key in _LISTS:
                return json.dumps(found | {key: {"list": []}})
            if key in _ROWS and parts.peek() == "[":
                return json.dumps(found | {key: [_small(_first(parts.elements()))]})
            value = parts.value()
            found[key] = _small(value) if isinstance(value, dict) else _emptied(value)
    return ""


def _small(row: Row) -> Row:
    return {key: _emptied(value) for key, value in row.items()} if len(row) <= _MOST_KEYS else {}


def _emptied(value: object) -> object:
    """The value, or an empty one of its type where it is long."""
    return type(value)() if isinstance(value, dict | list | str) and len(json.dumps(value)) > _SMALL else value
