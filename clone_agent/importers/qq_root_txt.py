r"""QQ on Android: text of QQRootFastDecrypt, one friend a file, or all of them on one time line.

    [2024-05-01 12:00:00] 小明: 在吗[%\n%]第二行                  one line a message; a line end is written `[%\n%]`
    [2024-05-01 12:00:09] 我的昵称: [引用-> [2024-05-01 12:00:00] 小明: 在吗 <-] 在
    [2024-05-01 12:00:11] [系统提示]: 小明 戳了戳 我的昵称
    [2024-05-01 12:00:12] 小明 -> 我的昵称: 好                    on the time line of all friends

UTF-8, LF, local time, no groups. The file is called `10002_小明(备注-乙)_1714536000.txt`: number, nick, remark. Parts of one message stand
side by side with a blank between them. Who is not the friend is the owner; on the time line, who takes part in every line.
"""

import re
from collections.abc import Iterator
from itertools import islice

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.opening import lines_of
from clone_agent.importers.qq_pc_blocks import PLATFORM
from clone_agent.importers.qq_pc_bodies import read_body
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.records import ChatKind, Kind, Skipped

_ROW = re.compile(
    r"\[(?P<time>\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})\] (?P<sender>[^\n]{1,80}?)(?: -> (?P<receiver>[^\n:]{1,80}))?: ?(?P<text>.*)"
)
_LINE_END = r"[%\n%]"
_NOTICE = "[系统提示]"
_FILE_NAME = re.compile(r"(?P<number>\d{5,11})_(?P<nick>.*?)(?:\(备注-(?P<remark>.*)\))?_\d{10}")
_QUOTE = re.compile(r"\[引用-> \[[^\]]*\] (?P<quoted>.*?) <-\]\s?", re.S)
_RECALL = re.compile(r"\[[^\[\]]{1,60} 撤回了一条消息[^\[\]]*\]")
_MARKS = {
    Kind.VOICE: r"\[语音\](?: \d+\"| 转文字：.*)?",
    Kind.CALL: r"\[(?:语音通话|视频通话|通话)\].*",
    Kind.RED_PACKET: r"\[(?:口令|语音)?红包\].*",
    Kind.FORWARD: r"\[聊天记录\].*",
    Kind.CARD: r"\[(?:名片|QQ小程序|卡片|卡片-解析失败|Markdown)\].*",
}
_MARK = re.compile("|".join(f"(?P<{kind.value}>{pattern})" for kind, pattern in _MARKS.items()), re.S)
_LOOK_AHEAD = 5000


def matches(head: Head) -> bool:
    """Rows from the first line on, with the program's marks in them or in the file's name."""
    lines = [line.rstrip("\r") for line in head.text.lstrip("\ufeff").split("\n", 400) if line.strip()]
    if not lines or _ROW.fullmatch(lines[0]) is None:
        return False
    marks = (_LINE_END, "[引用-> [", f"] {_NOTICE}: ")
    is_named = _FILE_NAME.fullmatch(head.name.removesuffix(".txt")) is not None or head.name.startswith("chat_logs_timeline")
    return is_named or any(mark in head.text for mark in marks)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every line of the file."""
    told = _FILE_NAME.fullmatch(source.stem)
    friend = {told[part] for part in ("number", "nick", "remark") if told[part]} if told is not None else set()
    owner = _owner(source, friend)
    chats: dict[str, Chat] = {}
    for number, line in enumerate(lines_of(source), start=1):
        place = f"{source.name}:{number}"
        row = _ROW.fullmatch(line.lstrip("\ufeff"))
        sent_at = read_time(row["time"], options.timezone) if row is not None else None
        if row is None or sent_at is None:
            if line.strip():
                yield Skipped(source=place, reason="no time stamp")
            continue
        sender = clean_name(row["sender"])
        receiver = clean_name(row["receiver"] or "")
        if receiver:
            # Who of two is the owner is not known where there is one friend alone: their chat is still one.
            peer = (receiver if sender == owner else sender) if owner else "、".join(sorted({sender, receiver}))
        else:
            peer = (told["remark"] or told["nick"] or told["number"]) if told else ""
        if peer not in chats:
            identity = (
                f"{PLATFORM}:private:{told['number']}"
                if told is not None
                else chat_id(PLATFORM, peer or "unnamed", *(() if peer else (source.stem,)))
            )
            chats[peer] = Chat(PLATFORM, identity, name=peer, kind=ChatKind.PRIVATE, owner=named(owner) if owner else None)
        kind, words, quoted = _content(row["text"].replace(_LINE_END, "\n"), sender)
        if kind is Kind.SYSTEM:
            sender = "系统消息"
        identity = told["number"] if told is not None and sender in friend else named(sender)
        yield from chats[peer].add(
            Bubble(sender=identity, sender_name=sender, sent_at=sent_at, kind=kind, text=words, quoted=quoted, source=place)
        )


def _owner(source: Source, friend: set[str]) -> str:
    """The one who is not the friend, or who takes part in every line; "" where that is not one person."""
    everywhere: set[str] | None = None
    others: set[str] = set()
    for line in islice(lines_of(source), _LOOK_AHEAD):
        row = _ROW.fullmatch(line.lstrip("\ufeff"))
        if row is None or row["sender"] == _NOTICE:
            continue
        sender, receiver = clean_name(row["sender"]), clean_name(row["receiver"] or "")
        if receiver:
            everywhere = {sender, receiver} if everywhere is None else everywhere & {sender, receiver}
        elif sender not in friend:
            others.add(sender)
    found = everywhere if everywhere is not None else others if friend else set()
    return next(iter(found)) if len(found) == 1 else ""


def _content(written: str, sender: str) -> tuple[Kind, str, str]:
    """Kind, own words, the quote."""
    if sender == _NOTICE or _RECALL.fullmatch(written.strip()):
        return Kind.SYSTEM, written.strip(), ""
    quote = _QUOTE.match(written)
    own = written[quote.end() :] if quote is not None else written
    quoted = quote["quoted"].partition(": ")[2] or quote["quoted"] if quote is not None else ""
    mark = _MARK.fullmatch(own.strip())
    if mark is not None:
        return Kind(mark.lastgroup or "unknown"), "", quoted
    kind, words = read_body(own)
    return (Kind.REPLY if quote is not None and words else kind), words, quoted
