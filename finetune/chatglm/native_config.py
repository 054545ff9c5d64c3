"""An original config.json as the configuration of the native class that computes the same."""

from collections.abc import Mapping
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from transformers import GlmConfig, PreTrainedConfig

from clone_agent.errors import ModelError
from finetune.chatglm.checkpoint import Generation
from finetune.chatglm.modeling import ChatGlmConfig

_BASE = 10_000.0  # of the rotary angles, in all generations
_FIXED = {  # switches of the original code that every published checkpoint has in one position; another would be another model
    "rmsnorm": True,
    "add_bias_linear": False,
    "apply_residual_connection_post_layernorm": False,
    "post_layer_norm": True,
}
# What the original configuration classes take for settings that a config.json leaves out and the weights' shapes do not tell.
_UNSAID = {"max_sequence_length": 2048, "seq_length": 2048, "layernorm_epsilon": 1e-5, "multi_query_group_num": 1}


def native_config(config: Mapping[str, Any], generation: Generation, *, name: str, tied: bool = False) -> PreTrainedConfig:
    """The native configuration.

    Args:
        config: the original config.json.
        generation: whose it is.
        name: of the model, for errors.
        tied: whether input embedding and output head of a ChatGLM-6B are one.

    Raises:
        ModelError: the configuration lacks something, or describes a variant that was never published.
    """
    config = {**_UNSAID, **config}
    try:
        return _first(config, tied=tied) if generation is Generation.CHATGLM else _later(config, generation)
    except (KeyError, TypeError, ValueError, StrictDataclassError) as cause:
        raise ModelError(f"{name}/config.json is no configuration of a {generation} model.", remedy="Fetch the model again.") from cause


def _first(config: Mapping[str, Any], *, tied: bool) -> ChatGlmConfig:
    if not config.get("position_encoding_2d", True):
        raise ValueError("positions have one dimension")
    return ChatGlmConfig(
        vocab_size=config["vocab_size"],
        hidden_size=config["hidden_size"],
        intermediate_size=config["inner_hidden_size"],
        num_hidden_layers=config["num_layers"],
        num_attention_heads=config["num_attention_heads"],
        max_position_embeddings=config["max_sequence_length"],
        layer_norm_eps=config["layernorm_epsilon"],
        bos_token_id=config["bos_token_id"],
        eos_token_id=config["eos_token_id"],
        # The very first configurations leave these out; the masks were the tokens before <sop>: [MASK], [gMASK], [sMASK], <unused>.
        mask_token_id=config.get("mask_token_id", config["bos_token_id"] - 4),
        gmask_token_id=config.get("gmask_token_id", config["bos_token_id"] - 3),
        pad_token_id=config.get("pad_token_id", 3),
        tie_word_embeddings=tied,
    )


def _later(config: Mapping[str, Any], generation: Generation) -> GlmConfig:
    if any(config.get(key, value) != value for key, value in _FIXED.items()):
        raise ValueError("a switch stands otherwise")
    heads, pad = config["num_attention_heads"], config.get("pad_token_id", 0)
    return GlmConfig(
        vocab_size=config["padded_vocab_size"],
        hidden_size=config["hidden_size"],
        intermediate_size=config["ffn_hidden_size"],
        num_hidden_layers=config["num_layers"],
        num_attention_heads=heads,
        num_key_value_heads=config["multi_query_group_num"] if config.get("multi_query_attention") else heads,
        head_dim=config["kv_channels"],
        rms_norm_eps=config["layernorm_epsilon"],
        max_position_embeddings=config["seq_length"],
        attention_bias=bool(config.get("add_qkv_bias")),
        attention_dropout=config.get("attention_dropout", 0.0),
        rope_parameters=_rope(float(config.get("rope_ratio") or 1), generation),
        tie_word_embeddings=False,
        pad_token_id=pad if pad is not None and pad < config["padded_vocab_size"] else None,
        eos_token_id=config.get("eos_token_id", 2),
        bos_token_id=None,
    )


def _rope(ratio: float, generation: Generation) -> dict[str, Any]:
    """ChatGLM2-6B-32k divides the positions by `rope_ratio`; its successors multiply the base by it."""
    if generation is Generation.CHATGLM2 and ratio != 1:
        return {"rope_type": "linear", "factor": ratio, "rope_theta": _BASE, "partial_rotary_factor": 0.5}
    return {"rope_type": "default", "rope_theta": _BASE * ratio, "partial_rotary_factor": 0.5}
