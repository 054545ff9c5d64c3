"""Session -> passages to index: bursts and the segments around them.

A *burst* is what one person says in one go: neighbouring bubbles of one turn, at most 2 minutes apart and 300 characters together; it is
what a hit shows. A *segment* is a stretch of neighbouring bursts of one session, at most 600 characters, that shares its first burst with
the segment before; it is the surroundings in which a burst is searched. Only own words go in: no placeholders, quotes or forwards.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from clone_agent.live import tells
from clone_agent.records import LIVE_PLATFORM, Memory, Message, Session, Turn

BURST_GAP = timedelta(minutes=2)
BURST_LENGTH = 300  # characters
SEGMENT_LENGTH = 600  # characters


def bursts(session: Session) -> Iterator[Memory]:
    """Cut a session into bursts, in time order. Turns without words give none, nor does what tells nothing in a talk with the clone."""
    is_live = session.conversation.platform == LIVE_PLATFORM
    for turn in session.turns:
        run: list[Message] = []
        for message in turn.messages:
            if not message.text.strip() or (is_live and not tells(message)):
                continue
            if run and _must_break(run, message):
                yield _memory(session, turn, run)
                run = []
            run.append(message)
        if run:
            yield _memory(session, turn, run)


def segments(texts: Sequence[str], *, length: int = SEGMENT_LENGTH) -> list[range]:
    """Group the bursts of one session, given by their texts: ranges of positions, each of which starts with the last of the one before.

    A range holds at least one burst; one that is longer than `length` stands alone.
    """
    found: list[range] = []
    start = 0
    while start < len(texts):
        end, total = start + 1, len(texts[start])
        while end < len(texts) and total + len(texts[end]) <= length:
            total += len(texts[end])
            end += 1
        found.append(range(start, end))
        if end == len(texts):
            break
        start = end - 1 if end - start > 1 else end
    return found


def _must_break(run: Sequence[Message], message: Message) -> bool:
    length = sum(len(earlier.text) for earlier in run) + len(message.text)
    return message.sent_at - run[-1].sent_at > BURST_GAP or length > BURST_LENGTH


def _memory(session: Session, turn: Turn, run: Sequence[Message]) -> Memory:
    return Memory(
        id=run[0].id,
        conversation=session.conversation.id,
        conversation_name=session.conversation.name,
        speaker=turn.speaker,
        speaker_name=turn.speaker_name,
        is_owner=turn.is_owner,
        started_at=run[0].sent_at,
        ended_at=run[-1].sent_at,
        text="\n".join(" ".join(message.text.split()) for message in run),
        message_ids=tuple(message.id for message in run),
    )
