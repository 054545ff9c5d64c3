"""What an import brings that is stored already, under other ids.

Two exporters tell the same chat differently: one knows numbers, the other names; one writes `[表情]`, the other nothing. So their ids do
not meet. Within a chat a new row is the same message as a stored one when both stand in the same second, the same person sent them and they
say alike, provided that the stored one is not in this import under its own id: people do send two things in one second. What matched is
remembered as an alias, so that the next import knows it by its id alone. Which chats are the same: `archive_same_chat`.
"""

import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from clone_agent.archive_people import BY_EVIDENCE, are_kept_apart, join
from clone_agent.archive_recalls import pair_recalls
from clone_agent.archive_same_chat import SPEECH, Rival, near_rivals, rivals_of, same_chat
from clone_agent.archive_schema import CONVERSATION, ID, KIND, PERSON, TEXT, Row, second_of
from clone_agent.archive_zones import Shift, find_shift, known_shift, move, refuse
from clone_agent.records import Conversation, Kind

_MOST_SEEN = 20_000
_CHUNK = 5_000
_MOST_ZONE_CHECKS = 3
_VOTES_TO_JOIN = 3  # messages that two accounts were seen to share
_VOTES_TO_JOIN_NUMBERS = 12  # the same for two accounts that both have a number
_SHARE_TO_JOIN = 0.8
_PROGRAM = frozenset({Kind.SYSTEM.value, Kind.RECALL.value})
_PLACEHOLDER = re.compile(r"\[\[?[^\[\]\n]{1,40}\]?\]|/[\u4e00-\u9fff]{1,4}|^@\S{1,30}\s")
_NO_LETTER = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class _Stored:
    """A message that was stored before this import."""

    n: int
    person: int
    second: int
    kind: str
    text: str


@dataclass(slots=True)
class Place:
    """Where the messages of one of the import's conversations go."""

    told: Conversation  # as the export tells it
    number: int  # of the stored conversation
    newest: int  # messages up to this number were there before
    is_known: bool  # something of it was stored before
    seen: set[int] = field(default_factory=set)  # stored messages that this import has brought, lately
    votes: Counter[tuple[int, int]] = field(default_factory=Counter)  # (account here, account there) -> messages they share
    rivals: Sequence[Rival] | None = None  # other chats that may be the same; None: not looked for yet
    zone: tzinfo | None = None  # in which the import reads its clocks
    zone_checks: int = 0  # batches in which the chat was looked for at other times
    shift: Shift | None = None  # how what is stored stands to the import, where its ids are known and its times are not
    is_settled: bool = False  # something of this import was found where it is stored, so that both agree on the time


class Matcher:
    """Knows what is stored already. Made for one import; all its writing belongs to the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, *, are_times_right: bool = False) -> None:
        """With `are_times_right`, what is stored of the same chats is moved to the import's times where it was read in another zone."""
        self._connection = connection
        self._are_times_right = are_times_right
        self._places: list[Place] = []
        self._outdone: dict[str, str] = {}  # id of a line that went -> id of the message taken back, written with this batch
        self.matched = 0  # messages that were stored under another id

    def meet(self, conversation: Conversation, number: int, *, is_alias: bool) -> Place:
        """A conversation that the import begins; everything before it is written."""
        newest = self._connection.execute("SELECT coalesce(max(n), 0) FROM messages").fetchone()[0]
        has_any = self._connection.execute("SELECT 1 FROM messages WHERE conversation = ? LIMIT 1", (number,)).fetchone() is not None
        place = Place(conversation, number, newest, has_any)
        if is_alias or not newest:
            place.rivals = ()
        self._places.append(place)
        return place

    def fresh(self, place: Place, rows: Sequence[Row]) -> list[Row]:
        """The rows that are not stored yet, for the conversation that they belong to."""
        fresh = list(rows)
        if place.is_known:
            known = self._known(place, rows)
            fresh = [row for row in rows if row[ID] not in known]
            place.is_settled = place.is_settled or bool(known)
        if fresh and place.shift is not None:
            self._correct(place, place.shift)
        if fresh and place.rivals is None:
            place.rivals = rivals_of(self._connection, place.told, place.number)
        if fresh and place.rivals:
            same = same_chat(self._connection, place.told, place.rivals, fresh, newest=place.newest)
            if same is not None:
                self._make_one(place, same)
        if fresh and place.newest and not place.is_settled and place.zone_checks < _MOST_ZONE_CHECKS:
            self._compare_zones(place, fresh)
        if fresh and place.is_known:
            matched = self._match(place, fresh)
            matched |= self._recalled(place, [row for row in fresh if row[ID] not in matched])
            self._remember(matched)
            place.is_settled = place.is_settled or bool(matched)
            fresh = [row for row in fresh if row[ID] not in matched]
        if not fresh or fresh[0][CONVERSATION] == fresh[-1][CONVERSATION] == place.number:
            return fresh
        return [(row[ID], place.number, *row[PERSON:]) for row in fresh]

    def finish(self) -> None:
        """Join the accounts that were seen to be one person's."""
        self._write_outdone()
        votes: Counter[tuple[int, int]] = sum((place.votes for place in self._places), Counter())
        for (here, there), many in votes.items():
            rivals = sum(other for (one, two), other in votes.items() if (one == here) != (two == there))
            ids = [self._connection.execute("SELECT id, coalesce(main, n) FROM people WHERE n = ?", (n,)).fetchone() for n in (here, there)]
            needed = _VOTES_TO_JOIN if any(":name:" in one for one, _ in ids) else _VOTES_TO_JOIN_NUMBERS
            is_enough = many >= needed and many >= _SHARE_TO_JOIN * (many + rivals)
            if ids[0][1] != ids[1][1] and is_enough and not are_kept_apart(self._connection, ids[0][0], ids[1][0]):
                join(self._connection, [one for one, _ in ids], reason=BY_EVIDENCE)

    def _make_one(self, place: Place, same: int) -> None:
        old, place.number, place.is_known, place.is_settled, place.rivals = place.number, same, True, True, ()
        self._move(place, old)

    def _compare_zones(self, place: Place, rows: Sequence[Row]) -> None:
        """Look whether the chat is stored with all its times hours away.

        Raises:
            ExportError: it is, and the user has not said which times are right.
        """
        place.zone_checks += 1
        own = [place.number] if place.is_known else []
        chats = own + near_rivals(self._connection, place.told, place.rivals or (), rows)
        shift = find_shift(self._connection, chats, rows, newest=place.newest)
        if shift is not None:
            self._correct(place, shift)

    def _correct(self, place: Place, shift: Shift) -> None:
        """Move what is stored to the import's times where the user has said that those are right, else refuse the import."""
        if not self._are_times_right:
            raise refuse(shift)
        move(self._connection, shift, place.zone)
        if shift.chat != place.number:
            self._make_one(place, shift.chat)
        place.is_settled, place.shift = True, None

    def _known(self, place: Place, rows: Sequence[Row]) -> set[str]:
        """The ids that are stored, as messages or as aliases."""
        ids = json.dumps([row[ID] for row in rows])
        own = self._connection.execute(
            "SELECT m.id, m.n, m.sent_at, m.utc_offset FROM json_each(?) w JOIN messages m ON m.id = w.value", (ids,)
        ).fetchall()
        if own and place.shift is None:
            by_id = {row[ID]: row for row in rows}
            place.shift = known_shift(place.number, [(by_id[found], *times) for found, n, *times in own if n <= place.newest])
        aliases = self._connection.execute(
            "SELECT a.id, a.message, m.person, m.kind FROM json_each(?) w JOIN message_aliases a ON a.id = w.value"
            " LEFT JOIN messages m ON m.n = a.message",
            (ids,),
        ).fetchall()
        if len(place.seen) > _MOST_SEEN:
            place.seen.clear()
        place.seen |= {n for _, n, *_ in own if n <= place.newest} | {n for _, n, *_ in aliases}
        people = {row[ID]: int(row[PERSON] or 0) for row in rows if row[KIND] not in _PROGRAM} if aliases else {}
        for alias, _, person, kind in aliases:
            if person is not None and kind not in _PROGRAM and person != people.get(alias, person):
                place.votes[people[alias], person] += 1
        return {found for found, *_ in own} | {found for found, *_ in aliases}

    def _move(self, place: Place, old: int) -> None:
        """Make the conversation `old` part of the one that it was found to be."""
        connection, kept = self._connection, place.number
        stored = connection.execute("SELECT * FROM messages WHERE conversation = ? ORDER BY sent_at, n", (old,))
        matched: dict[str, int] = {}
        while rows := stored.fetchmany(_CHUNK):
            matched |= self._match(place, [row[1:] for row in rows])
        connection.executemany(
            "UPDATE message_aliases SET message = ? WHERE message = (SELECT n FROM messages WHERE id = ?)",
            [(n, gone) for gone, n in matched.items()],
        )
        connection.executemany("DELETE FROM messages WHERE id = ?", [(gone,) for gone in matched])
        connection.execute("UPDATE messages SET conversation = ? WHERE conversation = ?", (kept, old))
        self._remember(matched)
        connection.execute(
            "UPDATE conversations SET revision = revision + 1 + (SELECT revision FROM conversations WHERE n = ?2),"
            " kind = CASE WHEN 'group' IN (kind, ?3) THEN 'group' ELSE kind END, name = coalesce(nullif(name, ''), ?4) WHERE n = ?1",
            (kept, old, place.told.kind.value, place.told.name),
        )
        connection.execute("DELETE FROM conversations WHERE n = ?", (old,))
        connection.execute("UPDATE chat_aliases SET conversation = ? WHERE conversation = ?", (kept, old))
        connection.execute("INSERT OR REPLACE INTO chat_aliases VALUES (?, ?)", (place.told.id, kept))

    def _match(self, place: Place, rows: Sequence[Row]) -> dict[str, int]:
        """Ids of rows that are stored under another id, with the number of the stored message."""
        stored = self._stored_at(place, {second_of(row) for row in rows})
        if not stored:
            return {}
        self._vote(place, rows, stored)
        same = self._same_people(place)
        matched: dict[str, int] = {}
        for is_same in (_same_words, _alike, _of_the_program):
            for row in rows:
                if row[ID] in matched:
                    continue
                here = int(row[PERSON] or 0)
                for one in stored.get(second_of(row), ()):
                    is_person = same.get(here, here) == same.get(one.person, one.person)
                    if one.n not in place.seen and is_same(row, one, is_person):
                        matched[str(row[ID])] = one.n
                        place.seen.add(one.n)
                        break
        return matched

    def _recalled(self, place: Place, rows: Sequence[Row]) -> dict[str, int]:
        """Ids of lines that tell of a stored message taken back, with its number. Stored lines that tell of a row go."""
        told, outdone = pair_recalls(self._connection, place.number, rows, newest=place.newest, taken=place.seen)
        self._write_outdone()
        for n, message_id in outdone.items():
            line = self._connection.execute("SELECT id FROM messages WHERE n = ?", (n,)).fetchone()[0]
            self._connection.execute("DELETE FROM messages WHERE n = ?", (n,))
            self._outdone[line] = message_id
        return told

    def _write_outdone(self) -> None:
        """Keep the ids of lines that went as aliases of the messages that they told of, once those are stored."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO message_aliases SELECT ?, n FROM messages WHERE id = ?", list(self._outdone.items())
        )
        self._outdone.clear()

    def _stored_at(self, place: Place, seconds: Iterable[int]) -> dict[int, list[_Stored]]:
        """What the conversation held before at these seconds and this import has not brought."""
        rows = self._connection.execute(
            "SELECT m.n, m.person, w.value, m.kind, m.text FROM json_each(?) w CROSS JOIN messages m ON m.conversation = ?"
            " AND m.sent_at >= w.value * 1000 AND m.sent_at < w.value * 1000 + 1000 WHERE m.n <= ? ORDER BY m.n",
            (json.dumps(sorted(seconds)), place.number, place.newest),
        )
        found: dict[int, list[_Stored]] = defaultdict(list)
        for row in rows:
            if row[0] not in place.seen:
                found[row[2]].append(_Stored(*row))
        return found

    def _vote(self, place: Place, rows: Sequence[Row], stored: dict[int, list[_Stored]]) -> None:
        """Note which accounts say the same in the same second, where only one on each side says it; the program is nobody."""
        said: dict[tuple[int, str], list[int]] = defaultdict(list)
        for row in rows:
            if row[TEXT] and row[KIND] not in _PROGRAM:
                said[second_of(row), str(row[TEXT])].append(int(row[PERSON] or 0))
        for (second, text), people in said.items():
            others = [one.person for one in stored.get(second, ()) if one.text == text and one.kind not in _PROGRAM]
            if len(people) == len(others) == 1 and people != others:
                place.votes[people[0], others[0]] += 1

    def _same_people(self, place: Place) -> dict[int, int]:
        """Accounts to one number for each person: by joins, and by what was seen in this chat."""
        same = dict(self._connection.execute("SELECT n, main FROM people WHERE main IS NOT NULL"))
        for (here, there), _ in sorted(place.votes.items(), key=lambda vote: -vote[1]):
            same.setdefault(here, same.get(there, there))
        return same

    def _remember(self, matched: dict[str, int]) -> None:
        """Keep the ids under which stored messages came again."""
        self.matched += len(matched)
        self._connection.executemany("INSERT OR IGNORE INTO message_aliases VALUES (?, ?)", list(matched.items()))


def _same_words(row: Row, one: _Stored, is_person: bool) -> bool:
    return is_person and bool(one.text) and row[TEXT] == one.text


def _alike(row: Row, one: _Stored, is_person: bool) -> bool:
    """Whether two rows of one person say the same, as two exporters would put it."""
    if not is_person:
        return False
    here, there = str(row[TEXT]), one.text
    if here and there:
        bare, other = _bare(here), _bare(there)
        return bare == other or (min(len(bare), len(other)) > 1 and (bare in other or other in bare))
    kinds = {row[KIND] if here else "", one.kind if there else ""}
    return not kinds & SPEECH or not _bare(here + there)


def _of_the_program(row: Row, one: _Stored, is_person: bool) -> bool:
    """Whether one of them is the program's line about what the other one is: a file, a recall, a call."""
    is_wordless = not row[TEXT] or not one.text or row[TEXT] == one.text
    return (row[KIND] in _PROGRAM and (is_wordless or one.kind in _PROGRAM)) or (one.kind in _PROGRAM and is_wordless)


def _bare(text: str) -> str:
    """The words without placeholders, faces, a leading mention, blanks and marks."""
    return _NO_LETTER.sub("", _PLACEHOLDER.sub("", text)).lower()
