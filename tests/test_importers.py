"""Every sample reads as the file beside it says, and every way in (file, folder, zip, re-saved, damaged) keeps the messages."""

import codecs
import json
import zipfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from exports.renew import SAMPLES, expectation, found_in, samples

from clone_agent.errors import ExportError, UsageError
from clone_agent.importers import detect, find_exports, read_export
from clone_agent.importers.cleaning import clean
from clone_agent.importers.encoding import find_encoding
from clone_agent.importers.inspect import inspect
from clone_agent.importers.table import FORMATS
from clone_agent.records import ChatKind, Conversation, Kind, Message, Skipped

SHANGHAI = ZoneInfo("Asia/Shanghai")
TITLE = "消息记录（此消息记录为文本格式，不支持重新导入）"
RULE = "=" * 64


def qq_text(*messages: tuple[str, str], peer: str = "周末爬山", list_name: str = "我的QQ群") -> str:
    lines = [TITLE, "", RULE, f"消息分组:{list_name}", RULE, f"消息对象:{peer}", RULE, ""]
    for header, body in messages:
        lines += [header, body, ""]
    return "\r\n".join(lines) + "\r\n"


HIKE = qq_text(("2016-07-19 15:27:15 小明(10001)", "第一行\n第二行"), ("2016-07-19 9:05:03 hiker<abc@example.com>", "[图片]走吧 你们呢"))


def messages_of(path: Path, **options: str) -> list[Message]:
    return [record for record in read_export(path, timezone=SHANGHAI, **options) if isinstance(record, Message)]


def skipped_of(path: Path) -> list[Skipped]:
    return [record for record in read_export(path, timezone=SHANGHAI) if isinstance(record, Skipped)]


def put(folder: Path, text: str | bytes, name: str = "chat.txt") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("sample", list(samples()), ids=lambda sample: sample.relative_to(SAMPLES).as_posix())
def test_a_sample_reads_as_expected(sample: Path) -> None:
    assert found_in(sample) == json.loads(expectation(sample).read_text(encoding="utf-8"))


@pytest.mark.parametrize("sample", list(samples()), ids=lambda sample: sample.relative_to(SAMPLES).as_posix())
def test_exactly_one_format_recognises_a_sample(sample: Path) -> None:
    assert detect(sample).name == sample.relative_to(SAMPLES).parts[0]


def test_every_format_has_a_sample() -> None:
    assert {one.name for one in FORMATS} == {sample.relative_to(SAMPLES).parts[0] for sample in samples()}


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "gbk", "gb18030"],
)
@pytest.mark.parametrize("has_mark", [True, False])
def test_a_resaved_file_gives_the_same_messages(tmp_path: Path, encoding: str, has_mark: bool) -> None:
    marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE, "utf-8": codecs.BOM_UTF8}
    data = (marks.get(encoding, b"") if has_mark else b"") + HIKE.encode(encoding)
    assert messages_of(put(tmp_path, data)) == messages_of(put(tmp_path, HIKE))


def test_a_damaged_utf8_file_is_not_taken_for_gbk() -> None:
    data = bytearray((HIKE * 20).encode())
    data[400] = 0xFF
    assert find_encoding(bytes(data)) == "utf-8"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a\u200bb\u202ec\x00", "abc"),
        ("两半\ud83d\ude00 一半\ud83d", "两半\U0001f600 一半\ufffd"),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\u200d\U0001f469\u200d\U0001f467"),
        ("❤\ufe0f\u200d\U0001f525", "❤\ufe0f\u200d\U0001f525"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\u200cb\u200dc", "abc"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f 藏\U000e0041字", "\U0001f3f4\U000e0067\U000e0062\U000e007f 藏字"),
        ("一\r\n二\r三\u2028四\t五", "一\n二\n三\n四\t五"),
    ],
)
def test_cleaning_keeps_what_carries_meaning(written: str, kept: str) -> None:
    assert clean(written) == kept


def test_genuine_repeats_keep_ids_of_their_own_and_reimports_keep_theirs(tmp_path: Path) -> None:
    path = put(tmp_path, qq_text(*[("2016-07-19 15:27:15 小明(10001)", "六")] * 3))
    first = [message.id for message in messages_of(path)]
    assert len(set(first)) == 3
    assert [message.id for message in messages_of(path)] == first


def test_the_same_group_from_two_exporters_has_the_same_ids(tmp_path: Path) -> None:
    text = put(
        tmp_path,
        qq_text(("2024-03-01 20:00:05 阿宝(30002)", "七点"), ("2024-03-01 20:00:00 老周(30001)", "明天[表情]几点集合"), peer="五一爬山"),
    )
    other = {message.id for message in messages_of(SAMPLES / "qce_json" / "group_v5_dialect.json")}
    assert {message.id for message in messages_of(text)} <= other


def test_chunks_and_single_file_of_a_chat_have_the_same_ids() -> None:
    single = {message.id for message in messages_of(SAMPLES / "qce_json" / "group_v6.json")}
    assert single == {message.id for message in messages_of(SAMPLES / "qce_chunked" / "group_v6_chunked_jsonl")}


def test_an_unknown_file_names_what_can_be_read(tmp_path: Path) -> None:
    path = put(tmp_path, "===\n假装我是文件头\n===\n\n其实只要不是时间开头，是什么都无所谓\n")
    with pytest.raises(ExportError) as error:
        messages_of(path)
    assert error.value.problem == "chat.txt is not recognised."
    assert all(one.name in error.value.remedy for one in FORMATS)
    assert "无所谓" not in str(error.value)


def test_the_format_can_be_named(tmp_path: Path) -> None:
    path = put(tmp_path, "2020-01-01 8:00:00 小明\n早\n\n2020-01-01 8:00:09 阿宝\n早啊\n")
    with pytest.raises(ExportError):
        messages_of(path)
    assert [message.text for message in messages_of(path, format_name="qq_pc_txt")] == ["早", "早啊"]
    with pytest.raises(UsageError, match="There is no format"):
        messages_of(path, format_name="qq")


def test_an_export_without_messages_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="holds no message"):
        messages_of(put(tmp_path, qq_text()))


def test_a_folder_gives_its_exports_and_counts_the_rest(tmp_path: Path) -> None:
    put(tmp_path, HIKE)
    put(tmp_path, "hello", "notes.txt")
    put(tmp_path, b"\xff\xd8\xff", "photo.jpg")
    chunked = SAMPLES / "qce_chunked" / "group_v6_chunked_jsonl"
    for name in ("manifest.json", "avatars.json", "chunks/c000001.jsonl", "chunks/c000002.jsonl"):
        target = tmp_path / "qq" / chunked.name / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((chunked / name).read_bytes())
    (tmp_path / "link.txt").symlink_to(tmp_path / "chat.txt")
    found = list(find_exports(tmp_path))
    assert [path.relative_to(tmp_path).as_posix() for path in found if isinstance(path, Path)] == ["qq/group_v6_chunked_jsonl", "chat.txt"]
    assert [(one.source, one.reason) for one in found if isinstance(one, Skipped)] == [
        ("notes.txt", "no chat export"),
        ("photo.jpg", "no chat export"),
    ]


def test_a_file_that_may_not_be_opened_keeps_nothing_else_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked, readable = put(tmp_path, HIKE, "a.txt"), put(tmp_path, HIKE, "b.txt")
    as_ever = Path.open

    def denied(path: Path, *arguments: Any, **settings: Any) -> Any:  # modes of files do not bind an administrator, who may run this
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return as_ever(path, *arguments, **settings)

    monkeypatch.setattr(Path, "open", denied)
    assert list(find_exports(tmp_path)) == [locked, readable]
    with pytest.raises(ExportError, match="cannot be read"):
        list(read_export(locked))
    assert any(isinstance(one, Message) for one in read_export(readable))


def test_a_zip_is_read_where_it_is(tmp_path: Path) -> None:
    chunked = SAMPLES / "qce_chunked" / "group_v6_chunked_jsonl"
    path = tmp_path / "backup.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("qq/周末爬山.txt", HIKE)
        for part in sorted(chunked.rglob("*")):
            archive.write(part, f"qq/{chunked.name}/{part.relative_to(chunked)}")
        archive.writestr("qq/inner.zip", b"PK\x05\x06" + bytes(18))
        archive.writestr("__MACOSX/qq/._x", b"")
    assert {message.conversation for message in messages_of(path)} == {"qq:group:600100", messages_of(put(tmp_path, HIKE))[0].conversation}
    assert [one.reason for one in skipped_of(path)] == ["a zip inside a zip: unpack it first"]
    assert inspect(path).format == "qce_chunked, qq_pc_txt"


def test_a_conversation_comes_before_its_first_message() -> None:
    for sample in samples():
        known: set[str] = set()
        for record in read_export(sample, timezone=SHANGHAI):
            if isinstance(record, Conversation):
                known.add(record.id)
            assert not isinstance(record, Message) or record.conversation in known


def test_an_early_private_block_learns_its_owner(tmp_path: Path) -> None:
    path = put(
        tmp_path, qq_text(("2016-07-19 15:27:15 阿宝", "在吗"), ("2016-07-19 15:28:15 小虫", "在"), peer="阿宝", list_name="我的好友")
    )
    conversations = [record for record in read_export(path, timezone=SHANGHAI) if isinstance(record, Conversation)]
    assert (conversations[-1].kind, conversations[-1].owner) == (ChatKind.PRIVATE, "name:小虫")


def test_a_manifest_stands_for_its_folder() -> None:
    folder = SAMPLES / "qce_chunked" / "group_v6_chunked_jsonl"
    assert [m.id for m in messages_of(folder / "manifest.json")] == [m.id for m in messages_of(folder)]


def test_a_large_list_of_senders_does_not_hide_the_chunks(tmp_path: Path) -> None:
    folder = SAMPLES / "qce_chunked" / "group_v6_chunked_jsonl"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["statistics"]["senders"] = [{"uid": f"u_{number}", "name": "某人"} for number in range(5_000)]
    (tmp_path / "chunks").mkdir()
    for part in (folder / "chunks").iterdir():
        (tmp_path / "chunks" / part.name).write_bytes(part.read_bytes())
    put(tmp_path, json.dumps(manifest, ensure_ascii=False), "manifest.json")
    assert [m.id for m in messages_of(tmp_path)] == [m.id for m in messages_of(folder)]


def test_a_chunk_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "x_chunked_jsonl"
    (folder / "chunks").mkdir(parents=True)
    good = (SAMPLES / "qce_chunked" / "group_v6_chunked_jsonl" / "chunks" / "c000001.jsonl").read_bytes()
    put(tmp_path, good, "secret.jsonl")
    put(folder / "chunks", good, "c000001.jsonl")
    listed = [{"relativePath": "../secret.jsonl"}, {"relativePath": "chunks/c000001.jsonl"}]
    put(
        folder,
        json.dumps({"metadata": {"name": "QQChatExporter"}, "chatInfo": {"name": "甲"}, "chunked": {"chunks": listed}}),
        "manifest.json",
    )
    assert len(messages_of(folder)) == 5
    assert [one.reason for one in skipped_of(folder)] == ["a chunk that the manifest names is missing"]


def test_a_row_of_control_characters_is_cleaned_and_counted_as_its_kind(tmp_path: Path) -> None:
    message = messages_of(put(tmp_path, qq_text(("2016-07-19 15:27:15 小明(10001)", "\u200b\u202e"))))[0]
    assert (message.kind, message.text) == (Kind.UNKNOWN, "")
