"""General talk from a file, to mix into tuning so that ordinary conversation is not forgotten.

JSON lines in any of three shapes, which may be mixed:

    {"prompt": …, "response": …, "history": [[prompt, response], …]}    as `clone-agent dataset --export` writes; history may be missing
    {"messages": [{"role": "user", "content": …}, {"role": "assistant", "content": …}, …]}
    an example of a dataset folder
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clone_agent.errors import DatasetError
from clone_agent.records import ChatTurn
from finetune.dataset import from_json
from finetune.examples import Example

_NEVER = datetime(2000, 1, 1, tzinfo=UTC)  # these talks were never sent
_SHAPE = 'A line is {"prompt": …, "response": …} or {"messages": [{"role": …, "content": …}, …]}.'


def read_general(path: Path, *, system: str) -> Iterator[Example]:
    """Read talks; each becomes an example of its last reply.

    Args:
        path: of the file.
        system: the system message of talks that bring none.

    Raises:
        DatasetError: it is missing, is no text in UTF-8, or a line has none of the shapes.
    """
    number = 1
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _example(f"general/{number}", line, system)
    except FileNotFoundError as cause:
        raise _missing() from cause
    except UnicodeDecodeError as cause:  # of a whole block that was read ahead: the line is not known
        raise DatasetError(f"{path.name} is not UTF-8 text.", remedy="Save it as UTF-8.") from cause
    except (ValueError, KeyError, TypeError, AttributeError) as cause:
        raise DatasetError(f"{path.name}:{number}: not a talk.", remedy=_SHAPE) from cause


def digest(path: Path) -> str:
    """What tells the content of such a file from another's.

    Raises:
        DatasetError: it is missing.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as cause:
        raise _missing() from cause


def _missing() -> DatasetError:
    return DatasetError("The file of general talk is not there.", remedy="Name an existing file with --general.")


def _example(name: str, line: str, system: str) -> Example:
    value = json.loads(line)
    if "context" in value:
        return from_json(line)
    turns = _from_messages(value["messages"]) if "messages" in value else _from_pairs(value)
    told = [turn.text for turn in turns if turn.role == "system"]
    talk = tuple(turn for turn in turns if turn.role != "system")
    if len(talk) < 2 or talk[-1].role != "assistant" or not talk[-1].text.strip():
        raise ValueError("no reply")
    return Example(
        id=name,
        conversation="general",
        session=name,
        sent_at=_NEVER,
        system=told[0] if told else system,
        context=talk[:-1],
        response=talk[-1].text,
    )


def _from_messages(messages: list[Mapping[str, Any]]) -> list[ChatTurn]:
    return [ChatTurn(role=str(one["role"]), text=str(one["content"])) for one in messages if one["role"] in ("system", "user", "assistant")]


def _from_pairs(value: Mapping[str, Any]) -> list[ChatTurn]:
    pairs = [*value.get("history", ()), (value["prompt"], value["response"])]
    turns = [ChatTurn(role=role, text=str(text)) for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True)]
    return [turn for turn in turns if turn.text]
