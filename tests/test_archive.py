"""The archive keeps every message once, whoever exports it and however often."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from clone_agent.archive import Archive
from clone_agent.errors import LockedError, NoHomeError, StoreError
from clone_agent.home import DataHome
from clone_agent.records import ChatKind, Conversation, Kind, Message, Skipped

START = datetime(2023, 10, 2, 21, 4, tzinfo=UTC)
CHAT = Conversation(id="qq:hike", platform="qq", name="周末爬山", kind=ChatKind.GROUP)


def message(number: int, sender: str = "10001", name: str = "小明", text: str = "到黄山了", *, chat: str = CHAT.id) -> Message:
    return Message(
        id=f"{chat}-{number}",
        conversation=chat,
        sender=sender,
        sender_name=name,
        sent_at=START + timedelta(minutes=number),
        kind=Kind.TEXT,
        text=text,
        mentions=("10002",),
        source=f"chat.txt:{number}",
    )


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.open(tmp_path, create=True) as opened:
        yield opened


def test_importing_twice_adds_nothing(archive: Archive) -> None:
    records = [CHAT, *(message(number) for number in range(12_000))]
    first = archive.add(records)
    second = archive.add(records)
    assert (first.added, second.added, second.messages) == (12_000, 0, 12_000)


def test_a_message_comes_back_as_it_went_in(archive: Archive) -> None:
    archive.add([CHAT, message(1)])
    assert list(archive.messages(CHAT.id)) == [message(1)]


def test_times_before_1970_and_their_offsets_survive(archive: Archive) -> None:
    zone = datetime(1883, 3, 7, 11, 22, 33).astimezone().tzinfo
    early = message(1)
    early = Message(**{name: getattr(early, name) for name in early.__slots__} | {"sent_at": datetime(1883, 3, 7, 11, 22, tzinfo=zone)})
    archive.add([CHAT, early])
    assert next(archive.messages(CHAT.id)).sent_at == early.sent_at


def test_skipped_pieces_are_counted_by_reason(archive: Archive) -> None:
    report = archive.add([CHAT, message(1), Skipped(source="a:1", reason="no time stamp"), Skipped(source="a:9", reason="no time stamp")])
    assert report.skipped == {"no time stamp": 2}


def test_the_latest_name_is_shown_and_all_are_known(archive: Archive) -> None:
    archive.add([CHAT, message(2, name="诺诺今天减肥了吗"), message(1, name="一诺千斤")])
    (person,) = archive.people()
    assert (person.name, sorted(person.names)) == ("诺诺今天减肥了吗", ["一诺千斤", "诺诺今天减肥了吗"])


def test_namesakes_in_one_chat_are_told_apart(archive: Archive) -> None:
    archive.add([CHAT, message(1, "71200350"), message(2, "71299981"), message(3, "60014477", "老郑")])
    names = [turn.speaker_name for session in archive.sessions(CHAT.id) for turn in session.turns]
    assert names == ["小明(0350)", "小明(9981)", "老郑"]


def test_an_owner_named_by_one_export_is_known_in_the_next(archive: Archive) -> None:
    private = Conversation(id="qq:p", platform="qq", name="小明", kind=ChatKind.PRIVATE, owner="20010417")
    archive.add([private, message(1, chat=private.id)])
    archive.add([CHAT, message(2, "20010417", "晚风")])
    assert archive.owner_ids() == {"qq:20010417"}
    assert archive.persona().name == "晚风"


def test_a_later_export_does_not_forget_the_owner_that_the_user_chose(archive: Archive) -> None:
    archive.add([CHAT, message(1)])
    archive.set_owner(["qq:10001"])
    archive.add([CHAT, message(2, "10002", "晚风")])
    assert archive.owner_ids() == {"qq:10001"}


def test_choosing_another_owner_makes_the_chats_stale(archive: Archive) -> None:
    archive.add([CHAT, message(1), message(2, "10002", "晚风")])
    before = archive.conversations()[0].revision
    archive.set_owner(["qq:10002"])
    assert archive.conversations()[0].revision > before
    assert archive.owner_ids() == {"qq:10002"}


def test_the_messages_around_one_stand_in_time_order(archive: Archive) -> None:
    archive.add([CHAT, *(message(number, text=str(number)) for number in range(10))])
    assert [found.text for found in archive.around(f"{CHAT.id}-5", before=2, after=1)] == ["3", "4", "5", "6"]
    assert archive.around("gone") == []


def test_messages_are_found_by_id_in_the_order_asked_for(archive: Archive) -> None:
    archive.add([CHAT, *(message(number) for number in range(4))])
    assert [found.id for found in archive.messages_by_id([f"{CHAT.id}-3", "gone", f"{CHAT.id}-0"])] == [f"{CHAT.id}-3", f"{CHAT.id}-0"]


def test_files_are_for_the_user_alone(archive: Archive, tmp_path: Path) -> None:
    archive.add([CHAT, message(1)])
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.glob("archive.sqlite3*")} == {"0o600"}


def test_no_home_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(NoHomeError, match="clone-agent import"):
        Archive.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_damaged_archive_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    Archive.open(tmp_path, create=True).close()
    (tmp_path / "archive.sqlite3").write_bytes(b"not a database" * 500)
    with pytest.raises(StoreError, match="import the exports again"):
        Archive.open(tmp_path)


def test_a_second_owner_of_the_home_is_refused_naming_the_first(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from clone_agent.home import DataHome
with DataHome(Path({str(tmp_path)!r})).lock():
    print("ok", flush=True)
    input()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(LockedError, match=str(other.pid)), DataHome(tmp_path).lock():
            pass
        other.kill()
    with DataHome(tmp_path).lock():
        pass


def test_a_killed_import_keeps_its_batches_and_a_second_run_adds_the_rest(tmp_path: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_archive import CHAT, message
from clone_agent.archive import Archive
def records():
    yield CHAT
    for number in range(20_000):
        if number == 13_000:
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
        yield message(number)
Archive.open(Path({str(tmp_path)!r}), create=True).add(records())
"""
    killed = subprocess.run([sys.executable, "-c", script], check=False, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    assert killed.returncode == -signal.SIGKILL
    with Archive.open(tmp_path) as archive:
        kept = archive.conversations()[0].messages
        assert kept == 10_000
        assert archive.add([CHAT, *(message(number) for number in range(20_000))]).added == 20_000 - kept


def test_an_id_or_a_line_of_many_digits_is_looked_for_like_any_other(archive: Archive) -> None:
    digits = "0" * 4 + "7" * 28
    archive.add([CHAT, message(1), replace(message(2), id=digits)])
    found = archive.find_message(digits)
    assert found is not None
    assert found.id == digits
    assert archive.find_message(digits.replace("7", "8")) is None
    for many in (30, 5000):  # Python itself reads no number of more than 4300 digits
        last = archive.find_message(f"chat.txt:{'9' * many}")
        assert last is not None
        assert last.id == digits, "a line beyond the end belongs to the last message"


def test_a_chat_begins_and_ends_on_the_days_that_its_people_saw(archive: Archive) -> None:
    shanghai, berlin = timezone(timedelta(hours=8)), timezone(timedelta(hours=2))
    first, last = datetime(2023, 10, 3, 0, 30, tzinfo=shanghai), datetime(2023, 10, 4, 1, 0, tzinfo=berlin)
    archive.add([CHAT, replace(message(1), sent_at=last), replace(message(2), sent_at=first)])
    (info,) = archive.conversations()
    assert info.first is not None
    assert info.last is not None
    assert (info.first.isoformat(), info.last.isoformat()) == (first.isoformat(), last.isoformat())


def test_a_message_at_the_very_end_of_a_second_stays_in_it(archive: Archive) -> None:
    late = replace(message(1), sent_at=START.replace(microsecond=999_900))
    archive.add([CHAT, late])
    assert next(archive.messages(CHAT.id)).sent_at == START.replace(microsecond=999_000)
