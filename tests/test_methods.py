"""Every tuning method on both GLM classes: gradients, saving, caches, padding, ways of generating, checkpointing, causality."""

import pytest
import tiny_glm
import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from clone_agent.errors import ModelError, UsageError
from finetune.four_bit import quantize
from finetune.methods.adapter import Adapter
from finetune.methods.registry import METHODS, attach, find_method

VOCABULARY = 40
SMALL = {
    "lora": {"r": 2, "lora_dropout": 0.0},
    "qlora": {"r": 2, "lora_dropout": 0.0},
    "ptuning": {"num_virtual_tokens": 3},
    "unipelt": {"num_virtual_tokens": 3, "r": 2, "reduction_factor": 4},
    "full": {},
}
VARIANTS = [
    ("lora", {}),
    ("lora", {"use_rslora": True, "target_modules": "q_proj,v_proj"}),
    ("lora", {"use_dora": True}),
    ("qlora", {}),
    ("ptuning", {}),
    ("ptuning", {"prefix_projection": True, "prefix_hidden_size": 8}),
    ("unipelt", {}),
    ("full", {}),
]
everywhere = pytest.mark.parametrize("kind", ["glm", "glm4"])
every_method = pytest.mark.parametrize(
    ("method", "settings"), VARIANTS, ids=lambda value: value if isinstance(value, str) else "+".join(value)
)


def base_model(kind: str, method: str) -> PreTrainedModel:
    """A tiny model as the method wants it held."""
    model = tiny_glm.model(kind, vocabulary=VOCABULARY)
    if find_method(method).four_bit:
        quantize(model, torch.device("cpu"))
    return model


def attached(kind: str, method: str, settings: dict[str, object], *, moved: bool = True) -> tuple[PreTrainedModel, Adapter]:
    """A tiny model with an adapter; `moved` gives every trained number a random push, so that the adapter does something."""
    model = base_model(kind, method)
    adapter = attach(model, method, {**SMALL[method], **settings})
    if moved:
        torch.manual_seed(7)
        adapter.load_state({name: tensor + 0.3 * torch.randn_like(tensor) for name, tensor in adapter.state().items()})
    return model.eval(), adapter


def ids(rows: int = 2, length: int = 9, seed: int = 3) -> torch.Tensor:
    return torch.randint(1, VOCABULARY, (rows, length), generator=torch.Generator().manual_seed(seed))


def loss(model: PreTrainedModel, text: torch.Tensor) -> torch.Tensor:
    logits = model(input_ids=text).logits
    return cross_entropy(logits[:, :-1].flatten(0, 1), text[:, 1:].flatten())


@everywhere
@every_method
def test_only_the_adapter_gets_gradients_and_all_of_it_does(kind: str, method: str, settings: dict[str, object]) -> None:
    model, adapter = attached(kind, method, settings)
    loss(model.train(), ids()).backward()
    trained = {id(parameter) for parameter in adapter.parameters.values()}
    for name, parameter in model.named_parameters():
        has_gradient = parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
        assert has_gradient == (id(parameter) in trained), name


@everywhere
@every_method
def test_training_lowers_the_loss(kind: str, method: str, settings: dict[str, object]) -> None:
    model, adapter = attached(kind, method, settings, moved=False)
    optimizer = torch.optim.AdamW(list(adapter.parameters.values()), lr=0.05)
    before = loss(model.train(), ids())
    for _ in range(15):
        optimizer.zero_grad()
        loss(model, ids()).backward()
        optimizer.step()
    assert loss(model, ids()) < before - 0.05


@everywhere
@every_method
def test_a_saved_state_gives_exactly_the_same_logits_in_a_fresh_model(kind: str, method: str, settings: dict[str, object]) -> None:
    model, adapter = attached(kind, method, settings)
    other, fresh = attached(kind, method, settings, moved=False)
    fresh.load_state(adapter.state())
    assert torch.equal(model(input_ids=ids()).logits, other(input_ids=ids()).logits)


@everywhere
@every_method
def test_with_and_without_a_cache_the_logits_agree(kind: str, method: str, settings: dict[str, object]) -> None:
    model, _ = attached(kind, method, settings)
    text = ids()
    whole = model(input_ids=text, use_cache=False).logits
    cache, pieces = None, []
    for start, end in ((0, 5), (5, 6), (6, 7), (7, 9)):
        out = model(input_ids=text[:, start:end], past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        pieces.append(out.logits)
    assert torch.allclose(torch.cat(pieces, 1), whole, atol=1e-5)


@everywhere
@every_method
def test_a_left_padded_row_gives_the_logits_it_gives_alone(kind: str, method: str, settings: dict[str, object]) -> None:
    model, _ = attached(kind, method, settings)
    long, short = ids(1, 9), ids(1, 4, seed=8)
    batch = torch.cat((long, torch.cat((torch.zeros(1, 5, dtype=torch.long), short), 1)))
    mask = torch.ones_like(batch)
    mask[1, :5] = 0
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    out = model(input_ids=batch, attention_mask=mask, position_ids=positions).logits
    assert torch.allclose(out[0], model(input_ids=long).logits[0], atol=1e-5)
    assert torch.allclose(out[1, 5:], model(input_ids=short).logits[0], atol=1e-5)


def generated(model: PreTrainedModel, text: torch.Tensor, mask: torch.Tensor, **options: object) -> tuple[torch.Tensor, torch.Tensor]:
    """Five new tokens a row, and the logits they were chosen by: a tiny model may say the same words for other reasons."""
    fixed = {"max_new_tokens": 5, "min_new_tokens": 5, "do_sample": False, "eos_token_id": 0, "pad_token_id": 0}
    told = {"output_logits": True, "return_dict_in_generate": True}
    out = model.generate(text, attention_mask=mask, **{**fixed, **told, **options})
    return out.sequences[:, text.shape[1] :], torch.stack(out.logits, 1)


@everywhere
@every_method
def test_generation_agrees_in_all_its_ways(kind: str, method: str, settings: dict[str, object]) -> None:
    model, _ = attached(kind, method, settings)
    text, mask = ids(), torch.ones(2, 9, dtype=torch.long)
    greedy, logits = generated(model, text, mask)
    read = model(input_ids=torch.cat((text, greedy), 1)).logits[:, 8:-1]
    assert torch.allclose(logits, read, atol=1e-4)
    for options in ({"use_cache": False}, {"cache_implementation": "static", "disable_compile": True}):
        tokens, again = generated(model, text, mask, **options)
        assert torch.equal(tokens, greedy)
        assert torch.allclose(again, logits, atol=1e-4)
    beams = [generated(model, text, mask, num_beams=3, use_cache=use_cache) for use_cache in (True, False)]
    assert torch.equal(beams[0][0], beams[1][0])
    assert torch.allclose(beams[0][1], beams[1][1], atol=1e-4)
    sampled = []
    for use_cache in (True, False):
        torch.manual_seed(11)
        sampled.append(generated(model, text, mask, do_sample=True, temperature=0.9, top_p=0.9, use_cache=use_cache))
    assert torch.equal(sampled[0][0], sampled[1][0])
    assert torch.allclose(sampled[0][1], sampled[1][1], atol=1e-4)
    assert not torch.equal(sampled[0][0], greedy)


@everywhere
@every_method
def test_a_left_padded_batch_is_answered_as_each_row_alone(kind: str, method: str, settings: dict[str, object]) -> None:
    model, _ = attached(kind, method, settings)
    long, short = ids(1, 9), ids(1, 4, seed=8)
    batch = torch.cat((long, torch.cat((torch.zeros(1, 5, dtype=torch.long), short), 1)))
    mask = torch.ones_like(batch)
    mask[1, :5] = 0
    alone = [generated(model, row, torch.ones_like(row)) for row in (long, short)]
    for use_cache in (True, False):
        tokens, logits = generated(model, batch, mask, use_cache=use_cache)
        assert torch.equal(tokens, torch.cat([row for row, _ in alone]))
        assert torch.allclose(logits, torch.cat([each for _, each in alone]), atol=1e-4)


@everywhere
@every_method
def test_gradient_checkpointing_changes_neither_loss_nor_gradients(kind: str, method: str, settings: dict[str, object]) -> None:
    results = []
    for checkpointing in (False, True):
        model, adapter = attached(kind, method, settings)
        if checkpointing:
            model.activation_checkpointing_enable()
        value = loss(model.train(), ids())
        value.backward()
        results.append((value, {name: parameter.grad for name, parameter in adapter.parameters.items()}))
    assert torch.equal(results[0][0], results[1][0])
    assert all(torch.allclose(gradient, results[1][1][name], atol=1e-6) for name, gradient in results[0][1].items())


@everywhere
@every_method
def test_switched_off_or_taken_out_the_base_model_is_back(kind: str, method: str, settings: dict[str, object]) -> None:
    base = base_model(kind, method)
    plain, names = base(input_ids=ids()).logits, set(base.state_dict())
    model, adapter = attached(kind, method, settings)
    tuned = model(input_ids=ids()).logits
    assert not torch.allclose(tuned, plain, atol=1e-3)
    if adapter.switch is None or adapter.remove is None:
        with pytest.raises(ModelError, match="changes the model itself"):
            adapter.enable(False)
        return
    with adapter.disabled():
        assert torch.allclose(model(input_ids=ids()).logits, plain, atol=1e-5)
    assert torch.equal(model(input_ids=ids()).logits, tuned)
    adapter.remove()
    assert torch.equal(model(input_ids=ids()).logits, plain)
    assert set(model.state_dict()) == names


@everywhere
@pytest.mark.parametrize("method", METHODS)
def test_no_token_learns_of_the_tokens_after_it(kind: str, method: str) -> None:
    model, _ = attached(kind, method, {})
    text, changed = ids(1), ids(1)
    changed[0, -1] = (changed[0, -1] + 1) % VOCABULARY
    assert torch.equal(model(input_ids=text).logits[0, :-1], model(input_ids=changed).logits[0, :-1])


def test_the_prefix_table_is_laid_out_as_chatglms_prefix_encoder() -> None:
    model, adapter = attached("glm", "ptuning", {})
    table = adapter.parameters["prefix_encoder.embedding.weight"]
    assert table.shape == (3, 2 * 2 * 2 * 16)  # tokens, layers * (key, value) * heads * head size
    keys = model.prefix_encoder()
    assert torch.equal(keys[1, 0, 1, 2], table.view(3, 2, 2, 2, 16)[2, 1, 0, 1])


def test_a_projected_prefix_answers_as_the_step_before_left_it_whoever_moved_the_numbers() -> None:
    model, adapter = attached("glm", "ptuning", {"prefix_projection": True, "prefix_hidden_size": 8})
    text = ids()
    with torch.no_grad():
        before = model(input_ids=text).logits
    loss(model, text).backward()
    for parameter in adapter.parameters.values():
        parameter.data.add_(parameter.grad)  # as FSDP and ZeRO do it, behind autograd's back
    with torch.no_grad():
        assert not torch.allclose(model(input_ids=text).logits, before)


def test_an_adapter_of_other_sizes_is_refused() -> None:
    _, adapter = attached("glm", "ptuning", {})
    _, other = attached("glm", "ptuning", {"num_virtual_tokens": 5})
    with pytest.raises(ModelError, match="do not fit") as error:
        other.load_state(adapter.state())
    assert error.value.exit_code == 4


def test_an_unknown_method_or_setting_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="lora, qlora, ptuning, unipelt, full"):
        attach(tiny_glm.model(), "magic", {})
    with pytest.raises(UsageError, match="num_virtual_tokens, prefix_projection"):
        attach(tiny_glm.model(), "ptuning", {"r": 4})
    with pytest.raises(UsageError, match="default is 8"):
        attach(tiny_glm.model(), "lora", {"r": "8"})
    for targets, words in (("q_proj,v_prj", "no layers 'v_prj'"), ("input_layernorm", "cannot be added to input_layernorm")):
        with pytest.raises(UsageError, match=words):
            attach(tiny_glm.model(), "lora", {"target_modules": targets})


@pytest.mark.parametrize(
    ("method", "values"),
    [
        ("lora", {"r": 0}),
        ("lora", {"lora_dropout": 1.0}),
        ("ptuning", {"num_virtual_tokens": -1}),
        ("unipelt", {"reduction_factor": 0}),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(method: str, values: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=f"setting {next(iter(values))} cannot be"):
        attach(tiny_glm.model(), method, values)
