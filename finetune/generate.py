"""Token by token: from the ids of a prompt to the ids of a reply, and from those to text that never shows half a character."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from finetune.chatglm.checkpoint import Generation
from finetune.chatglm.punctuation import WidePunctuation
from finetune.chatglm.tokenizers import FAMILY
from finetune.quoting import QuotedReply

INCOMPLETE = "\ufffd"  # what a decoder writes for bytes that are no character yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is chosen."""

    temperature: float = 0.7  # 0: always the likeliest
    top_p: float = 0.8  # among the likeliest tokens that together hold this share
    repetition_penalty: float = (
        1.05  # on tokens of the reply so far; a prompt's words may be repeated freely, or memory could not be quoted
    )
    max_new_tokens: int = 128
    seed: int | None = None  # None: another reply every time


def generate(
    model: PreTrainedModel,
    prompt_ids: Sequence[int],
    stop_ids: Sequence[int],
    sampling: Sampling = Sampling(),
    *,
    quoted: QuotedReply | None = None,
    guard: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Generator[int]:
    """Yield the reply's tokens as they come, without the stop token. Closing the iterator ends the work.

    Args:
        model: in evaluation mode.
        prompt_ids: the prompt.
        stop_ids: any of them ends the reply.
        sampling: how to choose, and how many tokens at most.
        quoted: what the reply may quote, for a model that is kept to it.
        guard: entered for every step of the model and left before the token is handed out, so that several replies of one model may be
            under way at once and none blocks the others while its reader waits.
    """
    device = next(model.parameters()).device
    # Sampling happens on the CPU, so that a seed means the same reply wherever the model lies.
    source = torch.Generator().manual_seed(sampling.seed) if sampling.seed is not None else None
    cache = DynamicCache(config=model.config)
    ids, reply = torch.tensor([list(prompt_ids)], device=device), list[int]()
    for _ in range(sampling.max_new_tokens):
        with guard(), torch.inference_mode():
            out = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            token = choose(out.logits[0, -1].float().cpu(), reply, sampling, source, quoted)
        if token in stop_ids:
            return
        reply.append(token)
        yield token
        ids = torch.tensor([[token]], device=device)


def choose(
    scores: Tensor, reply: Sequence[int], sampling: Sampling, source: torch.Generator | None, quoted: QuotedReply | None = None
) -> int:
    """The next token, from scores of shape (vocabulary,), which are changed."""
    if quoted is not None and (allowed := quoted.allowed(reply)) is not None:
        kept = torch.tensor(sorted(allowed))
        scores = torch.full_like(scores, -torch.inf).index_copy(0, kept, scores[kept])
    if reply and sampling.repetition_penalty != 1:
        said = torch.tensor(sorted(set(reply)))
        # Keskar et al. 2019 (arXiv 1909.05858): divide what speaks for a token, multiply what speaks against it.
        scores[said] = torch.where(scores[said] > 0, scores[said] / sampling.repetition_penalty, scores[said] * sampling.repetition_penalty)
    if sampling.temperature <= 0:
        return int(scores.argmax())
    shares, order = torch.softmax(scores / sampling.temperature, -1).sort(descending=True)
    shares[shares.cumsum(-1) - shares >= sampling.top_p] = 0
    return int(order[torch.multinomial(shares, 1, generator=source)])


class TextStream:
    """Turns tokens into text as they come; a character made of several byte tokens appears when its last byte is there."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._start = 0  # tokens from here on are decoded, so that a word's neighbours decide about its blanks
        self._shown = 0  # tokens up to here have been handed out
        self._wide = WidePunctuation() if tokenizer.init_kwargs.get(FAMILY) == Generation.CHATGLM else None

    def push(self, token: int) -> str:
        """The text that `token` completes, "" while a character is open."""
        self._ids.append(token)
        text = self._decode(self._ids[self._start :])
        if text.endswith(INCOMPLETE):
            return ""
        new = text[len(self._decode(self._ids[self._start : self._shown])) :]
        self._start, self._shown = self._shown, len(self._ids)
        new = new.replace(INCOMPLETE, "")
        return new if self._wide is None else self._wide.push(new)

    def rest(self) -> str:
        """What is still open at the end, without the character that was never finished."""
        text = self._decode(self._ids[self._start :])
        left = text[len(self._decode(self._ids[self._start : self._shown])) :].replace(INCOMPLETE, "")
        return left if self._wide is None else self._wide.rest(left)

    def _decode(self, ids: Sequence[int]) -> str:
        text = self._tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)


def reply_text(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompt: Sequence[int],
    stop: Sequence[int],
    how: Sampling,
    quoted: QuotedReply | None = None,
) -> str:
    """The whole reply to a prompt."""
    stream = TextStream(tokenizer)
    pieces = [stream.push(token) for token in generate(model, prompt, stop, how, quoted=quoted)]
    return ("".join(pieces) + stream.rest()).strip()
