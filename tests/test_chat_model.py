"""A tuned GLM as a chat model of LangChain: what streams is what transformers would generate, and a reader who leaves ends the work."""

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_glm
import torch
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from clone_agent.errors import ModelError, UsageError
from finetune.adapter_files import save_adapter
from finetune.chat_model import GlmChatModel, load_chat_model
from finetune.generate import Sampling, TextStream, generate
from finetune.glm import load_model
from finetune.methods.registry import attach

TALK = [SystemMessage("你是林晚。"), HumanMessage("国庆去哪了")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_glm.save(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapters") / "a"
    loaded = load_model(base)
    attached = attach(loaded.model, "ptuning", {"num_virtual_tokens": 4})
    torch.manual_seed(5)
    attached.load_state({name: 2 * torch.randn_like(tensor) for name, tensor in attached.state().items()})
    save_adapter(folder, attached, loaded, {"dataset": {"hash": ""}, "losses": {"before": None, "after": None}})
    return folder


@pytest.fixture(scope="module")
def chat(base: Path, adapter: Path) -> GlmChatModel:
    return load_chat_model(base, adapter, max_new_tokens=20, seed=1, temperature=1.5, top_p=1.0)


def test_the_stream_adds_up_to_the_whole_reply(chat: GlmChatModel) -> None:
    pieces = [str(chunk.content) for chunk in chat.stream(TALK)]
    whole = chat.invoke(TALK)
    assert len([piece for piece in pieces if piece]) > 3
    assert "".join(pieces) == whole.content
    assert whole.response_metadata["finish_reason"] == "length"
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["output_tokens"] == 20


def test_the_reply_is_the_one_that_transformers_would_generate(base: Path) -> None:
    loaded = load_model(base)
    prompt = [1, 2, 3, 300, 301, 302]
    expected = loaded.model.generate(
        torch.tensor([prompt]), attention_mask=torch.ones(1, 6), max_new_tokens=12, do_sample=False, eos_token_id=0, pad_token_id=0
    )
    greedy = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=12)
    assert list(generate(loaded.model, prompt, [0], greedy)) == expected[0, 6:].tolist()


def test_a_stop_token_ends_the_reply_and_is_not_shown(base: Path) -> None:
    loaded = load_model(base)
    greedy = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=12)
    tokens = list(generate(loaded.model, [1, 2, 3, 300], [], greedy))
    stop = tokens[0]
    assert list(generate(loaded.model, [1, 2, 3, 300], [stop], greedy)) == []


@pytest.mark.parametrize("text", ["林晚🧗🏽‍♀️去爬山 ok", "𠮷野家", "ไปไหน", "\n嗯\n"])
def test_text_appears_whole_characters_at_a_time(text: str) -> None:
    tokenizer = tiny_glm.tokenizer()
    stream = TextStream(tokenizer)
    pieces = [stream.push(token) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]
    assert "".join(pieces) + stream.rest() == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_a_character_never_finished_is_never_shown() -> None:
    tokenizer = tiny_glm.tokenizer()
    stream = TextStream(tokenizer)
    tokens = tokenizer("好𠮷", add_special_tokens=False)["input_ids"]
    assert [stream.push(token) for token in tokens[:-1]] == ["好", "", "", ""]
    assert stream.rest() == ""
    garbage = TextStream(tokenizer)
    assert "".join(garbage.push(token) for token in [*tokens[1:-1], *tokens[:1]]) + garbage.rest() == "好"


def test_the_same_seed_gives_the_same_reply_and_another_one_another(chat: GlmChatModel) -> None:
    assert chat.invoke(TALK).content == chat.invoke(TALK).content
    assert chat.invoke(TALK, seed=2).content != chat.invoke(TALK).content


def test_tuned_and_plain_replies_stream_at_the_same_time_from_one_model(chat: GlmChatModel, base: Path) -> None:
    plain = chat.without_adapter()
    alone = [chat.invoke(TALK).content, plain.invoke(TALK).content]
    streams: list[Iterator[object]] = [chat.stream(TALK), plain.stream(TALK)]
    texts = ["", ""]
    running = [0, 1]
    while running:
        for number in list(running):
            try:
                texts[number] += str(next(streams[number]).content)  # type: ignore[attr-defined]  # chunks of LangChain
            except StopIteration:
                running.remove(number)
    assert texts == alone
    assert alone[0] != alone[1]
    untouched = load_chat_model(base, max_new_tokens=20, seed=1, temperature=1.5, top_p=1.0)
    assert untouched.invoke(TALK).content == alone[1]


def test_many_threads_may_ask_at_once(chat: GlmChatModel) -> None:
    alone, texts = chat.invoke(TALK).content, list[object]()
    threads = [threading.Thread(target=lambda: texts.append(chat.invoke(TALK).content)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == [alone] * 4


def test_closing_the_stream_ends_the_work(chat: GlmChatModel) -> None:
    steps = []
    hook = chat.engine.loaded.model.register_forward_hook(lambda *_: steps.append(1))
    stream = chat.stream(TALK, max_new_tokens=200)
    next(stream)
    stream.close()
    done = len(steps)
    assert chat.invoke(TALK, max_new_tokens=3)  # nobody holds the model any more
    hook.remove()
    assert done <= 6
    assert len(steps) == done + 3


def test_a_stop_word_ends_the_reply_before_it(chat: GlmChatModel) -> None:
    whole = str(chat.invoke(TALK).content)
    word = whole[4:7]
    pieces = [str(chunk.content) for chunk in chat.stream(TALK, stop=[word])]
    assert "".join(pieces) == whole[: whole.index(word)]


def test_too_long_a_talk_loses_its_oldest_turns_and_keeps_the_system_message(chat: GlmChatModel) -> None:
    talk = [TALK[0], *[message for _ in range(60) for message in (HumanMessage("吃饭了吗"), AIMessage("没呢"))], HumanMessage("那走吧")]
    prompts: list[int] = []
    hook = chat.engine.loaded.model.register_forward_pre_hook(
        lambda _, __, kwargs: prompts.extend(kwargs["input_ids"][0].tolist()), with_kwargs=True
    )
    chat.invoke(talk, max_new_tokens=1)
    hook.remove()
    text = tiny_glm.tokenizer().decode(prompts)
    assert text.startswith("[gMASK]<sop><|system|>\n你是林晚。<|")
    assert text.endswith("<|user|>\n那走吧<|assistant|>\n")
    assert len(prompts) < 256


def test_a_system_message_longer_than_the_model_reads_is_an_error_with_advice(chat: GlmChatModel) -> None:
    with pytest.raises(UsageError, match="256 tokens") as error:
        chat.invoke([SystemMessage("记" * 300), HumanMessage("在吗")])
    assert "top_k" in error.value.remedy


def test_it_says_that_it_knows_no_tools(chat: GlmChatModel) -> None:
    assert chat.supports_tools is False
    with pytest.raises(UsageError, match="tool message"):
        chat.invoke([*TALK, ToolMessage("x", tool_call_id="1")])


def test_sampling_is_what_the_makers_of_the_model_say_unless_one_says_otherwise(base: Path, tmp_path: Path) -> None:
    own = shutil.copytree(base, tmp_path / "own")
    assert load_chat_model(own).temperature == Sampling().temperature
    (own / "generation_config.json").write_text(json.dumps({"do_sample": True, "temperature": 0.25, "top_p": 0.9}), "utf-8")
    model = load_chat_model(own, top_p=0.5)
    assert (model.temperature, model.top_p, model.repetition_penalty) == (0.25, 0.5, Sampling().repetition_penalty)


def test_full_tuning_has_no_plain_model_beside_it(base: Path) -> None:
    loaded = load_model(base)
    model = load_chat_model(base)
    model.engine.adapter = attach(loaded.model, "full", {})
    with pytest.raises(ModelError, match="changes the model itself"):
        model.without_adapter()
