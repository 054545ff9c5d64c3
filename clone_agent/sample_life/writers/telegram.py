"""Writes a private chat as Telegram Desktop does: `result.json` of one chat, one blank of indentation, non-ASCII letters as they are."""

import json
from pathlib import PurePosixPath

from clone_agent.sample_life.laying import Bubble, Chat, Part, PartKind, token

_LEFT_OUT = "(File not included. Change data exporting settings to download.)"
_FIRST_ID = 1204


def write_telegram(chat: Chat) -> dict[PurePosixPath, bytes]:
    """The files of one chat: paths below the exports folder, and their bytes."""
    peer = chat.peer
    content = {
        "name": peer.name,
        "type": "personal_chat",
        "id": int(peer.id.removeprefix("user")),
        "messages": [_message(bubble) for bubble in chat.bubbles if bubble.recalled_at is None],
    }
    return {PurePosixPath("telegram", "result.json"): json.dumps(content, ensure_ascii=False, indent=1).encode()}


def _message(bubble: Bubble) -> dict[str, object]:
    entities = [{"type": "plain", "text": bubble.text}] if bubble.text else []
    return {
        "id": _FIRST_ID + bubble.number,
        "type": "message",
        "date": f"{bubble.sent_at:%Y-%m-%dT%H:%M:%S}",
        "date_unixtime": str(int(bubble.sent_at.timestamp())),
        "from": bubble.name,
        "from_id": bubble.person.id,
        **({"reply_to_message_id": _FIRST_ID + bubble.quotes.number} if bubble.quotes else {}),
        **next((_media(bubble, part) for part in bubble.parts if part.kind in _MEDIA), {}),
        "text": bubble.text,
        "text_entities": entities,
    }


def _media(bubble: Bubble, part: Part) -> dict[str, object]:
    draw = int(token("telegram", bubble.sent_at, bubble.number, length=8), 16)
    return _MEDIA[part.kind](part, draw)


def _photo(_: Part, draw: int) -> dict[str, object]:
    width, height = (960, 1280) if draw % 3 else (1280, 960)
    return {"photo": _LEFT_OUT, "width": width, "height": height}


def _sticker(_: Part, draw: int) -> dict[str, object]:
    return {"file": _LEFT_OUT, "media_type": "sticker", "sticker_emoji": "😂🥟😭🎉"[draw % 4], "width": 512, "height": 512}


def _voice(part: Part, _: int) -> dict[str, object]:
    return {"file": _LEFT_OUT, "media_type": "voice_message", "mime_type": "audio/ogg", "duration_seconds": part.seconds}


def _video(_: Part, draw: int) -> dict[str, object]:
    seconds = 5 + draw % 40
    return {
        "file": _LEFT_OUT,
        "media_type": "video_file",
        "mime_type": "video/mp4",
        "duration_seconds": seconds,
        "width": 720,
        "height": 1280,
    }


def _file(part: Part, _: int) -> dict[str, object]:
    return {"file": _LEFT_OUT, "file_name": part.text, "mime_type": "application/octet-stream"}


_MEDIA = {
    PartKind.IMAGE: _photo,
    PartKind.STICKER: _sticker,
    PartKind.VOICE: _voice,
    PartKind.VIDEO: _video,
    PartKind.FILE: _file,
}
