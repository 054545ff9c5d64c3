"""What is exported and imported again is the same: messages, kinds, replies, senders, times, owner."""

import json
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from exports.renew import ZONE, samples
from hypothesis import given, settings
from hypothesis import strategies as st

from clone_agent.archive import Archive
from clone_agent.exporting import Shape, export_chat, file_name
from clone_agent.importers import read_export
from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.records import ChatKind, Conversation, Kind, Message

SHAPES: tuple[Shape, ...] = ("chatlab", "jsonl")


def dump(archive: Archive) -> dict[str, object]:
    """Everything that an archive says, without where it was read."""
    chats = {}
    for info in archive.conversations():
        if info.messages:
            facts = info.conversation
            said = [replace(message, source="") for message in archive.messages(facts.id)]
            offsets = [message.sent_at.utcoffset() for message in said]
            chats[facts.id] = (facts.platform, facts.name, facts.kind, archive.owner_in(facts.id), said, offsets)
    return chats


def written(archive: Archive, folder: Path, shape: Shape) -> list[Path]:
    paths = []
    for info in archive.conversations():
        if info.messages:
            paths.append(folder / file_name(info.conversation, shape))
            assert export_chat(archive, info.conversation.id, paths[-1], shape=shape) == info.messages
    return paths


def assert_comes_back(archive: Archive, folder: Path) -> None:
    for shape in SHAPES:
        (folder / shape).mkdir()
        paths = written(archive, folder / shape, shape)
        with Archive.open(folder / f"home-{shape}", create=True) as again:
            for path in paths:
                again.add(read_export(path))
            assert dump(again) == dump(archive)
        for path in paths:
            assert archive.add(read_export(path)).added == 0, "an export of ours brings nothing new to where it came from"


@pytest.mark.parametrize("sample", list(samples()), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_sample_comes_back_as_it_was(sample: Path, tmp_path: Path) -> None:
    with Archive.open(tmp_path / "home", create=True) as archive:
        archive.add(read_export(sample, timezone=ZONE))
        assert_comes_back(archive, tmp_path)


WORDS = st.text(max_size=12).map(lambda text: clean(text).strip())
NAMES = st.text(max_size=6).map(clean_name)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3, minutes=-30))])


@st.composite
def messages(draw: st.DrawFn) -> Message:
    text = draw(WORDS)
    kind = draw(st.sampled_from(sorted(Kind)))
    sender = draw(st.sampled_from(["10001", "u_小", "name:小明", "name:"]))
    return Message(
        id=draw(st.from_regex(r"[0-9a-f]{32}(-[1-9])?", fullmatch=True)),
        conversation="qq:hike",
        sender=sender,
        sender_name=draw(NAMES),
        sent_at=datetime(1960, 1, 1, tzinfo=UTC).astimezone(draw(ZONES)) + timedelta(milliseconds=draw(st.integers(0, 10**13 // 4))),
        kind=kind,
        text=text,
        quoted=draw(WORDS),
        reply_to=draw(st.none() | WORDS.filter(bool)),
        source_id=draw(st.none() | WORDS.filter(bool)),
        mentions=tuple(draw(st.lists(NAMES, max_size=2))),
        attachments=tuple(draw(st.lists(NAMES, max_size=2))),
    )


@settings(max_examples=12)
@given(said=st.lists(messages(), min_size=1, max_size=5, unique_by=lambda message: message.id), kind=st.sampled_from(ChatKind), name=NAMES)
def test_whatever_was_said_comes_back(said: list[Message], kind: ChatKind, name: str) -> None:
    chat = Conversation(id="qq:hike", platform="qq", name=name, kind=kind, owner="10001")
    with tempfile.TemporaryDirectory() as folder, Archive.open(Path(folder) / "home", create=True) as archive:
        archive.add([chat, *said])
        assert_comes_back(archive, Path(folder))


def test_an_owner_that_the_user_named_is_told_in_the_file(tmp_path: Path) -> None:
    chat = Conversation(id="qq:hike", platform="qq", name="群", kind=ChatKind.GROUP)
    moment = datetime(2023, 10, 2, tzinfo=UTC)
    said = Message(id="0" * 32, conversation=chat.id, sender="10001", sender_name="小明", sent_at=moment, kind=Kind.TEXT, text="早")
    with Archive.open(tmp_path / "one", create=True) as archive, Archive.open(tmp_path / "two", create=True) as again:
        archive.add([chat, said])
        archive.set_owner(["qq:10001"])
        (path,) = written(archive, tmp_path, "chatlab")
        again.add(read_export(path))
        assert again.owner_ids() == {"qq:10001"}


def test_other_programs_find_what_the_standard_format_says(tmp_path: Path) -> None:
    chat = Conversation(id="qq:group:600100", platform="qq", name="周末/爬山", kind=ChatKind.GROUP, owner="10002")
    moment = datetime(2023, 10, 2, tzinfo=UTC)
    said = Message(
        id="0" * 32,
        conversation=chat.id,
        sender="10001",
        sender_name="小明",
        sent_at=moment,
        kind=Kind.REPLY,
        text="到了",
        quoted="到哪了",
        reply_to="7",
        source_id="8",
    )
    with Archive.open(tmp_path / "home", create=True) as archive:
        archive.add([chat, said])
        (path,) = written(archive, tmp_path, "chatlab")
    assert path.name.startswith("周末_爬山-")
    assert path.stat().st_mode & 0o777 == 0o600
    told = json.loads(path.read_text(encoding="utf-8"))
    assert list(told) == ["chatlab", "meta", "members", "messages"]
    assert (told["meta"]["platform"], told["meta"]["type"], told["meta"]["groupId"], told["meta"]["ownerId"]) == (
        "qq",
        "group",
        "600100",
        "10002",
    )
    assert told["members"] == [{"platformId": "10001", "accountName": "小明"}]
    (row,) = told["messages"]
    assert (row["sender"], row["timestamp"], row["type"], row["content"]) == ("10001", 1696204800, 25, "到了")
    assert (row["platformMessageId"], row["replyToMessageId"]) == ("8", "7")


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    chat = Conversation(id="qq:hike", platform="qq", name="群", kind=ChatKind.GROUP)
    (tmp_path / "there.json").write_text("mine")
    with Archive.open(tmp_path / "home", create=True) as archive:
        archive.add([chat])
        with pytest.raises(FileExistsError):
            export_chat(archive, chat.id, tmp_path / "there.json", shape="chatlab")
    assert (tmp_path / "there.json").read_text() == "mine"
