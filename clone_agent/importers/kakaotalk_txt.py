"""KakaoTalk: a chat's history as text, of the PC and of phones.

    개발3팀 님과 카카오톡 대화                       KakaoTalk Chats with …; may stand below the next line
    저장한 날짜 : 2024-03-11 22:14:03              Date Saved : …
    --------------- 2024년 3월 11일 월요일 ---------------      --------------- Monday, March 11, 2024 ---------------
    [김세진] [오전 9:12] 배포 완료했습니다!            [John] [11:59 PM] …; lines that begin otherwise go on with the body

    2024년 3월 11일 월요일                          phones; also `2024. 3. 11. 오전 9:12, ` and `March 11, 2024 at 9:12 AM, `
    2024년 3월 11일 오전 9:12, 박팀장 : 안녕하세요
    2024년 3월 11일 오전 12:05, 김세진님이 들어왔습니다.   without ` : `, or behind `12:05: `: the program's. 오전 12 is hour 0

UTF-8, local time without seconds. There are only names. Phones call the owner 회원님; in a chat that is named after somebody who
speaks in it, the one other who speaks is the owner. Android begins a day with its first clock, `2024년 3월 11일 오전 9:12`.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.damage import digits, is_nearly
from clone_agent.importers.dates import clock_on
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.opening import entries_of, lines_of
from clone_agent.importers.source import Source
from clone_agent.records import Kind, Skipped

PLATFORM = "kakaotalk"
PROGRAM = "KakaoTalk"
_OWNER = "회원님"
_LONGEST_HEAD = 100  # characters up to the words
_LOOK_AHEAD = 5000  # lines
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = r"(?P<pre>오전|오후|AM|PM)?\s?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::\d{2})?\s?(?P<post>[AaPp]\.?[Mm]\.?)?"
_KOREAN_DAY = r"(?P<year>\d{4})[.년]\s?(?P<month>\d{1,2})[.월]\s?(?P<day>\d{1,2})[.일]"
_ENGLISH_DAY = r"(?P<name_of_month>[A-Z][a-z]{2,8})\.? (?P<day>\d{1,2}), (?P<year>\d{4})"
_RULES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"-{{5,}} {_KOREAN_DAY}.{{0,8}} -{{5,}}\s*",
        rf"-{{5,}} (?:[A-Z][a-z]+, )?{_ENGLISH_DAY} -{{5,}}\s*",
        rf"{_KOREAN_DAY} ?[월화수목금토일]요일\s*",
        rf"(?:[A-Z][a-z]+day, ){_ENGLISH_DAY}\s*",
        rf"{_KOREAN_DAY} (?:오전|오후) \d{{1,2}}:\d{{2}}\s*",
    )
)
_PC = re.compile(rf"\[(?P<name>.{{1,80}}?)\] \[{_CLOCK}\] ?(?P<text>.*)")
_PHONE = tuple(
    re.compile(rf"{day}(?:,| at)? {_CLOCK}[,:] (?P<rest>.*)") for day in (_KOREAN_DAY, _ENGLISH_DAY)
)  # fmt: skip
_NOTICE = re.compile(
    r".{1,200}(?:님이 (?:들어왔습니다|나갔습니다)|님을 (?:초대(?:했|하였)습니다|내보냈습니다)"
    r"|(?:joined|left) this chatroom|invited .{1,100})\.?"
)
_TITLE = re.compile(r"(?P<ko>.+?)(?: ?님과)? 카카오톡 대화\s*|KakaoTalk Chats with (?P<en>.+?)\s*|(?P<group>.+?) KakaoTalk Chats\s*")
_SAVED = re.compile(r"(?:저장한 날짜|Date Saved) ?:.*")
# Whole forms only: people begin their sentences with the same words.
_KINDS = {
    Kind.IMAGE: r"사진(?: \d+장)?|Photos?(?: \d+)?|\d+ Photos?",
    Kind.VIDEO: r"동영상|Video",
    Kind.STICKER: r"이모티콘|Emoticons?|Sticker",
    Kind.VOICE: r"음성 ?메시지|Voice (?:Message|message|Note)",
    Kind.FILE: r"(?:파일|File) ?: ?(?P<file>[^\n]+\.\w{1,8})",
    Kind.CARD: r"투표|샵검색(?: ?: ?(?P<quoted>#.+))?|선물(?:을|과 메시지를)? 보냈습니다\.?",
    Kind.CALL: r"(?:보이스톡|페이스톡|라이브톡|그룹콜|Voice Call|Video Call)"
    r"(?: ?(?:해요|취소|거절|종료|부재중|응답 ?없음|\d{1,3}(?::\d{2}){1,2})[.!]?)?",
    Kind.TRANSFER: r"송금(?: ?봉투)?(?: ?:? ?[\d,]+ ?원)?\.?",
    Kind.RECALL: r"삭제된 메시지입니다\.?|This message was deleted\.?",
}
_KIND = tuple((kind, re.compile(pattern)) for kind, pattern in _KINDS.items())


def matches(head: Head) -> bool:
    """The title, or the date of saving with a rule or a record below."""
    top = head.text[:1000]
    lines = [line.strip("\ufeff\r ") for line in top.split("\n")[:6]]
    if any(_TITLE.fullmatch(line) for line in lines[:3]) and any(_SAVED.fullmatch(line) for line in lines):
        return True
    return any(_SAVED.fullmatch(line) for line in lines[:3]) and any(_head(line) is not None for line in head.text.split("\n")[1:40])


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every record of the text."""
    chat = _open_chat(source)
    if (owner := _owner(source, chat.name)) is not None:
        chat.learn_owner(named(owner))
    day: date | None = None
    last: datetime | None = None
    for entry in entries_of(source, _head, is_damaged=_is_damaged):
        place = f"{source.name}:{entry.line}"
        if entry.head is None and entry.line > 1:
            own, notices = _parted(entry.body)
            yield Skipped(source=place, reason="a damaged head")
            yield from _between(notices, last, chat, source, entry.line + len(own) - 1)
            continue
        if entry.head is None or entry.head.re in _RULES:
            day = _day(entry.head) if entry.head is not None else day
            last = datetime(day.year, day.month, day.day, tzinfo=options.timezone) if day is not None else last
            yield from _between(entry.body, last if entry.head is not None else None, chat, source, entry.line)
            continue
        day = _day(entry.head) if entry.head.re in _PHONE else day
        sent_at = clock_on(day, entry.head, options.timezone)
        if sent_at is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        last = sent_at
        name, text = _speech(entry.head)
        own, notices = _parted(entry.body) if entry.head.re is _PC else (entry.body, [])
        text = "\n".join([text, *own]).rstrip()
        kind, words, quoted, files = read_content(text) if name else (Kind.SYSTEM, text, "", ())
        yield from chat.add(
            Bubble(
                sender=named(name or PROGRAM),
                sender_name=name or PROGRAM,
                sent_at=sent_at,
                kind=kind,
                text=words,
                quoted=quoted,
                attachments=files,
                source=place,
            )
        )
        yield from _between(notices, last, chat, source, entry.line + len(own))


def _head(line: str) -> re.Match[str] | None:
    if line[:1] == "[":
        return _PC.fullmatch(line)
    if not line[:1].isdigit() and not line[:1].isupper() and line[:5] != "-----":
        return None
    return next((found for one in (*_PHONE, *_RULES) if (found := one.fullmatch(line)) is not None), None)


def _is_damaged(line: str) -> bool:
    """Whether one character keeps a line from being a record or a rule."""
    top = line[:_LONGEST_HEAD]
    if sum(map(top.count, "[]")) >= 3 and is_nearly(line, _PC.fullmatch, signs="0[]: 오전후AMP", within=_LONGEST_HEAD):
        return True
    dated = (*_PHONE, *_RULES[:2])
    return digits(top) >= 5 and any(is_nearly(line, one.fullmatch, signs="0년월일.,: -오전후AMPatme", within=50) for one in dated)


def _open_chat(source: Source) -> Chat:
    titles = (_TITLE.fullmatch(line.lstrip("\ufeff").strip()) for line in islice(lines_of(source), 4))
    found = next((title for title in titles if title is not None), None)
    name = clean_name(found["ko"] or found["en"] or found["group"] or "") if found is not None else ""
    return Chat(PLATFORM, chat_id(PLATFORM, name) if name else chat_id(PLATFORM, "unnamed", source.stem), name=name)


def _owner(source: Source, title: str) -> str | None:
    """Who exported the chat, by the names of its first records; None where nothing tells."""
    heads = (_head(line) for line in islice(lines_of(source), _LOOK_AHEAD))
    names = {_speech(head)[0] for head in heads if head is not None and head.re not in _RULES} - {""}
    return owner_among(names, title)


def owner_among(names: set[str], title: str) -> str | None:
    """The owner's name among those who speak in a chat; None where nothing tells."""
    if _OWNER in names:
        return _OWNER
    others = names - {title}
    return others.pop() if title in names and len(others) == 1 else None


def is_notice(text: str) -> bool:
    """Whether a text is the program's: somebody came, went, was invited."""
    return _NOTICE.fullmatch(text) is not None


def _day(head: re.Match[str]) -> date | None:
    named_month = head.groupdict().get("name_of_month")
    try:
        month = _MONTHS.index(named_month[:3].lower()) + 1 if named_month else int(head["month"])
        return date(int(head["year"]), month, int(head["day"]))
    except ValueError:
        return None


def _speech(head: re.Match[str]) -> tuple[str, str]:
    """Name and text; no name for the program's lines."""
    if head.re is _PC:
        return clean_name(head["name"]), head["text"]
    name, sign, text = head["rest"].partition(" : ")
    return (clean_name(name), text) if sign else ("", head["rest"])


def _parted(body: list[str]) -> tuple[list[str], list[str]]:
    """The lines that go on with a message, and the program's notices below them."""
    place = next((number for number, line in enumerate(body) if _NOTICE.fullmatch(line.strip())), len(body))
    return body[:place], body[place:]


def _between(lines: list[str], moment: datetime | None, chat: Chat, source: Source, above: int) -> Iterator[Record]:
    """Lines that belong to no message: notices, which carry no time of their own, and what cannot be placed."""
    for number, line in enumerate(lines, start=above + 1):
        text = line.strip()
        place = f"{source.name}:{number}"
        if moment is not None and _NOTICE.fullmatch(text):
            yield from chat.add(
                Bubble(sender=named(PROGRAM), sender_name=PROGRAM, sent_at=moment, kind=Kind.SYSTEM, text=text, source=place)
            )
        elif text and number > 4 and not _SAVED.fullmatch(text):
            yield Skipped(source=place, reason="no time stamp")


def read_content(text: str) -> tuple[Kind, str, str, tuple[str, ...]]:
    """Kind, own words, words that are none of the sender's, names of files."""
    for kind, pattern in _KIND:
        if (found := pattern.fullmatch(text)) is not None:
            parts = found.groupdict()
            return kind, "", parts.get("quoted") or "", ((parts["file"],) if "file" in parts else ())
    return (Kind.TEXT if text.strip() else Kind.UNKNOWN), text, "", ()
