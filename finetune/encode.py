"""Examples and talks as token ids that fit a model."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from clone_agent.errors import DatasetError
from clone_agent.records import ChatTurn
from finetune.chat_format import ChatFormat
from finetune.examples import Example

NO_LOSS = -100  # torch's `CrossEntropyLoss(ignore_index=-100)`


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """An example as the model sees it. Both lists have the same length; `labels` is `NO_LOSS` outside the owner's words."""

    input_ids: list[int]
    labels: list[int]
    answers: int = 1  # of the owner

    @property
    def targets(self) -> int:
        """How many tokens carry loss."""
        return sum(label != NO_LOSS for label in self.labels)


def encode(example: Example, chat_format: ChatFormat, *, max_length: int) -> Encoded:
    """Turn an example into token ids, with loss on the owner's words and the stop token only.

    Too long a context loses its oldest turns, then the beginning of the prompt; the system message and the target are never cut.

    Returns:
        `input_ids` and `labels`, both of length <= `max_length`.

    Raises:
        DatasetError: the system message and the target alone are longer than `max_length`.
    """
    target = chat_format.response_ids(example.response)
    prompt = fit_prompt(example.turns(), chat_format, max_tokens=max_length - len(target))
    if prompt is None:
        raise DatasetError(
            f"Example {example.id} answers in {len(target)} tokens, which do not fit into {max_length}.", remedy="Raise the maximum length."
        )
    return Encoded(input_ids=prompt + target, labels=[NO_LOSS] * len(prompt) + target)


def encode_runs(examples: Iterable[Example], chat_format: ChatFormat, *, max_length: int) -> Iterator[Encoded]:
    """Encode examples as `encode` does, those that follow each other in a session as one text with loss on every answer.

    A session's words are thus read once instead of once for each answer, and the later answers see all of the text before them. The system
    message of a text is the one of its first answer. A text is ended before it grows longer than `max_length`; an answer that does not fit
    by itself is left out, and `Encoded.answers` of all texts adds up to what was kept.
    """
    last: Example | None = None
    turns: list[ChatTurn] = []
    text: Encoded | None = None
    for example in examples:
        if text is not None and last is not None and _follows(example, last):
            turns = [*turns, ChatTurn(role="assistant", text=last.response), example.context[-1]]
            longer = _continued(text, turns, example.response, chat_format)
            if longer is not None and len(longer.input_ids) <= max_length:
                text, last = longer, example
                continue
        if text is not None:
            yield text
        turns, last = example.turns(), example
        try:
            text = encode(example, chat_format, max_length=max_length)
        except DatasetError:
            text = None
    if text is not None:
        yield text


def _follows(example: Example, last: Example) -> bool:
    """Whether an example is the next answer of the same session."""
    return example.session == last.session and example.context[-2:-1] == (ChatTurn(role="assistant", text=last.response),)


def _continued(text: Encoded, turns: Sequence[ChatTurn], response: str, chat_format: ChatFormat) -> Encoded | None:
    """A text with one more answer; None where this format does not simply go on after a reply, or the text was cut."""
    prompt, target = chat_format.prompt_ids(turns), chat_format.response_ids(response)
    length = len(text.input_ids)
    if prompt[:length] != text.input_ids:
        return None
    labels = [*text.labels, *[NO_LOSS] * (len(prompt) - length), *target]
    return Encoded(input_ids=prompt + target, labels=labels, answers=text.answers + 1)


def fit_prompt(turns: Sequence[ChatTurn], chat_format: ChatFormat, *, max_tokens: int) -> list[int] | None:
    """The ids of a talk, cut to `max_tokens` from its oldest turn on.

    System messages stay whole. The last turn is shortened from its beginning when it alone is too long. None: not even that fits.
    """
    systems = [turn for turn in turns if turn.role == "system"]
    talk = [turn for turn in turns if turn.role != "system"]
    while True:
        ids = chat_format.prompt_ids([*systems, *talk])
        if len(ids) <= max_tokens:
            return ids
        if len(talk) <= 1:
            break
        talk = talk[1:]
    return _shortened(systems, talk, chat_format, max_tokens=max_tokens) if talk else None


def _shortened(systems: Sequence[ChatTurn], talk: Sequence[ChatTurn], chat_format: ChatFormat, *, max_tokens: int) -> list[int] | None:
    """Keep the longest end of the one turn left that fits, found by halving."""
    turn, best = talk[0], None
    low, high = 1, len(turn.text)  # characters to keep
    while low <= high:
        middle = (low + high) // 2
        ids = chat_format.prompt_ids([*systems, ChatTurn(role=turn.role, text=turn.text[-middle:])])
        if len(ids) <= max_tokens:
            best, low = ids, middle + 1
        else:
            high = middle - 1
    return best
