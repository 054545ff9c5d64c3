"""What a JSON export is built like, as far as its first 64 KiB show: its keys, and the first rows of its messages.

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
_LOOKED_AT = 20  # elements among which rows are looked for
_MOST_ROWS = 3


class Shape(NamedTuple):
    """How a JSON text is built."""

    keys: frozenset[str] = frozenset()  # of the outermost object, as far as they are seen, and `chats.list`; none for an array
    rows: tuple[Row, ...] = ()  # the first rows of the array, or of the object's messages; none where none is seen whole

    def has(self, *keys: str) -> bool:
        """Whether the outermost object holds all of these keys."""
        return self.keys.issuperset(keys)

    def has_row(self, *keys: str) -> bool:
        """Whether a message holds all of these keys. One that is damaged may have lost them, so the next ones count too."""
        return any(row.keys() >= set(keys) for row in self.rows)

    def row_with(self, *keys: str) -> Row:
        """The first message that holds all of these keys, or an empty one."""
        return next((row for row in self.rows if row.keys() >= set(keys)), {})


@lru_cache(maxsize=4)
def shape_of(text: str) -> Shape:
    """The shape of a text by its beginning; an empty one where it is no JSON."""
    parts = JsonStream(iter((text.lstrip("\ufeff"),)), name="")
    keys: set[str] = set()
    rows: tuple[Row, ...] = ()
    try:
        if parts.peek() == "[":
            return Shape(rows=_first(parts.elements()))
        if parts.peek() != "{":
            return Shape()
        for key in parts.members(anchors=_KNOWN):
            keys.add(key)
            if key in _ROWS and parts.peek() == "[":
                rows = rows or _first(parts.elements(), is_used_up=True)
            elif key in _LISTS and parts.peek() == "{":
                for inner in parts.members():
                    keys.add(f"{key}.{inner}")
                    parts.skip()
            else:
                parts.skip()
    except (ExportError, RecursionError):
        pass  # the beginning ends here
    return Shape(frozenset(keys), rows)


def _first(elements: Iterable[object], *, is_used_up: bool = False) -> tuple[Row, ...]:
    """The objects among the first elements."""
    found: list[Row] = []
    for number, element in enumerate(elements):
        if isinstance(element, dict) and len(found) < _MOST_ROWS:
            found.append(element)
        if not is_used_up and (len(found) == _MOST_ROWS or number > _LOOKED_AT):
            break
    return tuple(found)


def squeezed(source: Source) -> str:
    """A JSON file with what is large left out: its facts, and its first rows, which may stand behind megabytes of contacts or pictures."""
    with json_of(source) as parts, suppress(ExportError, RecursionError):
        if parts.peek() == "[":
            return json.dumps([*map(_small, _first(parts.elements()))])
        found: dict[str, object] = {}
        for key in parts.members() if parts.peek() == "{" else ():
            if key in _LISTS:
                return json.dumps(found | {key: {"list": []}})
            if key in _ROWS and parts.peek() == "[":
                return json.dumps(found | {key: [*map(_small, _first(parts.elements()))]})
            value = parts.value()
            found[key] = _small(value) if isinstance(value, dict) else _emptied(value)
    return ""


def _small(row: Row) -> Row:
    return {key: _emptied(value) for key, value in row.items()} if len(row) <= _MOST_KEYS else {}


def _emptied(value: object) -> object:
    """The value, or an empty one of its type where it is long."""
    return type(value)() if isinstance(value, dict | list | str) and len(json.dumps(value)) > _SMALL else value
