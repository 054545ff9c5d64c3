"""Keeps a reply that cites a recalled line to that line's own words.

A small model points at the right line far more often than it copies it without a slip: a digit of a date, a name, a word of the line beside
it. Its replies begin with the line's number, so from there on only those tokens may follow that go on with a quotation of that line
(`clone_agent.quotation`); among those the model chooses. Replies that cite no line, `[0] …`, are free. This is constrained decoding over
a prefix tree, as in De Cao et al. 2021 (arXiv 2010.00904). Models ask for it with `"recalled_quoted": true` in their config.json.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from clone_agent.prompt import cite, read_block
from clone_agent.quotation import quotations
from clone_agent.records import ChatTurn
from finetune.chat_ids import plain_ids
from finetune.model_files import recall_habits

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from finetune.glm import LoadedModel

_Node = dict[int, Any]  # the tokens that may follow, each with its own node; `_END` where a quotation may end
_END = -1


class QuotedReply:
    """The tokens that may come next in a reply that may quote one of several texts."""

    def __init__(self, texts: Iterable[Sequence[int]], free: Sequence[int], stop_ids: Sequence[int]) -> None:
        """Make the prefix tree.

        Args:
            texts: the ids of every quotation, with its citation.
            free: the ids of a citation after which anything may be said.
            stop_ids: what may follow a whole quotation.
        """
        self._tree: _Node = {}
        for ids in texts:
            node = self._tree
            for token in ids:
                node = node.setdefault(token, {})
            node[_END] = {}
        self._free, self._stop_ids = tuple(free), frozenset(stop_ids)

    def allowed(self, reply: Sequence[int]) -> frozenset[int] | None:
        """What may follow the tokens of a reply so far; None: anything."""
        if not reply:
            return None
        free = tuple(reply[: len(self._free)])
        if free == self._free:
            return None
        node: _Node | None = self._tree
        for token in reply:
            node = node.get(token) if node is not None else None
        if node is None:
            # The reply has left the tree: it cites nothing at all, or is on its way to the free citation.
            return frozenset(self._free[len(reply) : len(reply) + 1]) if free == self._free[: len(reply)] else None
        tokens = frozenset(token for token in node if token != _END)
        if free == self._free[: len(reply)]:
            tokens |= {self._free[len(reply)]}
        return tokens | self._stop_ids if _END in node else tokens


def quoted_reply(turns: Sequence[ChatTurn], loaded: "LoadedModel") -> QuotedReply | None:
    """What the reply to a talk may quote; None where the model does not ask for it, or the talk holds no recalled lines."""
    return quotable(turns, loaded.tokenizer, loaded.format.stop_ids) if recall_habits(loaded.model.config.to_dict()).quoted else None


def quotable(turns: Sequence[ChatTurn], tokenizer: "PreTrainedTokenizerBase", stop_ids: Sequence[int]) -> QuotedReply | None:
    """What the reply to a talk may quote; None where the talk holds no recalled lines."""
    block = next((block for turn in turns if turn.role == "system" and (block := read_block(turn.text))), None)
    if block is None:
        return None
    texts = [
        plain_ids(tokenizer, cite(line.number, text))
        for line in block.lines
        for text in quotations(line, owner=block.owner, language=block.language)
    ]
    return QuotedReply(texts, plain_ids(tokenizer, cite(0, "").rstrip()), stop_ids)
