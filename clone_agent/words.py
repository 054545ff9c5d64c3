"""Finding many texts in many others."""

import unicodedata
from collections.abc import Iterable, Iterator, Set

SHORTEST = 4  # characters without blanks; shorter texts say nothing of who wrote them


class WordsFinder:
    """Knows a set of texts and tells whether one of them stands in a string, however the blanks fall."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._by_start: dict[str, list[str]] = {}
        self.longest = 0  # characters
        for text in {bare(text) for text in texts}:
            if len(text) >= SHORTEST:
                self._by_start.setdefault(text[:SHORTEST], []).append(text)
                self.longest = max(self.longest, len(text))

    def is_in(self, text: str) -> bool:
        """Whether any of the texts stands in this one."""
        return next(self.found_in(text), None) is not None

    def found_in(self, text: str) -> Iterator[str]:
        """Those of the texts that stand in this one, as `bare` writes them, each as often as it stands there."""
        if not self._by_start:
            return
        searched = bare(text)
        for at in range(len(searched) - SHORTEST + 1):
            candidates = self._by_start.get(searched[at : at + SHORTEST], ())
            yield from (candidate for candidate in candidates if searched.startswith(candidate, at))


def bare(text: str) -> str:
    """A text without its blanks and line ends, which change from file to file."""
    return "".join(text.split())


def folded(text: str) -> str:
    """A text as it is compared where case, width and blanks do not matter."""
    return bare(unicodedata.normalize("NFKC", text)).casefold()


def strings(value: object) -> Iterable[str]:
    """Every string in a JSON value, the keys of objects among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def holds_any(value: object, *, finder: WordsFinder, ids: Set[str]) -> bool:
    """Whether a JSON value names one of the ids or holds one of the texts."""
    return any(text in ids or finder.is_in(text) for text in strings(value))
