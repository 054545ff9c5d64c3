"""Train the embedding model that ships: `python -m memory.embedding.train --corpora DIR --out DIR [--exclude DIR]`.

A static model: one vector for each piece of the tokenizer, a text is the mean of its pieces. Trained with in-batch negatives and a hard
negative (`MultipleNegativesRankingLoss`), stored as 8-bit integers with one scale a row. A training that was killed goes on where it was
when it is started again with the same arguments. One thread, no accelerator: the whole run takes about half an hour on a laptop.
"""

import argparse
import json
import logging
import shutil
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from tokenizers import Tokenizer
from torch.nn.functional import embedding_bag

from memory.embedding.corpora import Dialogue, Exclusions, is_han, read_dialogues
from memory.embedding.pairs import Corpus, PairSampler, Triplet, encode_corpus
from memory.embedding.vocabulary import build_tokenizer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """Settings of a run; they are written beside the model."""

    dimension: int = 320
    vocabulary: int = 30_000
    steps: int = 20_000
    batch: int = 512
    learning_rate: float = 0.02
    latin_share: float = 0.15  # of the batches
    seed: int = 1


def train(
    corpora: Path, out: Path, *, exclude: Path | None = None, options: TrainOptions = TrainOptions(), save_every: int = 2_000
) -> Path:
    """Train on the dialogues below `corpora` and write the model to `out`; returns `out`.

    Args:
        corpora: see `memory.embedding.corpora` for the formats.
        out: the model in sentence-transformers format; `out`/training holds the resumable state until the end.
        exclude: a folder of evaluation sets whose text is kept out, turn by turn.
        options: settings.
        save_every: steps between two resumable states; each also renews the model in `out`.
    """
    state = out / "training"
    state.mkdir(parents=True, exist_ok=True)
    tokenizer, samplers = _prepare(corpora, exclude, state, options)
    model = SentenceTransformer(modules=[_initial(tokenizer, samplers, options), Normalize()], device="cpu")
    _optimise(model, samplers, options, state, out, save_every)
    _write(model, out, options)
    shutil.rmtree(state)
    return out


def _prepare(corpora: Path, exclude: Path | None, state: Path, options: TrainOptions) -> tuple[Tokenizer, list[tuple[Corpus, PairSampler]]]:
    tokenizer_path = state / "tokenizer.json"
    dialogues = clean_dialogues(corpora, Exclusions(exclude))
    if tokenizer_path.is_file():
        tokenizer = Tokenizer.from_file(str(tokenizer_path))
    else:
        words = Counter(word for d in dialogues if len(d.turns) == 1 for word in d.turns[0].split())
        texts = (text for number, d in enumerate(dialogues) if number % 2 == 0 or d.source != "smilechat" for text in d.turns)
        tokenizer = build_tokenizer(texts, size=options.vocabulary, words=words)
        tokenizer.save(str(tokenizer_path), pretty=False)
    samplers = []
    for han in (True, False):
        if chosen := [dialogue for dialogue in dialogues if _is_han_dialogue(dialogue) == han]:
            corpus = encode_corpus(chosen, tokenizer, han=han)
            samplers.append((corpus, PairSampler(corpus, tokenizer)))
    return tokenizer, samplers


def clean_dialogues(corpora: Path, exclusions: Exclusions) -> list[Dialogue]:
    """The dialogues that are trained on: turns and facts that share a run of text with an excluded one are emptied."""
    kept = []
    for dialogue in read_dialogues(corpora):
        turns = tuple("" if exclusions.overlaps(turn) else turn for turn in dialogue.turns)
        facts = tuple(fact for fact in dialogue.facts if not any(map(exclusions.overlaps, fact)))
        kept.append(Dialogue(dialogue.source, turns, facts))
    return kept


def _is_han_dialogue(dialogue: Dialogue) -> bool:
    return any(is_han(char) for turn in dialogue.turns[:2] for char in turn[:40])


def _initial(tokenizer: Tokenizer, samplers: list[tuple[Corpus, PairSampler]], options: TrainOptions) -> StaticEmbedding:
    """Random directions; frequent pieces start short (smooth inverse frequency, Arora et al. 2017)."""
    size = tokenizer.get_vocab_size()
    counts = sum((np.bincount(corpus.ids, minlength=size) for corpus, _ in samplers), np.zeros(size))
    weight = 1e-3 / (1e-3 + counts / counts.sum())
    vectors = np.random.default_rng(options.seed).normal(size=(size, options.dimension)) * weight[:, None]
    return StaticEmbedding(tokenizer, embedding_weights=torch.from_numpy(vectors.astype(np.float32)))


def _optimise(
    model: SentenceTransformer,
    samplers: list[tuple[Corpus, PairSampler]],
    options: TrainOptions,
    state: Path,
    out: Path,
    save_every: int,
) -> None:
    loss = MultipleNegativesRankingLoss(model, scale=20.0)
    rows = RowAdam.start(_static(model).embedding.weight.data, state / "state.pt")
    first, started, running = rows.step, time.monotonic(), 0.0
    for step in range(first, options.steps):
        rng = np.random.default_rng((options.seed, step))
        sampler = samplers[-1 if rng.random() < options.latin_share else 0][1]
        used, embeddings = _embed(rows.vectors, sampler.batch(options.batch, rng))
        value = loss.compute_loss_from_embeddings(list(torch.split(embeddings, options.batch)), torch.empty(0))
        torch.autograd.backward(value)
        rows.update(used, options.learning_rate * min(1.0, (step + 1) / 200, (options.steps - step) / (0.8 * options.steps)))
        running += (float(value.detach()) - running) * (0.02 if step > first else 1.0)
        if (step + 1) % 200 == 0:
            log.info("step %d loss %.3f %.1f steps/s", step + 1, running, (step + 1 - first) / (time.monotonic() - started))
        if (step + 1) % save_every == 0:
            rows.save(state / "state.pt")
            _write(model, out, options)


def _embed(vectors: torch.Tensor, triplets: list[Triplet]) -> tuple["Rows", torch.Tensor]:
    """The means of the pieces, anchors first, then positives, then negatives: shape (3 * batch, dimension).

    The gradient goes to the rows in use only, since the whole table would cost ten times the time.
    """
    texts = [text for column in zip(*triplets, strict=True) for text in column]
    ids = torch.from_numpy(np.concatenate(texts).astype(np.int64))
    offsets = torch.from_numpy(np.cumsum([0, *map(len, texts)])[:-1])
    numbers, places = torch.unique(ids, return_inverse=True)
    rows = Rows(numbers, vectors[numbers].requires_grad_())
    return rows, embedding_bag(places, rows.vectors, offsets, mode="mean")


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of the table, as a leaf that takes a gradient."""

    numbers: torch.Tensor  # (rows,)
    vectors: torch.Tensor  # (rows, dimension)


@dataclass(slots=True)
class RowAdam:
    """Adam that touches only the rows of a batch, as `torch.optim.SparseAdam` does, without sparse tensors."""

    vectors: torch.Tensor  # updated in place
    mean: torch.Tensor
    square: torch.Tensor
    step: int = 0

    @classmethod
    def start(cls, vectors: torch.Tensor, path: Path) -> "RowAdam":
        """Begin, or go on with the state saved at `path`."""
        if not path.is_file():
            return cls(vectors, torch.zeros_like(vectors), torch.zeros_like(vectors))
        saved = torch.load(path, weights_only=True)
        vectors.copy_(saved["vectors"])
        log.info("goes on at step %d", saved["step"])
        return cls(vectors, saved["mean"], saved["square"], saved["step"])

    def update(self, rows: Rows, learning_rate: float) -> None:
        """One step with the gradient of `rows`."""
        gradient = rows.vectors.grad
        assert gradient is not None
        self.step += 1
        mean = self.mean[rows.numbers].mul_(0.9).add_(gradient, alpha=0.1)
        square = self.square[rows.numbers].mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        self.mean[rows.numbers], self.square[rows.numbers] = mean, square
        size = learning_rate * (1 - 0.999**self.step) ** 0.5 / (1 - 0.9**self.step)
        self.vectors[rows.numbers] = rows.vectors.detach() - size * mean / (square.sqrt_() + 1e-8)

    def save(self, path: Path) -> None:
        """Write the state so that a kill in between leaves the old one."""
        part = path.with_suffix(".part")
        torch.save({"vectors": self.vectors, "mean": self.mean, "square": self.square, "step": self.step}, part)
        part.replace(path)


def _static(model: SentenceTransformer) -> StaticEmbedding:
    module = model[0]
    assert isinstance(module, StaticEmbedding)
    return module


def _write(model: SentenceTransformer, out: Path, options: TrainOptions) -> None:
    """Save in sentence-transformers format.

    The vectors become int8 `embeddings` times one float `weights` a row: the layout of model2vec, which `StaticEmbedding.load` multiplies.
    """
    model.save(str(out), create_model_card=False)
    module = _static(model)
    vectors = module.embedding.weight.detach()
    scale = vectors.abs().amax(dim=1).clamp(min=1e-8) / 127
    whole = torch.round(vectors / scale[:, None]).to(torch.int8)
    save_file({"embeddings": whole, "weights": scale}, out / "model.safetensors")
    (out / "model.safetensors").chmod(0o644)
    module.tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    (out / "training.json").write_text(json.dumps(asdict(options), indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--corpora", type=Path, required=True, help="folder with dialogues (formats: memory/embedding/corpora.py)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model")
    parser.add_argument("--exclude", type=Path, help="folder of evaluation sets whose text stays out of the training")
    for name, value in asdict(TrainOptions()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    arguments = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    corpora, out, exclude = arguments.pop("corpora"), arguments.pop("out"), arguments.pop("exclude")
    train(corpora, out, exclude=exclude, options=TrainOptions(**arguments))


if __name__ == "__main__":
    main()
