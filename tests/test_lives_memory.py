"""A few invented lives as one archive and memory, as the benchmarks ask them."""

from datetime import date, time
from pathlib import Path

import pytest

from clone_agent.worlds import KEPT, Passage, Question, World, read_worlds

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def life(owner: str, dish: str, *, month: int) -> World:
    """A talk with the mother, one of a group, and what the mother and nobody can ask of them."""
    lines = [
        (1, date(2022, month, 1), "妈", "妈", f"你爸又做{dish}了\n做糊了两锅", ""),
        (1, date(2022, month, 1), "妈", owner, "哈哈哈哈", ""),
        (2, date(2022, month, 2), "", "阿树", "周末谁去爬山", f"{owner}的群"),
        (2, date(2022, month, 2), "", owner, "我去", f"{owner}的群"),
    ]
    passages = [Passage(talk, day, chat, speaker, text, time(20, 30), group) for talk, day, chat, speaker, text, group in lines]
    asked = date(2022, 9, 1)
    return World(owner, owner, passages, [Question("妈", asked, f"{dish}做糊了几锅", (0,)), Question("妈", asked, "狗叫什么", ())])


def test_lives_are_one_memory_of_one_owner_in_which_one_name_is_one_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from lives_memory import lives_memory

    with lives_memory([life("小满", "红烧鱼", month=3), life("阿青", "酸菜汤", month=5)], reranker="none") as (memory, questions):
        assert [(question.question, len(question.gold)) for question in questions] == [
            ("红烧鱼做糊了几锅", 1),
            ("狗叫什么", 0),
            ("酸菜汤做糊了几锅", 1),
            ("狗叫什么", 0),
        ]
        chats = set()
        for question in (questions[0], questions[2]):
            recalled = memory.search(question.question, scope=question.scope, now=question.asked_at, asker=question.asker)
            best = max(recalled.hits, key=lambda hit: hit.score).memory
            assert question.gold <= set(best.message_ids)
            assert (best.speaker_name, f"{best.started_at:%H:%M}", best.is_owner) == ("妈", "20:30", False)
            chats.add(best.conversation)
        assert len(chats) == 1  # both mothers


def test_nothing_learns_from_the_lives_kept_out_and_three_are_a_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from lives_memory import TOGETHER, lives

    learned, kept_out = ([world.title for group in lives(kept_out=each) for world in group] for each in (False, True))
    read = {world.title for world in read_worlds(without=(KEPT,))}
    assert set(learned) < read
    assert len(kept_out) > 6
    assert not read & set(kept_out)
    assert all(len(group) == TOGETHER for group in lives(kept_out=True)[:-1])
