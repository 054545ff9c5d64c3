"""Shapes of the small GLM: plain `GlmForCausalLM`s with tied embeddings and one head size."""

from dataclasses import dataclass

import torch
from transformers import GlmConfig, GlmForCausalLM, PreTrainedTokenizerFast

CONTEXT = 2_048  # the rotary table's length; training sees up to `Shape.context` tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a model. Depth buys reading (match the question, find the line, copy), width mostly vocabulary."""

    hidden_size: int = 192
    layers: int = 6
    intermediate_size: int = 512
    heads: int = 6
    key_value_heads: int = 3
    head_dim: int = 32


SHAPES = {
    "small": Shape(),
    "tiny": Shape(hidden_size=32, layers=2, intermediate_size=64, heads=2, key_value_heads=1, head_dim=16),
}


def build_model(shape: Shape, tokenizer: PreTrainedTokenizerFast, *, seed: int = 0) -> GlmForCausalLM:
    """Make a GLM with random weights for the vocabulary of `tokenizer`."""
    stops = tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|user|>", "<|observation|>"])
    config = GlmConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        head_dim=shape.head_dim,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.5},
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=stops,
        bos_token_id=None,
        tie_word_embeddings=True,
        attention_bias=False,
        attention_dropout=0.0,
    )
    torch.manual_seed(seed)
    return GlmForCausalLM(config)
