"""Models of the real classes, small enough for a test: random weights, a real tokenizer."""

from functools import cache
from pathlib import Path

import torch
from chatglm_tokenizer import write_tiktoken
from transformers import Glm4Config, Glm4ForCausalLM, GlmConfig, GlmForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from finetune.base_model.tokenizer import build_tokenizer
from finetune.chatglm.checkpoint import Generation
from finetune.chatglm.tokenizers import convert_tokenizer

_WORDS = ["hello there, dinner at seven? see you at the station", "到黄山了 腿都断了 下次再也不爬山"]
KINDS = {"glm": (GlmConfig, GlmForCausalLM), "glm4": (Glm4Config, Glm4ForCausalLM)}


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(_WORDS * 5, merges=30)


def model(kind: str = "glm", *, vocabulary: int | None = None, seed: int = 0, layers: int = 2) -> PreTrainedModel:
    torch.manual_seed(seed)
    config_class, model_class = KINDS[kind]
    config = config_class(
        vocab_size=vocabulary or len(tokenizer()),
        hidden_size=64,  # widths are multiples of 64, which a base in 4 bits needs
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=256,
        pad_token_id=0,
        eos_token_id=[4, 0],
        bos_token_id=None,
        tie_word_embeddings=True,
        attention_dropout=0.0,
        attn_implementation="sdpa",
    )
    return model_class(config).eval()


def save(folder: Path, kind: str = "glm", *, seed: int = 0, byte_level: bool = False) -> Path:
    """A model folder as `load_model` reads it. `byte_level`: with a tokenizer of the released GLMs' kind."""
    model(kind, seed=seed).save_pretrained(folder)
    if byte_level:
        convert_tokenizer(write_tiktoken(folder / "ranks"), Generation.GLM4, name="tiny").save_pretrained(folder)
        (folder / "ranks").unlink()
    else:
        tokenizer().save_pretrained(folder)
    return folder
