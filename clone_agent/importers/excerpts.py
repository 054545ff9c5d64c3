"""Texts that begin each message with `2024-01-02 11:04:05 somebody`: which programs may have written one.

QQ, MemoTrace, WeFlow and QQNT_Export share this line. WeFlow puts the name into quotes; QQNT_Export writes 收 or 发 and begins bodies
with [文本]; QQ in groups has a number behind the name; MemoTrace calls the owner 我 or 你, has `引用:` lines, and notices that stand where
a name stands with nothing below. Without any of these nobody can tell QQ from MemoTrace, and the user is asked.
"""

import re
from enum import Flag, auto

from clone_agent.importers.wechat_bodies import is_notice

_HEADER = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} (?P<name>\S[^\n]{0,120}?)[ \t]*")
_WITH_NUMBER = re.compile(r".*(?:\(\d{5,11}\)|<[^<>]+>)")
_OF_QQ = re.compile(r"^消息(?:分组|对象)[:：]", re.M)
_DIRECTION = frozenset({"收", "发", "转发", "发送", "接收"})
_BEGINS_QQNT = re.compile(r"\[(?:文本|被引用的消息)\]")
_MEMOTRACE_QUOTE = re.compile(r"引用[:：](?:未知$|[^:：]{1,60}[:：])")
_MEMOTRACE_MEDIA = re.compile(r"【(?:图片|语音|视频|文件|表情包|分享链接|合并转发的聊天记录|音视频通话|位置分享|名片)】|\[表情包\]$")
_OWNER = frozenset({"我", "你"})


class Writer(Flag):
    """Programs that may have written a text."""

    NOBODY = 0
    QQ = auto()
    MEMOTRACE = auto()
    WEFLOW = auto()


def writers_of(text: str) -> Writer:
    """Which of the three programs may have written the text that begins so."""
    if "消息记录（" in text[:200] or text.lstrip()[:1] in {"<", "{", "["} or _OF_QQ.search(text):
        return Writer.NOBODY
    blocks = _blocks(text)
    # In a program's log the stamped lines follow one another; in a chat a blank line stands between messages.
    if sum(_HEADER.fullmatch(line) is not None for _, body in blocks for line in body) > len(blocks):
        return Writer.NOBODY
    names = [name for name, _ in blocks]
    is_qqnt = any(name in _DIRECTION or (body and _BEGINS_QQNT.match(body[0])) for name, body in blocks)
    if not blocks or is_qqnt:
        return Writer.NOBODY
    quoted = sum(len(name) > 1 and name[0] == name[-1] == "'" for name in names)
    if quoted * 2 > len(names):
        return Writer.WEFLOW
    if sum(_WITH_NUMBER.fullmatch(name) is not None for name in names) * 2 >= len(names):
        return Writer.NOBODY
    if any(_is_memotrace(name, body) for name, body in blocks):
        return Writer.MEMOTRACE
    is_talk = sum(any(line.strip() for line in body) for _, body in blocks) >= 2
    return Writer.MEMOTRACE | Writer.QQ if is_talk else Writer.NOBODY


def _blocks(text: str) -> list[tuple[str, list[str]]]:
    """Name and body of each message; none where a stamped line does not begin the text."""
    blocks: list[tuple[str, list[str]]] = []
    is_after_blank = True
    for line in re.split(r"\r\n|\n|\r", text):
        header = _HEADER.fullmatch(line) if is_after_blank else None
        if header is not None:
            blocks.append((header["name"], []))
        elif blocks:
            blocks[-1][1].append(line)
        elif line.strip():
            return []
        is_after_blank = not line.strip()
    return blocks


def _is_memotrace(name: str, body: list[str]) -> bool:
    is_empty = not any(line.strip() for line in body)
    if name in _OWNER or (is_empty and is_notice(name)):
        return True
    return any(_MEMOTRACE_QUOTE.match(line) for line in body[1:]) or (not is_empty and _MEMOTRACE_MEDIA.match(body[0]) is not None)
