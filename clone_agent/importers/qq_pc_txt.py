"""QQ for Windows (up to 9.7) and TIM: the message manager's text export.

    消息记录（此消息记录为文本格式，不支持重新导入）
                                                      (blank)
    ================================================================
    消息分组:我的QQ群
    ================================================================
    消息对象:周末爬山
    ================================================================
                                                      (blank)
    2016-07-19 15:27:15 【群主】小明(10001)            date, hour without a leading zero, 12-hour clocks with AM or 上午; sender
    第一行                                             body, may hold blank lines; ends with a blank line
    第二行

UTF-8 with a byte order mark and CRLF; re-saved files are GBK or UTF-16 and may have LF. A sender is `nick` in private chats, `nick(number)`
or `nick<mail>` in groups: the last bracket is the identity, the nick may hold anything. An export of all contacts is many blocks;
最近联系人 repeats contacts that stand elsewhere. In a real export all 3089 headers follow a blank line and none goes back in time.
"""

import re
from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

from clone_agent.importers.encoding import find_encoding, text_records
from clone_agent.importers.excerpts import Writer, writers_of
from clone_agent.importers.format import HEAD_SIZE, Head, ReadOptions, Record
from clone_agent.importers.qq_pc_blocks import read_blocks
from clone_agent.importers.qq_pc_lines import TITLE, Block, Entry, count_headers, is_edited, read_pieces, record_end
from clone_agent.importers.source import Source

_SAMPLE = 1 << 22  # bytes that decide how the file is laid out


def matches(head: Head) -> bool:
    """The title, the head of a block, headers that carry QQ numbers or mail addresses, or headers that may be QQ's as well as another's."""
    text = head.text
    if TITLE in text[:200] or re.search(r"^消息分组[:：]|(?:\A\s*|^=+\r?\n)消息对象[:：]", text, re.M):
        return not head.data.startswith(b"From: <Save by Tencent MsgMgr>") and "<html" not in text[:2000]
    if not re.search(r"^\d{4}[-/]\d{1,2}[-/]\d{1,2} ", text, re.M):
        return False
    every, _, numbered = count_headers(text, record_end(text))
    return (numbered > 0 and numbered * 2 >= every) or Writer.QQ in writers_of(text)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message of every block; see `read_blocks`."""
    with source.open() as stream:
        sample = stream.read(_SAMPLE)
    encoding = find_encoding(sample[:HEAD_SIZE])
    text = sample.decode(encoding, "replace").removeprefix("\ufeff")
    end = record_end(text[:HEAD_SIZE])
    firsts = _blocks(source, encoding, end)
    with source.open() as stream:
        pieces = read_pieces(text_records(stream, encoding, end), name=source.name, zone=options.timezone, is_loose=is_edited(text, end))
        yield from read_blocks(pieces, firsts, file=source.name, unnamed=source.stem)


def _blocks(source: Source, encoding: str, end: str) -> list[tuple[Block, str]]:
    """Every block of the file with its first message as it stands there. A quick pass; entries are not looked at."""
    found: list[tuple[Block, str]] = []
    with source.open() as stream:
        lines = text_records(stream, encoding, end)
        pieces = read_pieces(_block_lines(lines), name="", zone=ZoneInfo("UTC"), is_loose=False)
        for piece in pieces:
            if isinstance(piece, Block):
                found.append((piece, ""))
            elif isinstance(piece, Entry) and found and not found[-1][1]:
                found[-1] = (found[-1][0], f"{piece.header}\n{piece.body}")
    return found


def _block_lines(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a block's head and of its first message, and no others."""
    left = 0
    for line in lines:
        if line[:1] in {"=", "消"} and (line.startswith(("消息分组", "消息对象")) or (len(line) >= 40 and line.strip("=\r \t") == "")):
            left = 8
        if left > 0:
            left -= 1
            yield line
