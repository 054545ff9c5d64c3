r"""Talk to token ids, and nothing else: every family of chat models has its own marks around a message.

The ids are built message by message instead of from one rendered text, for two reasons. People's words are encoded with
`split_special_tokens=True`, so that a chat line holding `<|assistant|>` or `[gMASK]` stays plain text. And no GLM template ends a reply:
the token that stops the model is the next `<|user|>`, which `response_ids` appends so that training supervises it.

    family     start           message                  reply begins        reply ends
    glm        [gMASK]<sop>    <|role|>\n{content}      <|assistant|>\n     <|user|>
    glm-edge                   <|role|>\n{content}      <|assistant|>\n     <|user|>
    chatglm3   [gMASK]<sop>    <|role|>\n {content}     <|assistant|>\n     <|user|>
    chatglm, chatglm2          rounds of questions and answers in plain text: `finetune.chat_rounds`
    template   the chat template that comes with the tokenizer, its marks parsed, its contents not
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from clone_agent.errors import ModelError
from clone_agent.records import ChatTurn
from finetune.chat_ids import alternating, plain_ids
from finetune.chat_rounds import ROUNDS, round_format
from finetune.chatglm.tokenizers import FAMILY

ROLE_TOKENS = ("<|system|>", "<|user|>", "<|assistant|>")
STOP_TOKENS = ("<|user|>", "<|observation|>", "<|endoftext|>")


class ChatFormat(Protocol):
    """How one model family writes a talk as token ids. Bound to a tokenizer."""

    @property
    def name(self) -> str:
        """The family, as in this module's table."""
        ...

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """The ids that end a reply; the first is the one that `response_ids` appends."""
        ...

    def prompt_ids(self, turns: Sequence[ChatTurn]) -> list[int]:
        """The ids of a talk (roles `system`, `user`, `assistant`), up to where the reply begins."""
        ...

    def response_ids(self, text: str) -> list[int]:
        """The ids of a reply with the stop token, to follow `prompt_ids`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What distinguishes one GLM family: its row of the table above."""

    name: str
    start: tuple[str, ...]
    separator: str  # between a role's mark and the content
    belongs: Callable[[Mapping[str, int], str], bool]  # (vocabulary, chat template) -> is it this family's tokenizer
    stop: tuple[str, ...] = STOP_TOKENS


def _is_chatglm3(vocabulary: Mapping[str, int], template: str) -> bool:
    # The only family whose vocabulary comes from sentencepiece: a line break is the byte token <0x0A> and words begin with ▁.
    return "<0x0A>" in vocabulary and "▁the" in vocabulary and "[gMASK]" in vocabulary


def _is_glm_edge(vocabulary: Mapping[str, int], template: str) -> bool:
    return bool(template) and "[gMASK]" not in template


def _is_glm(vocabulary: Mapping[str, int], template: str) -> bool:
    return "[gMASK]" in vocabulary and "<sop>" in vocabulary


FAMILIES: tuple[Family, ...] = (
    Family(name="chatglm3", start=("[gMASK]", "<sop>"), separator="\n ", belongs=_is_chatglm3, stop=(*STOP_TOKENS, "</s>")),
    Family(name="glm-edge", start=(), separator="\n", belongs=_is_glm_edge),
    Family(name="glm", start=("[gMASK]", "<sop>"), separator="\n", belongs=_is_glm),
)


def chat_format(tokenizer: PreTrainedTokenizerBase) -> ChatFormat:
    """Find the format of a tokenizer's family; any chat model with a template of its own gets `TemplateFormat`.

    Raises:
        ModelError: the tokenizer has neither GLM's role tokens nor a chat template.
    """
    vocabulary = tokenizer.get_vocab()
    template = tokenizer.chat_template if isinstance(tokenizer.chat_template, str) else ""
    told = tokenizer.init_kwargs.get(FAMILY)  # by a tokenizer that this program converted
    if told in ROUNDS:
        return round_format(ROUNDS[told], tokenizer)
    if "<|user|>" in vocabulary and "<|assistant|>" in vocabulary:
        for family in FAMILIES:
            if told == family.name or (told is None and family.belongs(vocabulary, template)):
                return _glm_format(family, tokenizer, vocabulary)
    if not template:
        raise ModelError("The model's tokenizer has no chat template.", remedy="Use a chat model, for example zai-org/glm-edge-1.5b-chat.")
    return TemplateFormat(tokenizer=tokenizer, stop_ids=_template_stop_ids(tokenizer))


@dataclass(frozen=True, slots=True, kw_only=True)
class GlmFormat:
    """The role tokens of GLM, from ChatGLM3 to GLM-4 and the model that ships."""

    family: Family
    tokenizer: PreTrainedTokenizerBase
    marks: Mapping[str, int]  # special token -> id
    stop_ids: tuple[int, ...]  # those of the family that the vocabulary knows, `<|user|>` first

    @property
    def name(self) -> str:
        """The family's name."""
        return self.family.name

    def prompt_ids(self, turns: Sequence[ChatTurn]) -> list[int]:
        """The start tokens, every turn, and the head of the reply."""
        ids = [self.marks[token] for token in self.family.start]
        for turn in turns:
            ids += [self.marks[f"<|{turn.role}|>"], *plain_ids(self.tokenizer, self.family.separator + turn.text)]
        return [*ids, self.marks["<|assistant|>"], *plain_ids(self.tokenizer, "\n")]

    def response_ids(self, text: str) -> list[int]:
        """The reply's words and `<|user|>`."""
        return [*plain_ids(self.tokenizer, text), self.stop_ids[0]]


def _glm_format(family: Family, tokenizer: PreTrainedTokenizerBase, vocabulary: Mapping[str, int]) -> GlmFormat:
    marks = {}
    for token in (*family.start, *ROLE_TOKENS):
        # ChatGLM3's own files call it "sop"; a fast tokenizer must not, or "sophisticated" would hold a special token.
        number = vocabulary.get(token, vocabulary.get(token.strip("<>")))
        if number is None:
            problem = f"The model's tokenizer lacks the special token {token}."
            raise ModelError(problem, remedy="Fetch the model again: this is not the tokenizer that it was trained with.")
        marks[token] = number
    stop_ids = tuple(vocabulary[token] for token in family.stop if token in vocabulary)
    return GlmFormat(family=family, tokenizer=tokenizer, marks=marks, stop_ids=stop_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFormat:
    """Any other chat model, through the template in its tokenizer.

    The template is rendered around markers in place of the contents, so that its own marks are parsed and the contents are not.
    """

    tokenizer: PreTrainedTokenizerBase
    stop_ids: tuple[int, ...]  # the token that the template writes after a reply, then the tokenizer's own end

    @property
    def name(self) -> str:
        """Always `template`."""
        return "template"

    def prompt_ids(self, turns: Sequence[ChatTurn]) -> list[int]:
        """The rendered template up to where the reply begins."""
        try:
            return list(self._ids(turns, add_generation_prompt=True))
        except TemplateError:  # some families know no system message, or want user and assistant strictly in turn
            return list(self._ids(alternating(turns), add_generation_prompt=True))

    def response_ids(self, text: str) -> list[int]:
        """The reply's words and the token that ends a reply in this template."""
        return [*plain_ids(self.tokenizer, text), *self.stop_ids[:1]]

    def _ids(self, turns: Sequence[ChatTurn], *, add_generation_prompt: bool) -> Iterator[int]:
        talk = [{"role": turn.role, "content": _marker(number)} for number, turn in enumerate(turns)]
        rendered = str(self.tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=add_generation_prompt))
        for number, piece in enumerate(re.split(r"\ue0a0(\d+)\ue0a1", rendered)):
            yield from plain_ids(self.tokenizer, turns[int(piece)].text) if number % 2 else _mark_ids(self.tokenizer, piece)


def _template_stop_ids(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    talk = [{"role": "user", "content": _marker(0)}, {"role": "assistant", "content": _marker(1)}]
    rest = str(tokenizer.apply_chat_template(talk, tokenize=False)).partition(_marker(1))[2].strip()
    end = [tokenizer.eos_token_id] if isinstance(tokenizer.eos_token_id, int) else []
    return tuple(dict.fromkeys([*_mark_ids(tokenizer, rest)[:1], *end]))


def _mark_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _marker(number: int) -> str:
    return f"\ue0a0{number}\ue0a1"  # private-use characters, which no template writes
