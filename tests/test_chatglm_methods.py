"""ChatGLM-6B, the class of our own, under every tuning method: from an original checkpoint to a reply."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import chatglm_original as original
import chatglm_tokenizer
import pytest
import torch
from chatglm_original import CHATTING
from transformers import PreTrainedModel

from clone_agent.records import ChatTurn
from finetune.adapter_files import load_adapter, save_adapter
from finetune.batches import collate
from finetune.chat_model import load_chat_model
from finetune.dataset import write_dataset
from finetune.encode import NO_LOSS, Encoded
from finetune.examples import Example
from finetune.generate import Sampling, generate
from finetune.glm import load_model, load_weights
from finetune.loss import summed_loss
from finetune.merge import merge
from finetune.methods.adapter import Adapter
from finetune.methods.registry import METHODS, attach
from finetune.replies import write_replies
from finetune.train import tune
from finetune.tune_config import TuneConfig

TALK = [7, 20, 33, 9, 108, 111, 12, 40, 8]  # context, [gMASK], <sop>, target
SMALL = {
    "lora": {"r": 2, "lora_dropout": 0.0},
    "qlora": {"r": 2, "lora_dropout": 0.0},
    "ptuning": {"num_virtual_tokens": 3},
    "unipelt": {"num_virtual_tokens": 3, "r": 2},
    "full": {},
}
every_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = original.save(tmp_path_factory.mktemp("chatglm"), CHATTING, original.weights(CHATTING), pickled=True)
    chatglm_tokenizer.write_unigram(folder / "ice_text.model")
    return folder


def attached(base: Path, method: str) -> tuple[PreTrainedModel, Adapter]:
    """The model with an adapter that does something."""
    model = load_model(base, four_bit=METHODS[method].four_bit).model
    adapter = attach(model, method, SMALL[method])
    torch.manual_seed(7)
    adapter.load_state({name: tensor + 0.1 * torch.randn_like(tensor) for name, tensor in adapter.state().items()})
    return model.eval(), adapter


def batch() -> list[Encoded]:
    short = TALK[2:8]
    return [Encoded(input_ids=ids, labels=[NO_LOSS] * (ids.index(111) + 1) + ids[ids.index(111) + 1 :]) for ids in (TALK, short)]


@every_method
def test_gradients_go_where_they_should_with_and_without_checkpointing(base: Path, method: str) -> None:
    model, adapter = attached(base, method)
    gradients = []
    for checkpointing in (False, True):
        if checkpointing:
            model.activation_checkpointing_enable()
        model.zero_grad()
        summed_loss(model.train(), collate(batch())).backward()
        gradients.append({name: parameter.grad.clone() for name, parameter in adapter.parameters.items() if parameter.grad is not None})
    assert gradients[0].keys() == adapter.parameters.keys()
    assert all(bool(gradient.abs().sum() > 0) for gradient in gradients[0].values())
    assert all(torch.allclose(gradient, gradients[1][name], atol=1e-5) for name, gradient in gradients[0].items())
    trained = {id(parameter) for parameter in adapter.parameters.values()}
    assert all(parameter.grad is None for parameter in model.parameters() if id(parameter) not in trained)


@every_method
def test_every_way_of_reading_gives_the_same_logits(base: Path, method: str) -> None:
    model, adapter = attached(base, method)
    text, prompt = torch.tensor([TALK]), TALK[:6]
    with torch.no_grad():
        whole = model(input_ids=text).logits
        cache, pieces = None, []
        for start, end in ((0, 6), (6, 7), (7, 9)):
            out = model(input_ids=text[:, start:end], past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            pieces.append(out.logits)
        mask = torch.tensor([[0, 0, 0, *[1] * 9]])
        padded = model(input_ids=torch.tensor([[3, 3, 3, *TALK]]), attention_mask=mask).logits[:, 3:]
        alone = model(input_ids=text[:, 2:8]).logits
        rows = model(input_ids=collate(batch()).input_ids, attention_mask=collate(batch()).attention_mask).logits
    assert torch.allclose(torch.cat(pieces, 1), whole, atol=1e-4)
    assert torch.allclose(padded, whole, atol=1e-4)
    assert torch.allclose(rows[1, :6], alone[0], atol=1e-4)
    fixed = {"attention_mask": torch.ones(1, 6), "max_new_tokens": 5, "do_sample": False, "eos_token_id": None}
    greedy = model.generate(text[:, :6], **fixed)[0].tolist()
    assert greedy == model.generate(text[:, :6], **fixed, use_cache=False)[0].tolist()
    assert greedy[6:] == list(generate(model, prompt, [], Sampling(temperature=0, repetition_penalty=1, max_new_tokens=5)))
    if adapter.switch is not None and not METHODS[method].four_bit:
        with torch.no_grad(), adapter.disabled():
            assert torch.allclose(model(input_ids=text).logits, load_weights(base)(input_ids=text).logits, atol=1e-4)


@pytest.mark.parametrize("method", ["lora", "ptuning", "unipelt", "full"])
def test_it_is_tuned_saved_and_answers(base: Path, tmp_path: Path, method: str) -> None:
    day = datetime(2024, 3, 1, tzinfo=UTC)
    examples = [
        Example(
            id=str(number),
            session=f"s{number}",
            conversation="c",
            sent_at=day + timedelta(days=number),
            system="hello",
            context=(ChatTurn(role="user", text="你好"),),
            response="hello 你好",
        )
        for number in range(8)
    ]
    write_dataset(examples, tmp_path / "data")
    config = TuneConfig(
        base=str(base), method=method, settings=SMALL[method], max_steps=2, epochs=2, batch_size=4, samples=1, evaluations=1
    )
    report = tune(config, tmp_path / "data", tmp_path / "a")
    assert report.finished
    model = load_chat_model(str(base), report.folder, temperature=0, max_new_tokens=4)
    assert model.engine.loaded.format.name == "chatglm"
    assert list(model.stream([("system", "hello"), ("user", "你好")]))
    again = load_model(base, four_bit=METHODS[method].four_bit)
    load_adapter(report.folder, again)
    text = torch.tensor([TALK])
    with torch.no_grad():
        assert torch.allclose(again.model(input_ids=text).logits, model.engine.loaded.model(input_ids=text).logits, atol=1e-6)


def test_a_merged_one_answers_here_and_its_card_promises_no_server(base: Path, tmp_path: Path) -> None:
    loaded = load_model(base)
    adapter = attach(loaded.model, "lora", SMALL["lora"])
    torch.manual_seed(7)
    adapter.load_state({name: tensor + 0.1 * torch.randn_like(tensor) for name, tensor in adapter.state().items()})
    facts = {"dataset": {"hash": "d1"}, "losses": {"before": None, "after": None}, "training": {}, "samples": []}
    save_adapter(tmp_path / "a", adapter, loaded, facts)
    report = merge(tmp_path / "a", tmp_path / "out", precision="float32")
    assert report.served_here_only
    merged = load_model(tmp_path / "out")
    with torch.no_grad():
        logits = [each.model.eval()(input_ids=torch.tensor([TALK])).logits for each in (loaded, merged)]
    assert torch.allclose(*logits, atol=2e-5)
    assert merged.format.prompt_ids([ChatTurn(role="user", text="吃了吗")]) == loaded.format.prompt_ids(
        [ChatTurn(role="user", text="吃了吗")]
    )
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "clone-agent chat --base" in card
    assert "vllm" not in card.lower()


def test_replies_written_together_are_those_written_alone(base: Path) -> None:
    loaded = load_model(base)
    prompts = {
        0: [ChatTurn(role="user", text="你好")],
        1: [ChatTurn(role="system", text="hello"), ChatTurn(role="user", text="hello 你好")],
    }
    sampling = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=6)
    together = {one.index: one.text for one in write_replies(loaded, prompts, sampling)}
    for index, prompt in prompts.items():
        (alone,) = write_replies(loaded, {index: prompt}, sampling)
        assert together[index] == alone.text
