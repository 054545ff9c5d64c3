"""The dataset folder that holds examples: written, read, and exported as pairs.

It holds `train.jsonl`, `eval.jsonl` and `manifest.json`. The split is by time: training comes first, evaluation is the last share, and no
session is torn.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from clone_agent.errors import DatasetError
from clone_agent.records import ChatTurn
from finetune.choosing import LIMITS
from finetune.examples import Example, ExampleOptions
from finetune.files import private_folder, write_json, write_lines
from finetune.sampling import Sampling
from finetune.splitting import split_by_time
from finetune.tally import Tally, reply_length

TRAIN, EVAL, MANIFEST = "train.jsonl", "eval.jsonl", "manifest.json"


def write_dataset(
    examples: Iterable[Example], folder: Path, *, options: ExampleOptions = ExampleOptions(), counts: Counter[str] | None = None
) -> dict[str, Any]:
    """Write examples to a dataset folder, split by time, and return its manifest.

    Memory use does not grow with the examples' words: they go to a temporary file first, and are divided when the cut is known.

    Args:
        examples: from `build_examples`.
        folder: files in it are replaced at once, each as a whole.
        options: those the examples were built with; `eval_share` decides the cut.
        counts: the same counter that `build_examples` filled; goes into the manifest.

    Raises:
        DatasetError: there is no example.
    """
    tally = Tally()
    private_folder(folder)
    with NamedTemporaryFile("w+", dir=folder, encoding="utf-8", newline="\n") as everything:  # 0600, and gone however this ends
        for example in examples:
            tally.add(example.session, example.conversation, example.sent_at, example.response)
            everything.write(to_json(example) + "\n")
        if not tally.spans:
            raise _nothing_left(counts or Counter())
        chosen = split_by_time(tally.spans.values(), eval_share=options.eval_share)
        train = write_lines(folder / TRAIN, _drawn(everything, chosen, tally, options))
        evaluation = write_lines(folder / EVAL, _lines(everything, lambda session: session in chosen))
    settings = json.loads(json.dumps(asdict(replace(options, pseudonyms=None)), default=str))
    settings["pseudonyms"] = options.pseudonyms is not None
    manifest = tally.manifest(train=train, evaluation=evaluation, settings=settings, skipped=counts or Counter())
    manifest["hash"] = _hash(folder / TRAIN, folder / EVAL)
    write_json(folder / MANIFEST, manifest)
    return manifest


def _nothing_left(counts: Counter[str]) -> DatasetError:
    if any(counts[reason] for reason in LIMITS):
        return DatasetError("No turn of the owner is within these limits.", remedy="Widen --with, --since or --until.")
    return DatasetError(
        "The stored chats hold no turn of the owner that answers somebody.",
        remedy="Check with `clone-agent status` who the owner is, and set it with `clone-agent import PATH --me NUMBER_OR_NAME`.",
    )


def _drawn(everything: IO[str], chosen: frozenset[str], tally: Tally, options: ExampleOptions) -> Iterator[str]:
    """The training lines with how often each is learnt from; those that recency thins out to nothing are counted and left out."""
    sampling = Sampling(
        classes=tally.classes,
        newest=max(span.last for span in tally.spans.values()),
        balance=options.balance,
        half_life=options.half_life,
    )
    for line in _lines(everything, lambda session: session not in chosen):
        example = from_json(line)
        copies = sampling.copies(example.id, reply_length(example.response), example.sent_at)
        tally.draw(example.response, copies)
        if copies:
            yield to_json(replace(example, copies=copies))


def _lines(file: IO[str], wanted: Callable[[str], bool]) -> Iterator[str]:
    file.seek(0)
    return (line.rstrip("\n") for line in file if wanted(json.loads(line)["session"]))


def _hash(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        digest.update(b"\0")
    return digest.hexdigest()


def to_json(example: Example) -> str:
    """One line of a dataset file."""
    value = {**asdict(example), "sent_at": example.sent_at.isoformat()}
    return json.dumps(value, ensure_ascii=False)


def from_json(line: str) -> Example:
    """Read what `to_json` wrote."""
    value = json.loads(line)
    context = tuple(ChatTurn(role=turn["role"], text=turn["text"]) for turn in value.pop("context"))
    return Example(**{**value, "sent_at": datetime.fromisoformat(value["sent_at"]), "context": context})


def read_examples(path: Path) -> Iterator[Example]:
    """Read a file of examples.

    Raises:
        DatasetError: it is missing or damaged.
    """
    try:
        number = 1
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):  # noqa: B007 - named in the error
                yield from_json(line)
    except FileNotFoundError as cause:
        raise DatasetError(f"There is no dataset at {path}.", remedy="Run `clone-agent dataset` first.") from cause
    except (ValueError, KeyError, TypeError) as cause:
        raise DatasetError(f"{path.name}:{number}: not an example.", remedy="Run `clone-agent dataset` again.") from cause


def read_dataset(folder: Path) -> tuple[list[Example], list[Example], dict[str, Any]]:
    """Read a dataset folder: training examples, evaluation examples, manifest.

    Raises:
        DatasetError: it is missing, damaged, or not what its manifest says.
    """
    train, evaluation = list(read_examples(folder / TRAIN)), list(read_examples(folder / EVAL))
    manifest = read_manifest(folder)
    if manifest.get("examples") != {"train": len(train), "eval": len(evaluation)}:
        raise DatasetError("The dataset is not what its manifest says.", remedy="Run `clone-agent dataset` again.")
    return train, evaluation, manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a dataset's manifest.

    Raises:
        DatasetError: it is missing or damaged.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise DatasetError(f"{folder.name}/{MANIFEST} cannot be read.", remedy="Run `clone-agent dataset` again.") from cause
    return manifest


def export_pairs(examples: Iterable[Example], path: Path) -> int:
    """Write `{"prompt", "response", "history"}` lines, as ChatGLM's P-Tuning script reads them, and return how many.

    `history` is a list of [prompt, response] pairs in time order, `""` where a side said nothing; the system message is left out.
    """
    return write_lines(path, (json.dumps(_pair(example), ensure_ascii=False) for example in examples))


def _pair(example: Example) -> dict[str, Any]:
    history: list[list[str]] = []
    for turn in example.context[:-1]:
        if turn.role == "user":
            history.append([turn.text, ""])
        elif history and not history[-1][1]:
            history[-1][1] = turn.text
        else:
            history.append(["", turn.text])
    return {"prompt": example.context[-1].text, "response": example.response, "history": history}
