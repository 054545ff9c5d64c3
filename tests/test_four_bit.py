"""A base in 4 bits: less memory for nearly the same numbers, and adapters that speak on it and merge into the whole one."""

from pathlib import Path

import pytest
import tiny_glm
import torch
from transformers import AutoModelForCausalLM

from clone_agent.errors import ModelError
from finetune import four_bit
from finetune.adapter_files import load_adapter, save_adapter
from finetune.chat_model import load_chat_model
from finetune.glm import load_model
from finetune.merge import merge
from finetune.methods.registry import attach

IDS = torch.tensor([[1, 2, 3, 50, 60, 70]])
FACTS = {"dataset": {"hash": "d1"}, "losses": {"before": 3.0, "after": 2.5}, "training": {}, "samples": []}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_glm.save(tmp_path_factory.mktemp("base"))


def test_a_base_in_four_bits_takes_less_and_computes_nearly_the_same(base: Path) -> None:
    whole, packed = load_model(base), load_model(base, four_bit=True)
    with torch.no_grad():
        expected, found = (loaded.model(input_ids=IDS).logits for loaded in (whole, packed))
    assert 0 < (expected - found).abs().max() < 0.3 * expected.abs().max()
    assert four_bit.numbers(packed.model) == four_bit.numbers(whole.model)
    weight = packed.model.model.layers[0].mlp.down_proj.weight
    assert weight.numel() * weight.element_size() == 64 * 64 / 2


def test_looking_at_held_out_examples_does_not_end_the_training(base: Path) -> None:
    loaded = load_model(base, four_bit=True)
    adapter = attach(loaded.model, "qlora", {})
    for _ in range(2):
        with torch.no_grad():
            loaded.model.eval()(input_ids=IDS)
        loaded.model.train()(input_ids=IDS, labels=IDS).loss.backward()
    assert all(parameter.grad is not None for parameter in adapter.parameters.values())


def test_an_adapter_speaks_on_four_bits_and_merges_into_the_whole_base(base: Path, tmp_path: Path) -> None:
    loaded = load_model(base, four_bit=True)
    adapter = attach(loaded.model, "qlora", {})
    torch.manual_seed(5)
    adapter.load_state({name: tensor + 0.1 * torch.randn_like(tensor) for name, tensor in adapter.state().items()})
    save_adapter(tmp_path / "a", adapter, loaded, FACTS)
    with torch.no_grad():
        expected = loaded.model.eval()(input_ids=IDS).logits
        assert torch.equal(load_chat_model(base, tmp_path / "a").engine.loaded.model(input_ids=IDS).logits, expected)
        on_whole = load_model(base)
        load_adapter(tmp_path / "a", on_whole)
        merge(tmp_path / "a", tmp_path / "out")
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
        assert torch.allclose(merged(input_ids=IDS).logits, on_whole.model(input_ids=IDS).logits, atol=2e-5)


def test_without_bitsandbytes_the_exact_command_is_named_before_anything_is_loaded(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(four_bit, "bitsandbytes", None)
    with pytest.raises(ModelError, match="bitsandbytes") as error:
        load_model(base, four_bit=True)
    assert 'pip install "clone-agent[qlora]"' in error.value.remedy
    assert "qlora" in (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")


def test_a_model_that_does_not_divide_into_blocks_is_refused() -> None:
    model = tiny_glm.model()
    model.model.layers[0].mlp.down_proj = torch.nn.Linear(48, 64)
    with pytest.raises(ModelError, match="multiple of 64"):
        four_bit.quantize(model, torch.device("cpu"))
