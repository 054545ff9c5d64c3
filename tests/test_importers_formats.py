"""What the readers beyond QQ's and WeChat's main formats do: reference samples, one format a file, columns, encrypted databases."""

import sqlite3
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from exports.renew import SAMPLES, samples

from clone_agent.errors import ExportError, UsageError
from clone_agent.importers import read_export
from clone_agent.importers.columns import map_columns, suggest
from clone_agent.importers.dates import Order, find_order
from clone_agent.importers.format import head_of
from clone_agent.importers.inspect import inspect
from clone_agent.importers.line_names import find_names, part
from clone_agent.importers.protobuf import read_fields
from clone_agent.importers.source import Source
from clone_agent.importers.table import FORMATS
from clone_agent.records import Conversation, Kind, Message, Skipped

SHANGHAI = ZoneInfo("Asia/Shanghai")
UTC = ZoneInfo("UTC")
EXPORTS = Path(__file__).resolve().parents[2] / "shared" / "exports"
NOT_READ = frozenset({"PROVENANCE.txt", "EXPECTED.md", "profile_info.db", "group_info.db"})
beside_the_checkout = pytest.mark.skipif(not EXPORTS.is_dir(), reason="no reference samples beside the checkout")


def reference_files() -> list[Path]:
    return sorted(path for path in EXPORTS.rglob("*") if path.is_file() and path.name not in NOT_READ) if EXPORTS.is_dir() else []


def chats_of(name: str, *, zone: ZoneInfo = SHANGHAI) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = inspect(EXPORTS / name, timezone=zone).to_json(messages=True)["chats"]  # type: ignore[assignment]  # of JSON
    return found


def counts(chat: dict[str, Any]) -> dict[str, int]:
    return {sender["id"] or sender["name"]: sender["messages"] for sender in chat["senders"]}


def speech(chat: dict[str, Any]) -> list[str]:
    return [row["text"] for row in chat["message_list"]]


def messages_of(path: Path, **options: Any) -> list[Message]:
    return [record for record in read_export(path, timezone=SHANGHAI, **options) if isinstance(record, Message)]


def put(folder: Path, text: str | bytes, name: str) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("path", [*(one for one in samples() if one.is_file()), *reference_files()], ids=lambda path: path.name)
def test_at_most_one_format_recognises_a_file(path: Path) -> None:
    head = head_of(Source.of_file(path))
    found = [one.name for one in FORMATS if one.matches(head)]
    assert len(found) <= 1 or set(found) == {"qq_pc_txt", "wechat_memotrace_txt"}


@beside_the_checkout
@pytest.mark.parametrize("shape", ["qce_v5_txt/{}.txt", "qce_v5_html/{}.html"])
@pytest.mark.parametrize(
    ("name", "senders", "texts"),
    [
        ("private_text", {"Alice": 2, "TestSelf": 1}, ["Hello there", "General Kenobi!", "How was your day?"]),
        ("private_recall", {"Bob": 2}, ["whoops sent wrong link", "https://example.com/correct"]),
        (
            "group_mixed",
            {"Alice (PM)": 3, "Bob (Eng)": 2, "Charlie": 2},
            [
                "Anyone seen the build break?",
                "Looking now",
                "",
                "@Alice sentry has the trace, sending now",
                "",
                "thanks team, fix incoming",
                "",
            ],
        ),
    ],
)
def test_qce_text_and_html(shape: str, name: str, senders: dict[str, int], texts: list[str]) -> None:
    (chat,) = chats_of(shape.format(name))
    assert (counts(chat), speech(chat), chat["owner"]) == (senders, texts, None)
    assert chat["first"] == ("2024-01-01T08:01:40+08:00" if name == "group_mixed" else "2024-01-01T08:00:00+08:00")


@beside_the_checkout
def test_discord() -> None:
    (direct,) = chats_of("discord_dce_json/DM_2A_2M.json")
    assert (direct["kinds"], direct["kind"]) == ({"text": 2, "call": 1}, "private")
    (guild,) = chats_of("discord_dce_json/modern_guild.json", zone=UTC)
    assert [row["kind"] for row in guild["message_list"]] == ["text", "reply", "image", "system", "text"]
    assert (guild["first"], guild["message_list"][1]["reply_to"]) == ("2026-01-01T00:00:00+00:00", "10")


@beside_the_checkout
def test_qqnt_export() -> None:
    (private,) = chats_of("qqnt_export_txt/c2c.txt")
    assert [(row["sender_name"], row["kind"], row["text"]) for row in private["message_list"]] == [
        ("c2c", "text", "在吗"),
        ("我", "text", "在\n第二行"),
        ("未知", "forward", ""),
    ]
    assert private["owner"] == "我"
    (group,) = chats_of("qqnt_export_txt/group.txt")
    assert [(row["sender_name"], row["text"], row["quoted"]) for row in group["message_list"]] == [
        ("群名片丙", "大家好", ""),
        ("自己", "好", "大家好"),
    ]
    (again,) = chats_of("qqnt_export_json/c2c.json")
    assert (speech(again), again["owner"]) == (["在吗", "在\n第二行"], "我")


@beside_the_checkout
def test_the_decrypted_database_of_qqnt() -> None:
    private, group = chats_of("qqnt_plain_db/nt_msg.db", zone=UTC)
    assert (private["name"], private["owner"], speech(private)) == (
        "乙备注",
        "10000",
        ["在吗", "在\n第二行", "当然", "", "对方撤回了一条消息"],
    )
    assert [row["kind"] for row in private["message_list"]] == ["text", "text", "reply", "voice", "system"]
    assert (group["name"], speech(group), group["first"]) == ("测试群", ["大家好", "@群名片丙 好", ""], "2024-05-02T04:00:00+00:00")
    assert counts(group) == {"10003": 2, "10000": 1}


@beside_the_checkout
@pytest.mark.parametrize(
    ("name", "senders", "texts"),
    [
        ("generic_csv/time_sender_text.csv", {"小明": 1, "小红": 1}, ["你好", "多行\n内容, 有逗号"]),
        ("generic_csv/zh_headers_gbk.csv", {"小明": 1, "小红": 1}, ["你好", "嗯"]),
        (
            "line/01_ja_pc.txt",
            {"花子": 4, "LINE": 2, "太郎": 1},
            [
                "お疲れ様です！\nよろしくお願いします！",
                "",
                "振り込み完了しました",
                "",
                "",
                "メッセージの送信を取り消しました",
                "花子がメッセージの送信を取り消しました",
            ],
        ),
        ("line/02_en_group.txt", {"Alice": 1, "Bob": 1, "LINE": 1}, ["first line\nsecond line", "", "Alice joined the group"]),
        (
            "kakaotalk/03_ko_mobile.txt",
            {"박팀장": 2, "김세진": 1, "KakaoTalk": 1},
            ["세진님 어제 그 배포 건 어떻게 됐어요?", "팀장님 그거 오늘까지 되나요?\n둘째 줄", "김세진님이 들어왔습니다.", ""],
        ),
        ("signal_sigtop/conversation.txt", {"+15550100": 1, "You": 1}, ["你好\n第二行", "收到"]),
        ("signal_export_md/chatminer_test_export.txt", {"Jane Doe": 1, "John Doe": 1}, ["Hello John!", "Hello\nJane!"]),
        ("facebook_messenger/mojibake_message_1.json", {"小明": 2, "José 🎉": 1}, ["plain ascii", "", "好的👌 ok"]),
        ("instagram_json/chatminer_test_export.json", {"Jane Doe": 1, "John Doe": 1}, ["Hello John!", "Hello Jane!"]),
        (
            "imessage_exporter_txt/Bob.txt",
            {"Me": 2, "+15558675309": 1, "Messages": 1},
            ["Hello world", "第一行\n第二行", "", "Me renamed the conversation to 测试"],
        ),
        ("telegram_html/messages.html", {"Bob": 2, "Alice": 1}, ["https://google.com 第一行\n第二行", "接着说", "好"]),
    ],
)
def test_the_rest(name: str, senders: dict[str, int], texts: list[str]) -> None:
    (chat,) = chats_of(name)
    assert (counts(chat), speech(chat)) == (senders, texts)


@beside_the_checkout
def test_kakaotalk_of_the_pc() -> None:
    (chat,) = chats_of("kakaotalk/01_ko_pc.txt")
    assert (counts(chat), chat["kinds"]) == ({"김세진": 6, "박팀장": 3}, {"text": 7, "image": 1, "sticker": 1})
    assert (chat["first"], chat["last"]) == ("2024-03-11T09:12:00+08:00", "2024-03-12T14:05:00+08:00")


@beside_the_checkout
def test_text_messages_of_a_phone() -> None:
    chats = chats_of("sms_backup_xml/sms-test.xml", zone=UTC)
    assert [(chat["name"], chat["messages"]) for chat in chats[:4]] == [
        ("7535", 3),
        ("Jane Smith", 4),
        ("Ted Turner", 6),
        ("lamer000@aol.com", 1),
    ]
    (row,) = chats[4]["message_list"]
    assert (chats[4]["kind"], row["sender"], row["sent_at"][:19]) == ("group", "+15555550005", "2015-04-17T01:51:40")
    assert min(chat["first"] for chat in chats)[:19] == "2013-07-15T23:07:22"


def test_columns_are_suggested_by_their_names() -> None:
    assert suggest(["Sent At", "Nickname", "消息内容", "room"]) == {
        "time": "Sent At",
        "sender": "Nickname",
        "text": "消息内容",
        "chat": "room",
    }
    with pytest.raises(UsageError, match="the sender and the text is not plain") as error:
        map_columns(["time", "col2", "col3"], {})
    assert "--columns time=time,sender=…,text=…" in error.value.remedy
    with pytest.raises(UsageError, match="no field or column col9"):
        map_columns(["time", "a", "b"], {"text": "col9"})


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = put(tmp_path, "wann,wer,was\n2024-01-02 08:00:00,Ann,hallo\n", "chat.csv")
    with pytest.raises(ExportError, match="not recognised"):
        messages_of(path)
    found = messages_of(path, format_name="generic_csv", columns={"time": "wann", "sender": "wer", "text": "was"})
    assert [(one.sender, one.text) for one in found] == [("name:Ann", "hallo")]


@pytest.mark.parametrize(
    ("written", "order"),
    [
        (["13/02/2024 10:00", "01/02/2024 10:00"], Order.DAY_FIRST),
        (["02/13/2024 10:00", "03/01/2024 10:00"], Order.MONTH_FIRST),
        (["05/02/2024 10:00", "01/03/2024 10:00"], Order.DAY_FIRST),
        (["01/02/2024 10:00", "02/03/2024 10:00"], None),
        (["2024-01-02 10:00"], Order.DAY_FIRST),
    ],
)
def test_the_order_of_day_and_month_is_found_once_a_file(written: list[str], order: Order | None) -> None:
    assert find_order(written) is order


def test_dates_that_tell_no_order_are_asked_about(tmp_path: Path) -> None:
    path = put(tmp_path, "date,from,message\n01/02/2024 10:00,Ann,hi\n02/03/2024 10:00,Ben,ho\n", "chat.csv")
    with pytest.raises(ExportError, match="may begin with the day or the month"):
        messages_of(path)


def test_a_lost_quote_costs_one_row_of_a_table(tmp_path: Path) -> None:
    rows = ["time,sender,text", '2024-01-02 08:00:00,Ann,"lost', *(f"2024-01-02 08:00:{n:02d},Ben,row {n}" for n in range(1, 40))]
    found = messages_of(put(tmp_path, "\n".join(rows), "chat.csv"))
    assert {message.text for message in found} >= {f"row {n}" for n in range(1, 40)}


def test_a_lost_quote_costs_one_row_where_all_rows_are_quoted_and_some_have_lines(tmp_path: Path) -> None:
    rows = [f'2024-01-02 08:00:{n:02d},"Ben","row {n}' + ('\nand more"' if n % 10 == 5 else '"') for n in range(60)]
    rows[12] = rows[12].rstrip('"')
    found = messages_of(put(tmp_path, "\n".join(["time,sender,text", *rows]), "chat.csv"))
    assert [message.text.split("\n")[0] for message in found] == [f"row {n}" for n in range(60)]
    assert sum(message.text.endswith("\nand more") for message in found) == 6


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("2024-01-02 03:04:05,Ann,hello, how are you", "hello, how are you"),
        ('2024-01-02 03:04:05,Ann,"he said ""hi""", and left', 'he said "hi", and left'),
        ("2024-01-02 03:04:05;Ann;one; two;three", "one; two;three"),
        ("2024-01-02 03:04:05,Ann,hello,,", "hello"),  # a spreadsheet's empty cells
    ],
)
def test_a_separator_in_a_text_without_quotes_cuts_nothing_off(tmp_path: Path, row: str, text: str) -> None:
    path = put(tmp_path, f"{'time;sender;text' if ';' in row else 'time,sender,text'}\n{row}\n", "chat.csv")
    assert [message.text for message in messages_of(path)] == [text]
    path = put(tmp_path, path.read_text("utf-8").replace("text", "was"), "named.csv")
    assert [message.text for message in messages_of(path, columns={"text": "was"})] == [text]


def test_a_row_with_too_many_cells_is_broken_where_the_text_is_not_last(tmp_path: Path) -> None:
    path = put(tmp_path, "time,text,sender\n2024-01-02 03:04:05,hello, you,Ann\n2024-01-02 03:04:06,ho,Ben,\n", "chat.csv")
    records = list(read_export(path, timezone=UTC))
    assert [(one.sender_name, one.text) for one in records if isinstance(one, Message)] == [("Ben", "ho")]
    assert [(one.source, one.reason) for one in records if isinstance(one, Skipped)] == [("chat.csv:2", "a broken row")]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"SQLite header 3\x00" + bytes(range(256)) * 8, "Msg3.0.db"),
        (b"\x00" * 16 + b"QQ_NT DB" + b"\x00" * 1000 + bytes(range(256)) * 8, "nt_msg.db"),
    ],
)
def test_an_encrypted_database_is_refused_with_what_to_do(tmp_path: Path, data: bytes, name: str) -> None:
    with pytest.raises(ExportError, match="is still encrypted") as error:
        messages_of(put(tmp_path, data, name))
    assert "QQ Chat Exporter" in error.value.remedy


def test_a_database_behind_the_first_bytes_of_qq_is_read(tmp_path: Path) -> None:
    plain = SAMPLES / "qqnt_db" / "nt_msg.db"
    header = b"SQLite header 3\x00"[:0] + b"\x00" * 16 + b"QQ_NT DB" + b"\x00" * 1000
    assert len(header) == 1024
    for neighbour in ("profile_info.db", "group_info.db"):
        put(tmp_path, (plain.parent / neighbour).read_bytes(), neighbour)
    found = messages_of(put(tmp_path, header + plain.read_bytes(), "nt_msg.db"))
    assert [message.id for message in found] == [message.id for message in messages_of(plain)]


def test_a_view_that_is_called_like_a_table_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "nt_msg.db"
    database = sqlite3.connect(path)
    database.execute(
        "CREATE VIEW c2c_msg_table AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS '40050' FROM n"
    )
    database.close()
    with pytest.raises(ExportError, match="no message"):
        messages_of(path)


@pytest.mark.parametrize("data", [b"\x80", b"\x0a\x05ab", b"\xff" * 12, b"\x0f"])
def test_bytes_that_are_no_protocol_buffer_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_fields(data)


def test_a_body_of_the_text_export_may_look_like_its_trailing_lines() -> None:
    found = messages_of(SAMPLES / "qce_txt" / "group_traps.txt")
    assert "资源: 3 个文件\n  - 水: 两瓶\n\n就这些" in found[3].text
    assert (found[1].text, found[1].quoted, found[1].kind) == ("七点 \n提及:我记得是七点", "明天几点集合\n路线我发群文件了", Kind.REPLY)


def test_an_unknown_version_of_the_text_export_is_said_and_read(tmp_path: Path) -> None:
    sample = (SAMPLES / "qce_txt" / "private_v6.txt").read_text(encoding="utf-8")
    path = put(tmp_path, sample.replace("[QQChatExporter]", "[QQChatExporter V9 / somewhere]"), "chat.txt")
    records = list(read_export(path, timezone=SHANGHAI))
    assert [record.reason for record in records if isinstance(record, Skipped)] == [
        "unknown version of QQ Chat Exporter, read as far as possible"
    ]
    assert sum(isinstance(record, Message) for record in records) == 2


def test_a_picture_inside_a_backup_of_text_messages_does_not_stay_in_memory(tmp_path: Path) -> None:
    sample = (SAMPLES / "sms_xml" / "backup.xml").read_text(encoding="utf-8")
    path = put(tmp_path, sample.replace("/9j/4AAQ", "A" * 9_000_000), "sms.xml")
    assert [one.id for one in messages_of(path)] == [one.id for one in messages_of(SAMPLES / "sms_xml" / "backup.xml")]


def test_kakaotalk_takes_the_owner_from_the_title_where_its_name_speaks(tmp_path: Path) -> None:
    text = "김 님과 카카오톡 대화\n저장한 날짜 : 2024-03-11 22:14:03\n\n--------------- 2024년 3월 11일 월요일 ---------------\n"
    path = tmp_path / "chat.txt"
    path.write_text(f"{text}[김] [오전 9:12] a\n[나] [오전 9:13] b\n", encoding="utf-8")
    assert owners_of(path) == {"name:나"}
    path.write_text(f"{text}[이] [오전 9:12] a\n[나] [오전 9:13] b\n", encoding="utf-8")
    assert owners_of(path) == {None}, "a group's name is nobody's"


def owners_of(path: Path) -> set[str | None]:
    return {record.owner for record in read_export(path, timezone=SHANGHAI) if isinstance(record, Conversation)}


def test_names_of_line_without_tabs_are_learned_from_all_lines() -> None:
    spoken = [
        "Bob Smith hi there",
        "Bob Smith ok you",
        "Bob Smith go on",
        "Bob Jones hi all",
        "Bob Jones no way",
        "Bob Jones yes sir",
        "Ann x",
    ]
    names = find_names(spoken, told="")
    assert names == ("Bob Jones", "Bob Smith", "Ann")
    assert part("Bob Jones no way", names) == ("Bob Jones", "no way")
    assert part("Bob Jones left the group", names) == ("", "Bob Jones left the group")
    assert part("Cleo hi", names) == ("Cleo", "hi")
