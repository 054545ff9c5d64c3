"""The README of an adapter or a merged model: what it was made of, how to serve it, and what its base's licence asks for."""

from typing import Literal

from finetune.checkpoint import AdapterInfo
from finetune.known_models import LICENCES, Licence

Program = Literal["vLLM", "llama.cpp", "clone-agent"]

_PRIVATE = "It can repeat them: keep it as private as they are."
_SERVE: dict[Program, str] = {
    "vLLM": "Serve it with `vllm serve FOLDER$OPTIONS`, then let the clone answer through it: `clone-agent chat --server http://127.0.0.1:8000/v1`.",
    "llama.cpp": "Turn it into a GGUF with llama.cpp: `python convert_hf_to_gguf.py FOLDER`, then `llama-quantize` and `llama-server`.",
    "clone-agent": "ChatGLM-6B's class is clone-agent's own, so no server loads it: `clone-agent chat --base FOLDER --adapter none` does.",
}


def model_card(info: AdapterInfo, *, precision: str, program: Program, vllm_options: str = "") -> str:
    """The card of a merged model that a program is to serve, in Markdown."""
    licence = LICENCES.get(str(info.manifest["base"].get("licence")))
    lines = [
        f"# {_title(info.name, licence)}",
        "",
        f"Made by clone-agent from {info.base} ({info.method}, merged, {precision}) on one person's own chats.",
        _PRIVATE,
        "",
        _SERVE[program].replace("$OPTIONS", f" {vllm_options}" if vllm_options else ""),
        *_licence_lines(licence),
    ]
    return "\n".join(lines)


def adapter_card(name: str, *, base: str, method: str, licence: Licence | None) -> str:
    """The card of an adapter, in Markdown, with the head that the hub reads."""
    lines = [
        "---",
        f"base_model: {base}",
        "tags: [clone-agent]",
        "---",
        f"# {_title(name, licence)}",
        "",
        f"An adapter for {base}, made by clone-agent ({method}) on one person's own chats.",
        _PRIVATE,
        *_licence_lines(licence),
    ]
    return "\n".join(lines)


def _title(name: str, licence: Licence | None) -> str:
    """The name under which it may be passed on."""
    prefix = licence.prefix if licence else None
    return name if prefix is None or name.lower().startswith(prefix.lower()) else f"{prefix}-{name}"


def _licence_lines(licence: Licence | None) -> list[str]:
    if licence is None:
        return []
    built = [f"**Built with {licence.prefix}**", ""] if licence.prefix else []
    return ["", "## Licence of the base", "", *built, f"{licence.name}: {licence.duty}"]
