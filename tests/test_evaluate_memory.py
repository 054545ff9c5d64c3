"""The evaluation reads the documented folder format and prints its metrics."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from clone_agent.errors import UsageError
from memory.baselines import METHODS as BASELINES
from memory.evaluate import METHODS, evaluate_memory
from memory.labelled import read_lines
from memory.metrics import auroc, kept_and_rejected, of_question
from ui.cli import main

TURNS = [
    ("a", "1", "2023-10-01", "2023-10-01T21:04:00", "林晚", "到黄山了 腿都断了", None),
    ("a", "2", "2023-10-01", "2023-10-01T21:05:00", "周屿", "住山顶吗", None),
    ("a", "3", "2024-01-09", "2024-01-09T12:30:00", "周屿", "我妈胆囊手术 明天请假", "严重吗"),
    ("a", "4", "2024-03-05", "2024-03-05T22:00:00", "陈一宁", "我去字节做测试了", None),
    ("b", "1", "s1", None, "Ann", "The kids adopted a grey kitten", None),
    ("b", "2", "s1", None, "Bob", "I bought a red bicycle for 300 dollars", None),
    ("b", "3", "s2", None, "Ann", "Our flight to Lisbon is on Monday", None),
]
QUESTIONS = [
    {"history": "a", "question": "去年国庆爬了什么山", "asked_at": "2024-05-15T20:00:00", "gold": ["1"], "category": "single"},
    {"history": "a", "question": "陈一宁在哪上班", "asked_at": None, "gold": ["4"], "category": "single"},
    {
        "history": "a",
        "question": "她什么时候手术",
        "asked_at": None,
        "gold": ["3"],
        "category": "follow",
        "context": ["周屿的妈妈得了什么病"],
    },
    {"history": "a", "question": "谁买了游艇", "asked_at": None, "gold": [], "category": "never"},
    {"history": "b", "question": "Which city does Ann fly to?", "asked_at": None, "gold": ["3"], "category": "single"},
    {"history": "b", "question": "What did the bicycle cost?", "asked_at": None, "gold": ["2"], "category": "single"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keys = ("history", "id", "session", "time", "speaker", "text", "reply")
    turns = [{key: value for key, value in zip(keys, row, strict=True) if key != "reply" or value} for row in TURNS]
    questions = [{"id": f"q{number}", "answer": "", **question} for number, question in enumerate(QUESTIONS)]
    for name, lines in (("turns", turns), ("questions", questions)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n", encoding="utf-8")
    return tmp_path


def test_questions_with_gold_are_measured_and_the_others_counted(folder: Path) -> None:
    report = evaluate_memory(folder)
    assert (report.questions, report.dropped, report.turns) == (5, 1, 7)
    assert report.methods["fused"].values["R@5"] == 1.0
    assert report.methods["fused"].by_category["follow"]["questions"] == 1
    assert set(report.methods) == {"fused", "bm25", "dense"}


def test_the_json_has_the_documented_fields(folder: Path) -> None:
    run = CliRunner().invoke(main, ["evaluate", "memory", str(folder), "--json"], catch_exceptions=False)
    found = json.loads(run.stdout)
    metrics = {"R@5", "R@10", "R@20", "hit@5", "hit@10", "MRR@10", "nDCG@10", "evidence@4000"}
    assert metrics | {"questions", "dropped", "p50_ms", "p95_ms", "index_s", "by_category", "baselines", "abstention"} <= set(found)
    assert metrics <= set(found["baselines"]["bm25"]) & set(found["by_category"]["single"])
    assert set(found["baselines"]) == {"bm25", "dense", "langchain_chroma", "langchain_ensemble"}


def test_langchains_retrievers_rank_the_same_turns(folder: Path) -> None:
    methods = evaluate_memory(folder, methods={"fused": METHODS["fused"], "dense": METHODS["dense"], **BASELINES}).methods
    assert methods["langchain_chroma"].values == methods["dense"].values  # the same vectors, so the same order
    assert methods["langchain_ensemble"].values["R@5"] > 0.5


def test_without_langchains_retrievers_the_command_says_how_to_install_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_chroma", None)
    monkeypatch.delitem(sys.modules, "memory.baselines", raising=False)
    run = CliRunner().invoke(main, ["evaluate", "memory", str(folder)], catch_exceptions=False)
    assert "pip install 'clone-agent[baselines]'" in run.stderr
    assert "bm25" in run.stdout


def test_sessions_are_ranked_by_their_best_turn(folder: Path) -> None:
    assert evaluate_memory(folder, unit="session").methods["fused"].values["hit@5"] == 1.0


def test_a_small_budget_holds_less_evidence(folder: Path) -> None:
    assert evaluate_memory(folder, budget=50).methods["fused"].values["evidence@50"] < 1.0


def test_a_folder_without_the_files_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"turns\.jsonl"):
        evaluate_memory(tmp_path)


def test_a_line_that_is_no_turn_is_named_without_its_words_and_any_line_end_of_unicode_may_stand_in_one(tmp_path: Path) -> None:
    turn = {"history": "h", "id": "1", "session": "s", "speaker": "小明", "text": "到黄山\u2028了"}
    (tmp_path / "turns.jsonl").write_text(json.dumps(turn, ensure_ascii=False) + "\n", encoding="utf-8-sig")
    assert read_lines(tmp_path, "turns") == [turn]
    for line in ('{"text": "到黄山了"}', '["到黄山了"]', "到黄山了", "3"):
        (tmp_path / "questions.jsonl").write_text(f"\n{line}\n", encoding="utf-8")
        with pytest.raises(UsageError, match=r"questions\.jsonl:2: expected an object with .*question") as caught:
            read_lines(tmp_path, "questions")
        assert "黄山" not in str(caught.value)


def test_figures_of_one_question_are_those_of_the_definition() -> None:
    figures = of_question(["x", "g1", "y", "z", "w", "g2"], {"g1", "g2"})
    assert (figures["R@5"], figures["R@10"], figures["hit@5"], figures["MRR@10"]) == (0.5, 1.0, 1.0, 0.5)
    assert figures["nDCG@10"] == pytest.approx((1 / 1.584963 + 1 / 2.807355) / (1 + 1 / 1.584963), abs=1e-6)


def test_confidence_is_judged_by_order_and_by_what_it_rejects() -> None:
    assert auroc(answerable=[0.9, 0.8, 0.4], foreign=[0.5, 0.1]) == pytest.approx(5 / 6, abs=1e-4)
    assert auroc(answerable=[0.5], foreign=[0.5]) == 0.5
    assert kept_and_rejected(answerable=[0.4] * 5 + [0.9] * 95, foreign=[0.1, 0.2, 0.95])["rejected"] == pytest.approx(2 / 3, abs=1e-4)


@pytest.mark.parametrize("name", ["memorybank_pooled"])
def test_the_published_set_reaches_its_floor(name: str) -> None:
    folder = Path(__file__).parents[2] / "shared" / "benchmarks" / name
    if not folder.is_dir():
        pytest.skip("the evaluation sets do not lie beside the checkout")
    values = evaluate_memory(folder, methods={"fused": METHODS["fused"]}).methods["fused"].values
    assert values["R@5"] >= 0.80
    assert values["R@10"] >= 0.90
