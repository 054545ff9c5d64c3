"""Keeps a reply that cites a recalled line to that line's own words.

A small model points at the right line far more often than it copies it without a slip: a digit of a date, a name, a word of the line beside
it. Its replies begin with the line's number, so from there on only those tokens may follow that go on with a quotation of that line
(`clone_agent.quotation`); among those the model chooses. Replies that cite no line, `[0] …`, are free. This is constrained decoding over
a prefix tree, as in De Cao et al. 2021 (arXiv 2010.00904). Models ask for it with `"recalled_quoted"` in their config.json: `"one"`, the
model's choice among the lines it reads, or `"each"`, all of them, each in a bubble of its own, where memory is confident, and none where
it is not: whether lines are on the subject, memory tells better than such a model, which then only words the reply.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from clone_agent.prompt import cite, read_block
from clone_agent.quotation import quotations
from clone_agent.records import ChatTurn
from finetune.chat_ids import plain_ids
from finetune.model_files import Quoted, recall_habits

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from finetune.glm import LoadedModel

_Node = dict[int, Any]  # the tokens that may follow, each with its own node; `_END` where a quotation may end: the tree of the next part
_END = -1


class QuotedReply:
    """The tokens that may come next in a reply that quotes one of several texts, and after it perhaps one of several others, and so on."""

    def __init__(self, parts: Sequence[Iterable[Sequence[int]]], free: Sequence[int], stop_ids: Sequence[int]) -> None:
        """Make the prefix trees.

        Args:
            parts: the ids of every quotation that the reply may begin with, with its citation; then of those that may follow, each
                with what parts it from the one before. No quotation may hold the first token of the part after it.
            free: the ids of a citation after which anything may be said; empty: there is none.
            stop_ids: what may follow the last quotation.
        """
        self._tree: _Node = {}
        self._free, self._stop_ids = tuple(free), frozenset(stop_ids)
        following: _Node = {}
        for texts in reversed(parts):
            self._tree = _tree(texts, following)
            following = self._tree

    def allowed(self, reply: Sequence[int]) -> frozenset[int] | None:
        """What may follow the tokens of a reply so far; None: anything."""
        if not reply:
            return None
        begun = tuple(reply[: len(self._free)])
        if self._free and begun == self._free:
            return None
        free = self._free[len(reply) :][:1] if begun == self._free[: len(reply)] else ()
        node: _Node | None = self._tree
        for token in reply:
            node = _step(node, token) if node is not None else None
        if node is None:
            # The reply has left the tree: it cites nothing at all, or is on its way to the free citation.
            return frozenset(free) or None
        tokens = frozenset(node) - {_END}
        if _END in node:
            tokens |= frozenset(node[_END]) or self._stop_ids
        return tokens | frozenset(free)


def _tree(texts: Iterable[Sequence[int]], following: _Node) -> _Node:
    """A prefix tree of texts; where one of them ends, the tree of what follows."""
    tree: _Node = {}
    for ids in texts:
        node = tree
        for token in ids:
            node = node.setdefault(token, {})
        node[_END] = following
    return tree


def _step(node: _Node, token: int) -> _Node | None:
    """The node after one more token, in this tree or in that of the part that follows."""
    found: _Node | None = node.get(token) or node.get(_END, {}).get(token)
    return found


def quoted_reply(turns: Sequence[ChatTurn], loaded: "LoadedModel", quoted: Quoted | None = None) -> QuotedReply | None:
    """What the reply to a talk may quote; None where neither `quoted` nor the model asks for it, or no lines are recalled."""
    quoted = quoted or recall_habits(loaded.model.config.to_dict()).quoted
    return quotable(turns, loaded.tokenizer, loaded.format.stop_ids, each=quoted == "each") if quoted else None


def quotable(
    turns: Sequence[ChatTurn], tokenizer: "PreTrainedTokenizerBase", stop_ids: Sequence[int], *, each: bool = False
) -> QuotedReply | None:
    """What the reply to a talk may quote; None where the talk holds no recalled lines.

    Args:
        turns: the talk, with the system message that holds the recalled lines.
        tokenizer: the model's.
        stop_ids: the tokens that end a reply.
        each: a reply that cites quotes all lines, each in a bubble of its own, where memory is confident of them, and none where it is not;
            otherwise it quotes one line or says that none answers, the model's choice.
    """
    block = next((block for turn in turns if turn.role == "system" and (block := read_block(turn.text))), None)
    if block is None:
        return None
    lines = [[cite(line.number, text) for text in quotations(line, owner=block.owner, language=block.language)] for line in block.lines]
    nothing = plain_ids(tokenizer, cite(0, "").rstrip())
    if not each:
        return QuotedReply([_ids(chain.from_iterable(lines), tokenizer)], nothing, stop_ids)
    if not block.is_confident:
        return QuotedReply([], nothing, stop_ids)
    parts = [lines[0], *([f"\n{text}" for text in line] for line in lines[1:])]
    return QuotedReply([_ids(part, tokenizer) for part in parts], (), stop_ids)


def _ids(texts: Iterable[str], tokenizer: "PreTrainedTokenizerBase") -> list[list[int]]:
    return [plain_ids(tokenizer, text) for text in texts]
