"""`clone-agent convert`: originals become native folders, old P-Tuning v2 checkpoints adapters."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import chatglm_original as original
import chatglm_tokenizer
import numpy as np
import pytest
import torch
from chatglm_original import FIRST, LATER, SHARED
from click.testing import CliRunner, Result
from transformers import PreTrainedModel

from clone_agent.errors import ModelError, UsageError
from finetune.adapter_files import load_adapter, save_adapter
from finetune.chatglm.checkpoint import Generation
from finetune.chatglm.convert import convert
from finetune.chatglm.prefix import import_prefix
from finetune.glm import load_model, load_tokenizer, load_weights
from finetune.methods.registry import attach
from finetune.model_files import find_model, fingerprint
from ui.cli import main

CLOSE = 2e-5
TALK = [7, 20, 33, 9, 51, 54, 12, 40, 8]
FACTS = {"dataset": {"hash": "d1"}, "losses": {"before": 3.0, "after": 2.5}, "training": {}, "samples": []}
KINDS = {"chatglm": FIRST, "chatglm3": LATER}
both = pytest.mark.parametrize("kind", KINDS)
PREFIXES = sorted(path.stem.removesuffix("_ptuning") for path in SHARED.glob("*_ptuning.npz"))


def made(folder: Path, kind: str, **options: Any) -> Path:
    """An original checkpoint with a tokenizer."""
    original.save(folder, KINDS[kind], original.weights(KINDS[kind]), **options)
    if kind == "chatglm":
        chatglm_tokenizer.write_unigram(folder / "ice_text.model")
    else:
        chatglm_tokenizer.write_bpe(folder / "tokenizer.model")
    return folder


def logits(model: PreTrainedModel, ids: list[int] = TALK) -> np.ndarray:
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0].numpy()


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@both
def test_a_converted_folder_is_the_original_in_native_clothes(tmp_path: Path, kind: str) -> None:
    source = made(tmp_path / kind, kind, files=3, pickled=True)
    (source / "MODEL_LICENSE").write_text("terms")
    report = convert(source, tmp_path / "out", shard=5_000)
    assert np.array_equal(logits(load_weights(tmp_path / "out")), logits(load_weights(source)))
    files = find_model(report.folder)
    assert (report.generation, report.parameters, files.parameters) == (kind, find_model(source).parameters, report.parameters)
    assert len(files.weights) > 2
    assert not [path for path in report.folder.iterdir() if path.suffix in (".bin", ".model", ".py")]
    assert (report.folder / "MODEL_LICENSE").read_text() == "terms"
    for text in ("hello 你好", "[gMASK]<sop>"):
        assert load_tokenizer(report.folder)(text)["input_ids"] == load_tokenizer(source)(text)["input_ids"]
    first, second = load_model(source), load_model(report.folder)
    assert first.format.name == second.format.name == kind
    assert second.model.generation_config.eos_token_id == list(second.format.stop_ids)


@both
def test_adapters_of_the_original_fit_the_converted_copy(tmp_path: Path, kind: str) -> None:
    source = made(tmp_path / kind, kind)
    loaded = load_model(source)
    adapter = attach(loaded.model, "lora", {"r": 2})
    adapter.load_state({name: tensor + 0.1 for name, tensor in adapter.state().items()})
    save_adapter(tmp_path / "a", adapter, loaded, FACTS)
    loaded.model.eval()
    convert(source, tmp_path / "out")
    copy = load_model(tmp_path / "out")
    load_adapter(tmp_path / "a", copy)
    assert np.array_equal(logits(copy.model), logits(loaded.model))
    config = tmp_path / "out" / "config.json"
    config.write_text(config.read_text() + "\n")
    assert fingerprint(find_model(tmp_path / "out")) != fingerprint(find_model(source))  # a copy that was changed is another model


def test_only_an_original_is_converted_and_only_into_a_new_folder(tmp_path: Path) -> None:
    source = made(tmp_path / "chatglm3", "chatglm3")
    convert(source, tmp_path / "out")
    with pytest.raises(UsageError, match="native model already"):
        convert(tmp_path / "out", tmp_path / "again")
    with pytest.raises(UsageError, match="not empty"):
        convert(source, tmp_path / "out")
    (source / "model.safetensors").write_bytes(b"short")
    with pytest.raises(ModelError, match="truncated"):
        convert(source, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_the_command_tells_what_it_wrote(tmp_path: Path) -> None:
    source = made(tmp_path / "some", "chatglm3")
    fields = json.loads(run("convert", source, tmp_path / "out", "--generation", "chatglm2", "--json").stdout)
    assert fields == {
        "folder": str(tmp_path / "out"),
        "source": str(source),
        "generation": "chatglm2",
        "parameters": find_model(source).parameters,
        "bytes": fields["bytes"],
        "has_tokenizer": True,
    }
    assert load_model(tmp_path / "out").format.name == "chatglm2"
    (source / "tokenizer.model").unlink()
    bare = run("convert", source, tmp_path / "bare")
    assert "weights alone" in bare.stderr
    assert f"Next: clone-agent tune --base {tmp_path / 'bare'}" in bare.stdout
    assert run("convert", source, tmp_path / "x", "--generation", "glm5").exit_code == 2
    next(source.glob("*.safetensors")).unlink()
    assert run("convert", source, tmp_path / "x").exit_code == 4


def test_packed_weights_are_written_as_numbers_in_half_precision(tmp_path: Path) -> None:
    packed, _ = original.quantised(original.weights(LATER), bits=4)
    source = original.save(tmp_path / "int4", {**LATER, "quantization_bit": 4}, packed, pickled=True)
    report = convert(source, tmp_path / "out", generation=Generation.CHATGLM2)
    assert report.bytes < 2.2 * report.parameters + 10_000
    assert np.abs(logits(load_weights(tmp_path / "out")) - logits(load_weights(source))).max() < 0.02


def old_run(folder: Path, prefix: Mapping[str, torch.Tensor]) -> Path:
    """What ChatGLM's P-Tuning script saved."""
    folder.mkdir()
    torch.save({f"transformer.prefix_encoder.{name}": tensor for name, tensor in prefix.items()}, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps({"model_type": "chatglm", "pre_seq_len": 5}))
    return folder


def random_prefix(kind: str, *, projection: bool) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """An old prefix encoder, and the table that it stands for."""
    config = KINDS[kind]
    width = (
        config["num_layers"] * 2 * (config["hidden_size"] if kind == "chatglm" else config["kv_channels"] * config["multi_query_group_num"])
    )
    source = torch.Generator().manual_seed(4)
    if not projection:
        table = torch.randn(5, width, generator=source)
        return {"embedding.weight": table}, table
    inner, hidden = (config["hidden_size"] if kind == "chatglm" else width), config["hidden_size"]
    shapes = {
        "embedding.weight": (5, inner),
        "trans.0.weight": (hidden, inner),
        "trans.0.bias": (hidden,),
        "trans.2.weight": (width, hidden),
        "trans.2.bias": (width,),
    }
    prefix = {name: torch.randn(shape, generator=source) for name, shape in shapes.items()}
    inside = torch.tanh(prefix["embedding.weight"] @ prefix["trans.0.weight"].T + prefix["trans.0.bias"])
    return prefix, inside @ prefix["trans.2.weight"].T + prefix["trans.2.bias"]


@both
@pytest.mark.parametrize("projection", [False, True])
def test_an_old_prefix_becomes_an_adapter_that_computes_the_same(tmp_path: Path, kind: str, *, projection: bool) -> None:
    base = made(tmp_path / kind, kind)
    prefix, table = random_prefix(kind, projection=projection)
    fields = json.loads(run("convert", old_run(tmp_path / "old", prefix), tmp_path / "new", "--base", base, "--json").stdout)
    assert fields["method"] == "ptuning"
    assert fields["parameters"] == table.numel()
    loaded = load_model(base)
    load_adapter(tmp_path / "new", loaded)
    assert np.abs(logits(loaded.model) - original.logits(KINDS[kind], original.weights(KINDS[kind]), TALK, table=table)).max() < CLOSE


def test_a_prefix_that_does_not_fit_or_is_not_whole_is_refused(tmp_path: Path) -> None:
    base = made(tmp_path / "chatglm3", "chatglm3")
    old = old_run(tmp_path / "old", {"embedding.weight": torch.ones(5, 40)})
    assert run("convert", old, tmp_path / "new").exit_code == 2  # --base is missing
    with pytest.raises(ModelError, match="does not fit"):
        import_prefix(old, tmp_path / "new", base=base)
    prefix, _ = random_prefix("chatglm3", projection=True)
    del prefix["trans.2.bias"]
    with pytest.raises(ModelError, match="not whole"):
        import_prefix(old_run(tmp_path / "part", prefix), tmp_path / "new", base=base)
    with pytest.raises(ModelError, match="holds no prefix_encoder"):
        import_prefix(base, tmp_path / "new", base=base)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("stem", PREFIXES)
def test_prefixes_of_the_original_code_give_its_numbers(tmp_path: Path, stem: str) -> None:
    base = tmp_path / stem
    base.mkdir()
    shutil.copy(SHARED / f"{stem}.config.json", base / "config.json")
    shutil.copy(SHARED / f"{stem}.safetensors", base / "model.safetensors")
    name, tokenizer = (
        ("ice_text.model", "tiny_chatglm1_ice_text.model") if "_v1_" in stem else ("tokenizer.model", "tiny_chatglm23_tokenizer.model")
    )
    shutil.copy(SHARED / tokenizer, base / name)
    stored = {key: torch.from_numpy(value) for key, value in np.load(SHARED / f"{stem}_ptuning.npz").items()}
    old = old_run(
        tmp_path / "old", {key.removeprefix("prefix_encoder."): value for key, value in stored.items() if key.startswith("prefix_encoder.")}
    )
    import_prefix(old, tmp_path / "new", base=base)
    loaded = load_model(base)
    load_adapter(tmp_path / "new", loaded)
    with torch.no_grad():
        assert torch.allclose(loaded.model(input_ids=stored["input_ids"]).logits, stored["logits"], atol=CLOSE, rtol=0)
