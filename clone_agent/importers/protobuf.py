"""Protocol-buffer messages without a schema: the fields of a message by number, as the wire holds them."""

Fields = dict[int, list[int | bytes]]
_NUMBER, _BYTES = 0, 2  # types of the wire
_FIXED = {1: 8, 5: 4}  # type of the wire -> bytes


def read_fields(data: bytes) -> Fields:
    """The values of each field, in order: whole numbers, or bytes of strings and inner messages.

    Raises:
        ValueError: the bytes are no whole message.
    """
    fields: Fields = {}
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        wire = key & 7
        value: int | bytes
        if wire == _NUMBER:
            value, at = _varint(data, at)
        else:
            if wire == _BYTES:
                size, at = _varint(data, at)
            elif wire in _FIXED:
                size = _FIXED[wire]
            else:
                raise ValueError("no protocol-buffer message")
            if at + size > end:
                raise ValueError("cut off inside a field")
            value = data[at : at + size]
            at += size
        number = key >> 3
        if number in fields:
            fields[number].append(value)
        else:
            fields[number] = [value]
    return fields


def bytes_of(fields: Fields, number: int) -> bytes:
    """The first bytes of a field, or none."""
    for value in fields.get(number, ()):
        if isinstance(value, bytes):
            return value
    return b""


def text_of(fields: Fields, number: int) -> str:
    """The first string of a field, or "". Broken letters show as U+FFFD."""
    return bytes_of(fields, number).decode("utf-8", "replace")


def number_of(fields: Fields, number: int) -> int:
    """The first whole number of a field, or 0."""
    for value in fields.get(number, ()):
        if isinstance(value, int):
            return value
    return 0


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    try:
        while (byte := data[at]) >= 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            at += 1
    except IndexError:
        raise ValueError("no whole number") from None
    if shift > 63:
        raise ValueError("no whole number")
    return value | byte << shift, at + 1
