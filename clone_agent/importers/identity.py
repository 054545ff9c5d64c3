"""Ids that are the same at every import: of conversations that carry none, and of messages.

A message's id is made of what everybody who exports it sees: platform, conversation, sender, second, kind, own words, and the running
number of that same tuple in the file, because people do send the same thing twice in a second. The id begins with the second, so that a
table of millions grows at its end.
"""

from hashlib import blake2b
from itertools import islice

from clone_agent.message_ids import second_prefix
from clone_agent.records import Kind

# Tuples remembered of a conversation; equal ones stand close together, since exports are written in time order. There may be a thousand
# conversations in one export, so that more would fill the memory.
_WINDOW = 1_000
_MOST_SENDERS = 2_000  # senders whose hashes are kept


def chat_id(platform: str, *parts: str) -> str:
    """The id of a conversation that the export names but does not number: `qq:9f86d081884c7d65`."""
    return f"{platform}:{blake2b(chr(31).join(parts).encode('utf-8', 'replace'), digest_size=8).hexdigest()}"


class MessageIds:
    """Gives out message ids for one conversation of one file, or one block of it."""

    def __init__(self, platform: str, conversation: str) -> None:
        self._prefix = f"{platform}\x1f{conversation}\x1f"
        self._begun: dict[str, blake2b] = {}  # by sender: the hash of what all ids of a sender begin with
        self._seen: dict[str, str | list[str | None] | None] = {}  # by tuple: the source id, or several where it came again

    def next(self, sender: str, second: int, kind: Kind, text: str, source_id: str | None = None) -> str:
        """The id of the message that comes next in the file.

        Args:
            sender: `Message.sender`.
            second: seconds since 1970 in UTC, rounded down.
            kind: counts only where there are no own words; a reply in one export is plain text in another.
            text: own words, cleaned.
            source_id: the exporter's id. A row that comes twice with the same one is one message.
        """
        told = (self._begun.get(sender) or self._begin(sender)).copy()
        told.update((f"{second}\x1fwords\x1f{text}" if text else f"{second}\x1f{kind.value}\x1f").encode("utf-8", "replace"))
        stem = second_prefix(second) + told.hexdigest()
        seen = self._seen
        if stem not in seen:
            if len(seen) >= 2 * _WINDOW:
                self._forget()
            seen[stem] = source_id
            return stem
        earlier = seen[stem]
        if not isinstance(earlier, list):
            earlier = seen[stem] = [earlier]
        if source_id is not None and source_id in earlier:
            number = earlier.index(source_id)
        else:
            number = len(earlier)
            earlier.append(source_id)
        return stem if number == 0 else f"{stem}-{number}"

    def _begin(self, sender: str) -> blake2b:
        if len(self._begun) >= _MOST_SENDERS:
            self._begun.clear()
        begun = self._begun[sender] = blake2b(f"{self._prefix}{sender}\x1f".encode("utf-8", "replace"), digest_size=11)
        return begun

    def _forget(self) -> None:
        for old in list(islice(self._seen, _WINDOW)):
            del self._seen[old]
