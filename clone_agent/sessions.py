"""Messages to turns to sessions.

Consecutive messages of one sender merge into one turn and keep their boundaries. A pause longer than `gap` ends the session, and with it
the turn: what somebody writes after lunch does not continue the sentence from before. System lines and recalled messages are nobody's
words and neither make nor break a turn.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from clone_agent.records import Conversation, Kind, Message, Session, Turn

SESSION_GAP = timedelta(minutes=30)
_SILENT = frozenset({Kind.SYSTEM, Kind.RECALL})


def person_id(conversation: Conversation, sender: str) -> str:
    """The archive's id of a sender: platform and number, or, where only a name is known, a name within its chat.

    A nick alone is no identity: two friends called 小明 in two chats are two people until the user joins them.
    """
    if sender.startswith("name:"):
        return f"{conversation.platform}:{conversation.id}:{sender}"
    return f"{conversation.platform}:{sender}"


def sessions(
    messages: Iterable[Message],
    *,
    conversation: Conversation,
    owner: frozenset[str],
    name_of: Callable[[Message], str],
    person_of: Callable[[str], str] | None = None,
    gap: timedelta = SESSION_GAP,
) -> Iterator[Session]:
    """Cut one conversation's messages, in time order, into sessions.

    Args:
        messages: of one conversation, in time order.
        conversation: theirs.
        owner: person ids of the owner.
        name_of: the name to show for a message's sender.
        person_of: the person id behind a `Message.sender`; accounts of one person make one turn. Default: `person_id`.
        gap: a longer pause starts a new session.
    """
    run: list[Message] = []
    turns: list[Turn] = []

    of = person_of or (lambda sender: person_id(conversation, sender))

    def close_turn() -> None:
        if run:
            speaker = of(run[0].sender)
            turns.append(Turn(speaker=speaker, speaker_name=name_of(run[0]), is_owner=speaker in owner, messages=tuple(run)))
            run.clear()

    last: Message | None = None
    for message in messages:
        if message.kind in _SILENT:
            continue
        if last is not None and message.sent_at - last.sent_at > gap:
            close_turn()
            yield _session(conversation, turns)
            turns = []
        elif last is not None and message.sender != last.sender and of(message.sender) != of(last.sender):
            close_turn()
        run.append(message)
        last = message
    close_turn()
    if turns:
        yield _session(conversation, turns)


def _session(conversation: Conversation, turns: list[Turn]) -> Session:
    return Session(id=turns[0].messages[0].id, conversation=conversation, turns=tuple(turns))
