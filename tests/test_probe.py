"""Ordinary talk: what is asked, when it counts as lost, and that a run which loses it is not made current; general talk from a file."""

import json
from pathlib import Path

import pytest
import tiny_glm

from clone_agent.errors import DatasetError
from clone_agent.home import DataHome
from clone_agent.records import ChatTurn, Persona
from finetune.checkpoint import current_adapter
from finetune.files import write_json
from finetune.general import read_general
from finetune.glm import load_model
from finetune.probe import OrdinaryTalk, is_degenerate, is_lost, probe, questions
from ui.wiring import choose_adapter

WELL = OrdinaryTalk(loss=3.0, on_topic=0.8, degenerate=0.0)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_questions_are_everyday_ones_with_replies(language: str) -> None:
    asked = questions(language)
    assert len(asked) == 24
    assert len({one.text for one in asked}) == 24
    assert all(len(one.replies) >= 2 and all(one.replies) for one in asked)


def test_ordinary_talk_is_lost_when_one_figure_gets_much_worse() -> None:
    assert not is_lost(WELL, WELL)
    assert not is_lost(WELL, OrdinaryTalk(loss=3.5, on_topic=0.7, degenerate=0.2))
    assert is_lost(WELL, OrdinaryTalk(loss=4.5, on_topic=0.8, degenerate=0.0))
    assert is_lost(WELL, OrdinaryTalk(loss=3.0, on_topic=0.4, degenerate=0.0))
    assert is_lost(WELL, OrdinaryTalk(loss=3.0, on_topic=0.8, degenerate=0.5))
    never_had_it = OrdinaryTalk(loss=9.0, on_topic=0.25, degenerate=0.0)
    assert not is_lost(never_had_it, OrdinaryTalk(loss=12.0, on_topic=0.1, degenerate=1.0))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("", True),
        ("  \n", True),
        ("好的好的好的好的好的好的好的", True),
        ("哈哈哈", False),
        ("嗯", False),
        ("走吧 先去吃火锅 再去看电影", False),
    ],
)
def test_empty_and_circling_replies_are_degenerate(reply: str, expected: bool) -> None:
    assert is_degenerate(reply) is expected


def test_a_model_is_asked_in_both_languages(tmp_path: Path) -> None:
    loaded = load_model(tiny_glm.save(tmp_path))
    for language in ("zh", "en"):
        figures = probe(loaded, Persona(name="林晚", language=language))
        assert figures.loss > 3, "random weights know no reply"
        assert figures.on_topic < 0.75


def adapter(home: Path, name: str, *, created: str, is_lost: bool | None) -> None:
    """A finished adapter as its manifest tells; older ones say nothing of ordinary talk."""
    folder = home / "adapters" / name
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"x")
    manifest = {
        "format": 1,
        "created": created,
        "method": "lora",
        "settings": {},
        "base": {"name": "b", "fingerprint": "f"},
        "weights": {"parameters": 1, "bytes": 1},
        "dataset": {"hash": "h"},
        "losses": {"before": 1.0, "after": 0.5},
    }
    write_json(folder / "manifest.json", manifest if is_lost is None else manifest | {"ordinary_talk": {"is_lost": is_lost}})


def test_a_run_that_lost_ordinary_talk_is_not_made_current(tmp_path: Path) -> None:
    adapter(tmp_path, "old", created="2024-01-01", is_lost=None)
    adapter(tmp_path, "lost", created="2024-03-01", is_lost=True)
    current = current_adapter(tmp_path)
    assert current is not None
    assert current.name == "old"
    assert choose_adapter(DataHome(tmp_path), "lost").name == "lost", "named, it speaks"  # type: ignore[union-attr]  # it is there
    adapter(tmp_path, "kept", created="2024-02-01", is_lost=False)
    assert current_adapter(tmp_path).name == "kept"  # type: ignore[union-attr]  # it is there


def test_general_talk_is_read_in_three_shapes(tmp_path: Path) -> None:
    path = tmp_path / "general.jsonl"
    talk = [{"role": "system", "content": "S"}, {"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    rows = [{"prompt": "在吗", "response": "在", "history": [["你好", "你好呀"]]}, {"messages": talk}]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    pair, told = read_general(path, system="own")
    assert (pair.system, told.system) == ("own", "S")
    assert [turn.text for turn in pair.context] == ["你好", "你好呀", "在吗"]
    assert told.context == (ChatTurn(role="user", text="hi"),)
    assert (pair.response, told.response) == ("在", "hello")
    path.write_text('{"prompt": "x"}\n', encoding="utf-8")
    with pytest.raises(DatasetError, match=r"general\.jsonl:1"):
        list(read_general(path, system=""))
    with pytest.raises(DatasetError, match="not there"):
        list(read_general(tmp_path / "none", system=""))


def test_general_talk_in_another_encoding_is_told_so_and_a_byte_order_mark_is_none_of_it(tmp_path: Path) -> None:
    path, line = tmp_path / "general.jsonl", '{"prompt": "在吗", "response": "在"}\n'
    path.write_text(line, encoding="utf-8-sig")
    assert [one.response for one in read_general(path, system="")] == ["在"]
    path.write_text(line, encoding="gbk")
    with pytest.raises(DatasetError, match=r"general\.jsonl is not UTF-8") as error:
        list(read_general(path, system=""))
    assert error.value.remedy == "Save it as UTF-8."
