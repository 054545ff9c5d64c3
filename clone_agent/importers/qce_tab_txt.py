"""QQ Chat Exporter V2 and V3: text with TABs.

    7300<TAB>2025-05-01 08:00:01<TAB>Alice<TAB>你好

`id time sender content`, one message a line, local time, UTF-8; a first line that names the columns may stand above. A line that does not
begin so, even if one character were another, goes on with the message above. There are only names, and neither chat nor owner is told.
"""

import re
from collections.abc import Iterator

from clone_agent.importers.damage import is_nearly
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.opening import entries_of
from clone_agent.importers.qce_chat import QceChat, Survey
from clone_agent.importers.qce_rows import read_row
from clone_agent.importers.source import Source
from clone_agent.records import Skipped

_ROW = re.compile(
    r"\ufeff?(?P<id>\d{1,20})\t(?P<time>\d{4}[-/]\d{1,2}[-/]\d{1,2}[ T][\d:.]{4,12}\S{0,6}|\d{10}|\d{13})"
    r"\t(?P<sender>[^\t]*)\t(?P<content>.*)"
)
_REPLY = re.compile(r"\[回复\s?(?P<who>[^:：\n]{0,60})[:：]\s?(?P<words>.*?)\]\n", re.S)
_LONGEST_HEAD = 120  # characters up to the words
_COLUMNS = re.compile(r"id\ttime\tsender\tcontent\s*", re.I)


def matches(head: Head) -> bool:
    """The first line is such a row, or it names the columns and the second one is."""
    lines = head.text.lstrip().split("\n", 2)
    if len(lines) > 1 and _COLUMNS.fullmatch(lines[0]):
        lines = lines[1:]
    return _ROW.fullmatch(lines[0].rstrip("\r")) is not None


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row of the text."""
    chat = QceChat(Survey(), options=options, file=source.name, stem=source.stem)
    yield chat.conversation
    for entry in entries_of(source, _ROW.fullmatch, is_damaged=_is_damaged):
        if entry.head is None:
            if not all(_COLUMNS.fullmatch(line) or not line.strip() for line in entry.body):
                yield Skipped(source=f"{source.name}:{entry.line}", reason="no time stamp")
            continue
        chat.row = entry.line
        stamp = entry.head["time"]
        content = "\n".join([entry.head["content"], *entry.body]).rstrip()
        row = {"id": entry.head["id"], "sender": entry.head["sender"], "content": _content(content)}
        yield from read_row(row | ({"timestamp": stamp} if stamp.isdigit() else {"time": stamp}), chat)


def _is_damaged(line: str) -> bool:
    return line.count("\t") >= 2 and is_nearly(line, _ROW.fullmatch, signs="0\t-: ", within=_LONGEST_HEAD)


def _content(written: str) -> dict[str, object]:
    reply = _REPLY.match(written)
    return {"text": written} | ({"reply": {"senderName": reply["who"], "content": reply["words"]}} if reply is not None else {})
