"""WeChat in English: what it writes for pictures, calls and notices in the plain texts of its tools."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from clone_agent.importers import read_export
from clone_agent.records import Kind, Message

SHANGHAI = ZoneInfo("Asia/Shanghai")
PLACEHOLDERS = {
    "[Photo]": Kind.IMAGE,
    "[Video]": Kind.VIDEO,
    "[Sticker]": Kind.STICKER,
    "[Audio]": Kind.VOICE,
    "[Voice Call]": Kind.CALL,
    "[Video Call] 00:31": Kind.CALL,
    "[File] plan.pdf": Kind.FILE,
    "[Link] The weather": Kind.CARD,
    "[Contact Card]": Kind.CARD,
    "[Chat History]": Kind.FORWARD,
    "[Location]": Kind.LOCATION,
    "[Red Packet]": Kind.RED_PACKET,
    "[WeChat Transfer]": Kind.TRANSFER,
}
NOTICES = (
    "You recalled a message",
    '"Ann" recalled a message',
    '"小红" recalled a message',
    "Ann has recalled a message.",
    '"Ann" invited "Ben" to the group chat',
    '"Ann" joined the group chat via the QR code shared by "Ben"',
    'You removed "Ann" from the group chat',
    '"Ann" tickled you',
    '"Ann" opened your Red Packet',
)
WORDS = (
    "I recalled a message from years ago",
    "Ann left the group chat",  # without quotes it is as people write
    "[Smile]",
    "see [Photo]",
    "group chat at 8",
    "she invited us to a group chat",
)


def read_back(folder: Path, bodies: list[str], row: str, head: str = "", name: str = "chat.txt") -> list[Message]:
    """What is read of texts by Ann, one a minute."""
    rows = (row.format(minute=number, body=body) for number, body in enumerate(bodies))
    (folder / name).write_text(head + "".join(rows), encoding="utf-8")
    return [record for record in read_export(folder / name, timezone=SHANGHAI) if isinstance(record, Message)]


LAYOUTS = {
    "weflow": ("2024-01-02 03:{minute:02d}:05 'Ann'\n{body}\n\n", ""),
    "mail": ("Ann  03:{minute:02d}\n\n{body}\n\n", "Ann 和 Ben 在微信上的聊天记录如下，请查收。\n\n—————  2024-01-02  —————\n\n\n"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_placeholders_are_no_words(tmp_path: Path, layout: str) -> None:
    found = read_back(tmp_path, list(PLACEHOLDERS), *LAYOUTS[layout])
    assert [message.kind for message in found] == list(PLACEHOLDERS.values())
    assert not any(message.text for message in found)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_notices_are_the_programs(tmp_path: Path, layout: str) -> None:
    assert {message.kind for message in read_back(tmp_path, list(NOTICES), *LAYOUTS[layout])} == {Kind.SYSTEM}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_people_write_about_chats_stays_theirs(tmp_path: Path, layout: str) -> None:
    found = read_back(tmp_path, list(WORDS), *LAYOUTS[layout])
    assert [(message.sender_name, message.kind, message.text) for message in found] == [("Ann", Kind.TEXT, words) for words in WORDS]


def test_a_notice_where_a_name_stands_is_one(tmp_path: Path) -> None:
    text = "2024-01-02 11:04:05 我\n你好\n\n2024-01-02 11:04:06 You recalled a message\n\n2024-01-02 11:04:07 Ann\nhi\n\n"
    (tmp_path / "Ann.txt").write_text(text, encoding="utf-8")
    found = read_export(tmp_path / "Ann.txt", timezone=SHANGHAI, format_name="wechat_memotrace_txt")
    assert [record.kind for record in found if isinstance(record, Message)] == [Kind.TEXT, Kind.SYSTEM, Kind.TEXT]
