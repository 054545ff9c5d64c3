"""Checkpoints as they lie about: without a tokenizer, with strange configurations, with tensors missing. They load right or are refused."""

import json
from pathlib import Path
from typing import Any

import chatglm_original as original
import chatglm_tokenizer
import pytest
import tiny_glm
import torch
from chatglm_original import FIRST, LATER
from safetensors.torch import load_file, save_file

from clone_agent.errors import ModelError
from finetune.chat_ids import plain_ids
from finetune.chat_model import load_chat_model
from finetune.chatglm.convert import convert
from finetune.glm import load_model, load_tokenizer, load_weights

IDS = torch.tensor([[7, 20, 33, 9, 51, 54, 12]])


def changed(folder: Path, **values: Any) -> Path:
    """The folder with other values in its config.json; `...` takes one out."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))
    return folder


def logits(folder: Path) -> torch.Tensor:
    with torch.no_grad():
        return load_model(folder).model(input_ids=IDS).logits


@pytest.mark.parametrize("kind", ["original", "converted", "native"])
def test_a_folder_without_a_tokenizer_computes_and_says_what_is_missing_when_asked_for_words(tmp_path: Path, kind: str) -> None:
    if kind == "native":
        folder = tiny_glm.save(tmp_path / "model")
        (folder / "tokenizer.json").unlink()
    else:
        folder = original.save(tmp_path / "model", LATER, original.weights(LATER))
        folder = convert(folder, tmp_path / "out").folder if kind == "converted" else folder
    loaded = load_model(folder)
    assert loaded.model.config._attn_implementation == "sdpa"
    assert torch.equal(logits(folder), load_weights(folder)(input_ids=IDS).logits)
    for ask in (lambda: loaded.tokenizer("hello"), lambda: loaded.format.stop_ids, lambda: load_tokenizer(folder)):
        with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
            ask()
    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        load_chat_model(folder)


@pytest.mark.parametrize("kind", ["glm", "glm4"])
def test_a_native_model_that_lacks_tensors_is_refused_instead_of_filled_with_random_numbers(tmp_path: Path, kind: str) -> None:
    folder = tiny_glm.save(tmp_path / "model", kind)
    whole = load_file(folder / "model.safetensors")
    part = {name: tensor for name, tensor in whole.items() if name != "model.layers.1.mlp.down_proj.weight"}
    save_file(part, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lacks 1 of its tensors"):
        load_model(folder)
    save_file(whole, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1[13] of its tensors"):
        load_model(changed(folder, num_hidden_layers=3))


def test_tensors_that_the_configuration_does_not_know_are_left_out_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_model(changed(tiny_glm.save(tmp_path), num_hidden_layers=1))
    assert "holds 11 tensors that its config.json knows nothing of" in caplog.text


@pytest.mark.parametrize("pad", [..., 151_329])
def test_a_padding_token_outside_the_vocabulary_is_none(tmp_path: Path, pad: Any) -> None:
    native = tiny_glm.save(tmp_path / "native")
    expected = logits(native)
    assert torch.equal(logits(changed(native, pad_token_id=pad)), expected)
    folder = original.save(tmp_path / "original", LATER, original.weights(LATER))
    expected = logits(folder)
    assert torch.equal(logits(changed(folder, pad_token_id=pad)), expected)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"model_type": "glm99"}, "is a glm99, which is no causal language model"),
        ({"model_type": "t5"}, "is a t5, which is no causal language model"),
        ({"model_type": "bert"}, "lacks 44 of its tensors"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "holds quantised weights"),
        ({"hidden_size": 128}, "do not fit together"),
        ({"hidden_size": "wide"}, "cannot be loaded"),
    ],
)
def test_what_cannot_be_loaded_is_refused_in_words(tmp_path: Path, values: dict[str, Any], problem: str) -> None:
    with pytest.raises(ModelError, match=problem) as error:
        load_model(changed(tiny_glm.save(tmp_path), **values))
    assert error.value.remedy


@pytest.mark.parametrize("values", [{"kv_channels": 8.5}, {"num_layers": "two"}, {"rope_ratio": "x"}, {"num_attention_heads": 5}])
def test_an_original_with_a_senseless_configuration_is_refused_in_words(tmp_path: Path, values: dict[str, Any]) -> None:
    folder = changed(original.save(tmp_path, LATER, original.weights(LATER)), **values)
    with pytest.raises(ModelError, match=r"config\.json"):
        load_model(folder)


@pytest.mark.parametrize("index", ["[]", '{"weight_map": ["a"]}', "{}"])
def test_a_damaged_index_is_refused(tmp_path: Path, index: str) -> None:
    folder = original.save(tmp_path, LATER, original.weights(LATER))
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(ModelError, match=r"model\.safetensors\.index\.json"):
        load_model(folder)


def test_the_first_chatglm_keeps_the_ids_of_its_images_free(tmp_path: Path) -> None:
    sizes = {"vocab_size": 500, "bos_token_id": 131, "eos_token_id": 132, "mask_token_id": 127, "gmask_token_id": 128}
    folder = original.save(tmp_path / "model", FIRST | sizes, original.weights(FIRST | sizes))
    chatglm_tokenizer.write_unigram(folder / "ice_text.model")
    later = load_tokenizer(folder)
    (folder / "tokenizer_config.json").write_text('{"num_image_tokens": 20}')
    first = load_tokenizer(folder)
    for text in ("hello 你好\n", "[gMASK] é"):
        assert plain_ids(first, text) == [number + 20 for number in plain_ids(later, text)]
        assert first.decode(plain_ids(first, text)) == later.decode(plain_ids(later, text))
    loaded = load_model(folder)
    assert loaded.format.prompt_ids([])[-1] == loaded.model.config.bos_token_id
    assert load_tokenizer(convert(folder, tmp_path / "out").folder)("hello")["input_ids"] == first("hello")["input_ids"]
    (folder / "tokenizer_config.json").unlink()  # as in the first release, whose code knew the number
    changed(folder, vocab_size=150_528)
    assert load_tokenizer(folder).convert_tokens_to_ids("<sop>") == later.convert_tokens_to_ids("<sop>") + 20_000
