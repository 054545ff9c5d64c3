"""Models of released sizes with random numbers, for measuring what training takes: speed and memory do not depend on the numbers."""

import torch
from transformers import AutoModelForCausalLM, GlmConfig, PreTrainedModel

SHAPES = {  # of zai-org/glm-edge-1.5b-chat
    "1.5b": {
        "vocab_size": 59_264,
        "hidden_size": 2048,
        "intermediate_size": 6144,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 4,
        "head_dim": 128,
        "max_position_embeddings": 8192,
    }
}


def random_model(shape: str, device: torch.device) -> PreTrainedModel:
    """A GLM of a shape in bfloat16, made where it is used."""
    rope = {"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 1.0}
    config = GlmConfig(**SHAPES[shape], rope_parameters=rope, pad_token_id=0, tie_word_embeddings=True, attention_bias=False)
    torch.manual_seed(0)
    with torch.device(device):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa")
    return model
