"""Sessions become bursts that a hit can show, and segments in which they are searched."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from clone_agent.records import ChatKind, Conversation, Kind, Message, Session
from clone_agent.sessions import sessions
from memory.passages import BURST_LENGTH, SEGMENT_LENGTH, bursts, segments

CHAT = Conversation(id="qq:yu", platform="qq", name="周屿", kind=ChatKind.PRIVATE)
START = datetime(2024, 3, 3, 21, 4, tzinfo=UTC)


def session(*said: tuple[str, int, str], kind: Kind = Kind.TEXT) -> Session:
    """A session of (sender, seconds from the start, text)."""
    messages = [
        Message(
            id=str(number),
            conversation=CHAT.id,
            sender=sender,
            sender_name=sender,
            sent_at=START + timedelta(seconds=seconds),
            kind=kind,
            text=text,
            quoted="不是我说的",
        )
        for number, (sender, seconds, text) in enumerate(said)
    ]
    return next(iter(sessions(messages, conversation=CHAT, owner=frozenset({"qq:lin"}), name_of=lambda message: message.sender_name)))


def test_bubbles_sent_in_one_go_become_one_passage_with_all_their_ids() -> None:
    found = list(bursts(session(("lin", 0, "到黄山了"), ("lin", 30, "腿都断了"), ("yu", 60, "哈哈哈"))))
    assert [(memory.text, memory.speaker, memory.is_owner, memory.message_ids) for memory in found] == [
        ("到黄山了\n腿都断了", "qq:lin", True, ("0", "1")),
        ("哈哈哈", "qq:yu", False, ("2",)),
    ]
    assert (found[0].id, found[0].started_at, found[0].ended_at) == ("0", START, START + timedelta(seconds=30))


def test_a_pause_of_more_than_two_minutes_starts_a_new_passage() -> None:
    assert [memory.text for memory in bursts(session(("lin", 0, "在吗"), ("lin", 120, "算了"), ("lin", 241, "我到了")))] == [
        "在吗\n算了",
        "我到了",
    ]


def test_a_passage_stays_under_its_length_unless_one_message_is_longer() -> None:
    long = "很长的一段话" * 60
    texts = [memory.text for memory in bursts(session(("lin", 0, "前" * 200), ("lin", 1, "后" * 200), ("lin", 2, long)))]
    assert [len(text) for text in texts] == [200, 200, len(long)]
    assert len(long) > BURST_LENGTH


def test_only_own_words_go_in() -> None:
    assert list(bursts(session(("lin", 0, ""), ("yu", 5, "  "), kind=Kind.IMAGE))) == []
    assert [memory.text for memory in bursts(session(("lin", 0, ""), ("lin", 5, "看图")))] == ["看图"]


def test_segments_overlap_by_one_and_stay_under_their_length() -> None:
    texts = ["字" * 250] * 5
    assert segments(texts) == [range(2), range(1, 3), range(2, 4), range(3, 5)]
    assert segments(["短"] * 3) == [range(3)]
    assert segments([]) == []


@given(st.lists(st.integers(1, 900), max_size=40))
def test_every_burst_stands_in_a_segment(lengths: list[int]) -> None:
    found = segments(["字" * length for length in lengths])
    assert {position for span in found for position in span} == set(range(len(lengths)))
    for span in found:
        assert len(span) == 1 or sum(lengths[position] for position in span) <= SEGMENT_LENGTH
