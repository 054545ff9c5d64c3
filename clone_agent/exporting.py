"""The archive back out: one file a chat, in ChatLab's standard format, as JSON or as JSON Lines.

Other programs read what ChatLab's format says (`importers.chatlab`); what it cannot say stands under `cloneAgent`, so that importing the
file again gives the same messages. Joins of people are not in it.
"""

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, TextIO

from clone_agent.archive import Archive
from clone_agent.importers.chatlab import EXTENSION, TYPES, plain_reading
from clone_agent.records import ChatKind, Conversation, Kind, Message

Shape = Literal["chatlab", "jsonl"]
VERSION = "0.0.2"
_GROUP_NUMBER = re.compile(r"(?:qq:group:|telegram:|wechat:)([\w-]+(?:@chatroom)?)")
_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*\s]+')


def file_name(conversation: Conversation, shape: Shape) -> str:
    """The name of a chat's file: readable, safe on every system and different for every chat."""
    digest = blake2b(conversation.id.encode("utf-8", "replace"), digest_size=4).hexdigest()
    name = _UNSAFE.sub("_", conversation.name).strip("._")[:40]
    return f"{name or conversation.kind.value}-{digest}.{'json' if shape == 'chatlab' else 'jsonl'}"


def export_chat(archive: Archive, conversation_id: str, path: Path, *, shape: Shape) -> int:
    """Write one chat to a file that is not there yet, for the user alone (0600); the file appears when it is whole.

    Returns:
        How many messages were written.

    Raises:
        KeyError: there is no such chat.
        FileExistsError: the file is there.
    """
    conversation = archive.conversation(conversation_id)
    if path.exists():
        raise FileExistsError(path)
    unfinished = path.with_name(f"{path.name}.part")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="\n") as out:
            write = _write_lines if shape == "jsonl" else _write_object
            written = write(out, _head(archive, conversation), _members(archive, conversation_id), archive.messages(conversation_id))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return written


def _write_object(out: TextIO, head: dict[str, Any], members: list[dict[str, Any]], messages: Iterator[Message]) -> int:
    out.write(f'{{"chatlab":{_json(head["chatlab"])},\n"meta":{_json(head["meta"])},\n"members":[')
    out.write(",".join(f"\n{_json(member)}" for member in members))
    out.write('],\n"messages":[')
    written = 0
    for written, message in enumerate(messages, start=1):
        out.write(f"{',' if written > 1 else ''}\n{_json(row_of(message))}")
    out.write("]}\n")
    return written


def _write_lines(out: TextIO, head: dict[str, Any], members: list[dict[str, Any]], messages: Iterator[Message]) -> int:
    out.write(f"{_json({'_type': 'header', **head})}\n")
    out.writelines(f"{_json({'_type': 'member', **member})}\n" for member in members)
    return sum(1 for message in messages if out.write(f"{_json({'_type': 'message', **row_of(message)})}\n"))


def _head(archive: Archive, conversation: Conversation) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "name": conversation.name,
        "platform": conversation.platform,
        "type": "group" if conversation.kind is ChatKind.GROUP else "private",
    }
    number = _GROUP_NUMBER.fullmatch(conversation.id)
    if conversation.kind is ChatKind.GROUP and number is not None:
        meta["groupId"] = number[1]
    owner = conversation.owner or archive.owner_in(conversation.id)
    if owner is not None:
        meta["ownerId"] = owner
    meta[EXTENSION] = {"id": conversation.id, "kind": conversation.kind.value}
    exported_at = int(datetime.now(UTC).timestamp())
    return {"chatlab": {"version": VERSION, "exportedAt": exported_at, "generator": "clone-agent"}, "meta": meta}


def _members(archive: Archive, conversation_id: str) -> list[dict[str, Any]]:
    return [{"platformId": sender, "accountName": name} for sender, name in archive.senders(conversation_id)]


def row_of(message: Message) -> dict[str, Any]:
    """A message as ChatLab says it, and under `cloneAgent` what reading that row alone would not give back."""
    content = _content(message)
    row: dict[str, Any] = {
        "sender": message.sender,
        "accountName": message.sender_name,
        "timestamp": int(message.sent_at.timestamp() // 1),
        "type": TYPES[message.kind],
        "content": content,
    }
    if message.source_id is not None:
        row["platformMessageId"] = message.source_id
    if message.reply_to is not None:
        row["replyToMessageId"] = message.reply_to
    plain = plain_reading(TYPES[message.kind], content or "")
    more: dict[str, Any] = {"id": message.id, "sentAt": message.sent_at.isoformat()}
    for name in ("kind", "text", "quoted", "mentions", "attachments"):
        value = getattr(message, name)
        if value != getattr(plain, name):
            more[name] = list(value) if isinstance(value, tuple) else value
    if not message.sender_name:
        more["name"] = ""
    row[EXTENSION] = more
    return row


def _content(message: Message) -> str | None:
    if message.text:
        return message.text
    if message.kind is Kind.FILE and message.attachments:
        return message.attachments[0]
    return message.quoted or None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
