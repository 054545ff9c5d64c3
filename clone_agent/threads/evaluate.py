"""Link precision, recall and F1 of the thread scorer on labelled chats, beside the guess that everybody answers the message before."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clone_agent.errors import ExportError
from clone_agent.threads.corpus import LabelledChat, LinkScore, link_score, read_labelled
from clone_agent.threads.scorer import links

_NOTHING = LinkScore(predicted=0, gold=0, matched=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadReport:
    """The figures of one folder."""

    folder: str
    chats: int
    messages: int  # labelled
    scorer: LinkScore
    previous: LinkScore  # everybody answers the message before; notices answer nothing
    seconds: float


def folders_of(path: Path) -> list[Path]:
    """The folder itself when it holds labelled chats, else those of its folders that do, `train` first and `test` last.

    Raises:
        ExportError: none does.
    """
    if any(path.glob("*.annotation.txt")):
        return [path]
    found = [folder for folder in path.iterdir() if folder.is_dir() and any(folder.glob("*.annotation.txt"))] if path.is_dir() else []
    if not found:
        raise ExportError(
            f"{path.name} holds no *.annotation.txt.", remedy="Name a folder like irc_threads/dev, or one with such folders in it."
        )
    order = {"train": 0, "dev": 1, "test": 2}
    return sorted(found, key=lambda folder: (order.get(folder.name, 3), folder.name))


def evaluate_threads(folder: Path, *, on_chat: Callable[[int, int], None] | None = None) -> ThreadReport:
    """Link the chats of a folder and compare with its labels.

    Args:
        folder: with `NAME.ascii.txt` and `NAME.annotation.txt`.
        on_chat: told (chats done, chats).
    """
    chats = read_labelled(folder)
    scored, previous, seconds = _NOTHING, _NOTHING, 0.0
    for number, chat in enumerate(chats, start=1):
        start = time.perf_counter()
        first = min(chat.gold)
        found = links(chat.lines, first=first)
        seconds += time.perf_counter() - start
        scored += link_score({line: [found[line - first]] for line in chat.gold}, chat.gold)
        previous += link_score({line: [_message_before(chat, line)] for line in chat.gold}, chat.gold)
        if on_chat is not None:
            on_chat(number, len(chats))
    return ThreadReport(
        folder=folder.name,
        chats=len(chats),
        messages=sum(len(chat.gold) for chat in chats),
        scorer=scored,
        previous=previous,
        seconds=seconds,
    )


def _message_before(chat: LabelledChat, line: int) -> int:
    if chat.lines[line].is_notice:
        return line
    return next((earlier for earlier in range(line - 1, -1, -1) if not chat.lines[earlier].is_notice), line)
