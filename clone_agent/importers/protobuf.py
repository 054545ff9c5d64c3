"""Protocol-buffer messages without a schema: the fields of a message by number, as the wire holds them."""

from collections import defaultdict
from collections.abc import Iterator

Fields = dict[int, list[int | bytes]]


def read_fields(data: bytes) -> Fields:
    """The values of each field, in order: whole numbers, or bytes of strings and inner messages.

    Raises:
        ValueError: the bytes are no whole message.
    """
    fields: Fields = defaultdict(list)
    for number, value in _walk(data):
        fields[number].append(value)
    return dict(fields)


def bytes_of(fields: Fields, number: int) -> bytes:
    """The first bytes of a field, or none."""
    return next((value for value in fields.get(number, ()) if isinstance(value, bytes)), b"")


def text_of(fields: Fields, number: int) -> str:
    """The first string of a field, or "". Broken letters show as U+FFFD."""
    return bytes_of(fields, number).decode("utf-8", "replace")


def number_of(fields: Fields, number: int) -> int:
    """The first whole number of a field, or 0."""
    return next((value for value in fields.get(number, ()) if isinstance(value, int)), 0)


def _walk(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                value, at = _varint(data, at)
                yield key >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, at = _varint(data, at)
            case 5:
                size = 4
            case _:
                raise ValueError("no protocol-buffer message")
        if at + size > len(data):
            raise ValueError("cut off inside a field")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("no whole number")
