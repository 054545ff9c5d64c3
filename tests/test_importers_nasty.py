"""Files that are no chats, mishandled chats, impossible dates: each ends in messages, a counted skip, or an error that helps."""

import os
import zipfile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from exports.renew import SAMPLES

from clone_agent.archive import Archive
from clone_agent.errors import ExportError
from clone_agent.importers import find_exports, read_export
from clone_agent.importers.inspect import inspect
from clone_agent.records import Message, Skipped

ZONE = ZoneInfo("America/New_York")
CHAT = "[13/01/2024, 15:05:06] Alice: hello\n[13/01/2024, 15:05:07] Bob: hi\n"


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def packed(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "problem", "remedy"),
    [
        ("chat.txt", b"", "is empty", "Export the chat again"),
        ("chat.json", b"\xef\xbb\xbf \r\n", "is empty", "synchronised folder"),
        ("chat.zip", b"", "is empty", "Export the chat again"),
        ("chat.txt", b"\0" * 5000, "is empty", "Export the chat again"),
        ("chat.7z", b"7z\xbc\xaf\x27\x1c" + bytes(range(256)), "is packed", "Unpack it"),
        ("chat.tar.gz", b"\x1f\x8b\x08\0" + bytes(range(256)), "is packed", "Only zips are opened"),
        ("chat.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "is an Office document", "CSV"),
        ("chat.pdf", b"%PDF-1.7 and more", "is a PDF", "as text or JSON"),
        ("my.csv", b"a,b,c\n1,2,3\n", "is not recognised", "--columns time="),
    ],
)
def test_what_is_no_chat_is_named_with_what_to_do(tmp_path: Path, name: str, data: bytes, problem: str, remedy: str) -> None:
    with pytest.raises(ExportError, match=problem) as error:
        list(read_export(put(tmp_path / name, data), timezone=ZONE))
    assert remedy in (error.value.remedy or "")


def test_a_workbook_is_named_though_it_is_a_zip(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="Office document"):
        list(read_export(packed(tmp_path / "chat.xlsx", **{"xl/workbook.xml": b"<x/>"}), timezone=ZONE))


def test_a_zip_of_zips_says_to_unpack_it(tmp_path: Path) -> None:
    inner = packed(tmp_path / "inner.zip", **{"_chat.txt": CHAT.encode()})
    with pytest.raises(ExportError) as error:
        list(read_export(packed(tmp_path / "outer.zip", **{"inner.zip": inner.read_bytes()}), timezone=ZONE))
    assert "Unpack it and import the folder" in (error.value.remedy or "")


def test_a_pipe_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "chat.txt")
    with pytest.raises(ExportError, match="no file"):
        list(read_export(tmp_path / "chat.txt", timezone=ZONE))


def test_a_folder_with_all_of_them_counts_each(tmp_path: Path) -> None:
    put(tmp_path / "empty.txt", b"")
    put(tmp_path / "old.rar", b"Rar!\x1a\x07\0 and more")
    packed(tmp_path / "table.xlsx", **{"xl/workbook.xml": b"<x/>"})
    put(tmp_path / "_chat.txt", CHAT.encode())
    found = list(find_exports(tmp_path))
    assert sorted(one.reason for one in found if isinstance(one, Skipped)) == ["an Office document", "empty", "packed"]
    assert [one.name for one in found if isinstance(one, Path)] == ["_chat.txt"]


TEXTS = (
    "qce_json/group_v6.json",
    "qce_txt/private_v6.txt",
    "telegram_json/personal_chat.json",
    "chatlab/group.jsonl",
    "line_txt/zh_private.txt",
)


@pytest.mark.parametrize("name", TEXTS)
def test_two_byte_order_marks_and_a_wrong_suffix_cost_nothing(tmp_path: Path, name: str) -> None:
    data = (SAMPLES / name).read_bytes().removeprefix(b"\xef\xbb\xbf")
    whole = sum(isinstance(one, Message) for one in read_export(SAMPLES / name, timezone=ZONE))
    path = put(tmp_path / "export.bak", b"\xef\xbb\xbf\xef\xbb\xbf" + data)
    assert sum(isinstance(one, Message) for one in read_export(path, timezone=ZONE)) == whole > 0


def test_impossible_years_are_counted_and_spoil_no_date(tmp_path: Path) -> None:
    rows = "0001-01-01 00:00:00,a,b\n9999-12-31 23:59:59,a,b\n2024-01-02 03:04:05,a,b\n"
    path = put(tmp_path / "chat.csv", f"time,sender,text\n{rows}".encode())
    with Archive.open(tmp_path / "home", create=True) as archive:
        report = archive.add(read_export(path, timezone=ZONE))
        assert (report.messages, report.skipped) == (1, {"impossible time stamp": 2})
        (info,) = archive.conversations()
        assert info.first == info.last
    seen = inspect(path, timezone=ZONE)
    assert (seen.chats[0].messages, seen.skipped) == (1, {"impossible time stamp": 2})
    assert len(list(seen.messages())) == 1
