"""Talks run on whoever looks: they are kept for a reload, answered one after the other, and lose what was forgotten."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from clone_agent.records import ChatTurn
from clone_agent.traces import Traces
from clone_agent.words import WordsFinder, folded
from ui.web.bubbles import reply_bubbles, waiting
from ui.web.forgotten import Forgettings
from ui.web.running import WAITING, Answer, RunningTalks, talk_name
from ui.web.talk import Talk

TABS = [f"{number:032d}" for number in range(3)]
MEANWHILE, CROWDED = waiting("zh", "waiting"), reply_bubbles("人多")[0]


def answering(line: str, text: str, *, sources: frozenset[str] = frozenset(), held: threading.Event | None = None) -> Answer:
    """An answer of two states; the second comes once `held` is set."""

    def answer(talk: Talk) -> Iterator[Talk]:
        asked = talk.begun(line)
        yield asked.going_on(*reply_bubbles(text[:1]))
        assert held is None or held.wait(30)
        turns = (ChatTurn(role="user", text=line), ChatTurn(role="assistant", text=text))
        yield asked.going_on(*reply_bubbles(text), turns=turns, sources=sources)

    return answer


def begin(talks: RunningTalks, tab: str, line: str, answer: Answer) -> bool:
    return talks.begin(tab, line, answer, meanwhile=MEANWHILE, crowded=CROWDED)


def ask(talks: RunningTalks, tab: str, line: str, text: str, *, sources: frozenset[str] = frozenset()) -> None:
    assert begin(talks, tab, line, answering(line, text, sources=sources))
    until(lambda: not talks.is_answering(tab))


def until(is_so: object) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + 30
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.005)


def shown(talks: RunningTalks, tab: str) -> list[str]:
    return [str(one.content) for one in talks.find(tab).shown]


def states(talks: RunningTalks, tab: str, held: threading.Event) -> list[Talk]:
    """What somebody sees who looks from now on; `held` is set once they have seen something."""

    async def follow() -> list[Talk]:
        seen = []
        async for talk in talks.follow(tab):
            seen.append(talk)
            held.set()
        return seen

    return asyncio.run(follow())


def test_only_the_last_talks_are_kept_and_not_for_long() -> None:
    talks = RunningTalks(most=2)
    for tab in TABS:
        ask(talks, tab, "早", "早呀")
    assert [shown(talks, tab) for tab in TABS] == [[], ["早", "早呀"], ["早", "早呀"]]
    brief = RunningTalks(lasts_s=0.2)
    ask(brief, TABS[0], "早", "早呀")
    time.sleep(0.25)
    assert brief.find(TABS[0]) == Talk()


def test_whoever_opens_many_tabs_drops_their_own_talks_and_nobody_elses() -> None:
    talks = RunningTalks(most=4)
    others = [talk_name("小明", "1"), talk_name("小红", "1"), talk_name("小红", "2")]
    for tab in others:
        ask(talks, tab, "早", "早呀")
    many = [talk_name("小刚", str(number)) for number in range(10)]
    for tab in many:
        talks.add(tab, "嗨", CROWDED)
    kept = [tab for tab in (*others, *many) if shown(talks, tab)]
    assert kept == [others[0], others[2], many[8], many[9]], "of whoever holds most, the oldest; who holds one keeps it"


def test_a_talk_that_is_being_answered_is_never_one_too_many() -> None:
    talks, held = RunningTalks(most=2), threading.Event()
    assert begin(talks, TABS[0], "早", answering("早", "早呀", held=held))
    until(lambda: shown(talks, TABS[0]) == ["早", "早"])
    for number in range(5):
        talks.add(talk_name(f"user {number}", "1"), "嗨", CROWDED)
    held.set()
    until(lambda: not talks.is_answering(TABS[0]))
    assert shown(talks, TABS[0]) == ["早", "早呀"]


def test_an_answer_goes_on_while_nobody_looks_and_who_comes_back_sees_how_it_stands_and_its_end() -> None:
    talks, held = RunningTalks(), threading.Event()
    assert begin(talks, TABS[0], "早", answering("早", "早呀", held=held))
    until(lambda: shown(talks, TABS[0]) == ["早", "早"])
    assert not talks.find(TABS[0]).turns
    seen = states(talks, TABS[0], held)
    assert [[str(one.content) for one in talk.shown] for talk in (seen[0], seen[-1])] == [["早", "早"], ["早", "早呀"]]
    assert [turn.text for turn in talks.find(TABS[0]).turns] == ["早", "早呀"]


def test_questions_are_answered_in_turn_and_too_many_are_told_so() -> None:
    talks, held, order = RunningTalks(), threading.Event(), list[str]()

    def noted(line: str) -> Answer:
        def answer(talk: Talk) -> Iterator[Talk]:
            order.append(line)
            yield from answering(line, line)(talk)

        return answer

    assert begin(talks, "first", "先", answering("先", "好的", held=held))
    until(lambda: shown(talks, "first") == ["先", "好"])
    lines = [f"第{number}" for number in range(WAITING)]
    assert all(begin(talks, line, line, noted(line)) for line in lines)
    assert not begin(talks, "late", "晚", noted("晚"))
    assert shown(talks, "late") == ["晚", "人多"]
    assert talks.find(lines[-1]).shown[-1] is MEANWHILE
    held.set()
    until(lambda: not any(map(talks.is_answering, lines)))
    assert order == lines


@pytest.mark.parametrize("end", ["stop", "clear"])
def test_what_is_stopped_or_cleared_never_comes_back(end: str) -> None:
    talks, held = RunningTalks(), threading.Event()
    assert begin(talks, TABS[0], "早", answering("早", "早呀", held=held))
    until(lambda: shown(talks, TABS[0]) == ["早", "早"])
    getattr(talks, end)(TABS[0])
    assert not talks.is_answering(TABS[0])
    held.set()
    ask(talks, TABS[1], "之后", "轮到了")
    assert shown(talks, TABS[0]) == {"stop": ["早", "早"], "clear": []}[end]
    assert talks.find(TABS[0]).turns == ()


def test_an_answer_that_breaks_ends_without_a_word_of_it_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def broken(talk: Talk) -> Iterator[Talk]:
        yield talk.begun("早", MEANWHILE)
        raise RuntimeError("秘密的话")

    talks = RunningTalks()
    assert begin(talks, TABS[0], "早", broken)
    until(lambda: not talks.is_answering(TABS[0]))
    assert shown(talks, TABS[0]) == ["早"]
    assert "RuntimeError" in caplog.text
    assert "秘密" not in caplog.text
    ask(talks, TABS[0], "还在吗", "在")
    assert shown(talks, TABS[0]) == ["早", "还在吗", "在"]


def test_what_was_forgotten_leaves_every_talk_the_one_under_way_too() -> None:
    traces = Traces(finder=WordsFinder(["储物柜是七四二九"]), names=(folded("陈一宁"),), ids=frozenset({"m1"}))
    talks, held = RunningTalks(), threading.Event()
    ask(talks, TABS[0], "密码呢", "你说储物柜是 七四二九")
    ask(talks, TABS[0], "陈一宁是谁", "我同学")
    ask(talks, TABS[0], "她喜欢什么", "青轴", sources=frozenset({"m1", "m2"}))
    ask(talks, TABS[0], "早", "早呀")
    assert begin(talks, TABS[0], "在吗", answering("在吗", "在的", held=held))
    until(lambda: shown(talks, TABS[0])[-1] == "在")
    talks.forget(traces)
    assert shown(talks, TABS[0]) == ["早", "早呀", "在吗", "在"]
    held.set()
    until(lambda: not talks.is_answering(TABS[0]))
    assert [turn.text for turn in talks.find(TABS[0]).turns] == ["早", "早呀", "在吗", "在的"]


def test_a_comparison_under_way_when_something_is_forgotten_ends_with_nothing() -> None:
    forgettings = Forgettings()
    states = forgettings.until_next(iter(["储", "储物柜", "储物柜是七四二九"]), "")
    assert next(states) == "储"
    forgettings.add(Traces(finder=WordsFinder(["储物柜是七四二九"]), names=(), ids=frozenset({"m1"})))
    assert list(states) == [""]
    assert list(forgettings.until_next(["早", "早呀"], "")) == ["早", "早呀"]  # one that began afterwards is whole
