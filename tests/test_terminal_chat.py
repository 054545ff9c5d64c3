"""The talk in a terminal: Ctrl-C stops an answer, not the talk; stdout belongs to JSON."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from test_recall import messages
from web_stage import Actor

from clone_agent.agent import CloneAgent, Event
from clone_agent.archive import Archive
from clone_agent.home import DataHome
from clone_agent.records import ChatTurn, Delta, Persona, Reply
from ui.commands import talking
from ui.companion import Companion
from ui.config import Settings
from ui.show import Screen
from ui.wiring import Clone, Voice


class Heard(CloneAgent):
    """Notes what the model is told of the talk before each answer."""

    def __init__(self) -> None:
        super().__init__(Actor(pause_s=0), persona=Persona(name="林晚"), memory=None)
        self.heard: list[list[str]] = []

    def answer(self, question: str, *, history: Sequence[ChatTurn] = (), **options: Any) -> Iterator[Event]:
        self.heard.append([turn.text for turn in history if turn.role == "user"])
        yield from super().answer(question, history=history, **options)


class Interrupted(CloneAgent):
    """Hears Ctrl-C in the middle of the first answer; notes the history of the next."""

    def __init__(self) -> None:
        super().__init__(Actor(pause_s=0), persona=Persona(name="林晚"), memory=None)
        self.heard: list[Sequence[ChatTurn]] = []

    def answer(self, question: str, *, history: Sequence[ChatTurn] = (), **options: Any) -> Iterator[Event]:
        self.heard.append(tuple(history))
        if len(self.heard) == 1:
            yield Delta(text="我先")
            raise KeyboardInterrupt
        yield Delta(text="好")
        yield Reply(text="好", bubbles=("好",))


def talk(
    archive: Archive,
    agent: CloneAgent,
    lines: list[str],
    *,
    as_json: bool,
    monkeypatch: pytest.MonkeyPatch,
    home: Path | None = None,  # where orders are obeyed
) -> list[str]:
    """Talk as in a terminal; the prompts that `input` was given, and so wrote to stdout."""
    prompts: list[str] = []

    def read(prompt: str) -> str:
        prompts.append(prompt)
        return lines.pop(0) if lines else ""

    monkeypatch.setattr(talking, "is_asked", lambda: True)
    monkeypatch.setattr("builtins.input", read)
    clone = Clone(archive=archive, memory=None, voice=Voice(model=Actor(), label="actor", adapter=None), agent=agent)
    companion = Companion(DataHome(home), clone, Settings(home=home), is_live=False) if home is not None else None
    talking.talk_here(Screen(as_json=as_json), clone, companion)
    return prompts


@pytest.fixture
def archive(tmp_path: Any) -> Iterator[Archive]:
    with Archive.open(tmp_path, create=True) as archive:
        yield archive


def test_ctrl_c_stops_an_answer_and_not_the_talk(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = Interrupted()
    talk(archive, agent, ["说个长的", "在吗"], as_json=False, monkeypatch=monkeypatch)
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "好"
    assert "Stopped" in err
    assert agent.heard == [(), ()], "what was stopped is no part of the talk"


def test_with_json_the_prompt_does_not_stand_between_the_objects(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = CloneAgent(Actor(pause_s=0), persona=Persona(name="林晚"), memory=None)
    prompts = talk(archive, agent, ["在吗"], as_json=True, monkeypatch=monkeypatch)
    out, err = capsys.readouterr()
    assert set(prompts) == {""}
    assert "> " in err
    assert json.loads(out)["question"] == "在吗"


def test_what_was_forgotten_is_not_told_to_the_model_again(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.add(messages())
    agent = Heard()
    lines = ["陈一宁在字节做测试吗", "今天好累", "忘掉陈一宁", "确认", "在吗"]
    talk(archive, agent, lines, as_json=False, monkeypatch=monkeypatch, home=tmp_path)
    assert agent.heard == [[], ["陈一宁在字节做测试吗"], ["今天好累"]]
    assert "gone from it, too" in capsys.readouterr().err.replace("\n", " ")
