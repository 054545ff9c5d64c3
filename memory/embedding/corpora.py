"""Read dialogues from a folder of text corpora and keep the text of evaluation sets out of them.

What is read, anywhere below the folder (`.xz` or plain):

    *.jsonl              one dialogue a line: {"turns": [[role, text], ...]}
    *.json               a list of {"messages": [{"message", "attrs": [{"name", "attrname", "attrvalue"}]}]} (KdConv), or
                         a list of users, each a list of [date, '{"1": {"User": text, "Chatbot": text}}'] (LOCCO)
    data_Q.txt           one prompt a line, words parted by blanks (Tencent)

Everything else is passed over. A dialogue that cannot be parsed is skipped and counted.
"""

import json
import logging
import lzma
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

HAN_WIDTH = 10  # characters: two texts that share so long a run count as the same text
LATIN_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Turns in order, and facts as (question-like key, text that answers it)."""

    source: str
    turns: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()


class Exclusions:
    """Texts that must stay out of training, as a set of character runs."""

    def __init__(self, *folders: Path | None) -> None:
        self._runs: set[str] = set()
        for path in (path for folder in folders if folder for path in sorted(folder.rglob("*.jsonl"))):
            for line in path.read_text(encoding="utf-8").splitlines():
                for text in _strings(json.loads(line)):
                    self.add(text)

    def add(self, text: str) -> None:
        """Keep one more text out."""
        self._runs.update(runs(text))

    def __len__(self) -> int:
        return len(self._runs)

    def shared(self, text: str) -> int:
        """How many character runs of `text` also stand in an excluded text."""
        return sum(run in self._runs for run in runs(text))

    def overlaps(self, text: str) -> bool:
        """Whether any character run of `text` also stands in an excluded text."""
        return any(run in self._runs for run in runs(text))


def runs(text: str) -> Iterator[str]:
    """Every run of 10 letters and digits of a Han text, of 40 of another, lower-cased, without blanks and marks."""
    letters = "".join(char for char in unicodedata.normalize("NFKC", text).lower() if char.isalnum())
    width = HAN_WIDTH if 2 * sum(map(is_han, letters)) > len(letters) else LATIN_WIDTH
    return (letters[start : start + width] for start in range(len(letters) - width + 1))


def is_han(char: str) -> bool:
    """Whether the character is a Chinese one."""
    return "\u3400" <= char <= "\u9fff"


def read_dialogues(folder: Path) -> Iterator[Dialogue]:
    """Yield every dialogue below `folder`, in the order of the file names."""
    for path in sorted(folder.rglob("*")):
        name = path.name.removesuffix(".xz")
        if name.endswith(".jsonl"):
            yield from _lines(path)
        elif name.endswith(".json"):
            yield from _documents(path)
        elif name == "data_Q.txt":
            prompts = dict.fromkeys(_text(path).split("\n"))
            yield from (Dialogue(path.parent.name, (prompt,)) for prompt in prompts if prompt.strip())


def _lines(path: Path) -> Iterator[Dialogue]:
    for line in _text(path).splitlines():
        record = json.loads(line)
        if "turns" in record:
            yield Dialogue(path.name.split(".")[0], tuple(text.strip() for _, text in record["turns"]))


def _documents(path: Path) -> Iterator[Dialogue]:
    skipped = 0
    for entry in json.loads(_text(path)):
        if isinstance(entry, dict) and "messages" in entry:
            yield _knowledge_dialogue(path.parent.name, entry["messages"])
        elif isinstance(entry, list):
            for session in entry:
                for text in session[1:]:
                    if (dialogue := _session(path.parent.name, text)) is None:
                        skipped += 1
                    else:
                        yield dialogue
    if skipped:
        log.info("%s: %d sessions skipped", path.name, skipped)


def _knowledge_dialogue(source: str, messages: list[dict[str, Any]]) -> Dialogue:
    facts = []
    for message in messages:
        for fact in message.get("attrs", ()):
            facts.append((f"{fact['name']}的{fact['attrname']}", fact["attrvalue"]))
            facts.append((message["message"], fact["attrvalue"]))
    return Dialogue(source, tuple(message["message"] for message in messages), tuple(dict.fromkeys(facts)))


def _session(source: str, text: str) -> Dialogue | None:
    try:
        pairs = json.loads(text)
        return Dialogue(source, tuple(line for pair in pairs.values() for line in (pair["User"], pair["Chatbot"])))
    except (ValueError, KeyError, AttributeError):
        return None


def _text(path: Path) -> str:
    if path.suffix == ".xz":
        with lzma.open(path, "rt", encoding="utf-8-sig") as stream:
            return stream.read()
    return path.read_text(encoding="utf-8-sig")


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
