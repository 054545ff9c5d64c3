"""Adapter and model folders: what was saved comes back exactly; what is unfinished, damaged or of another base is refused at once."""

import stat
from pathlib import Path

import pytest
import tiny_glm
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from clone_agent.errors import ModelError, UsageError
from finetune.adapter_files import load_adapter, save_adapter
from finetune.checkpoint import adapter_folder, check_base, list_adapters, read_adapter, require_base
from finetune.glm import LoadedModel, load_model
from finetune.methods.registry import METHODS, attach
from finetune.model_files import find_model

FACTS = {"dataset": {"hash": "d1"}, "losses": {"before": 3.0, "after": 2.5}, "training": {}, "samples": []}
IDS = torch.tensor([[1, 2, 3, 50, 60, 70]])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_glm.save(tmp_path_factory.mktemp("base"))


def trained(base: Path, folder: Path, method: str = "lora") -> tuple[LoadedModel, torch.Tensor]:
    """An adapter with random weights, saved; the model and its logits."""
    loaded = load_model(base)
    adapter = attach(loaded.model, method, {})
    torch.manual_seed(5)
    adapter.load_state({name: tensor + 0.1 * torch.randn_like(tensor) for name, tensor in adapter.state().items()})
    save_adapter(folder, adapter, loaded, FACTS)
    with torch.no_grad():
        return loaded, loaded.model.eval()(input_ids=IDS).logits


@pytest.mark.parametrize("method", METHODS)
def test_an_adapter_comes_back_exactly(base: Path, tmp_path: Path, method: str) -> None:
    _, expected = trained(base, tmp_path / "adapters" / "a", method)
    fresh = load_model(base)
    load_adapter(tmp_path / "adapters" / "a", fresh)
    with torch.no_grad():
        assert torch.equal(fresh.model(input_ids=IDS).logits, expected)
    assert not any(parameter.requires_grad for parameter in fresh.model.parameters()) or method == "full"


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft's own call
def test_a_lora_adapter_loads_into_peft_itself(base: Path, tmp_path: Path) -> None:
    _, expected = trained(base, tmp_path / "a")
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), tmp_path / "a")
    with torch.no_grad():
        assert torch.allclose(model(input_ids=IDS).logits, expected, atol=1e-6)


def test_the_manifest_tells_base_method_settings_losses_and_size(base: Path, tmp_path: Path) -> None:
    trained(base, tmp_path / "adapters" / "winter", "ptuning")
    (info,) = list_adapters(tmp_path)
    assert (info.name, info.method, info.base, info.dataset) == ("winter", "ptuning", str(base), "d1")
    assert info.settings["num_virtual_tokens"] == 64
    assert (info.loss_before, info.loss_after) == (3.0, 2.5)
    assert info.parameters * 4 < info.bytes < info.parameters * 4 + 1000
    assert {stat.S_IMODE(path.stat().st_mode) for path in info.folder.iterdir()} == {0o600}


def test_unfinished_and_damaged_adapters_are_not_listed(base: Path, tmp_path: Path) -> None:
    for name in ("good", "cut", "unfinished"):
        trained(base, tmp_path / "adapters" / name)
    cut = tmp_path / "adapters" / "cut" / "adapter_model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-1])
    (tmp_path / "adapters" / "unfinished" / "manifest.json").unlink()
    assert [info.name for info in list_adapters(tmp_path)] == ["good"]
    with pytest.raises(ModelError, match="truncated"):
        read_adapter(cut.parent)
    with pytest.raises(ModelError, match="unfinished"):
        read_adapter(tmp_path / "adapters" / "unfinished")
    with pytest.raises(ModelError, match="no adapter"):
        read_adapter(tmp_path / "adapters" / "nowhere")


def test_another_base_is_refused_at_once_and_names_the_right_one(base: Path, tmp_path: Path) -> None:
    trained(base, tmp_path / "a")
    other = tiny_glm.save(tmp_path / "other", seed=1)
    with pytest.raises(ModelError, match="was tuned on") as error:
        check_base(read_adapter(tmp_path / "a"), find_model(other))
    assert error.value.exit_code == 4
    assert str(base) in error.value.problem
    with pytest.raises(ModelError, match="was tuned on"):
        load_adapter(tmp_path / "a", load_model(other))
    with pytest.raises(ModelError, match="earlier version") as error:
        require_base(read_adapter(tmp_path / "a"), name=str(base), base_fingerprint="of other weights")
    assert "clone-agent tune --method lora --name a" in error.value.remedy


def test_a_missing_truncated_or_pickled_model_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        load_model(tmp_path / "nowhere")
    whole = tiny_glm.save(tmp_path / "model")
    weights = whole / "model.safetensors"
    content = weights.read_bytes()
    for size in (0, 4, 100, len(content) // 2, len(content) - 1):
        weights.write_bytes(content[:size])
        with pytest.raises(ModelError, match="truncated or damaged"):
            load_model(whole)
    weights.rename(whole / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled"):
        load_model(whole)
    (whole / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError, match=r"lacks model\.safetensors"):
        load_model(whole)


@pytest.mark.parametrize("kind", ["glm", "glm4"])
def test_both_glm_classes_load_with_their_tokenizer_and_format(tmp_path: Path, kind: str) -> None:
    loaded = load_model(tiny_glm.save(tmp_path / "model", kind))
    assert loaded.model.config.model_type == kind
    assert loaded.format.name == "glm"
    assert loaded.max_tokens == 256
    assert not loaded.model.training


@pytest.mark.parametrize("name", ["", ".", "..", "none", "../elsewhere", "a/b", "a\\b", "C:x"])
def test_an_adapters_name_is_one_word_that_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no name for an adapter"):
        adapter_folder(tmp_path, name)
    assert adapter_folder(tmp_path, "lora-2") == tmp_path / "adapters" / "lora-2"
