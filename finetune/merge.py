"""An adapter and its base as one plain model folder: for vLLM, for llama.cpp, for anything that reads Hugging Face's layout.

LoRA is added to the weights it belongs to; full tuning is such a model already. A prefix and gates that depend on the text are no weights
of a plain model, so `ptuning` and `unipelt` answer through this program only. So does a merged ChatGLM-6B: its class is this program's own.

The chat template that is written renders a talk as the adapter was trained on it, and the stop tokens stand in both configurations, so that
a server stops where a reply ends.
"""

import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedConfig, PreTrainedTokenizerBase

from clone_agent.errors import ModelError, UsageError
from clone_agent.records import ChatTurn
from clone_agent.storage import require_space
from finetune.adapter_files import load_adapter
from finetune.chat_format import GlmFormat
from finetune.chatglm import modeling
from finetune.checkpoint import AdapterInfo, check_base, read_adapter
from finetune.files import replacing_folder, write_json, write_lines
from finetune.generate import Sampling
from finetune.glm import LoadedModel, load_model, require_words
from finetune.methods.adapter import move
from finetune.methods.registry import METHODS, find_method
from finetune.model_card import Program, model_card
from finetune.model_files import SHIPPED_NAME, find_model

TARGETS = ("hf", "gguf")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
SHARD = "4GB"
_ROPE_BASE = 10_000.0  # llama.cpp multiplies it by `rope_ratio`
_VLLM_TURNS = 0.5  # share of a head
_TALK = (ChatTurn(role="system", text="你好"), ChatTurn(role="user", text="hi"), ChatTurn(role="assistant", text="嗯"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeReport:
    """What was written."""

    folder: Path
    adapter: str
    base: str
    method: str
    precision: str
    parameters: int
    bytes: int
    template_matches: bool  # the written chat template gives the very token ids of the training
    served_here_only: bool  # the class is this program's own, so neither vLLM nor llama.cpp knows it
    vllm_options: str  # what `vllm serve` must be told besides the folder; "" for nothing


def merge(adapter_folder: Path, out: Path, *, to: str = "hf", precision: str | None = None) -> MergeReport:
    """Write the model that an adapter makes of its base.

    Args:
        adapter_folder: `<home>/adapters/<name>`.
        out: the folder to write; it appears whole or not at all.
        to: `hf`, or `gguf` for a folder that llama.cpp's `convert_hf_to_gguf.py` reads without mistakes (not of the model that ships,
            whose tokenizer it does not know).
        precision: one of `PRECISIONS`; None: that of the base's files.

    Raises:
        UsageError: `out` holds something already, or there is no such target or precision.
        ModelError: the method cannot be merged, base or adapter do not load, or the target does not know this kind of model.
        CloneError: the disk is too full.
    """
    if to not in TARGETS:
        raise UsageError("There is no such target.", remedy=f"Choose one of {', '.join(TARGETS)}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError("The folder to write is not empty.", remedy="Name a new one.")
    info = read_adapter(adapter_folder)
    make_plain = find_method(info.method).merge
    if make_plain is None:
        able = ", ".join(name for name, method in METHODS.items() if method.merge is not None)
        raise ModelError(
            f"A {info.method} adapter is no part of a plain model, so it cannot be merged.",
            remedy=f"Tune with one of {able}, or let clone-agent itself answer.",
        )
    files = find_model(None if info.base == SHIPPED_NAME else info.base)
    check_base(info, files)
    kind = _precision(precision, files.config)
    require_space(out, files.parameters * PRECISIONS[kind].itemsize, what="The merged model")
    require_words(None if info.base == SHIPPED_NAME else info.base)
    loaded = load_model(None if info.base == SHIPPED_NAME else info.base, device="cpu")
    adapter = load_adapter(adapter_folder, loaded)
    extra = gguf_fields(loaded) if to == "gguf" else {}
    make_plain(adapter)
    move(loaded.model, PRECISIONS[kind])
    with replacing_folder(out) as folder:
        matches = _write(folder, loaded, info, kind=kind, extra=extra)
    return MergeReport(
        folder=out,
        adapter=info.name,
        base=loaded.name,
        method=info.method,
        precision=kind,
        parameters=sum(parameter.numel() for parameter in loaded.model.parameters()),
        bytes=sum(path.stat().st_size for path in out.iterdir()),
        template_matches=matches,
        served_here_only=loaded.model.config.model_type == modeling.MODEL_TYPE,
        vllm_options=vllm_options(loaded.model.config),
    )


def _write(folder: Path, loaded: LoadedModel, info: AdapterInfo, *, kind: str, extra: Mapping[str, Any]) -> bool:
    """Fill the folder; return whether the chat template gives the training's token ids."""
    model, tokenizer = loaded.model, loaded.tokenizer
    stop, usual = list(loaded.format.stop_ids), Sampling()
    model.config.eos_token_id = stop
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        eos_token_id=stop, pad_token_id=model.config.pad_token_id, do_sample=True, temperature=usual.temperature, top_p=usual.top_p
    )
    with redirect_stdout(sys.stderr):  # it imports DeepSpeed where that is installed, which would log to where results go
        model.save_pretrained(folder, max_shard_size=SHARD)
    if isinstance(loaded.format, GlmFormat):
        tokenizer.chat_template = glm_template(loaded.format)
    tokenizer.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write_json(folder / "config.json", {**config, **extra})
    card = model_card(info, precision=kind, program=_program(loaded, extra), vllm_options=vllm_options(model.config))
    write_lines(folder / "README.md", [card])
    ids = tokenizer.apply_chat_template(
        [{"role": turn.role, "content": turn.text} for turn in _TALK], add_generation_prompt=True, return_dict=False
    )
    return bool(ids == loaded.format.prompt_ids(_TALK))


def _program(loaded: LoadedModel, extra: Mapping[str, Any]) -> Program:
    """What will serve the folder."""
    if loaded.model.config.model_type == modeling.MODEL_TYPE:
        return "clone-agent"
    return "llama.cpp" if extra else "vLLM"


def vllm_options(config: PreTrainedConfig) -> str:
    """What `vllm serve` must be told so that it computes what the model computes.

    The GlmForCausalLM that vLLM had of its own turns half of each head whatever config.json says (its model_executor/models/glm.py sets
    `partial_rotary_factor` to 0.5), which is wrong for GLM-Edge. Through transformers' class, which vLLM runs as well, and which 0.32.0
    takes by itself, it goes by the configuration.
    """
    turned = (config.rope_parameters or {}).get("partial_rotary_factor") if config.model_type == "glm" else _VLLM_TURNS
    return "" if turned == _VLLM_TURNS else "--model-impl transformers"


def glm_template(chat_format: GlmFormat) -> str:
    """GLM's chat template as Jinja: what `GlmFormat.prompt_ids` writes."""
    start = "".join(chat_format.family.start)
    separator = json.dumps(chat_format.family.separator)
    return (
        f"{start}{{%- for message in messages -%}}<|{{{{ message['role'] }}}}|>{{{{ {separator} + message['content'] }}}}{{%- endfor -%}}"
        '{%- if add_generation_prompt -%}<|assistant|>{{ "\\n" }}{%- endif -%}'
    )


def gguf_fields(loaded: LoadedModel) -> dict[str, Any]:
    """What llama.cpp's converter looks for at the top level of config.json and transformers 5 keeps elsewhere or under another name.

    For `GlmForCausalLM` it takes half the head for rotary positions unless `partial_rotary_factor` says otherwise, 10,000 for the base
    unless `rope_ratio` does, the hidden size for the context unless `seq_length` does, and 1e-5 for the norms unless `layernorm_epsilon`
    does (its conversion/chatglm.py). The converter of `Glm4ForCausalLM` reads the first of these only.

    Raises:
        ModelError: the converter does not know this kind of model, its positions, or its tokenizer.
    """
    config = loaded.model.config
    if config.model_type not in ("glm", "glm4"):
        raise ModelError(f"llama.cpp's converter knows no {config.model_type} that this program writes.", remedy="Use --to hf.")
    if "<|endoftext|>" not in loaded.tokenizer.get_added_vocab():
        raise ModelError(
            "llama.cpp's converter reads GLM tokenizers with <|endoftext|> only; this one, of ChatGLM2 or 3, has none.",
            remedy="Use --to hf and serve it with vLLM.",
        )
    if not _is_byte_level(loaded.tokenizer):
        raise ModelError(
            "llama.cpp's converter reads the tokenizers of released GLMs, which work on bytes; that of this model is none of them.",
            remedy="Use --to hf, or tune a released GLM such as zai-org/glm-edge-1.5b-chat.",
        )
    rope = config.rope_parameters
    if rope.get("rope_type", "default") != "default":
        raise ModelError(f"llama.cpp's converter does not know {rope['rope_type']} positions for GLM.", remedy="Use --to hf.")
    top = {"partial_rotary_factor": rope["partial_rotary_factor"], "rope_theta": rope["rope_theta"]}
    if config.model_type == "glm4":
        return top
    return top | {
        "rope_ratio": rope["rope_theta"] / _ROPE_BASE,
        "attention_dim": config.head_dim,
        "seq_length": config.max_position_embeddings,
        "layernorm_epsilon": config.rms_norm_eps,
        "padded_vocab_size": config.vocab_size,
    }


def _is_byte_level(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether a fast tokenizer turns texts into bytes before it merges anything."""
    cut = json.loads(tokenizer.backend_tokenizer.to_str())["pre_tokenizer"] or {}
    return any(step["type"] == "ByteLevel" for step in (cut, *cut.get("pretokenizers", ())) if "type" in step)


def _precision(wanted: str | None, config: Mapping[str, Any]) -> str:
    kind = wanted or str(config.get("dtype") or config.get("torch_dtype") or "float32")
    if kind not in PRECISIONS:
        raise UsageError("There is no such precision.", remedy=f"Choose one of {', '.join(PRECISIONS)}.")
    return kind
