"""Writes a chat as the QQ PC message manager does: `.txt`, UTF-8 with BOM, CRLF.

Blocks of header line, body and an empty line; hours without a leading zero; ids in groups only. A private chat shows the names of the day
of the export, the other one's as 消息对象 says. Line ends inside a body are a bare CR (typed on a PC) or LF (typed on a phone). A reply is
text that starts with `@nick`.
"""

from datetime import datetime
from pathlib import PurePosixPath

from clone_agent.sample_life.laying import Bubble, Chat, Part, PartKind

_TITLE = "消息记录（此消息记录为文本格式，不支持重新导入）"
_RULE = "=" * 64
_FOLDER = {"private": "我的好友", "group": "我的QQ群"}
_PLACEHOLDER = {PartKind.IMAGE: "[图片]", PartKind.STICKER: "[表情]", PartKind.VOICE: "[语音]", PartKind.VIDEO: "[视频]"}
_OFFICE_HOURS = range(9, 18)


def write_qq_text(chat: Chat) -> dict[PurePosixPath, bytes]:
    """The files of one chat: paths below the exports folder, and their bytes."""
    lines = [_TITLE, "", _RULE, f"消息分组:{_FOLDER[chat.file.kind]}", _RULE, f"消息对象:{chat.file.chat}", _RULE, ""]
    for moment, sender, body in sorted(_records(chat), key=lambda record: record[0]):
        lines += [f"{moment:%Y-%m-%d} {moment.hour}:{moment:%M:%S} {sender}", body, ""]
    return {PurePosixPath("qq", f"{chat.file.chat}.txt"): ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()}


def _records(chat: Chat) -> list[tuple[datetime, str, str]]:
    records = []
    for bubble in chat.bubbles:
        if bubble.recalled_at:
            who = "你" if bubble.person is chat.file.owner else _shown(chat, bubble)
            records.append((bubble.recalled_at, "系统消息(10000)", f"{who}撤回了一条消息"))
        elif bubble.parts[0].kind is PartKind.FILE:
            records.append((bubble.sent_at, *_file_notice(chat, bubble)))
        else:
            records.append((bubble.sent_at, _sender(chat, bubble), _body(chat, bubble)))
    return records


def _shown(chat: Chat, bubble: Bubble) -> str:
    if chat.file.kind == "group":
        return bubble.name
    return chat.file.chat if bubble.person is chat.peer else chat.names[bubble.person.id]


def _sender(chat: Chat, bubble: Bubble) -> str:
    return f"{bubble.name}({bubble.person.id})" if chat.file.kind == "group" else _shown(chat, bubble)


def _file_notice(chat: Chat, bubble: Bubble) -> tuple[str, str]:
    name = bubble.parts[0].text
    if chat.file.kind == "group":
        clock = f"{bubble.sent_at.hour}:{bubble.sent_at:%M:%S}"
        return "系统消息(10000)", f'[图片] {bubble.name} 分享文件 {clock}\r"{name}" 下载'
    notice = "对方已成功接收了你发送的离线文件" if bubble.person is chat.file.owner else "你已下载文件"
    return _sender(chat, bubble), f"[图片]{notice}“{name}”。"


def _body(chat: Chat, bubble: Bubble) -> str:
    newline = "\r" if bubble.sent_at.hour in _OFFICE_HOURS else "\n"
    text = "".join(map(_written, bubble.parts)).rstrip()
    reply = f"@{_shown(chat, bubble.quotes)} " if bubble.quotes else ""
    return reply + text.replace("\n", newline)


def _written(part: Part) -> str:
    if part.kind is PartKind.MENTION:
        return f"@{part.text} "
    return _PLACEHOLDER.get(part.kind, part.text)
