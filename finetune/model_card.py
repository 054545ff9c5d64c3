"""The README of a merged model: what it was made of, how to serve it, and what its base's licence asks for."""

from finetune.checkpoint import AdapterInfo

_SERVE = "Serve it with `vllm serve FOLDER`, then let the clone answer through it: `clone-agent chat --server http://127.0.0.1:8000/v1`."
_GGUF = "Turn it into a GGUF with llama.cpp: `python convert_hf_to_gguf.py FOLDER`, then `llama-quantize` and `llama-server`."


def model_card(info: AdapterInfo, *, precision: str, for_gguf: bool) -> str:
    """The card, in Markdown."""
    lines = [
        f"# {info.name}",
        "",
        f"Made by clone-agent from {info.base} ({info.method}, merged, {precision}) on one person's own chats.",
        "It can repeat them: keep it as private as they are.",
        "",
        _GGUF if for_gguf else _SERVE,
    ]
    return "\n".join(lines)
