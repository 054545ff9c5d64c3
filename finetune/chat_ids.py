"""What all chat formats do with people's words: encode them as words, and bring a talk into strict turns."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from clone_agent.records import ChatTurn


def plain_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Encode people's words: no special token is added, and none is recognised inside the text."""
    ids: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return ids


def alternating(turns: Sequence[ChatTurn]) -> list[ChatTurn]:
    """The same talk with the system message inside the first turn, beginning with the user, each role's turns joined."""
    merged: list[ChatTurn] = []
    for turn in turns:
        role = "assistant" if turn.role == "assistant" else "user"
        if merged and merged[-1].role == role:
            merged[-1] = ChatTurn(role=role, text=f"{merged[-1].text}\n\n{turn.text}")
        elif merged or role == "user":
            merged.append(ChatTurn(role=role, text=turn.text))
    return merged
