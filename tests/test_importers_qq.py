"""QQ's exports: whose words are whose, also where people write like the program or a file is damaged."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clone_agent.importers import read_export
from clone_agent.importers.qq_pc_bodies import read_body
from clone_agent.records import ChatKind, Conversation, Kind, Message, Skipped

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    "written",
    [
        "结束后我们视频聊天",
        "取消晚上的视频聊天吧",
        "我拒绝视频通话",
        "视频聊天 10点开始",
        "视频聊天 10分钟就好",
        "语音聊天结束再吃饭",
        "无应答是因为我在视频聊天",
        "通话时长太短了",
        "我看到她撤回了一条消息",
        "你撤回了一条消息并不代表我没看到",
        "恭喜发财，加我QQ",
        "你已接收那个文件了吗",
        "取消发送这个文件吧",
        "我想发送一个窗口抖动试试",
    ],
)
def test_what_people_say_of_calls_and_files_is_theirs(written: str) -> None:
    assert read_body(written) == (Kind.TEXT, written)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("语音通话 时长 03:21", Kind.CALL),
        ("视频聊天 时长：5分20秒", Kind.CALL),
        ("通话时长 01:02:03", Kind.CALL),
        ("对方已取消了语音通话[图片]", Kind.CALL),
        ("你已拒绝了视频聊天", Kind.CALL),
        ("未接听语音通话", Kind.CALL),
        ("视频通话 对方无应答", Kind.CALL),
        ("[语音通话] 00:32", Kind.CALL),
        ("你撤回了一条消息", Kind.SYSTEM),
        ("对方撤回了一条消息", Kind.SYSTEM),
        ("[图片]对方已成功接收了你发送的离线文件“a.docx”。", Kind.SYSTEM),
        ("[图片]你已下载文件“b.zip” 打开文件", Kind.SYSTEM),
        ("成功接收文件“a.docx”，打开所在文件夹", Kind.SYSTEM),
        ("[QQ红包]请使用新版手机QQ查收红包。", Kind.RED_PACKET),
        ("[QQ红包]我发了一个“口令红包”，请使用新版手机QQ查收红包。", Kind.RED_PACKET),
        ("恭喜发财，请使用新版手机QQ查收", Kind.RED_PACKET),
        ("对方向您发送了一个窗口抖动。", Kind.UNKNOWN),
    ],
)
def test_what_the_program_says_is_nobodys(written: str, kind: Kind) -> None:
    assert read_body(written) == (kind, "")


QCE_TOP = "[QQChatExporter V5 / https://github.com/shuakami/qq-chat-exporter]\n\n聊天名称: 测试群\n聊天类型: 群聊\n消息总数: 2\n\n\n"
ROW = {"sender": {"uid": "u_alice", "uin": "11111", "name": "Alice"}, "recalled": False, "system": False}


def put(folder: Path, content: str | bytes | dict[str, Any], name: str) -> Path:
    path = folder / name
    text = content if isinstance(content, str | bytes) else json.dumps(content, ensure_ascii=False)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path: Path) -> tuple[list[Message], list[str]]:
    """The messages of an export, and why pieces of it were skipped."""
    records = list(read_export(path, timezone=ZONE))
    return [one for one in records if isinstance(one, Message)], [one.reason for one in records if isinstance(one, Skipped)]


def qce(*rows: dict[str, Any], **info: Any) -> dict[str, Any]:
    told = [ROW | {"id": str(number), "timestamp": 1704067440000 + number * 1000} | row for number, row in enumerate(rows)]
    return {"metadata": {"name": "QQChatExporter V5 / x"}, "chatInfo": {"name": "测试群", "type": "group"} | info, "messages": told}


def file(kind: str, name: str) -> dict[str, Any]:
    return {"type": kind, "data": {"filename": name, "size": 1}}


def said(text: str, *elements: dict[str, Any]) -> dict[str, Any]:
    return {"text": text, "elements": [{"type": "text", "data": {"text": text}}, *elements], "resources": [], "mentions": []}


REPLIES = [  # what is written, the quote as the export tells it elsewhere, own words, the quote
    ("[回复消息]看这个[图片:a.png]\n第二行", "原话", "看这个\n第二行", "原话"),
    ("[回复消息]我觉得[1]\n和[2]都行", "问", "我觉得[1]\n和[2]都行", "问"),
    ("[回复 Bob: 原话]好[图片: a.png]\n行", "", "好\n行", "原话"),
    ("[回复 Bob: 看[图片]吗]\n好[1]\n行", "", "好[1]\n行", "看[图片]吗"),
    ("[回复 Bob: 难:] 过]\n好", "", "好", "难:] 过"),
    ("[回复 Bob: a[b]\n好", "", "好", "a[b"),
    ("[回复 [龙王] A:B: x]\n[y]\n好", "x]\n[y", "好", "x]\n[y"),
]


@pytest.mark.parametrize(("written", "told", "words", "quoted"), REPLIES)
def test_a_reply_keeps_every_line_of_its_own(tmp_path: Path, written: str, told: str, words: str, quoted: str) -> None:
    listed = f"\n回复: 01-01 08:00 Bob - {told}" if told else ""
    text = f"{QCE_TOP}Alice:\n时间: 2024-01-01 08:01:40\n内容: {written}{listed}\n"
    (message,), skipped = read(put(tmp_path, text, "chat.txt"))
    assert (message.kind, message.text, message.quoted, skipped) == (Kind.REPLY, words, quoted, [])
    reply = {"type": "reply", "data": {"messageId": "9", "senderName": "Bob", "content": told}}
    files = [file("image", "a.png")] if "a.png" in written else []
    (row,), _ = read(put(tmp_path, qce({"type": "type_3", "content": said(written, reply, *files)}), "chat.json"))
    assert (row.kind, row.text) == (Kind.REPLY, words)


@pytest.mark.parametrize(
    ("written", "kind", "name", "words"),
    [
        ("[文件: report[1].pdf]", "file", "report[1].pdf", ""),
        ("[文件:a[1].pdf]", "file", "a[1].pdf", ""),
        ("看[视频: [字幕组][01].mp4]", "video", "[字幕组][01].mp4", "看"),
        ("[图片: a].png]好[1]", "image", "a].png", "好[1]"),
    ],
)
def test_brackets_in_the_name_of_a_file_are_no_words(tmp_path: Path, written: str, kind: str, name: str, words: str) -> None:
    types = {"file": "type_8", "video": "type_7", "image": "type_1"}
    (row,), _ = read(put(tmp_path, qce({"type": types[kind], "content": said(written, file(kind, name))}), "chat.json"))
    listed = f"资源: 1 个文件\n  - {kind}: {name}"
    text = f"{QCE_TOP}Alice:\n时间: 2024-01-01 08:01:40\n内容: {written}\n{listed}\n"
    (message,), _ = read(put(tmp_path, text, "chat.txt"))
    for one in (row, message):
        assert (one.kind, one.text, one.attachments) == (Kind.TEXT if words else Kind(kind), words, (name,))


def words(number: int, *elements: dict[str, Any], who: str = "alice", **more: Any) -> dict[str, Any]:
    numbers = {"alice": "11111", "me": "10000", "bob": "22222"}
    sender = {"uid": f"u_{who}", "uin": numbers[who], "name": who.title()} | more
    return {"type": "type_11" if elements else "type_1", "sender": sender, "content": said(f"第{number}句", *elements)}


STRANGERS = [
    {"id": f"x{n}", "sender": {"uid": f"u_{n % 2}", "uin": f"9999{n % 2}", "name": "S"}, "content": {"text": "s"}} for n in range(6)
]
FORWARD = {"type": "forward", "data": {"title": "聊天记录", "messages": STRANGERS}}
OWNER = {"selfUid": "u_me", "selfUin": "10000"}


@pytest.mark.parametrize("told", [{"type": "private"}, {"type": ""}])
def test_a_private_chat_is_with_who_writes_and_not_with_who_is_passed_on(tmp_path: Path, told: dict[str, str]) -> None:
    export = qce(words(1), words(2, FORWARD, who="me"), **(OWNER | {"name": "Alice"} | told))
    folder = tmp_path / "x_chunked_jsonl"
    (folder / "chunks").mkdir(parents=True)
    put(folder, {"metadata": export["metadata"], "chatInfo": export["chatInfo"]}, "manifest.json")
    put(folder / "chunks", "\n".join(json.dumps(row) for row in export["messages"]), "c000001.jsonl")
    for path in (put(tmp_path, export, "chat.json"), folder):
        chats = [one for one in read_export(path, timezone=ZONE) if isinstance(one, Conversation)]
        assert [(one.id, one.kind, one.owner) for one in chats] == [("qq:private:11111", ChatKind.PRIVATE, "10000")]


def test_a_private_chat_without_a_row_of_the_other_is_nobodys_number(tmp_path: Path) -> None:
    found, _ = read(put(tmp_path, qce(words(1, FORWARD, who="me"), **OWNER, name="Alice", type="private"), "chat.json"))
    assert not found[0].conversation.startswith("qq:private:")


def test_a_private_chat_is_with_whom_it_is_called_after(tmp_path: Path) -> None:
    rows = [words(1, who="bob"), words(2, who="bob"), words(3, remark="老婆")]
    found, _ = read(put(tmp_path, qce(*rows, **OWNER, name="老婆", type="private"), "chat.json"))
    assert {one.conversation for one in found} == {"qq:private:11111"}


def test_three_who_write_make_a_group_where_the_kind_is_not_told(tmp_path: Path) -> None:
    path = put(tmp_path, qce(words(1), words(2, who="bob"), words(3, who="me"), **OWNER, name="g", type=""), "chat.json")
    assert {one.kind for one in read_export(path, timezone=ZONE) if isinstance(one, Conversation)} == {ChatKind.GROUP}


RULE = f"{'=' * 64}\r\n"
QQ_TOP = f"\ufeff消息记录（此消息记录为文本格式，不支持重新导入）\r\n\r\n{RULE}消息分组:我的好友\r\n{RULE}消息对象:小明\r\n{RULE}\r\n"
PASTED = "\n".join(f"歌词{number}" for number in range(250))


def qq(*bodies: str, who: str = "小明") -> str:
    return "".join(f"2020-01-01 9:{number:02d}:00 {who}\r\n{body}\r\n\r\n" for number, body in enumerate(bodies))


@pytest.mark.parametrize("top", [QQ_TOP, ""])
@pytest.mark.parametrize("pasted", [PASTED, f"看\n{qq('昨天', '前天').replace(chr(13), '')}{PASTED}"])
def test_a_long_paste_with_other_line_ends_is_one_message_of_many(tmp_path: Path, top: str, pasted: str) -> None:
    found, skipped = read(put(tmp_path, top + qq("早", pasted, "收到", "好", who="小明(10001)"), "chat.txt"))
    assert [one.text for one in found] == ["早", pasted.strip(), "收到", "好"]
    assert skipped == []


def test_a_long_paste_is_one_message_in_whatsapp_too(tmp_path: Path) -> None:
    lines = [f"[13/01/2024, 15:05:0{number}] {'Ann' if number % 2 else 'Ben'}: {number}" for number in range(6)]
    path = put(tmp_path, "\r\n".join([*lines, f"[13/01/2024, 15:06:00] Ann: {PASTED}"]) + "\r\n", "_chat.txt")
    assert [one.text for one in read(path)[0]] == [*"012345", PASTED]


def test_a_strange_line_end_at_the_top_does_not_decide(tmp_path: Path) -> None:
    text = (QQ_TOP + qq(*["好"] * 60)).replace("\r\n", "\n").replace("\n", "\r\n", 1)
    assert [one.text for one in read(put(tmp_path, text, "chat.txt"))[0]] == ["好"] * 60


DEEP = '{"a":' * 3000 + "1" + "}" * 3000


@pytest.mark.parametrize("odd", ["1" * 5000, DEEP])
@pytest.mark.parametrize("place", ["beside", "inside"])
def test_what_python_cannot_decode_costs_one_row(tmp_path: Path, odd: str, place: str) -> None:
    export = qce(words(1), words(2, who="bob"), words(3))
    if place == "inside":
        export["messages"][1]["odd"] = "ODD"
    else:
        export = {"metadata": export["metadata"], "odd": "ODD", "chatInfo": export["chatInfo"], "messages": export["messages"]}
    found, skipped = read(put(tmp_path, json.dumps(export, ensure_ascii=False).replace('"ODD"', odd), "chat.json"))
    assert [one.text for one in found] == (["第1句", "第3句"] if place == "inside" else ["第1句", "第2句", "第3句"])
    assert skipped == ["damaged, cannot be decoded"]


def test_a_message_that_the_exporter_could_not_read_has_no_words(tmp_path: Path) -> None:
    failed = words(2) | {"type": "error", "content": {"text": "[解析失败: Cannot read x]", "elements": []}}
    found, _ = read(put(tmp_path, qce(words(1), failed), "chat.json"))
    assert [(one.kind, one.text) for one in found] == [(Kind.TEXT, "第1句"), (Kind.UNKNOWN, "")]


@pytest.mark.parametrize("own", ["[旺柴]\n走吧\n还有一句", "谁?\nNone\n没有人", "列表\n[\n1\n]", "看[图片]\n好"])
def test_a_line_of_words_that_looks_like_a_tag_of_qqnt_export_is_words(tmp_path: Path, own: str) -> None:
    text = f"2024-05-01 12:00:01 收\n[文本]\n哈哈\n{own}\n[图片]\na.jpg\n\n2024-05-01 12:00:10 发\n[文本]\n好\nNone\nNone\n[\n应\n\n"
    (first, second), skipped = read(put(tmp_path, text, "小明.txt"))
    assert (first.text, first.attachments, second.text, skipped) == (f"哈哈\n{own}", ("a.jpg",), "好", [])


def test_a_time_line_with_one_friend_is_one_chat(tmp_path: Path) -> None:
    lines = "[2024-05-01 12:00:00] 小明 -> 我的昵称: 在吗\n[2024-05-01 12:00:09] 我的昵称 -> 小明: 在\n"
    records = list(read_export(put(tmp_path, lines, "chat_logs_timeline.txt"), timezone=ZONE))
    assert [(one.name, one.owner) for one in records if isinstance(one, Conversation)] == [("小明、我的昵称", None)]
    assert [(one.sender_name, one.text) for one in records if isinstance(one, Message)] == [("小明", "在吗"), ("我的昵称", "在")]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
@pytest.mark.parametrize("many", [1500, 25_000])
def test_an_encoding_shows_only_behind_a_long_english_beginning(tmp_path: Path, encoding: str, many: int) -> None:
    lines = "".join(f"2020-01-01 {n // 3600}:{n // 60 % 60:02d}:{n % 60:02d} Ann(10001)\r\nhello there\r\n\r\n" for n in range(many))
    text = f"{lines}2020-01-02 9:00:00 小明(10002)\r\n你好世界\r\n\r\n"
    last = read(put(tmp_path, text.encode(encoding), "chat.txt"))[0][-1]
    assert (last.sender_name, last.text) == ("小明", "你好世界")
