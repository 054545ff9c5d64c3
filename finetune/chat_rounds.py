r"""The chats of ChatGLM-6B and ChatGLM2-6B: numbered rounds of question and answer in plain text, without roles.

    family     a talk                                                          around it                reply ends
    chatglm    [Round 0]\n问：{question}\n答：{answer}\n[Round 1]\n问：…\n答：    … [gMASK] <sop>          <eop>
    chatglm2   [Round 1]\n\n问：{question}\n\n答：{answer}\n\n[Round 2]…          [gMASK] <sop> …          </s>

A first question to ChatGLM-6B stands alone, without a round. Neither knows system messages: one is put before the first question. Both are
as their makers' `chat` and tuning scripts have it (github.com/THUDM/ChatGLM-6B and ChatGLM2-6B).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from clone_agent.errors import ModelError
from clone_agent.records import ChatTurn
from finetune.chat_ids import alternating, plain_ids

_START = ("[gMASK]", "<sop>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """What distinguishes the two: a row of the table above."""

    name: str
    first: int  # number of the first round
    between: str  # line breaks after a mark or an answer
    may_stand_alone: bool
    marks_last: bool  # whether the start tokens come behind the talk
    stop: str


ROUNDS = {
    rounds.name: rounds
    for rounds in (
        Rounds(name="chatglm", first=0, between="\n", may_stand_alone=True, marks_last=True, stop="<eop>"),
        Rounds(name="chatglm2", first=1, between="\n\n", may_stand_alone=False, marks_last=False, stop="</s>"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFormat:
    """A `finetune.chat_format.ChatFormat` of rounds. A talk is encoded as one text, as the models were trained."""

    rounds: Rounds
    tokenizer: PreTrainedTokenizerBase
    start_ids: tuple[int, ...]
    stop_ids: tuple[int, ...]

    @property
    def name(self) -> str:
        """The family's name."""
        return self.rounds.name

    def prompt_ids(self, turns: Sequence[ChatTurn]) -> list[int]:
        """The rounds up to where the reply begins, and the start tokens."""
        words = plain_ids(self.tokenizer, self._written(alternating(turns)))
        return [*words, *self.start_ids] if self.rounds.marks_last else [*self.start_ids, *words]

    def response_ids(self, text: str) -> list[int]:
        """The reply's words and the end."""
        return [*plain_ids(self.tokenizer, text), self.stop_ids[0]]

    def _written(self, turns: Sequence[ChatTurn]) -> str:
        """A talk in strict turns as text."""
        if len(turns) == 1 and self.rounds.may_stand_alone:
            return turns[0].text
        between, number, text = self.rounds.between, self.rounds.first, ""
        for turn in turns:
            if turn.role == "user":
                text += f"[Round {number}]{between}问：{turn.text}{between}答："
                number += 1
            else:
                text += turn.text + between
        return text


def round_format(rounds: Rounds, tokenizer: PreTrainedTokenizerBase) -> RoundFormat:
    """Bind a family to a tokenizer.

    Raises:
        ModelError: the tokenizer lacks its special tokens.
    """
    vocabulary = tokenizer.get_vocab()
    try:
        start = tuple(vocabulary[token] for token in _START)
        return RoundFormat(rounds=rounds, tokenizer=tokenizer, start_ids=start, stop_ids=(vocabulary[rounds.stop],))
    except KeyError as cause:
        raise ModelError(
            "The model's tokenizer lacks a special token.",
            remedy="Fetch the model again: this is not the tokenizer that it was trained with.",
        ) from cause
