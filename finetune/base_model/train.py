"""Train the small GLM: `python -m finetune.base_model.train --corpora DIR --out DIR --stage warmup|pointing|main [--resume]`.

`--out` keeps the tokenizer, `checkpoint.pt` and `progress.jsonl`. The main stage starts from the warm-up's checkpoint; a killed stage goes
on with `--resume`. `--export DIR` writes the weights that ship.
"""

import argparse
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import Any

import torch
from transformers import AutoTokenizer, GlmForCausalLM, PreTrainedTokenizerFast

from finetune.base_model.architecture import SHAPES, build_model
from finetune.base_model.copying import Vocabulary, copy_item, lookup_item, pointing_item, record_item
from finetune.base_model.corpora import invented_dialogues, read_dialogues
from finetune.base_model.evaluate import draw_probes, measure_reading
from finetune.base_model.items import Batch, Item, collate
from finetune.base_model.loop import LoopConfig, Optimizers, Progress, load_checkpoint, train_stage
from finetune.base_model.mixture import Mixture, Recipe
from finetune.base_model.reading import draw_frame
from finetune.base_model.small_talk import gather
from finetune.base_model.tokenizer import build_tokenizer

LINES = 3  # recalled lines that the agent gives it at most: of six it picks no better than their order does
TEMPERATURE = 0.3  # low: it quotes, and a wrong character is a wrong answer


def warmup_batches(tokenizer: PreTrainedTokenizerFast, *, items: int = 32, seed: int = 0) -> Callable[[Progress], Sequence[Item]]:
    """Batches of the warm-up: copying; once that works, one half keyed lines, more of them as the accuracy rises."""
    vocabulary = Vocabulary(tokenizer)

    def batch(progress: Progress) -> Sequence[Item]:
        vocabulary.size = progress.vocabulary or vocabulary.size
        vocabulary.grow(progress.accuracy)
        progress.vocabulary = vocabulary.size
        rng = Random(f"{seed} warmup {progress.step}")
        if progress.vocabulary > 8_000 and progress.step % 8:
            progress.lines = min(12.0, progress.lines + 0.02 * (progress.found > 0.9))
            return [
                record_item(vocabulary, rng, lines=rng.choice((1, rng.randint(2, int(progress.lines) + 1)))) for _ in range(items * 3 // 8)
            ]
        if progress.vocabulary > 1_000 and progress.step % 16:
            lines = rng.randint(2, 4 if progress.vocabulary < 4_000 else 8)
            return [lookup_item(vocabulary, rng, lines=lines) for _ in range(items * 2 // 3)]
        return [copy_item(vocabulary, rng) for _ in range(items)]

    return batch


def pointing_batches(
    tokenizer: PreTrainedTokenizerFast, sentences: Sequence[str], *, items: int = 12, seed: int = 0
) -> Callable[[Progress], Sequence[Item]]:
    """Batches of the second stage: pointing at a line by its words, more lines as the accuracy rises, among tasks of the warm-up."""
    vocabulary = Vocabulary(tokenizer, size=len(tokenizer))

    def batch(progress: Progress) -> Sequence[Item]:
        rng = Random(f"{seed} pointing {progress.step}")
        if progress.step % 8 == 0:
            return [copy_item(vocabulary, rng) for _ in range(items * 2)]
        if progress.step % 8 == 1:
            return [lookup_item(vocabulary, rng, lines=rng.randint(2, 8)) for _ in range(items)]
        hardness = progress.lines = min(12.0, progress.lines + 0.04 * (progress.found > 0.85))
        most, length, header = min(4, int(hardness) + 1), min(24, round(4 * hardness - 6)), min(28, max(0, round(4.5 * (hardness - 3))))
        return [
            pointing_item(
                vocabulary,
                rng,
                lines=rng.choice((most, rng.randint(2, most))),
                length=length,
                header=header,
                sentences=sentences,
                frame=draw_frame(rng) if rng.random() < 0.2 * (hardness - 7) else ("", ""),
            )
            for _ in range(round(items / (1 + 0.08 * hardness)))
        ]

    return batch


def load_tokenizer(corpora: Path, out: Path) -> PreTrainedTokenizerFast:
    """The tokenizer in `out`, made from the corpora at the first call."""
    folder = out / "tokenizer"
    if not (folder / "tokenizer.json").is_file():
        build_tokenizer(text for dialogue in read_dialogues(corpora) for text in dialogue.turns).save_pretrained(folder)
    return read_tokenizer(folder)


def read_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer that a folder holds."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    return tokenizer


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one stage from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, required=True, help="folder with the training text")
    parser.add_argument("--out", type=Path, required=True, help="folder for the tokenizer, the checkpoint and the log")
    parser.add_argument("--stage", choices=("warmup", "pointing", "main"), required=True)
    parser.add_argument("--shape", choices=tuple(SHAPES), default="small")
    parser.add_argument("--tokens", type=int, help="length of the stage (default: 4 M for the warm-up, 35 M for the main stage)")
    parser.add_argument("--minutes", type=float, help="end the main stage after so long, its rate falling by the clock")
    parser.add_argument("--evaluate-every", type=int, default=600, metavar="STEPS", help="ask held-out questions in the main stage")
    parser.add_argument("--batch-tokens", type=int, default=Recipe().batch_tokens)
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="highest rate of the main stage")
    parser.add_argument("--embedding-share", type=float, default=1.0, help="share of it for the embeddings")
    parser.add_argument("--half", action="store_true", help="compute in bfloat16 (always on a GPU)")
    parser.add_argument("--compile", action="store_true", help="compile the model first, for long stages")
    parser.add_argument("--from", dest="start", type=Path, help="start the main stage from this model instead of the warm-up's checkpoint")
    parser.add_argument("--lines", type=int, nargs=2, metavar=("FIRST", "MOST"), help="lines of a memory block, at first and in the end")
    parser.add_argument("--seed", type=int, default=0, help="another one for a stage that goes on from a model which has seen this one's")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw batches of the main stage ahead, for a GPU")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on with a stage that was stopped")
    parser.add_argument("--export", type=Path, help="at the end, write config, weights and tokenizer there")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if options.start:
        tokenizer = read_tokenizer(options.start)
        model = GlmForCausalLM.from_pretrained(options.start, dtype=torch.float32)
    else:
        tokenizer = load_tokenizer(options.corpora, options.out)
        model = build_model(SHAPES[options.shape], tokenizer)
    if device.type == "cpu":
        model.set_attn_implementation("eager")  # the fused kernel's backward pass is slow there for talks of this length
    model.to(device)  # type: ignore[arg-type]  # its wrapper loses the overloads
    is_warmup = options.stage == "warmup"
    optimizers = Optimizers(model, embedding_share=options.embedding_share, embedding_epsilon=1e-8 if is_warmup else 1e-4)
    progress = Progress(stage=options.stage)
    if options.resume or not (is_warmup or options.start):
        progress = load_checkpoint(options.out, model, optimizers, stage=options.stage)
    shared: dict[str, Any] = {"half": options.half or device.type == "cuda", "compiled": options.compile}
    if is_warmup:
        config = LoopConfig(tokens=options.tokens or 4_000_000, decay_share=0.0, learning_rate=2e-3, log_every=50, **shared)
        train_stage(model, optimizers, progress, config=config, batch=warmup_batches(tokenizer), out=options.out)
    elif options.stage == "pointing":
        sentences = gather(read_dialogues(options.corpora)).sentences["zh"]
        config = LoopConfig(tokens=options.tokens or 3_000_000, learning_rate=options.learning_rate, log_every=50, **shared)
        train_stage(model, optimizers, progress, config=config, batch=pointing_batches(tokenizer, sentences), out=options.out)
    else:
        if options.minutes:
            shared["seconds"] = 60 * options.minutes
        shared |= {"learning_rate": options.learning_rate, "evaluate_every": options.evaluate_every}
        config = LoopConfig(tokens=options.tokens or 35_000_000, **shared)
        recipe = Recipe(batch_tokens=options.batch_tokens)
        if options.lines:
            recipe = replace(recipe, first_lines=options.lines[0], most_lines=options.lines[1])
        if options.start:  # which has seen every scene
            recipe = replace(recipe, varied_at=1)
        run_main(
            model, tokenizer, optimizers, progress, config, options.out, options.corpora, recipe, seed=options.seed, workers=options.workers
        )
    if options.export:
        export(model, tokenizer, options.export)


def run_main(
    model: GlmForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    optimizers: Optimizers,
    progress: Progress,
    config: LoopConfig,
    out: Path,
    corpora: Path,
    recipe: Recipe,
    *,
    seed: int = 0,
    workers: int = 0,
) -> None:
    """The main stage: reading, chat and some copying, with held-out questions asked every so often."""
    corpus = gather(chain(read_dialogues(corpora), invented_dialogues()))
    probes, easy = draw_probes(corpus, size=160), draw_probes(corpus, size=80, lines=3)
    mixture = Mixture(tokenizer, corpus, recipe, seed=seed)
    train_stage(
        model,
        optimizers,
        progress,
        config=config,
        batch=ahead(mixture, progress.step, workers) if workers else mixture.batch,
        out=out,
        evaluate=lambda trained, _: (
            measure_reading(trained, tokenizer, probes)
            | {f"easy.{name}": value for name, value in measure_reading(trained, tokenizer, easy).items() if "kind" not in name}
        ),
    )


class Groups(torch.utils.data.Dataset[list[Batch]]):
    """A mixture's batches by their groups, for processes that draw them."""

    def __init__(self, mixture: Mixture) -> None:
        self._mixture = mixture

    def __getitem__(self, number: int) -> list[Batch]:
        return [collate(items, pad=self._mixture.pad) for items in self._mixture.group(number)]


def ahead(mixture: Mixture, step: int, workers: int) -> Callable[[Progress], Batch]:
    """The batches that `mixture.batch` gives from a step on, drawn ahead by other processes."""
    size = mixture.recipe.group
    groups = torch.utils.data.DataLoader(
        Groups(mixture), batch_size=None, sampler=range(step // size, 1 << 40), num_workers=workers, prefetch_factor=4
    )
    batches: Iterator[Batch] = islice(chain.from_iterable(groups), step % size, None)
    return lambda _: next(batches)


def export(model: GlmForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write what `from_pretrained` needs, the weights in half precision."""
    half = copy.deepcopy(model).cpu().half()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    half.generation_config.pad_token_id = tokenizer.pad_token_id
    half.generation_config.update(do_sample=True, temperature=TEMPERATURE, top_p=0.8)
    half.config.recalled_lines, half.config.recalled_quoted = LINES, "each"
    half.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main()
