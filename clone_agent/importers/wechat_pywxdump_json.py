"""PyWxDump's JSON of WeChat: a list of the rows that its CSV has.

    [{"id":7,"MsgSvrID":"4073926741244663531","type_name":"文本","is_sender":1,"talker":"wxid_me","room_name":"wxid_friend",
      "msg":"小马尔代夫","src":"","extra":{},"CreateTime":"2024-10-04 11:43:05"}]

What the fields mean stands in `wechat_pywxdump_csv`.
"""

from collections.abc import Iterator

from clone_agent.importers.encoding import find_encoding, text_pieces
from clone_agent.importers.format import HEAD_SIZE, Head, ReadOptions, Record
from clone_agent.importers.json_shape import shape_of
from clone_agent.importers.json_stream import Damaged, JsonStream
from clone_agent.importers.source import Source
from clone_agent.importers.wechat_pywxdump_csv import Row, read_messages
from clone_agent.records import Skipped


def matches(head: Head) -> bool:
    """A list of rows with the message's number."""
    shape = shape_of(head.text)
    return not shape.keys and shape.has_row("MsgSvrID") and any(shape.has_row(key) for key in ("type_name", "is_sender", "talker"))


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row; one conversation for each `room_name`."""
    with source.open() as stream:
        encoding = find_encoding(stream.read(HEAD_SIZE))
    name = source.name
    with source.open() as stream:
        parts = JsonStream(text_pieces(stream, encoding), name=name)
        rows = (_row(element, f"{name}#{number}") for number, element in enumerate(parts.elements(), start=1))
        yield from read_messages(rows, source, options)


def _row(element: object, place: str) -> Row | Skipped:
    if not isinstance(element, dict):
        is_end = isinstance(element, Damaged) and element.is_end
        return Skipped(source=place, reason="cut off in the middle" if is_end else "damaged, cannot be decoded")
    return Row(place, {str(key): _cell(value) for key, value in element.items() if isinstance(value, str | int | float)})


def _cell(value: str | float) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
