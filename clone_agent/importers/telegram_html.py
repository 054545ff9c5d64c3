"""Telegram Desktop: `messages.html`, `messages2.html` … of one chat.

    <div class="page_header">… <div class="text bold">Bob</div>
    <div class="message service" id="message-1"><div class="body details">12 July 2019</div></div>
    <div class="message default clearfix" id="message3644">
      <div class="pull_right date details" title="12.07.2019 16:55:32 UTC+08:00">16:55</div>      older: without a zone
      <div class="from_name">Bob</div>
      <div class="reply_to details">In reply to <a href="#go_to_message3640">this message</a></div>
      <div class="text">…</div>
    <div class="message default clearfix joined" id="message3645">                              the sender of the message above

UTF-8. There are only names and the owner is not told: JSON of the same program is better. Service lines carry no time: dates are counted,
the rest takes the time of the message above. Words inside `forwarded` are somebody else's.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.html_parts import Element, pieces_of, tree_of
from clone_agent.importers.identity import chat_id
from clone_agent.importers.json_fields import file_name
from clone_agent.importers.source import Source
from clone_agent.records import Kind, Skipped

PLATFORM = "telegram"
_PROGRAM = "Telegram"
_VIA = re.compile(r"\svia @\w+\Z")
_START = re.compile(r'<div class="message (?:default|service)[^"]*"')
_STAMP = re.compile(r"(?P<day>\d{2})\.(?P<month>\d{2})\.(?P<year>\d{4}) (?P<clock>\d{2}:\d{2}:\d{2})(?: UTC(?P<offset>[+-]\d{2}:?\d{2})?)?")
_DAY = re.compile(r"\d{1,2} [^\d\s]+ \d{4}|[^\d\s]+ \d{1,2}, \d{4}|\d{4}[-./年].{1,8}|\d{1,2}[./]\d{1,2}[./]\d{4}")
_REPLY = re.compile(r"#go_to_message(\d+)")
_MEDIA = {
    "media_voice_message": Kind.VOICE,
    "media_audio_file": Kind.FILE,
    "media_photo": Kind.IMAGE,
    "media_video": Kind.VIDEO,
    "media_file": Kind.FILE,
    "media_call": Kind.CALL,
    "media_location": Kind.LOCATION,
    "media_live_location": Kind.LOCATION,
    "media_venue": Kind.LOCATION,
    "media_contact": Kind.CARD,
    "media_poll": Kind.CARD,
    "media_game": Kind.CARD,
    "media_invoice": Kind.CARD,
    "sticker_wrap": Kind.STICKER,
    "animated_wrap": Kind.STICKER,
    "photo_wrap": Kind.IMAGE,
    "video_file_wrap": Kind.VIDEO,
    "round_video": Kind.VIDEO,
    "poll": Kind.CARD,
}


def matches(head: Head) -> bool:
    """A page with the classes of the program's chat pages."""
    text = head.text
    return text.lstrip()[:1] == "<" and 'class="page_wrap"' in text and ("chat_page" in text or _START.search(text) is not None)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message of the page."""
    chat: Chat | None = None
    sender = ""
    last: datetime | None = None
    for line, piece in pieces_of(source, _START):
        if chat is None:
            chat = _open_chat(piece, source)
        if _START.match(piece) is None:
            continue
        place = f"{source.name}:{line}"
        message = tree_of(piece).first("message") or Element("div")
        if "service" in message.classes:
            yield from _service(message, last, chat, place)
            continue
        inside = message.all()
        firsts: dict[str, Element] = {}  # by class
        for one in inside:
            for name in one.classes:
                firsts.setdefault(name, one)
        stamp = firsts.get("date")
        sent_at = _time(stamp.attributes.get("title", ""), options.timezone) if stamp is not None else None
        if sent_at is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        last = sent_at
        sender = _sender(inside, firsts) or sender or "Unknown"
        yield from chat.add(_bubble(message, inside, firsts, sender=sender, sent_at=sent_at, place=place))


def _open_chat(head: str, source: Source) -> Chat:
    header = tree_of(head).first("page_header")
    title = header.first("text") if header is not None else None
    name = clean_name(title.text()) if title is not None else ""
    return Chat(PLATFORM, chat_id(PLATFORM, name) if name else chat_id(PLATFORM, "unnamed", source.stem), name=name)


def _service(message: Element, last: datetime | None, chat: Chat, place: str) -> Iterator[Record]:
    text = message.text()
    if _DAY.fullmatch(text) or last is None:
        yield Skipped(source=place, reason="a date line" if _DAY.fullmatch(text) else "no time stamp")
        return
    source_id = message.attributes.get("id", "").removeprefix("message") or None
    kind = Kind.SYSTEM
    yield from chat.add(
        Bubble(sender=named(_PROGRAM), sender_name=_PROGRAM, sent_at=last, kind=kind, text=text, source_id=source_id, source=place)
    )


def _sender(inside: list[Element], firsts: dict[str, Element]) -> str:
    """The name of who sent it; not of whose words are passed on."""
    found, forwarded = firsts.get("from_name"), firsts.get("forwarded")
    if forwarded is not None:
        inner = set(map(id, forwarded.all("from_name")))
        found = next((one for one in inside if "from_name" in one.classes and id(one) not in inner), None)
    return clean_name("".join(part for part in found.parts if isinstance(part, str))) if found is not None else ""


def _bubble(message: Element, inside: list[Element], firsts: dict[str, Element], *, sender: str, sent_at: datetime, place: str) -> Bubble:
    """The message of an element, with everything inside it and the first of each class."""
    body, reply = firsts.get("text"), firsts.get("reply_to")
    words = body.text() if body is not None else ""
    links = (one.attributes.get("href", "") for one in reply.all()) if reply is not None else iter(())
    target = next((found[1] for link in links if (found := _REPLY.search(link)) is not None), None)
    # Neither what is passed on nor what a bot words for the sender is their own.
    classes = firsts.keys()
    names = [one for one in inside if "from_name" in one.classes]
    is_passed_on = "forwarded" in classes or any(_VIA.search(one.text()) for one in names)
    is_media = not classes.isdisjoint(_MEDIA)
    media = next((kind for name, kind in _MEDIA.items() if name in classes), None) if is_media else None
    linked = (one for one in inside if "href" in one.attributes) if is_media else ()
    files = [one.attributes["href"] for one in linked if not one.classes.isdisjoint(_MEDIA)]
    kind = Kind.FORWARD if is_passed_on else Kind.REPLY if words and reply is not None else Kind.TEXT if words else media or Kind.UNKNOWN
    return Bubble(
        sender=named(sender),
        sender_name=sender,
        sent_at=sent_at,
        kind=kind,
        text="" if is_passed_on else words,
        quoted=words if is_passed_on else "",
        reply_to=target,
        source_id=message.attributes.get("id", "").removeprefix("message") or None,
        attachments=tuple(name for path in files if (name := file_name(path)) and not path.startswith(("http", "#"))),
        source=place,
    )


def _time(written: str, zone: ZoneInfo) -> datetime | None:
    found = _STAMP.fullmatch(written.strip())
    if found is None:
        return None
    try:
        written_iso = f"{found['year']}-{found['month']}-{found['day']}T{found['clock']}"
        if "UTC" not in written:
            return datetime.fromisoformat(written_iso).replace(tzinfo=zone)
        return datetime.fromisoformat(f"{written_iso}{found['offset'] or '+00:00'}").astimezone(zone)
    except ValueError:
        return None
