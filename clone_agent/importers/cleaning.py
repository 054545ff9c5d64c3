"""Text as it may be stored: no lone surrogates, no invisible or control characters, LF as the only line end.

Messages are written by other people, and invisible characters hide orders from the reader's eye. What carries meaning stays: the joiner
inside an emoji, the joiners of Arabic and Indic scripts, the tags of a flag.
"""

import re
from functools import lru_cache

_LONGEST_REMEMBERED = 100  # characters of a name
_PICTURE = "\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff"
_JOINING = "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\u0900-\u0dff"  # Arabic script and the Indic scripts
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
_DIRTY = f"{_CONTROLS}\xad\u061c\u180e\u200b-\u200f\u2060-\u2065\ufeff"
_IS_DIRTY = re.compile(f"[{_DIRTY}]")
_IS_SURROGATE = re.compile("[\ud800-\udfff]")
_PIECES = re.compile(
    f"(?P<kept>\U0001f3f4[\U000e0020-\U000e007e]{{1,8}}\U000e007f"
    f"|(?<=[{_PICTURE}])\u200d(?=[{_PICTURE}])|(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}]))"
    "|(?P<line_end>\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029])"
    f"|[{_DIRTY}]"
)


def clean(text: str) -> str:
    """The text without what nobody can see. Bytes that were lost stay visible as U+FFFD."""
    if text.isprintable() or _IS_DIRTY.search(text) is None:  # nothing of what is taken out is printable; the first test is the quicker one
        return text
    if _IS_SURROGATE.search(text) is not None:
        # Two halves that stand side by side become one character, a lone half becomes U+FFFD.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _PIECES.sub(_replacement, text)


def clean_name(text: str) -> str:
    """A name on one line, without blanks around it."""
    return _remembered(text) if len(text) <= _LONGEST_REMEMBERED else _on_one_line(text)


def _on_one_line(text: str) -> str:
    return " ".join(clean(text).split())


_remembered = lru_cache(maxsize=1 << 13)(_on_one_line)  # a few people write most messages


def _replacement(piece: re.Match[str]) -> str:
    if piece.lastgroup == "kept":
        return piece[0]
    return "\n" if piece.lastgroup == "line_end" else ""
