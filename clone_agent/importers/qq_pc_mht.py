"""QQ for Windows (up to 9.7) and TIM: the message manager's MHT export, text with pictures.

    From: <Save by Tencent MsgMgr>                     mail header; the boundary differs from file to file
    <table …><tr><td><div …>消息分组:我加入的群聊</div></td></tr>
    <tr><td><div …>消息对象:周末爬山</div></td></tr>
    <tr><td style=…>日期: 2020-02-11</td></tr>           holds for all rows after it
    <tr><td><div style=color:#006EFE;…><div …>小明(10001)</div>4:36:46</div>
        <div …><font …>第一行<br>第二行</font><IMG src="{…}.dat"></div></td></tr>
    </table></body></html>
    ------=_NextPart_…                                  the pictures, base64, often gigabytes; not read

UTF-8 with a byte order mark, CRLF, in spite of its "7bit". Attributes are unquoted, tags of mixed case, the first rows share one line. The
colour #42B475 marks the owner's messages: no other QQ PC export tells who that is. `&get;` is the writer's mistake for `>`. An empty sender
is a notice of the program. Senders are those of the text export, and so are the ids of chats and messages.
"""

import html
import re
from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

from clone_agent.importers.dates import MONTH_TAKEN_FIRST, Order
from clone_agent.importers.encoding import LONGEST_RECORD, find_encoding, text_pieces
from clone_agent.importers.format import HEAD_SIZE, Head, ReadOptions, Record
from clone_agent.importers.qq_pc_blocks import read_blocks
from clone_agent.importers.qq_pc_lines import HEADER, Block, Clock, Entry
from clone_agent.importers.source import Source
from clone_agent.records import Skipped

_OWN_COLOUR = "#42b475"
_NOTICE = "系统消息(10000)"
_ROW_END = re.compile(r"</tr>", re.I)
_END = re.compile(r"</html\s*>", re.I)
_TITLE = re.compile(r"<td[^>]*>\s*<div[^>]*>(?:\s|<br>|<b>)*消息(?P<what>分组|对象)[:：](?P<name>.*?)</div>\s*</td>\s*\Z", re.I | re.S)
_DATE = re.compile(r"<td[^>]*>\s*日期[:：]\s*(?P<date>[^<]*)</td>", re.I)
_MESSAGE = re.compile(
    r"<td[^>]*>\s*<div style=[\"']?color:(?P<colour>#\w{6})[^>]*>\s*<div[^>]*>(?P<sender>.*?)</div>(?P<clock>[^<]*)</div>\s*"
    r"<div[^>]*>(?P<body>.*)</div>\s*</td>",
    re.I | re.S,
)
_LINE_END = re.compile(r"<br\s*/?>", re.I)
_PICTURE = re.compile(r"<img\b[^>]*?src=[\"']?(?P<name>[^\"'>\s]+)[^>]*>", re.I)
_TAG = re.compile(r"</?(?:font|b|i|u|a|span|div|p|strong|em|s)\b[^<>]*>", re.I)
_NUMBERS = re.compile(r"\d+")


def matches(head: Head) -> bool:
    """The mail header that the message manager writes."""
    start = head.text[:4000]
    return "<Save by Tencent MsgMgr>" in start or ("Subject: Tencent IM Message" in start and "multipart/related" in start)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message of every block, with the owner by colour; see `read_blocks`."""
    with source.open() as stream:
        encoding = find_encoding(stream.read(HEAD_SIZE))
    with source.open() as stream:
        firsts, told, doubtful = _look_through(_rows(text_pieces(stream, encoding)))
    if told is None and doubtful and options.date_order is None:
        yield Skipped(source=source.name, reason=MONTH_TAKEN_FIRST)
    is_day_first = (told or options.date_order) is Order.DAY_FIRST
    with source.open() as stream:
        rows = _rows(text_pieces(stream, encoding))
        pieces = _pieces(rows, name=source.name, zone=options.timezone, is_day_first=is_day_first)
        yield from read_blocks(pieces, firsts, file=source.name, unnamed=source.stem)


def order_doubt(source: Source) -> str | None:
    """A date of the page, where its dates do not tell which number is the day."""
    with source.open() as stream:
        encoding = find_encoding(stream.read(HEAD_SIZE))
    doubtful = None
    with source.open() as stream:
        for row in _rows(text_pieces(stream, encoding)):
            if (date := _DATE.search(row)) is not None:
                order, is_doubtful = _order_of(date["date"])
                if order is not None or not is_doubtful:
                    return None
                doubtful = doubtful or date["date"].strip()
    return doubtful


def _rows(pieces: Iterable[str]) -> Iterator[str]:
    """The rows of the table, one at a time; nothing after the end of the page."""
    rest = ""
    for piece in pieces:
        rest += piece
        *rows, rest = _ROW_END.split(rest)
        yield from rows
        if _END.search(rest) is not None:
            return
        if len(rest) > LONGEST_RECORD:
            yield rest
            rest = ""
    if rest.strip():
        yield rest


def _look_through(rows: Iterable[str]) -> tuple[list[tuple[Block, str]], Order | None, str]:
    """Every block with its first message, the order of dates that end in the year, and the first of these that does not tell it."""
    firsts: list[tuple[Block, str]] = []
    list_name = doubtful = ""
    order: Order | None = None
    for number, row in enumerate(rows, start=1):
        title = _TITLE.search(row)
        if title is not None and title["what"] == "分组":
            list_name = _words(title["name"])
        elif title is not None:
            firsts.append((Block(number, list_name, _words(title["name"])), ""))
        elif (date := _DATE.search(row)) is not None:
            found, is_doubtful = _order_of(date["date"])
            order = order or found
            doubtful = doubtful or (date["date"].strip() if is_doubtful else "")
        elif firsts and not firsts[-1][1] and (message := _MESSAGE.search(row)) is not None:
            firsts[-1] = (firsts[-1][0], f"{message['sender']} {message['clock']} {message['body']}")
    return firsts, order, doubtful


def _order_of(date: str) -> tuple[Order | None, bool]:
    """The order that a date tells, and whether it ends in the year and tells none. Dates with points begin with the day."""
    parts = _NUMBERS.findall(date)
    if len(parts) != 3 or len(parts[2]) != 4 or "." in date:
        return None, False
    first, second = int(parts[0]), int(parts[1])
    order = Order.DAY_FIRST if first > 12 else Order.MONTH_FIRST if second > 12 else None
    return order, order is None


def _pieces(rows: Iterable[str], *, name: str, zone: ZoneInfo, is_day_first: bool) -> Iterator[Block | Entry | Skipped]:
    clock = Clock(zone)
    list_name = date = ""
    for number, row in enumerate(rows, start=1):
        title = _TITLE.search(row)
        if title is not None and title["what"] == "分组":
            list_name = _words(title["name"])
        elif title is not None:
            yield Block(number, list_name, _words(title["name"]))
        elif (day := _DATE.search(row)) is not None:
            date = _iso_date(day["date"], is_day_first=is_day_first)
        elif (message := _MESSAGE.search(row)) is not None:
            yield _entry(message, number, date=date, clock=clock) or Skipped(source=f"{name}:row {number}", reason="impossible time stamp")
        elif "color:#" in row and "<div" in row and _words(row).strip():
            yield Skipped(source=f"{name}:row {number}", reason="a broken row")


def _entry(message: re.Match[str], number: int, *, date: str, clock: Clock) -> Entry | None:
    sender = _words(message["sender"]).strip() or _NOTICE
    written = f"{date} {' '.join(message['clock'].split())} {sender}"
    header = HEADER.fullmatch(written)
    time = clock.read(header) if header is not None else None
    if time is None:
        return None
    pictures = tuple(html.unescape(name) for name in _PICTURE.findall(message["body"]))
    is_own = message["colour"].lower() == _OWN_COLOUR and sender != _NOTICE
    return Entry(number, *time, sender, _words(message["body"]).rstrip(), written, is_own, pictures)


def _words(markup: str) -> str:
    """What a piece of the page shows."""
    text = _PICTURE.sub("[图片]", _LINE_END.sub("\n", markup))
    return html.unescape(_TAG.sub("", text).replace("&get;", "&gt;")).replace("\u00a0", " ")


def _iso_date(written: str, *, is_day_first: bool) -> str:
    """Year, month, day by the place of the year; "" for what is no date."""
    parts = _NUMBERS.findall(written)
    if len(parts) != 3:
        return ""
    if len(parts[0]) == 4:
        return "-".join(parts)
    first, second, year = parts
    day, month = (first, second) if is_day_first or "." in written else (second, first)
    return f"{year}-{month}-{day}"
