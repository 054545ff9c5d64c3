"""A prefix of keys and values in every layer, given to the attention function and never to the cache.

Positions therefore stay what they were, and it works with every kind of cache, without one, with left padding, with beams, and under
gradient checkpointing; packed rows all see the prefix. The table travels as a keyword argument from the decoder to its layers, so no
state is kept between calls. Prefix tuning is Li & Liang 2021 (arXiv 2101.00190), in every layer P-Tuning v2, Liu et al. 2022
(arXiv 2110.07602).
"""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedConfig, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from finetune.methods.adapter import decoder

ATTENTION = "clone_agent_prefix"  # the attention implementation's name at transformers


class PrefixEncoder(nn.Module):
    """The trained table, laid out as ChatGLM's PrefixEncoder: (num_virtual_tokens, layers * 2 * key-value heads * head size).

    With `hidden_size` the table is what a two-layer network makes of a small one (reparameterisation), which learns in fewer steps.
    """

    def __init__(self, model: PreTrainedModel, num_virtual_tokens: int, hidden_size: int | None = None) -> None:
        super().__init__()
        config = model.config
        self.shape = (num_virtual_tokens, *_token_shape(config))
        width = table_width(config)
        self.embedding = nn.Embedding(num_virtual_tokens, config.hidden_size if hidden_size else width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.trans: nn.Sequential | None = None
        if hidden_size:
            self.trans = nn.Sequential(nn.Linear(config.hidden_size, hidden_size), nn.Tanh(), nn.Linear(hidden_size, width))
        self._projected: tuple[int, Tensor] | None = None  # (sum of the parameters' versions, table), kept while answering

    def forward(self) -> Tensor:
        """The table as (layers, 2, key-value heads, num_virtual_tokens, head size)."""
        return self._table().view(self.shape).permute(1, 2, 3, 0, 4)

    def _table(self) -> Tensor:
        if self.trans is None:
            return self.embedding.weight
        if torch.is_grad_enabled():
            # A step may follow, and FSDP and ZeRO move numbers without counting versions.
            self._projected = None
            projected: Tensor = self.trans(self.embedding.weight)
            return projected
        version = sum(parameter._version for parameter in self.parameters())
        if self._projected is None or self._projected[0] != version or self._projected[1].device != self.embedding.weight.device:
            self._projected = (version, self.trans(self.embedding.weight))
        return self._projected[1]


def table_width(config: PreTrainedConfig) -> int:
    """How many numbers of the table belong to one virtual token."""
    return math.prod(_token_shape(config))


def _token_shape(config: PreTrainedConfig) -> tuple[int, int, int, int]:
    """(layers, 2, key-value heads, head size): keys and values of one virtual token."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(config.num_hidden_layers), 2, int(heads), int(head_size)


class PrefixSwitch:
    """Gives the prefix to the decoder's layers while it is on."""

    def __init__(self, model: PreTrainedModel, encoder: PrefixEncoder) -> None:
        self.on = True
        self._model, self._encoder, self._before = model, encoder, str(model.config._attn_implementation)
        AttentionInterface.register(ATTENTION, prefix_attention)
        AttentionMaskInterface.register(ATTENTION, _explicit_mask)
        model.set_attn_implementation(ATTENTION)
        self._hook = decoder(model).register_forward_pre_hook(self._give, with_kwargs=True)

    def _give(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (args, {**kwargs, "prefix": self._encoder()}) if self.on else (args, kwargs)

    def remove(self) -> None:
        """Leave the model as it was."""
        self._hook.remove()
        self._model.set_attn_implementation(self._before)


def prefix_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    prefix: Tensor | None = None,
    prefix_gate: Tensor | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention over the prefix and the text.

    Args:
        module: the layer's attention; its `layer_idx` selects the prefix.
        query: (batch, heads, queries, head size).
        key: (batch, key-value heads, keys, head size).
        value: of the same shape.
        attention_mask: (batch, 1, queries, keys), True or 0 where attention is allowed; None: causal.
        prefix: the table from `PrefixEncoder`; None: plain attention.
        prefix_gate: (batch, 1, queries, 1), the logarithm of how much of the prefix each query sees; None: all of it.
        kwargs: handed on to transformers' own attention.
    """
    if prefix is None:
        return _sdpa(module, query, key, value, attention_mask, **kwargs)
    batch, _, queries, _ = query.shape
    layer = prefix[cast(int, module.layer_idx)].to(query.dtype)[:, None].expand(-1, batch, -1, -1, -1)
    if attention_mask is None:
        keys = key.shape[2]
        attention_mask = torch.ones(queries, keys, dtype=torch.bool, device=query.device).tril(keys - queries)[None, None]
    mask = _widened(attention_mask.expand(batch, -1, -1, -1), layer.shape[3], prefix_gate, query.dtype)
    kwargs["is_causal"] = False
    return _sdpa(module, query, torch.cat((layer[0], key), 2), torch.cat((layer[1], value), 2), mask, **kwargs)


def _widened(mask: Tensor, prefix_length: int, gate: Tensor | None, dtype: torch.dtype) -> Tensor:
    """The mask with columns for the prefix on its left: allowed, or with the gate's logarithm added to the scores."""
    if mask.dtype == torch.bool and gate is None:
        return functional.pad(mask, (prefix_length, 0), value=True)
    if mask.dtype == torch.bool:
        mask = torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(~mask, torch.finfo(dtype).min)
    columns = mask.new_zeros((*mask.shape[:3], prefix_length))
    return torch.cat((columns if gate is None else columns + gate.to(dtype), mask.to(dtype)), -1)


def _explicit_mask(*args: Any, **kwargs: Any) -> Tensor | None:
    # transformers leaves the mask out where plain causal attention would do; with a prefix, and with a static cache, it is needed.
    mask: Tensor | None = sdpa_mask(*args, **{**kwargs, "allow_is_causal_skip": False})
    return mask


_sdpa: Callable[..., tuple[Tensor, None]] = sdpa_attention_forward
