"""SMS Backup & Restore: text and multimedia messages of a phone as XML, all chats in one file.

    <smses count="15">
      <sms address="+15555550000" date="1373942505322" type="2" body="This is Phillip" contact_name="Jane Smith" />
      <mms date="1414697344000" msg_box="2" address="+15555550001~+15555550005" contact_name="Ted, Ann">
        <parts><part ct="text/plain" text="I'm in" /><part ct="image/jpeg" name="a.jpg" data="…" /></parts>
        <addrs><addr address="+15555550005" type="137" /></addrs>
      </mms>

UTF-8, milliseconds. `type` and `msg_box`: 1 received, 2 and above sent, 3 a draft. Address type 137 is who sent, 151 who received. The
word `null` stands for nothing. Emoji are written as two halves (`&#55357;&#56832;`), which no XML parser takes: they are joined first. Each
element is parsed by itself, so that a broken one costs no other, and the data of files is left out on the way.
"""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.encoding import LONGEST_RECORD, find_encoding, text_pieces
from clone_agent.importers.format import HEAD_SIZE, Head, ReadOptions, Record
from clone_agent.importers.media import kind_of_type
from clone_agent.importers.source import Source
from clone_agent.records import ChatKind, Kind, Skipped

PLATFORM = "sms"
_OWNER = "Me"
_ROOT = re.compile(r"<smses\b")
_START = re.compile(r"<(?:sms|mms)\s")
_DATA = re.compile(r'\sdata="[^"]*"')
_OPEN_DATA = re.compile(r'\sdata="[^"]*\Z')
_END = re.compile(r"</smses>|<!--|<call\s")
_HALVES = re.compile(r"&#(5[56]\d{3});(?:&#(5[67]\d{3});)?|&#[xX]([dD][89abAB][0-9a-fA-F]{2});(?:&#[xX]([dD][c-fC-F][0-9a-fA-F]{2});)?")
_NO_XML = re.compile(r"&#(?:\d|1[124-9]|2\d|3[01]);|[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NOTHING = frozenset({"null", "(Unknown)", "insert-address-token", ""})
_SENDER = "137"
_DRAFT = "3"


def matches(head: Head) -> bool:
    """XML with the root of this program, or one of its elements where the root is lost."""
    text = head.text.lstrip()
    return text.startswith("<") and _ROOT.search(text[:2000]) is not None


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every text and multimedia message."""
    chats: dict[str, Chat] = {}
    for number, text in enumerate(_elements(source), start=1):
        place = f"{source.name}#{number}"
        try:
            element = ElementTree.fromstring(text)  # noqa: S314  one element without a document type: no entities to expand
        except (ElementTree.ParseError, ValueError):
            yield Skipped(source=place, reason="damaged, cannot be decoded")
            continue
        sent_at = _time(element.get("date", ""), options.timezone)
        if sent_at is None or element.get("type", element.get("msg_box")) == _DRAFT:
            yield Skipped(source=place, reason="no time stamp" if sent_at is None else "a draft")
            continue
        people = [_plain(address) for address in element.get("address", "").split("~") if _known(address)]
        key = "~".join(sorted(people)) or "unknown"
        names = _names(element, people)
        if key not in chats:
            kind = ChatKind.GROUP if len(people) > 1 else ChatKind.PRIVATE
            title = ", ".join(names[one] for one in people if names[one])
            chats[key] = Chat(PLATFORM, f"{PLATFORM}:{key}", name=title or ", ".join(people), kind=kind, owner=named(_OWNER))
        yield from chats[key].add(_bubble(element, people, names, sent_at, place))


def _elements(source: Source) -> Iterator[str]:
    """The text of each `sms` and `mms`, without the data of its files."""
    with source.open() as stream:
        encoding = find_encoding(stream.read(HEAD_SIZE))
    rest, is_begun = "", False
    with source.open() as stream:
        for piece in text_pieces(stream, encoding):
            rest = _DATA.sub(' data=""', rest + piece)
            if (unfinished := _OPEN_DATA.search(rest)) is not None:
                rest = rest[: unfinished.start()] + ' data="'
            starts = [found.start() for found in _START.finditer(rest)]
            for start, end in pairwise(starts):
                yield _repaired(rest[start:end])
            is_begun = is_begun or bool(starts)
            rest = rest[starts[-1] :] if starts else rest if is_begun else rest[-64:]
            if len(rest) > LONGEST_RECORD:
                rest = rest[:LONGEST_RECORD]
    if is_begun:
        yield _repaired(rest)


def _repaired(text: str) -> str:
    end = _END.search(text)
    text = text[: end.start()] if end is not None else text
    return _NO_XML.sub("", _HALVES.sub(_joined, text) if "&#" in text else text).strip()


def _joined(found: re.Match[str]) -> str:
    first = int(found[1]) if found[1] else int(found[3], 16)
    second = int(found[2]) if found[2] else int(found[4], 16) if found[4] else 0
    if 0xD800 <= first < 0xDC00 <= second < 0xE000:
        return chr(0x10000 + ((first - 0xD800) << 10) + second - 0xDC00)
    is_half = 0xD800 <= first < 0xE000
    return "\ufffd" if is_half else found[0]


def _names(element: ElementTree.Element, people: list[str]) -> dict[str, str]:
    """Address to name. A group's names stand in the order of its addresses."""
    told = element.get("contact_name", "")
    if len(people) == 1:
        return {people[0]: told if _known(told) else ""}
    names = [name.strip() for name in told.split(",")]
    return {one: name if _known(name) else "" for one, name in zip(people, names if len(names) == len(people) else [""] * 99, strict=False)}


def _bubble(element: ElementTree.Element, people: list[str], names: dict[str, str], sent_at: datetime, place: str) -> Bubble:
    is_own = element.get("type", element.get("msg_box", "1")) != "1"
    sender = people[0] if people else ""
    if len(people) != 1 and not is_own:
        sender = next((_plain(one.get("address", "")) for one in element.iter("addr") if one.get("type") == _SENDER), sender)
    kind, words, files = _content(element)
    return Bubble(
        sender=named(_OWNER) if is_own else sender or named("Unknown"),
        sender_name=_OWNER if is_own else names.get(sender, "") or sender,
        sent_at=sent_at,
        kind=kind,
        text=words,
        attachments=files,
        source=place,
    )


def _content(element: ElementTree.Element) -> tuple[Kind, str, tuple[str, ...]]:
    """Kind, own words, names of files."""
    if element.tag == "sms":
        words = element.get("body", "")
        return (Kind.TEXT, words, ()) if _known(words) else (Kind.UNKNOWN, "", ())
    parts = [part for part in element.iter("part") if part.get("ct") != "application/smil"]
    words = "\n".join(text for part in parts if part.get("ct") == "text/plain" and _known(text := part.get("text", "")))
    files = [part for part in parts if not part.get("ct", "").startswith("text/")]
    kinds = [kind_of_type(part.get("ct", "")) for part in files]
    names = tuple(
        name for part in files if (name := next((part.get(key, "") for key in ("name", "fn", "cl") if _known(part.get(key, ""))), ""))
    )
    return (Kind.TEXT if words else kinds[0] if kinds else Kind.UNKNOWN), words, names


def _known(value: str) -> bool:
    return value.strip() not in _NOTHING


@lru_cache(maxsize=1 << 12)
def _plain(address: str) -> str:
    """An address as it is the same in every message: a number without its blanks and signs."""
    address = address.strip()
    return re.sub(r"[\s().-]", "", address) if re.fullmatch(r"\+?[\d\s().-]{3,}", address) else address


def _time(written: str, zone: ZoneInfo) -> datetime | None:
    try:
        milliseconds = int(written)
        moment = datetime.fromtimestamp(milliseconds // 1000, zone) if milliseconds > 0 else None
        return moment.replace(microsecond=milliseconds % 1000 * 1000) if moment is not None else None
    except (ValueError, OverflowError, OSError):
        return None
