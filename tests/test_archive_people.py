"""Accounts of one person can be joined, everything else honours it, and it can be taken back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clone_agent.archive import Archive
from clone_agent.errors import UsageError
from clone_agent.records import ChatKind, Conversation, Kind, Message

START = datetime(2023, 10, 2, 21, 4, tzinfo=UTC)
GROUP = Conversation(id="qq:hike", platform="qq", name="周末爬山", kind=ChatKind.GROUP)
PRIVATE = Conversation(id="wechat:wxid_bao", platform="wechat", name="阿宝", kind=ChatKind.PRIVATE, owner="wxid_me")


def message(chat: Conversation, minute: float, sender: str, name: str, text: str) -> Message:
    sent_at = START + timedelta(minutes=minute)
    return Message(
        id=f"{chat.id}-{minute}",
        conversation=chat.id,
        sender=sender,
        sender_name=name,
        sent_at=sent_at,
        kind=Kind.TEXT,
        text=text,
    )


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """Three accounts of 阿宝: two numbers and a name in one group, a wxid in a private chat."""
    with Archive.open(tmp_path, create=True) as opened:
        opened.add(
            [
                GROUP,
                message(GROUP, 0, "10001", "阿宝", "到了吗"),
                message(GROUP, 1, "10002", "阿宝小号", "这个号也是我"),
                message(GROUP, 2, "20002", "老郑", "快了"),
                message(GROUP, 3, "name:宝", "宝", "好"),
                PRIVATE,
                message(PRIVATE, 4, "wxid_bao", "阿宝🐻", "周五见"),
                message(PRIVATE, 5, "wxid_bao", "阿宝🐻", "别迟到"),
                message(PRIVATE, 6, "wxid_me", "我", "好"),
            ]
        )
        yield opened


def test_joined_accounts_are_one_person_with_the_latest_name(archive: Archive) -> None:
    one = archive.join_people(["qq:10001", "qq:10002", "wechat:wxid_bao"])
    assert (one.id, one.name, one.messages) == ("wechat:wxid_bao", "阿宝🐻", 4)
    assert [account.id for account in one.accounts] == ["wechat:wxid_bao", "qq:10001", "qq:10002"]
    assert one in archive.people()
    assert len(archive.people()) == 4


def test_a_numbered_account_stands_for_one_that_is_known_by_name(archive: Archive) -> None:
    assert archive.join_people(["qq:qq:hike:name:宝", "qq:20002"]).id == "qq:20002"


def test_sessions_have_one_turn_where_one_person_used_two_accounts(archive: Archive) -> None:
    archive.join_people(["qq:10001", "qq:10002"])
    (session,) = archive.sessions(GROUP.id)
    assert (session.turns[0].speaker, session.turns[0].bubbles) == ("qq:10001", ("到了吗", "这个号也是我"))
    assert [turn.speaker_name for turn in session.turns] == ["阿宝小号", "老郑", "宝"]


def test_names_shown_follow_the_person(archive: Archive) -> None:
    archive.join_people(["qq:10001", "wechat:wxid_bao"])
    assert archive.display_name(GROUP.id, "10001") == "阿宝🐻"
    assert archive.person_name(GROUP.id, "qq:10001") == archive.person_name(GROUP.id, "wechat:wxid_bao") == "阿宝🐻"


def test_the_owners_other_account_is_the_owner_too(archive: Archive) -> None:
    assert archive.owner_ids() == {"wechat:wxid_me"}
    archive.join_people(["wechat:wxid_me", "qq:20002"])
    assert archive.owner_ids() == {"wechat:wxid_me", "qq:20002"}
    (session,) = archive.sessions(GROUP.id)
    assert [turn.is_owner for turn in session.turns] == [False, False, True, False]


def test_a_later_import_keeps_the_join(archive: Archive) -> None:
    archive.join_people(["qq:10001", "qq:10002"])
    archive.add([GROUP, message(GROUP, 7, "10002", "宝宝", "改名了")])
    one = next(person for person in archive.people() if person.id == "qq:10001")
    assert (one.name, one.messages, set(one.names)) == ("宝宝", 3, {"阿宝", "阿宝小号", "宝宝"})


def test_a_join_makes_its_chats_stale_and_no_others(archive: Archive) -> None:
    before = {info.conversation.id: info.revision for info in archive.conversations()}
    archive.join_people(["qq:10001", "qq:10002"])
    after = {info.conversation.id: info.revision for info in archive.conversations()}
    assert after[GROUP.id] > before[GROUP.id]
    assert after[PRIVATE.id] == before[PRIVATE.id]


def test_undoing_takes_back_one_join_after_the_other(archive: Archive) -> None:
    people = archive.people()
    owner = archive.owner_ids()
    archive.join_people(["qq:10001", "qq:10002"])
    two = archive.people()
    archive.join_people(["qq:10001", "wechat:wxid_me"])
    assert {person.id for person in archive.undo_join()} == {"qq:10001", "wechat:wxid_me"}
    assert (archive.people(), archive.owner_ids()) == (two, owner)
    archive.undo_join()
    assert (archive.people(), archive.owner_ids()) == (people, owner)
    with pytest.raises(UsageError, match="nothing to take back"):
        archive.undo_join()


def test_joining_one_person_with_themselves_is_refused(archive: Archive) -> None:
    archive.join_people(["qq:10001", "qq:10002"])
    with pytest.raises(UsageError, match="Only one person"):
        archive.join_people(["qq:10001", "qq:10002"])


def test_who_was_said_to_be_the_owner_after_a_join_is_so_after_it_is_taken_back(archive: Archive) -> None:
    archive.join_people(["qq:10001", "qq:10002"])
    archive.set_owner(["qq:10001", "wechat:wxid_me"])
    archive.undo_join()
    assert archive.owner_ids() == {"qq:10001", "qq:10002", "wechat:wxid_me"}
    archive.join_people(["qq:20002", "wechat:wxid_me"])
    archive.set_owner(["qq:10001"])
    archive.undo_join()
    assert archive.owner_ids() == {"qq:10001"}
