"""ChatGLM-6B as a native model: a prefix language model with two-dimensional rotary positions.

Written from the published architecture (GLM, Du et al. 2022, arXiv 2103.10360; github.com/THUDM/ChatGLM-6B). What it does unlike others:

* A text is a *context* and, from `<sop>` on, a *target*. Context tokens see the whole context, target tokens what comes before them.
* Every token has two positions, one for each half of a head. In the context they are (index, 0), in the target (index of the mask token
  `[gMASK]` or `[MASK]`, 1, 2, 3 …).
* The residual branch is the *normalised* input, times a constant.

The fused, per-head query-key-value layer of the checkpoints is three layers here, so that tuning methods find what they find elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForCausalLM, Cache, DynamicCache, GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

MODEL_TYPE = "chatglm_6b"


class ChatGlmConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    """Sizes and special tokens; the defaults are ChatGLM-6B's."""

    model_type = MODEL_TYPE
    keys_to_ignore_at_inference = ("past_key_values",)

    vocab_size: int = 130_528
    hidden_size: int = 4096
    intermediate_size: int = 16_384
    num_hidden_layers: int = 28
    num_attention_heads: int = 32
    max_position_embeddings: int = 2048
    layer_norm_eps: float = 1e-5
    # The original derives it from a depth of 28 whatever the model's depth: (2 * 28) ** 0.5.
    residual_alpha: float = 56**0.5
    rope_theta: float = 10_000.0
    initializer_range: float = 0.02
    use_cache: bool = True
    bos_token_id: int | None = 130_004  # <sop>: the target begins
    eos_token_id: int | list[int] | None = 130_005  # <eop>
    mask_token_id: int = 130_000
    gmask_token_id: int = 130_001
    pad_token_id: int | None = 3
    tie_word_embeddings: bool = True

    @property
    def head_dim(self) -> int:
        """Size of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def num_key_value_heads(self) -> int:
        """Every head has keys and values of its own."""
        return self.num_attention_heads


@dataclass(frozen=True, slots=True)
class Layout:
    """Where context and target of each row meet; three tensors of shape (rows,). Kept on the cache between calls."""

    first: Tensor  # index of the first token that is no padding
    start: Tensor  # index of `<sop>`; the row's length where there is none
    mask: Tensor  # position of the mask token, counted from `first`

    @classmethod
    def of(cls, input_ids: Tensor, attention_mask: Tensor, config: ChatGlmConfig) -> "Layout":
        """Find the three in whole rows: `input_ids` and `attention_mask` are (rows, tokens)."""
        first = attention_mask.int().argmax(-1)
        real = attention_mask.bool()
        start = _index(real & (input_ids == config.bos_token_id), otherwise=input_ids.shape[1])
        global_mask = _index(real & (input_ids == config.gmask_token_id), otherwise=-1)
        blank = _index(real & (input_ids == config.mask_token_id), otherwise=0)
        return cls(first, start, (torch.where(global_mask >= 0, global_mask, blank) - first).clamp(min=0))

    def positions(self, past: int, length: int) -> Tensor:
        """The two positions of `length` tokens after `past` others: (rows, 2, length)."""
        index = torch.arange(past, past + length, device=self.first.device)[None]
        in_target = index >= self.start[:, None]
        position = torch.where(in_target, self.mask[:, None], (index - self.first[:, None]).clamp(min=0))
        block = torch.where(in_target, index - self.start[:, None] + 1, 0)
        return torch.stack((position, block), 1)


def _index(found: Tensor, *, otherwise: int) -> Tensor:
    """Index of the first True of each row."""
    return torch.where(found.any(-1), found.int().argmax(-1), otherwise)


def _rotary(positions: Tensor, size: int, theta: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines, (rows, 1, tokens, size), of positions (rows, tokens)."""
    # The checkpoints hold the frequencies in half precision, and were trained with them: rounding them is part of the model.
    steps = torch.arange(0, size, 2, device=positions.device, dtype=torch.float32) / size
    frequencies = (1.0 / theta**steps).half().float()
    angles = positions[..., None].float() * frequencies
    angles = torch.cat((angles, angles), -1)[:, None]
    return angles.cos().to(dtype), angles.sin().to(dtype)


def _turned(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    left, right = heads.chunk(2, -1)
    return heads * cos + torch.cat((-right, left), -1) * sin


class ChatGlmAttention(nn.Module):
    """Attention whose heads are turned by position in their first half and by block position in their second."""

    def __init__(self, config: ChatGlmConfig, layer_idx: int) -> None:
        super().__init__()
        size = config.hidden_size
        self.config, self.layer_idx = config, layer_idx
        self.head_dim, self.scaling, self.is_causal = config.head_dim, config.head_dim**-0.5, False
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(size, size) for _ in range(4))

    def forward(
        self,
        hidden_states: Tensor,
        rotary: tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]],
        attention_mask: Tensor,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """(rows, tokens, size) -> the same shape. `kwargs` go to the attention function: a tuning method's prefix, for one."""
        rows, tokens, size = hidden_states.shape
        layers = (self.q_proj, self.k_proj, self.v_proj)
        query, key, value = (layer(hidden_states).view(rows, tokens, -1, self.head_dim).transpose(1, 2) for layer in layers)
        query, key = (
            torch.cat([_turned(half, *angles) for half, angles in zip(heads.chunk(2, -1), rotary, strict=True)], -1)
            for heads in (query, key)
        )
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        # transformers has no "eager" in its table, every model brings its own; here that is SDPA as well.
        attend: Callable[..., tuple[Tensor, Any]] = ALL_ATTENTION_FUNCTIONS.get_interface(
            str(self.config._attn_implementation), sdpa_attention_forward
        )
        out, _ = attend(self, query, key, value, attention_mask, dropout=0.0, scaling=self.scaling, **kwargs)
        projected: Tensor = self.o_proj(out.reshape(rows, tokens, size))
        return projected


class ChatGlmMlp(nn.Module):
    """Two layers with GELU (tanh approximation) between them."""

    def __init__(self, config: ChatGlmConfig) -> None:
        super().__init__()
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(rows, tokens, size) -> the same shape."""
        out: Tensor = self.down_proj(functional.gelu(self.up_proj(hidden_states), approximate="tanh"))
        return out


class ChatGlmLayer(GradientCheckpointingLayer):  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    """One layer: what is added back is the normalised input times `residual_alpha`."""

    def __init__(self, config: ChatGlmConfig, layer_idx: int) -> None:
        super().__init__()
        self.alpha = config.residual_alpha
        self.input_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.self_attn = ChatGlmAttention(config, layer_idx)
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = ChatGlmMlp(config)

    def forward(self, hidden_states: Tensor, **kwargs: Any) -> Tensor:
        """(rows, tokens, size) -> the same shape."""
        hidden_states = self.input_layernorm(hidden_states)
        hidden_states = hidden_states * self.alpha + self.self_attn(hidden_states=hidden_states, **kwargs)
        hidden_states = self.post_attention_layernorm(hidden_states)
        out: Tensor = hidden_states * self.alpha + self.mlp(hidden_states)
        return out


class ChatGlmPreTrainedModel(PreTrainedModel):  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    """What transformers needs to know of the class."""

    config: ChatGlmConfig
    config_class = ChatGlmConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = ["ChatGlmLayer"]  # noqa: RUF012 - transformers' own way of saying it
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012 - likewise
    _supports_sdpa = True
    _supports_attention_backend = True


class ChatGlmModel(ChatGlmPreTrainedModel):  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    """The stack of layers."""

    def __init__(self, config: ChatGlmConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([ChatGlmLayer(config, index) for index in range(config.num_hidden_layers)])
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.gradient_checkpointing = False
        self.post_init()  # type: ignore[no-untyped-call]  # transformers leaves it untyped

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Run the layers over whole rows, or over what follows the rows in a cache; a context is never torn between two calls.

        Args:
            input_ids: (rows, tokens).
            attention_mask: (rows, tokens so far), 0 at padding; None: padding is what precedes the first token that is not `<pad>`.
            position_ids: (rows, 2, tokens); None, or of any other shape: told from the ids.
            past_key_values: the cache.
            inputs_embeds: in place of ids; needs `position_ids`.
            use_cache: whether to return one.
            kwargs: for the layers.
        """
        hidden = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        length = hidden.shape[1]
        if use_cache if use_cache is not None else self.config.use_cache:
            past_key_values = DynamicCache(config=self.config) if past_key_values is None else past_key_values
        past = int(past_key_values.get_seq_length()) if past_key_values is not None else 0
        if attention_mask is None and input_ids is not None and not past:
            attention_mask = input_ids.ne(self.config.pad_token_id or 0).int().cummax(-1).values
        if position_ids is None or position_ids.dim() != 3:
            position_ids = self._layout(input_ids, attention_mask, past_key_values, past).positions(past, length)
        keys = past_key_values.get_mask_sizes(length, 0)[0] if past_key_values is not None else length
        half, theta = self.config.head_dim // 2, self.config.rope_theta
        rotary = tuple(_rotary(position_ids[:, axis], half, theta, hidden.dtype) for axis in range(2))
        mask = self._mask(position_ids, attention_mask, past, keys)
        for layer in self.layers:
            hidden = layer(hidden, rotary=rotary, attention_mask=mask, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(hidden), past_key_values=past_key_values)

    def _layout(self, input_ids: Tensor | None, attention_mask: Tensor | None, cache: Cache | None, past: int) -> Layout:
        """The rows' layout, found in their beginning and kept on the cache for what follows."""
        if past:
            kept: Layout | None = getattr(cache, "chatglm_layout", None)
            if kept is None:
                raise ValueError("a cache that was filled elsewhere needs position_ids of shape (rows, 2, tokens)")
            return kept
        if input_ids is None:
            raise ValueError("inputs_embeds need position_ids of shape (rows, 2, tokens)")
        mask = attention_mask if attention_mask is not None else torch.ones_like(input_ids)
        layout = Layout.of(input_ids, mask[:, : input_ids.shape[1]], self.config)
        if cache is not None:
            cache.chatglm_layout = layout  # type: ignore[attr-defined]  # it belongs to the rows that the cache holds
        return layout

    def _mask(self, position_ids: Tensor, attention_mask: Tensor | None, past: int, keys: int) -> Tensor:
        """What may see what, (rows, 1, tokens, keys): everything before, and the context all of itself; padding only itself."""
        rows, _, length = position_ids.shape
        device = position_ids.device
        query, key = torch.arange(past, past + length, device=device)[:, None], torch.arange(keys, device=device)[None]
        in_context = functional.pad(position_ids[:, 1] == 0, (past, keys - past - length))
        allowed = (key <= query)[None] | in_context[:, None, :]
        if attention_mask is not None and attention_mask.dim() == 2:
            real = functional.pad(attention_mask[:, :keys].bool(), (0, max(0, keys - attention_mask.shape[1])))
            allowed = allowed & real[:, None, :]
        return (allowed | (key == query)[None]).expand(rows, length, keys)[:, None]


class ChatGlmForCausalLM(ChatGlmPreTrainedModel, GenerationMixin):
    """ChatGLM-6B with its output head."""

    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}  # noqa: RUF012 - likewise

    def __init__(self, config: ChatGlmConfig) -> None:
        super().__init__(config)
        self.model = ChatGlmModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers leaves it untyped

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """As `ChatGlmModel`, with logits (rows, tokens, vocabulary) of all or the last `logits_to_keep` tokens, and the labels' loss."""
        out = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            **kwargs,
        )
        logits = self.lm_head(out.last_hidden_state[:, -logits_to_keep:])
        loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size) if labels is not None else None
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=out.past_key_values)

    def prepare_inputs_for_generation(  # type: ignore[override]  # the arguments it does not use are in kwargs
        self,
        input_ids: Tensor,
        next_sequence_length: int | None = None,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The step's inputs: positions are told from the rows as a whole, so that beams may be reordered at will."""
        count = next_sequence_length or input_ids.shape[1]
        whole = attention_mask if attention_mask is not None else torch.ones_like(input_ids)
        layout = Layout.of(input_ids, whole, self.config)
        return {
            "input_ids": input_ids[:, -count:].contiguous(),
            "position_ids": layout.positions(input_ids.shape[1] - count, count),
            "past_key_values": past_key_values,
            "attention_mask": attention_mask,
            **{key: kwargs[key] for key in ("use_cache", "logits_to_keep") if key in kwargs},
        }


def register() -> None:
    """Let transformers' Auto classes find the class by its `model_type`. Calling it again changes nothing."""
    AutoConfig.register(MODEL_TYPE, ChatGlmConfig, exist_ok=True)
    AutoModelForCausalLM.register(ChatGlmConfig, cast(Any, ChatGlmForCausalLM), exist_ok=True)
