"""Parts of a message as QQNT_Export names them: `[文本]`, `[图片]`, `[被引用的消息][文本]` and so on, each with its content.

Only `[文本]` holds the sender's own words; a quoted part carries the same tag behind `[被引用的消息]`.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from clone_agent.importers.body import Body
from clone_agent.importers.json_fields import file_name
from clone_agent.records import Kind

QUOTED = "[被引用的消息]"
# A card comes out as the first two letters of `[应用消息]…`, an element of an unknown type as None.
TAG = re.compile(r"(?:\[被引用的消息\])?(?:\[[^\[\]\n]{1,12}\])?(?<=\])|None|(?:\[被引用的消息\])?\[")
_SIZE = re.compile(r"\s(?:[\d.]+ (?:Bytes?|[KMGT]i?B)|None)$")
DIRECTIONS = frozenset({"收", "发", "转发", "未知"})
_KINDS = {
    "图片": Kind.IMAGE,
    "文件": Kind.FILE,
    "语音": Kind.VOICE,
    "视频": Kind.VIDEO,
    "表情": Kind.STICKER,
    "动画表情": Kind.STICKER,
    "商城表情": Kind.STICKER,
    "提示": Kind.SYSTEM,
    "灰条": Kind.SYSTEM,
    "系统": Kind.SYSTEM,
    "撤回": Kind.SYSTEM,
    "红包": Kind.RED_PACKET,
    "转账": Kind.TRANSFER,
    "应用": Kind.CARD,
    "卡片": Kind.CARD,
    "动态": Kind.CARD,
    "小程序": Kind.CARD,
    "通话": Kind.CALL,
    "合并转发": Kind.FORWARD,
    "聊天记录": Kind.FORWARD,
    "位置": Kind.LOCATION,
}
_WITH_FILE = frozenset({Kind.IMAGE, Kind.FILE, Kind.VIDEO})
_NO_NAME = frozenset({"", "None", "未知", "null"})


def is_tag(line: str) -> bool:
    """Whether a line is a tag."""
    return line[:1] in {"[", "N"} and TAG.fullmatch(line) is not None


def ends_words(line: str, below: str) -> bool:
    """Whether a line inside of somebody's words is a tag: people write `[旺柴]`, `[` and `None` too.

    Args:
        line: that may be one.
        below: the line under it.
    """
    if line == "None" or line == "[":
        return below == ("None" if line == "None" else "应")
    return is_tag(line) and (line.startswith(QUOTED) or line == "[文本]" or _kind(line) is not Kind.UNKNOWN)


class Part(NamedTuple):
    """One element of a message."""

    tag: str
    content: str


def understand(parts: Sequence[Part], *, is_forwarded: bool = False) -> Body:
    """Own words, kind, other people's words and files of a message.

    Args:
        parts: in order.
        is_forwarded: the whole message was passed on.
    """
    if len(parts) == 1 and parts[0].tag == "[文本]" and not is_forwarded and (words := parts[0].content.strip()):
        return Body(Kind.TEXT, words, "", ())  # most messages
    own = [part for part in parts if not part.tag.startswith(QUOTED)]
    quotes = [part for part in parts if part.tag.startswith(QUOTED)]
    kinds = [kind for part in own if (kind := _kind(part.tag)) is not None]
    words = "".join(part.content for part in own if part.tag == "[文本]").strip()
    others = [part.content for part in own if part.tag != "[" and _kind(part.tag) in {Kind.CARD, Kind.FORWARD}]
    quoted = "\n".join(part.content for part in quotes if part.tag in {QUOTED, f"{QUOTED}[文本]"} and part.content not in _NO_NAME)
    files = tuple(name for part in own if _kind(part.tag) in _WITH_FILE and (name := _file(part.content)))
    if is_forwarded:
        return Body(Kind.FORWARD, "", "\n".join([words, *others]).strip(), files)
    if Kind.SYSTEM in kinds:
        return Body(Kind.SYSTEM, " ".join(part.content for part in own if part.content not in _NO_NAME), quoted, files)
    if words:
        return Body(Kind.REPLY if quotes else Kind.TEXT, words, quoted or "\n".join(others), files)
    kind = next((kind for kind in kinds if kind is not Kind.STICKER), kinds[0] if kinds else Kind.UNKNOWN)
    return Body(kind, "", quoted or "\n".join(others), files)


def _kind(tag: str) -> Kind | None:
    name = tag.strip("[]")
    if tag == "[":
        return Kind.CARD
    if name == "文本" or tag == "None":
        return None
    return _KINDS.get(name) or next((kind for word, kind in _KINDS.items() if word in name), Kind.UNKNOWN)


def _file(content: str) -> str:
    first = _SIZE.sub("", content.strip().split("\n", 1)[0])
    return "" if first in _NO_NAME else file_name(first)
