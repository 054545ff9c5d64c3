"""Writes a chat as PyWxDump does: `csv/<chat>/<chat>_0_5000.csv` with `users.json` beside it, UTF-8, LF, RFC quoting.

The kind of a row is a Chinese word; a recall leaves only a 系统通知, which carries the sender's flag; a quote stands below the own words
as `[引用](time)name:text`.
"""

import csv
import io
import json
from pathlib import PurePosixPath

from clone_agent.sample_life.laying import Bubble, Chat, Part, PartKind, token

_COLUMNS = ("id", "MsgSvrID", "type_name", "is_sender", "talker", "room_name", "msg", "src", "CreateTime")
_ROWS_PER_FILE = 5000


def write_wechat_csv(chat: Chat) -> dict[PurePosixPath, bytes]:
    """The files of one chat: paths below the exports folder, and their bytes."""
    room = chat_id(chat)
    rows = [(bubble.recalled_at or bubble.sent_at, bubble) for bubble in chat.bubbles]
    rows.sort(key=lambda row: row[0])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for number, (moment, bubble) in enumerate(rows, start=1):
        type_name, words, src = _content(chat, bubble)
        is_sender = int(bubble.person is chat.file.owner)
        server_id = 10**18 + int(token("wechat", room, number, moment, length=15), 16) * 7
        writer.writerow((number, server_id, type_name, is_sender, bubble.person.id, room, words, src, f"{moment:%Y-%m-%d %H:%M:%S}"))
    folder = PurePosixPath("wechat", "csv", room)
    users = json.dumps(_users(chat, room), ensure_ascii=False, indent=4)
    return {folder / f"{room}_0_{_ROWS_PER_FILE}.csv": text.getvalue().encode(), folder / "users.json": users.encode()}


def chat_id(chat: Chat) -> str:
    """WeChat's id of the chat: the peer's wxid, or made-up digits for a group."""
    if chat.file.kind == "private":
        return chat.peer.id
    return f"{10**10 + int(token('room', chat.file.chat, length=8), 16)}@chatroom"


def _users(chat: Chat, room: str) -> dict[str, dict[str, str]]:
    names = {person.id: chat.names[person.id] for person in chat.file.people}
    names[room] = chat.file.chat
    return {
        wxid: {"wxid": wxid, "nickname": name, "remark": "", "account": "", "describe": "", "headImgUrl": ""}
        for wxid, name in names.items()
    }


def _content(chat: Chat, bubble: Bubble) -> tuple[str, str, str]:
    if bubble.recalled_at:
        who = "你" if bubble.person is chat.file.owner else f'"{bubble.name}" '
        return "系统通知", f"<revokemsg>{who}撤回了一条消息</revokemsg>", ""
    if bubble.quotes:
        quoted = f"[引用]({bubble.quotes.sent_at:%Y-%m-%d %H:%M:%S}){bubble.quotes.name}:{bubble.quotes.text}"
        return "引用回复", f"{_words(bubble)}\n\n{quoted}", ""
    media = next((part for part in bubble.parts if part.kind not in (PartKind.TEXT, PartKind.MENTION)), None)
    return ("文本", _words(bubble), "") if media is None or bubble.text else _media(bubble, media)


def _words(bubble: Bubble) -> str:
    # WeChat ends a mention with U+2005 instead of a blank.
    return "".join(f"@{part.text}\u2005" if part.kind is PartKind.MENTION else part.text for part in bubble.parts).strip()


def _media(bubble: Bubble, part: Part) -> tuple[str, str, str]:
    name, month = token("wechat", bubble.sent_at, bubble.number), f"{bubble.sent_at:%Y-%m}"
    match part.kind:
        case PartKind.IMAGE:
            return "图片", "图片", rf"FileStorage\MsgAttach\{name[::-1]}\Image\{month}\{name}.dat"
        case PartKind.STICKER:
            return "动画表情", "表情", f"http://emoji.example/stodownload?m={name}"
        case PartKind.VOICE:
            return "语音", f"语音时长：{part.seconds}秒\n翻译结果：", rf"audio\{bubble.sent_at:%Y-%m-%d_%H-%M-%S}_{name[:12]}.mp3"
        case PartKind.VIDEO:
            return "视频", "视频", rf"FileStorage\Video\{month}\{name}.mp4"
        case _:
            return "文件", part.text, rf"FileStorage\File\{month}\{part.text}"
