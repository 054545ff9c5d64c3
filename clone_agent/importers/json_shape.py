"""What a JSON export is built like, as far as its first 64 KiB show: its keys, and one row of its messages.

Exporters are told apart by what their objects hold. The order of the keys says nothing: whatever passes a file on may write it anew.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from clone_agent.errors import ExportError
from clone_agent.importers.json_fields import Row
from clone_agent.importers.json_stream import JsonStream

_ROWS = frozenset({"messages", "data", "items"})
# Where reading goes on after damage.
_KNOWN = ("messages", "metadata", "chatInfo", "chatlab", "meta", "weflow", "session", "guild", "channel", "chats")
_LISTS = frozenset({"chats", "left_chats"})  # Telegram's: an object with a list of chats
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
