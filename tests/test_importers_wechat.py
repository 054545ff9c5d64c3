"""The WeChat family: the reference samples, who is who by what each tool tells, and the same chat from several tools."""

import json
import random
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from exports.renew import SAMPLES

from clone_agent.errors import ExportError
from clone_agent.importers import read_export
from clone_agent.importers.finding import candidates
from clone_agent.importers.inspect import inspect
from clone_agent.importers.source import Source
from clone_agent.importers.table import FORMATS
from clone_agent.records import ChatKind, Conversation, Kind, Message, Skipped

EXPORTS = Path(__file__).resolve().parents[2] / "shared" / "exports"
SHANGHAI = ZoneInfo("Asia/Shanghai")
needs_reference = pytest.mark.skipif(not EXPORTS.is_dir(), reason="no reference samples beside the checkout")


def put(folder: Path, text: str | bytes, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def messages_of(path: Path, **options: str) -> list[Message]:
    return [record for record in read_export(path, timezone=SHANGHAI, **options) if isinstance(record, Message)]


def conversation_of(path: Path) -> Conversation:
    return [record for record in read_export(path, timezone=SHANGHAI) if isinstance(record, Conversation)][-1]


def only_chat(name: str) -> dict[str, Any]:
    (chat,) = inspect(EXPORTS / name, timezone=SHANGHAI).to_json(messages=True)["chats"]
    return chat


def rows(chat: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(row["sender"] or row["sender_name"], row["kind"], row["text"]) for row in chat["message_list"]]


@needs_reference
def test_weflow_group_of_the_reference() -> None:
    chat = only_chat("wechat_weflow/weflow_full_group.json")
    assert (chat["name"], chat["kind"], chat["owner"]) == ("显示名群", "group", "wxid_owner")
    assert rows(chat) == [
        ("wxid_alice", "text", "hello world"),
        ("wxid_owner", "image", ""),
        ("系统消息", "system", "joined"),
        ("wxid_alice", "reply", "引用"),
        ("wxid_bob", "card", ""),
        ("wxid_owner", "sticker", ""),
        ("wxid_alice", "red_packet", ""),
    ]
    assert {sender["id"]: sender["name"] for sender in chat["senders"]} == {
        "wxid_alice": "Alice Renamed",
        "wxid_owner": "Me2",
        None: "系统消息",
        "wxid_bob": "wxid_bob",
    }
    assert inspect(EXPORTS / "wechat_weflow" / "weflow_full_group.json").skipped == {"no sender": 2, "no time stamp": 2}


@needs_reference
def test_weflow_text_and_weclone_csv_of_the_reference() -> None:
    text = only_chat("wechat_weflow/weflow_private.txt")
    assert (rows(text), text["owner"]) == ([("我", "text", "hi\n第二行"), ("好友", "image", "")], "我")
    table = only_chat("wechat_weflow/weclone_style.csv")
    assert (rows(table), table["owner"]) == ([("wxid_a", "text", "你好, 世界"), ("wxid_me", "text", "嗯")], "wxid_me")
    assert (table["first"], table["last"]) == ("2026-01-02T11:04:05+08:00", "2026-01-02T11:04:09+08:00")


@needs_reference
def test_memotrace_of_the_reference() -> None:
    private = only_chat("wechat_memotrace/old_columns_private.csv")
    assert [row[1:] for row in rows(private)] == [("text", "你好\n第二行"), ("text", "嗯"), ("image", ""), ("system", "你撤回了一条消息")]
    assert (private["first"], private["last"], private["owner"]) == ("2024-01-02T11:04:05+08:00", "2024-01-02T11:05:20+08:00", "我")
    group = only_chat("wechat_memotrace/old_columns_group.csv")
    assert rows(group) == [("wxid_red", "text", "大家好"), ("wxid_me", "text", "好"), ("wxid_wang", "reply", "引用的回复")]
    assert (group["owner"], group["message_list"][2]["sender_name"]) == ("wxid_me", "老王")
    text = only_chat("wechat_memotrace/memotrace.txt")
    assert rows(text) == [
        ("小红", "text", "你好\n第二行"),
        ("我", "image", ""),
        ("系统消息", "system", "你撤回了一条消息"),
        ("小红", "reply", "好的"),
    ]
    assert (text["message_list"][3]["quoted"], text["owner"]) == ("[图片]", "我")


@needs_reference
def test_chatlog_of_the_reference() -> None:
    chat = only_chat("wechat_chatlog/chatlog_group.json")
    assert rows(chat) == [
        ("wxid_a", "text", "新年快乐"),
        ("wxid_b", "reply", "同乐"),
        ("wxid_me", "sticker", ""),
        ("系统消息", "system", '"小明"撤回了一条消息'),
    ]
    assert (chat["owner"], chat["message_list"][1]["reply_to"]) == ("wxid_me", "1704067200001")
    table = only_chat("wechat_chatlog/chatlog_group.csv")
    assert (rows(table), table["owner"]) == (rows(chat)[:3], None)


@needs_reference
def test_mail_text_and_wechat_dump_of_the_reference() -> None:
    mail = only_chat("wechat_mail_text/01_dash_date.txt")
    assert rows(mail) == [
        ("小红", "text", "有点事，一会儿回"),
        ("小明", "text", "好的"),
        ("小红", "text", "昨天忘了回你"),
        ("小明", "text", "没事"),
    ]
    assert (mail["first"], mail["last"], mail["owner"]) == ("2026-04-06T16:21:00+08:00", "2026-04-07T09:06:00+08:00", None)
    dump = only_chat("wechat_dump_txt/wechat_dump.txt")
    assert rows(dump) == [("小明", "text", "你好: 半角冒号"), ("我", "image", ""), ("小明", "voice", ""), ("我", "text", "两行\n第二行")]


@needs_reference
def test_no_reference_sample_is_claimed_by_a_stranger() -> None:
    for path in sorted(EXPORTS.rglob("*")):
        if path.is_file() and path.name not in {"EXPECTED.md", "PROVENANCE.txt"}:
            found = [one.name for one in candidates(Source.of_file(path), FORMATS)]
            is_family = path.parent.name.startswith("wechat_")
            assert len(found) == 1 if is_family else all(not name.startswith("wechat_") for name in found), (path.name, found)


def test_a_zip_of_memotrace_tells_names_and_ids_by_its_folders(tmp_path: Path) -> None:
    table = (SAMPLES / "wechat_memotrace_csv" / "小红(wxid_red)" / "小红.csv").read_bytes()
    with zipfile.ZipFile(tmp_path / "memotrace.zip", "w") as archive:
        archive.writestr("聊天记录/小红(wxid_red)/小红.csv", table)
        archive.writestr(
            "聊天记录/露营(23456@chatroom)/露营.csv", "\ufeff消息ID,类型,发送人,时间,内容\n1,文本,阿木,2024-02-02 10:00:00,出发\n"
        )
        archive.writestr("聊天记录/小红(wxid_red)/avatar/wxid_red.png", b"\x89PNG")
    found = {record.id: record for record in read_export(tmp_path / "memotrace.zip", timezone=SHANGHAI) if isinstance(record, Conversation)}
    assert {(one.id, one.name, one.kind) for one in found.values()} == {
        ("wechat:wxid_red", "小红", ChatKind.PRIVATE),
        ("wechat:23456@chatroom", "露营", ChatKind.GROUP),
    }


def test_an_excerpt_that_two_programs_may_have_written_is_asked_about(tmp_path: Path) -> None:
    path = put(tmp_path, "2020-01-01 08:00:00 小明\n早\n\n2020-01-01 08:00:09 阿宝\n早啊\n", "excerpt.txt")
    with pytest.raises(ExportError) as error:
        messages_of(path)
    assert error.value.problem == "excerpt.txt may be qq_pc_txt or wechat_memotrace_txt."
    assert error.value.remedy == "Say which with --format."
    assert {message.conversation[:6] for message in messages_of(path, format_name="wechat_memotrace_txt")} == {"wechat"}
    assert [message.text for message in messages_of(path, format_name="qq_pc_txt")] == ["早", "早啊"]


def test_the_log_of_a_program_is_no_chat(tmp_path: Path) -> None:
    lines = "".join(f"2024-01-01 12:00:{second:02d} INFO worker {second} started\n" for second in range(30))
    with pytest.raises(ExportError, match="not recognised"):
        messages_of(put(tmp_path, lines, "server.txt"))


def test_chatlogs_plain_text_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = put(tmp_path, "小明(wxid_a) [测试群(1@chatroom)] 08:00:00\n新年快乐\n\n我 08:01:00\n同乐\n", "chatlog.txt")
    with pytest.raises(ExportError) as error:
        messages_of(path)
    assert "chatlog's plain text" in error.value.problem
    assert "format=json" in error.value.remedy
    assert "新年" not in str(error.value)


CHAT = [  # second, who, words
    (1711180800, "wxid_mama01", "到了吗"),
    (1711180860, "wxid_dongdong", "刚下高铁"),
    (1711180860, "wxid_dongdong", "刚下高铁"),
    (1711180900, "wxid_mama01", "慢点走\n别着急"),
]


def stamp(second: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return datetime.fromtimestamp(second, SHANGHAI).strftime(form)


def chatlog_rows() -> list[dict[str, Any]]:
    talker = {"talker": "wxid_mama01", "talkerName": "老妈", "isChatRoom": False, "type": 1, "subType": 0}
    return [
        talker
        | {
            "seq": second * 1000 + number,
            "time": stamp(second, "%Y-%m-%dT%H:%M:%S+08:00"),
            "sender": who,
            "senderName": "",
            "content": words,
        }
        | {"isSelf": who == "wxid_dongdong"}
        for number, (second, who, words) in enumerate(CHAT)
    ]


def weflow_chat() -> dict[str, Any]:
    messages = [
        {"localId": number, "createTime": second, "type": "文本消息", "content": words, "senderUsername": who}
        | {"isSend": int(who == "wxid_dongdong")}
        for number, (second, who, words) in enumerate(CHAT)
    ]
    return {"weflow": {"version": "1.0.3"}, "session": {"wxid": "wxid_mama01", "displayName": "老妈", "type": "私聊"}, "messages": messages}


def test_the_same_chat_from_four_tools_has_the_same_ids(tmp_path: Path) -> None:
    head = "id,MsgSvrID,type_name,is_sender,talker,room_name,msg,src,CreateTime\n"
    table = head + "".join(
        f'{number},900{number},文本,{int(who == "wxid_dongdong")},{who},wxid_mama01,"{words}",,{stamp(second)}\n'
        for number, (second, who, words) in enumerate(CHAT)
    )
    plain = "Time,SenderName,Sender,TalkerName,Talker,Content\n" + "".join(
        f'{stamp(second)},,{who},老妈,wxid_mama01,"{words}"\n' for second, who, words in CHAT
    )
    paths = [
        put(tmp_path, json.dumps(chatlog_rows(), ensure_ascii=False), "chatlog.json"),
        put(tmp_path, json.dumps(weflow_chat(), ensure_ascii=False), "weflow.json"),
        put(tmp_path, table, "wxid_mama01_0_4.csv"),
        put(tmp_path, plain, "chatlog.csv"),
    ]
    ids = [[message.id for message in messages_of(path)] for path in paths]
    assert len(set(ids[0])) == 4
    assert all(other == ids[0] for other in ids)
    assert {conversation_of(path).owner for path in paths} == {"wxid_dongdong"}


def test_a_reply_as_wechat_once_wrote_it_is_no_own_text(tmp_path: Path) -> None:
    chat = weflow_chat()
    chat["messages"][1]["content"] = "「老妈：到了吗」\n- - - - - - - - - - - - - - -\n马上"
    found = messages_of(put(tmp_path, json.dumps(chat, ensure_ascii=False), "weflow.json"))[1]
    assert (found.kind, found.text, found.quoted) == (Kind.REPLY, "马上", "到了吗")


def clock(number: int) -> str:
    return f"2024-02-{1 + number // 1440:02d} {number // 60 % 24:02d}:{number % 60:02d}:07"


def memotrace_table(count: int) -> bytes:
    draw = random.Random(count)
    lines = ["消息ID,类型,发送人,时间,内容,备注,昵称,更多信息"]
    for number in range(count):
        who = draw.choice(("小红", "木木"))
        words = draw.choice(("在吗", '他说""行""', "第一行\n第二行", "好, 走")) + f" {number}"
        lines.append(f'{number + 1},文本,{who},{clock(number)},"{words}",{who},{who},more')
    return ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()


def stamped_text(count: int) -> bytes:
    draw = random.Random(count)
    whos, bodies = ("我", "好友"), ("hi", "两行\n第二行", "[图片]")
    return "".join(f"{clock(number)} '{draw.choice(whos)}'\n{draw.choice(bodies)}\n\n" for number in range(count)).encode()


def chatlog_list(count: int) -> bytes:
    one = chatlog_rows()[0]
    made = [
        one | {"seq": number, "time": stamp(1711180800 + number, "%Y-%m-%dT%H:%M:%S+08:00"), "content": f"第{number}条"}
        for number in range(count)
    ]
    return json.dumps(made, ensure_ascii=False).encode()


GENERATED = [(memotrace_table(500), "小红.csv"), (stamped_text(500), "chat.txt"), (chatlog_list(500), "chat.json")]


@pytest.mark.parametrize(("data", "name"), GENERATED, ids=[name for _, name in GENERATED])
def test_a_cut_keeps_every_whole_message_before_it(tmp_path: Path, data: bytes, name: str) -> None:
    whole = [message.id for message in messages_of(put(tmp_path, data, name))]
    assert len(whole) == 500
    for part in range(20, 200, 9):
        cut = len(data) * part // 200
        kept = [message.id for message in messages_of(put(tmp_path, data[:cut], name))]
        assert kept[:-1] == whole[: len(kept) - 1]
        assert len(kept) >= 500 * part // 200 - 15


@pytest.mark.parametrize(("data", "name"), GENERATED, ids=[name for _, name in GENERATED])
def test_a_flipped_byte_costs_at_most_the_messages_that_it_touches(tmp_path: Path, data: bytes, name: str) -> None:
    whole = {message.id for message in messages_of(put(tmp_path, data, name))}
    draw = random.Random(11)
    for _ in range(50):
        damaged = bytearray(data)
        damaged[draw.randrange(1200, len(data))] ^= 1 << draw.randrange(8)
        path = put(tmp_path, bytes(damaged), name)
        assert len(whole - {message.id for message in messages_of(path)}) <= 3


def test_a_lost_quote_costs_no_row_behind_it(tmp_path: Path) -> None:
    data = memotrace_table(300).replace('"在吗 '.encode(), "在吗 ".encode(), 1)
    records = list(read_export(put(tmp_path, data, "小红.csv"), timezone=SHANGHAI))
    assert sum(isinstance(record, Message) for record in records) >= 299
    assert sum(isinstance(record, Message | Skipped) for record in records) == 300


def test_every_row_of_a_table_becomes_a_message_or_is_counted(tmp_path: Path) -> None:
    draw = random.Random(5)
    lines = memotrace_table(200).decode().split("\r\n")
    lines = [line.replace("2024-02", "2024-20") if draw.random() < 0.1 else line for line in lines]
    records = list(read_export(put(tmp_path, "\r\n".join(lines), "小红.csv"), timezone=SHANGHAI))
    assert sum(isinstance(record, Message | Skipped) for record in records) == 200
    assert {record.reason for record in records if isinstance(record, Skipped)} == {"no time stamp"}
