"""Dialogues of the training corpora, as turns of two people.

The folder holds `smilechat.jsonl.xz`, `kdconv/*.json`, `crosswoz/*.jsonl`, `tencent_prompts/data_Q.txt` and `locco/LOCCO.json.xz`; any
of them may be missing. To train on other text, put a file of `{"turns": [[role, text], …]}` lines there as `<name>.jsonl[.xz]`.
"""

import json
import lzma
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from clone_agent.errors import CloneError
from clone_agent.worlds import KEPT, read_worlds

Turns = tuple[str, ...]  # alternating speakers, the first one asks
ENGLISH = frozenset({"locco", "worlds_en"})  # sources
# Counselling dialogues hold grave topics; a model that ships should not learn to chat about them.
_GRAVE = re.compile(
    r"自杀|自残|自伤|割腕|轻生|跳楼|寻死|想死|去死|性[侵交欲行关虐]|强奸|猥亵|做爱|出轨|家暴|堕胎|流产|毒品|吸毒|抑郁|焦虑症|躁狂|精神分裂|施暴|暴力|杀人|砍人|病态|欲望|宾馆|开房|同性|裸|嫖|尸|suicid|self-harm|rape"
)
_COUNSEL = re.compile(r"咨询|倾诉|心理|情绪|感受|理解你|建议你|支持你|困扰|疏导|来访|专业|压力|治疗")
_GAP = re.compile(r"(?<=[^\x00-\x7f]) +| +(?=[^\x00-\x7f])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """Turns of two people who take turns; `source` is the corpus."""

    source: str
    turns: Turns

    @property
    def language(self) -> str:
        """`zh` or `en`."""
        return "en" if self.source in ENGLISH else "zh"


def read_dialogues(folder: Path) -> Iterator[Dialogue]:
    """Read every dialogue of the corpora below `folder`, grave topics left out.

    Raises:
        CloneError: the folder holds no corpus.
    """
    files = sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.xz"), *folder.glob("*/*.json*"), *folder.glob("*/data_Q.txt")])
    if not files:
        raise CloneError(f"{folder}: no corpus lies there.", remedy="Name the folder with the training text with --corpora.")
    for path in files:
        for turns in _turns(path):
            if turns and not _GRAVE.search("\n".join(turns)):
                yield Dialogue(source=path.stem.split(".")[0] if path.parent == folder else path.parent.name, turns=turns)


def invented_dialogues() -> Iterator[Dialogue]:
    """The private talks of the invented worlds, which are written as people write to each other."""
    for world in read_worlds(without=(KEPT,)):
        for _, passages in groupby(world.passages, key=lambda passage: (passage.talk, passage.chat)):
            talk = list(passages)
            if talk[0].chat and len(talk) > 1:
                source = "worlds" if world.is_chinese else "worlds_en"
                yield Dialogue(source=source, turns=tuple(passage.text for passage in talk))


def is_counselling(text: str) -> bool:
    """Whether a line speaks in the counsellor's voice, which must not become the clone's."""
    return bool(_COUNSEL.search(text))


def _turns(path: Path) -> Iterator[Turns]:
    match path.parent.name, path.name:
        case _, "data_Q.txt":
            lines = dict.fromkeys(_GAP.sub("", line.strip("\ufeff \n")) for line in _open(path))
            yield from ((line,) for line in lines if line)
        case "kdconv", _:
            yield from (tuple(str(item["message"]) for item in dialogue["messages"]) for dialogue in json.loads(_read(path)))
        case "locco", _:
            yield from _locco(json.loads(_read(path)))
        case _:
            yield from (_joined(json.loads(line)["turns"]) for line in _open(path) if line.strip())


def _joined(turns: list[list[str]]) -> Turns:
    """One text a speaker's run; a dialogue that repeats a role has its runs joined by a line break."""
    texts: list[str] = []
    last = None
    for role, text in turns:
        if role == last:
            texts[-1] += "\n" + text.strip()
        else:
            texts.append(text.strip())
        last = role
    return tuple(texts)


def _locco(users: Any) -> Iterator[Turns]:
    """Sessions of LOCCO: a JSON text of numbered exchanges of `User` and `Chatbot`; broken ones are left out."""
    for session in (session for user in (users.values() if isinstance(users, dict) else users) for session in user):
        try:
            exchanges = json.loads(session[1]).values()
            yield tuple(str(exchange[role]).strip() for exchange in exchanges for role in ("User", "Chatbot"))
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
            continue


def _open(path: Path) -> Iterator[str]:
    with lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8") as lines:
        yield from lines


def _read(path: Path) -> str:
    return "".join(_open(path))
