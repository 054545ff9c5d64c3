"""Salted hashes that keep forgotten messages away at later imports, without keeping what they said.

A forgotten message leaves up to three: of its id, and of its words with the second and with the minute in which they were sent, because
another exporter may number the chat otherwise or leave the seconds out. Who forgets a whole person or a whole chat leaves one of their id,
too, so that later exports do not bring more of them. The salt lies in the same file: nobody's words can be read from a tombstone, but
whoever has the file can still test a guess against it.
"""

import re
import secrets
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator
from hashlib import blake2b

SHORTEST = 4  # characters; shorter words are sent by many people in the same minute
_SALT = "tombstone_salt"
# Exporters write faces and mentions each in their own way.
_VARYING = re.compile(r"\[[^\[\]]{1,8}\]|@\S+|\s+")


class Tombstones:
    """The tombstones of one archive file. The caller holds the transactions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._salt = self._read_salt()

    @property
    def are_empty(self) -> bool:
        """Whether nothing was ever forgotten."""
        return not self._salt or self._connection.execute("SELECT 1 FROM tombstones LIMIT 1").fetchone() is None

    def bury_messages(self, messages: Iterable[tuple[str, int, str]]) -> None:
        """Keep messages away, given as id, milliseconds since 1970 and own words."""
        self._bury(mark for message in messages for mark in _marks(*message))

    def bury_people(self, person_ids: Iterable[str]) -> None:
        """Keep away whatever these people say, then and later."""
        self._bury(f"p\x1f{person}" for person in person_ids)

    def bury_chats(self, conversation_ids: Iterable[str]) -> None:
        """Keep away whatever is said in these conversations."""
        self._bury(f"c\x1f{conversation}" for conversation in conversation_ids)

    def holds_message(self, message_id: str, *, sent_ms: int, text: str, person: str) -> bool:
        """Whether this message, or its sender as a whole, was forgotten."""
        return self._holds([*_marks(message_id, sent_ms, text), f"p\x1f{person}"])

    def holds_chat(self, conversation_id: str) -> bool:
        """Whether this conversation was forgotten as a whole."""
        return self._holds([f"c\x1f{conversation_id}"])

    def _bury(self, marks: Iterable[str]) -> None:
        if not self._salt:
            self._salt = secrets.token_bytes(16)
            self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (_SALT, self._salt.hex()))
        self._connection.executemany("INSERT OR IGNORE INTO tombstones VALUES (?)", ((self._hash(mark),) for mark in marks))

    def _holds(self, marks: list[str]) -> bool:
        hashes = [self._hash(mark) for mark in marks]
        wanted = ", ".join("?" * len(hashes))
        return self._connection.execute(f"SELECT 1 FROM tombstones WHERE hash IN ({wanted})", hashes).fetchone() is not None  # noqa: S608

    def _hash(self, mark: str) -> bytes:
        return blake2b(mark.encode("utf-8", "replace"), digest_size=16, key=self._salt).digest()

    def _read_salt(self) -> bytes:
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (_SALT,)).fetchone()
        return bytes.fromhex(row[0]) if row else b""


def _marks(message_id: str, sent_ms: int, text: str) -> Iterator[str]:
    yield message_id
    words = _VARYING.sub("", unicodedata.normalize("NFKC", text)).casefold()
    if words:
        yield f"s\x1f{sent_ms // 1000}\x1f{words}"
    if len(words) >= SHORTEST:
        yield f"m\x1f{sent_ms // 60_000}\x1f{words}"
