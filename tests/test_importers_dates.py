"""Dates that do not tell whether the day or the month comes first: asked about, never guessed in silence."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

import ui.doubts
from clone_agent.archive import Archive
from clone_agent.importers import order_doubt, read_export
from clone_agent.importers.dates import Order
from clone_agent.importers.stamps import read_time
from clone_agent.records import Message, Skipped
from ui.cli import main

BERLIN = ZoneInfo("Europe/Berlin")
WHATSAPP = "3/4/24, 10:00 - Ann: one\n5/6/24, 10:00 - Ben: two\n"
TOLD = "25/4/24, 10:00 - Ann: one\n5/6/24, 10:00 - Ben: two\n"
PAGE = (
    "\ufeffFrom: <Save by Tencent MsgMgr>\r\nSubject: Tencent IM Message\r\nContent-Type:multipart/related\r\n\r\n--x\r\n"
    "Content-Type: text/html\r\n\r\n<html><body><table><tr><td><div>消息分组:我的好友</div></td></tr>\r\n"
    "<tr><td><div>消息对象:Ben</div></td></tr>\r\n<tr><td style=height:24px;>日期: 3/4/2024</td></tr>\r\n"
    "<tr><td><div style=color:#42B475;padding-left:10px;><div style=float:left;>Ann</div>10:00:00</div>"
    "<div style=padding-left:20px;><font>one</font></div></td></tr>\r\n</table></body></html>\r\n"
)
DOUBTFUL = {
    "WhatsApp Chat with Ben.txt": WHATSAPP,
    "Ben.mht": PAGE,
    "paste.txt": "Ann(10001) 3/4/2024 10:00:00 AM\none\n",
    "chat.csv": "time,sender,text\n3/4/2024 10:00,Ann,one\n",
    "chat.jsonl": '{"time":"3/4/2024 10:00","sender":"Ann","text":"one"}\n',
}
DAYS = {Order.DAY_FIRST: "2024-04-03", Order.MONTH_FIRST: "2024-03-04"}


def put(folder: Path, name: str, text: str = "") -> Path:
    (folder / name).write_text(text or DOUBTFUL[name], encoding="utf-8", newline="")
    return folder / name


def day_of(path: Path, order: Order) -> str:
    records = list(read_export(path, timezone=BERLIN, date_order=order))
    assert not any(isinstance(record, Skipped) for record in records)
    return next(f"{record.sent_at:%Y-%m-%d}" for record in records if isinstance(record, Message))


def run(home: Path, *arguments: str | Path, answers: str = "") -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--home", str(home)], input=answers)


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_doubtful_date_is_shown_and_read_as_it_is_said_to_be(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, name)
    assert "3/4" in (order_doubt(path) or "")
    assert {order: day_of(path, order) for order in Order} == DAYS


@pytest.mark.parametrize(
    "written",
    [
        "2024/10/14 11:42:05",
        "2024/10/14T11:42:05",
        "2024/10/14T11:42:05.25",
        "2024/10/14 11:42:05Z",
        "2024-10-14 11:42:05",
        "2024-10-14T11:42:05",
        "2024-10-14T13:42:05+02:00",
    ],
)
def test_a_date_is_read_with_dashes_and_with_slashes(written: str) -> None:
    moment = read_time(written, ZoneInfo("UTC"))
    assert f"{moment:%Y-%m-%d %H:%M:%S}" == "2024-10-14 11:42:05"


def test_a_table_that_a_spreadsheet_saved_with_slashes_loses_no_row(tmp_path: Path) -> None:
    path = put(tmp_path, "KakaoTalk_Chat_Ann.csv", 'Date,User,Message\n2024/10/14 11:42:05,"Ann","one"\n2024/10/14 9:42,"Ben","two"\n')
    found = [record for record in read_export(path, timezone=BERLIN) if isinstance(record, Message)]
    assert [(f"{one.sent_at:%d %H:%M:%S}", one.text) for one in found] == [("14 11:42:05", "one"), ("14 09:42:00", "two")]


@pytest.mark.parametrize("text", [TOLD, "2024/3/4, 10:00 - Ann: one\n", "4/4/24, 10:00 - Ann: one\n"])
def test_dates_that_tell_their_order_or_need_none_raise_no_doubt(tmp_path: Path, text: str) -> None:
    assert order_doubt(put(tmp_path, "WhatsApp Chat with Ben.txt", text)) is None


def test_what_the_dates_tell_counts_more_than_what_is_said(tmp_path: Path) -> None:
    path = put(tmp_path, "WhatsApp Chat with Ben.txt", TOLD)
    assert day_of(path, Order.MONTH_FIRST) == "2024-04-25"


def test_an_import_that_cannot_ask_refuses_and_says_what_to_do(tmp_path: Path) -> None:
    path = put(tmp_path, "WhatsApp Chat with Ben.txt")
    refused = run(tmp_path / "home", "import", path, "--me", "Ann")
    assert refused.exit_code == 1
    assert "dates like 3/4/24 may begin with the day or the month." in refused.stderr
    assert "--dates day-first or --dates month-first" in refused.stderr
    done = run(tmp_path / "home", "import", path, "--me", "Ann", "--dates", "month-first", "--json")
    assert json.loads(done.stdout)["first"].startswith("2024-03-04")


def test_one_answer_holds_for_every_chat_of_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui.doubts, "is_asked", lambda: True)
    for name in ("Ben", "Cat"):
        put(tmp_path, f"WhatsApp Chat with {name}.txt", WHATSAPP.replace("Ben", name))
    result = run(tmp_path / "home", "import", *tmp_path.glob("*.txt"), "--me", "Ann", "--timezone", "Europe/Berlin", answers="day-first\n")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("Which comes first") == 1
    with Archive.open(tmp_path / "home") as archive:
        assert {f"{info.first:%Y-%m-%d}" for info in archive.conversations()} == {"2024-04-03"}


def test_columns_are_named_on_the_command_line(tmp_path: Path) -> None:
    path = put(tmp_path, "mine.csv", "a,b,c\n2024-03-04 10:00,Ann,one\n2024-03-04 10:01,Ben,two\n")
    refused = run(tmp_path / "home", "inspect", path)
    assert "name its columns: --columns time=…" in refused.stderr
    told = ("--columns", "time=a,sender=b,text=c")
    fields = json.loads(run(tmp_path / "home", "inspect", path, *told, "--json").stdout)
    assert [sender["name"] for sender in fields["chats"][0]["senders"]] == ["Ann", "Ben"]
    assert "you" not in run(tmp_path / "home", "inspect", path, *told).stdout, "nobody is known to be the owner"
    assert json.loads(run(tmp_path / "home", "import", path, "--me", "Ann", *told, "--json").stdout)["added"] == 2


@pytest.mark.parametrize("columns", ["time", "time=", "time=a,colour=b"])
def test_columns_that_cannot_be_meant_are_said(tmp_path: Path, columns: str) -> None:
    path = put(tmp_path, "mine.csv", "a,b,c\n2024-03-04 10:00,Ann,one\n")
    result = run(tmp_path / "home", "inspect", path, "--format", "generic_csv", "--columns", columns)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
