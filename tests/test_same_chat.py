"""The same chat from two exporters, overlapping ranges and imports that come again add nothing twice; genuine repeats stay."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from same_chat import QQ, WECHAT, Files, part_of, put, scene

from clone_agent import archive_writer
from clone_agent.archive import Archive
from clone_agent.errors import UsageError
from clone_agent.forgetting import Forgetting, Wish
from clone_agent.importers import read_export
from clone_agent.importers.identity import MessageIds, chat_id
from clone_agent.records import ChatKind, Conversation, Kind, Message
from clone_agent.sample_life.laying import Chat

ZONE = ZoneInfo("Asia/Shanghai")
CHATS = {"private QQ": ("cousin", QQ), "group QQ": ("hiking", QQ), "private WeChat": ("mum", WECHAT), "group WeChat": ("workgroup", WECHAT)}


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.open(tmp_path / "home", create=True) as opened:
        yield opened


def bring(archive: Archive, write: Callable[[Chat], Files], chat: Chat, folder: Path) -> int:
    """Import a chat as an exporter would write it; how many messages were new."""
    return archive.add(read_export(put(write(chat), folder), timezone=ZONE)).added


def recalls(chat: Chat) -> int:
    """Messages taken back: where one exporter keeps what another only tells of, the message is new and the line goes."""
    return sum(bubble.recalled_at is not None for bubble in chat.bubbles)


def spoken(archive: Archive) -> Counter[tuple[int, str]]:
    """What was said, when."""
    said: Counter[tuple[int, str]] = Counter()
    for info in archive.conversations():
        for message in archive.messages(info.conversation.id):
            if message.kind in {Kind.TEXT, Kind.REPLY}:
                said[int(message.sent_at.timestamp()), message.text] += 1
    return said


@pytest.mark.parametrize("kind", CHATS)
def test_another_exporter_adds_nothing(kind: str, tmp_path: Path) -> None:
    name, family = CHATS[kind]
    chat = part_of(scene(name), 0, 110)
    for one, two in itertools.permutations(family, 2):
        folder = tmp_path / f"{one} {two}"
        with Archive.open(folder / "home", create=True) as archive:
            assert bring(archive, family[one], chat, folder / one) == len(chat.bubbles)
            said = spoken(archive)
            assert bring(archive, family[two], chat, folder / two) <= recalls(chat), f"{one}, then {two}"
            assert archive.conversations()[0].messages == len(chat.bubbles), "what was taken back is one message, whoever tells of it"
            assert sum(info.messages > 0 for info in archive.conversations()) == 1
            assert not [words for words, many in spoken(archive).items() if words in said and many > said[words]]
            assert bring(archive, family[one], chat, folder / one) == 0
            assert bring(archive, family[two], chat, folder / two) == 0


@pytest.mark.parametrize(("name", "one", "two"), [("cousin", QQ["text"], QQ["qce"]), ("mum", WECHAT["weflow"], WECHAT["bare memotrace"])])
def test_overlapping_ranges_of_two_exporters_make_one_whole(
    name: str, one: Callable[[Chat], Files], two: Callable[[Chat], Files], archive: Archive, tmp_path: Path
) -> None:
    chat = part_of(scene(name), 0, 300)
    added = bring(archive, one, part_of(chat, 0, 200), tmp_path / "one") + bring(archive, two, part_of(chat, 100, 300), tmp_path / "two")
    assert len(chat.bubbles) <= added <= len(chat.bubbles) + recalls(chat)
    assert bring(archive, one, chat, tmp_path / "three") <= recalls(chat)
    assert sum(info.messages > 0 for info in archive.conversations()) == 1


def test_an_overlap_that_begins_after_many_batches_is_found(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_writer, "BATCH", 40)
    chat = part_of(scene("cousin"), 0, 300)
    bring(archive, QQ["text"], part_of(chat, 200, 300), tmp_path / "one")
    bring(archive, QQ["qce"], chat, tmp_path / "two")
    (info,) = [info for info in archive.conversations() if info.messages]
    assert len(chat.bubbles) <= info.messages <= len(chat.bubbles) + recalls(chat)
    times = [message.sent_at for message in archive.messages(info.conversation.id)]
    assert times == sorted(times)


def test_a_chat_that_became_two_is_made_one_by_an_export_that_spans_both(archive: Archive, tmp_path: Path) -> None:
    chat = part_of(scene("cousin"), 0, 200)
    bring(archive, QQ["text"], part_of(chat, 0, 80), tmp_path / "one")
    bring(archive, QQ["qce"], part_of(chat, 120, 200), tmp_path / "two")
    assert sum(info.messages > 0 for info in archive.conversations()) == 2
    bring(archive, QQ["qce"], chat, tmp_path / "three")
    (info,) = [info for info in archive.conversations() if info.messages]
    assert len(chat.bubbles) <= info.messages <= len(chat.bubbles) + recalls(chat)


def test_accounts_that_two_exporters_name_differently_become_one_person(archive: Archive, tmp_path: Path) -> None:
    chat = part_of(scene("cousin"), 0, 120)
    bring(archive, QQ["text"], part_of(chat, 0, 80), tmp_path / "one")
    bring(archive, QQ["qce"], chat, tmp_path / "two")
    speakers = [person for person in archive.people() if person.name != "系统消息"]
    assert sorted(len(person.accounts) for person in speakers) == [2, 2]
    assert all(person.accounts[0].is_numbered for person in speakers)
    assert [person.is_owner for person in speakers].count(True) == 1
    (info,) = [info for info in archive.conversations() if info.messages]
    turns = [turn for session in archive.sessions(info.conversation.id) for turn in session.turns]
    assert {turn.speaker for turn in turns} == {person.id for person in speakers}
    assert {turn.is_owner for turn in turns} == {True, False}


def test_accounts_whose_join_was_taken_back_are_not_joined_by_the_next_import(archive: Archive, tmp_path: Path) -> None:
    chat = part_of(scene("cousin"), 0, 120)
    bring(archive, QQ["text"], part_of(chat, 0, 80), tmp_path / "one")
    bring(archive, QQ["qce"], part_of(chat, 0, 100), tmp_path / "two")
    joined = [person for person in archive.people() if len(person.accounts) > 1]
    for _ in joined:
        archive.undo_join()
    for number in range(2):
        bring(archive, QQ["qce"], chat, tmp_path / f"again {number}")
        assert [person for person in archive.people() if len(person.accounts) > 1] == []
    with pytest.raises(UsageError, match="nothing to take back"):
        archive.undo_join()
    one = archive.join_people([account.id for account in joined[0].accounts])
    assert len(one.accounts) == 2, "the user may still join them"


def made(chat: Conversation, said: list[tuple[float, str, str]]) -> list[Conversation | Message]:
    """A chat of hand-made messages: second, sender, words."""
    ids = MessageIds(chat.platform, chat.id)
    records: list[Conversation | Message] = [chat]
    for second, sender, words in said:
        moment = datetime(2023, 1, 21, 16, tzinfo=UTC) + timedelta(seconds=second)
        records.append(
            Message(
                id=ids.next(sender=sender, second=int(moment.timestamp()), kind=Kind.TEXT, text=words),
                conversation=chat.id,
                sender=sender,
                sender_name=sender.removeprefix("name:"),
                sent_at=moment,
                kind=Kind.TEXT,
                text=words,
            )
        )
    return records


NUMBERED = Conversation(id="qq:private:10001", platform="qq", name="阿宝", kind=ChatKind.PRIVATE)
NAMED = Conversation(id=chat_id("qq", "我的好友", "阿宝"), platform="qq", name="阿宝", kind=ChatKind.PRIVATE)
TALK = [(0, "10001", "到山脚了吗"), (5, "20002", "再走十分钟就到"), (9, "10001", "那我先买水"), (12, "20002", "好")]
NAMES = {"10001": "name:阿宝", "20002": "name:晚风"}


def by_name(said: list[tuple[float, str, str]]) -> list[tuple[float, str, str]]:
    return [(second, NAMES[sender], words) for second, sender, words in said]


def test_the_same_words_twice_in_one_second_stay_two_from_every_exporter(archive: Archive) -> None:
    said = [*TALK, (20, "10001", "哈哈"), (20, "10001", "哈哈"), (20, "20002", "哈哈")]
    archive.add(made(NUMBERED, said))
    assert archive.add(made(NAMED, by_name(said))).added == 0
    assert archive.conversations()[0].messages == 7


def test_what_only_one_exporter_kept_of_a_second_is_added(archive: Archive) -> None:
    archive.add(made(NAMED, by_name(TALK)))
    assert archive.add(made(NUMBERED, [*TALK, (12, "20002", "我也带了"), (12, "10001", "好")])).added == 2


def test_faces_and_placeholders_that_one_exporter_writes_make_no_second_message(archive: Archive) -> None:
    archive.add(made(NAMED, by_name(TALK)))
    other = [(second, sender, f"{words}[呲牙]") for second, sender, words in TALK]
    assert archive.add(made(replace(NAMED), by_name(other))).added == 0


def test_wishes_sent_to_many_at_once_join_no_chats(archive: Archive) -> None:
    wishes = [(0, "20002", "新年快乐，万事如意！"), (60, "20002", "给您拜年了")]
    archive.add(made(NAMED, by_name([*wishes, (90, "10001", "同乐同乐，代我问好")])))
    other = Conversation(id=chat_id("qq", "我的好友", "老郑"), platform="qq", name="老郑", kind=ChatKind.PRIVATE)
    said = [*by_name(wishes), (100.0, "name:老郑", "谢谢，也祝你们一家新年快乐")]
    assert archive.add(made(other, said)).added == 3
    assert len(archive.conversations()) == 2


def test_two_chats_with_numbers_of_their_own_are_never_one(archive: Archive) -> None:
    archive.add(made(NUMBERED, TALK))
    assert archive.add(made(replace(NUMBERED, id="qq:private:10009"), TALK)).added == 4
    assert len(archive.conversations()) == 2


def test_chats_of_two_platforms_are_never_one(archive: Archive) -> None:
    archive.add(made(NUMBERED, TALK))
    assert archive.add(made(Conversation(id="wechat:wxid_bao", platform="wechat", name="阿宝", kind=ChatKind.PRIVATE), TALK)).added == 4


def taken_back(archive: Archive, *imports: list[Conversation | Message]) -> Counter[str]:
    """Kinds in the archive after these imports, and after the same once more."""
    for records in (*imports, *imports):
        archive.add(records)
    (info,) = archive.conversations()
    return Counter(message.kind.value for message in archive.messages(info.conversation.id))


def test_a_message_taken_back_is_one_whichever_exporter_comes_first(tmp_path: Path) -> None:
    kept = made(NUMBERED, [*TALK, (20, "10001", "发错了")])
    kept[-1] = replace(kept[-1], kind=Kind.RECALL)  # type: ignore[type-var]  # the last one is a message
    lines = made(NAMED, [*by_name(TALK), (80, "name:系统消息", "阿宝撤回了一条消息"), (400, "name:系统消息", "阿宝撤回了一条消息")])
    lines[-2:] = [replace(line, kind=Kind.SYSTEM) for line in lines[-2:]]  # type: ignore[type-var]
    for number, imports in enumerate([(kept, lines), (lines, kept)]):
        with Archive.open(tmp_path / str(number), create=True) as archive:
            assert taken_back(archive, *imports) == {"text": 4, "recall": 1, "system": 1}, "the later line is about something else"


def test_messages_whose_times_are_out_of_order_are_all_kept_when_another_chat_begins(archive: Archive) -> None:
    archive.add(made(NUMBERED, [(0, "10001", "早上好呀")]))
    said = [(0.0, "10001", "早上好呀"), (100.0, "10001", "到车站了"), (101.0, "10002", "我在出口等"), (100.0, "10001", "人好多")]
    other = Conversation(id="qq:30003", platform="qq", name="别人", kind=ChatKind.PRIVATE)
    assert archive.add([*made(NUMBERED, said), *made(other, [(5, "30003", "另一个聊天")])]).added == 4
    assert [message.text for message in archive.messages(NUMBERED.id)] == ["早上好呀", "到车站了", "人好多", "我在出口等"]


def test_lines_of_the_program_join_nobody_with_the_program_however_often_they_come(archive: Archive) -> None:
    talk = [(second, "10002", f"普通的回复{second}") for second in range(30, 1500, 100)]
    taken = made(NUMBERED, [(second - 30, "10001", f"说过又撤回的话{second}") for second, *_ in talk])
    kept = [replace(one, kind=Kind.RECALL) if isinstance(one, Message) else one for one in taken] + made(NUMBERED, talk)[1:]
    told = made(NUMBERED, [(second - 20, "10000", "阿宝撤回了一条消息") for second, *_ in talk])
    lines = [replace(one, kind=Kind.SYSTEM) if isinstance(one, Message) else one for one in told] + made(NUMBERED, talk)[1:]
    mum = Conversation(id="qq:40004", platform="qq", name="妈妈", kind=ChatKind.PRIVATE)
    friends, *words = made(mum, [(5, "10000", "你们已成为好友"), (50, "40004", "到家了吗")])
    archive.add([friends, replace(words[0], kind=Kind.SYSTEM), *words[1:]])  # type: ignore[type-var]  # a message
    for records in (kept, lines, lines):
        archive.add(records)
    assert sorted(len(person.accounts) for person in archive.people()) == [1, 1, 1, 1]
    assert set(Forgetting(archive.connection, Wish(people=("qq:10001",))).chosen.spans) == {NUMBERED.id}
