"""Does a model still hold an ordinary conversation? Asked before and after tuning, without a judge model.

`ordinary_talk.txt` holds everyday questions with sensible replies. Three figures: the mean loss per token of sensible replies; how often
the model finds a question's own reply likelier than the replies of three other questions (`on_topic`; guessing gives 0.25), by the loss per
token beside what the reply costs after no question; and the share of replies it writes itself that are empty or repeat themselves. A tuned
model has lost ordinary talk when it did hold it before and one of the three got much worse.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from statistics import fmean
from typing import Any

from clone_agent.prompt import system_prompt
from clone_agent.records import ChatTurn, Persona
from finetune.encode import NO_LOSS, Encoded, fit_prompt
from finetune.generate import Sampling, reply_text
from finetune.glm import LoadedModel
from finetune.loss import autocast_for, example_losses

HELD = 0.4  # on_topic from which a model can be said to hold ordinary talk
# Each is a loss of ordinary talk. A run that went well is far from it: LoRA on the sample life, 180 steps on the model that ships, brought
# the loss from 6.64 to 5.25 and on_topic from 0.42 to 0.38 (two questions of 24 are 0.08; chance moves it by that much).
LOSS_RISE, TOPIC_FALL, DEGENERATE_RISE = 1.0, 0.25, 0.34
_OTHERS = (5, 11, 17)  # how far away the questions stand whose replies are offered as wrong ones
_WRITTEN = Sampling(temperature=0, max_new_tokens=16)
_WRITTEN_TO = 4  # questions that the model answers itself
_TOKENS = 2048
_DAY = datetime(2024, 5, 15, 20, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinaryTalk:
    """What a model makes of everyday questions."""

    loss: float  # mean per token of sensible replies
    on_topic: float  # 0 to 1
    degenerate: float  # share of written replies that are empty or go round in circles


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An everyday question and sensible replies."""

    text: str
    replies: tuple[str, ...]


@cache
def questions(language: str) -> tuple[Question, ...]:
    """The questions of a language, `zh` or `en`."""
    section, found = "", []
    for line in files("finetune").joinpath("ordinary_talk.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line and not line.startswith("#") and section == language:
            text, _, replies = line.partition(" = ")
            found.append(Question(text=text.strip(), replies=tuple(reply.strip() for reply in replies.split("|"))))
    return tuple(found)


def probe(loaded: LoadedModel, persona: Persona) -> OrdinaryTalk:
    """Ask a model everyday questions, in the language of the persona and with its system message."""
    asked = questions(persona.language)
    system = ChatTurn(role="system", text=system_prompt(persona, now=_DAY, hits=None))
    prompts = [loaded.format.prompt_ids([system, ChatTurn(role="user", text=one.text)]) for one in asked]
    replies = [one.replies[0] for one in asked]
    offered = [(number, (number + away) % len(asked)) for number in range(len(asked)) for away in (0, *_OTHERS)]
    costs = dict(zip(offered, _losses(loaded, [(prompts[number], replies[which]) for number, which in offered]), strict=True))
    nobody = loaded.format.prompt_ids([system])
    alone = _losses(loaded, [(nobody, reply) for reply in replies])
    gains = {pair: alone[pair[1]] - cost for pair, cost in costs.items()}
    right = sum(all(gains[number, number] >= gain for (asker, _), gain in gains.items() if asker == number) for number in range(len(asked)))
    written = [_reply(loaded, [system, ChatTurn(role="user", text=one.text)]) for one in asked[:: -(-len(asked) // _WRITTEN_TO)]]
    return OrdinaryTalk(
        loss=fmean(costs[number, number] for number in range(len(asked))),
        on_topic=right / len(asked),
        degenerate=fmean(is_degenerate(reply) for reply in written),
    )


def is_lost(before: OrdinaryTalk, after: OrdinaryTalk) -> bool:
    """Whether tuning cost a model its ordinary talk; never for one that did not hold it before."""
    if before.on_topic < HELD:
        return False
    return (
        after.loss - before.loss > LOSS_RISE
        or before.on_topic - after.on_topic > TOPIC_FALL
        or after.degenerate - before.degenerate > DEGENERATE_RISE
    )


def as_facts(before: OrdinaryTalk, after: OrdinaryTalk) -> dict[str, Any]:
    """What an adapter's manifest says: `before`, `after`, `is_lost`."""
    return {"before": asdict(before), "after": asdict(after), "is_lost": is_lost(before, after)}


def is_degenerate(reply: str) -> bool:
    """Whether a reply is empty, one sign over and over, or the same few characters again and again."""
    text = "".join(reply.split())
    if not text:
        return True
    pieces = [text[at : at + 3] for at in range(len(text) - 2)]
    return len(pieces) >= 9 and len(set(pieces)) * 3 < len(pieces)


def _losses(loaded: LoadedModel, pairs: Sequence[tuple[Sequence[int], str]]) -> list[float]:
    """The mean loss per token of each reply after its prompt."""
    targets = [loaded.format.response_ids(reply) for _, reply in pairs]
    examples = [
        Encoded(input_ids=[*prompt, *target], labels=[NO_LOSS] * len(prompt) + target)
        for (prompt, _), target in zip(pairs, targets, strict=True)
    ]
    return example_losses(loaded.model, examples, max_tokens=_TOKENS, autocast=autocast_for(loaded.model))


def _reply(loaded: LoadedModel, turns: Sequence[ChatTurn]) -> str:
    prompt = fit_prompt(turns, loaded.format, max_tokens=loaded.max_tokens - _WRITTEN.max_new_tokens)
    return reply_text(loaded.model, loaded.tokenizer, prompt, loaded.format.stop_ids, _WRITTEN) if prompt else ""
