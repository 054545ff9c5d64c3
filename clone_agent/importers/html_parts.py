"""HTML exports as a stream of small pieces, each a tree of elements: a gigabyte of HTML never lies in memory whole."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from clone_agent.importers.encoding import LONGEST_RECORD, find_encoding, text_pieces
from clone_agent.importers.format import HEAD_SIZE
from clone_agent.importers.source import Source

_VOID = frozenset({"br", "img", "meta", "link", "input", "hr", "source", "wbr"})
_SILENT = frozenset({"script", "style"})
_DEEPEST = 60


@dataclass(slots=True)
class Element:
    """An element with its words and elements in order."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    parts: list["Element | str"] = field(default_factory=list)

    @property
    def classes(self) -> frozenset[str]:
        """The words of the attribute `class`."""
        return frozenset(self.attributes.get("class", "").split())

    def all(self, *classes: str) -> Iterator["Element"]:
        """The elements inside that carry every one of the classes, outer ones first."""
        for part in self.parts:
            if isinstance(part, Element):
                if part.classes.issuperset(classes):
                    yield part
                yield from part.all(*classes)

    def first(self, *classes: str) -> "Element | None":
        """The first of `all`."""
        return next(self.all(*classes), None)

    def text(self) -> str:
        """The words inside, `<br>` as a line end, blanks of the source's layout as one blank."""
        lines = "".join(self._words()).split("\n")
        return "\n".join(re.sub(r"[ \t\r\f\v]+", " ", line).strip() for line in lines).strip()

    def _words(self) -> Iterator[str]:
        for part in self.parts:
            if isinstance(part, str):
                yield part.replace("\n", " ")
            elif part.tag == "br":
                yield "\n"
            elif part.tag not in _SILENT:
                yield from part._words()


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].parts.append(element)
        if tag not in _VOID and len(self._open) < _DEEPEST:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].parts.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        place = next((place for place in range(len(self._open) - 1, 0, -1) if self._open[place].tag == tag), 0)
        if place:
            del self._open[place:]

    def handle_data(self, data: str) -> None:
        self._open[-1].parts.append(data)


def tree_of(piece: str) -> Element:
    """The elements of a piece of HTML; whatever is not closed ends with the piece."""
    builder = _Builder()
    try:
        builder.feed(piece)
        builder.close()
    except AssertionError:  # how html.parser meets some broken declarations
        pass
    return builder.root


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
