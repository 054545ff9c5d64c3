"""A zip that is made to hurt is refused fast, and nothing of any zip is written to the disk."""

import io
import json
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from clone_agent.errors import ExportError
from clone_agent.importers import find_exports, read_export
from clone_agent.records import Conversation, Message

CHAT = "消息分组:我的好友\n消息对象:阿宝\n\n2016-07-19 15:27:15 阿宝\n在吗\n"


def zipped(folder: Path, files: dict[str, bytes | str], *, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder / "export.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ExportError) as error:
        list(read_export(path))
    assert error.value.remedy
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    return error.value.problem


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"chat.txt": CHAT.encode() + b"\0" * (40 << 20)})
    assert path.stat().st_size < 1 << 20
    assert refusal(path) == "export.zip unpacks to more than 200 times its size."


def test_a_bomb_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"chat.txt": CHAT.encode() + b"\n2016-07-19 15:27:15 x\n" * (1 << 20)})
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 5_000)  # the size that the list of files claims
    path.write_bytes(bytes(data))
    with pytest.raises(ExportError):
        list(read_export(path))


@pytest.mark.parametrize("name", ["../chat.txt", "/etc/chat.txt", "a/../../chat.txt", "C:\\chat.txt", "a\\..\\..\\chat.txt"])
def test_names_that_lead_outside_are_refused(tmp_path: Path, name: str) -> None:
    assert refusal(zipped(tmp_path, {name: CHAT})) == "export.zip holds names that lead outside of it."


def test_links_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    link = zipfile.ZipInfo("chat.txt")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert refusal(path) == "export.zip holds links."


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(30_000):
            archive.writestr(zipfile.ZipInfo(f"{number}.txt"), b"")
    assert refusal(path) == "export.zip holds more than 20,000 files."


def test_pictures_beside_a_chat_do_not_count_as_exports_up_to_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Ben.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_chat.txt", "[13/01/2024, 3:05:06 PM] Ann: one\r\n[13/01/2024, 3:05:07 PM] Ben: two\r\n")
        for number in range(25_000):
            archive.writestr(zipfile.ZipInfo(f"{number:08d}-PHOTO-2024-01-13-15-05-06.jpg"), b"")
    assert sum(isinstance(record, Message) for record in read_export(path)) == 2


def test_a_crowd_is_refused_before_its_list_is_read_whatever_its_names_are(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("0.jpg"), b"")
    data = path.read_bytes()
    at, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    entry, last = data[at:end], bytearray(data[end:])
    last[8:12] = struct.pack("<HH", 0xFFFF, 0xFFFF)
    last[12:16] = struct.pack("<I", len(entry) * 100_000)
    path.write_bytes(data[:at] + entry * 100_000 + last)
    assert refusal(path) == "export.zip holds more than 90,000 files."


def test_a_zip_of_zips_is_not_opened(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("chat.txt", CHAT)
    assert refusal(zipped(tmp_path, {"inner.zip": inner.getvalue()})) == "export.zip holds no message that can be read."


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"chat.txt": CHAT})
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    assert refusal(path) == "export.zip is locked with a password."


def test_a_damaged_zip_is_an_error_and_no_crash(tmp_path: Path) -> None:
    data = zipped(tmp_path, {f"chat{number}.txt": CHAT * 30 for number in range(3)}).read_bytes()
    path = tmp_path / "export.zip"
    for place in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        path.write_bytes(bytes(damaged))
        with suppress(ExportError):
            list(read_export(path))


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_file_in_a_zip_is_named_whatever_it_is_packed_with(tmp_path: Path, compression: int) -> None:
    data = bytearray(zipped(tmp_path, {"chat.txt": CHAT * 300}, compression=compression).read_bytes())
    data[60:90] = b"\xff" * 30
    (tmp_path / "export.zip").write_bytes(data)
    assert refusal(tmp_path / "export.zip") == "export.zip is damaged inside."


def test_a_damaged_name_before_a_file_is_an_error_and_no_crash(tmp_path: Path) -> None:
    data = bytearray(zipped(tmp_path, {"聊天.txt": CHAT}).read_bytes())
    data[30] = 0xFF
    (tmp_path / "export.zip").write_bytes(data)
    assert refusal(tmp_path / "export.zip") == "export.zip holds a file that cannot be unpacked."


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
@pytest.mark.parametrize("separator", ["/", "\\"])
def test_names_that_windows_wrote_are_read_as_they_were(tmp_path: Path, encoding: str, separator: str) -> None:
    inside = separator.join(("聊天记录", "小红(wxid_red)", "小红.csv")).encode(encoding)
    rows = "消息ID,类型,发送人,时间,内容,备注,昵称,更多信息\n1,文本,小红,2024-02-01 10:00:00,在吗,小红,小红,\n"
    path = zipped(tmp_path, {"x" * len(inside): rows})
    path.write_bytes(path.read_bytes().replace(b"x" * len(inside), inside))  # unmarked, as the system's own zipper writes it
    records = list(read_export(path))
    (chat,) = {record.id for record in records if isinstance(record, Conversation)}
    (message,) = [record for record in records if isinstance(record, Message)]
    assert (chat, message.sender, message.sender_name) == ("wechat:wxid_red", "wxid_red", "小红")


DISCORD_ROW = {"ID": 1188, "Timestamp": "2024-01-01 00:00:00", "Contents": "hi", "Attachments": ""}
GOOGLE_ROW = {"creator": {"name": "Me", "email": "me@example.org"}, "created_date": "Friday, 29 May 2026 at 15:00:29 UTC", "text": "hi"}
PACKAGES = {
    "discord": {
        "account/user.json": {"id": "7", "username": "ann", "global_name": "Ann"},
        "messages/c123/channel.json": {"id": "123", "type": 1, "name": "general"},
        "messages/c123/messages.json": [DISCORD_ROW],
    },
    "discord of today": {
        "Account/user.json": {"id": "7", "username": "ann"},
        "Messages/c123/channel.json": {"id": "123", "type": "DM"},
        "Messages/c123/messages.json": [DISCORD_ROW],
    },
    "google chat": {
        "Takeout/Google Chat/Users/User 1/user_info.json": {"user": {"name": "Me", "email": "Me@example.org"}},
        "Takeout/Google Chat/Groups/DM abc/group_info.json": {
            "members": [{"name": "Me", "email": "me@example.org"}, {"name": "Ann", "email": "ann@example.org"}]
        },
        "Takeout/Google Chat/Groups/DM abc/messages.json": {"messages": [GOOGLE_ROW]},
    },
}


@pytest.mark.parametrize("name", PACKAGES)
def test_an_unpacked_package_reads_as_its_zip_does(tmp_path: Path, name: str) -> None:
    files = {place: json.dumps(content) for place, content in PACKAGES[name].items()}
    folder = tmp_path / "unpacked"
    for place, text in files.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text, encoding="utf-8")
    exports = [one for one in find_exports(folder) if isinstance(one, Path)]
    unpacked = [record for path in exports for record in read_export(path)]
    packed = list(read_export(zipped(tmp_path, dict(files))))
    for kind in (Conversation, Message):
        assert [one for one in unpacked if isinstance(one, kind)] == [one for one in packed if isinstance(one, kind)]
    owner = "me@example.org" if name == "google chat" else "7"
    assert [one.owner for one in packed if isinstance(one, Conversation)][-1] == owner
    assert [one.sender for one in unpacked if isinstance(one, Message)] == [owner]


def test_what_lies_above_an_export_by_chance_is_not_its_owner(tmp_path: Path) -> None:
    for place, content in {"account/user.json": {"id": "7"}, "messages.json": [DISCORD_ROW]}.items():
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(json.dumps(content), encoding="utf-8")
    assert [one.sender for one in read_export(tmp_path / "messages.json") if isinstance(one, Message)] == ["name:me"]
