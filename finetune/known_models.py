"""The checkpoints this program is made for: their sizes, and what their licences ask of whoever passes a clone on.

Sizes are those of the published configurations. What a licence asks is told in a sentence; the licence itself comes with the model.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from finetune.chatglm import modeling
from finetune.model_files import SHIPPED, SHIPPED_NAME

_RESEARCH = "Free for research; commercial use after registration."


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """What a licence asks."""

    name: str
    duty: str
    prefix: str | None = None  # what the names of models made of it begin with, and "Built with …" says


GLM_EDGE = Licence(
    name="GLM-Edge",
    duty=f'{_RESEARCH} A clone that is passed on is named "GLM-Edge-…", says "Built with GLM-Edge", and comes with the licence.',
    prefix="GLM-Edge",
)
GLM_4 = Licence(
    name="glm-4",
    duty=f'{_RESEARCH} A clone that is passed on is named "glm-4-…", says "Built with glm-4", and comes with the licence.',
    prefix="glm-4",
)
MIT = Licence(name="MIT", duty="The licence's text stays with what is passed on.")
CHATGLM = Licence(name="ChatGLM", duty=_RESEARCH)
LICENCES = {licence.name: licence for licence in (MIT, GLM_EDGE, GLM_4, CHATGLM)}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A checkpoint on the hub, or the one that ships."""

    name: str
    licence: Licence
    config: Mapping[str, Any]  # of the native class: `model_type` and sizes
    note: str = ""

    def has_sizes_of(self, config: Mapping[str, Any]) -> bool:
        """Whether a configuration has the same class and sizes."""
        return all(config.get(key) == value for key, value in self.config.items())


_EDGE = {"model_type": "glm", "vocab_size": 59_264, "head_dim": 128, "attention_bias": False}
_NINE = {
    "vocab_size": 151_552,
    "hidden_size": 4096,
    "intermediate_size": 13_696,
    "num_hidden_layers": 40,
    "num_attention_heads": 32,
    "num_key_value_heads": 2,
    "head_dim": 128,
    "tie_word_embeddings": False,
}
_SIX = {**_NINE, "model_type": "glm", "vocab_size": 65_024, "num_hidden_layers": 28, "attention_bias": True}
_CONVERTED = "an original: becomes a native model while it loads"
_HUB = (
    KnownModel(
        name="zai-org/glm-edge-1.5b-chat",
        licence=GLM_EDGE,
        config={
            **_EDGE,
            "hidden_size": 2048,
            "intermediate_size": 6144,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 4,
            "tie_word_embeddings": True,
        },
        note="for a laptop",
    ),
    KnownModel(
        name="zai-org/glm-edge-4b-chat",
        licence=GLM_EDGE,
        config={
            **_EDGE,
            "hidden_size": 3072,
            "intermediate_size": 8192,
            "num_hidden_layers": 40,
            "num_attention_heads": 24,
            "num_key_value_heads": 6,
            "tie_word_embeddings": False,
        },
        note="for a GPU with 8 GB",
    ),
    KnownModel(
        name="zai-org/GLM-4-9B-0414",
        licence=MIT,
        config={**_NINE, "model_type": "glm4", "attention_bias": True},
        note="for a GPU with 24 GB",
    ),
    KnownModel(name="zai-org/glm-4-9b-chat-hf", licence=GLM_4, config={**_NINE, "model_type": "glm", "attention_bias": True}),
    KnownModel(
        name="zai-org/GLM-4-32B-0414",
        licence=MIT,
        config={
            "model_type": "glm4",
            "vocab_size": 151_552,
            "hidden_size": 6144,
            "intermediate_size": 23_040,
            "num_hidden_layers": 61,
            "num_attention_heads": 48,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "attention_bias": False,
            "tie_word_embeddings": False,
        },
    ),
    KnownModel(name="THUDM/glm-4-9b-chat", licence=GLM_4, config={**_NINE, "model_type": "glm", "attention_bias": True}, note=_CONVERTED),
    KnownModel(name="THUDM/chatglm3-6b", licence=CHATGLM, config=_SIX, note=_CONVERTED),
    KnownModel(name="THUDM/chatglm3-6b-32k", licence=CHATGLM, config=_SIX, note=_CONVERTED),
    KnownModel(name="THUDM/chatglm2-6b", licence=CHATGLM, config=_SIX, note=_CONVERTED),
    KnownModel(name="THUDM/chatglm2-6b-32k", licence=CHATGLM, config=_SIX, note=_CONVERTED),
    KnownModel(
        name="THUDM/chatglm-6b",
        licence=CHATGLM,
        config={
            "model_type": modeling.MODEL_TYPE,
            "vocab_size": 130_528,
            "hidden_size": 4096,
            "intermediate_size": 16_384,
            "num_hidden_layers": 28,
            "num_attention_heads": 32,
            "tie_word_embeddings": True,
        },
        note=_CONVERTED,
    ),
)


def known_models() -> tuple[KnownModel, ...]:
    """All of them, the one that ships first."""
    config = json.loads((SHIPPED / "config.json").read_text(encoding="utf-8"))
    return (KnownModel(name=SHIPPED_NAME, licence=MIT, config=config, note="ships with the program"), *_HUB)


def licence_of(name: str, config: Mapping[str, Any]) -> Licence | None:
    """The licence of a base: by its name, else by its sizes, wherever its folder lies. None: not a known model.

    Args:
        name: hub name or folder, as the user wrote it.
        config: of the native class.
    """
    models = known_models()
    last = name.rstrip("/").rpartition("/")[2].lower()
    for model in models:
        if last == model.name.rpartition("/")[2].lower() or (model.name != SHIPPED_NAME and model.has_sizes_of(config)):
            return model.licence
    return GLM_EDGE if "glm-edge" in last else None
