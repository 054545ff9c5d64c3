"""Some invented worlds as one memory, of strangers or of one cast, as the benchmarks and the training of the cross-encoder ask it."""

from datetime import date
from pathlib import Path

import pytest

from clone_agent.worlds import Passage, Question, World
from memory.embed import load_embedder
from memory.reranking import shown

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def world(title: str, other: str, groups: str, *, dish: str) -> World:
    """A private chat and a group, and one question of the other's."""
    lines = [
        (0, date(2022, 3, 1), other, other, f"昨晚那家店的{dish}太咸了"),
        (0, date(2022, 3, 1), other, "老鲁", "下次换一家"),
        (1, date(2022, 3, 2), "", groups, "周末谁去爬山"),
        (1, date(2022, 3, 2), "", other, "我去"),
        (2, date(2022, 3, 4), other, other, f"我又去吃了{dish} 淡了"),
    ]
    passages = [Passage(talk, day, chat, speaker, text) for talk, day, chat, speaker, text in lines]
    return World(title, "老鲁", passages, [Question(other, date(2022, 5, 1), f"我说那家店的{dish}怎么了", (0,))])


WORLDS = [
    world(f"世界 {place}", other, f"群友{place}", dish=dish)
    for place, (other, dish) in enumerate([("小满", "鱼"), ("阿青", "汤"), ("豆子", "面"), ("木木", "鸡")])
]


@pytest.mark.parametrize("one_cast", [False, True])
def test_every_world_asks_by_its_own_names(one_cast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from world_memory import WorldMemory

    memory = WorldMemory(WORLDS, load_embedder(None), one_cast=one_cast)
    asked = [(case, ranking, shown(sorted(case.gold), case.asked, memory.table, memory.memories)) for case, ranking in memory.cases(None)]
    assert [case.asked.asker for case, _, _ in asked] == ["小满", "阿青", "豆子", "木木"]
    for (case, ranking, texts), dish in zip(asked, "鱼汤面鸡", strict=True):
        assert case.gold <= set(ranking.numbers)
        assert texts == [f"今年3月1日 周二 我 / <mask> 我: 昨晚那家店的{dish}太咸了 <mask> / 你: 下次换一家"]


def test_one_cast_is_the_same_few_people_in_time_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from world_memory import GROUPS, WorldMemory

    apart, together = (WorldMemory(WORLDS, load_embedder(None), one_cast=one_cast) for one_cast in (False, True))
    speakers, chats = [], []
    for memory in (apart, together):
        lines = memory.memories(memory.table.numbers("turn"))
        speakers.append({line.speaker for line in lines if not line.is_owner})
        chats.append({line.conversation for line in lines})
        assert len(lines) == sum(len(each.passages) for each in WORLDS)
    assert [len(each) for each in speakers] == [2 * len(WORLDS), 2 * GROUPS]  # the fourth world's are those of the first
    assert [len(each) for each in chats] == [2 * len(WORLDS), 2 * GROUPS]
    days = [line.started_at for line in together.memories(together.table.numbers("turn"))]
    assert days == sorted(days)
    # In a life the other lines of a contact are there too, under the name that the asking world gives them.
    *_, (last, ranking) = together.cases(None)
    texts = shown(ranking.numbers[:12], last.asked, together.table, together.memories)
    assert any("木木" not in text and "我: 昨晚那家店的鱼太咸了" in text for text in texts)
