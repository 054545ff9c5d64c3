"""A group's session taken apart into its threads, each a session of its own.

In a group several talks go on at once. What the owner writes answers the thread it stands in, not the lines that happen to be above it.
"""

from collections.abc import Sequence
from dataclasses import replace

from clone_agent.records import ChatKind, Message, Session, Turn
from clone_agent.threads.lines import lines_of
from clone_agent.threads.scorer import LinkScorer, links

# Every fourth line of a help channel is a stranger with a new question; among people who know each other nearly every line answers one.
START_ODDS = 1 / 64
EARLIER = 60  # messages of earlier sessions that say who is no stranger


def untangle(session: Session, *, earlier: Sequence[Message] = (), scorer: LinkScorer | None = None) -> list[Session]:
    """The threads of a group session, in the order in which they begin; any other session as it is.

    Every message stands in exactly one thread, whose id is that of its first message. Linking takes about half a millisecond a message.

    Args:
        session: of any kind of chat.
        earlier: messages before it in the same chat; no thread goes back to them.
        scorer: another one than that which ships.
    """
    if session.conversation.kind is not ChatKind.GROUP:
        return [session]
    spoken = [(turn, message) for turn in session.turns for message in turn.messages]
    known = list(earlier)[-EARLIER:]
    lines = lines_of([*known, *(message for _, message in spoken)])
    parents = [parent - len(known) for parent in links(lines, first=len(known), start_odds=START_ODDS, scorer=scorer)]
    threads: dict[int, list[tuple[Turn, Message]]] = {}
    roots: list[int] = []
    for number, (parent, said) in enumerate(zip(parents, spoken, strict=True)):
        roots.append(number if parent in range(-len(known), 0) or parent == number else roots[parent])
        threads.setdefault(roots[number], []).append(said)
    return [replace(session, id=said[0][1].id, turns=tuple(_turns(said))) for said in threads.values()]


def _turns(said: Sequence[tuple[Turn, Message]]) -> list[Turn]:
    """Messages of one speaker in a row, as turns."""
    turns: list[Turn] = []
    for turn, message in said:
        if turns and turns[-1].speaker == turn.speaker:
            turns[-1] = replace(turns[-1], messages=(*turns[-1].messages, message))
        else:
            turns.append(replace(turn, messages=(message,)))
    return turns
