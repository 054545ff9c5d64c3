"""A damaged character in the head of a record costs that record, not the one above it, wherever the lines around still show a head."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from clone_agent.importers import read_export
from clone_agent.importers.damage import STAMP, is_damaged
from clone_agent.records import Message, Skipped

ZONE = ZoneInfo("Asia/Shanghai")
QCE_HEAD = "[QQChatExporter V5 / https://github.com/shuakami/qq-chat-exporter]\n聊天名称: 测试群\n聊天类型: 群聊\n\n\n"
RULE = f"{'=' * 64}\r\n"
QQ_HEAD = f"\ufeff消息记录（此消息记录为文本格式，不支持重新导入）\r\n\r\n{RULE}消息分组:我的好友\r\n{RULE}消息对象:小红\r\n{RULE}\r\n"
EXPORTS = {
    "qqnt_export_txt": "".join(f"2024-05-02 12:00:0{n} 群友{n}\n[文本]\n第{n}句\n\n" for n in range(1, 5)),
    "qce_txt": QCE_HEAD + "".join(f"群友{n}:\n时间: 2024-05-02 12:00:0{n}\n内容: 第{n}句\n\n\n" for n in range(1, 5)),
    "qq_pc_txt": QQ_HEAD + "".join(f"2024-05-02 12:00:0{n} 小红(10001)\r\n第{n}句\r\n\r\n" for n in range(1, 5)),
    "signal_export_md": "".join(f"[2024-05-02, 12:00:0{n}] {'Me' if n % 2 else 'Nora'}: 第{n}句\n" for n in range(1, 5)),
    "wechat_memotrace_txt": "".join(f"2024-05-02 12:00:0{n} {'我' if n % 2 else '小红'}\n第{n}句\n\n" for n in range(1, 5)),
}


def read(path: Path, text: str, name: str) -> tuple[list[str], list[str]]:
    path.write_bytes(text.encode())
    records = list(read_export(path, timezone=ZONE, format_name=name))
    return [one.text for one in records if isinstance(one, Message)], [one.reason for one in records if isinstance(one, Skipped)]


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("damaged", ["2024-05-02 12:00q03", "2024-05-02 1\x12:00:03", "2024%05-02 12:00:03"])
def test_one_damaged_character_of_a_stamp_costs_its_record_alone(name: str, damaged: str, tmp_path: Path) -> None:
    whole, _ = read(tmp_path / "chat.txt", EXPORTS[name], name)
    assert whole == ["第1句", "第2句", "第3句", "第4句"]
    stamp, text = "2024-05-02 12:00:03", EXPORTS[name]
    if name == "signal_export_md":
        stamp, damaged = stamp.replace(" ", ", "), damaged.replace(" ", ", ")
    kept, skipped = read(tmp_path / "chat.txt", text.replace(stamp, damaged), name)
    assert kept == ["第1句", "第2句", "第4句"]
    assert len(skipped) == 1
    assert "time stamp" in skipped[0]


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("damaged", [(1,), (2, 3), (1, 2)])
def test_a_damaged_stamp_is_counted_wherever_it_stands(name: str, damaged: tuple[int, ...], tmp_path: Path) -> None:
    text = EXPORTS[name]
    for number in damaged:
        text = text.replace(f"12:00:0{number}", f"12:00q0{number}")
    kept, skipped = read(tmp_path / "chat.txt", text, name)
    assert kept == [f"第{number}句" for number in range(1, 5) if number not in damaged]
    assert len(skipped) == len(damaged)


@pytest.mark.parametrize("damaged", ["群友3；", "群友3", "群友1；", "群友1\x11"])
def test_a_damaged_colon_behind_a_name_gives_its_words_to_nobody_else(damaged: str, tmp_path: Path) -> None:
    number, place = damaged[2], "群友3:" if damaged.startswith("群友3") else "群友1:"
    kept, skipped = read(tmp_path / "chat.txt", EXPORTS["qce_txt"].replace(place, damaged), "qce_txt")
    assert kept == [f"第{other}句" for other in "1234" if other != number]
    assert skipped == ["a damaged name"]


def test_a_name_with_a_damaged_colon_is_known_from_its_other_records(tmp_path: Path) -> None:
    text = EXPORTS["qce_txt"].replace("群友3:", "群友1；")
    path = tmp_path / "chat.txt"
    path.write_bytes(text.encode())
    found = [one for one in read_export(path, timezone=ZONE) if isinstance(one, Message)]
    assert [(one.sender_name, one.text) for one in found] == [
        ("群友1", "第1句"),
        ("群友2", "第2句"),
        ("群友1", "第3句"),
        ("群友4", "第4句"),
    ]


@pytest.mark.parametrize("damaged", ["May 02, 2024 12:00q03 PM", "May 02( 2024 12:00:03 PM", "Ma9 02, 2024 12:00:03 PM"])
def test_in_imessage_too(damaged: str, tmp_path: Path) -> None:
    text = "".join(f"May 02, 2024 12:00:0{n} PM\n+1555867530{n}\n第{n}句\n\n" for n in range(1, 5))
    kept, skipped = read(tmp_path / "chat.txt", text.replace("May 02, 2024 12:00:03 PM", damaged), "imessage_txt")
    assert (kept, skipped) == (["第1句", "第2句", "第4句"], ["no time stamp"])


def test_a_damaged_label_in_front_of_a_time_costs_its_record_alone(tmp_path: Path) -> None:
    text = EXPORTS["qce_txt"].replace("时间: 2024-05-02 12:00:03", "时\ufffd: 2024-05-02 12:00:03")
    assert read(tmp_path / "chat.txt", text, "qce_txt") == (["第1句", "第2句", "第4句"], ["no time stamp"])


@pytest.mark.parametrize("name", ["qqnt_export_txt", "qq_pc_txt", "wechat_memotrace_txt"])
@pytest.mark.parametrize("line", ["2024/05/02 12.00 见", "2024-05-02 到家", "12:00:03 出发", "2024年05月02日 12:00:03 好"])
def test_words_that_only_resemble_a_stamp_stay_words(name: str, line: str, tmp_path: Path) -> None:
    kept, skipped = read(tmp_path / "chat.txt", EXPORTS[name].replace("第2句", f"第2句\n\n{line}".replace("\n", "\n")), name)
    assert line in kept[1]
    assert skipped == []


def test_a_stamp_is_damaged_where_one_character_does_not_fit() -> None:
    assert is_damaged("2024-05-02 12:00 03 小红", STAMP)
    assert not is_damaged("2024-05-02 12:00:03 小红", STAMP), "whole"
    assert not is_damaged("2024/05/02 12:00:03 小红", STAMP), "another way of writing it"
    assert not is_damaged("2024-05-02 12:00", STAMP)


LINE_HEAD = "[LINE] 花子とのトーク履歴\r\n保存日時：2026/08/21 11:59\r\n\r\n2025/04/18(金)\r\n"
KAKAO_HEAD = "개발3팀 님과 카카오톡 대화\n저장한 날짜 : 2024-03-11 22:14:03\n\n"
CHATS = {  # the four records of a chat behind what stands above them
    "line_txt": (LINE_HEAD, [f"12:0{n}\t{'花子' if n % 2 else 'Bob'}\t第{n}句\r\n" for n in range(1, 5)]),
    "kakaotalk_txt": (
        f"{KAKAO_HEAD}--------------- 2024년 3월 11일 월요일 ---------------\n",
        [f"[김세진] [오전 9:1{n}] 第{n}句\n" for n in range(1, 5)],
    ),
    "wechat_dump_txt": ("", [f"1|{'me' if n % 2 else '小明'}:2024-01-01 08:00:0{n}:第{n}句\n" for n in range(1, 5)]),
    "qce_tab_txt": ("", [f"730{n}\t2025-05-01 08:00:0{n}\tAlice\t第{n}句\n" for n in range(1, 5)]),
    "qq_clipboard": ("", [f"【冒泡】围观熊(95888{n}) 2/14/2020 9:16:1{n} PM\n第{n}句\n\n" for n in range(1, 5)]),
}
FURTHER = {
    "line_txt": ("2025.12.10 Wednesday\r\n", [f"03:0{n} {'Alice' if n % 2 else 'Bob'} 第{n}句\r\n" for n in range(1, 9)]),
    "kakaotalk_txt": (f"{KAKAO_HEAD}2024년 3월 11일 월요일\n", [f"2024년 3월 11일 오전 9:1{n}, 박팀장 : 第{n}句\n" for n in range(1, 5)]),
}


def damaged_at_every_place(record: str, until: str) -> list[str]:
    """A record with each of the characters that stand in its lines before its words damaged."""
    return [f"{record[:place]}\x11{record[place + 1 :]}" for place in range(record.index(until)) if record[place] != "\n"]


@pytest.mark.parametrize(("name", "top", "records"), [(name, *chat) for chats in (CHATS, FURTHER) for name, chat in chats.items()])
def test_wherever_a_head_is_damaged_its_words_never_go_to_who_spoke_before(name: str, top: str, records: list[str], tmp_path: Path) -> None:
    texts = [f"第{n}句" for n in range(1, len(records) + 1)]
    assert read(tmp_path / "chat.txt", top + "".join(records), name)[0] == texts
    for hit in damaged_at_every_place(records[2], "第3句"):
        kept, _ = read(tmp_path / "chat.txt", top + "".join([*records[:2], hit, *records[3:]]), name)
        assert [text for text in kept if "第3句" not in text] == [*texts[:2], *texts[3:]], repr(hit)
        assert "第2句" in kept, repr(hit)


@pytest.mark.parametrize("name", ["kakaotalk_txt", "wechat_dump_txt", "qce_tab_txt", "qq_clipboard"])
def test_a_line_that_is_no_head_by_far_goes_on_with_the_message(name: str, tmp_path: Path) -> None:
    top, records = CHATS[name]
    for line in ("2024-05-02 到家", "12:03 出发", "[통지] 9시 12분", "1|2|3", "a\tb\tc", "2024.3.11 월요일 좋아"):
        longer = [*records[:1], records[1].rstrip("\n") + f"\n{line}\n" + ("\n" if name == "qq_clipboard" else ""), *records[2:]]
        kept, skipped = read(tmp_path / "chat.txt", top + "".join(longer), name)
        assert kept[1] == f"第2句\n{line}", name
        assert skipped == []


def test_a_damaged_key_of_sigtop_is_read_as_what_it_was(tmp_path: Path) -> None:
    sent = "Thu, 2 May 2024 08:01:00 +0800"
    fields = f"From: Bob (+15550100)\nType: incoming\nSent: {sent}\nReceived: {sent}\n"
    records = "".join(f"{fields}\n第{n}句\n\n" for n in range(1, 5))
    whole = f"Conversation: Bob (+15550100)\n\n{records}"
    place = whole.index("From", whole.index("第2句"))
    for at in [*range(place, place + 6), *range(place + 22, place + 28)]:
        kept, skipped = read(tmp_path / "chat.txt", f"{whole[:at]}\x11{whole[at + 1 :]}", "signal_sigtop_txt")
        assert (kept, skipped) == (["第1句", "第2句", "第3句", "第4句"], []), repr(whole[at])
