"""Sessions to training examples, and the dataset folder that holds them.

Every turn of the owner becomes a `response`; the turn before it is the prompt and earlier turns of the session are the history, in time
order, in private chats and groups alike. Only people's own words take part: turns without any (photos, calls) are dropped, which joins what
the same person wrote before and after. Nothing is dropped for being short.

A dataset folder holds `train.jsonl`, `eval.jsonl` and `manifest.json`. The split is by time: training comes first, evaluation is the last
share, and no session is torn.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from clone_agent.errors import DatasetError
from clone_agent.prompt import chat_messages, system_prompt
from clone_agent.records import ChatKind, ChatTurn, Persona, Session, Turn
from clone_agent.scrub import scrub
from finetune.files import private_folder, write_json, write_lines
from finetune.lengths import LengthCounter

FORMAT = 1
TRAIN, EVAL, MANIFEST = "train.jsonl", "eval.jsonl", "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What was said to the owner, and what the owner answered."""

    id: str  # conversation and id of the answer's first message
    conversation: str
    session: str  # unique over all conversations
    sent_at: datetime  # when the owner began to answer
    system: str  # the system message that the agent writes at that time without memory
    context: tuple[ChatTurn, ...]  # in time order; the last one is the prompt
    response: str  # bubbles, one a line

    def turns(self) -> list[ChatTurn]:
        """The prompt as the agent would send it: system message, history, what was said last."""
        return chat_messages(self.system, self.context[:-1], self.context[-1].text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleOptions:
    """How sessions become examples."""

    max_turns: int = 8  # the prompt and the turns before it
    mask: bool = True  # replace personal data by placeholders
    eval_share: float = 0.1  # of the examples, the latest ones


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpan:
    """When a session's examples lie, and how many there are."""

    session: str
    first: datetime
    last: datetime
    examples: int


def build_examples(
    sessions: Iterable[Session], persona: Persona, options: ExampleOptions = ExampleOptions(), *, counts: Counter[str] | None = None
) -> Iterator[Example]:
    """Turn sessions into examples, in the sessions' order.

    Args:
        sessions: of any number of conversations.
        persona: the owner, for the system message.
        options: history length and masking.
        counts: takes up what did not become an example or was masked: `opening` (the owner speaks first in a session),
            `without words` (turns), `masked <type>`.
    """
    counts = Counter() if counts is None else counts
    mask = _masker(counts) if options.mask else str
    for session in sessions:
        turns = _spoken(session, counts)
        words = [mask(turn_text) for _, turn_text in turns]
        for number, (turn, _) in enumerate(turns):
            if not turn.is_owner:
                continue
            context = _context(session, turns, words, end=number, colon="：" if persona.language == "zh" else ": ")
            if not context:
                counts["opening"] += 1
                continue
            yield Example(
                id=f"{session.conversation.id}/{turn.messages[0].id}",
                conversation=session.conversation.id,
                session=f"{session.conversation.id}/{session.id}",
                sent_at=turn.started_at,
                system=system_prompt(persona, now=turn.started_at, hits=None),
                context=context[-options.max_turns :],
                response=words[number],
            )


def _masker(counts: Counter[str]) -> Callable[[str], str]:
    def mask(text: str) -> str:
        scrubbed = scrub(text)
        counts.update({f"masked {kind}": number for kind, number in scrubbed.found.items()})
        return scrubbed.text

    return mask


def _spoken(session: Session, counts: Counter[str]) -> list[tuple[Turn, str]]:
    """The session's turns that have words, neighbours of one speaker joined."""
    spoken: list[tuple[Turn, str]] = []
    for turn in session.turns:
        if not turn.bubbles:
            counts["without words"] += 1
        elif spoken and spoken[-1][0].speaker == turn.speaker:
            spoken[-1] = (spoken[-1][0], f"{spoken[-1][1]}\n{turn.text}")
        else:
            spoken.append((turn, turn.text))
    return spoken


def _context(session: Session, turns: Sequence[tuple[Turn, str]], words: Sequence[str], *, end: int, colon: str) -> tuple[ChatTurn, ...]:
    """The turns before `end`; in a group the speakers' names stand before their words, and others' turns in a row are one."""
    context: list[ChatTurn] = []
    for (turn, _), text in zip(turns[:end], words[:end], strict=True):
        if turn.is_owner:
            context.append(ChatTurn(role="assistant", text=text))
            continue
        said = text if session.conversation.kind is ChatKind.PRIVATE else f"{turn.speaker_name}{colon}{text}"
        if context and context[-1].role == "user":
            said = f"{context.pop().text}\n{said}"
        context.append(ChatTurn(role="user", text=said))
    return tuple(context)


def split_by_time(spans: Iterable[SessionSpan], *, eval_share: float) -> frozenset[str]:
    """Choose the sessions for evaluation: the latest ones, holding about `eval_share` of the examples.

    The cut is laid where no session is under way, so that everything in training was said before everything in evaluation. Only where
    such a pause lies far from the wanted share do sessions that run across the cut go to evaluation. Empty for a single session.
    """
    order = sorted(spans, key=lambda span: (span.last, span.session))
    total = sum(span.examples for span in order)
    if not order or not eval_share:
        return frozenset()
    clean, rough = _cuts(order, total=total, eval_share=eval_share)
    # A cut through running sessions is worth it only when the nearest pause would double or halve the share.
    cut = clean if clean is not None and 0.5 <= _share(order[clean:], total) / eval_share <= 2 else rough
    return frozenset() if cut is None else frozenset(span.session for span in order[cut:])


def _cuts(order: Sequence[SessionSpan], *, total: int, eval_share: float) -> tuple[int | None, int | None]:
    """The best cut in a pause, and the best of all: indexes into `order`, None where there is none."""
    clean: list[tuple[float, int]] = []
    rough: list[tuple[float, int]] = []
    after, earliest = 0, order[-1].first
    for index in range(len(order) - 1, 0, -1):
        after += order[index].examples
        earliest = min(earliest, order[index].first)
        distance = abs(after / total - eval_share)
        rough.append((distance, index))
        if order[index - 1].last < earliest:
            clean.append((distance, index))
    return (min(clean)[1] if clean else None), (min(rough)[1] if rough else None)


def _share(spans: Iterable[SessionSpan], total: int) -> float:
    return sum(span.examples for span in spans) / total


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
    tally = _Tally()
    private_folder(folder)
    with NamedTemporaryFile("w+", dir=folder, encoding="utf-8", newline="\n") as everything:  # 0600, and gone however this ends
        for example in examples:
            tally.add(example)
            everything.write(to_json(example) + "\n")
        if not tally.spans:
            raise DatasetError(
                "The stored chats hold no turn of the owner that answers somebody.",
                remedy="Check with `clone-agent status` who the owner is, and set it with `clone-agent import PATH --me NUMBER_OR_NAME`.",
            )
        chosen = split_by_time(tally.spans.values(), eval_share=options.eval_share)
        train = write_lines(folder / TRAIN, _lines(everything, lambda session: session not in chosen))
        evaluation = write_lines(folder / EVAL, _lines(everything, lambda session: session in chosen))
    manifest = tally.manifest(train=train, evaluation=evaluation, options=options, skipped=counts or Counter())
    manifest["hash"] = _hash(folder / TRAIN, folder / EVAL)
    write_json(folder / MANIFEST, manifest)
    return manifest


class _Tally:
    """What the manifest says about the examples, counted as they pass."""

    def __init__(self) -> None:
        self.spans: dict[str, SessionSpan] = {}
        self.conversations: Counter[str] = Counter()
        self.bubbles, self.responses = LengthCounter(), LengthCounter()

    def add(self, example: Example) -> None:
        self.conversations[example.conversation] += 1
        bubbles = example.response.split("\n")
        for bubble in bubbles:
            self.bubbles.add(len(bubble))
        self.responses.add(sum(len(bubble) for bubble in bubbles))
        span, at = self.spans.get(example.session), example.sent_at
        first, last, count = (min(span.first, at), max(span.last, at), span.examples) if span else (at, at, 0)
        self.spans[example.session] = SessionSpan(session=example.session, first=first, last=last, examples=count + 1)

    def manifest(self, *, train: int, evaluation: int, options: ExampleOptions, skipped: Mapping[str, int]) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "examples": {"train": train, "eval": evaluation},
            "sessions": len(self.spans),
            "conversations": dict(self.conversations),
            "first": min(span.first for span in self.spans.values()).isoformat(),
            "last": max(span.last for span in self.spans.values()).isoformat(),
            "skipped": {key: count for key, count in sorted(skipped.items()) if not key.startswith("masked ")},
            "masked": {key.removeprefix("masked "): count for key, count in sorted(skipped.items()) if key.startswith("masked ")},
            "lengths": {"before merging": self.bubbles.summary(), "after merging": self.responses.summary()},
            "settings": asdict(options),
        }


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
