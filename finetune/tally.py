"""What a dataset's manifest says about its examples, counted as they pass."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from finetune.lengths import LengthCounter
from finetune.sampling import length_class
from finetune.splitting import SessionSpan

FORMAT = 1


def reply_length(response: str) -> int:
    """Characters of a reply, all bubbles together."""
    return sum(len(bubble) for bubble in response.split("\n"))


class Tally:
    """Counts examples; memory use grows with sessions and distinct lengths, not with words."""

    def __init__(self) -> None:
        self.spans: dict[str, SessionSpan] = {}
        self.conversations: Counter[str] = Counter()
        self.bubbles, self.responses, self.drawn = LengthCounter(), LengthCounter(), LengthCounter()
        self.classes: Counter[int] = Counter()  # of reply lengths, see `sampling`
        self.copies = self.thinned = 0

    def add(self, session: str, conversation: str, sent_at: datetime, response: str) -> None:
        """Count an example."""
        self.conversations[conversation] += 1
        for bubble in response.split("\n"):
            self.bubbles.add(len(bubble))
        length = reply_length(response)
        self.responses.add(length)
        self.classes[length_class(length)] += 1
        span = self.spans.get(session)
        first, last, count = (min(span.first, sent_at), max(span.last, sent_at), span.examples) if span else (sent_at, sent_at, 0)
        self.spans[session] = SessionSpan(session=session, first=first, last=last, examples=count + 1)

    def draw(self, response: str, copies: int) -> None:
        """Count how often an example is learnt from."""
        self.copies += copies
        self.thinned += not copies
        for _ in range(copies):
            self.drawn.add(reply_length(response))

    def manifest(self, *, train: int, evaluation: int, settings: Mapping[str, Any], skipped: Mapping[str, int]) -> dict[str, Any]:
        """The manifest, without the hash of the files."""
        left_out = dict(skipped) | ({"too old": self.thinned} if self.thinned else {})
        return {
            "format": FORMAT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "examples": {"train": train, "eval": evaluation},
            "learnt": self.copies,  # training examples with their copies
            "sessions": len(self.spans),
            "conversations": dict(self.conversations),
            "first": min(span.first for span in self.spans.values()).isoformat(),
            "last": max(span.last for span in self.spans.values()).isoformat(),
            "skipped": {key: count for key, count in sorted(left_out.items()) if not key.startswith("masked ")},
            "masked": {key.removeprefix("masked "): count for key, count in sorted(left_out.items()) if key.startswith("masked ")},
            "lengths": {
                "before merging": self.bubbles.summary(),
                "after merging": self.responses.summary(),
                "as learnt": self.drawn.summary(),
            },
            "settings": dict(settings),
        }
