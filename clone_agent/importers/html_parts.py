"""HTML exports as a stream of small pieces, each a tree of elements: a gigabyte of HTML never lies in memory whole."""

import html
import re
from collections.abc import Iterator
from functools import lru_cache

from clone_agent.importers.encoding import LONGEST_RECORD, find_encoding, text_pieces
from clone_agent.importers.format import HEAD_SIZE
from clone_agent.importers.source import Source

_VOID = frozenset({"br", "img", "meta", "link", "input", "hr", "source", "wbr"})
_SILENT = frozenset({"script", "style"})
_DEEPEST = 60
_NO_CLASSES: frozenset[str] = frozenset()
_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<[!?][^>]*>|<(?P<end>/)?(?P<tag>[A-Za-z][\w:-]*+)(?P<attributes>(?>[^\"'<>]++|\"[^\"]*+\"|'[^']*+')*+)>"
    r"|(?P<text>[^<]++|<)",
    re.S,
)
_BLANKS = re.compile(r"[ \t\r\f\v]+")
_SHORT = 200  # letters of attributes that may be seen again
_ATTRIBUTE = re.compile(r"""([\w:-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+)))?""")


class Element:
    """An element with its words and elements in order."""

    __slots__ = ("attributes", "classes", "parts", "tag")

    def __init__(self, tag: str, attributes: dict[str, str] | None = None, classes: frozenset[str] = _NO_CLASSES) -> None:
        self.tag = tag
        self.attributes = attributes if attributes is not None else {}
        self.classes = classes  # the words of the attribute `class`
        self.parts: list[Element | str] = []

    def all(self, *classes: str) -> list["Element"]:
        """The elements inside that carry every one of the classes, outer ones first."""
        inside: list[Element] = []
        self._gather(inside)
        return [one for one in inside if one.classes.issuperset(classes)] if classes else inside

    def first(self, name: str) -> "Element | None":
        """The first element inside that carries a class."""
        for part in self.parts:
            if isinstance(part, Element):
                if name in part.classes:
                    return part
                if part.parts and (found := part.first(name)) is not None:
                    return found
        return None

    def _gather(self, inside: list["Element"]) -> None:
        for part in self.parts:
            if isinstance(part, Element):
                inside.append(part)
                if part.parts:
                    part._gather(inside)

    def text(self) -> str:
        """The words inside, `<br>` as a line end, blanks of the source's layout as one blank."""
        words: list[str] = []
        self._say(words)
        lines = "".join(words).split("\n")
        return "\n".join([_BLANKS.sub(" ", line).strip() for line in lines]).strip()

    def _say(self, words: list[str]) -> None:
        for part in self.parts:
            if isinstance(part, str):
                words.append(part.replace("\n", " "))
            elif part.tag == "br":
                words.append("\n")
            elif part.tag not in _SILENT:
                part._say(words)


def tree_of(piece: str) -> Element:
    """The elements of a piece of HTML; whatever is not closed ends with the piece.

    The exporters write plain, closed tags. Reading those alone is many times faster than `html.parser`; a `<` that begins no tag is text.
    """
    root = Element("")
    above = [root]  # the elements that are open
    at = 0
    while (token := _TOKEN.match(piece, at)) is not None:
        at = token.end()
        end, tag, attributes, text = token.groups()
        if text is not None:
            above[-1].parts.append(html.unescape(text) if "&" in text else text)
        elif tag is not None and end:
            _close(tag.lower(), above)
        elif tag is not None:
            tag = tag.lower()
            element = Element(tag, *_told(attributes)) if attributes else Element(tag)
            above[-1].parts.append(element)
            if tag in _VOID or attributes.endswith("/"):
                continue
            if len(above) < _DEEPEST:
                above.append(element)
            if tag in _SILENT:
                at = _end_of(tag, piece, at)
    return root


def _close(tag: str, above: list[Element]) -> None:
    """Close the innermost open element of this tag, with everything inside; a tag that nobody opened ends nothing."""
    if above[-1].tag == tag:
        above.pop()
        return
    place = next((place for place in range(len(above) - 1, 0, -1) if above[place].tag == tag), 0)
    if place:
        del above[place:]


def _end_of(tag: str, piece: str, start: int) -> int:
    """Where a script or style ends; nothing inside is markup."""
    found = re.compile(rf"</{tag}\s*>", re.I).search(piece, start)
    return found.start() if found is not None else len(piece)


def _told(written: str) -> tuple[dict[str, str], frozenset[str]]:
    """The attributes of a tag, and its classes. A page has the same few on every message; nobody changes them."""
    return _remembered(written) if len(written) < _SHORT else _attributes(written)


def _attributes(written: str) -> tuple[dict[str, str], frozenset[str]]:
    found = {name.lower(): html.unescape(one or two or bare) for name, one, two, bare in _ATTRIBUTE.findall(written)}
    return found, frozenset(found.get("class", "").split())


_remembered = lru_cache(maxsize=1 << 12)(_attributes)


def pieces_of(source: Source, start: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """The HTML cut before each match of `start`, with the line that each piece begins in. The first is what stands before any."""
    with source.open() as stream:
        encoding = find_encoding(stream.read(HEAD_SIZE))
    line, rest = 1, ""
    with source.open() as stream:
        for text in text_pieces(stream, encoding):
            rest += text
            starts = [found.start() for found in start.finditer(rest) if found.start() > 0]
            at = 0
            for place in starts:
                yield line, rest[at:place]
                line += rest.count("\n", at, place)
                at = place
            rest = rest[at:]
            if len(rest) > LONGEST_RECORD:  # a picture as text inside; what a message says stands before it
                line += rest.count("\n", LONGEST_RECORD)
                rest = rest[:LONGEST_RECORD]
    yield line, rest
