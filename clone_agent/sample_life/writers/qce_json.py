"""Writes a chat as QQ Chat Exporter V5 does: one JSON file, `type_N` messages whose first element repeats the whole text.

One message a line, numbers of messages as strings, the owner in `chatInfo.selfUin`; a recalled message keeps its text with `recalled` true.
"""

import json
from collections import Counter
from datetime import UTC
from pathlib import PurePosixPath
from typing import Any

from clone_agent.sample_life.grammar import Person
from clone_agent.sample_life.laying import Bubble, Chat, Part, PartKind, token

Element = dict[str, Any]  # {"type": …, "data": {…}}, as the exporter writes it

_ABOUT = {
    "name": "QQChatExporter V5 / https://github.com/shuakami/qq-chat-exporter",
    "copyright": "本软件是免费的开源项目~ 如果您是买来的，请立即退款！如果有帮助到您，欢迎给我点个Star~",
    "version": "5.5.77",
}
_OPTIONS = {
    "includedFields": ["id", "timestamp", "sender", "content", "resources"],
    "filters": {},
    "options": {
        "includeResourceLinks": True,
        "includeSystemMessages": True,
        "preferGroupMemberName": True,
        "timeFormat": "YYYY-MM-DD HH:mm:ss",
        "encoding": "utf-8",
    },
}
_EXPORTED = "20240801_203000"
_FACES = (("14", "微笑"), ("13", "呲牙"), ("5", "流泪"), ("20", "偷笑"), ("182", "笑哭"), ("264", "捂脸"), ("66", "爱心"), ("49", "拥抱"))
_TYPES = {PartKind.VOICE: "type_6", PartKind.VIDEO: "type_7", PartKind.FILE: "type_8"}
_RESOURCES = {
    PartKind.IMAGE: ("image", "jpg"),
    PartKind.VOICE: ("audio", "amr"),
    PartKind.VIDEO: ("video", "mp4"),
    PartKind.FILE: ("file", ""),
}
_WORDS = {"type_1": "text", "type_3": "reply", "type_6": "audio", "type_7": "video", "type_8": "file"}


def write_qce_json(chat: Chat) -> dict[PurePosixPath, bytes]:
    """The files of one chat: paths below the exports folder, and their bytes."""
    messages = [_message(chat, bubble) for bubble in chat.bubbles]
    parts = [
        f'  "metadata":{_dump(_ABOUT)},',
        f'  "chatInfo":{_dump(_chat_info(chat))},',
        f'  "statistics":{_dump(_statistics(chat, messages))},',
        '  "messages":[',
        ",\n".join(f"    {_dump(message)}" for message in messages),
        "  ],",
        f'  "exportOptions":{_dump(_OPTIONS)}',
    ]
    return {PurePosixPath("qq", _file_name(chat)): ("{\n" + "\n".join(parts) + "\n}\n").encode()}


def _file_name(chat: Chat) -> str:
    if chat.file.kind == "private":
        return f"friend_{chat.peer.id}_{_EXPORTED}.json"
    return f"group_{chat.file.chat}_{600_000_000 + int(token('group', chat.file.chat, length=7), 16)}_{_EXPORTED}.json"


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _uid(person: Person) -> str:
    return f"u_{token('uid', person.id, length=22)}"


def _chat_info(chat: Chat) -> dict[str, object]:
    owner = chat.file.owner
    info: dict[str, object] = {"name": chat.file.chat, "type": chat.file.kind}
    info |= {"selfUid": _uid(owner), "selfUin": owner.id, "selfName": chat.names[owner.id]}
    return info | ({"participantCount": len(chat.file.people)} if chat.file.kind == "group" else {})


def _statistics(chat: Chat, messages: list[dict[str, object]]) -> dict[str, object]:
    first, last = (bubble.sent_at.astimezone(UTC) for bubble in (chat.bubbles[0], chat.bubbles[-1]))
    counts = Counter(bubble.person.id for bubble in chat.bubbles)
    resources = Counter(_RESOURCES[part.kind][0] for bubble in chat.bubbles for part in bubble.parts if part.kind in _RESOURCES)
    return {
        "totalMessages": len(messages),
        "timeRange": {
            "start": f"{first:%Y-%m-%dT%H:%M:%S}.000Z",
            "end": f"{last:%Y-%m-%dT%H:%M:%S}.000Z",
            "durationDays": (last - first).days + 1,
        },
        "messageTypes": dict(Counter(_WORDS[str(message["type"])] for message in messages)),
        "senders": [
            {
                "uid": _uid(person),
                "name": chat.names[person.id],
                "messageCount": counts[person.id],
                "percentage": round(100 * counts[person.id] / len(messages), 2),
            }
            for person in chat.file.people
            if counts[person.id]
        ],
        "resources": {
            "total": resources.total(),
            "byType": dict(resources),
            "totalSize": sum(_size(b, p) for b in chat.bubbles for p in b.parts),
        },
    }


def _message(chat: Chat, bubble: Bubble) -> dict[str, object]:
    text, elements = _content(chat, bubble)
    mentions = [{"uid": _uid(part.person), "name": part.text, "type": "user"} for part in bubble.parts if part.person]
    return {
        "id": _id(chat, bubble),
        "seq": str(1001 + bubble.number),
        "timestamp": int(bubble.sent_at.timestamp()) * 1000,
        "time": f"{bubble.sent_at:%Y-%m-%d %H:%M:%S}",
        "sender": {"uid": _uid(bubble.person), "uin": bubble.person.id, "name": bubble.name, "nickname": bubble.name},
        "type": _type(bubble),
        "content": {
            "text": text,
            "html": "",
            "elements": [{"type": "text", "data": {"text": text}}, *elements],
            "resources": [{"type": e["type"], **e["data"]} for e in elements if e["type"] in ("image", "audio", "video", "file")],
            "mentions": mentions,
        },
        "recalled": bubble.recalled_at is not None,
        "system": False,
    }


def _id(chat: Chat, bubble: Bubble) -> str:
    # QQ's message numbers are the second of sending in the upper half and chance in the lower.
    return str((int(bubble.sent_at.timestamp()) << 32) + int(token("qce", chat.file.chat, bubble.number, length=8), 16))


def _type(bubble: Bubble) -> str:
    return "type_3" if bubble.quotes else _TYPES.get(bubble.parts[0].kind, "type_1")


def _content(chat: Chat, bubble: Bubble) -> tuple[str, list[Element]]:
    """The text with its placeholders, and the elements after the first one, which repeats that text."""
    pieces = [_piece(bubble, part) for part in bubble.parts]
    text = "".join(words for words, _ in pieces)
    elements = [element for _, element in pieces if element is not None]
    if bubble.quotes is None:
        return text, elements
    quoted, _ = _content(chat, bubble.quotes)
    reply = {
        "messageId": _id(chat, bubble.quotes),
        "referencedMessageId": _id(chat, bubble.quotes),
        "senderUin": bubble.quotes.person.id,
        "senderName": bubble.quotes.name,
        "timestamp": int(bubble.quotes.sent_at.timestamp()),
        "content": quoted,
    }
    return f"[回复 {bubble.quotes.name}: {quoted}]\n{text}", [{"type": "reply", "data": reply}, *elements]


def _piece(bubble: Bubble, part: Part) -> tuple[str, Element | None]:
    name = f"{token('qce', bubble.sent_at, bubble.number).upper()}.{_RESOURCES.get(part.kind, ('', ''))[1]}"
    match part.kind:
        case PartKind.TEXT:
            return part.text, None
        case PartKind.MENTION:
            uid = _uid(part.person) if part.person else ""
            return f"@{part.text} ", {"type": "at", "data": {"uid": uid, "name": part.text}}
        case PartKind.STICKER:
            face, word = _FACES[int(token("face", bubble.sent_at, length=4), 16) % len(_FACES)]
            return f"[[{word}]]", {"type": "face", "data": {"id": face, "name": f"[{word}]"}}
        case PartKind.IMAGE:
            return f"[图片: {name}]", _resource("image", name, _size(bubble, part), f"https://multimedia.nt.qq.com.cn/{name}")
        case PartKind.VOICE:
            return f"[语音 {part.seconds}秒]", _resource("audio", name, _size(bubble, part), "")
        case PartKind.VIDEO:
            return f"[视频: {name}]", _resource("video", name, _size(bubble, part), "")
        case PartKind.FILE:
            return f"[文件: {part.text}]", _resource("file", part.text, _size(bubble, part), "")


def _resource(kind: str, name: str, size: int, url: str) -> Element:
    return {"type": kind, "data": {"filename": name, "size": size, "url": url}}


def _size(bubble: Bubble, part: Part) -> int:
    return 0 if part.kind not in _RESOURCES else 20_000 + int(token("size", bubble.sent_at, bubble.number, length=6), 16) % 900_000
