"""What tells that a text repeats forgotten messages, for what runs on while they are forgotten: the talk with the clone."""

from collections.abc import Iterable, Set
from dataclasses import dataclass

from clone_agent.words import WordsFinder, folded


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Made before the messages are erased, since it knows their words; drop it as soon as it was used."""

    finder: WordsFinder  # of the messages' texts
    names: tuple[str, ...]  # what was to be forgotten, as it was called: phrases, people, chats; as `words.folded` writes them
    ids: frozenset[str]  # of the messages

    def are_in(self, texts: Iterable[str], ids: Set[str] = frozenset()) -> bool:
        """Whether one of the texts holds the messages' words or what they were forgotten by, or one of the ids is theirs.

        Args:
            texts: as people see them.
            ids: of messages that the texts rest on.
        """
        return not self.ids.isdisjoint(ids) or any(self._holds(text) for text in texts)

    def _holds(self, text: str) -> bool:
        written = folded(text)
        return any(name in written for name in self.names) or self.finder.is_in(text)
