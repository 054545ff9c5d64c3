"""Forgetting: choose messages, say what they are in numbers, take them out of the archive for good.

A wish names people, chats, a period, phrases or single messages; several kinds narrow each other, several of one kind add up. A person
stands for all they said anywhere and for the private chats with them, both sides; a message also for what the clone repeated of it in talks
with it. Erasing leaves tombstones (`clone_agent.tombstones`) and blanks what others quoted of the erased words. Deleted rows are zeroed
(`secure_delete`); `scour` then shrinks the file and empties the write-ahead log, after which no byte of them is left. There is no way back.
"""

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clone_agent.errors import StoreError
from clone_agent.live import CLONE
from clone_agent.records import LIVE_PLATFORM
from clone_agent.tombstones import Tombstones
from clone_agent.traces import Traces
from clone_agent.words import WordsFinder, bare, folded

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNFINISHED = "forgetting_unfinished"
_MARK = re.compile("[:#/]")
_JSON = "(SELECT value FROM json_each(?))"
# The accounts of the people with these ids.
_ACCOUNTS = f"(SELECT n FROM people WHERE coalesce(main, n) IN (SELECT coalesce(main, n) FROM people WHERE id IN {_JSON}))"  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to forget. Empty fields mean no limit of that kind; all empty: nothing."""

    people: tuple[str, ...] = ()  # person ids
    conversations: tuple[str, ...] = ()  # ids
    since: datetime | None = None
    until: datetime | None = None  # exclusive
    phrases: tuple[str, ...] = ()  # in any case and width
    messages: tuple[str, ...] = ()  # ids

    @property
    def is_whole(self) -> bool:
        """Whether it names people or chats without a further limit, so that later messages of theirs stay away, too."""
        return bool(self.people or self.conversations) and not (self.since or self.until or self.phrases or self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When the chosen messages of one conversation were sent."""

    first: datetime
    last: datetime
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What a wish comes to, in numbers."""

    messages: int
    own: int  # of them, the owner's
    people: int  # who said them
    quotes: int  # messages of others that keep their own words and lose what they quote
    spans: dict[str, Span]  # by conversation


class Forgetting:
    """One wish on one archive file. Choosing happens when it is made; `erase` does it, in the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, wish: Wish) -> None:
        self._connection = connection
        self._wish = wish
        self._private = self._private_chats()
        connection.create_function("clone_holds", 2, _holds, deterministic=True)
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS chosen(n INTEGER PRIMARY KEY)")
        connection.execute("DELETE FROM temp.chosen")
        if wish != Wish():
            where, parameters = self._where()
            connection.execute(f"INSERT INTO temp.chosen SELECT n FROM main.messages WHERE {where}", parameters)  # noqa: S608
        self.finder = WordsFinder(self._words())
        self._add_repeats()
        self._quotes = self._find_quotes()

    @property
    def chosen(self) -> Chosen:
        """What was chosen, in numbers."""
        rows = self._connection.execute(
            "SELECT c.id, min(m.sent_at), max(m.sent_at), count(*), sum(p.is_owner) FROM temp.chosen JOIN messages m USING (n)"
            " JOIN conversations c ON c.n = m.conversation JOIN people p ON p.n = m.person GROUP BY c.n"
        ).fetchall()
        people = self._connection.execute("SELECT count(DISTINCT person) FROM temp.chosen JOIN messages USING (n)").fetchone()[0]
        return Chosen(
            messages=sum(row[3] for row in rows),
            own=sum(row[4] for row in rows),
            people=int(people),
            quotes=len(self._quotes),
            spans={row[0]: Span(first=_moment(row[1]), last=_moment(row[2]), messages=row[3]) for row in rows},
        )

    def message_ids(self) -> list[str]:
        """The ids of the chosen messages."""
        return [row[0] for row in self._connection.execute("SELECT id FROM temp.chosen JOIN messages USING (n)")]

    def traces(self) -> Traces:
        """What tells that a text repeats what is chosen; to be asked for before it is erased."""
        names = (*self._wish.phrases, *self._names(), *self._chat_names())
        return Traces(finder=self.finder, names=tuple(map(folded, names)), ids=frozenset(self.message_ids()))

    def erase(self) -> None:
        """Take the messages out, leave tombstones, blank quotes, drop people and chats of which nothing is left."""
        connection = self._connection
        self._bury()
        connection.execute(
            "UPDATE conversations SET revision = revision + 1 WHERE n IN (SELECT conversation FROM temp.chosen JOIN messages USING (n))"
        )
        connection.execute(f"UPDATE messages SET quoted = '' WHERE n IN {_JSON}", (json.dumps(self._quotes),))  # noqa: S608
        connection.execute("DELETE FROM messages WHERE n IN (SELECT n FROM temp.chosen)")
        connection.execute(f"UPDATE imports SET source = '' WHERE source IN {_JSON}", (json.dumps(self._lone_sources()),))  # noqa: S608
        self._drop_empty()
        connection.execute("INSERT OR REPLACE INTO facts VALUES (?, '1')", (_UNFINISHED,))

    def _drop_empty(self) -> None:
        """Drop aliases, people and chats of which nothing is left, and joins that name such people."""
        connection = self._connection
        connection.execute("DELETE FROM message_aliases WHERE message NOT IN (SELECT n FROM messages)")
        empty = "NOT is_owner AND n NOT IN (SELECT person FROM messages)"
        connection.execute(f"DELETE FROM people WHERE main IS NOT NULL AND {empty}")  # noqa: S608
        connection.execute(f"DELETE FROM people WHERE n NOT IN (SELECT main FROM people WHERE main IS NOT NULL) AND {empty}")  # noqa: S608
        connection.execute("DELETE FROM names WHERE person NOT IN (SELECT n FROM people)")
        connection.execute(
            "DELETE FROM joins WHERE EXISTS (SELECT 1 FROM json_each(before) one WHERE one.key NOT IN (SELECT id FROM people))"
        )
        connection.execute("DELETE FROM conversations WHERE n NOT IN (SELECT conversation FROM messages)")
        connection.execute("DELETE FROM chat_aliases WHERE conversation NOT IN (SELECT n FROM conversations)")

    def _private_chats(self) -> list[str]:
        """The private conversations in which the named people speak."""
        rows = self._connection.execute(
            "SELECT DISTINCT c.id FROM messages m JOIN conversations c ON c.n = m.conversation JOIN people p ON p.n = m.person"  # noqa: S608
            f" WHERE c.kind = 'private' AND p.n IN {_ACCOUNTS}",
            (json.dumps(self._wish.people),),
        )
        return [row[0] for row in rows] if self._wish.people else []

    def _where(self) -> tuple[str, list[object]]:
        wish = self._wish
        clauses, parameters = list[str](), list[object]()

        def limit(clause: str, *values: object) -> None:
            clauses.append(clause)
            parameters.extend(values)

        chats = f"conversation IN (SELECT n FROM conversations WHERE id IN {_JSON})"  # noqa: S608
        if wish.people:
            limit(f"(person IN {_ACCOUNTS} OR {chats})", json.dumps(wish.people), json.dumps(self._private))
        if wish.conversations:
            limit(chats, json.dumps(wish.conversations))
        if wish.since is not None:
            limit("sent_at >= ?", _milliseconds(wish.since))
        if wish.until is not None:
            limit("sent_at < ?", _milliseconds(wish.until))
        if wish.phrases:
            phrases = [folded(phrase) for phrase in wish.phrases]
            held = " OR ".join("clone_holds(text || char(10) || coalesce(attachments, ''), ?)" for _ in phrases)
            limit(f"({held})", *phrases)
        if wish.messages:
            limit(f"id IN {_JSON}", json.dumps(wish.messages))
        return " AND ".join(clauses), parameters

    def _words(self) -> Iterator[str]:
        rows = self._connection.execute("SELECT text, quoted FROM temp.chosen JOIN messages USING (n)")
        return (words for row in rows for words in row)

    def _add_repeats(self) -> None:
        """Choose, too, what the clone said that is the words of chosen messages, or a part of them: it had them from there."""
        rows = self._connection.execute(
            "SELECT m.n, m.text FROM messages m JOIN conversations c ON c.n = m.conversation JOIN people p ON p.n = m.person"
            " WHERE c.platform = ? AND p.id = ? AND m.n NOT IN (SELECT n FROM temp.chosen)",
            (LIVE_PLATFORM, f"{LIVE_PLATFORM}:{CLONE}"),
        )
        said = {n: bare(text) for n, text in rows.fetchall()}
        parts = WordsFinder(said.values())
        taken = {part for words in self._words() for part in parts.found_in(words)} if said else set()
        again = [(n,) for n, text in said.items() if text in taken or self.finder.is_in(text)]
        self._connection.executemany("INSERT INTO temp.chosen VALUES (?)", again)

    def _find_quotes(self) -> list[int]:
        """Messages that stay, but carry words of those that go, of these people or with these phrases."""
        replies = self._connection.execute(  # `IN` makes a table of the pairs first; a join would walk the chat for every message
            "SELECT n FROM messages WHERE quoted != '' AND n NOT IN (SELECT n FROM temp.chosen) AND (conversation, reply_to) IN"
            " (SELECT conversation, source_id FROM temp.chosen JOIN messages USING (n) WHERE source_id IS NOT NULL)"
        )
        found = {row[0] for row in replies}
        names = self._names()
        phrases = [folded(phrase) for phrase in self._wish.phrases]
        rows = self._connection.execute("SELECT n, quoted FROM messages WHERE quoted != '' AND n NOT IN (SELECT n FROM temp.chosen)")
        for n, quoted in rows:
            if self.finder.is_in(quoted) or any(_holds(quoted, phrase) for phrase in phrases) or (names and _speaks(quoted, names)):
                found.add(n)
        return sorted(found)

    def _names(self) -> tuple[str, ...]:
        """The names under which a forward shows the people that are forgotten."""
        if not self._wish.people or not self._wish.is_whole:
            return ()
        rows = self._connection.execute(
            f"SELECT DISTINCT name FROM names WHERE person IN {_ACCOUNTS}",  # noqa: S608
            (json.dumps(self._wish.people),),
        )
        return tuple(row[0] for row in rows if len(row[0]) > 1)

    def _chat_names(self) -> tuple[str, ...]:
        """The names of the chats that are forgotten."""
        if not self._wish.is_whole:
            return ()
        rows = self._connection.execute(
            f"SELECT name FROM conversations WHERE id IN {_JSON}",  # noqa: S608
            (json.dumps(self._wish.conversations),),
        )
        return tuple(row[0] for row in rows if len(row[0]) > 1)

    def _bury(self) -> None:
        tombstones = Tombstones(self._connection)
        known = "temp.chosen JOIN messages m USING (n)"
        tombstones.bury_messages(self._connection.execute(f"SELECT id, sent_at, text FROM {known}").fetchall())  # noqa: S608
        tombstones.bury_messages(
            self._connection.execute(f"SELECT a.id, sent_at, text FROM {known} JOIN message_aliases a ON a.message = m.n").fetchall()  # noqa: S608
        )
        if self._wish.is_whole and not self._wish.conversations:
            accounts = self._connection.execute(f"SELECT id FROM people WHERE n IN {_ACCOUNTS}", (json.dumps(self._wish.people),))  # noqa: S608
            tombstones.bury_people([row[0] for row in accounts])
            tombstones.bury_chats(self._with_aliases(self._private))
        elif self._wish.is_whole and not self._wish.people:
            tombstones.bury_chats(self._with_aliases(self._wish.conversations))

    def _with_aliases(self, conversations: Sequence[str]) -> list[str]:
        """Conversation ids with those under which other exports bring the same chats."""
        rows = self._connection.execute(
            f"SELECT a.id FROM chat_aliases a JOIN conversations c ON c.n = a.conversation WHERE c.id IN {_JSON}",  # noqa: S608
            (json.dumps(list(conversations)),),
        )
        return [*conversations, *(row[0] for row in rows)]

    def _lone_sources(self) -> list[str]:
        """Names of exports that no message stands in: they tend to be the names of people.

        A message names the file that it came with first, so one whose messages were all known before goes, too, and so does the name
        of a zip or a folder, since nothing tells whose files were in it.
        """
        lone = {row[0] for row in self._connection.execute("SELECT DISTINCT source FROM imports WHERE source != ''")}
        for (place,) in self._connection.execute("SELECT source FROM messages"):  # `chat.txt:7`, `chat.json#7`, `chat.db/table#7`
            if not lone:
                break
            lone -= {place[: mark.start()] for mark in _MARK.finditer(place)}
        return sorted(lone)


def is_unfinished(connection: sqlite3.Connection) -> bool:
    """Whether something was erased and not scoured yet."""
    return connection.execute("SELECT 1 FROM facts WHERE name = ?", (_UNFINISHED,)).fetchone() is not None


def scour(connection: sqlite3.Connection) -> None:
    """Make the file hold no byte of what was deleted, and note that the forgetting is finished.

    Raises:
        StoreError: another process is reading the archive, so that its log cannot be emptied.
    """
    connection.execute("VACUUM")
    if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        raise StoreError(
            "Another program is reading the archive, so traces of forgotten messages are left in its log.",
            remedy="Close the other program, then run `clone-agent verify --fix`.",
        )
    connection.execute("DELETE FROM facts WHERE name = ?", (_UNFINISHED,))  # last, so that a kill before it leaves the note


def _speaks(quoted: str, names: tuple[str, ...]) -> bool:
    return any(f"{name}{colon}" in quoted for name in names for colon in (":", "："))


def _holds(text: str, phrase: str) -> bool:
    return phrase in folded(text)


def _milliseconds(moment: datetime) -> int:
    return round((moment - _EPOCH) / timedelta(milliseconds=1))


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
