"""The sample life: its scenes, the exports built from them and the questions about them."""

import csv
import io
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path, PurePosixPath

import pytest

from clone_agent.errors import DatasetError, ExportError
from clone_agent.importers import find_exports, read_export
from clone_agent.records import Conversation, Kind, Message, Skipped
from clone_agent.sample_life.build import EXPORTS, KEYS, build, read_chats, render, render_keys
from clone_agent.sample_life.grammar import ZONE
from clone_agent.sample_life.questions import gold_ids, gold_sets, is_right, load_keys, load_questions, resolve

TALK = """@ 2022-05-14 09:03
晚|我水壶呢 {t-bottle}
屿|~2|>t-bottle|是不是落在龙井了
晚|什么
晚|!撤回
晚|@小明 你看到没[图片]
明|[语音:7]
明|!改名 明明
明|第一行\\n第二行
晚|[表情]
"""


@pytest.fixture(scope="module")
def chats():
    return read_chats()


def header(kind: str = "group", format: str = "qq_pc_txt", chat: str = "爬山") -> str:
    third = "; 明 = 小明 | 71200350" if kind == "group" else ""
    return f"chat: {chat}\nkind: {kind}\nformat: {format}\npeople: 晚 = 晚风 | 20010417; 屿 = 屿 | 55210498{third}\n\n"


def written(tmp_path: Path, talk: str = TALK, **settings: str) -> dict[PurePosixPath, bytes]:
    path = tmp_path / "scenes" / "t.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(header(**settings) + talk, encoding="utf-8")
    return render(read_chats(path.parent))


def test_the_committed_exports_are_what_the_scenes_give(chats):
    fresh = {EXPORTS / path: content for path, content in render(chats).items()}
    assert render_keys(chats) == KEYS.read_bytes()
    committed = {path: path.read_bytes() for path in EXPORTS.rglob("*") if path.is_file()}
    stale = sorted(
        path.relative_to(EXPORTS).as_posix() for path in fresh.keys() | committed.keys() if fresh.get(path) != committed.get(path)
    )
    assert stale == [], "run python -m clone_agent.sample_life.build"


def test_building_twice_writes_the_same_bytes_and_drops_what_is_no_longer_made(tmp_path):
    (tmp_path / "scenes").mkdir()
    scene = tmp_path / "scenes" / "t.txt"
    scene.write_text(header() + TALK, encoding="utf-8")
    first = {path: path.read_bytes() for path in build(tmp_path / "scenes", tmp_path / "exports")}
    (tmp_path / "exports" / "left-over.txt").write_text("old", encoding="utf-8")
    assert {path: path.read_bytes() for path in build(tmp_path / "scenes", tmp_path / "exports")} == first
    assert not (tmp_path / "exports" / "left-over.txt").exists()


def test_the_life_is_large_and_everybody_speaks(chats):
    assert sum(len(chat.bubbles) for chat in chats) >= 4_000
    assert {chat.file.format for chat in chats} == {"qq_pc_txt", "qce_json", "wechat_csv", "telegram_json"}
    assert len({person.id for chat in chats for person in chat.file.people}) >= 15
    for chat in chats:
        assert {bubble.person.id for bubble in chat.bubbles} == {person.id for person in chat.file.people}, chat.file.path.name


def test_time_runs_forward_and_no_bubble_is_long(chats):
    for chat in chats:
        moments = [bubble.sent_at for bubble in chat.bubbles]
        assert moments == sorted(moments), chat.file.path.name
        assert moments[0].year >= 2022, chat.file.path.name
        assert f"{moments[-1]:%Y-%m-%d}" <= "2024-07-30", chat.file.path.name
        lengths = sorted(len(bubble.text) for bubble in chat.bubbles if bubble.person is chat.file.owner)
        assert lengths[len(lengths) // 2] <= 40, chat.file.path.name


def test_what_never_happened_is_nowhere(chats):
    topics = re.compile("西安|钢琴|滑雪|日本|上海马拉松|迪士尼|三亚|驾照|智齿|吉他|仓鼠|纹身")
    found = [f"{chat.file.path.name} {bubble.sent_at:%Y-%m-%d}" for chat in chats for bubble in chat.bubbles if topics.search(bubble.text)]
    assert found == []


def test_every_question_has_gold_that_was_said_before_it_was_asked():
    keys = load_keys()
    for question in load_questions():
        assert (question.gold == ()) is question.never_happened, question.id
        for key in (*question.gold, *(key for others in question.also for key in others)):
            assert key in keys, f"{question.id}: {key}"
            assert keys[key].sent_at < question.asked_at, f"{question.id}: {key}"


def test_every_accepted_answer_stands_in_the_gold_or_is_marked_as_derived():
    keys = load_keys()
    wrong = []
    for question in load_questions():
        gold = "\n".join(f"{keys[key].sender_name} {keys[key].text}" for key in question.gold)
        if not (question.never_happened or question.is_derived or is_right(replace(question, reject=()), gold)):
            wrong.append(question.id)
    assert wrong == []


def test_the_answer_of_a_question_counts_as_right_and_the_corrected_value_does_not():
    for question in load_questions():
        assert question.accept, question.id
        assert is_right(question, question.answer), question.id
        for old in question.reject:
            assert not is_right(question, f"{question.answer}，{old}"), question.id


def test_questions_are_many_and_halved():
    questions = load_questions()
    assert len({question.id for question in questions}) == len(questions)
    assert len({question.question for question in questions}) == len(questions)
    assert len(questions) >= 120
    assert sum(question.never_happened for question in questions) >= 30
    halves = Counter(question.split for question in questions)
    assert abs(halves["dev"] - halves["report"]) <= len(questions) * 0.06
    assert len({question.category for question in questions}) == 8


def test_questions_written_for_development_alone_are_answered_by_what_was_said_before_and_are_no_others(chats):
    more, others = load_questions(Path(__file__).parent.parent / "benchmarks" / "life_questions"), load_questions()
    assert len({one.id for one in (*more, *others)}) == len({one.question for one in (*more, *others)}) == len(more) + len(others)
    assert {one.split for one in more} == {"dev"}
    said = [(bubble.sent_at, f"{bubble.name}\n{bubble.text}") for chat in chats for bubble in chat.bubbles]
    pairs = [(at, f"{before}\n{words}") for (_, before), (at, words) in pairwise(said)]  # an answer may be two bubbles
    for one in more:
        assert one.never_happened or any(at < one.asked_at and is_right(one, words) for at, words in pairs), one.id


def test_a_reader_without_the_labels_answered_every_question_as_they_do():
    command = [sys.executable, str(Path(__file__).parent.parent / "benchmarks" / "life_second_reader.py")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    counts = [(int(agreed), int(asked)) for agreed, asked in re.findall(r"(\d+) of (\d+) agree", done.stdout)]
    assert sum(asked for _, asked in counts) == len(load_questions())
    assert all(asked - agreed <= 1 for agreed, asked in counts)


def test_a_gold_message_that_was_not_imported_is_an_error():
    question = next(question for question in load_questions() if question.gold)
    assert gold_ids(question, dict.fromkeys(question.gold, "m1")) == ("m1",) * len(question.gold)
    assert gold_sets(question, dict.fromkeys(question.gold, "m1")) == (("m1",) * len(question.gold),)
    with pytest.raises(DatasetError, match="gold messages are not in the archive"):
        gold_ids(question, {})


def test_qq_text_has_the_bytes_of_the_message_manager(tmp_path):
    content = written(tmp_path)[PurePosixPath("qq/爬山.txt")]
    assert content.startswith("\ufeff消息记录（此消息记录为文本格式，不支持重新导入）\r\n\r\n================".encode())
    text = content.decode("utf-8-sig")
    assert "消息分组:我的QQ群\r\n" in text
    assert "\r\n\r\n2022-05-14 9:03:" in text
    assert " 晚风(20010417)\r\n我水壶呢\r\n\r\n" in text
    assert " 屿(55210498)\r\n@晚风 是不是落在龙井了\r\n" in text
    assert " 系统消息(10000)\r\n你撤回了一条消息\r\n" in text
    assert "什么" not in text
    assert "@小明 你看到没[图片]\r\n" in text
    assert " 小明(71200350)\r\n[语音]\r\n" in text
    assert " 明明(71200350)\r\n第一行\r第二行\r\n" in text
    assert text.endswith("[表情]\r\n\r\n")


def test_a_private_qq_text_shows_the_names_of_the_day_of_the_export(tmp_path):
    talk = TALK.replace("明|", "晚|")
    text = written(tmp_path, kind="private", chat="周屿", talk=talk)[PurePosixPath("qq/周屿.txt")].decode("utf-8-sig")
    assert "消息分组:我的好友\r\n" in text
    assert re.search(r":\d\d 明明\r\n我水壶呢\r\n", text)
    assert re.search(r":\d\d 周屿\r\n@明明 是不是落在龙井了\r\n", text)
    assert "(20010417)" not in text


def test_qce_json_repeats_the_text_and_keeps_what_was_recalled(tmp_path):
    files = written(tmp_path, format="qce_json")
    content = json.loads(next(content for path, content in files.items() if path.name.startswith("group_爬山_")))
    first, reply, recalled, mention, voice, renamed, face = content["messages"]
    assert content["chatInfo"]["selfUin"] == "20010417"
    assert reply["type"] == "type_3"
    assert reply["content"]["text"] == "[回复 晚风: 我水壶呢]\n是不是落在龙井了"
    assert reply["content"]["elements"][0]["data"]["text"] == reply["content"]["text"]
    assert reply["content"]["elements"][1]["data"]["messageId"] == first["id"]
    assert (recalled["recalled"], recalled["content"]["text"]) == (True, "什么")
    assert mention["content"]["mentions"][0]["name"] == "小明"
    assert voice["content"]["text"] == "[语音 7秒]"
    assert (renamed["sender"]["name"], renamed["sender"]["uin"]) == ("明明", "71200350")
    assert face["content"]["elements"][1]["type"] == "face"
    assert content["statistics"]["totalMessages"] == 7


def test_wechat_csv_puts_the_quote_below_the_words_and_marks_recalls(tmp_path):
    files = written(tmp_path, format="wechat_csv")
    path = next(path for path in files if path.suffix == ".csv")
    rows = list(csv.DictReader(io.StringIO(files[path].decode(), newline="")))
    assert path.parent.name.endswith("@chatroom")
    assert [row["type_name"] for row in rows] == ["文本", "引用回复", "系统通知", "文本", "语音", "文本", "动画表情"]
    assert re.fullmatch(r"是不是落在龙井了\n\n\[引用\]\(2022-05-14 09:03:\d\d\)晚风:我水壶呢", rows[1]["msg"])
    assert (rows[2]["is_sender"], rows[2]["msg"]) == ("1", "<revokemsg>你撤回了一条消息</revokemsg>")
    assert b"\r" not in files[path]
    assert json.loads(files[path.parent / "users.json"])["71200350"]["nickname"] == "明明"


def test_telegram_json_has_local_and_epoch_time_and_leaves_no_trace_of_recalls(tmp_path):
    talk = TALK.replace("明|", "屿|")
    content = json.loads(written(tmp_path, kind="private", format="telegram_json", talk=talk)[PurePosixPath("telegram/result.json")])
    first, reply, mention, *_ = content["messages"]
    assert content["type"] == "personal_chat"
    assert first["date"].startswith("2022-05-14T09:03:")
    assert 1652490180 <= int(first["date_unixtime"]) < 1652490240
    assert first["text_entities"] == [{"type": "plain", "text": "我水壶呢"}]
    assert reply["reply_to_message_id"] == first["id"]
    assert mention["photo"].startswith("(File not included")
    assert all(message["text"] != "什么" for message in content["messages"])


@pytest.mark.parametrize(
    ("talk", "problem"),
    [
        ("晚|早\n", "t.txt:6: a line before the first scene"),
        ("@ 2022-05-14 21:03\n", "t.txt:6: a scene without lines"),
        ("@ 2022-05-14 21:03\n晚 早\n", "t.txt:7: not a line of talk"),
        ("@ 2022-05-14 21:03\n郑|早\n", "t.txt:7: an unknown speaker"),
        ("@ 2022-05-14 21:03\n晚|>t-x|早\n", "t.txt:7: quotes a key that no line above has"),
        ("@ 2022-05-14 21:03\n晚|!撤回\n", "t.txt:7: nothing to take back"),
        ("@ 2022-05-14 21:03\n晚|!删除\n", "t.txt:7: an unknown command"),
        ("@ 2022-05-14 21:03\n晚|早 {t-a}\n晚|!撤回\n", "t.txt:8: takes back a line with a key"),
        ("@ 2022-05-14 21:03\n晚|早 {t-a}\n晚|早 {t-a}\n", "t.txt:8: a key that another line has already"),
        ("@ 2022-05-14 21:03\n晚|早\n@ 2022-05-14 21:02\n晚|早\n", "t.txt:8: this scene starts before the one above it"),
        ("@ 2022-05-14 21:03\n晚|早\n晚|~9|早\n@ 2022-05-14 21:10\n晚|早\n", "t.txt:8: this line falls into the next scene"),
    ],
)
def test_a_broken_scene_file_is_refused_with_its_line(tmp_path, talk, problem):
    with pytest.raises(ExportError, match=re.escape(problem)):
        written(tmp_path, talk=talk)


def test_a_key_of_another_chat_is_refused(tmp_path):
    written(tmp_path)
    (tmp_path / "scenes" / "u.txt").write_text((tmp_path / "scenes" / "t.txt").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ExportError, match=r"the key t-bottle is taken by t\.txt"):
        read_chats(tmp_path / "scenes")


def test_the_importers_read_every_export_whole_and_find_every_keyed_message(chats):
    said: dict[str, list[Message]] = {}
    names: dict[str, str] = {}
    for export in find_exports(EXPORTS):
        for record in read_export(export, timezone=ZONE) if isinstance(export, Path) else ():
            assert not isinstance(record, Skipped), record
            if isinstance(record, Conversation):
                names[record.id] = record.name
            elif record.kind not in (Kind.SYSTEM, Kind.RECALL, Kind.FILE):
                said.setdefault(record.conversation, []).append(record)
    for chat in chats:
        kept = [bubble for bubble in chat.bubbles if bubble.recalled_at is None and bubble.parts[0].kind != "file"]
        assert len(kept) in {len(messages) for messages in said.values()}, chat.file.path.name
    keys = load_keys()
    assert resolve(((names[id], messages) for id, messages in said.items()), keys=keys).keys() == keys.keys()


def test_an_import_of_the_whole_folder_finds_the_chats_and_nothing_else(chats):
    found = [export for export in find_exports(EXPORTS) if isinstance(export, Path)]
    assert len(found) == len(chats)


def test_the_keys_file_names_messages_by_chat_time_and_words(tmp_path):
    written(tmp_path)
    line = json.loads(render_keys(read_chats(tmp_path / "scenes")))
    assert (line["key"], line["chat"], line["sender"], line["sender_name"], line["text"]) == (
        "t-bottle",
        "爬山",
        "20010417",
        "晚风",
        "我水壶呢",
    )
    assert line["sent_at"].startswith("2022-05-14T09:03:")
    assert line["sent_at"].endswith("+08:00")


def test_a_question_without_its_fields_is_refused_with_its_line(tmp_path):
    (tmp_path / "q.jsonl").write_text('{"id": "q-1", "question": "在吗"}\n', encoding="utf-8")
    with pytest.raises(DatasetError, match=r"q\.jsonl:1: a field is missing"):
        load_questions(tmp_path)
