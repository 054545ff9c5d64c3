"""The shipped embedding is what its card says; its training runs on any dialogues and goes on after a kill."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from sentence_transformers import SentenceTransformer

from clone_agent.errors import ModelError
from memory.embed import SHIPPED_MODEL, load_embedder
from memory.embedding import train as training
from memory.embedding.corpora import Exclusions, read_dialogues
from memory.embedding.train import TrainOptions, clean_dialogues, train

TEXTS = ["到黄山了 腿都断了", "Did you book 3 tickets?", "我妈说周末包饺子", "😂"]
SMALL = TrainOptions(dimension=16, vocabulary=400, steps=20, batch=16)


def test_the_shipped_model_fits_its_limit() -> None:
    assert sum(path.stat().st_size for path in SHIPPED_MODEL.rglob("*") if path.is_file()) <= 12_000_000


def test_vectors_are_those_of_sentence_transformers() -> None:
    theirs = SentenceTransformer(str(SHIPPED_MODEL), device="cpu").encode(TEXTS)
    assert np.allclose(load_embedder().encode(TEXTS), theirs, atol=1e-6)


def test_vectors_have_length_one_and_a_text_without_words_none() -> None:
    vectors = load_embedder().encode([*TEXTS[:3], ""])
    assert np.allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 0], atol=1e-6)
    assert load_embedder().encode([]).shape == (0, load_embedder().dimension)


def test_what_belongs_together_lies_closer() -> None:
    embedder = load_embedder()
    question, answer, other = embedder.encode(["周末吃什么", "我妈说周末包饺子", "显卡驱动又崩了"])
    assert question @ answer > question @ other
    assert embedder.knows_chinese
    assert not embedder.knows_english


def test_the_fingerprint_tells_models_apart(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(SHIPPED_MODEL, copy)
    assert load_embedder(str(copy)).fingerprint == load_embedder().fingerprint
    tokenizer = json.loads((copy / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"][5][1] -= 1.0
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    assert load_embedder(str(copy)).fingerprint != load_embedder().fingerprint


def test_a_truncated_model_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(SHIPPED_MODEL, copy)
    (copy / "model.safetensors").write_bytes((SHIPPED_MODEL / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ModelError, match="--embedding") as caught:
        load_embedder(str(copy))
    assert caught.value.exit_code == 4


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    folder = tmp_path / "corpora"
    folder.mkdir()
    places = ["黄山", "西湖", "故宫", "外滩", "成都", "青岛"]
    foods = ["火锅", "拉面", "饺子", "烤鸭", "小笼包"]
    lines = [
        {
            "id": str(number),
            "turns": [["a", f"周末去{places[number % 6]}玩吗，想去很久了"], ["b", f"好啊，顺便吃{foods[number % 5]}，第{number}次了"]],
        }
        for number in range(120)
    ]
    lines.append({"id": "en", "turns": [["a", "Shall we hike on Sunday morning?"], ["b", "Yes, bring coffee and an umbrella"]]})
    (folder / "chats.jsonl").write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    knowledge = [
        {"messages": [{"message": "知道黄山吗", "attrs": [{"name": "黄山", "attrname": "地址", "attrvalue": "安徽省黄山市汤口镇"}]}]}
    ]
    (folder / "facts.json").write_text(json.dumps(knowledge, ensure_ascii=False), encoding="utf-8")
    return folder


def test_a_training_that_was_stopped_ends_where_an_unbroken_one_does(
    corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(corpora, tmp_path / "whole", options=SMALL, save_every=10)
    write = training._write

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_write", stop)
    with pytest.raises(KeyboardInterrupt):
        train(corpora, tmp_path / "broken", options=SMALL, save_every=10)
    monkeypatch.setattr(training, "_write", write)
    broken = train(corpora, tmp_path / "broken", options=SMALL, save_every=10)
    first, second = (load_file(folder / "model.safetensors") for folder in (whole, broken))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not (broken / "training").exists()
    embedder = load_embedder(str(broken))
    assert embedder.encode(["去黄山"]).shape == (1, 16)


def test_facts_and_dialogues_are_read_from_every_format(corpora: Path) -> None:
    dialogues = list(read_dialogues(corpora))
    assert len(dialogues) == 122
    assert dialogues[-1].facts == (("黄山的地址", "安徽省黄山市汤口镇"), ("知道黄山吗", "安徽省黄山市汤口镇"))


def test_evaluation_text_is_kept_out_turn_by_turn(corpora: Path, tmp_path: Path) -> None:
    sets = tmp_path / "sets"
    sets.mkdir()
    (sets / "turns.jsonl").write_text(json.dumps({"text": "他说：周末去西湖玩吗，想去很久了！"}, ensure_ascii=False), encoding="utf-8")
    exclusions = Exclusions(sets)
    kept = clean_dialogues(corpora, exclusions)
    assert sum(turn == "" for dialogue in kept for turn in dialogue.turns) == 20
    assert not any(exclusions.shared(turn) for dialogue in kept for turn in dialogue.turns)
