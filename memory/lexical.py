"""The lexical index: BM25 over passages in SQLite FTS5, with Chinese that works.

Text is cut here, not by SQLite: every Han character and every pair of neighbours is a term (better than a segmenter on chats, and
without its dictionary), Latin words are lower-cased and stemmed, numbers stay whole. A question searches all its pairs and words, and of
the single characters those that few passages hold; at most 24 terms, the rarest first. The tables hold no text (`content=''`).
"""

import json
import math
import re
import sqlite3
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray
from snowballstemmer import stemmer

from memory.nearby import Postings

GRANULARITIES = ("turn",)  # what surrounds a turn is read from its neighbours (`memory.nearby`)
MAX_TERMS = 24
_COMMON = 0.10  # a single character in more than this share of the passages says nothing
_FEW = 500  # ... where there are more passages than this
_MOST_PLACES = 20_000  # passages of one term that are read; a term with more says little
_MANY = 100_000  # passages from which on single characters of longer runs are not looked up: their pairs say it better
_MOST_CACHED = 512  # terms whose passages are kept
_PIECE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[^\W\d_]+|\d+(?:[.:]\d+)*")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_STOP = frozenset(
    """a an the of to in on at for and or is are was were be been do does did has have had i you he she it we they my your his her its our
    their this that what when where who which how why with as by from about""".split()  # noqa: SIM905  # a list would take thirty lines
)
# Words of Chinese questions that say nothing of their subject.
_ASKING = re.compile(
    "我们|你们|他们|她们|咱们|大家|自己|什么时候|为什么|什么|怎么样|怎么|哪里|哪儿|哪个|哪家|哪些|哪天|哪|谁|几点|多少|多久|几|吗|呢|吧|啊"
    "|记不记得|还记得|记得|请问|告诉|有没有|是不是|那次|上次|一起|是|的|了|过|着|在|有|没|不|都|也|还|就|和|跟|我|你|他|她|它|这|那|要|会|被|把|给|让|去|来|说"
)

SCHEMA = ";".join(
    f"CREATE VIRTUAL TABLE memory_{name}_words USING fts5(words, content='', tokenize='ascii');"
    f"CREATE VIRTUAL TABLE memory_{name}_terms USING fts5vocab(memory_{name}_words, row)"
    for name in ("turn", "segment")
)
# Segments had words of their own, and terms their frequencies, until they were read from the turns.
TURNS_ALONE = "DROP TABLE memory_turn_terms; DROP TABLE memory_segment_terms; DROP TABLE memory_segment_words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked up of a question."""

    terms: tuple[str, ...]
    idf: dict[str, float]  # their inverse document frequencies
    missing: float  # the idf of all terms of its subject that no turn holds, together
    is_bare: bool  # whether it has no subject besides words of asking


class LexicalIndex:
    """The words of turns. The caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._places: dict[str, NDArray[np.int64]] = {}
        self._count: int | None = None

    def add(self, granularity: str, rows: Iterable[tuple[int, str]]) -> None:
        """Index texts under their numbers."""
        self.refresh()
        self._connection.executemany(
            f"INSERT INTO memory_{granularity}_words(rowid, words) VALUES (?, ?)",  # noqa: S608
            ((number, " ".join(terms(text))) for number, text in rows),
        )

    def delete(self, granularity: str, rows: Iterable[tuple[int, str]]) -> None:
        """Take texts out again; the text must be the one that was added."""
        self.refresh()
        name = f"memory_{granularity}_words"
        self._connection.executemany(
            f"INSERT INTO {name}({name}, rowid, words) VALUES ('delete', ?, ?)",  # noqa: S608
            ((number, " ".join(terms(text))) for number, text in rows),
        )

    def numbers(self, granularity: str) -> set[int]:
        """The numbers under which texts are indexed."""
        return {row[0] for row in self._connection.execute(f"SELECT id FROM memory_{granularity}_words_docsize")}  # noqa: S608

    def clear(self, granularity: str) -> None:
        """Drop everything that is indexed."""
        self.refresh()
        name = f"memory_{granularity}_words"
        self._connection.execute(f"INSERT INTO {name}({name}) VALUES ('delete-all')")  # noqa: S608

    def optimize(self) -> None:
        """Merge the index, after which no trace of deleted texts is left in it."""
        for name in GRANULARITIES:
            self._connection.execute(f"INSERT INTO memory_{name}_words(memory_{name}_words) VALUES ('optimize')")  # noqa: S608

    def count(self) -> int:
        """How many turns are indexed."""
        if self._count is None:
            self._count = int(self._connection.execute("SELECT count(*) FROM memory_turn_words_docsize").fetchone()[0])
        return self._count

    def query(self, question: str) -> Query:
        """Choose the terms of a question that are worth looking up."""
        subject = list(dict.fromkeys(terms(_ASKING.sub(" ", question), keep_stop_words=False)))
        wanted = subject or list(dict.fromkeys(terms(question)))
        total = self.count()
        if total > _MANY and (pairs := [term for term in wanted if len(term) > 1]):
            wanted = pairs
        frequency = {term: len(self._places_of(term)) for term in wanted}
        limit = total if total <= _FEW else max(_FEW // 10, min(int(_COMMON * total), _MOST_PLACES - 1))
        chosen = [term for term in wanted if frequency[term] <= limit or (total <= _MOST_PLACES and not _is_single(term))] or wanted
        known = sorted((term for term in chosen if frequency[term]), key=lambda term: frequency[term])[:MAX_TERMS]
        missing = sum(not frequency[term] for term in wanted) * _idf(0, total)
        return Query(terms=tuple(known), idf={term: _idf(frequency[term], total) for term in known}, missing=missing, is_bare=not subject)

    def postings(self, query: Query) -> Postings:
        """Where the terms of a query stand."""
        return Postings(numbers={term: self._places_of(term) for term in query.terms}, idf=query.idf)

    def search(self, granularity: str, query: Query, *, top_k: int, among: Collection[int] | None = None) -> list[tuple[int, float]]:
        """The best passages by BM25 as (number, score), higher is closer; `among` limits the numbers."""
        if not query.terms or top_k < 1:
            return []
        name = f"memory_{granularity}_words"
        match = " OR ".join(f'"{term}"' for term in query.terms)
        # The plus keeps SQLite from looking each number up in the index by itself, which takes a hundred times as long.
        limit = "" if among is None else " AND +rowid IN (SELECT value FROM json_each(?))"
        parameters: Sequence[object] = [match] if among is None else [match, json.dumps(list(among))]
        rows = self._connection.execute(
            f"SELECT rowid, -rank FROM {name} WHERE {name} MATCH ?{limit} ORDER BY rank LIMIT {top_k}",  # noqa: S608
            parameters,
        )
        return [(int(number), float(score)) for number, score in rows]

    def _places_of(self, term: str) -> NDArray[np.int64]:
        """The passages that hold a term, ascending, of a very common one the first."""
        if term not in self._places:
            if len(self._places) >= _MOST_CACHED:
                self._places.clear()
            rows = self._connection.execute(
                "SELECT rowid FROM memory_turn_words WHERE memory_turn_words MATCH ? LIMIT ?", (f'"{term}"', _MOST_PLACES)
            ).fetchall()
            self._places[term] = np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=len(rows))
        return self._places[term]

    def refresh(self) -> None:
        """Read again what another connection may have changed."""
        self._places.clear()
        self._count = None


def terms(text: str, *, keep_stop_words: bool = True) -> list[str]:
    """Cut a text into terms: Han characters and pairs, stemmed Latin words, numbers."""
    found: list[str] = []
    for piece in _PIECE.findall(unicodedata.normalize("NFKC", text).lower()):
        if _CJK.match(piece):
            found += piece
            found += map("".join, pairwise(piece))
        elif keep_stop_words or piece not in _STOP:
            found.append(_stem(piece))
    return found


def _is_single(term: str) -> bool:
    return len(term) == 1 and _CJK.match(term) is not None


def _idf(frequency: int, total: int) -> float:
    return math.log(1 + (total - frequency + 0.5) / (frequency + 0.5))


_ENGLISH = stemmer("english")


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    plain = "".join(char for char in unicodedata.normalize("NFD", word) if not unicodedata.combining(char))
    return str(_ENGLISH.stemWord(plain)) if plain.isascii() else plain
