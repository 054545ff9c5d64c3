"""JSON of any size as a stream of its parts, with damage passed over.

`JsonStream` walks an object member by member and an array element by element. One part at a time is decoded by the standard library's C
decoder, so that memory holds one part and a piece of the text. Where an element cannot be decoded, reading goes on at the next one, which
is known by the line end, the indentation and the first key of the elements before.
"""

import json
import re
from collections.abc import Iterator, Sequence

from clone_agent.errors import ExportError

_LONGEST = 1 << 25  # characters of one part
_KEPT = 256  # characters kept before the place of reading, to look back at an element's indentation
_NEAR_END = 64  # an error this close to the end of the text may be for want of the rest
_BLANKS = re.compile(r"[ \t\r\n]*")
_INDENTATION = re.compile(r"[ \t\r\n]*\Z")
_OBJECT_START = re.compile(r'\{\s*"[^"\\]{1,40}"\s*:')
_ANY_OBJECT = re.compile(r'(?<=[\[,\n ])\{\s*"[^"\\]{1,40}"\s*:')


class Damaged:
    """Stands for a stretch of an array that could not be decoded."""

    def __init__(self, *, is_end: bool) -> None:
        self.is_end = is_end  # nothing could be read after it


class JsonStream:
    """One JSON text, read once from front to back."""

    def __init__(self, pieces: Iterator[str], *, name: str) -> None:
        self._pieces = pieces
        self._name = name
        self._text = ""
        self._at = 0
        self._is_lost = False
        self.is_damaged = False  # some part could not be decoded
        self._strict = json.JSONDecoder()
        self._lenient = json.JSONDecoder(strict=False)

    def peek(self) -> str:
        """The next character that is no blank; "" at the end."""
        while True:
            blanks = _BLANKS.match(self._text, self._at)
            self._at = blanks.end() if blanks else self._at
            if self._at < len(self._text) or not self._refill():
                return self._text[self._at : self._at + 1]

    def take(self, letter: str) -> bool:
        """Step over the next character that is no blank if it is `letter`."""
        if self.peek() != letter:
            return False
        self._at += 1
        return True

    def value(self) -> object:
        """Decode the next part whole.

        Raises:
            ExportError: it cannot be decoded. The place of reading stays before it.
        """
        self.peek()
        decoder = self._strict
        while True:
            try:
                value, end = decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as cause:
                if cause.msg.startswith("Invalid control") and decoder is self._strict:
                    decoder = self._lenient  # some writers leave tabs and line ends in a string as they are
                    continue
                is_cut = cause.msg.startswith("Unterminated") or cause.pos >= len(self._text) - _NEAR_END
                if is_cut and self._refill():
                    continue
                raise self._error() from cause
            except (RecursionError, ValueError) as cause:  # nested too deeply, or a number of more digits than Python reads
                raise self._error() from cause
            if end == len(self._text) and not isinstance(value, dict | list | str) and self._refill():
                continue  # a number may go on in the next piece
            self._at = end
            return value

    def value_or_none(self) -> object:
        """Decode the next part whole; None where it is damaged."""
        try:
            return self.value()
        except ExportError:
            self.is_damaged = self._is_lost = True
            return None

    def skip(self) -> None:
        """Step over the next part, however large."""
        try:
            self._skip()
        except (ExportError, RecursionError):
            self.is_damaged = self._is_lost = True

    def members(self, anchors: Sequence[str] = ()) -> Iterator[str]:
        """The keys of the next object. Take each one's value, with `value`, `members`, `elements` or `skip`, before the next key.

        Args:
            anchors: where the object is damaged, reading goes on at the next of these keys, or ends where there is none.

        Raises:
            ExportError: no object stands here, or it is damaged and there are no anchors.
        """
        anchor = re.compile(rf'"({"|".join(map(re.escape, anchors))})"\s*:\s*(?=[\[{{])') if anchors else None
        is_open = self.take("{")
        while True:
            key = self._key() if is_open and not self._is_lost else None
            if key is None:
                if is_open and not self._is_lost and self.take("}"):
                    return
                key = self._find_anchor(anchor)
            if key is None:
                return
            yield key
            is_open = not self._is_lost and self.take(",")
            if not is_open and not self._is_lost and (self.take("}") or self.peek() == ""):
                return

    def elements(self) -> Iterator[object]:
        """The elements of the next array, and a `Damaged` for each stretch that cannot be decoded.

        Raises:
            ExportError: no array stands here.
        """
        if not self.take("["):
            raise self._error()
        signature: re.Pattern[str] | None = None
        while not self.take("]"):
            expected = signature or self._signature()
            try:
                element = self.value()
            except ExportError:
                self._at += 1
                is_end = not self._find(signature or _ANY_OBJECT)
                yield Damaged(is_end=is_end)
                if is_end:
                    return
                continue
            signature = expected
            yield element
            if not self.take(",") and self.peek() != "]":
                is_end = not self._find(signature or _ANY_OBJECT)
                yield Damaged(is_end=is_end)
                if is_end:
                    return

    def places(self) -> Iterator[int]:
        """The running numbers of the next array's elements. Take each one, with `members`, `value` or `skip`, before the next.

        Raises:
            ExportError: no array stands here.
        """
        if not self.take("["):
            raise self._error()
        number = 0
        while not self.take("]") and self.peek() != "":
            yield number
            number += 1
            if self._is_lost or (not self.take(",") and self.peek() != "]"):
                return

    def _key(self) -> str | None:
        if self.peek() != '"':
            return None
        try:
            key = self.value()
        except ExportError:
            return None
        return str(key) if self.take(":") else None

    def _find_anchor(self, anchor: re.Pattern[str] | None) -> str | None:
        if anchor is None:
            raise self._error()
        self.is_damaged, self._is_lost = True, False
        if not self._find(anchor):
            return None
        return self._key()

    def _skip(self) -> None:
        match self.peek():
            case "{":
                for _ in self.members():
                    self._skip()
            case "[":
                for _ in self.elements():
                    pass
            case _:
                self.value()

    def _signature(self) -> re.Pattern[str] | None:
        """What the beginning of an element looks like, from the one that begins here."""
        if self.peek() != "{":
            return None
        indentation = _INDENTATION.search(self._text, max(0, self._at - _KEPT), self._at)
        start = _OBJECT_START.match(self._text, self._at)
        if indentation is None or start is None:
            return None
        if "\n" not in indentation[0]:
            return re.compile(r"(?<=,)\s*" + re.escape(start[0]))  # the first element may stand closer than the others, or on their line
        # Before the next element the array may end: with a bracket that stands further left than the elements.
        width = len(indentation[0]) - indentation[0].rindex("\n") - 2
        return re.compile(re.escape(indentation[0] + start[0]) + rf"|\n[ \t]{{0,{max(width, 0)}}}\]")

    def _find(self, pattern: re.Pattern[str]) -> bool:
        """Go on at the next place that looks like `pattern`; False where there is none."""
        while True:
            found = pattern.search(self._text, self._at)
            if found is not None:
                self._at = found.start()
                self.peek()
                return True
            self._at = max(self._at, len(self._text) - _KEPT)
            if not self._refill():
                self._at = len(self._text)
                return False

    def _refill(self) -> bool:
        """Read one more piece; False at the end, or when the part in hand is too long to be honest."""
        if len(self._text) - self._at > _LONGEST:
            return False
        piece = next((piece for piece in self._pieces if piece), None)
        if piece is None:
            return False
        start = max(0, self._at - _KEPT)
        self._text = self._text[start:] + piece
        self._at -= start
        return True

    def _error(self) -> ExportError:
        return ExportError(f"{self._name} is damaged or no JSON.", remedy="Export the chat again.")
