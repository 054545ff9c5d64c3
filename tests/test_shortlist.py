"""Which passages the cross-encoder is given to read."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from test_reranking import lines

from memory.ranking import Ranking
from memory.shortlist import FILE, chosen, features, likely, of_talks
from memory.weights import NAMES

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
REASONS = len(NAMES)


def ranking(count: int, *, reasons: bool = True) -> Ranking:
    columns = np.random.default_rng(0).random((count, REASONS), dtype=np.float32) if reasons else None
    return Ranking(numbers=tuple(range(1, count + 1)), scores=tuple(1 - place / 100 for place in range(count)), reasons=columns)


def test_a_passage_is_seen_with_the_best_of_its_talk_and_how_far_that_is() -> None:
    reasons = np.zeros((4, REASONS), dtype=np.float32)
    reasons[:, NAMES.index("turn")] = [0.9, 0.1, 0.2, 0.3]
    scores, lengths = np.array([0.8, 0.1, 0.2, 0.4], dtype=np.float32), np.full(4, 10, dtype=np.float32)
    numbers, sessions = np.array([5, 7, 40, 12]), np.array([1, 1, 1, 2])
    seen = of_talks(reasons, scores, numbers, sessions, lengths)
    best_turn, best_score = seen[:, REASONS + 2], seen[:, REASONS + 2 + 9]
    assert best_turn.tolist() == pytest.approx([0.9, 0.9, 0.9, 0.3])
    assert best_score.tolist() == pytest.approx([0.8, 0.8, 0.8, 0.4])
    after, before, is_near, is_best = seen[:, -4:].T
    assert after.tolist() == pytest.approx([0, 2 / 30, 1, 0])
    assert before.tolist() == [0, 0, 0, 0]
    assert is_near.tolist() == [0, 1, 0, 0]
    assert is_best.tolist() == [1, 0, 0, 1]


def test_those_read_are_the_likeliest_in_the_order_of_the_ranking() -> None:
    table = lines()
    found = ranking(6)
    seen = features(found, table)
    assert seen.shape == (6, seen.shape[1])
    places = chosen(found, table, count=3)
    assert places == sorted(places)
    weights = load_file(FILE)
    assert weights["sum"].shape == seen.shape[1:]
    assert set(places) == set(np.argsort(-likely(seen, weights))[:3].tolist())


def test_what_nothing_is_known_of_or_is_little_is_read_in_its_order() -> None:
    assert chosen(ranking(6, reasons=False), lines(), count=3) == [0, 1, 2]
    assert chosen(ranking(2), lines(), count=3) == [0, 1]
    assert chosen(Ranking(numbers=(), scores=()), lines(), count=3) == []


def test_the_network_that_is_trained_is_the_one_that_chooses_and_learns_what_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import memory_shortlist

    rng = np.random.default_rng(0)
    cases = []
    for _ in range(60):  # right where one reason is large and another is small, which no sum tells
        seen = rng.random((40, REASONS + 17), dtype=np.float32)
        right = int(np.argmax(np.abs(seen[:, 0] - seen[:, 1])))
        cases.append(memory_shortlist.Case(seen, np.arange(40) == right))
    network = memory_shortlist.train(cases)
    arrays = network.arrays()
    seen = cases[0].seen
    assert likely(seen, arrays) == pytest.approx(network(torch.from_numpy(seen)).detach().numpy(), abs=1e-4)
    before, after = (memory_shortlist.hits(cases, weigh) for weigh in (lambda seen: seen[:, REASONS], lambda seen: likely(seen, arrays)))
    assert float(after.split()[0]) > float(before.split()[0]) + 0.3
