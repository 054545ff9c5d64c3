"""Trains the scorer of `clone_agent.threads` on chats with labelled links. It stands here because `clone_agent` knows no torch.

    python -m finetune.thread_training TRAIN_DIR DEV_DIR OUT.npz

The first network learns from pairs alone. The second also sees what the first one guesses, so each half of the chats is guessed by a
network that learnt from the other half: a guess on chats it had learnt by heart would look better than it is. The loss of a line is the
cross-entropy over itself and the lines before it, with the labelled ones sharing the target.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor, nn

from clone_agent.threads.corpus import LabelledChat, LinkScore, link_score, read_labelled
from clone_agent.threads.features import WINDOW, Floats, pairs, read_chat
from clone_agent.threads.scorer import BEHIND, LinkScorer, Network, features, load_network

HIDDEN = (64, 32)
NEAR = 48  # candidates of a line in training; farther ones are answered once or twice in a hundred lines
EPOCHS, ROWS, RATE = 5, 128, 2e-3
DROPOUT, DECAY = 0.1, 1e-4
MEMBERS = 1

Guess = Callable[[LabelledChat], Floats | None]


class Rows:
    """The labelled lines of some chats: features (rows, NEAR, f) in half precision and the share of each candidate in the target."""

    def __init__(self, chats: Sequence[LabelledChat], guess: Guess) -> None:
        parts, targets, exist = [], [], []
        for chat in chats:
            arrays = read_chat(chat.lines)
            wanted = pairs(np.array(sorted(chat.gold)))
            found = features(arrays, wanted, guess(chat))
            target = np.zeros((len(chat.gold), WINDOW), dtype=np.float32)
            for row, line in enumerate(sorted(chat.gold)):
                for earlier in chat.gold[line]:
                    if line - earlier < NEAR:
                        target[row, line - earlier] = 1
            known = target.sum(axis=1) > 0
            target /= np.maximum(target.sum(axis=1, keepdims=True), 1)
            parts.append(found[known, :NEAR].astype(np.float16))
            targets.append(target[known, :NEAR])
            exist.append(wanted.exists[known, :NEAR])
        self.features = torch.from_numpy(np.concatenate(parts))
        self.target = torch.from_numpy(np.concatenate(targets))
        self.exists = torch.from_numpy(np.concatenate(exist))

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and inverse spread of each feature over a part of the rows."""
        some = self.features[:: max(1, len(self.features) // 3000)].float()
        some = some[self.exists[:: max(1, len(self.features) // 3000)]]
        spread = some.std(dim=0)
        return some.mean(dim=0), torch.where(spread > 1e-4, 1 / spread.clamp(min=1e-4), torch.zeros_like(spread))


def train_network(rows: Rows, *, members: int, seed: int, say: Callable[[str], None], epochs: int = EPOCHS) -> Network:
    """Train the members of one network one after the other."""
    mean, scale = rows.moments()
    trained = []
    for member in range(members):
        trained.append(_train_member(rows, mean, scale, seed=seed + member, say=say, epochs=epochs))
    layers = tuple(
        (
            np.stack([member[number].weight.detach().numpy().T for member in trained]),
            np.stack([member[number].bias.detach().numpy() for member in trained]),
        )
        for number in range(3)
    )
    return Network(mean=mean.numpy(), scale=scale.numpy(), layers=layers)


def _train_member(rows: Rows, mean: Tensor, scale: Tensor, *, seed: int, say: Callable[[str], None], epochs: int) -> list[nn.Linear]:
    torch.manual_seed(seed)
    sizes = (len(mean), *HIDDEN, 1)
    linear = [nn.Linear(into, out) for into, out in pairwise(sizes)]
    model = nn.Sequential(linear[0], nn.ReLU(), nn.Dropout(DROPOUT), linear[1], nn.ReLU(), nn.Dropout(DROPOUT), linear[2])
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    steps = epochs * -(-len(rows.features) // ROWS)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    for epoch in range(epochs):
        total = 0.0
        for chosen in torch.split(torch.randperm(len(rows.features)), ROWS):
            given = ((rows.features[chosen].float() - mean) * scale).clamp(-8, 8)
            scores = model(given).squeeze(-1).masked_fill(~rows.exists[chosen], -1e9)
            loss = -(rows.target[chosen] * scores.log_softmax(dim=-1)).sum(dim=-1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(chosen)
        say(f"  epoch {epoch + 1}: loss {total / len(rows.features):.4f}")
    return linear


def guesses(network: Network, chat: LabelledChat) -> Floats:
    """What a first network thinks of the labelled lines and those shortly before; every earlier line counts as a beginning.

    Returns:
        Shape (lines, WINDOW), as `structure.structure_columns` takes it.
    """
    start = max(0, min(chat.gold) - BEHIND)
    wanted = pairs(np.arange(start, len(chat.lines)))
    guess = np.zeros((len(chat.lines), WINDOW), dtype=np.float32)
    guess[:start, 0] = 1
    guess[start:] = network.likely(features(read_chat(chat.lines), wanted), wanted.exists)
    return guess


def score(likely: Callable[[LabelledChat], Floats], chats: Sequence[LabelledChat]) -> LinkScore:
    """The score of the best link of every labelled line."""
    total = LinkScore(predicted=0, gold=0, matched=0)
    for chat in chats:
        order = sorted(chat.gold)
        best = likely(chat).argmax(axis=1)
        total += link_score({line: [line - int(distance)] for line, distance in zip(order, best, strict=True)}, chat.gold)
    return total


def second_likely(network: Network, chat: LabelledChat, guess: Floats | None) -> Floats:
    """Probabilities of a chat's labelled lines."""
    wanted = pairs(np.array(sorted(chat.gold)))
    return network.likely(features(read_chat(chat.lines), wanted, guess), wanted.exists)


def train_scorer(
    train: Sequence[LabelledChat],
    dev: Sequence[LabelledChat],
    work: Path,
    *,
    say: Callable[[str], None],
    members: int = MEMBERS,
) -> LinkScorer:
    """Train both networks and say how they do on `dev`; what is done already and kept in `work` is not done again."""
    guessed: dict[str, Floats] = {}
    halves = (train[::2], train[1::2])
    for half, (learnt, other) in enumerate((halves, halves[::-1])):
        kept = work / f"guesses{half}.npz"
        if not kept.exists():
            say(f"half {half + 1}")
            network = train_network(Rows(learnt, lambda _: None), members=1, seed=100 * half, say=say)
            _keep(kept, {chat.name: guesses(network, chat).astype(np.float16) for chat in other})
        guessed |= dict(np.load(kept))
    if not (work / "first.npz").exists():
        say("first network")
        network = train_network(Rows(train, lambda _: None), members=members, seed=1000, say=say)
        _keep(work / "first.npz", network_arrays("first", network))
    first = load_network("first", dict(np.load(work / "first.npz")))
    say(f"first network: F1 {score(lambda chat: second_likely(first, chat, None), dev).f1:.4f} on dev")
    say("second network")
    second = train_network(Rows(train, lambda chat: guessed[chat.name].astype(np.float32)), members=members, seed=2000, say=say)
    say(f"second network: F1 {score(lambda chat: second_likely(second, chat, guesses(first, chat)), dev).f1:.4f} on dev")
    return LinkScorer(first=first, second=second)


def network_arrays(stage: str, network: Network) -> dict[str, Floats]:
    """A network's arrays by name, the layers in half precision."""
    arrays = {f"{stage}.mean": network.mean, f"{stage}.scale": network.scale}
    for number, (weight, bias) in enumerate(network.layers):
        arrays |= {f"{stage}.weight{number}": weight.astype(np.float16), f"{stage}.bias{number}": bias.astype(np.float16)}
    return arrays


def save_scorer(scorer: LinkScorer, path: Path) -> None:
    """Write both networks."""
    _keep(path, network_arrays("first", scorer.first) | network_arrays("second", scorer.second))


def _keep(path: Path, arrays: dict[str, Floats]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


@click.command()
@click.argument("train", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("dev", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), help="Folder for what is done.  [default: beside OUT]")
@click.option("--members", default=MEMBERS, help="Networks whose probabilities are averaged.")
@click.option("--every", default=1, help="Learn from each n-th chat only.")
def main(train: Path, dev: Path, out: Path, work: Path | None, members: int, every: int) -> None:
    """Train a scorer on the chats of TRAIN, look at those of DEV, write OUT."""
    torch.set_num_threads(1)
    scorer = train_scorer(
        read_labelled(train)[::every], read_labelled(dev), work or out.with_suffix(".work"), say=click.echo, members=members
    )
    save_scorer(scorer, out)


if __name__ == "__main__":
    main()
