"""One chat of the sample life as several exporters would write it."""

import csv
import html
import io
import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from clone_agent.sample_life.build import SCENES
from clone_agent.sample_life.grammar import read_scene_file
from clone_agent.sample_life.laying import Bubble, Chat, Part, PartKind, lay
from clone_agent.sample_life.writers.qce_json import write_qce_json
from clone_agent.sample_life.writers.qq_text import _records, write_qq_text
from clone_agent.sample_life.writers.wechat_csv import chat_id, write_wechat_csv

Files = dict[PurePosixPath, bytes]


def scene(name: str) -> Chat:
    """A chat of the sample life."""
    return lay(read_scene_file(SCENES / f"{name}.txt"))


def part_of(chat: Chat, first: int, last: int) -> Chat:
    """Some of its messages."""
    return Chat(file=chat.file, bubbles=chat.bubbles[first:last], names=chat.names)


def write_qq_mht(chat: Chat) -> Files:
    """As the QQ message manager writes MHT; the owner's messages are green."""
    owner = chat.names[chat.file.owner.id]
    rows = [f"消息分组:{'我的QQ群' if chat.file.kind == 'group' else '我的好友'}", f"消息对象:{chat.file.chat}"]
    cells = [f"<tr><td><div style=padding-left:10px;>{html.escape(row)}</div></td></tr>" for row in rows]
    date = ""
    for moment, sender, body in sorted(_records(chat), key=lambda record: record[0]):
        if date != (date := f"{moment:%Y-%m-%d}"):
            cells.append(f"<tr><td style=border-bottom-width:1px;>日期: {date}</td></tr>")
        is_own = chat.file.owner.id in sender or sender == owner
        words = html.escape(body).replace("\n", "<br>").replace("\r", "<br>")
        words = words.replace("[图片]", '<IMG src="{3D48C238-CD47-4d17-9C8F-3593C6D4738B}.dat">')
        clock = f"{moment.hour}:{moment:%M:%S}"
        cells.append(
            f"<tr><td><div style=color:{'#42B475' if is_own else '#006EFE'};padding-left:10px;><div style=float:left;margin-right:6px;>"
            f"{html.escape(sender)}</div>{clock}</div><div style=padding-left:20px;>"
            f"<font style=\"font-size:10pt;\" color='000000'>{words}</font></div></td></tr>"
        )
    head = ["From: <Save by Tencent MsgMgr>", "Subject: Tencent IM Message", "MIME-Version: 1.0", "Content-Type:multipart/related;"]
    head += ['\tboundary="----=_x"', "", "------=_x", "Content-Type: text/html", "Content-Transfer-Encoding:7bit", ""]
    head.append("<html><body><table width=100% cellspacing=0>")
    text = "\r\n".join(head + cells) + "\r\n</table></body></html>\r\n------=_x--\r\n"
    return {PurePosixPath("qq", f"{chat.file.chat}.mht"): ("\ufeff" + text).encode()}


def write_weflow(chat: Chat) -> Files:
    """As WeFlow writes JSON: wxids, words for types, epoch seconds."""
    room, group = chat_id(chat), chat.file.kind == "group"
    session = {"wxid": room, "nickname": chat.file.chat, "displayName": chat.file.chat, "type": "群聊" if group else "私聊"}
    rows = [_weflow_row(number, bubble, chat) for number, bubble in enumerate(_in_order(chat), start=1)]
    told = {"weflow": {"version": "1.0.3", "format": "arkme-json"}, "session": session, "messages": rows}
    return {PurePosixPath("weflow", f"{chat.file.chat}.json"): json.dumps(told, ensure_ascii=False).encode()}


def write_memotrace(chat: Chat) -> Files:
    """As MemoTrace writes CSV: names only, the owner is 我."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("消息ID", "类型", "发送人", "时间", "内容", "备注", "昵称", "更多信息"))
    for number, bubble in enumerate(_in_order(chat), start=1):
        is_own = bubble.person is chat.file.owner
        name = "我" if is_own else chat.names[bubble.person.id]
        kind, words = _described(bubble, name)
        moment = bubble.recalled_at or bubble.sent_at
        writer.writerow((number, kind, name, f"{moment:%Y-%m-%d %H:%M:%S}", words, name, name, ""))
    folder = f"{chat.file.chat}({chat_id(chat)})"
    return {PurePosixPath("memotrace", folder, f"{chat.file.chat}.csv"): ("\ufeff" + text.getvalue()).encode()}


def write_bare_memotrace(chat: Chat) -> Files:
    """The same where neither file nor folder carries the peer's wxid."""
    return {PurePosixPath("bare", f"{chat.file.chat}.csv"): content for content in write_memotrace(chat).values()}


QQ: dict[str, Callable[[Chat], Files]] = {"text": write_qq_text, "mht": write_qq_mht, "qce": write_qce_json}
WECHAT: dict[str, Callable[[Chat], Files]] = {
    "pywxdump": write_wechat_csv,
    "weflow": write_weflow,
    "memotrace": write_memotrace,
    "bare memotrace": write_bare_memotrace,
}


def put(files: Files, folder: Path) -> Path:
    """Write the files and return the one to import."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder / next(iter(files))


def _in_order(chat: Chat) -> list[Bubble]:
    return sorted(chat.bubbles, key=lambda bubble: bubble.recalled_at or bubble.sent_at)


_TYPES = {
    PartKind.IMAGE: ("图片消息", "图片", "[图片]"),
    PartKind.STICKER: ("动画表情", "表情包", "[动画表情]"),
    PartKind.VOICE: ("语音消息", "语音", "[语音消息]"),
    PartKind.VIDEO: ("视频消息", "视频", "[视频]"),
    PartKind.FILE: ("文件消息", "文件", "[文件]"),
}


def _weflow_row(number: int, bubble: Bubble, chat: Chat) -> dict[str, object]:
    moment = bubble.recalled_at or bubble.sent_at
    media = _media(bubble)
    kind, content = ("文本消息", _words(bubble)) if media is None else (_TYPES[media.kind][0], _TYPES[media.kind][2])
    if bubble.recalled_at:
        kind, content = "系统消息", f"{bubble.name} 撤回了一条消息"
    elif bubble.quotes is not None:
        kind, content = "引用消息", f"{_words(bubble)}[引用 {bubble.quotes.name}：{bubble.quotes.text}]"
    return {
        "localId": number,
        "createTime": int(moment.timestamp()),
        "type": kind,
        "content": content,
        "isSend": int(bubble.person is chat.file.owner),
        "senderUsername": bubble.person.id,
        "senderDisplayName": bubble.name,
    }


def _described(bubble: Bubble, name: str) -> tuple[str, str]:
    media = _media(bubble)
    if bubble.recalled_at:
        return "系统消息", f"{name} 撤回了一条消息"
    if bubble.quotes is not None:
        return "引用消息", f"{_words(bubble)}\n引用：{bubble.quotes.name}: {bubble.quotes.text}"
    return ("文本", _words(bubble)) if media is None else (_TYPES[media.kind][1], f"【{_TYPES[media.kind][1]}】")


def _media(bubble: Bubble) -> Part | None:
    return None if bubble.text else next((part for part in bubble.parts if part.kind in _TYPES), None)


def _words(bubble: Bubble) -> str:
    return "".join(f"@{part.text}\u2005" if part.kind is PartKind.MENTION else part.text for part in bubble.parts).strip()
