"""Any JSON Lines file: one object a line, with a time, a sender and a text under some name.

    {"time":"2024-01-02T03:04:05Z","sender":"小明","content":"你好"}
    {"timestamp":1704164645,"from":{"id":"u1","name":"小红"},"text":"嗯"}

UTF-8. `columns` tells how keys are recognised; the keys of an object inside are joined, as in `fromname`. Where they are not recognised the
user names them (`from.name`). ChatLab and the chunks of QQ Chat Exporter have readers of their own.
"""

from collections.abc import Iterator, Mapping
from itertools import islice

from clone_agent.importers.columns import is_chat, map_columns, suggest
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.generic_rows import Cells, doubtful_date, read_cells
from clone_agent.importers.json_fields import Row, decode, row_in
from clone_agent.importers.json_lines import json_lines
from clone_agent.importers.source import Source
from clone_agent.importers.wechat_keeper_json import matches as is_keeper_row
from clone_agent.records import Skipped

_LOOK_AHEAD = 50  # rows whose keys are the columns


def matches(head: Head) -> bool:
    """The first line is an object whose keys surely are a chat's."""
    line = next((line for line in head.text.split("\n") if line.strip()), "").strip()
    row = _object(line) if line.startswith("{") and line.endswith("}") else None
    if (
        row is None
        or is_keeper_row(head)
        or "_type" in row
        or "chatlab" in row
        or "messages" in row
        or isinstance(row.get("content"), dict)
    ):
        return False
    return is_chat(_flat(row))


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every line of the file."""
    fields = map_columns(_columns(source), options.columns)
    yield from read_cells(_rows(source, fields), fields, source, options)


def order_doubt(source: Source) -> str | None:
    """A date of the file, where its dates do not tell which number is the day."""
    found = suggest(_columns(source))
    return doubtful_date(_rows(source, found), found, source) if {"time", "text"} <= found.keys() else None


def _columns(source: Source) -> list[str]:
    columns: dict[str, None] = {}
    for _, row in islice(json_lines(source), _LOOK_AHEAD):
        columns |= dict.fromkeys(_flat(row_in(row)))
    return list(columns)


def _rows(source: Source, fields: Mapping[str, str]) -> Iterator[Cells | Skipped]:
    name, are_nested = source.name, any("." in column for column in fields.values())
    for number, row in json_lines(source):
        if isinstance(row, dict):
            yield (f"{name}:{number}", _flat(row) if are_nested else row)
        else:
            yield Skipped(source=f"{name}:{number}", reason="damaged, cannot be decoded")


def _object(line: str) -> Row | None:
    try:
        value = decode(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _flat(row: Row) -> dict[str, str]:
    cells: dict[str, str] = {}
    for key, value in row.items():
        if isinstance(value, str):
            cells[key] = value
        elif isinstance(value, int | float):
            cells[key] = str(value)
        elif isinstance(value, dict):
            cells.update((f"{key}.{name}", str(one)) for name, one in value.items() if isinstance(one, str | int | float))
    return cells
