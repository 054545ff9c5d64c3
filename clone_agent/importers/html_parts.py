"""HTML exports as a stream of small pieces, each a tree of elements: a gigabyte of HTML never lies in memory whole."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from clone_agent.importers.encoding import LONGEST_RECORD, find_encoding, text_pieces
from clone_agent.importers.format import HEAD_SIZE
from clone_agent.importers.source import Source

_VOID = frozenset({"br", "img", "meta", "link", "input", "hr", "source", "wbr"})
_SILENT = frozenset({"script", "style"})
_DEEPEST = 60
_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<[!?][^>]*>|<(?P<end>/)?(?P<tag>[A-Za-z][\w:-]*+)(?P<attributes>(?>[^\"'<>]++|\"[^\"]*+\"|'[^']*+')*+)>"
    r"|(?P<text>[^<]++|<)",
    re.S,
)
_BLANKS = re.compile(r"[ \t\r\f\v]+")
_SHORT = 200  # letters of attributes that may be seen again
_ATTRIBUTE = re.compile(r"""([\w:-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+)))?""")


@dataclass(slots=True)
class Element:
    """An element with its words and elements in order."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    parts: list["Element | str"] = field(default_factory=list)

    @property
    def classes(self) -> frozenset[str]:
        """The words of the attribute `class`."""
        return _words_of(self.attributes.get("class", ""))

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


class _Builder:
    """Elements as their tags come; a tag that nobody opened ends nothing."""

    def __init__(self) -> None:
        self.root = Element("")
        self._open = [self.root]

    def start(self, tag: str, attributes: str, *, is_closed: bool) -> None:
        """An opening tag."""
        element = Element(tag, (_remembered(attributes) if len(attributes) < _SHORT else _attributes(attributes)) if attributes else {})
        self._open[-1].parts.append(element)
        if tag not in _VOID and not is_closed and len(self._open) < _DEEPEST:
            self._open.append(element)

    def end(self, tag: str) -> None:
        """A closing tag, with everything that was left open inside."""
        place = next((place for place in range(len(self._open) - 1, 0, -1) if self._open[place].tag == tag), 0)
        if place:
            del self._open[place:]

    def words(self, text: str) -> None:
        """What stands between tags."""
        self._open[-1].parts.append(_unescaped(text))


def tree_of(piece: str) -> Element:
    """The elements of a piece of HTML; whatever is not closed ends with the piece.

    The exporters write plain, closed tags. Reading those alone is many times faster than `html.parser`; a `<` that begins no tag is text.
    """
    builder = _Builder()
    at = 0
    while (token := _TOKEN.match(piece, at)) is not None:
        at = token.end()
        end, tag, attributes, text = token.groups()
        if text is not None:
            builder.words(text)
        elif tag is not None and end:
            builder.end(tag.lower())
        elif tag is not None:
            tag = tag.lower()
            is_closed = attributes.endswith("/")
            builder.start(tag, attributes, is_closed=is_closed)
            if tag in _SILENT and not is_closed:
                at = _end_of(tag, piece, at)
    return builder.root


def _end_of(tag: str, piece: str, start: int) -> int:
    """Where a script or style ends; nothing inside is markup."""
    found = re.compile(rf"</{tag}\s*>", re.I).search(piece, start)
    return found.start() if found is not None else len(piece)


@lru_cache(maxsize=1 << 10)
def _words_of(written: str) -> frozenset[str]:
    return frozenset(written.split())


def _attributes(written: str) -> dict[str, str]:
    return {name.lower(): _unescaped(one or two or bare) for name, one, two, bare in _ATTRIBUTE.findall(written)}


_remembered = lru_cache(maxsize=1 << 12)(_attributes)  # a page has the same few on every message; nobody changes them


def _unescaped(text: str) -> str:
    return html.unescape(text) if "&" in text else text


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
