"""`clone-agent merge`: an adapter and its base as one folder that transformers loads, vLLM serves and llama.cpp's converter reads."""

import json
from pathlib import Path
from typing import Any

import pytest
import tiny_glm
import torch
from click.testing import CliRunner
from transformers import AutoModelForCausalLM, AutoTokenizer

from clone_agent.archive import Archive
from clone_agent.errors import CloneError, ModelError, UsageError
from clone_agent.home import DataHome
from clone_agent.records import ChatTurn
from finetune.adapter_files import save_adapter
from finetune.generate import Sampling, generate
from finetune.glm import load_model
from finetune.merge import merge
from finetune.methods.registry import attach
from ui.cli import main

FACTS = {"dataset": {"hash": "d1"}, "losses": {"before": 3.0, "after": 2.5}, "training": {}, "samples": []}
IDS = torch.tensor([[1, 2, 3, 50, 60, 70]])


@pytest.fixture(scope="module", params=["glm", "glm4"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_glm.save(tmp_path_factory.mktemp("base"), request.param, byte_level=True)


def trained(base: Path, folder: Path, method: str = "lora", settings: dict[str, Any] | None = None) -> torch.Tensor:
    """Save an adapter with random weights; return the tuned model's logits."""
    loaded = load_model(base)
    adapter = attach(loaded.model, method, settings or {})
    torch.manual_seed(5)
    adapter.load_state({name: tensor + 0.1 * torch.randn_like(tensor) for name, tensor in adapter.state().items()})
    save_adapter(folder, adapter, loaded, FACTS)
    with torch.no_grad():
        return loaded.model.eval()(input_ids=IDS).logits


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("lora", {}),
        ("lora", {"use_rslora": True, "target_modules": "q_proj,v_proj"}),
        ("lora", {"use_dora": True, "use_rslora": True}),
        ("full", {}),
    ],
    ids=["lora", "rslora", "dora+rslora", "full"],
)
@pytest.mark.parametrize("to", ["hf", "gguf"])
def test_a_merged_model_computes_what_the_adapter_did(base: Path, tmp_path: Path, method: str, settings: dict[str, Any], to: str) -> None:
    expected = trained(base, tmp_path / "a", method, settings)
    report = merge(tmp_path / "a", tmp_path / "out", to=to)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    with torch.no_grad():
        assert torch.allclose(model(input_ids=IDS).logits, expected, atol=2e-5)
    plain = AutoModelForCausalLM.from_pretrained(base)
    assert type(model) is type(plain)
    assert set(model.state_dict()) == set(plain.state_dict())
    assert report.precision == "float32"
    assert report.template_matches


@pytest.mark.parametrize("layer", ["lm_head", "embed_tokens"])
def test_of_embeddings_shared_with_the_output_head_the_one_that_was_tuned_changes(base: Path, tmp_path: Path, layer: str) -> None:
    expected = trained(base, tmp_path / "a", settings={"target_modules": layer})
    merge(tmp_path / "a", tmp_path / "out")
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(tmp_path / "out")(input_ids=IDS).logits
    assert torch.allclose(logits, expected, atol=2e-5)


def test_a_base_named_from_where_one_stands_is_found_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_glm.save(tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    trained(Path("base"), tmp_path / "a")
    monkeypatch.chdir("/")
    assert merge(tmp_path / "a", tmp_path / "out").base == str(tmp_path / "base")


def test_a_server_finds_stop_tokens_and_a_template_that_writes_the_ids_of_the_training(base: Path, tmp_path: Path) -> None:
    trained(base, tmp_path / "a")
    merge(tmp_path / "a", tmp_path / "out")
    merged = load_model(tmp_path / "out")
    stop = list(load_model(base).format.stop_ids)
    config, generation = (json.loads((tmp_path / "out" / name).read_text()) for name in ("config.json", "generation_config.json"))
    assert config["eos_token_id"] == generation["eos_token_id"] == stop
    turns = [
        ChatTurn(role="system", text="你是林晚"),
        ChatTurn(role="user", text="see you"),
        ChatTurn(role="assistant", text="嗯"),
        ChatTurn(role="user", text="几点"),
    ]
    ids = AutoTokenizer.from_pretrained(tmp_path / "out").apply_chat_template(
        [{"role": turn.role, "content": turn.text} for turn in turns], add_generation_prompt=True, return_dict=False
    )
    assert ids == merged.format.prompt_ids(turns)
    ours = list(generate(merged.model, ids, stop, Sampling(temperature=0, repetition_penalty=1.0, max_new_tokens=6)))
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    theirs = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), do_sample=False, max_new_tokens=6)[0, len(ids) :]
    assert [token for token in theirs.tolist() if token not in stop] == ours


def test_a_gguf_folder_says_at_the_top_what_the_converter_looks_for_there(tmp_path: Path) -> None:
    base = tiny_glm.save(tmp_path / "base", byte_level=True)
    config = json.loads((base / "config.json").read_text())
    config["rope_parameters"] |= {"partial_rotary_factor": 1.0, "rope_theta": 5_000_000.0}
    (base / "config.json").write_text(json.dumps(config))
    expected = trained(base, tmp_path / "a")
    merge(tmp_path / "a", tmp_path / "out", to="gguf")
    written = json.loads((tmp_path / "out" / "config.json").read_text())
    wanted = {
        "partial_rotary_factor": 1.0,
        "rope_ratio": 500.0,
        "attention_dim": 16,
        "seq_length": 256,
        "padded_vocab_size": config["vocab_size"],
    }
    assert {key: written.get(key) for key in wanted} == wanted
    assert written["layernorm_epsilon"] == config["rms_norm_eps"]
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(tmp_path / "out")(input_ids=IDS).logits
    assert torch.allclose(logits, expected, atol=2e-5)


def test_another_precision_halves_the_files(base: Path, tmp_path: Path) -> None:
    expected = trained(base, tmp_path / "a")
    whole, half = (merge(tmp_path / "a", tmp_path / kind, precision=kind) for kind in ("float32", "bfloat16"))
    assert half.bytes < whole.bytes
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(tmp_path / "bfloat16", dtype=torch.float32)(input_ids=IDS).logits
    assert torch.allclose(logits, expected, atol=0.05)


@pytest.mark.parametrize("method", ["ptuning", "unipelt"])
def test_what_is_no_part_of_a_plain_model_is_refused_with_what_can_be_merged(base: Path, tmp_path: Path, method: str) -> None:
    trained(base, tmp_path / "a", method)
    with pytest.raises(ModelError, match="cannot be merged") as error:
        merge(tmp_path / "a", tmp_path / "out")
    assert "lora" in error.value.remedy
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten_and_a_full_disk_is_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tiny_glm.save(tmp_path / "base")
    trained(base, tmp_path / "a")
    with pytest.raises(UsageError, match="not empty"):
        merge(tmp_path / "a", base)
    with pytest.raises(UsageError, match="no such target"):
        merge(tmp_path / "a", tmp_path / "out", to="onnx")
    with pytest.raises(UsageError, match="no such precision"):
        merge(tmp_path / "a", tmp_path / "out", precision="int3")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(CloneError, match="the disk has"):
        merge(tmp_path / "a", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_tokenizer_that_the_converter_does_not_know_is_refused(tmp_path: Path) -> None:
    base = tiny_glm.save(tmp_path / "base")
    trained(base, tmp_path / "a")
    with pytest.raises(ModelError, match="work on bytes") as error:
        merge(tmp_path / "a", tmp_path / "out", to="gguf")
    assert "--to hf" in error.value.remedy
    assert not (tmp_path / "out").exists()


def test_positions_that_the_converter_does_not_know_are_refused(tmp_path: Path) -> None:
    base = tiny_glm.save(tmp_path / "base", byte_level=True)
    config = json.loads((base / "config.json").read_text())
    config["rope_parameters"] |= {"rope_type": "linear", "factor": 16.0}
    (base / "config.json").write_text(json.dumps(config))
    trained(base, tmp_path / "a")
    with pytest.raises(ModelError, match="linear positions"):
        merge(tmp_path / "a", tmp_path / "out", to="gguf")
    assert merge(tmp_path / "a", tmp_path / "out").bytes > 0


def test_the_command_merges_the_newest_adapter_and_names_the_next_step(tmp_path: Path) -> None:
    base, home, out = tiny_glm.save(tmp_path / "base", byte_level=True), tmp_path / "home", tmp_path / "out"
    Archive.open(DataHome(home).create().root, create=True).close()
    nothing = CliRunner().invoke(main, ["merge", str(out), "--home", str(home)])
    assert (nothing.exit_code, "no adapter to merge" in nothing.stderr) == (4, True)
    trained(base, home / "adapters" / "winter")
    done = CliRunner().invoke(main, ["merge", str(out), "--home", str(home), "--json"])
    fields = json.loads(done.stdout)
    assert (fields["adapter"], fields["method"], fields["precision"]) == ("winter", "lora", "float32")
    assert (out / "model.safetensors").is_file()
    said = CliRunner().invoke(main, ["merge", str(tmp_path / "other"), "--home", str(home), "--to", "gguf"])
    assert "convert_hf_to_gguf.py" in said.stdout


@pytest.mark.parametrize(("turned", "option"), [(1.0, " --model-impl transformers"), (0.5, "")])
def test_vllm_is_told_to_go_by_the_configuration_where_its_own_class_does_not(tmp_path: Path, turned: float, option: str) -> None:
    base, home, out = tiny_glm.save(tmp_path / "base", byte_level=True), tmp_path / "home", tmp_path / "out"
    config = json.loads((base / "config.json").read_text())
    config["rope_parameters"] |= {"partial_rotary_factor": turned}
    (base / "config.json").write_text(json.dumps(config))
    Archive.open(DataHome(home).create().root, create=True).close()
    trained(base, home / "adapters" / "winter")
    said = CliRunner().invoke(main, ["merge", str(out), "--home", str(home)]).stdout
    assert f"vllm serve {out}{option}" in " ".join(said.split())
    assert f"`vllm serve FOLDER{option}`" in (out / "README.md").read_text()
