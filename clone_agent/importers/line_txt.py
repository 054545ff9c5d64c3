"""LINE: a chat's history as text.

    [LINE] 花子とのトーク履歴                     Chat history with …, Chat history in … (a group), 與…的聊天記錄
    保存日時：2026/08/21 11:59
                                                (blank)
    2025/04/18(金)                              2024.01.02 Tuesday, 2024/1/2週二, Fri, 9/25/2026
    12:08<TAB>花子<TAB>"お疲れ様です！             a body of several lines stands in quotes
    よろしくお願いします！"
    03:05pm<TAB>Bob<TAB>[Photo]                 9:30 PM, 下午03:04, 午後3:04, 오후 3:04
    22:05<TAB><TAB>メッセージの送信を取り消しました    no name, or one TAB only: the program's

UTF-8, CRLF, local time without seconds. There are only names. In a chat with one person the title names the other one.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.dates import hour_of
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.opening import TextEntry, entries_of, lines_of
from clone_agent.importers.source import Source
from clone_agent.records import ChatKind, Kind, Skipped

PLATFORM = "line"
_PROGRAM = "LINE"
_DATE = re.compile(r"(?P<year>\d{4})[./-](?P<month>\d{1,2})[./-](?P<day>\d{1,2})[. ]*(?:\([^()\d]{1,10}\)|\s?[^\d\s]{1,12})?\s*")
_DATE_LAST = re.compile(r"(?P<weekday>[A-Za-z]{3,9})\.?, (?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<year>\d{4})\s*")
_RECORD = re.compile(
    r"(?P<pre>上午|下午|午前|午後|오전|오후)?\s?(?P<hour>\d{1,2}):(?P<minute>\d{2})\s?(?P<post>[AaPp]\.?[Mm]\.?)?\t"
    r"(?:(?P<name>[^\t]*)\t)?(?P<text>.*)",
    re.S,
)
_WITH = re.compile(
    r"\[LINE\] (?:Chat history with (?P<en>.+)|(?P<ja>.+)とのトーク履歴|[與与](?P<zh>.+)的(?:聊天記錄|聊天记录|對話)"
    r"|(?P<ko>.+)님과의 대화.*)"
)
_IN = re.compile(r"\[LINE\] (?:Chat history in (?P<en>.+)|(?P<ja>.+?)の?トーク履歴|(?P<zh>.+?)的?(?:聊天記錄|聊天记录|對話)|(?P<other>.+))")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MARKS = {
    Kind.IMAGE: "写真|画像|Photo|Photos|照片|圖片|图片|사진|アルバム|Album|相簿|相册",
    Kind.VIDEO: "動画|Video|影片|视频|視訊|동영상",
    Kind.STICKER: "スタンプ|Sticker|貼圖|贴图|스티커|絵文字|emoji",
    Kind.VOICE: "ボイスメッセージ|音声|Voice message|Audio|語音訊息|语音消息|語音|음성 메시지",
    Kind.FILE: "ファイル|File|檔案|文件|파일",
    Kind.LOCATION: "位置情報|Location|位置訊息|位置信息|위치",
    Kind.CARD: "連絡先|Contact|聯絡資訊|联系人|연락처|ノート|Note|記事本|投票|Poll|ギフト|Gift|禮物|イベント|Event|活動",
}
_MARK = re.compile("|".join(rf"(?P<{kind.value}>[\[(](?:{words})[\])])" for kind, words in _MARKS.items()))


def matches(head: Head) -> bool:
    """The first line begins with the program's name in square brackets."""
    return head.text.lstrip().startswith("[LINE]")


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every record of the text."""
    chat, peer = _open_chat(source)
    has_peer_spoken = bool(peer) and _has_spoken(source, peer)
    day: date | None = None
    for entry in entries_of(source, _Heads()):
        place = f"{source.name}:{entry.line}"
        if entry.head is None or entry.head.re is not _RECORD:
            day = _day(entry.head) if entry.head is not None else day
            if entry.head is not None and day is None:
                yield Skipped(source=place, reason="no time stamp")
            if entry.line > 1 and any(line.strip() for line in entry.body):
                yield Skipped(source=f"{source.name}:{entry.line + 1}", reason="no time stamp")
            continue
        sent_at = _time(day, entry.head, options)
        if sent_at is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        name = clean_name(entry.head["name"] or "")
        if name and name != peer and has_peer_spoken:
            chat.learn_owner(named(name))
        later, text = _text(entry)
        kind, words, files = _content(text) if name else (Kind.SYSTEM, text, ())
        yield from chat.add(
            Bubble(
                sender=named(name or _PROGRAM),
                sender_name=name or _PROGRAM,
                sent_at=sent_at,
                kind=kind,
                text=words,
                attachments=files,
                source=place,
            )
        )
        day = later or day


def _open_chat(source: Source) -> tuple[Chat, str]:
    """The chat, and the name of the other person where the title tells that there is one."""
    title = next(lines_of(source), "").lstrip("\ufeff").strip()
    alone = _WITH.fullmatch(title)
    found = alone or _IN.fullmatch(title)
    name = clean_name(next((part for part in found.groups() if part), "")) if found is not None else ""
    is_group = alone is None and found is not None and found["en"] is not None
    kind = ChatKind.PRIVATE if alone is not None else ChatKind.GROUP if is_group else None
    identity = chat_id(PLATFORM, name) if name else chat_id(PLATFORM, "unnamed", source.stem)
    return Chat(PLATFORM, identity, name=name, kind=kind), name if alone is not None else ""


def _has_spoken(source: Source, name: str) -> bool:
    records = (_RECORD.fullmatch(line) for line, _ in zip(lines_of(source), range(5000), strict=False))
    return any(record is not None and clean_name(record["name"] or "") == name for record in records)


class _Heads:
    """Recognises heads. A date inside the quotes of a body is none; where they never close, `_text` finds it again."""

    def __init__(self) -> None:
        self._is_open = False

    def __call__(self, line: str) -> re.Match[str] | None:
        if "\t" in line and (record := _RECORD.fullmatch(line)) is not None:
            text = record["text"]
            self._is_open = text.startswith('"') and not (len(text) > 1 and _closes(text[1:]))
            return record
        if self._is_open:
            self._is_open = not _closes(line)
            return None
        return _date_line(line)


def _closes(text: str) -> bool:
    """Whether a text ends with a quote that is not doubled, as quotes inside are."""
    return (len(text) - len(text.rstrip('"'))) % 2 == 1


def _date_line(line: str) -> re.Match[str] | None:
    return _DATE.fullmatch(line) or _DATE_LAST.fullmatch(line)


def _day(head: re.Match[str]) -> date | None:
    try:
        if head.re is _DATE:
            return date(int(head["year"]), int(head["month"]), int(head["day"]))
        first, second, year = int(head["a"]), int(head["b"]), int(head["year"])
        # The weekday tells whether the month or the day comes first.
        for month, day in ((first, second), (second, first)):
            if month <= 12 and _WEEKDAYS[date(year, month, day).weekday()] == head["weekday"][:3].lower():
                return date(year, month, day)
        return date(year, first, second)
    except ValueError:
        return None


def _time(day: date | None, head: re.Match[str], options: ReadOptions) -> datetime | None:
    hour = hour_of(head)
    if day is None or hour > 23 or int(head["minute"]) > 59:
        return None
    return datetime(day.year, day.month, day.day, hour, int(head["minute"]), tzinfo=options.timezone)


def _text(entry: TextEntry) -> tuple[date | None, str]:
    """The text, and the day that a line below it names where its quotes never close."""
    first = entry.head["text"] if entry.head is not None else ""
    text = "\n".join([first, *entry.body]).rstrip()
    if "\n" in text and len(text) > 1 and text[0] == text[-1] == '"':
        return None, text[1:-1].replace('""', '"')
    place = next((place for place, line in enumerate(entry.body) if _date_line(line) is not None), None)
    if not first.startswith('"') or place is None:
        return None, text
    found = [head for line in entry.body[place:] if (head := _date_line(line)) is not None]
    return _day(found[-1]), "\n".join([first, *entry.body[:place]]).rstrip()


def _content(text: str) -> tuple[Kind, str, tuple[str, ...]]:
    """Kind, own words, names of files."""
    if text.startswith("☎"):
        return Kind.CALL, "", ()
    marks = list(_MARK.finditer(text)) if "[" in text or "(" in text else []
    if not marks:
        words = text.strip()
        return (Kind.TEXT if words else Kind.UNKNOWN), words, ()
    words = _MARK.sub("", text).strip()
    kind = Kind(marks[0].lastgroup or "unknown")
    if marks[0].start() == 0 and kind is not Kind.STICKER:
        return kind, "", ((words,) if kind is Kind.FILE and words else ())
    return (Kind.TEXT, words, ()) if words else (kind, "", ())
