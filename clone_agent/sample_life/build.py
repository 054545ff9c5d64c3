"""Builds the exports of the sample life from its scenes: `python -m clone_agent.sample_life.build`.

Reads every file of `scenes/`, lays its lines on the calendar and writes `exports/`, each chat in the format of its header, and beside that
folder, where an import does not read it, `keys.jsonl`: which message carries which key, so that questions can name their gold. Same scenes,
same bytes.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from clone_agent.errors import ExportError
from clone_agent.sample_life.grammar import read_scene_file
from clone_agent.sample_life.laying import Bubble, Chat, lay
from clone_agent.sample_life.writers.qce_json import write_qce_json
from clone_agent.sample_life.writers.qq_text import write_qq_text
from clone_agent.sample_life.writers.telegram import write_telegram
from clone_agent.sample_life.writers.wechat_csv import write_wechat_csv

HERE = Path(__file__).parent
SCENES, EXPORTS = HERE / "scenes", HERE / "exports"
KEYS = HERE / "keys.jsonl"
_WRITERS: dict[str, Callable[[Chat], dict[PurePosixPath, bytes]]] = {
    "qq_pc_txt": write_qq_text,
    "qce_json": write_qce_json,
    "wechat_csv": write_wechat_csv,
    "telegram_json": write_telegram,
}


def read_chats(folder: Path = SCENES) -> list[Chat]:
    """Every chat of a folder of scene files, in the order of their names.

    Raises:
        ExportError: a broken line, or a key that two chats use.
    """
    chats = [lay(read_scene_file(path)) for path in sorted(folder.glob("*.txt"))]
    owners: dict[str, str] = {}
    for chat in chats:
        for bubble in chat.bubbles:
            if bubble.key and owners.setdefault(bubble.key, chat.file.path.name) != chat.file.path.name:
                raise ExportError(
                    f"{chat.file.path.name}: the key {bubble.key} is taken by {owners[bubble.key]}.",
                    remedy="Begin every key with the name of its chat.",
                )
    return chats


def render(chats: Iterable[Chat]) -> dict[PurePosixPath, bytes]:
    """The export files: paths below the exports folder, and their bytes."""
    files: dict[PurePosixPath, bytes] = {}
    for chat in chats:
        for path, content in _WRITERS[chat.file.format](chat).items():
            if path in files:
                raise ExportError(f"{chat.file.path.name}: {path} is written by another chat too.", remedy="Give one of them another name.")
            files[path] = content
    return files


def render_keys(chats: Iterable[Chat]) -> bytes:
    """The file of keys: one line a message that carries one."""
    keys = [_key_line(chat, bubble) for chat in chats for bubble in chat.bubbles if bubble.key]
    return ("\n".join(keys) + "\n").encode()


def build(scenes: Path = SCENES, exports: Path = EXPORTS) -> list[Path]:
    """Write the exports, and the keys beside their folder, and remove files that no chat makes any more. Returns what was written."""
    chats = read_chats(scenes)
    files = render(chats)
    for old in exports.rglob("*"):
        if old.is_file() and PurePosixPath(old.relative_to(exports)) not in files:
            old.unlink()
    for path, content in files.items():
        place = exports / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    keys = exports.with_name(KEYS.name)
    keys.write_bytes(render_keys(chats))
    return [*(exports / path for path in files), keys]


def _key_line(chat: Chat, bubble: Bubble) -> str:
    line = {
        "key": bubble.key,
        "chat": chat.file.chat,
        "sender": bubble.person.id,
        "sender_name": bubble.name,
        "sent_at": bubble.sent_at.isoformat(),
        "text": bubble.text,
    }
    return json.dumps(line, ensure_ascii=False)


if __name__ == "__main__":
    build()
