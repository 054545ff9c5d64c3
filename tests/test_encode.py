"""Examples as token ids: loss on the owner's words and the stop token alone, and what is cut when a talk is too long."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import tiny_glm

from clone_agent.errors import DatasetError
from clone_agent.records import ChatTurn
from finetune.chat_format import chat_format
from finetune.encode import NO_LOSS, encode, encode_runs, fit_prompt
from finetune.examples import Example

CONTEXT = (
    ChatTurn(role="user", text="周末爬山吗"),
    ChatTurn(role="assistant", text="不去 腿还疼"),
    ChatTurn(role="user", text="那吃火锅"),
)


def example(response: str = "走\n几点", context: tuple[ChatTurn, ...] = CONTEXT) -> Example:
    at = datetime(2024, 5, 15, 20, 10, tzinfo=UTC)
    return Example(id="qq:1/9", conversation="qq:1", session="qq:1/1", sent_at=at, system="你是林晚。", context=context, response=response)


def decoded(ids: list[int]) -> str:
    return str(tiny_glm.tokenizer().decode(ids))


def test_loss_is_on_the_reply_and_the_stop_token_alone() -> None:
    encoded = encode(example(), chat_format(tiny_glm.tokenizer()), max_length=100)
    supervised = [label for label in encoded.labels if label != NO_LOSS]
    assert decoded(supervised) == "走\n几点<|user|>"
    assert encoded.input_ids[-len(supervised) :] == supervised
    assert len(encoded.labels) == len(encoded.input_ids)
    assert encoded.targets == len(supervised)


def test_too_long_a_context_loses_its_oldest_turns_first() -> None:
    form = chat_format(tiny_glm.tokenizer())
    whole = encode(example(), form, max_length=100)
    shorter = encode(example(), form, max_length=len(whole.input_ids) - 1)
    assert (
        decoded(shorter.input_ids)
        == "[gMASK]<sop><|system|>\n你是林晚。<|assistant|>\n不去 腿还疼<|user|>\n那吃火锅<|assistant|>\n走\n几点<|user|>"
    )


def test_then_the_prompt_loses_its_beginning_and_the_system_message_nothing() -> None:
    form = chat_format(tiny_glm.tokenizer())
    one = encode(example(context=CONTEXT[2:]), form, max_length=100)
    shorter = encode(example(), form, max_length=len(one.input_ids) - 2)
    assert decoded(shorter.input_ids) == "[gMASK]<sop><|system|>\n你是林晚。<|user|>\n火锅<|assistant|>\n走\n几点<|user|>"


@pytest.mark.parametrize("room", range(1, 60))
def test_what_fits_is_never_longer_than_asked_for(room: int) -> None:
    ids = fit_prompt(example().turns(), chat_format(tiny_glm.tokenizer()), max_tokens=room)
    assert ids is None or len(ids) <= room


def test_an_answer_that_cannot_fit_is_refused_without_its_words() -> None:
    with pytest.raises(DatasetError, match="do not fit into 20") as error:
        encode(example(response="秘密" * 20), chat_format(tiny_glm.tokenizer()), max_length=20)
    assert "秘密" not in str(error.value)


def answers(*responses: str) -> list[Example]:
    """A session in which every prompt is 走吗 and its number."""
    context: tuple[ChatTurn, ...] = ()
    made = []
    for number, response in enumerate(responses):
        context = (*context, ChatTurn(role="user", text=f"走吗{number}"))
        made.append(example(response, context))
        context = (*context, ChatTurn(role="assistant", text=response))
    return made


def test_answers_of_one_session_become_one_text_with_loss_on_each() -> None:
    form = chat_format(tiny_glm.tokenizer())
    (text,) = encode_runs(answers("走", "几点\n冷不冷", "嗯"), form, max_length=200)
    assert text.answers == 3
    assert decoded([label for label in text.labels if label != NO_LOSS]) == "走<|user|>几点\n冷不冷<|user|>嗯<|user|>"
    last = encode(answers("走", "几点\n冷不冷", "嗯")[-1], form, max_length=200)
    assert text.input_ids == last.input_ids


def test_a_text_ends_before_it_grows_too_long_and_no_answer_is_lost() -> None:
    form = chat_format(tiny_glm.tokenizer())
    session = answers(*(str(number) for number in range(30)))
    texts = list(encode_runs(session, form, max_length=80))
    assert max(len(text.input_ids) for text in texts) <= 80
    assert sum(text.answers for text in texts) == 30
    assert sum(text.targets for text in texts) == sum(encode(one, form, max_length=80).targets for one in session)


def test_other_sessions_and_answers_that_do_not_fit_break_a_text() -> None:
    form = chat_format(tiny_glm.tokenizer())
    first, second, third = answers("走", "长" * 90, "嗯")
    elsewhere = replace(first, session="qq:1/2")
    texts = list(encode_runs([first, second, third, elsewhere, elsewhere], form, max_length=80))
    assert [text.answers for text in texts] == [1, 1, 1, 1]
