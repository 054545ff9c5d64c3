"""A cross-encoder looks again at the best passages: the one that ships, or one that is named, here of two tiny layers."""

import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from clone_agent.errors import ModelError
from clone_agent.records import Memory
from memory.confidence import Signs
from memory.ranking import Ranking
from memory.reranker.pairs import ASKER, question_text
from memory.reranker.scoring import TalkScorer
from memory.reranker.weights import load_small, save_talks
from memory.reranking import DEPTH, NAMED_DEPTH, SHIPPED_FOLDER, Asked, NamedReranker, SmallReranker, load_reranker, shown_talks
from memory.table import PassageTable
from memory.weights import NAMES, SECOND_NAMES

WORDS = ["tea", "lamp", "ship", "rain", "cat", "three", "mug"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cross-encoder")
    vocabulary = {piece: place for place, piece in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 5 + len(WORDS)}
    bert = BertForSequenceClassification(BertConfig(**sizes, num_labels=1, max_position_embeddings=64, initializer_range=1.0))
    bert.save_pretrained(folder)
    BertTokenizerFast(vocab=vocabulary, model_max_length=64).save_pretrained(folder)
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


def asked(question: str, **about: Any) -> Asked:
    return Asked(question=question, on=date(2024, 6, 20), **about)


def test_the_best_passages_are_ordered_by_model_and_ranking_together(model: Path, table: PassageTable) -> None:
    ranking = Ranking(numbers=tuple(range(1, 41)), scores=tuple(1 - n / 50 for n in range(40)))
    found = NamedReranker(str(model)).rerank(ranking, asked("three lamp"), table, table.memories)
    given = CrossEncoder(str(model)).predict([("three lamp", text) for text in table.texts(range(1, NAMED_DEPTH + 1))])
    scaled = (given - given.min()) / (given.max() - given.min()) + (1 - np.arange(NAMED_DEPTH) / (NAMED_DEPTH - 1))
    assert found.numbers[:NAMED_DEPTH] == tuple((np.argsort(-scaled, kind="stable") + 1).tolist())
    assert found.numbers[:NAMED_DEPTH] != ranking.numbers[:NAMED_DEPTH]
    assert found.numbers[NAMED_DEPTH:] == ranking.numbers[NAMED_DEPTH:]
    assert found.scores == ranking.scores
    assert found.confidence == ranking.confidence


def test_one_passage_needs_no_second_look(model: Path, table: PassageTable) -> None:
    ranking = Ranking(numbers=(3,), scores=(0.4,))
    assert NamedReranker(str(model)).rerank(ranking, asked("tea"), table, table.memories) == ranking


def test_a_model_that_is_no_cross_encoder_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="reranker"):
        load_reranker(str(tmp_path / "nothing"))
    with pytest.raises(ModelError, match="reranker"):
        SmallReranker(tmp_path).rerank(Ranking(numbers=(1,), scores=(1.0,)), asked("tea"), lines(), lines().memories)


def test_a_folder_that_the_training_wrote_is_used_as_the_one_that_ships_is(shipped: SmallReranker, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(SHIPPED_FOLDER, own)
    found = load_reranker(str(own))
    assert isinstance(found, SmallReranker)
    assert found.name == "own"
    ranking, table = Ranking(numbers=tuple(range(1, 7)), scores=(0.5,) * 6), lines()
    about = asked("你那次几点到的", asker="ann", askers={"ann"}, private={"c": ASKER})
    assert found.rerank(ranking, about, table, partial(owned, table)) == shipped.rerank(ranking, about, table, partial(owned, table))


def test_none_is_no_reranker() -> None:
    assert load_reranker("none") is None
    assert load_reranker(None) is None


TALK = (
    ("ann", "几点到的车"),
    ("bob", "九点半"),
    ("ann", "那我去接你"),
    ("bob", "不用 地铁方便"),
    ("ann", "行 到了说一声"),
    ("bob", "今天食堂的鱼咸死了"),
)


def lines(many: int = len(TALK)) -> PassageTable:
    """The first lines of the talk, a minute apart."""
    found = PassageTable(sqlite3.connect(":memory:", isolation_level=None))
    at = datetime(2024, 5, 1, 12, tzinfo=UTC)
    memories = [
        Memory(
            id=str(number), conversation="c", conversation_name="ann", speaker=speaker, speaker_name=speaker, is_owner=speaker == "bob",
            started_at=at + timedelta(minutes=number), ended_at=at + timedelta(minutes=number), text=text, message_ids=(str(number),),
        )
        for number, (speaker, text) in enumerate(TALK[:many])
    ]  # fmt: skip
    with found.transaction():
        found.add_session("c", b"one", memories)
    return found


@pytest.fixture(scope="module")
def shipped() -> SmallReranker:
    return SmallReranker()


def owned(table: PassageTable, numbers: Sequence[int]) -> list[Memory]:
    return [replace(memory, speaker_name=memory.speaker, is_owner=memory.speaker == "bob") for memory in table.memories(numbers)]


def test_the_one_that_ships_puts_the_answer_first_though_it_shares_no_word_with_the_question(shipped: SmallReranker) -> None:
    table = lines()
    ranking = Ranking(numbers=(6, 4, 1, 5, 3, 2), scores=(0.5, 0.49, 0.48, 0.47, 0.46, 0.45))
    about = asked("你那次是什么时候到站的", asker="ann", askers={"ann"}, private={"c": ASKER})
    found = shipped.rerank(ranking, about, table, partial(owned, table))
    assert found.numbers[0] == 2
    assert sorted(found.numbers) == sorted(ranking.numbers)
    assert list(found.scores) == sorted(found.scores, reverse=True)
    assert found.scores[0] <= 0.5
    assert found.odds is not None


@pytest.mark.parametrize("is_shipped", [True, False])
def test_what_was_said_after_the_limit_is_not_read_as_the_surroundings_either(
    is_shipped: bool, shipped: SmallReranker, model: Path
) -> None:
    reranker = shipped if is_shipped else NamedReranker(str(model))
    ranking, whole, cut = Ranking(numbers=(1, 2, 3, 4), scores=(0.5,) * 4), lines(), lines(4)
    limited = asked("地铁几点到", before=datetime(2024, 5, 1, 12, 4, tzinfo=UTC))
    expected = reranker.rerank(ranking, limited, cut, partial(owned, cut))
    assert reranker.rerank(ranking, limited, whole, partial(owned, whole)) == expected
    if is_shipped:
        assert reranker.rerank(ranking, replace(limited, before=None), whole, partial(owned, whole)) != expected


def test_the_one_that_ships_is_surer_of_what_was_said_than_of_what_was_not(shipped: SmallReranker) -> None:
    table = lines()
    ranking = Ranking(numbers=tuple(range(1, 7)), scores=(0.5,) * 6)
    about = partial(asked, asker="ann", askers={"ann"}, private={"c": ASKER})
    said, never = (
        shipped.rerank(ranking, about(question), table, partial(owned, table)).odds for question in ("你那次几点到的", "你表姐婚礼在哪办的")
    )
    assert said is not None
    assert never is not None
    assert said > never + 1


def test_words_of_whom_the_question_names_as_the_speaker_come_before_others(shipped: SmallReranker) -> None:
    table = lines()
    ranking = Ranking(numbers=tuple(range(1, 7)), scores=(0.5,) * 6)
    plain = asked("那天聊啥了", asker="ann", askers={"ann"}, private={"c": ASKER})
    unnamed = shipped.rerank(ranking, plain, table, partial(owned, table))
    places = []
    for sayer in ("bob", "ann"):
        found = shipped.rerank(ranking, replace(plain, sayers={sayer}), table, partial(owned, table))
        places.append(sum(place for place, number in enumerate(found.numbers) if TALK[number - 1][0] == "bob"))
        assert found.odds == unnamed.odds  # whether any line answers is another matter
    assert places[0] < places[1]


def test_what_spoke_for_a_passage_before_is_weighed_again_beside_its_odds(shipped: SmallReranker) -> None:
    table = lines()
    about = asked("你那次几点到的", asker="ann", askers={"ann"}, private={"c": ASKER}, sayers={"bob"})
    plain = Ranking(numbers=tuple(range(1, 7)), scores=tuple(0.5 - n / 100 for n in range(6)))
    before = shipped.rerank(plain, about, table, partial(owned, table))
    speaks = np.zeros((6, len(NAMES)), dtype=np.float32)
    speaks[before.numbers[-1] - 1, [NAMES.index("late"), NAMES.index("time")]] = 1.0
    after = shipped.rerank(replace(plain, reasons=speaks), about, table, partial(owned, table))
    assert after.numbers.index(before.numbers[-1]) < 5
    assert after.odds == before.odds  # whether any line answers is another matter
    _, looked = shipped.look(replace(plain, reasons=speaks), about, table, partial(owned, table))
    assert looked.shape == (6, len(SECOND_NAMES))
    assert (looked[:, : len(NAMES)] == speaks).all()
    by_name = dict(zip(SECOND_NAMES, looked.T, strict=True))
    assert by_name["score"].tolist() == pytest.approx(np.log(plain.scores))
    assert by_name["says"].tolist() == [speaker == "bob" for speaker, _ in TALK]
    assert before.odds == pytest.approx(np.log(np.exp(by_name["odds"]).sum()), abs=1e-4)  # that any of them answers


def test_a_talk_is_shown_as_the_question_calls_its_people_and_not_beyond_the_limit() -> None:
    table = lines()
    about = asked("地铁几点到", asker="ann", askers={"ann"}, private={"c": ASKER})
    (window,) = shown_talks([4, 2], about, table, partial(owned, table))
    assert window.numbers == [1, 2, 3, 4, 5, 6]
    assert window.text == "今年5月1日 周三 我 / " + " / ".join(
        f"<mask> {'你' if speaker == 'bob' else '我'}: {text}" for speaker, text in TALK
    )
    limited = replace(about, before=datetime(2024, 5, 1, 12, 4, tzinfo=UTC))
    (window,) = shown_talks([4, 2], limited, table, partial(owned, table))
    assert window.numbers == [1, 2, 3, 4]
    assert TALK[4][1] not in window.text
    first, second = shown_talks([2, 6], about, table, partial(owned, table), most=3)
    assert (first.numbers, second.numbers) == ([1, 2, 3], [4, 5, 6])


def test_one_that_reads_talks_gives_a_second_score_to_every_passage(tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(SHIPPED_FOLDER, own)
    model, _ = load_small(own)
    torch.manual_seed(0)
    model.classifier.weight.data = torch.randn_like(model.classifier.weight)
    save_talks(model, own)
    table = lines()
    about = asked("你那次几点到的", asker="ann", askers={"ann"}, private={"c": ASKER})
    ranking = Ranking(numbers=(6, 2, 4), scores=(0.5,) * 3)
    _, looked = SmallReranker(own).look(ranking, about, table, partial(owned, table))
    in_talk, odds = (looked[:, SECOND_NAMES.index(name)] for name in ("in_talk", "odds"))
    (window,) = shown_talks(ranking.numbers, about, table, partial(owned, table))
    (scores,) = TalkScorer(own).scores(question_text(about.question, about.on, asker="ann"), [window.text])
    assert in_talk.tolist() == [scores[number - 1] for number in ranking.numbers]
    assert not np.allclose(in_talk, odds)
    assert SmallReranker(own).rerank(ranking, about, table, partial(owned, table)).odds == pytest.approx(
        (np.log(np.exp(in_talk).sum()) + np.log(np.exp(odds).sum())) / 2, abs=1e-4
    )


def test_one_that_reads_no_talks_says_of_them_what_it_says_of_passages(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED_FOLDER, tmp_path / "own", ignore=shutil.ignore_patterns("talks.safetensors"))
    table = lines()
    about = asked("你那次几点到的", asker="ann", askers={"ann"}, private={"c": ASKER})
    _, looked = SmallReranker(tmp_path / "own").look(Ranking(numbers=(6, 2, 4), scores=(0.5,) * 3), about, table, partial(owned, table))
    in_talk, odds = (looked[:, SECOND_NAMES.index(name)] for name in ("in_talk", "odds"))
    assert in_talk.tolist() == odds.tolist()


def test_passages_beyond_the_depth_stay_behind_in_their_order(shipped: SmallReranker, table: PassageTable) -> None:
    ranking = Ranking(numbers=tuple(range(1, 41)), scores=tuple(0.9 - n / 1000 for n in range(40)))
    found = shipped.rerank(ranking, asked("three lamp"), table, table.memories)
    assert sorted(found.numbers) == list(range(1, 41))
    beyond = [number for number in found.numbers if number > DEPTH]
    assert beyond == sorted(beyond)


def test_no_passages_stay_none(shipped: SmallReranker, table: PassageTable) -> None:
    assert shipped.rerank(Ranking(numbers=(), scores=()), asked("tea"), table, table.memories).numbers == ()


def test_the_odds_move_the_confidence_both_ways() -> None:
    before = Ranking(
        numbers=(1,), scores=(0.5,), signs=Signs(cosine=0.6, exchanges=0.6, surroundings=0.6, together=0.5, terms=0.5, scores=0.4)
    )
    low, high = replace(before, odds=-5.0).confidence, replace(before, odds=8.0).confidence
    assert low < before.confidence < high


def test_a_question_longer_than_the_model_reads_is_cut(shipped: SmallReranker) -> None:
    table = lines()
    long = asked("昨天堵车堵了两个小时 " * 60 + "你那次几点到的", asker="ann", askers={"ann"})
    assert len(shipped.rerank(Ranking(numbers=(1, 2), scores=(0.5, 0.4)), long, table, partial(owned, table)).numbers) == 2


def test_a_question_that_names_a_time_alone_is_left_as_it_is(shipped: SmallReranker) -> None:
    signs = Signs(cosine=0.6, exchanges=1.0, surroundings=1.0, together=0.5, terms=1.0, scores=0.4)
    table = lines()
    before = Ranking(numbers=(6, 1, 2), scores=(0.5, 0.4, 0.3), signs=signs, asks_of_a_time=True)
    found = shipped.rerank(before, asked("去年五月我们去哪了", asker="ann", askers={"ann"}), table, partial(owned, table))
    assert found == before
    assert found.confidence == before.confidence
    looked_at = shipped.rerank(replace(before, asks_of_a_time=False), asked("你那次几点到的", asker="ann"), table, partial(owned, table))
    assert looked_at.odds is not None
    assert looked_at.numbers != before.numbers
