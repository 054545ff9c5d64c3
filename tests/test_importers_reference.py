"""The reference samples beside the checkout read as their EXPECTED.md says. Skipped where the folder is not there."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clone_agent.errors import ExportError
from clone_agent.importers.inspect import inspect

EXPORTS = Path(__file__).resolve().parents[2] / "shared" / "exports"
SHANGHAI = ZoneInfo("Asia/Shanghai")
UTC = ZoneInfo("UTC")

pytestmark = pytest.mark.skipif(not EXPORTS.is_dir(), reason="no reference samples beside the checkout")


def looked_into(name: str, *, zone: ZoneInfo = SHANGHAI, messages: bool = False) -> dict[str, Any]:
    return inspect(EXPORTS / name, timezone=zone).to_json(messages=messages)


def only_chat(name: str, **options: Any) -> dict[str, Any]:
    (chat,) = looked_into(name, **options)["chats"]
    return chat


def speech(chat: dict[str, Any]) -> list[str]:
    return [message["text"] for message in chat["message_list"]]


def counts(chat: dict[str, Any]) -> dict[str, int]:
    return {sender["id"] or sender["name"]: sender["messages"] for sender in chat["senders"]}


def test_the_real_group_of_the_qq_message_manager() -> None:
    fields = looked_into("qq_pc_txt/01_group_real_pseudonymised.txt", messages=True)
    (chat,) = fields["chats"]
    assert (chat["name"], chat["kind"], chat["messages"], chat["kinds"]["system"]) == ("测试学院研究生群", "group", 3089, 53)
    assert (chat["first"], chat["last"]) == ("2016-07-19T15:27:15+08:00", "2016-11-10T22:21:53+08:00")
    assert len(chat["senders"]) == 210
    assert sum(sender["messages"] for sender in chat["senders"] if "@" in sender["id"]) == 628
    assert sum(sender["messages"] for sender in chat["senders"] if sender["id"].isdigit()) == 2461
    assert fields["skipped"] == {}
    rows = chat["message_list"]
    assert len({row["id"] for row in rows}) == 3089
    assert sum("\n" in row["text"] or "\n" in row["quoted"] for row in rows) >= 80
    assert any(row["sender_name"] == "" for row in rows)  # the nick that is a lone U+200D
    assert not any("[图片]" in row["text"] or "[表情]" in row["text"] for row in rows if row["kind"] != "system")


@pytest.mark.parametrize(
    ("name", "zone", "expected"),
    [
        ("06_tim_chinese_12h", SHANGHAI, (4, {"10001": 2, "10002": 2}, "2026-09-15T00:05:00+08:00", "2026-09-15T13:02:03+08:00")),
        ("08_body_traps", SHANGHAI, (8, {"阿宝": 4, "小明": 4}, "2024-03-01T09:00:00+08:00", "2024-03-01T09:01:10+08:00")),
        (
            "09_private_placeholders",
            SHANGHAI,
            (9, {"阿宝": 4, "小明": 3, "10000": 2}, "2018-02-14T20:00:01+08:00", "2018-02-14T20:00:09+08:00"),
        ),
        ("10_gbk_resaved", SHANGHAI, (2, {"阿宝": 1, "小明": 1}, "2011-05-06T07:08:09+08:00", "2011-05-06T07:08:10+08:00")),
        ("11_utf16le_resaved", SHANGHAI, (2, {"阿宝": 1, "小明": 1}, "2011-05-06T07:08:09+08:00", "2011-05-06T07:08:10+08:00")),
        ("12_hikariyo_file", UTC, (2, {"123123": 1, "456456": 1}, "1883-03-07T11:22:33+00:00", "1883-03-07T12:34:56+00:00")),
        ("18_legacy_metadata_single", UTC, (1, {"12345": 1}, "2022-05-10T11:28:25+00:00", "2022-05-10T11:28:25+00:00")),
    ],
)
def test_qq_text(name: str, zone: ZoneInfo, expected: tuple[int, dict[str, int], str, str]) -> None:
    chat = only_chat(f"qq_pc_txt/{name}.txt", zone=zone)
    assert (chat["messages"], counts(chat), chat["first"], chat["last"]) == expected


def test_tricky_nicks() -> None:
    chat = only_chat("qq_pc_txt/07_tricky_nicks.txt", messages=True)
    assert chat["name"] == "消息对象:怪群(123)"
    assert [(row["sender_name"], row["sender"]) for row in chat["message_list"]] == [
        ("(A)", "123123"),
        ("(B", "123123"),
        ("", "80000000"),
        ("小 明: (在线)", "10001"),
        ("12345678", "12345678"),
        ("a<b>c", "mail@example.com"),
        ("【甲】", "10002"),
        ("李四(同事)", None),
    ]
    assert (chat["first"], chat["last"]) == ("2024-01-02T03:04:05+08:00", "2024-01-02T13:04:12+08:00")


def test_traps_in_bodies() -> None:
    texts = speech(only_chat("qq_pc_txt/08_body_traps.txt", messages=True))
    assert "2024-02-29 8:00:00 老王(10003)" in texts[2]
    assert texts[3] == ""
    assert (texts[4], texts[6]) == ("CR只\n有\n回车", "================\n消息对象:不是真的")


def test_only_own_words_are_speech() -> None:
    chat = only_chat("qq_pc_txt/09_private_placeholders.txt", messages=True)
    assert [row["text"] for row in chat["message_list"] if row["text"] and row["kind"] != "system"] == ["哈哈"]
    assert (chat["kinds"]["system"], chat["owner"]) == (2, "小明")


def test_what_is_no_export_is_not_recognised() -> None:
    with pytest.raises(ExportError, match="not recognised"):
        looked_into("qq_pc_txt/14_not_an_export.txt")


@pytest.mark.parametrize("shape", ["qce_v5_json/{}.json", "qce_v5_chunked/{}_chunked_jsonl"])
@pytest.mark.parametrize(
    ("name", "messages", "senders", "first", "last"),
    [
        ("private_text", 3, {"11111": 2, "10000": 1}, "00:00:00", "00:02:00"),
        ("group_mixed", 7, {"11111": 3, "22222": 2, "33333": 2}, "00:01:40", "00:05:00"),
        ("private_recall", 2, {"22222": 2}, "00:00:00", "00:00:10"),
    ],
)
def test_qce_v5(shape: str, name: str, messages: int, senders: dict[str, int], first: str, last: str) -> None:
    chat = only_chat(shape.format(name), zone=UTC)
    assert (chat["messages"], counts(chat), chat["owner"]) == (messages, senders, "10000")
    assert (chat["first"], chat["last"]) == (f"2024-01-01T{first}+00:00", f"2024-01-01T{last}+00:00")


@pytest.mark.parametrize("shape", ["qce_v5_json/{}.json", "qce_v5_chunked/{}_chunked_jsonl"])
def test_own_words_of_qce_v5(shape: str) -> None:
    assert speech(only_chat(shape.format("private_text"), messages=True)) == ["Hello there", "General Kenobi!", "How was your day?"]
    recalled = only_chat(shape.format("private_recall"), messages=True)["message_list"][0]
    assert (recalled["kind"], recalled["text"]) == ("recall", "whoops sent wrong link")
    rows = only_chat(shape.format("group_mixed"), messages=True)["message_list"]
    assert [row["kind"] for row in rows] == ["text", "text", "image", "text", "file", "reply", "voice"]
    assert (rows[1]["text"], rows[2]["text"], rows[4]["text"]) == ("Looking now", "", "")
    assert (rows[5]["text"], rows[5]["reply_to"]) == ("thanks team, fix incoming", "m_1")


@pytest.mark.parametrize("name", ["qce_v6_json/group_v6.json", "qce_v6_chunked/group_v6_chunked_jsonl"])
def test_qce_v6(name: str) -> None:
    chat = only_chat(name, zone=UTC, messages=True)
    assert (chat["messages"], counts(chat), chat["owner"]) == (9, {"10001": 3, "10002": 3, "10000": 2, "系统消息": 1}, "10000")
    assert (chat["first"], chat["last"]) == ("2024-06-15T12:34:00+00:00", "2024-06-15T12:34:08+00:00")
    rows = chat["message_list"]
    assert [row["kind"] for row in rows] == ["text", "text", "reply", "voice", "recall", "system", "forward", "card", "text"]
    assert [row["text"] for row in rows if row["kind"] != "system"] == [
        "第一条",
        "看这个@Alice",
        "收到",
        "",
        "撤回前的话",
        "",
        "",
        "多行\n第二行",
    ]
    assert rows[2]["reply_to"] == "7001"
    assert [sender["name"] for sender in chat["senders"]][:2] == ["Alice(管理)", "阿黄"]


def test_qce_v3() -> None:
    chat = only_chat("qce_v2_v3/v3_array.json", messages=True)
    assert [(row["sender_name"], row["text"], row["kind"], row["sent_at"][11:19]) for row in chat["message_list"]] == [
        ("Alice", "你好", "text", "08:00:01"),
        ("Bob", "", "image", "08:00:05"),
    ]


def test_pywxdump() -> None:
    chat = only_chat("wechat_pywxdump_csv/test_person_0_730.csv", messages=True)
    assert chat["messages"] == 96
    assert chat["kinds"] == {"text": 64, "sticker": 23, "image": 5, "system": 2, "unknown": 1, "reply": 1}  # one 文本 is empty
    assert counts(chat)["12345iru2zsmo22"] == 46 - 2
    assert (chat["first"], chat["last"]) == ("2024-10-04T11:42:00+08:00", "2024-12-30T21:28:00+08:00")
    quote = next(row for row in chat["message_list"] if row["kind"] == "reply")
    assert (quote["text"], quote["quoted"]) == ("（我们两个人骑）", "我之前租的时候 人家说这个没劲儿 租了个大的")


def test_pywxdump_with_line_ends_inside_fields() -> None:
    chat = only_chat("wechat_pywxdump_csv/synthetic_wxid_0_3.csv", messages=True)
    assert (chat["first"], chat["last"]) == ("2024-01-02T03:04:05+08:00", "2024-01-02T03:06:05+08:00")
    assert [(row["kind"], row["text"]) for row in chat["message_list"]] == [("text", "你好\n第二行"), ("reply", "好的"), ("voice", "")]


def test_telegram_personal_chat() -> None:
    chat = only_chat("telegram_json/DM_2A_7M.json", zone=UTC, messages=True)
    assert (chat["name"], chat["messages"]) == ("Bob", 8)
    assert counts(chat) == {"user300000000": 4, "user700000000": 2, "Telegram": 2}
    assert "https://google.com 👀" in speech(chat)
    assert any(row["sent_at"] == "2022-06-10T22:06:39+00:00" for row in chat["message_list"])


@pytest.mark.parametrize("name", ["single", "batch"])
def test_telegram_without_ids(name: str) -> None:
    chat = only_chat(f"telegram_json/chatminer_test_{name}_export.json", zone=UTC, messages=True)
    assert counts(chat) == {"Author 1": 1, "Author 2": 1}
    assert speech(chat) == ["Minimal Message", "Link:https://telegram.org/"]


def test_telegram_full_export() -> None:
    fields = looked_into("telegram_json/full_with_self_and_controls.json", zone=UTC, messages=True)
    assert [(chat["messages"], chat["owner"]) for chat in fields["chats"]] == [(1, "user555"), (3, "user555")]
    assert fields["skipped"] == {"unsupported by the exporter": 1}
    rows = fields["chats"][1]["message_list"]
    assert [row["kind"] for row in rows] == ["text", "sticker", "forward"]
    assert rows[2]["text"] == ""


@pytest.mark.parametrize(
    ("name", "sender", "text"), [("chatlab.json", "u1", "hello chatlab json"), ("chatlab.jsonl", "tg1", "hello chatlab jsonl")]
)
def test_chatlab(name: str, sender: str, text: str) -> None:
    chat = only_chat(f"chatlab/{name}", zone=UTC, messages=True)
    assert (chat["messages"], counts(chat), speech(chat)) == (1, {sender: 1}, [text])
    assert chat["first"] == "2024-01-02T03:04:05+00:00"


def test_chatlab_types() -> None:
    chat = only_chat("chatlab/all_types.json", zone=UTC, messages=True)
    assert (chat["messages"], counts(chat), chat["owner"]) == (19, {"me": 10, "f": 9}, "me")
    assert {row["kind"] for row in chat["message_list"] if row["text"]} == {"text", "reply"}


def test_qq_mht() -> None:
    chat = only_chat("qq_mht/01_group_crlf.mht", messages=True)
    assert (chat["name"], chat["messages"], chat["owner"]) == ("咕咕瓜的避难窝", 9, "23240009")
    assert counts(chat) == {"10000": 2, "2600000946": 1, "2800000523": 1, "dmt@example.com": 2, "519000018": 1, "23240009": 2}
    assert (chat["first"], chat["last"]) == ("2020-02-11T04:36:46+08:00", "2020-02-12T20:12:30+08:00")
    rows = chat["message_list"]
    assert rows[1]["text"] == "回声洞分洞——(291)\n\n第二段\n——吃瓜群众"
    assert rows[2]["sender_name"] == "你这个人 awa"
    assert [row["kind"] for row in rows] == ["system", "text", "text", "text", "image", "text", "text", "system", "text"]
    assert rows[6]["text"] == "前半后半 a < b && c > d"
    assert rows[8]["sent_at"] == "2020-02-12T20:11:59+08:00"


FORMATS_OF = {
    "chatlab": {"chatlab"},
    "discord_dce_json": {"discord_json"},
    "facebook_messenger": {"meta_json"},
    "generic_csv": {"generic_csv"},
    "imessage_exporter_txt": {"imessage_txt"},
    "imessage_typedstream": set(),  # bodies, no exports: test_importers_databases reads them
    "instagram_json": {"meta_json"},
    "kakaotalk": {"kakaotalk_txt"},
    "line": {"line_txt"},
    "qce_v2_v3": {"qce_json"},
    "qce_v5_chunked": {"qce_chunked"},
    "qce_v5_html": {"qce_html"},
    "qce_v5_json": {"qce_json"},
    "qce_v5_txt": {"qce_txt"},
    "qce_v6_chunked": {"qce_chunked"},
    "qce_v6_json": {"qce_json"},
    "qq_clipboard": {"qq_clipboard"},
    "qq_mht": {"qq_mht"},
    "qq_pc_txt": {"qq_pc_txt"},
    "qqnt_export_json": {"qqnt_export_json"},
    "qqnt_export_txt": {"qqnt_export_txt"},
    "qqnt_plain_db": {"qqnt_db"},
    "signal_export_md": {"signal_export_md"},
    "signal_sigtop": {"signal_sigtop_txt"},
    "sms_backup_xml": {"sms_xml"},
    "telegram_html": {"telegram_html"},
    "telegram_json": {"telegram_json"},
    "wechat_chatlog": {"wechat_chatlog_json", "wechat_chatlog_csv"},
    "wechat_dump_txt": {"wechat_dump_txt"},
    "wechat_mail_text": {"wechat_mail_text"},
    "wechat_memotrace": {"wechat_memotrace_old_csv", "wechat_memotrace_txt"},
    "wechat_pywxdump_csv": {"wechat_pywxdump_csv"},
    "wechat_weflow": {"wechat_weflow_json", "wechat_weflow_txt", "wechat_pywxdump_csv"},
    "whatsapp_txt": {"whatsapp_txt"},
}
NO_EXPORTS = {"PROVENANCE.txt", "EXPECTED.md", "profile_info.db", "group_info.db", "14_not_an_export.txt"}


def test_every_folder_of_the_reference_is_known() -> None:
    assert {folder.name for folder in EXPORTS.iterdir() if folder.is_dir()} == set(FORMATS_OF)


@pytest.mark.parametrize("folder", [name for name, formats in FORMATS_OF.items() if formats])
def test_every_export_of_a_folder_is_read_by_its_format(folder: str) -> None:
    exports = [path for path in (EXPORTS / folder).iterdir() if path.name not in NO_EXPORTS]
    found = [inspect(path, timezone=SHANGHAI) for path in exports]
    assert {one.format for one in found} == FORMATS_OF[folder]
    assert all(chat.messages for one in found for chat in one.chats)


def test_a_copy_out_of_a_qq_window() -> None:
    fields = looked_into("qq_clipboard/01_pc_group_copy.txt", messages=True)
    (chat,) = fields["chats"]
    assert [(row["sender_name"], row["sent_at"], row["text"]) for row in chat["message_list"]] == [
        ("无情的围观熊", "2020-02-14T21:16:13+08:00", "第二条\n第二行"),
        ("迈克尔 史密斯", "2020-03-28T19:02:31+08:00", "第三条"),
    ]
    assert fields["skipped"] == {"a clock without a day": 2}
