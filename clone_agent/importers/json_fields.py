"""Fields of somebody's JSON, each taken only as what it should be."""

import json
from typing import Any

import orjson

Row = dict[str, Any]


def decode(line: str | bytes) -> object:
    """A line of JSON Lines.

    Raises:
        ValueError: it is none.
        RecursionError: it is nested too deep.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)  # lone surrogates, NaN and numbers beyond 64 bits, which orjson refuses


def text_in(value: object) -> str:
    """A string as it is, a whole number in digits, anything else as ""."""
    return value if isinstance(value, str) else str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def row_in(value: object) -> Row:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else {}


def row_of(data: bytes | None) -> Row:
    """The object that a small file holds, or an empty one."""
    try:
        return row_in(json.loads(data)) if data else {}
    except (ValueError, RecursionError):
        return {}


def list_in(value: object) -> list[Any]:
    """An array, or an empty one."""
    return value if isinstance(value, list) else []


def rows_in(value: object) -> list[Row]:
    """The objects of an array."""
    return [one for one in list_in(value) if isinstance(one, dict)]


def file_name(value: object) -> str:
    """The last part of a path or address."""
    return text_in(value).partition("?")[0].replace("\\", "/").rstrip("/").rpartition("/")[2]
