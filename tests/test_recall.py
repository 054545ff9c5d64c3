"""Questions find what was said, with who, when and which messages; the index keeps up with the archive and survives a kill."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from clone_agent.archive import Archive
from clone_agent.errors import ModelError, StoreError, UsageError
from clone_agent.records import ChatKind, ChatTurn, Conversation, Kind, Message, Recalled, Scope
from memory.embed import SHIPPED_MODEL
from memory.ranking import Ranking, together
from memory.recall import MemoryIndex
from memory.weights import SECOND_NAMES

ZONE = ZoneInfo("Asia/Shanghai")
OWNER, YU, NING = "10001", "10002", "10003"
NAMES = {OWNER: "林晚", YU: "周屿", NING: "陈一宁"}
WITH_YU = Conversation(id="qq:yu", platform="qq", name="周屿", kind=ChatKind.PRIVATE, owner=OWNER)
HIKERS = Conversation(id="qq:hikers", platform="qq", name="周末爬山", kind=ChatKind.GROUP, owner=OWNER)
NOW = datetime(2024, 5, 15, 20, 0, tzinfo=ZONE)

# conversation, sender, date and time, bubbles
LIFE = (
    (WITH_YU, YU, "2023-05-02 20:10", "五一你们人呢", "西湖全是人"),
    (WITH_YU, OWNER, "2023-05-02 20:12", "断桥根本走不动", "再也不五一来了"),
    (WITH_YU, OWNER, "2023-10-01 21:04", "到黄山了", "腿都断了"),
    (WITH_YU, YU, "2023-10-01 21:06", "住山顶还是山下"),
    (WITH_YU, OWNER, "2023-10-01 21:07", "白云宾馆 一晚一千二"),
    (WITH_YU, YU, "2024-01-09 12:30", "我妈做手术 明天请假"),
    (WITH_YU, OWNER, "2024-01-09 12:31", "严重吗 要不要我过去"),
    (WITH_YU, YU, "2024-01-09 12:40", "胆囊结石 小手术"),
    (WITH_YU, YU, "2024-05-14 19:00", "你生日想要什么"),
    (WITH_YU, OWNER, "2024-05-14 19:01", "机械键盘 青轴的"),
    (HIKERS, NING, "2024-03-03 09:00", "周日九溪 八点半碰头", "带伞 可能下雨"),
    (HIKERS, YU, "2024-03-03 09:05", "我带咖啡"),
    (HIKERS, NING, "2024-03-05 22:00", "我找到新工作了 在字节做测试"),
    (HIKERS, OWNER, "2024-03-05 22:03", "恭喜恭喜 请客"),
    (HIKERS, NING, "2024-04-20 18:00", "改到九点吧 八点半起不来"),
    (HIKERS, OWNER, "2024-04-21 19:00", "https://example.invalid 😂😂"),
)  # fmt: skip


def messages(life: tuple[tuple[object, ...], ...] = LIFE) -> list[Conversation | Message]:
    records: list[Conversation | Message] = [WITH_YU, HIKERS]
    for chat, sender, stamp, *bubbles in life:
        assert isinstance(chat, Conversation)
        start = datetime.fromisoformat(str(stamp)).replace(tzinfo=ZONE)
        for number, text in enumerate(bubbles):
            records.append(
                Message(
                    id=f"{chat.id}/{stamp}/{number}",
                    conversation=chat.id,
                    sender=str(sender),
                    sender_name=NAMES[str(sender)],
                    sent_at=start + timedelta(seconds=20 * number),
                    kind=Kind.TEXT,
                    text=str(text),
                )
            )
    return records


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.open(tmp_path, create=True) as opened:
        opened.add(messages())
        yield opened


@pytest.fixture
def memory(tmp_path: Path, archive: Archive) -> Iterator[MemoryIndex]:
    opened = MemoryIndex.open(tmp_path, archive)
    opened.index()
    yield opened
    opened.close()


def best(recalled: Recalled) -> str:
    return max(recalled.hits, key=lambda hit: hit.score).memory.text


def said(recalled: Recalled) -> str:
    return "\n".join(hit.memory.text for hit in recalled.hits)


def test_a_question_about_a_holiday_finds_what_was_said_on_it(memory: MemoryIndex) -> None:
    recalled = memory.search("去年国庆我们去哪了", now=NOW, top_k=4)
    assert "到黄山了" in said(recalled)
    assert recalled.is_confident


def test_a_line_that_names_the_holiday_itself_tells_of_it_whenever_it_was_said(tmp_path: Path) -> None:
    life = (
        (WITH_YU, YU, "2024-02-12 20:10", "那家店去年国庆外婆过寿去过"),
        (WITH_YU, OWNER, "2024-02-12 20:12", "对 太吵了"),
        (WITH_YU, YU, "2024-03-02 20:10", "伞借我一下"),
    )
    with Archive.open(tmp_path, create=True) as archive:
        archive.add(messages(life))
        opened = MemoryIndex.open(tmp_path, archive)
        opened.index()
        assert opened.search("去年国庆我们去哪了", now=NOW).is_confident
        assert not opened.search("前年国庆我们去哪了", now=NOW).is_confident
        opened.close()


def test_a_hit_names_speaker_chat_date_and_messages(memory: MemoryIndex) -> None:
    hit = next(hit for hit in memory.search("黄山", now=NOW).hits if "黄山" in hit.memory.text)
    assert (hit.memory.speaker_name, hit.memory.is_owner, hit.memory.conversation_name) == ("林晚", True, "周屿")
    assert hit.memory.started_at == datetime(2023, 10, 1, 21, 4, tzinfo=ZONE)
    assert hit.memory.message_ids == ("qq:yu/2023-10-01 21:04/0", "qq:yu/2023-10-01 21:04/1")
    assert 0 < hit.score <= 1


def test_a_passage_that_answers_two_parts_keeps_the_reasons_of_the_part_where_it_is_better() -> None:
    one = Ranking(numbers=(1, 2), scores=(0.8, 0.4), reasons=np.array([[0.1], [0.2]], dtype=np.float32))
    other = Ranking(numbers=(2, 3), scores=(0.5, 0.1), reasons=np.array([[0.3], [0.4]], dtype=np.float32))
    both = together([one, other])
    assert both.reasons is not None
    assert dict(zip(both.numbers, both.reasons[:, 0].tolist(), strict=True)) == pytest.approx({1: 0.1, 2: 0.3, 3: 0.4})
    assert together([one, replace(other, reasons=None)]).reasons is None


def test_what_is_read_again_is_given_with_its_reasons(tmp_path: Path, archive: Archive, memory: MemoryIndex) -> None:
    with pytest.raises(UsageError, match="looks again"):
        memory.second_look("八点半在哪碰头", now=NOW)
    memory.close()
    looking = MemoryIndex.open(tmp_path, archive, reranker="shipped")
    numbers, reasons = looking.second_look("八点半在哪碰头", now=NOW)
    assert reasons.shape == (len(numbers), len(SECOND_NAMES))
    assert any("八点半碰头" in passage.text for passage in looking.memories(numbers))
    looking.close()


def test_hits_stand_in_time_order_and_within_their_number_and_budget(memory: MemoryIndex) -> None:
    hits = memory.search("八点半 九溪 碰头 改到几点", now=NOW, top_k=3).hits
    assert len(hits) == 3
    assert [hit.memory.started_at for hit in hits] == sorted(hit.memory.started_at for hit in hits)
    assert len(memory.search("九溪", now=NOW, budget=80).hits) <= 2


def test_a_name_in_the_question_prefers_what_that_person_said(memory: MemoryIndex) -> None:
    assert "字节" in best(memory.search("陈一宁的工作怎么样了", now=NOW))


def test_who_asks_is_meant_by_i(tmp_path: Path, archive: Archive, memory: MemoryIndex) -> None:
    assert best(memory.search("我说要带什么来着", now=NOW, asker="周屿")) == "我带咖啡"
    assert best(memory.search("我说要带什么来着", now=NOW, asker="一宁")).startswith("周日九溪")
    memory.close()
    opened = MemoryIndex.open(tmp_path, archive, asker="周屿")
    assert best(opened.search("我说要带什么来着", now=NOW)) == "我带咖啡"
    assert opened.search("他说要带什么来着", now=NOW) == opened.search("他说要带什么来着", now=NOW, asker="一宁")
    opened.close()


def test_a_scope_limits_people_chats_and_time(memory: MemoryIndex) -> None:
    only_hikers = memory.search("碰头", scope=Scope(conversations=("周末爬山",)), now=NOW)
    assert {hit.memory.conversation for hit in only_hikers.hits} == {HIKERS.id}
    only_ning = memory.search("几点", scope=Scope(people=("陈一宁",)), now=NOW)
    assert {hit.memory.speaker_name for hit in only_ning.hits} == {"陈一宁"}
    with_yu = memory.search("手术", scope=Scope(people=("周屿",)), now=NOW)
    assert {hit.memory.speaker_name for hit in with_yu.hits} == {"周屿", "林晚"}  # what is said in the chat with 周屿 counts
    early = memory.search("去哪", scope=Scope(before=datetime(2023, 6, 1, tzinfo=ZONE)), now=NOW)
    assert early.hits
    assert all(hit.memory.started_at.year == 2023 and hit.memory.started_at.month == 5 for hit in early.hits)
    assert memory.search("去哪", scope=Scope(people=("没有这个人",)), now=NOW).hits == ()


@pytest.mark.parametrize(("second", "is_shown"), [(0, False), (10, False), (20, False), (21, True)])
def test_a_limit_in_the_midst_of_a_burst_hides_what_was_said_after_it(memory: MemoryIndex, second: int, is_shown: bool) -> None:
    limit = datetime(2024, 3, 3, 9, 0, second, tzinfo=ZONE)  # 带伞 was sent at 09:00:20, in one burst with 周日九溪 at 09:00:00
    hits = memory.search("周日九溪要带什么", scope=Scope(before=limit), now=limit).hits
    assert all(hit.memory.ended_at < limit for hit in hits)
    assert any("带伞" in hit.memory.text for hit in hits) == is_shown


def test_a_follow_up_takes_its_subject_from_the_talk(memory: MemoryIndex) -> None:
    history = [ChatTurn(role="user", text="周屿的妈妈做手术那次"), ChatTurn(role="assistant", text="嗯 记得")]
    recalled = memory.search("后来是什么病", history=history, now=NOW, top_k=4)
    assert recalled.question == "周屿的妈妈做手术那次 后来是什么病"
    assert "胆囊结石" in said(recalled)


def test_what_nobody_ever_talked_about_has_less_confidence(memory: MemoryIndex) -> None:
    never = memory.search("量子纠缠的博士论文答辩结果出来没有", now=NOW)
    assert not never.is_confident
    assert never.confidence < memory.search("机械键盘要什么轴", now=NOW).confidence


def test_an_empty_archive_recalls_nothing(tmp_path: Path) -> None:
    with Archive.open(tmp_path / "other", create=True) as archive:
        memory = MemoryIndex.open(tmp_path / "other", archive)
        assert memory.index().passages == 0
        assert memory.search("国庆去哪了", now=NOW) == Recalled(question="国庆去哪了")
        memory.close()


def test_only_what_is_new_is_indexed(tmp_path: Path, archive: Archive, memory: MemoryIndex) -> None:
    assert memory.pending() == 0
    assert memory.index().added == 0
    new = replace(messages()[2], id="new", sent_at=NOW, text="今天去看了牙医 智齿要拔")  # type: ignore[type-var]  # the third is a message
    archive.add([WITH_YU, new])
    assert memory.pending() == 1
    report = memory.index()
    assert (report.added, report.removed, memory.pending()) == (1, 0, 0)
    assert "智齿" in best(memory.search("牙医怎么说", now=NOW))


def test_a_session_that_goes_on_is_indexed_again_as_a_whole(archive: Archive, memory: MemoryIndex) -> None:
    later = replace(messages()[-1], id="later", sent_at=datetime(2024, 4, 21, 19, 5, tzinfo=ZONE), text="那家面馆太好吃了")  # type: ignore[type-var]  # a message
    archive.add([HIKERS, later])
    report = memory.index()
    assert (report.added, report.removed) == (2, 1)
    assert "面馆" in best(memory.search("哪家面馆好吃", now=NOW))


def test_progress_ends_at_the_total(tmp_path: Path, archive: Archive) -> None:
    seen: list[tuple[int, int]] = []
    memory = MemoryIndex.open(tmp_path, archive)
    memory.index(on_progress=lambda done, total: seen.append((done, total)))
    memory.close()
    assert seen[-1][0] == seen[-1][1] > 0
    assert all(done <= total for done, total in seen)


def test_vectors_lost_from_the_disk_come_back_with_a_rebuild(tmp_path: Path, archive: Archive, memory: MemoryIndex) -> None:
    memory.close()
    shutil.rmtree(tmp_path / "vectors")
    with pytest.raises(StoreError, match="clone-agent rebuild") as caught:
        MemoryIndex.open(tmp_path, archive)
    assert caught.value.exit_code == 5
    repaired = MemoryIndex(tmp_path, archive)
    repaired.rebuild()
    repaired.close()
    again = MemoryIndex.open(tmp_path, archive)
    assert "青轴" in said(again.search("生日礼物要什么键盘", now=NOW, top_k=2))
    again.close()


def another_model(folder: Path) -> str:
    """The shipped model with its dimensions in another order: other vectors, the same scores."""
    shutil.copytree(SHIPPED_MODEL, folder)
    weights = load_file(folder / "model.safetensors")
    name = "embeddings" if "embeddings" in weights else "embedding.weight"
    save_file({**weights, name: np.ascontiguousarray(weights[name][:, ::-1])}, folder / "model.safetensors")
    return str(folder)


def test_another_embedding_model_is_built_beside_the_one_in_use(tmp_path: Path, archive: Archive, memory: MemoryIndex) -> None:
    before = memory.search("黄山住宿", now=NOW)
    memory.close()
    model = another_model(tmp_path / "model")
    opened = MemoryIndex.open(tmp_path, archive, embedding=model)
    assert opened.search("黄山住宿", now=NOW) == before, "the earlier model answers until the new one's vectors are whole"
    opened.index()
    assert [path.name for path in (tmp_path / "vectors").iterdir() if path.is_dir()] == ["g3"]
    after = opened.search("黄山住宿", now=NOW)
    assert [hit.memory.id for hit in after.hits] == [hit.memory.id for hit in before.hits]
    assert opened.verify() == ()
    opened.close()


def test_a_switch_of_models_that_was_cut_short_goes_on_where_it_was(
    tmp_path: Path, archive: Archive, memory: MemoryIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.close()
    model = another_model(tmp_path / "model")
    opened = MemoryIndex.open(tmp_path, archive, embedding=model)
    with monkeypatch.context() as patch:
        patch.setattr("memory.switching.BATCH", 5)
        patch.setattr("memory.switching._bring_into_use", lambda *_: os.close(-1))
        with pytest.raises(OSError, match="descriptor"):
            opened.index()
    assert opened.verify() == (), "what is in use is whole"
    done = archive.connection.execute("SELECT count(*) FROM memory_next").fetchone()[0]
    assert done > 5
    archive.add([HIKERS, replace(messages()[-1], id="later", sent_at=NOW, text="新的面馆开张了")])  # type: ignore[type-var]  # a message
    opened.index()
    assert "面馆" in best(opened.search("面馆开张", now=NOW))
    assert opened.verify() == ()
    opened.close()


def test_verify_names_what_does_not_agree_and_mend_makes_it_agree(tmp_path: Path, archive: Archive, memory: MemoryIndex) -> None:
    assert memory.verify() == ()
    archive.connection.execute("INSERT INTO memory_turn_words(memory_turn_words) VALUES ('delete-all')")
    archive.connection.execute("DELETE FROM messages WHERE text = '带伞 可能下雨'")
    assert len(memory.verify()) == 2
    memory.mend()
    assert memory.verify() == ()
    assert "青轴" in said(memory.search("生日礼物要什么键盘", now=NOW, top_k=2))
    assert "带伞" not in said(memory.search("带伞", now=NOW))


def test_a_model_that_is_not_there_is_an_error_with_a_remedy(tmp_path: Path, archive: Archive) -> None:
    with pytest.raises(ModelError, match="--embedding"):
        MemoryIndex.open(tmp_path, archive, embedding=str(tmp_path / "no-such-model"))


def test_a_killed_run_is_taken_up_and_nothing_is_lost(tmp_path: Path, archive: Archive) -> None:
    life = tuple((chat, sender, f"20{year}-{stamp[5:]}", *bubbles) for year in range(10, 23) for chat, sender, stamp, *bubbles in LIFE)
    archive.add(messages(life))
    script = (
        "import sys; from pathlib import Path; from clone_agent.archive import Archive; from memory.recall import MemoryIndex\n"
        "home = Path(sys.argv[1]); archive = Archive.open(home); memory = MemoryIndex.open(home, archive)\n"
        "print('ready', flush=True); memory.index(); print('done', flush=True)"
    )
    for delay in (0.0, 0.05, 0.15):
        process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    memory = MemoryIndex.open(tmp_path, archive)
    memory.index()
    memory.close()
    again = MemoryIndex.open(tmp_path, archive)  # checks the counts
    assert again.index().added == 0
    assert "黄山" in said(again.search("2015年国庆去了哪里", now=NOW, top_k=4))
    again.close()
