"""The text inside a `typedstream` of Apple's NSAttributedString, as the column `attributedBody` of Messages holds it.

    04 0b "streamtyped" 81 e8 03        head: version, signature, system version 1000
    … 84 84 08 "NSString" 01 94         classes, each once by name
    84 01 2b                            the type `+`: bytes with a length before them
    0a "Noter test"                     length: one byte below 80; 81 and two bytes; 82 and four bytes, low byte first

The first `+` is the string itself; `86` ends it, and runs of attributes follow behind their type, `84 02 "iI"`, which decides where a
length is wrong. U+FFFC stands where a file is.
"""

_SIGNATURE = b"streamtyped"
_BYTES = b"\x84\x01+"
_END = b"\x86\x84\x02iI"
_WIDTHS = {0x81: 2, 0x82: 4}


def text_of(data: bytes) -> str | None:
    """The text; None where the bytes are no such stream or it is cut off."""
    start = data.find(_BYTES, data.find(b"NSString"))
    if _SIGNATURE not in data[:16] or start < 0:
        return None
    start += len(_BYTES)
    if start >= len(data):
        return None
    width = _WIDTHS.get(data[start], 0)
    length = int.from_bytes(data[start + 1 : start + 1 + width], "little") if width else data[start]
    first = start + 1 + width
    end = data.find(_END, first)
    text = data[first : first + length if end < 0 else min(end, first + length)]
    is_whole = (len(text) == length or end >= 0) and (width or length < 0x80)
    return text.decode("utf-8", "replace") if is_whole else None
