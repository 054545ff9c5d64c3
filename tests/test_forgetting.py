"""Forgetting leaves no byte in the data home, marks what has learned, and stays forgotten when the chats come again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from test_recall import HIKERS, NAMES, NING, OWNER, WITH_YU, YU, ZONE, messages

from clone_agent.archive import Archive
from clone_agent.forgetting import Chosen, Forgetting, Wish, is_unfinished
from clone_agent.home import DataHome
from clone_agent.leftovers import find_leftovers, remove_leftovers
from clone_agent.records import ChatKind, Conversation, Kind, Message
from clone_agent.words import WordsFinder
from memory.embed import normalised
from memory.indexing import Progress, update_words
from memory.recall import MemoryIndex
from memory.refill import refill
from memory.table import PassageTable
from memory.twins import apart
from ui.erasing import carry_out, plan_forgetting
from ui.report.document import Document, Heading, Table
from ui.report.writing import write_report

COPY = Conversation(id="qq:other-number", platform="qq", name="爬山", kind=ChatKind.GROUP)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.open(tmp_path, create=True) as opened:
        opened.add(messages(), source="hike.txt")
        yield opened


def chosen(archive: Archive, wish: Wish) -> Chosen:
    return Forgetting(archive.connection, wish).chosen


def forget(archive: Archive, home: Path, wish: Wish) -> None:
    carry_out(DataHome(home), archive, plan_forgetting(DataHome(home), archive, wish))


def exports(archive: Archive) -> list[str]:
    return [row[0] for row in archive.connection.execute("SELECT source FROM imports ORDER BY n")]


def texts(archive: Archive) -> list[str]:
    return [message.text for info in archive.conversations() for message in archive.messages(info.conversation.id)]


def test_a_person_stands_for_all_they_said_and_the_private_chats_with_them(archive: Archive) -> None:
    found = chosen(archive, Wish(people=(f"qq:{YU}",)))
    assert found.spans[WITH_YU.id].messages == 13
    assert found.spans[HIKERS.id].messages == 1
    assert (found.own, found.people) == (7, 2)


def test_a_chat_a_period_and_a_phrase_narrow_each_other(archive: Archive) -> None:
    since, until = datetime(2024, 3, 4, tzinfo=ZONE), datetime(2024, 4, 21, tzinfo=ZONE)
    assert chosen(archive, Wish(conversations=(HIKERS.id,), since=since, until=until)).messages == 3
    assert chosen(archive, Wish(phrases=("八点半",))).messages == 2
    assert chosen(archive, Wish(phrases=("八点半",), since=since)).messages == 1
    assert chosen(archive, Wish(phrases=("ＥＸＡＭＰＬＥ.invalid",))).messages == 1
    assert chosen(archive, Wish(messages=(f"{HIKERS.id}/2024-03-03 09:05/0", "gone"))).messages == 1
    assert chosen(archive, Wish()).messages == 0


def test_what_was_forgotten_does_not_come_back_with_the_same_export(archive: Archive, tmp_path: Path) -> None:
    forget(archive, tmp_path, Wish(people=(f"qq:{NING}",)))
    report = archive.add(messages(), source="hike.txt")
    assert (report.added, report.forgotten) == (0, 4)
    assert [person.name for person in archive.people()] == ["周屿", "林晚"] or len(archive.people()) == 2
    later = replace(messages()[-1], id="later", sender=NING, text="换个话题")  # type: ignore[type-var]  # the last one is a message
    assert archive.add([HIKERS, later]).forgotten == 1, "a person forgotten as a whole stays away"


def test_another_exporters_copy_of_the_same_message_stays_away(archive: Archive, tmp_path: Path) -> None:
    forget(archive, tmp_path, Wish(phrases=("新工作",)))
    original = next(one for one in messages() if isinstance(one, Message) and "新工作" in one.text)
    copy = replace(
        original,
        id="by-another-exporter",
        conversation=COPY.id,
        sender="name:宁宁",
        sender_name="宁宁",
        sent_at=original.sent_at.replace(second=0) if original.sent_at.second else original.sent_at + timedelta(seconds=30),
        text="我找到新工作了  在字节做测试[微笑]",
    )
    report = archive.add([COPY, copy, replace(copy, id="tomorrow", sent_at=copy.sent_at + timedelta(days=1))])
    assert (report.forgotten, report.added) == (1, 1), "the same words on another day are another message"


def test_the_archive_keeps_no_name_of_a_person_or_of_their_export_file(archive: Archive, tmp_path: Path) -> None:
    private = Conversation(id="qq:lao", platform="qq", name="老郑头", kind=ChatKind.PRIVATE, owner=OWNER)
    told = replace(messages()[-1], conversation=private.id, sender="77", sender_name="老郑头", source="老郑头.txt:3", id="z")  # type: ignore[type-var]  # a message
    archive.add([private, told], source="老郑头.txt")
    forget(archive, tmp_path, Wish(people=("qq:77",)))
    assert not is_unfinished(archive.connection)
    assert "老郑头".encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("archive.sqlite3*"))


def test_names_of_exports_go_unless_a_message_stands_in_them(archive: Archive, tmp_path: Path) -> None:
    """Those that brought nothing new go, too, and zips, of which no message tells."""
    base = next(one for one in messages() if isinstance(one, Message) and one.conversation == HIKERS.id)
    lines = [replace(base, id=f"line {number}", text=f"行{number}", source=f"爬山.txt:{number}") for number in range(2)]
    rows = [replace(base, id=f"row {number}", text=f"列{number}", source=f"爬山.json#{number}") for number in range(2)]
    archive.add([HIKERS, *lines], source="爬山.txt")
    archive.add([HIKERS, *lines], source="陈一宁-2024.html")
    archive.add([HIKERS, *rows], source="爬山.json")
    archive.add([HIKERS, *lines], source="WhatsApp Chat - 陈一宁.zip")
    forget(archive, tmp_path, Wish(messages=("row 0",)))
    assert exports(archive) == ["", "爬山.txt", "", "爬山.json", ""]
    forget(archive, tmp_path, Wish(messages=("row 1",)))
    assert exports(archive) == ["", "爬山.txt", "", "", ""]


def test_a_chat_forgotten_line_by_line_does_not_come_back_as_a_name(archive: Archive, tmp_path: Path) -> None:
    forget(archive, tmp_path, Wish(messages=tuple(message.id for message in archive.messages(WITH_YU.id))))
    assert archive.add(messages()).forgotten == 13
    assert [info.conversation.id for info in archive.conversations()] == [HIKERS.id]


def test_the_memory_keeps_no_id_of_a_chat_without_words(archive: Archive, tmp_path: Path) -> None:
    private = Conversation(id="qq:77889900", platform="qq", name="小明", kind=ChatKind.PRIVATE)
    picture = replace(messages()[-1], conversation=private.id, sender="77889900", id="picture", kind=Kind.IMAGE, text="")  # type: ignore[type-var]  # a message
    archive.add([private, picture])
    table = PassageTable(archive.connection)
    update_words(archive, table, progress=Progress(None))
    assert private.id in table.revisions()
    forget(archive, tmp_path, Wish(people=("qq:77889900",)))
    assert b"77889900" not in b"".join(path.read_bytes() for path in tmp_path.glob("archive.sqlite3*"))
    assert set(table.revisions()) == {HIKERS.id, WITH_YU.id}


def test_replies_are_found_in_steps_that_grow_with_the_chat_and_not_with_its_square(tmp_path: Path) -> None:
    steps = []
    for many in (500, 2000):
        with Archive.open(tmp_path / str(many), create=True) as archive:
            base = next(one for one in messages() if isinstance(one, Message) and one.conversation == HIKERS.id)
            told = [
                replace(base, id=f"{n}", sender=(NING, YU)[n % 2], text=f"第{n}句", source_id=f"{n}", reply_to=f"{n - 1}", quoted="嗯")
                for n in range(many)
            ]
            archive.add([HIKERS, *told])
            steps.append(0)

            def count() -> None:
                steps[-1] += 1

            archive.connection.set_progress_handler(count, 100)
            found = chosen(archive, Wish(people=(f"qq:{NING}",)))
            archive.connection.set_progress_handler(None, 0)
            assert (found.messages, found.quotes) == (many // 2, many // 2)
    assert steps[1] < 8 * steps[0], "four times the chat takes four times the steps, its square sixteen"


def test_quotes_and_forwards_of_forgotten_words_are_blanked(archive: Archive, tmp_path: Path) -> None:
    base = next(one for one in messages() if isinstance(one, Message) and one.conversation == HIKERS.id and one.sender == OWNER)
    quoting = [
        replace(base, id="q1", kind=Kind.REPLY, text="收到", quoted="陈一宁：带伞  可能下雨"),
        replace(base, id="q2", kind=Kind.FORWARD, text="", quoted="陈一宁: 从没存过的话\n周屿: 我带咖啡"),
        replace(base, id="q3", kind=Kind.REPLY, text="好的", quoted="周屿：我带咖啡"),
    ]
    archive.add([HIKERS, *quoting])
    forget(archive, tmp_path, Wish(people=(f"qq:{NING}",)))
    assert {one.id: one.quoted for one in archive.messages_by_id(["q1", "q2", "q3"])} == {"q1": "", "q2": "", "q3": "周屿：我带咖啡"}


def test_no_byte_of_fifty_sentences_nor_of_their_vectors_is_left_in_the_home(tmp_path: Path) -> None:
    home = DataHome(tmp_path)
    secrets = [f"第{number}个秘密：{word}藏在{number * 7}号柜子里" for number, word in enumerate("山水花鸟鱼虫风雪月云" * 5)]
    start = datetime(2024, 1, 5, 9, 0, tzinfo=ZONE)
    told = [
        Message(
            id=f"s{number}",
            conversation=HIKERS.id,
            sender=NING if number % 3 else YU,
            sender_name=NAMES[NING if number % 3 else YU],
            sent_at=start + timedelta(minutes=7 * number),
            kind=Kind.TEXT,
            text=secrets[number] if number % 3 else f"周屿的第{number}句话 天气不错",
            source=f"hike.txt:{number}",
        )
        for number in range(50)
    ]
    gone = [one.text for one in told if one.sender == NING]
    with Archive.open(tmp_path, create=True) as archive:
        archive.add([*messages(), *told])
        memory = MemoryIndex.open(tmp_path, archive)
        memory.index()
        table = PassageTable(archive.connection)
        numbers = [number for number, text in zip(table.numbers("turn"), table.texts(table.numbers("turn")), strict=True) if text in gone]
        vectors = table.vectors(numbers)[1]
        stored = apart(numbers, normalised(vectors.astype(np.float32)))
        memory.close()
        assert len(numbers) == len(gone) == 33
        (tmp_path / "comparisons").mkdir()
        rows = [{"question": "?", "answer": gone[3]}, {"question": "?", "sources": [{"message_ids": ["s4"]}]}, {"question": "别的"}]
        (tmp_path / "comparisons" / "q.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
        (tmp_path / "report.md").write_text(f"| {gone[5]} |", encoding="utf-8")
        (tmp_path / "tmp" / "upload.txt").write_text(gone[6], encoding="utf-8")
        forget(archive, tmp_path, Wish(people=(f"qq:{NING}",)))
        refill(tmp_path, embedding=None)
        with_rest = MemoryIndex.open(tmp_path, archive)
        assert "周屿的第3句话" in " ".join(hit.memory.text for hit in with_rest.search("周屿的第3句话").hits)
        with_rest.close()
    held = {path: path.read_bytes() for path in home.root.rglob("*") if path.is_file()}
    needles = [text.encode() for text in gone] + [json.dumps(text).strip('"').encode() for text in gone]
    needles += [vector.tobytes() for vector in vectors] + [vector.astype(np.float32).tobytes() for vector in vectors]
    needles += [vector.tobytes()[:64] for vector in stored]
    needles += [part for vector in vectors for part in (vector.tobytes()[:64], vector.astype(np.float32).tobytes()[:64])]
    assert [path for path, content in held.items() if any(needle in content for needle in needles)] == []
    assert (tmp_path / "comparisons" / "q.jsonl").read_text().splitlines() == [json.dumps({"question": "别的"})]
    assert not (tmp_path / "report.md").exists()


def test_a_killed_forgetting_is_told_and_finished_later(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.erasing.finish", lambda home, archive: None)
    forget(archive, tmp_path, Wish(people=(f"qq:{NING}",)))
    assert is_unfinished(archive.connection)


def test_words_are_found_however_the_blanks_fall_and_short_ones_are_everybodys(tmp_path: Path) -> None:
    finder = WordsFinder(["我找到 新工作了", "好的"])
    assert finder.is_in("她说：我找到新\n工作了！")
    assert not finder.is_in("好的好的")
    assert not finder.is_in("我找到新工")
    home = DataHome(tmp_path).create()
    (tmp_path / "big.txt").write_text("无" * ((1 << 22) - 3) + "我找到新工作了", encoding="utf-8")
    (tmp_path / "clone-agent.toml").write_text("# 我找到新工作了", encoding="utf-8")
    found = find_leftovers(home, finder=finder, ids=frozenset())
    assert [(one.path.name, one.lines) for one in found] == [("big.txt", None)], "words on the seam of two blocks; the settings stay"
    remove_leftovers(home, found)
    assert not (tmp_path / "big.txt").exists()


def test_words_are_found_as_html_markdown_and_json_of_any_depth_write_them(tmp_path: Path) -> None:
    home, folder = DataHome(tmp_path).create(), tmp_path / "reports"
    said = "I don't think <we>\nmake_it & you"
    write_report(Document(title="t", blocks=[Table(("voice", "figure"), [(said, "1")])]), folder, "r")
    write_report(Document(title="t", blocks=[Table(("voice", "figure"), [("别的", "1")])]), folder, "other")
    (folder / "deep.json").write_text("[" * 99_999 + json.dumps("我找到新工作了") + "]" * 99_999, encoding="utf-8")
    (folder / "cut.jsonl").write_text('{"a": 1}\n{"a": ' + json.dumps("我找到新工作了"), encoding="utf-8")
    (folder / "id.json").write_text("[" * 99_999 + '"m1"', encoding="utf-8")
    found = find_leftovers(home, finder=WordsFinder([said, "我找到新工作了"]), ids=frozenset({"m1"}))
    assert {one.path.name: one.lines for one in found} == {
        "r.html": None,
        "r.md": None,
        "deep.json": None,
        "cut.jsonl": (1,),
        "id.json": None,
    }


def test_words_that_a_report_shows_cut_or_masked_go_with_anything_and_its_figures_stay(archive: Archive, tmp_path: Path) -> None:
    shown = Table(("received", "the owner"), [("我的号码[手机号]，那天晚上我们从车站走到…", "嗯")], is_text=True)
    figures = Table(("voice", "loss"), [("lora", "4.89")])
    written = write_report(Document(title="Backtest", blocks=[figures, Heading("Some replies"), shown]), tmp_path / "reports", "backtest")
    names = ["backtest.html", "backtest.md", "backtest.words.html", "backtest.words.md"]
    assert sorted(path.name for path in written) == names
    assert ["4.89" in path.read_text("utf-8") for path in sorted(written)] == [True, True, False, False]
    assert ["那天晚上" in path.read_text("utf-8") for path in sorted(written)] == [False, False, True, True]
    forget(archive, tmp_path, Wish())
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == names, "nothing was forgotten"
    forget(archive, tmp_path, Wish(phrases=("新工作",)))
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == names[:2]
