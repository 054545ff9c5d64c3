"""The questions asked about the sample life, with the messages that answer them.

`questions/*.jsonl` holds one question a line. Half are for development (`dev`), half only for reporting (`report`). Their gold is given
as keys; `keys.jsonl` says which message each key means, and `key_ids` finds those messages in an archive that holds the exports.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clone_agent.archive import Archive
from clone_agent.errors import DatasetError
from clone_agent.records import Message

HERE = Path(__file__).parent
QUESTIONS, KEYS = HERE / "questions", HERE / "keys.jsonl"
CATEGORIES = ("single", "when", "who", "count", "changed", "group", "relative", "never")
SPLITS = ("dev", "report")


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeQuestion:
    """A question to the owner's clone."""

    id: str
    question: str
    asked_by: str
    asked_at: datetime
    gold: tuple[str, ...]  # keys of the lines that together hold the answer; () when it never happened
    also: tuple[tuple[str, ...], ...]  # other lines that hold it as well, said in another chat
    answer: str
    accept: tuple[tuple[str, ...], ...]  # a right reply holds one alternative of every group
    reject: tuple[str, ...]  # a right reply holds none of these: values that were corrected later
    category: str  # one of CATEGORIES
    split: str  # one of SPLITS
    is_derived: bool  # the answer follows from the gold lines and their dates without standing in them

    @property
    def never_happened(self) -> bool:
        """Whether the right reply is that the owner does not remember."""
        return self.category == "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedLine:
    """A message that questions name."""

    key: str
    chat: str  # the conversation's name
    sender: str  # platform id
    sender_name: str
    sent_at: datetime
    text: str  # own words


def load_questions(folder: Path = QUESTIONS) -> list[LifeQuestion]:
    """Every question, in the order of file names and lines.

    Raises:
        DatasetError: a line that is not a question.
    """
    return [_question(fields, source) for path in sorted(folder.glob("*.jsonl")) for source, fields in _lines(path)]


def load_keys(path: Path = KEYS) -> dict[str, KeyedLine]:
    """The messages that questions name, by key.

    Raises:
        DatasetError: a key that stands twice, or a file that no build wrote.
    """
    keyed: dict[str, KeyedLine] = {}
    for source, fields in _lines(path):
        try:
            line = KeyedLine(**{**fields, "sent_at": datetime.fromisoformat(fields["sent_at"])})
        except (KeyError, TypeError, ValueError) as cause:
            raise DatasetError(f"{source}: a field is missing or wrong.", remedy="Build the sample life again.") from cause
        if line.key in keyed:
            raise DatasetError(f"{source}: the key {line.key} stands twice.", remedy="Build the sample life again.")
        keyed[line.key] = line
    return keyed


def key_ids(archive: Archive, *, keys: Mapping[str, KeyedLine] | None = None) -> dict[str, str]:
    """Find the keyed messages in an archive that the exports were imported into: key -> message id.

    A message is found by its second and its words; where two chats share both, by the conversation's name. Keys of chats that were not
    imported are left out.
    """
    conversations = [info.conversation for info in archive.conversations()]
    return resolve(((each.name, archive.messages(each.id)) for each in conversations), keys=load_keys() if keys is None else keys)


def resolve(conversations: Iterable[tuple[str, Iterable[Message]]], *, keys: Mapping[str, KeyedLine]) -> dict[str, str]:
    """`key_ids` for messages from anywhere: pairs of a conversation's name and its messages."""
    seconds = {line.sent_at.astimezone(UTC).replace(microsecond=0) for line in keys.values()}
    said: dict[datetime, list[tuple[str, Message]]] = defaultdict(list)
    for name, messages in conversations:
        for message in messages:
            second = message.sent_at.astimezone(UTC).replace(microsecond=0)
            if second in seconds:
                said[second].append((name, message))
    return {key: found for key, line in keys.items() if (found := _match(line, said[line.sent_at.astimezone(UTC)])) is not None}


def gold_ids(question: LifeQuestion, ids: Mapping[str, str]) -> tuple[str, ...]:
    """The ids of the messages that answer a question, given what `key_ids` found.

    Raises:
        DatasetError: a message of the gold is not in the archive.
    """
    missing = [key for key in question.gold if key not in ids]
    if missing:
        raise DatasetError(
            f"Question {question.id}: {len(missing)} of its gold messages are not in the archive.",
            remedy="Import all of the sample life's exports, with the time zone Asia/Shanghai.",
        )
    return tuple(ids[key] for key in question.gold)


def gold_sets(question: LifeQuestion, ids: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """Every set of messages that answers a question by itself: the gold first, then where else it was said. A recall that has one is right.

    Raises:
        DatasetError: a message of the gold is not in the archive.
    """
    elsewhere = (tuple(ids[key] for key in keys) for keys in question.also if all(key in ids for key in keys))
    return (gold_ids(question, ids), *elsewhere)


def is_right(question: LifeQuestion, reply: str) -> bool:
    """Whether a reply gives the answer: one alternative of every accepted group and no rejected value, whatever the case of letters.

    For what never happened the accepted words are ways to say that one does not remember.
    """
    said = reply.casefold()
    if any(old.casefold() in said for old in question.reject):
        return False
    return all(any(words.casefold() in said for words in group) for group in question.accept)


def _match(line: KeyedLine, candidates: list[tuple[str, Message]]) -> str | None:
    words = _squashed(line.text)
    found = [(name, message) for name, message in candidates if words in _squashed(message.text)]
    found.sort(key=lambda pair: (pair[0] != line.chat, len(pair[1].text)))
    return found[0][1].id if found else None


def _squashed(text: str) -> str:
    return "".join(text.split())


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        source = f"{path.name}:{number}"
        try:
            fields = json.loads(line)
        except json.JSONDecodeError as cause:
            raise DatasetError(f"{source}: not JSON ({cause.msg}).", remedy="Write one JSON object a line.") from cause
        if not isinstance(fields, dict):
            raise DatasetError(f"{source}: not an object.", remedy="Write one JSON object a line.")
        yield source, fields


def _question(fields: dict[str, Any], source: str) -> LifeQuestion:
    try:
        question = LifeQuestion(
            id=fields["id"],
            question=fields["question"],
            asked_by=fields["asked_by"],
            asked_at=datetime.fromisoformat(fields["asked_at"]),
            gold=tuple(fields["gold"]),
            also=tuple(tuple(keys) for keys in fields.get("also", ())),
            answer=fields["answer"],
            accept=tuple(tuple(group) for group in fields["accept"]),
            reject=tuple(fields.get("reject", ())),
            category=fields["category"],
            split=fields["split"],
            is_derived=fields.get("derived", False),
        )
    except (KeyError, TypeError, ValueError) as cause:
        raise DatasetError(f"{source}: a field is missing or wrong ({cause}).", remedy="Give it the fields of its neighbours.") from cause
    if question.category not in CATEGORIES or question.split not in SPLITS or question.asked_at.tzinfo is None:
        raise DatasetError(f"{source}: unknown category or split, or a time without zone.", remedy=f"Use {CATEGORIES} and {SPLITS}.")
    return question
