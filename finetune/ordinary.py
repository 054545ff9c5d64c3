"""Ordinary talk: whether a model still holds a conversation that is nobody's in particular, which tuning must not spoil."""

from contextlib import suppress
from itertools import islice

from clone_agent.errors import DatasetError
from finetune.encode import Encoded, encode
from finetune.glm import LoadedModel
from finetune.loss import autocast_for, mean_loss
from finetune.rehearsal import rehearsal_examples

TALKS = 60
_SEED = 987_654  # no run rehearses with these
_STEP_TOKENS = 4096


def ordinary_loss(loaded: LoadedModel, *, language: str) -> float | None:
    """Loss of general replies, mean per token: small talk, and questions on a memory block, which no run is trained on.

    Compares the tuned selves of one base, not bases. None: no talk fits into what the model can read.
    """
    encoded: list[Encoded] = []
    for example in islice(rehearsal_examples(language=language, seed=_SEED), TALKS):
        with suppress(DatasetError):
            encoded.append(encode(example, loaded.format, max_length=loaded.max_tokens))
    if not encoded:
        return None
    return mean_loss(loaded.model, encoded, max_tokens=_STEP_TOKENS, autocast=autocast_for(loaded.model))
