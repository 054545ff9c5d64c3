"""Databases: Messages' chat.db, bodies in typedstream, late writes beside a database, and what is encrypted and refused."""

import plistlib
import random
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from exports.renew import SAMPLES

from clone_agent.errors import ExportError
from clone_agent.importers import find_exports, read_export
from clone_agent.importers.typedstream import text_of
from clone_agent.records import Message, Skipped

UTC = ZoneInfo("UTC")
CHAT_DB = SAMPLES / "imessage_db" / "chat.db"
BLOBS = Path(__file__).resolve().parents[2] / "shared" / "exports" / "imessage_typedstream"
NOISE = random.Random(11).randbytes(16_384)


def messages_of(path: Path) -> list[Message]:
    return [record for record in read_export(path, timezone=UTC) if isinstance(record, Message)]


def stream(text: str) -> bytes:
    data = text.encode()
    length = bytes([len(data)]) if len(data) < 0x80 else b"\x81" + len(data).to_bytes(2, "little")
    return b"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01@\x84\x84\x84\x08NSString\x01\x94\x84\x01+" + length + data + b"\x86\x84\x02iI\x01\x06"


@pytest.mark.parametrize("text", ["hi", "", "长" * 200, "a" * 127, "a" * 128, "\ufffc照片"])
def test_the_text_of_a_typedstream(text: str) -> None:
    assert text_of(stream(text)) == text


@pytest.mark.parametrize("data", [b"", b"streamtyped", stream("hello")[:-12], stream("hello").replace(b"streamtyped", b"keyedarchiv")])
def test_bytes_that_are_no_typedstream_hold_no_text(data: bytes) -> None:
    assert text_of(data) is None


@pytest.mark.skipif(not BLOBS.is_dir(), reason="no reference samples beside the checkout")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("AttributedBodyTextOnly", "Noter test"),
        ("AttributedBodyTextOnly2", "Test 3"),
        ("URL", "https://github.com/ReagentX/Logria"),
        ("ExtraData", "This is parsing"),
        ("Blank", ""),
    ],
)
def test_the_reference_blobs(name: str, text: str) -> None:
    assert (text_of((BLOBS / name).read_bytes()) or "").strip() == text


def test_late_writes_beside_a_database_are_read(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    shutil.copyfile(CHAT_DB, path)
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("INSERT INTO message(ROWID, guid, text, handle_id, date) VALUES (500, 'late', 'written late', 1, 757000000000000000)")
    writer.commit()
    copied = tmp_path / "copied"
    copied.mkdir()
    for name in ("chat.db", "chat.db-wal"):
        shutil.copyfile(tmp_path / name, copied / name)
    writer.close()
    before = {one.name: one.read_bytes() for one in copied.iterdir()}
    assert {message.text for message in messages_of(copied / "chat.db")} - {message.text for message in messages_of(CHAT_DB)} == {
        "written late"
    }
    assert {one.name: one.read_bytes() for one in copied.iterdir()} == before


def encrypted_files() -> list[tuple[str, bytes, str, str]]:
    return [
        ("MSG0.db", NOISE, "is a database of WeChat that is still encrypted", "WeFlow"),
        ("EnMicroMsg.db", NOISE, "is a database of WeChat that is still encrypted", "mail"),
        ("message_0.db", NOISE, "is a database of WeChat that is still encrypted", "chatlog"),
        ("db.sqlite", NOISE, "is a database of Signal that is still encrypted", "sigtop"),
        ("msgstore.db.crypt15", NOISE, "is an encrypted backup of WhatsApp", "Export chat"),
        ("msgstore-2024-01-02.1.db.crypt14", b"short", "is an encrypted backup of WhatsApp", "Export chat"),
        ("signal-2024-01-02-03-04-05.backup", NOISE, "is an encrypted backup of Signal", "sigtop"),
        ("全部消息记录.bak", NOISE, "is encrypted by QQ for Windows", "消息管理器"),
        (
            "Manifest.plist",
            plistlib.dumps({"IsEncrypted": True, "Version": "10.0"}),
            "belongs to an encrypted backup",
            "without a password",
        ),
        ("D877F783D5D3EF8Cs", b"TDF$" + NOISE, "is Telegram Desktop's own store", "JSON"),
        ("other.db", NOISE, "is an encrypted database, or no database at all", "program itself"),
    ]


@pytest.mark.parametrize(
    ("name", "data", "problem", "remedy"), encrypted_files(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_is_encrypted_is_refused_with_what_to_do(tmp_path: Path, name: str, data: bytes, problem: str, remedy: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ExportError) as error:
        list(read_export(path))
    assert f"{name} {problem}" in error.value.problem
    assert remedy in error.value.remedy


def test_what_is_encrypted_in_a_folder_is_counted_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "msgstore.db.crypt15").write_bytes(NOISE)
    (tmp_path / "notes.txt").write_text("nothing", encoding="utf-8")
    found = {record.source: record.reason for record in find_exports(tmp_path) if isinstance(record, Skipped)}
    assert found == {"msgstore.db.crypt15": "an encrypted backup of WhatsApp", "notes.txt": "no chat export"}


def field(number: int, value: int | bytes) -> bytes:
    """A field of a protobuf message."""
    tag = number << 3 | (0 if isinstance(value, int) else 2)
    return varint(tag) + (varint(value) if isinstance(value, int) else varint(len(value)) + value)


def varint(number: int) -> bytes:
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + varint(number >> 7)


def qqnt(path: Path, rows: list[tuple[str, int, str]], profiles: dict[str, int] | None = None) -> Path:
    """QQNT's database with a private message for each uid, number and words."""
    with closing(sqlite3.connect(path)) as database:
        columns = ("40001", "40003", "40013", "40020", "40021", "40030", "40033", "40050", "40800")
        database.execute("CREATE TABLE c2c_msg_table({})".format(", ".join(f'"{column}"' for column in columns)))
        for place, (uid, number, text) in enumerate(rows, start=1):
            body = field(40800, field(45001, 1) + field(45002, 1) + field(45101, text.encode()))
            row = (place, place, 0, uid, uid, number, number, 1714536000 + place, body)
            database.execute(f"INSERT INTO c2c_msg_table VALUES ({', '.join('?' * len(row))})", row)
        database.commit()
    if profiles is not None:
        with closing(sqlite3.connect(path.with_name("profile_info.db"))) as database:
            database.execute('CREATE TABLE profile_info_v6("1000", "1002", "20002", "20009")')
            database.executemany(
                "INSERT INTO profile_info_v6 VALUES (?, ?, ?, '')", [(uid, number, uid) for uid, number in profiles.items()]
            )
            database.commit()
    return path


def test_the_number_zero_is_nobodys(tmp_path: Path) -> None:
    rows = [("u_a", 0, "我是甲"), ("u_b", 0, "我是乙"), ("u_c", 0, "我是丙")]
    found = messages_of(qqnt(tmp_path / "nt_msg.db", rows, {"u_a": 0, "u_b": 0, "u_c": 10003}))
    told = {one.text: (one.sender, one.sender_name, one.conversation) for one in found}
    assert told == {
        "我是甲": ("u_a", "u_a", "qq:private:u_a"),
        "我是乙": ("u_b", "u_b", "qq:private:u_b"),
        "我是丙": ("10003", "u_c", "qq:private:10003"),
    }


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_damaged_page_costs_its_own_rows(tmp_path: Path, place: float) -> None:
    path = qqnt(tmp_path / "nt_msg.db", [("u_a", 10002, f"第{number}条") for number in range(3000)])
    whole = {one.text for one in messages_of(path)}
    data = bytearray(path.read_bytes())
    at = int(len(data) / 4096 * place) * 4096
    data[at : at + 64] = b"\xee" * 64
    path.write_bytes(data)
    records = list(read_export(path, timezone=UTC))
    kept = [one.text for one in records if isinstance(one, Message)]
    assert set(kept) <= whole
    assert 2900 <= len(set(kept)) == len(kept) < 3000
    assert [one.reason for one in records if isinstance(one, Skipped)] == ["damaged, cannot be decoded"]


def test_no_copy_of_a_database_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / "temporary"
    left.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(left))
    path = qqnt(tmp_path / "nt_msg.db", [("u_a", 10002, f"第{number}条" * 40) for number in range(6000)])
    archive = tmp_path / "backup.zip"
    with zipfile.ZipFile(archive, "w") as files:
        files.write(path, "nt_msg.db")
    assert len(messages_of(archive)) == 6000
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    with pytest.raises(ExportError, match="damaged inside"):
        list(read_export(archive, timezone=UTC))
    assert list(left.iterdir()) == []


def test_what_else_lies_beside_a_database_need_not_be_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = qqnt(tmp_path / "nt_msg.db", [("u_a", 10002, "在吗")])
    (tmp_path / "locked").mkdir()
    as_ever = Path.iterdir

    def denied(folder: Path) -> Iterator[Path]:  # modes of folders do not bind an administrator, who may run this
        if folder.name == "locked":
            raise PermissionError(13, "Permission denied", str(folder))
        return as_ever(folder)

    monkeypatch.setattr(Path, "iterdir", denied)
    assert [one.text for one in messages_of(path)] == ["在吗"]


def test_a_database_without_known_tables_says_so(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE notes(text TEXT)")
    database.close()
    with pytest.raises(ExportError, match=r"notes\.db is a database with tables that no reader knows"):
        list(read_export(path))


def test_the_plain_text_of_chatlog_is_refused_because_it_lacks_dates(tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    path.write_text("小明(wxid_a) 15:04:05\n你好\n\n我(wxid_me) 15:04:09\n嗯\n", encoding="utf-8")
    with pytest.raises(ExportError, match="leaves out dates") as error:
        list(read_export(path))
    assert "format=json" in error.value.remedy
