"""The hour that a wall clock shows twice: told apart by the order of the file, in every format that writes wall clocks."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clone_agent.importers import read_export
from clone_agent.records import Message

BERLIN = ZoneInfo("Europe/Berlin")
END = datetime(2023, 10, 29, 1, tzinfo=UTC)  # of summer time: 3 o'clock becomes 2 o'clock
TITLE, RULE = "消息记录（此消息记录为文本格式，不支持重新导入）", "=" * 64
QQ_HEAD = "\r\n".join((TITLE, "", RULE, "消息分组:我的好友", RULE, "消息对象:Ben", RULE, "", ""))
Row = Callable[[datetime, str, str], str]
FORMATS: dict[str, tuple[str, str, Row]] = {
    "whatsapp_txt": ("WhatsApp Chat with Ben.txt", "", lambda t, who, text: f"{t:%d/%m/%Y, %H:%M:%S} - {who}: {text}\n"),
    "qq_pc_txt": ("chat.txt", QQ_HEAD, lambda t, who, text: f"{t:%Y-%m-%d} {t.hour}:{t:%M:%S} {who}\r\n{text}\r\n\r\n"),
    "wechat_weflow_txt": ("chat.txt", "", lambda t, who, text: f"{t:%Y-%m-%d %H:%M:%S} '{who}'\n{text}\n\n"),
    "generic_csv": ("chat.csv", "time,sender,text\n", lambda t, who, text: f"{t:%Y-%m-%d %H:%M:%S},{who},{text}\n"),
    "generic_jsonl": (
        "chat.jsonl",
        "",
        lambda t, who, text: f'{{"time":"{t:%Y-%m-%d %H:%M:%S}","sender":"{who}","text":"{text}"}}\n',
    ),
    "imessage_txt": ("Ben.txt", "", lambda t, who, text: f"{t:%b %d, %Y %I:%M:%S %p}\n{who}\n{text}\n\n"),
    "qqnt_export_txt": ("Ben.txt", "", lambda t, who, text: f"{t:%Y-%m-%d %H:%M:%S} {who}\n[文本]\n{text}\n\n"),
}


def seconds(moments: Iterable[datetime]) -> list[float]:
    """Since 1970: moments of an hour that comes twice are equal to none of another zone."""
    return [moment.timestamp() for moment in moments]


def read_back(folder: Path, format_name: str, moments: list[datetime], zone: ZoneInfo = BERLIN) -> list[Message]:
    """What is read of a chat that was written with the wall clocks of a zone."""
    name, head, row = FORMATS[format_name]
    rows = [row(moment.astimezone(zone), "Ann" if number % 3 else "Ben", f"m{number}") for number, moment in enumerate(moments)]
    (folder / name).write_text(head + "".join(rows), encoding="utf-8", newline="")
    found = read_export(folder / name, timezone=zone, format_name=format_name)
    return [record for record in found if isinstance(record, Message)]


@pytest.mark.parametrize("format_name", FORMATS)
def test_an_ascending_chat_over_the_end_of_summer_time_gets_its_moments_back(tmp_path: Path, format_name: str) -> None:
    moments = [END + timedelta(minutes=13 * step, seconds=step) for step in range(-8, 16)]
    assert seconds(message.sent_at for message in read_back(tmp_path, format_name, moments)) == seconds(moments)


def test_the_ids_are_those_of_an_export_that_names_the_seconds(tmp_path: Path) -> None:
    moments = [END + timedelta(minutes=9 * step) for step in range(-12, 20)]
    rows = "".join(
        f'{{"time":{int(moment.timestamp())},"sender":"{"Ann" if number % 3 else "Ben"}","text":"m{number}"}}\n'
        for number, moment in enumerate(moments)
    )
    read_clocks = read_back(tmp_path, "generic_jsonl", moments)
    (tmp_path / "chat.jsonl").write_text(rows, encoding="utf-8")
    told = [record.id for record in read_export(tmp_path / "chat.jsonl", timezone=BERLIN) if isinstance(record, Message)]
    assert [message.id for message in read_clocks] == told


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    minutes=st.lists(st.integers(-180, 180), min_size=2, max_size=25, unique=True),
    zone=st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "Asia/Shanghai", "Africa/Casablanca"]),
)
def test_no_message_is_moved_by_more_than_what_the_clocks_were_and_only_where_the_chat_goes_back(
    tmp_path: Path, minutes: list[int], zone: str
) -> None:
    moments = [END + timedelta(minutes=minute) for minute in minutes]
    where = ZoneInfo(zone)
    walls = [moment.astimezone(where).replace(tzinfo=None) for moment in moments]
    for wall, message in zip(walls, read_back(tmp_path, "generic_csv", moments, where), strict=True):
        assert message.sent_at.replace(tzinfo=None) == wall
    rising = sorted(moments)
    read = [message.sent_at for message in read_back(tmp_path, "generic_csv", rising, where)]
    walls = [moment.astimezone(where).replace(tzinfo=None) for moment in rising]
    if any(later < earlier for earlier, later in pairwise(walls) if earlier - later >= timedelta(minutes=2)):
        assert seconds(read) == seconds(rising)
    else:
        assert not any(moment.fold for moment in read), "the file does not tell"


def test_a_chat_in_the_opposite_order_or_with_seconds_out_of_order_stays_as_it_is(tmp_path: Path) -> None:
    falling = [END - timedelta(minutes=4 * step) for step in range(-30, 30)]
    assert not any(message.sent_at.fold for message in read_back(tmp_path, "generic_csv", falling))
    jitter = [END - timedelta(minutes=50) + timedelta(seconds=20 * (step ^ 1)) for step in range(60)]
    assert seconds(message.sent_at for message in read_back(tmp_path, "generic_csv", jitter)) == seconds(jitter)


def test_two_chats_of_one_table_each_have_an_order_of_their_own(tmp_path: Path) -> None:
    one = [END + timedelta(minutes=step) for step in (-50, -5, 20, 40)]
    other = [END + timedelta(minutes=step) for step in (-40, -30, -20, -10)]
    rows = "".join(
        f"{moment.astimezone(BERLIN):%Y-%m-%d %H:%M:%S},Ann,{chat}{number},{chat}\n"
        for number, pair in enumerate(zip(one, other, strict=True))
        for chat, moment in zip("ab", pair, strict=True)
    )
    (tmp_path / "chats.csv").write_text("time,sender,text,chat\n" + rows, encoding="utf-8")
    found = {record.text: record.sent_at for record in read_export(tmp_path / "chats.csv", timezone=BERLIN) if isinstance(record, Message)}
    assert seconds(found[f"a{number}"] for number in range(4)) == seconds(one)
    assert seconds(found[f"b{number}"] for number in range(4)) == seconds(other)
