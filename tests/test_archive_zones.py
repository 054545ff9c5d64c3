"""The same chat read in two time zones: said, and corrected on request, never stored twice in silence."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from same_chat import QQ, part_of, put, scene

from clone_agent.archive import Archive
from clone_agent.errors import ExportError
from clone_agent.importers import read_export
from ui.cli import main

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.open(tmp_path / "home", create=True) as opened:
        yield opened


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return put(QQ["text"](part_of(scene("cousin"), 0, 300)), tmp_path / "text")


def stored(archive: Archive) -> list[tuple[datetime, str]]:
    (info,) = [info for info in archive.conversations() if info.messages]
    return [(message.sent_at.astimezone(UTC), message.text) for message in archive.messages(info.conversation.id)]


def test_the_same_file_in_another_zone_is_refused_and_adds_nothing(archive: Archive, text: Path) -> None:
    archive.add(read_export(text, timezone=BERLIN))
    before = stored(archive)
    with pytest.raises(ExportError, match=r"stored already with the same messages [67] hours later") as refused:
        archive.add(read_export(text, timezone=SHANGHAI))
    assert "--move-times" in (refused.value.remedy or "")
    assert stored(archive) == before
    assert archive.add(read_export(text, timezone=BERLIN)).added == 0


def test_stored_times_are_corrected_on_request_through_summer_and_winter(archive: Archive, text: Path, tmp_path: Path) -> None:
    with Archive.open(tmp_path / "right", create=True) as other:
        other.add(read_export(text, timezone=SHANGHAI))
        right = stored(other)
    archive.add(read_export(text, timezone=BERLIN))
    shifts = {one[0] - two[0] for one, two in zip(stored(archive), right, strict=True)}
    assert shifts == {timedelta(hours=6), timedelta(hours=7)}, "the chat spans both"
    assert archive.add(read_export(text, timezone=SHANGHAI), are_times_right=True).added == 0
    assert stored(archive) == right
    assert archive.add(read_export(text, timezone=SHANGHAI)).added == 0
    assert archive.add(read_export(text, timezone=BERLIN)).added == 0, "known by their ids, whatever the zone"


def test_another_exporter_with_true_times_finds_the_chat_that_was_read_wrongly(archive: Archive, text: Path, tmp_path: Path) -> None:
    archive.add(read_export(text, timezone=BERLIN))
    chat = part_of(scene("cousin"), 0, 300)
    true = put(QQ["qce"](chat), tmp_path / "qce")
    before = archive.conversations()
    with pytest.raises(ExportError, match="wrong time zone"):
        archive.add(read_export(true, timezone=SHANGHAI))
    assert archive.conversations() == before, "a refused import leaves no empty chat"
    recalls = sum(bubble.recalled_at is not None for bubble in chat.bubbles)
    assert archive.add(read_export(true, timezone=SHANGHAI), are_times_right=True).added <= recalls
    assert [moment for moment, _ in stored(archive)] == sorted(moment for moment, _ in stored(archive))


def test_later_messages_in_the_same_zone_raise_no_doubt(archive: Archive, tmp_path: Path) -> None:
    chat = scene("cousin")
    for number, (first, last) in enumerate([(0, 100), (50, 200), (200, 300)]):
        added = archive.add(read_export(put(QQ["text"](part_of(chat, first, last)), tmp_path / str(number)), timezone=SHANGHAI)).added
        assert added > 0
    assert archive.add(read_export(put(QQ["text"](part_of(chat, 0, 300)), tmp_path / "whole"), timezone=SHANGHAI)).added == 0


def test_daily_greetings_are_no_other_zone(archive: Archive, tmp_path: Path) -> None:
    title = "消息记录（此消息记录为文本格式，不支持重新导入）\r\n\r\n" + "=" * 64 + "\r\n消息分组:我的好友\r\n" + "=" * 64
    title += "\r\n消息对象:小明\r\n" + "=" * 64 + "\r\n\r\n"
    words = ["早上好，今天也要加油", "中午吃什么好呢大家", "晚安，明天见啦各位"]
    for day in (1, 2, 3):
        path = tmp_path / f"{day}.txt"
        lines = [
            f"2024-01-{day:02d} {8 + 5 * place}:00:00 {'小明' if place else '我'}\r\n{said}\r\n\r\n" for place, said in enumerate(words)
        ]
        path.write_text(title + "".join(lines), encoding="utf-8", newline="")
        assert archive.add(read_export(path, timezone=SHANGHAI)).added == 3


def test_what_is_said_at_the_same_hours_among_other_things_is_no_other_zone(archive: Archive, tmp_path: Path) -> None:
    words = ["早上好，今天也要加油", "中午吃什么好呢大家", "晚安，明天见啦各位"]
    for part in (0, 1):
        clocks = [f"{9 * part + hour:02d}:{minute:02d}" for hour in range(6) for minute in (5, 25)]
        rows = [f"2024-01-02 {clock}:00,Ann,一句新的话，{clock}那一句\n" for clock in clocks]
        rows += [f"2024-01-02 {9 * part + hour:02d}:30:00,Ben,{said}\n" for hour, said in enumerate(words)]
        path = tmp_path / f"{part}" / "chat.csv"
        path.parent.mkdir()
        path.write_text("time,sender,text\n" + "".join(sorted(rows)), encoding="utf-8")
        assert archive.add(read_export(path, timezone=SHANGHAI)).added == 15


def test_the_command_says_what_to_do_and_does_it(text: Path, tmp_path: Path) -> None:
    def run(*more: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["import", str(text), "--home", str(tmp_path / "cli"), *more])
        return done.exit_code, done.stdout + done.stderr

    assert run("--timezone", "Europe/Berlin")[0] == 0
    code, said = run("--timezone", "Asia/Shanghai")
    assert code == 1
    assert "read in the wrong time zone" in said
    assert "--move-times" in said
    code, said = run("--timezone", "Asia/Shanghai", "--move-times")
    assert code == 0
    assert "0 new" in said


def test_a_longer_export_in_the_zone_that_was_corrected_is_refused_too(archive: Archive, text: Path, tmp_path: Path) -> None:
    first = put(QQ["text"](part_of(scene("cousin"), 0, 200)), tmp_path / "first")
    archive.add(read_export(first, timezone=BERLIN))
    archive.add(read_export(first, timezone=SHANGHAI), are_times_right=True)
    before = stored(archive)
    assert archive.add(read_export(first, timezone=BERLIN)).added == 0, "nothing new, so nothing wrong"
    with pytest.raises(ExportError, match=r"stored already with the same messages [67] hours earlier"):
        archive.add(read_export(text, timezone=BERLIN))
    assert stored(archive) == before
    added = archive.add(read_export(text, timezone=SHANGHAI)).added
    assert added > 0
    assert len(stored(archive)) == len(before) + added
    with Archive.open(tmp_path / "right", create=True) as other:
        other.add(read_export(text, timezone=SHANGHAI))
        assert stored(archive) == stored(other)
