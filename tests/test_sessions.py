"""Messages become turns, turns become sessions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from clone_agent.records import ChatKind, Conversation, Kind, Message, Session
from clone_agent.sessions import person_id, sessions

START = datetime(2022, 5, 14, 21, 3, tzinfo=UTC)
CHAT = Conversation(id="qq:屿", platform="qq", name="屿", kind=ChatKind.PRIVATE, owner="name:晚风")


def bubble(minute: float, sender: str, text: str, kind: Kind = Kind.TEXT) -> Message:
    return Message(
        id=f"{minute}-{text}",
        conversation=CHAT.id,
        sender=f"name:{sender}",
        sender_name=sender,
        sent_at=START + timedelta(minutes=minute),
        kind=kind,
        text=text,
    )


def cut(*messages: Message) -> list[Session]:
    owner = frozenset({person_id(CHAT, "name:晚风")})
    return list(sessions(messages, conversation=CHAT, owner=owner, name_of=lambda message: message.sender_name))


def test_consecutive_messages_of_one_sender_merge_and_keep_their_boundaries() -> None:
    (session,) = cut(bubble(0, "晚风", "欸"), bubble(0.2, "晚风", "我水壶呢"), bubble(1, "屿", "没看到啊"))
    assert [(turn.is_owner, turn.bubbles) for turn in session.turns] == [(True, ("欸", "我水壶呢")), (False, ("没看到啊",))]


def test_a_long_pause_starts_a_new_session_even_for_the_same_sender() -> None:
    first, second = cut(bubble(0, "晚风", "睡了"), bubble(31, "晚风", "早"))
    assert [session.turns[0].text for session in (first, second)] == ["睡了", "早"]


def test_a_pause_of_exactly_the_gap_continues() -> None:
    assert len(cut(bubble(0, "晚风", "睡了"), bubble(30, "屿", "安"))) == 1


def test_system_and_recalled_messages_neither_make_nor_break_a_turn() -> None:
    (session,) = cut(
        bubble(0, "晚风", "欸"),
        bubble(1, "系统消息", "晚风撤回了一条消息", Kind.SYSTEM),
        bubble(2, "晚风", "算了"),
        bubble(3, "屿", "?", Kind.RECALL),
    )
    assert [turn.bubbles for turn in session.turns] == [("欸", "算了")]


def test_a_picture_belongs_to_its_turn_but_says_nothing() -> None:
    (session,) = cut(bubble(0, "屿", "", Kind.IMAGE), bubble(1, "屿", "看"))
    assert len(session.turns[0].messages) == 2
    assert session.turns[0].text == "看"


def test_a_bubble_of_several_lines_stays_one_bubble() -> None:
    (session,) = cut(bubble(0, "屿", "第一行\n第二行"))
    assert session.turns[0].bubbles == ("第一行 第二行",)


def test_nothing_gives_no_session() -> None:
    assert cut() == []


def test_a_nick_is_an_identity_only_within_its_chat() -> None:
    other = replace(CHAT, id="qq:另一个")
    assert person_id(CHAT, "name:小明") != person_id(other, "name:小明")
    assert person_id(CHAT, "10001") == person_id(other, "10001")
