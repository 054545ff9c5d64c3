"""Original ChatGLM checkpoints load as native models that compute what they computed."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import chatglm_original as original
import numpy as np
import pytest
import torch
from chatglm_original import FIRST, LATER, SHARED
from transformers import PreTrainedModel

from clone_agent.errors import ModelError
from finetune.chatglm.checkpoint import Generation, tell_generation
from finetune.generate import Sampling, generate
from finetune.glm import load_weights
from finetune.model_files import find_model

CLOSE = 2e-5
TALK = [7, 20, 33, 9, 51, 54, 12, 40, 8]  # context, [gMASK], <sop>, target
BLANK = [7, 50, 33, 9, 54, 12, 40, 8]  # [MASK] in the middle
LONG = {**LATER, "rope_ratio": 16}
CASES = [
    pytest.param(FIRST, TALK, False, id="chatglm"),
    pytest.param(FIRST, BLANK, False, id="chatglm with a blank"),
    pytest.param(FIRST, [7, 51, 33, 9, 20, 54, 12, 40, 8], False, id="chatglm, [gMASK] far before <sop>"),
    pytest.param(FIRST, [7, 50, 33, 51, 9, 54, 12, 54, 8, 51], False, id="chatglm, both masks and a second <sop>"),
    pytest.param({**FIRST, "num_layers": 3, "num_attention_heads": 4}, TALK, False, id="chatglm, deeper"),
    pytest.param(LATER, TALK, False, id="chatglm3"),
    pytest.param(LONG, TALK, True, id="chatglm2-32k"),
    pytest.param({**LATER, "rope_ratio": 50}, TALK, False, id="chatglm3-32k"),
    pytest.param({**LATER, "multi_query_attention": False, "add_qkv_bias": False}, TALK, False, id="all heads, no bias"),
    pytest.param({**LATER, "multi_query_group_num": 1, "num_layers": 1, "ffn_hidden_size": 31}, TALK, False, id="one group"),
]
REFERENCES = sorted(path.stem for path in SHARED.glob("chatglm_v*.npz") if not path.stem.endswith("ptuning"))


def saved(folder: Path, config: Mapping[str, Any] = LATER, **options: Any) -> Path:
    return original.save(folder, config, original.weights(config), **options)


def logits(model: PreTrainedModel, ids: list[int]) -> np.ndarray:
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0].numpy()


def reply(model: PreTrainedModel, prompt: list[int], length: int) -> list[int]:
    return list(generate(model, prompt, [], Sampling(temperature=0, repetition_penalty=1, max_new_tokens=length)))


@pytest.mark.parametrize(("config", "ids", "linear"), CASES)
def test_an_original_checkpoint_computes_what_its_architecture_says(
    tmp_path: Path, config: dict[str, Any], ids: list[int], linear: bool
) -> None:
    expected = original.logits(config, original.weights(config), ids, linear=linear)
    assert np.abs(logits(load_weights(saved(tmp_path / "model", config)), ids) - expected).max() < CLOSE


@pytest.mark.parametrize("config", [FIRST, LATER], ids=["chatglm", "chatglm3"])
@pytest.mark.parametrize(("files", "pickled"), [(1, True), (3, True), (3, False)])
def test_however_the_weights_are_stored_the_model_is_the_same(tmp_path: Path, config: dict[str, Any], files: int, *, pickled: bool) -> None:
    plain = load_weights(saved(tmp_path / "plain", config))
    other = saved(tmp_path / "other", config, files=files, pickled=pickled)
    assert np.array_equal(logits(plain, TALK), logits(load_weights(other), TALK))
    for index in other.glob("*.index.json"):
        index.unlink()  # as in a copy that somebody made of the numbered files alone
    assert np.array_equal(logits(plain, TALK), logits(load_weights(other), TALK))


@pytest.mark.parametrize("config", [FIRST, LATER], ids=["chatglm", "chatglm2"])
@pytest.mark.parametrize(("bits", "embedding"), [(4, False), (8, False), (4, True), (8, True)])
def test_packed_weights_become_the_numbers_that_they_stand_for(
    tmp_path: Path, config: dict[str, Any], bits: int, *, embedding: bool
) -> None:
    packed, meant = original.quantised(original.weights(config), bits=bits, embedding=embedding)
    folder = original.save(tmp_path / "model", {**config, "quantization_bit": bits}, packed, files=2, pickled=True)
    assert np.abs(logits(load_weights(folder), TALK) - original.logits(config, meant, TALK)).max() < CLOSE
    assert find_model(folder).parameters == find_model(saved(tmp_path / "plain", config)).parameters


@pytest.mark.parametrize(
    ("config", "unsaid"),
    [
        (FIRST, {"max_sequence_length": 2048, "layernorm_epsilon": 1e-5}),
        ({**LATER, "multi_query_group_num": 1}, {"seq_length": 2048, "layernorm_epsilon": 1e-5, "multi_query_group_num": 1}),
    ],
    ids=["chatglm", "chatglm3"],
)
def test_what_a_configuration_leaves_out_is_what_the_original_code_took(
    tmp_path: Path, config: dict[str, Any], unsaid: dict[str, Any]
) -> None:
    whole = {**config, **unsaid}
    bare = {key: value for key, value in whole.items() if key not in unsaid}
    folder = original.save(tmp_path, bare, original.weights(whole))
    model = load_weights(folder)
    assert np.abs(logits(model, TALK) - original.logits(whole, original.weights(whole), TALK)).max() < CLOSE
    assert model.config.max_position_embeddings == 2048
    assert find_model(folder).parameters == sum(tensor.numel() for tensor in original.weights(whole).values())


@pytest.mark.parametrize("config", [FIRST, LATER], ids=["chatglm", "chatglm3"])
def test_the_parameters_are_counted_without_loading(tmp_path: Path, config: dict[str, Any]) -> None:
    assert find_model(saved(tmp_path, config)).parameters == sum(tensor.numel() for tensor in original.weights(config).values())


@pytest.mark.parametrize("config", [FIRST, LATER], ids=["chatglm", "chatglm3"])
def test_generation_agrees_with_the_logits_in_all_its_ways(tmp_path: Path, config: dict[str, Any]) -> None:
    model, prompt, state = load_weights(saved(tmp_path, config)), TALK[:6], original.weights(config)
    ids = list(prompt)
    for _ in range(6):
        ids.append(int(original.logits(config, state, ids)[-1].argmax()))
    text = torch.tensor([prompt])

    def generated(**options: Any) -> list[int]:
        mask = torch.ones_like(text)
        fixed = {"attention_mask": mask, "max_new_tokens": 6, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
        return model.generate(text, **fixed, **options)[0].tolist()

    assert [*prompt, *reply(model, prompt, 6)] == ids
    assert generated() == ids
    assert generated(use_cache=False) == ids
    assert generated(cache_implementation="static", disable_compile=True) == ids
    assert generated(num_beams=3) == generated(num_beams=3, use_cache=False)


@pytest.mark.parametrize("config", [FIRST, LATER], ids=["chatglm", "chatglm3"])
@pytest.mark.parametrize("masked", [True, False])
def test_a_padded_row_gives_the_logits_it_gives_alone(tmp_path: Path, config: dict[str, Any], *, masked: bool) -> None:
    model, short = load_weights(saved(tmp_path, config)), TALK[2:]
    batch = torch.tensor([TALK, [3, 3, *short], [*short, 0, 0]])
    mask = torch.tensor([[1] * 9, [0, 0, *[1] * 7], [*[1] * 7, 0, 0]])
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    if not masked and config is LATER:
        return  # only the first generation tells padding by itself
    with torch.no_grad():
        options = {"attention_mask": mask, "position_ids": positions} if masked else {}
        rows = model(input_ids=batch, **options).logits.numpy()
    alone = logits(model, short)
    assert np.abs(rows[0] - logits(model, TALK)).max() < CLOSE
    assert np.abs(rows[1, 2:] - alone).max() < CLOSE
    assert np.abs(rows[2, :7] - alone).max() < CLOSE


@pytest.mark.parametrize("pickled", [True, False])
def test_a_missing_or_cut_file_is_refused_before_anything_is_loaded(tmp_path: Path, *, pickled: bool) -> None:
    folder = saved(tmp_path, files=3, pickled=pickled)
    ending = "bin" if pickled else "safetensors"
    part = next(folder.glob(f"*-00002-of-00003.{ending}"))
    whole = part.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        part.write_bytes(whole[:size])
        with pytest.raises(ModelError, match=r"00002-of-00003.* truncated or damaged"):
            find_model(folder)
    part.unlink()
    for index in ("kept", "gone"):
        with pytest.raises(ModelError, match=r"lacks .*00002-of-00003") as error:
            find_model(folder)
        assert error.value.exit_code == 4, index
        next(iter(folder.glob("*.index.json"))).unlink(missing_ok=True) if index == "kept" else None
    for file in folder.glob("*model*"):
        file.unlink()
    with pytest.raises(ModelError, match="no weights"):
        find_model(folder)


def test_a_checkpoint_that_lacks_tensors_or_has_strange_ones_is_refused(tmp_path: Path) -> None:
    state = original.weights(LATER)
    name = "transformer.encoder.layers.1.mlp.dense_4h_to_h.weight"
    lacking = {key: tensor for key, tensor in state.items() if key != name}
    with pytest.raises(ModelError, match="lacks 1 of its tensors"):
        load_weights(original.save(tmp_path / "lacking", LATER, lacking))
    with pytest.raises(ModelError, match="no ChatGLM has"):
        load_weights(original.save(tmp_path / "strange", LATER, {**state, "transformer.extra.weight": torch.ones(2)}))
    with pytest.raises(ModelError, match=r"do not fit its config\.json"):
        load_weights(original.save(tmp_path / "other", {**LATER, "ffn_hidden_size": 10}, state))
    with pytest.raises(ModelError, match=r"config\.json is no configuration"):
        load_weights(original.save(tmp_path / "bare", {"model_type": "chatglm"}, state))
    with pytest.raises(ModelError, match=r"config\.json is no configuration"):
        load_weights(original.save(tmp_path / "variant", {**LATER, "rmsnorm": False}, state))


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("exploded"),))


def test_a_pickle_that_runs_something_is_refused_and_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = saved(tmp_path / "model", pickled=True)
    torch.save({"transformer.output_layer.weight": Bomb()}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="holds more than tensors"):
        load_weights(folder)
    assert not (tmp_path / "exploded").exists()


def test_output_head_and_embedding_that_are_equal_stay_one(tmp_path: Path) -> None:
    state = original.weights(FIRST)
    state["lm_head.weight"] = state["transformer.word_embeddings.weight"]
    model = load_weights(original.save(tmp_path, FIRST, state, files=3))
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert np.abs(logits(model, TALK) - original.logits(FIRST, state, TALK)).max() < CLOSE


def test_the_generation_is_told_by_what_the_folder_says(tmp_path: Path) -> None:
    def told(name: str, extra: Mapping[str, Any] = {}, files: Mapping[str, str] = {}) -> Generation:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(text)
        return tell_generation(folder, {**LATER, **extra}, name=name)

    assert told("x", {"_name_or_path": "THUDM/chatglm2-6b"}) == Generation.CHATGLM2
    assert told("THUDM/chatglm3-6b-32k", {"rope_ratio": 16}) == Generation.CHATGLM3
    assert told("chatglm_v2_tiny") == Generation.CHATGLM2
    assert told("x", files={"tokenization_chatglm.py": 'roles = ["<|system|>", "<|user|>"]'}) == Generation.CHATGLM3
    assert told("x", files={"chatglm_v2_long.safetensors": ""}) == Generation.CHATGLM2
    assert told("x", {"rope_ratio": 16}) == Generation.CHATGLM2
    assert told("x", {"rope_ratio": 50}) == Generation.CHATGLM3
    assert told("x", {"seq_length": 32_768}) == Generation.CHATGLM2
    assert told("x", {"padded_vocab_size": 151_552, "rope_ratio": 500}) == Generation.GLM4
    assert told("x", files={"tokenizer.model": "IQ== 0\nIg== 1\n"}) == Generation.GLM4
    assert tell_generation(tmp_path, FIRST, name="x") == Generation.CHATGLM


@pytest.mark.parametrize("stem", REFERENCES)
def test_the_numbers_are_those_of_the_original_code(tmp_path: Path, stem: str) -> None:
    shutil.copy(SHARED / f"{stem}.config.json", tmp_path / "config.json")
    shutil.copy(SHARED / f"{stem}.safetensors", tmp_path / "model.safetensors")
    model, reference = load_weights(tmp_path), {key: torch.from_numpy(value) for key, value in np.load(SHARED / f"{stem}.npz").items()}
    with torch.no_grad():
        assert torch.allclose(model(input_ids=reference["input_ids"]).logits, reference["logits"], atol=CLOSE, rtol=0)
        ids = reference["pad_input_ids"]
        mask = reference.get("pad_attention_mask", (ids != model.config.pad_token_id).long())
        padded = model(input_ids=ids, attention_mask=mask, position_ids=reference.get("pad_position_ids")).logits
        assert torch.allclose(padded[mask.bool()], reference["pad_logits"][mask.bool()], atol=CLOSE, rtol=0)
        if "mask_input_ids" in reference:
            assert torch.allclose(model(input_ids=reference["mask_input_ids"]).logits, reference["mask_logits"], atol=CLOSE, rtol=0)
        if "loss" in reference:
            loss = model(input_ids=reference["input_ids"], labels=reference["labels"]).loss
            assert float(loss) == pytest.approx(float(reference["loss"]), abs=CLOSE)
    prompt, expected = reference["greedy_prompt"][0].tolist(), reference["greedy_tokens"][0].tolist()
    assert reply(model, prompt, len(expected)) == expected
