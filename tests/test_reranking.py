"""A cross-encoder, when one is named, looks again at the best passages; here a real one of two tiny layers."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from clone_agent.errors import ModelError
from clone_agent.records import Memory
from memory.ranking import Ranking
from memory.reranking import DEPTH, Reranker
from memory.table import PassageTable

WORDS = ["tea", "lamp", "ship", "rain", "cat", "three", "mug"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cross-encoder")
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]), encoding="utf-8")
    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 5 + len(WORDS)}
    bert = BertForSequenceClassification(BertConfig(**sizes, num_labels=1, max_position_embeddings=64, initializer_range=1.0))
    bert.save_pretrained(folder)
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    return folder


@pytest.fixture
def table() -> PassageTable:
    found = PassageTable(sqlite3.connect(":memory:", isolation_level=None))
    start = datetime(2024, 5, 1, tzinfo=UTC)
    with found.transaction():
        for number in range(40):
            at = start + timedelta(days=number)
            text = f"{WORDS[number % 7]} {WORDS[number * 3 % 5]}"
            memory = Memory(
                id=str(number), conversation="c", conversation_name="", speaker="a", speaker_name="", is_owner=False, started_at=at,
                ended_at=at, text=text, message_ids=(str(number),),
            )  # fmt: skip
            found.add_session("c", str(number).encode(), [memory])
    return found


def test_the_best_passages_are_ordered_by_model_and_ranking_together(model: Path, table: PassageTable) -> None:
    ranking = Ranking(numbers=tuple(range(1, 41)), scores=tuple(1 - n / 50 for n in range(40)))
    found = Reranker(str(model)).rerank(ranking, "three lamp", table)
    given = CrossEncoder(str(model)).predict([("three lamp", text) for text in table.texts(range(1, DEPTH + 1))])
    scaled = (given - given.min()) / (given.max() - given.min()) + (1 - np.arange(DEPTH) / (DEPTH - 1))
    assert found.numbers[:DEPTH] == tuple((np.argsort(-scaled, kind="stable") + 1).tolist())
    assert found.numbers[:DEPTH] != ranking.numbers[:DEPTH]
    assert found.numbers[DEPTH:] == ranking.numbers[DEPTH:]
    assert found.scores == ranking.scores
    assert found.confidence == ranking.confidence


def test_one_passage_needs_no_second_look(model: Path, table: PassageTable) -> None:
    ranking = Ranking(numbers=(3,), scores=(0.4,))
    assert Reranker(str(model)).rerank(ranking, "tea", table) == ranking


def test_a_model_that_is_no_cross_encoder_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="reranker"):
        Reranker(str(tmp_path / "nothing"))
