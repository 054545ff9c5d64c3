"""Which models there are, what they take here, and what their licences ask."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_glm
import torch
from click.testing import CliRunner
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

from clone_agent.records import ChatTurn
from finetune.adapter_files import load_adapter, save_adapter
from finetune.glm import load_model
from finetune.known_models import GLM_4, GLM_EDGE, known_models, licence_of
from finetune.methods.registry import METHODS, attach
from finetune.needs import Machine, needs_of
from ui.cli import main

FACTS = {"dataset": {"hash": "d1"}, "losses": {"before": 3.0, "after": 2.5}, "training": {}, "samples": []}
BIG = Machine(device="cpu", memory=10**15, host=10**15, speed=1e12)


def test_the_sizes_are_those_of_the_real_models() -> None:
    found = {model.name: needs_of(model, BIG) for model in known_models()}
    billions = {name: round(needs.parameters / 1e9, 2) for name, needs in found.items()}
    assert billions["zai-org/glm-edge-1.5b-chat"] == 1.47
    assert billions["zai-org/glm-edge-4b-chat"] == 4.33
    assert billions["zai-org/GLM-4-9B-0414"] == billions["THUDM/glm-4-9b-chat"] == 9.4
    assert billions["THUDM/chatglm3-6b"] == billions["THUDM/chatglm2-6b"] == 6.24
    assert billions["THUDM/chatglm-6b"] == 6.17
    # 28 layers, rank 8 on all linear layers
    assert found["THUDM/chatglm3-6b"].methods["lora"].trained == 16_658_432
    assert found["THUDM/chatglm3-6b"].methods["ptuning"].trained == 64 * 28 * 2 * 2 * 128


def test_what_does_not_fit_is_told_from_what_does() -> None:
    edge = next(model for model in known_models() if "edge-1.5b" in model.name)
    roomy, tight = needs_of(edge, BIG), needs_of(edge, replace(BIG, memory=4 * 2**30, host=4 * 2**30))
    assert all(need.fits for need in roomy.methods.values())
    assert tight.answer.fits is (tight.answer.memory <= 4 * 2**30)
    assert not tight.methods["full"].fits
    memory = {name: need.memory for name, need in roomy.methods.items()}
    assert memory["full"] > memory["unipelt"] > memory["lora"] > memory["qlora"]
    assert roomy.methods["full"].minutes > roomy.methods["lora"].minutes


def test_an_estimate_counts_what_a_method_really_trains() -> None:
    config = {**tiny_glm.model().config.to_dict(), "num_hidden_layers": 3}
    needs = needs_of(replace(known_models()[0], config=config), BIG)
    model = tiny_glm.model(layers=3)
    assert needs.parameters == model.num_parameters()
    for name in METHODS:
        assert needs.methods[name].trained == attach(tiny_glm.model(layers=3), name, {}).size()


def test_the_command_lists_them_for_people_and_programs() -> None:
    fields = json.loads(CliRunner().invoke(main, ["models", "--json", "--device", "cpu"]).stdout)
    assert set(fields) == {"device", "memory", "tokens", "models", "other"}
    first = fields["models"][0]
    assert set(first) == {"name", "parameters", "bytes", "licence", "duty", "note", "answer", "methods"}
    assert first["name"] == "clone-agent-base"
    assert set(first["methods"]) == set(METHODS)
    assert set(first["methods"]["lora"]) == {"memory", "minutes", "trained", "fits"}
    text = CliRunner().invoke(main, ["models", "--device", "cpu"]).stdout
    assert "THUDM/chatglm-6b" in text
    assert "Built with GLM-Edge" in text
    assert "untested" in text


def test_on_a_narrow_screen_each_model_has_lines_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.show._PIPE_WIDTH", 80)
    lines = CliRunner().invoke(main, ["models", "--device", "cpu"]).stdout.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("THUDM/chatglm3-6b, 6.24 B, ")]
    assert lines[at + 1].startswith("  answer ")
    assert all(f", {name} " in lines[at + 1] for name in METHODS)


@pytest.mark.parametrize(
    ("name", "licence"),
    [("zai-org/glm-edge-1.5b-chat", GLM_EDGE), ("/models/GLM-Edge-4B-Chat/", GLM_EDGE), ("THUDM/glm-4-9b-chat", GLM_4), ("my-model", None)],
)
def test_a_licence_is_known_by_the_bases_name(name: str, licence: object) -> None:
    assert licence_of(name, {}) == licence


def test_a_licence_is_known_by_the_bases_sizes_under_any_name() -> None:
    edge = next(model for model in known_models() if "edge-4b" in model.name)
    assert licence_of("/tmp/copy", {**edge.config, "rms_norm_eps": 1e-5}) == GLM_EDGE


@pytest.mark.parametrize(("base", "title"), [("glm-edge-1.5b-chat", "GLM-Edge-me"), ("plain", "me")])
def test_an_adapters_card_bears_the_name_that_the_licence_asks_for(tmp_path: Path, base: str, title: str) -> None:
    loaded = load_model(tiny_glm.save(tmp_path / base))
    info = save_adapter(tmp_path / "me", attach(loaded.model, "lora", {}), loaded, FACTS)
    card = (info.folder / "README.md").read_text()
    assert f"# {title}\n" in card
    assert ("Built with GLM-Edge" in card) == (base != "plain")


@pytest.mark.parametrize(("kind", "methods"), [(Qwen2Config, tuple(METHODS)), (LlamaConfig, ("lora", "ptuning"))])
def test_other_chat_models_load_with_a_note_and_take_the_methods(
    tmp_path: Path, kind: type, methods: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer = tiny_glm.tokenizer()
    template = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|endoftext|>{% endfor %}<|assistant|>"
    sizes = {"vocab_size": len(tokenizer), "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = kind(**sizes, num_key_value_heads=2, max_position_embeddings=128, pad_token_id=0, bos_token_id=None, eos_token_id=0)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "chat_template.jinja").write_text(template)
    ids = torch.tensor([[1, 2, 3, 50, 60]])
    for name in methods:
        method = METHODS[name]
        loaded = load_model(tmp_path, four_bit=method.four_bit)
        adapter = attach(loaded.model, name, {})
        adapter.load_state({key: value + 0.1 for key, value in adapter.state().items()})
        save_adapter(tmp_path / name, adapter, loaded, FACTS)
        again = load_model(tmp_path, four_bit=method.four_bit)
        load_adapter(tmp_path / name, again)
        with torch.no_grad():
            assert torch.allclose(again.model(input_ids=ids).logits, loaded.model.eval()(input_ids=ids).logits, atol=1e-5)
    assert "untested here" in caplog.text
    assert loaded.format.prompt_ids([ChatTurn(role="user", text="hello")])


@pytest.mark.parametrize("device", ["cuda:99", "toaster"])
def test_a_device_that_is_not_here_ends_in_advice(device: str) -> None:
    result = CliRunner().invoke(main, ["models", "--device", device])
    assert result.exit_code == 2
    assert f"There is no device {device} that torch can use here" in result.output
