"""QQ Chat Exporter (QQNT): text.

    [QQChatExporter V5 / https://github.com/shuakami/qq-chat-exporter]
    …
    聊天名称: 测试群
    聊天类型: 群聊                                       or 私聊
    消息总数: 2
                                                       (two blank lines before each record)
    [龙王] Alice:                                       the rank, then the name, then a colon that is no part of it
    时间: 2024-01-01 08:04:00                           local
    内容: [回复 Bob: 第一行]                             may go on over lines; [无文本内容] and the like stand for nothing
    收到
    资源: 1 个文件                                       these three belong to the record, in this order, only after the body
      - image: a.png
    提及: Bob
    回复: 01-01 08:01 Bob - 第一行
    ===============================================
                  导出完成

UTF-8, LF. A record begins where a line that ends with a colon stands right above `时间: YYYY-`, and, where one of the two is damaged,
where they stand below two blank lines and above `内容:`. There are no ids, the owner is not told and a recalled message is not marked:
JSON of the same program is better.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.encoding import LONGEST_RECORD
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.opening import lines_of
from clone_agent.importers.qce_marks import split_quote, without_files
from clone_agent.importers.qq_pc_blocks import PLATFORM, group_chat_id
from clone_agent.importers.qq_pc_bodies import read_body
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.records import ChatKind, Kind, Skipped

_TITLE = "[QQChatExporter"
_KNOWN_TITLE = re.compile(r"\[QQChatExporter(?: V[3-6])?(?: / \S*)?\]")
_FACT = re.compile(r"(聊天名称|聊天类型): ?(.*)")
_TIME = re.compile(r"时间: (\d{4}-\S+(?: \S+)?)\s*")
_NAME = re.compile(r"(.*):[ \t]*")
_CONTENT = "内容:"
_RANK = re.compile(r"\[[^\[\]]{1,20}\] (?=\S)")
_CHATS = {"群聊": ChatKind.GROUP, "私聊": ChatKind.PRIVATE, "好友": ChatKind.PRIVATE, "临时会话": ChatKind.PRIVATE}
_END = re.compile(r"={20,}")
_RESOURCES = re.compile(r"资源: (\d+) 个文件\s*")
_TYPES = {"image": Kind.IMAGE, "video": Kind.VIDEO, "audio": Kind.VOICE, "voice": Kind.VOICE, "file": Kind.FILE, "表情": Kind.STICKER}
_RESOURCE = re.compile(r"  - (?P<type>\w+): (?P<name>.*)")
_REPLY = re.compile(r"回复: (?P<time>\d{2}-\d{2} \d{2}:\d{2} )?(?P<who>.*?) - (?P<words>.*)", re.S)
_EMPTY = re.compile(r"\[(?:无文本内容|(?P<type>\w{1,12})(?:、\w{1,12}){0,50}消息)\]")
_MARK = re.compile(
    r"\[(?P<image>(?:图片|动画表情)(?:[:：][^\]\n]*)?)\]|\[(?P<voice>语音(?:[:： ][^\]\n]*)?)\]|\[(?P<video>视频(?:[:：][^\]\n]*)?)\]"
    r"|\[(?P<file>文件(?:[:：][^\]\n]*)?)\]|\[(?P<forward>合并转发(?:[:：][^\]]*)?)\](?:\"?/?></msg>\])?"
    r"|\[(?P<card>(?:卡片消息|JSON消息|Markdown消息)(?:[:：][^\]\n]*)?)\]|\[(?P<location>位置(?:消息)?(?:[:：][^\]\n]*)?)\]"
    r"|\[(?P<sticker>\[[^\[\]\n]{1,16}\]|(?:表情|商城表情)[^\[\]\n]{0,20})\]"
)
_WORDLESS = (Kind.FORWARD, Kind.CARD, Kind.LOCATION)
_SYSTEM_NAMES = frozenset({"系统消息", "0", "未知", "系统"})


class _Entry(NamedTuple):
    line: int
    name: str
    time: str
    body: list[str]  # the first line without 内容


_NO_RECORD = _Entry(0, "", "", [])  # its lines stand above the first record, or belong to none that can be read


@dataclass(frozen=True, slots=True)
class Body:
    """What a record's lines say."""

    kind: Kind
    text: str
    quoted: str = ""
    mentions: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()


def matches(head: Head) -> bool:
    """The exporter's name in square brackets begins the text."""
    return head.text.lstrip().startswith(_TITLE)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every record of the text."""
    facts: dict[str, str] = {}
    for line in lines_of(source):
        if line.lstrip().startswith(_TITLE) and not _KNOWN_TITLE.fullmatch(line.strip()):
            yield Skipped(source=source.name, reason="unknown version of QQ Chat Exporter, read as far as possible")
        if (fact := _FACT.fullmatch(line)) is not None:
            facts.setdefault(fact[1], clean_name(fact[2]))
        if _TIME.fullmatch(line) or line.startswith(_CONTENT):
            break
    kind = _CHATS.get(facts.get("聊天类型", ""))
    name = facts.get("聊天名称", "")
    chat = Chat(PLATFORM, _conversation(kind, name, source), name=name, kind=kind)
    for entry in _entries(source):
        if isinstance(entry, Skipped):
            yield entry
            continue
        sent_at = read_time(entry.time, options.timezone)
        place = f"{source.name}:{entry.line}"
        if sent_at is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        sender = clean_name(_RANK.sub("", entry.name, count=1) if kind is not ChatKind.PRIVATE else entry.name)
        is_system = sender in _SYSTEM_NAMES
        content = _content(entry.body)
        body = Body(Kind.SYSTEM, "\n".join(content)) if is_system else read_lines(content)
        yield from chat.add(
            Bubble(
                sender=named("系统消息" if is_system else sender),
                sender_name="系统消息" if is_system else sender,
                sent_at=sent_at,
                kind=body.kind,
                text=body.text,
                quoted=body.quoted,
                mentions=body.mentions,
                attachments=body.attachments,
                source=place,
            )
        )


def _conversation(kind: ChatKind | None, name: str, source: Source) -> str:
    if not name:
        return chat_id(PLATFORM, "unnamed", source.stem)
    return chat_id(PLATFORM, "private", name) if kind is ChatKind.PRIVATE else group_chat_id(name)


def _entries(source: Source) -> Iterator[_Entry | Skipped]:
    """The text cut into records; those whose name is damaged and the lines of one that is too long are counted."""
    current = _NO_RECORD._replace(body=[])
    above: tuple[int, str] | None = None
    size = 0
    names: set[str] = set()
    for number, line in enumerate(lines_of(source), start=1):
        time = _TIME.fullmatch(line)
        name = _NAME.fullmatch(above[1]) if above is not None and time is not None else None
        if time is not None and name is not None and above is not None:
            if current.line:
                yield current
            current, above, size = _Entry(above[0], name[1], time[1], []), None, 0
            names.add(name[1])
            continue
        if line.startswith(_CONTENT) and above is not None and (found := _damaged(current.body, above[1], names)) is not None:
            if current.line:
                yield current._replace(body=current.body[:-3])
            if found[0] is None:
                yield Skipped(source=f"{source.name}:{number - 2}", reason="a damaged name")
                current = _NO_RECORD._replace(body=[])
            else:
                current = _Entry(number - 2, found[0], found[1], [line])
            above, size = None, 0
            continue
        if above is not None:
            current.body.append(above[1])
            size += len(above[1])
        above = (number, line)
        if size > LONGEST_RECORD:
            if current.line:
                yield current
                yield Skipped(source=f"{source.name}:{number}", reason="the rest of a record that is too long")
            current, size = _NO_RECORD._replace(body=[]), 0
    if current.line:
        yield current._replace(body=_without_footer([*current.body, above[1]] if above is not None else current.body))


def _damaged(body: list[str], above: str, names: Collection[str]) -> tuple[str | None, str] | None:
    """Name and time of a record of which one is damaged, from the end of the body before it and the line above 内容; None for no record.

    The time is "" where it is damaged. The name is None where it lacks its colon, unless it is known from elsewhere.
    """
    if len(body) < 3 or not body[-1].strip() or body[-2].strip() or body[-3].strip():
        return None
    if (name := _NAME.fullmatch(body[-1])) is not None:
        return name[1], ""
    if (time := _TIME.fullmatch(above)) is not None:
        written = body[-1]
        known = (written, *(() if written[-1].isalnum() else (written[:-1],)))  # a letter at the end may belong to another name
        return next((one for one in known if one in names), None), time[1]
    return None


def _without_footer(body: list[str]) -> list[str]:
    for place in range(len(body) - 1, 0, -1):
        if body[place].strip() == "导出完成" and _END.fullmatch(body[place - 1].strip()):
            return body[: place - 1]
    while body and (_END.fullmatch(body[-1].strip()) or not body[-1].strip()):
        body = body[:-1]  # the file is cut inside the footer
    return body


def _content(lines: list[str]) -> list[str]:
    lines = [lines[0].removeprefix(_CONTENT).removeprefix(" "), *lines[1:]] if lines else []
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def read_lines(lines: list[str]) -> Body:
    """What the lines of a body say, with the quote before them and the lists behind them. `lines` is used up."""
    reply = _take_reply(lines)
    mentions = _take_mentions(lines, is_listed=reply is not None)
    attachments = _take_resources(lines)
    text = "\n".join(lines).strip()
    is_reply = reply is not None or text.startswith("[回复")
    text, quoted = split_quote(text, quoted=reply[1] if reply is not None else "") if is_reply else (text, "")
    if (empty := _EMPTY.fullmatch(text)) is not None:
        kind = Kind.SYSTEM if empty["type"] == "系统" else _TYPES.get(empty["type"], Kind.UNKNOWN)
        return Body(kind, "", reply[1] if reply is not None else "", mentions, attachments)
    text, kinds = without_files(text, attachments)
    kinds += [Kind(mark.lastgroup or "unknown") for mark in _MARK.finditer(text)]
    kind, words = read_body(_MARK.sub("", text)) if text else (Kind.UNKNOWN, "")
    others = next((one for one in kinds if one in _WORDLESS), None)
    if others is not None:
        kind, words = others, ""
    elif not words and kinds:
        kind = next((one for one in kinds if one is not Kind.STICKER), kinds[0])
    elif is_reply and words:
        kind = Kind.REPLY
    return Body(kind, words, reply[1] if reply is not None else quoted, mentions, attachments)


def _take_reply(lines: list[str]) -> tuple[str, str] | None:
    """Cut the line 回复 off, which may go on over lines where the text begins with a quote."""
    for place in range(len(lines) - 1, 0, -1):
        found = _REPLY.fullmatch("\n".join(lines[place:]))
        if found is not None and (found["time"] or lines[0].startswith("[回复")):
            del lines[place:]
            return found["who"], found["words"]
        if not (lines and lines[0].startswith("[回复")):
            return None
    return None


def _take_mentions(lines: list[str], *, is_listed: bool) -> tuple[str, ...]:
    """Cut the line 提及 off; somebody's words may begin so too, but hardly where a list stands above or below, or somebody is addressed."""
    if len(lines) < 2 or not lines[-1].startswith("提及: "):
        return ()
    if not is_listed and _RESOURCE.fullmatch(lines[-2]) is None and not any("@" in line for line in lines[:-1]):
        return ()
    return tuple(dict.fromkeys(clean_name(name) for name in lines.pop().removeprefix("提及: ").split(",") if name.strip()))


def _take_resources(lines: list[str]) -> tuple[str, ...]:
    """Cut the list of files off, where it stands at the end and has as many lines as it says."""
    names: list[str] = []
    for place in range(len(lines) - 1, 0, -1):
        item = _RESOURCE.fullmatch(lines[place])
        if item is not None:
            names.append(item["name"])
            continue
        told = _RESOURCES.fullmatch(lines[place])
        if told is None or int(told[1]) != len(names):
            return ()
        del lines[place:]
        return tuple(reversed(names))
    return ()
