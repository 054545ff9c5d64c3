"""Laws of the importers: never a crash, nothing lost beside the damage, nothing that is stamped disappears."""

import atexit
import csv
import io
import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from exports.renew import samples
from hypothesis import given, settings
from hypothesis import strategies as st
from same_chat import QQ, WECHAT, part_of, scene

from clone_agent.errors import ExportError
from clone_agent.importers import detect, read_export
from clone_agent.importers.encoding import find_encoding
from clone_agent.records import Conversation, Message, Skipped

SHANGHAI = ZoneInfo("Asia/Shanghai")
TITLE = "消息记录（此消息记录为文本格式，不支持重新导入）"
RULE = "=" * 64
FILES = [path for path in samples() if path.is_file()]
TEXTS = {".txt", ".csv", ".json", ".jsonl", ".md", ".html", ".xml", ".mht"}
WORDY = [path for path in FILES if path.suffix in TEXTS - {".jsonl"}]
JSON = [path for path in FILES if path.suffix == ".json"]
TABLES = [path for path in FILES if path.suffix == ".csv"]
COMMAS = [path for path in TABLES if path.read_bytes().count(b'"') % 2 == 0 and b";" not in path.read_bytes()]  # none of damage
WORDS = ("早", "今天下雪了", "[图片]哈哈", "到哪了\n我在楼下", "ok", "@小明 周五见", "（笑）", "12:30 集合", "😂👨\u200d👩\u200d👧", "سلام")


@cache
def folder() -> Path:
    """One for all of them, until the tests end: to make and remove a folder takes longer than to read a file in it."""
    kept = tempfile.TemporaryDirectory()
    atexit.register(kept.cleanup)
    return Path(kept.name)


def records_of(data: bytes, name: str) -> list[object]:
    """What a file's bytes give; an ExportError counts as an answer."""
    path = folder() / "chat" / name  # some exports are called after their folder
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    found: list[object] = []
    with suppress(ExportError):
        found.extend(read_export(path, timezone=SHANGHAI))
    path.unlink()
    return found


def ids(data: bytes, name: str) -> set[str]:
    return {record.id for record in records_of(data, name) if isinstance(record, Message)}


def qq_text(count: int) -> bytes:
    draw = random.Random(count)
    lines = [TITLE, "", RULE, "消息分组:我的QQ群", RULE, "消息对象:周末爬山", RULE, ""]
    for number in range(count):
        who = draw.choice(("小明(10001)", "阿宝(10002)", "hiker<abc@example.com>"))
        lines += [f"2016-07-{1 + number // 1440:02d} {number // 60 % 24}:{number % 60:02d}:07 {who}", f"{draw.choice(WORDS)} {number}", ""]
    return ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()


def qce_json(count: int) -> bytes:
    draw = random.Random(count)
    rows = []
    for number in range(count):
        text = f"{draw.choice(WORDS)} {number}"
        who = draw.choice((("u_a", "10001", "小明"), ("u_b", "10002", "阿宝")))
        content = {"text": text, "html": "", "elements": [{"type": "text", "data": {"text": text}}], "resources": [], "mentions": []}
        sender = dict(zip(("uid", "uin", "name"), who, strict=True))
        rows.append(
            {
                "id": str(7 * 10**18 + number),
                "timestamp": 1704067200000 + number * 1000,
                "sender": sender,
                "type": "type_1",
                "content": content,
            }
        )
    lines = ",\n".join("    " + json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    head = (
        '{\n  "metadata":{"name":"QQChatExporter V5","version":"5.5.77"},\n  "chatInfo":{"name":"群","type":"group","selfUin":"10001"},\n'
    )
    return f'{head}  "messages":[\n{lines}\n  ],\n  "exportOptions":{{}}\n}}\n'.encode()


@pytest.mark.parametrize(("number", "path"), list(enumerate(FILES)), ids=[path.name for path in FILES])
def test_a_sample_cut_anywhere_never_crashes(number: int, path: Path) -> None:
    """At every fifth of 200 places, others in each sample; at all of them in `benchmarks/import_damage.py`."""
    data = path.read_bytes()
    for part in range(number % 5, 200, 5):
        records_of(data[: len(data) * part // 200], path.name)


@settings(max_examples=100)
@given(path=st.sampled_from(FILES), part=st.floats(0, 1))
def test_a_sample_cut_at_any_byte_never_crashes(path: Path, part: float) -> None:
    data = path.read_bytes()
    records_of(data[: int(part * len(data))], path.name)


@settings(max_examples=80)
@given(
    path=st.sampled_from([path for path in FILES if path.suffix in TEXTS]),
    encoding=st.sampled_from(["gb18030", "utf-16", "utf-16-be", "utf-7", "big5", "shift_jis", "cp1252", "utf-32"]),
)
def test_a_sample_in_another_or_a_wrong_encoding_never_crashes(path: Path, encoding: str) -> None:
    text = path.read_bytes().decode("utf-8-sig", "replace")
    records_of(text.encode(encoding, "replace"), path.name)
    records_of(text.encode("utf-8").decode("latin-1").encode("utf-8"), path.name)


def spoken(data: bytes, name: str) -> Counter[tuple[int, str]]:
    """Seconds and words of what a file's bytes give."""
    found = (record for record in records_of(data, name) if isinstance(record, Message))
    return Counter((int(message.sent_at.timestamp()), message.text) for message in found)


def resaved(text: str) -> Iterator[bytes]:
    """What editors, spreadsheets and old disks make of a file without changing a word of it."""
    yield from (text.encode("utf-8"), text.encode("utf-8-sig"), text.encode("gb18030"), text.encode("utf-16-le"))
    yield from (f"\ufeff{text}".encode(encoding) for encoding in ("utf-8-sig", "utf-16-le", "utf-16-be"))
    yield f"\ufeff\r\n\r\n{text}\n\n".encode()
    yield f"\n\n{text}".encode()
    yield text.encode() + b"\x1a" + bytes(500)
    if "\r" not in text:
        yield text.replace("\n", "\r\n").encode()
        yield text.replace("\n", "\r").encode()
    elif text.count("\r\n") == text.count("\n") == text.count("\r"):
        yield text.replace("\r\n", "\n").encode()


@pytest.mark.parametrize("path", WORDY, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_text_says_the_same_in_every_encoding_and_with_every_line_end(path: Path) -> None:
    data = path.read_bytes()
    text = data.decode(find_encoding(data), "replace").removeprefix("\ufeff")
    whole = spoken(data, path.name)
    for number, other in enumerate(resaved(text)):
        assert spoken(other, path.name) == whole, number


def turned(value: Any) -> Any:
    """The same JSON with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(one) for one in value] if isinstance(value, list) else value


def grown(value: Any) -> Any:
    """The same JSON of a later version, which says more in every object."""
    if isinstance(value, dict):
        return {"new": [{"first": 1}], **{key: grown(one) for key, one in value.items()}, "last": None}
    return [grown(one) for one in value] if isinstance(value, list) else value


def told(data: bytes, name: str) -> tuple[Counter[tuple[object, ...]], dict[str, tuple[object, ...]]]:
    """What a file's bytes say of each message, and of each conversation."""
    records = records_of(data, name)
    messages = [record for record in records if isinstance(record, Message)]
    chats = {one.id: (one.name, one.kind, one.owner) for one in records if isinstance(one, Conversation)}
    facts = Counter((one.conversation, one.sent_at, one.sender, one.kind, one.text, one.quoted, one.reply_to) for one in messages)
    return facts, {chat: chats[chat] for chat in {one.conversation for one in messages}}


@pytest.mark.parametrize("path", JSON, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_json_says_the_same_in_whatever_order_its_keys_stand(path: Path) -> None:
    text = path.read_bytes().decode("utf-8-sig")
    try:
        value = json.loads(text)
    except ValueError:
        return  # a sample of damage
    whole = told(path.read_bytes(), path.name)
    for other in (json.dumps(value, indent=2), json.dumps(value, sort_keys=True), json.dumps(turned(value)), json.dumps(grown(value))):
        assert told(other.encode(), path.name) == whole


@pytest.mark.parametrize("path", JSON, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_flipped_letter_in_one_row_does_not_hide_what_wrote_the_file(path: Path) -> None:
    data, name = path.read_bytes(), detect(path).name
    draw = random.Random(path.name)
    known = 0
    for _ in range(12):
        damaged = bytearray(data)
        damaged[draw.randrange(min(len(data), 1500))] = draw.randrange(32, 127)
        with tempfile.TemporaryDirectory() as folder, suppress(ExportError):
            other = Path(folder) / path.name
            other.write_bytes(damaged)
            known += detect(other).name == name
    assert known >= 9


def test_a_chat_inside_a_chat_is_not_taken_for_another_program(tmp_path: Path) -> None:
    forward = {"type": "forward", "data": {"title": "聊天记录", "preview": ["小明: 早"], "messages": []}}
    content = {"text": "[合并转发: 1条]", "elements": [forward]}
    rows = [{"id": "1", "timestamp": 1704067200000, "sender": {"uid": "u_a", "name": "小明"}, "type": "forward", "content": content}]
    path = tmp_path / "group.json"
    path.write_text(json.dumps({"chatInfo": {"name": "群", "type": "group"}, "messages": rows}), encoding="utf-8")
    assert detect(path).name == "qce_json"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "gb18030", "utf-8-sig"])
def test_chunks_that_were_saved_again_say_the_same(tmp_path: Path, encoding: str) -> None:
    sender, without = '"sender":{"uid":"u_a","uin":"10001","name":"小明"}', '"sender":{"uid":"u_a","name":"小明"}'
    rows = [
        f'{{"id":"1","timestamp":1704067200000,{sender},"type":"type_1","content":{{"text":"今天下雪了"}}}}',
        f'{{"id":"2","timestamp":1704067201000,{without},"type":"type_1","content":{{"text":"到哪了"}}}}',
    ]
    chunk = tmp_path / "群_chunked_jsonl" / "chunks" / "c000001.jsonl"
    chunk.parent.mkdir(parents=True)
    (chunk.parent.parent / "manifest.json").write_bytes('{"chatInfo":{"name":"群","type":"group"}}'.encode(encoding))
    chunk.write_bytes("\n".join(rows).encode(encoding))
    for path in (chunk.parent.parent, chunk):
        found = [record for record in read_export(path, timezone=SHANGHAI) if isinstance(record, Message)]
        assert [(message.sender, message.text) for message in found] == [("10001", "今天下雪了"), ("10001", "到哪了")]


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("path", COMMAS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_table_says_the_same_with_another_separator(path: Path, separator: str) -> None:
    data = path.read_bytes()
    rows = csv.reader(io.StringIO(data.decode(find_encoding(data)).removeprefix("\ufeff"), newline=""))
    other = io.StringIO(newline="")
    csv.writer(other, delimiter=separator).writerows(rows)
    assert spoken(other.getvalue().encode(), path.name) == spoken(data, path.name)


@pytest.mark.parametrize("above", ["\n\n", ",,,\r\n", '"","",""\n', "sep=,\n", "\ufeff\r\n  \r\n"])
@pytest.mark.parametrize("path", TABLES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_rows_without_anything_above_the_columns_are_no_columns(path: Path, above: str) -> None:
    data = path.read_bytes()
    text = data.decode(find_encoding(data)).removeprefix("\ufeff")
    assert spoken(f"{above}{text}".encode(), path.name) == spoken(data, path.name)


@settings(max_examples=150)
@given(
    path=st.sampled_from(FILES), flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6)
)
def test_flipped_bytes_never_crash(path: Path, flips: list[tuple[float, int]]) -> None:
    data = bytearray(path.read_bytes())
    for place, value in flips:
        data[int(place * len(data))] = value
    records_of(bytes(data), path.name)


@settings(max_examples=60)
@given(junk=st.binary(max_size=300), path=st.sampled_from(FILES), place=st.floats(0, 1))
def test_junk_in_the_middle_never_crashes(junk: bytes, path: Path, place: float) -> None:
    data = path.read_bytes()
    cut = int(place * len(data))
    records_of(data[:cut] + junk + data[cut:], path.name)


@pytest.mark.parametrize(("data", "name"), [(qq_text(600), "chat.txt"), (qce_json(600), "chat.json")])
def test_a_cut_keeps_every_whole_message_before_it(data: bytes, name: str) -> None:
    whole = [record.id for record in records_of(data, name) if isinstance(record, Message)]
    assert len(whole) == 600
    for part in range(20, 200, 3):
        cut = len(data) * part // 200
        kept = [record.id for record in records_of(data[:cut], name) if isinstance(record, Message)]
        assert kept[:-1] == whole[: len(kept) - 1]
        assert len(kept) >= 600 * part // 200 - 12


@pytest.mark.parametrize(("data", "name"), [(qq_text(600), "chat.txt"), (qce_json(600), "chat.json")])
def test_a_flipped_byte_costs_at_most_the_messages_that_it_touches(data: bytes, name: str) -> None:
    whole = ids(data, name)
    draw = random.Random(7)
    for _ in range(60):
        damaged = bytearray(data)
        damaged[draw.randrange(1200, len(data))] ^= 1 << draw.randrange(8)
        assert len(whole - ids(bytes(damaged), name)) <= 3


LAID = {
    f"{name} as {program}": next(iter(write(part_of(scene(name), 0, 220)).items()))
    for name, family in (("hiking", QQ), ("mum", WECHAT))
    for program, write in family.items()
}
HEAD = 1500  # bytes with the name of the chat and the columns, which every message hangs on


@pytest.mark.parametrize("title", LAID)
def test_of_every_program_a_flipped_byte_costs_at_most_the_messages_that_it_touches(title: str) -> None:
    path, data = LAID[title]
    whole = spoken(data, path.name)
    draw = random.Random(title)
    for _ in range(12):
        damaged = bytearray(data)
        damaged[draw.randrange(HEAD, len(data))] ^= 1 << draw.randrange(8)
        assert (whole - spoken(bytes(damaged), path.name)).total() <= 3


@pytest.mark.parametrize("title", LAID)
def test_of_every_program_a_cut_keeps_what_stands_before_it(title: str) -> None:
    path, data = LAID[title]
    whole = spoken(data, path.name)
    for part in range(3, 20, 2):
        kept = spoken(data[: len(data) * part // 20], path.name)
        assert (kept - whole).total() <= 1, "the message that was cut through"
        assert kept.total() >= whole.total() * part // 20 - whole.total() // 10


def test_every_stamped_line_of_a_text_becomes_a_message_or_is_counted() -> None:
    lines = qq_text(200).decode().split("\r\n")
    draw = random.Random(3)
    stamped = 0
    for number, line in enumerate(lines):
        if line.startswith("2016-"):
            stamped += 1
            if draw.random() < 0.2:
                lines[number] = line.replace("2016-07", "2016-19")
    records = records_of("\r\n".join(lines).encode(), "chat.txt")
    assert sum(isinstance(record, Message | Skipped) for record in records) == stamped


@settings(max_examples=40)
@given(bodies=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r[@（("), max_size=40), min_size=1, max_size=12))
def test_whatever_people_write_every_message_stays_one(bodies: list[str]) -> None:
    lines = [TITLE, "", RULE, "消息分组:我的QQ群", RULE, "消息对象:周末爬山", RULE, ""]
    for number, body in enumerate(bodies):
        lines += [f"2016-07-19 8:00:{number:02d} 小明(10001)", body, ""]
    found = [record for record in records_of("\r\n".join(lines).encode(), "chat.txt") if isinstance(record, Message)]
    assert [message.sent_at.second for message in found] == list(range(len(bodies)))


def test_an_import_twice_gives_the_same_ids() -> None:
    for path in FILES:
        assert ids(path.read_bytes(), path.name) == ids(path.read_bytes(), path.name)


def test_overlapping_exports_share_the_ids_of_what_they_share() -> None:
    data = qce_json(300)
    rows = data.split(b",\n    {")
    later = rows[0].split(b'    {"id"')[0] + b"    {" + b",\n    {".join(rows[150:])
    assert ids(later, "later.json") == {record.id for record in records_of(data, "all.json")[1:] if isinstance(record, Message)} & ids(
        later, "later.json"
    )
    assert len(ids(later, "later.json")) == 150
