"""Google Chat: `messages.json` of one space or direct message, out of Google Takeout.

    Google Chat/Groups/DM abc/messages.json     {"messages":[{"creator":{"name":"Ann","email":"ann@example.org","user_type":"Human"},
                                                  "created_date":"Friday, May 29, 2026 at 3:00:29 AM UTC","text":"hi",
                                                  "attached_files":[{"original_name":"a.png","export_name":"File-a.png"}],
                                                  "topic_id":"t1","message_id":"m1","message_state":"DELETED",
                                                  "quoted_message_metadata":{"message_id":"m0","text":"…"}}]}
    Google Chat/Groups/DM abc/group_info.json   {"name":"…","members":[{"name":"Ann","email":"ann@example.org"}]}
    Google Chat/Users/User 1/user_info.json     {"user":{"name":"Me","email":"me@example.org"}}          tells the owner

UTF-8. The date is a sentence in the language of the account, in UTC: English, Chinese, Japanese, Korean, German, French, Spanish,
Portuguese, Italian, Dutch, Polish and Russian are read.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.dates import hour_of
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.json_fields import Row, file_name, row_in, row_of, rows_in, text_in
from clone_agent.importers.json_shape import shape_of
from clone_agent.importers.json_stream import Damaged
from clone_agent.importers.media import kind_of_file
from clone_agent.importers.opening import json_of
from clone_agent.importers.source import Source
from clone_agent.records import ChatKind, Kind, Skipped

PLATFORM = "googlechat"
_SHAPE = re.compile(r'\{\s*"messages"\s*:\s*\[\s*\{[^\[\]]{0,4000}?"(?:created_date|creator)"\s*:')
# The first letters of the months, as many as tell them apart.
_MONTHS = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        "jan|gen|ene|sty|янв",
        "f[eé][bv]|lut|фев",
        "mar(?!e)|m[aä]r|maa|мар",
        "a[pbv][rv]|kwi|апр",
        "ma[iyj]|mei|mag|ма[йя]",
        "jun|juin|giu|cze|июн",
        "jul|juil|lug|lip|июл",
        "a[uo][gû]|ago|sie|авг",
        "se[pt]|wrz|сен",
        "o[ckt]t|out|paź|окт",
        "nov|lis|ноя",
        "d[eéi][czk]|gru|дек",
    )
)
_CLOCK = r"(?P<hour>\d{1,2})[:.時时시] ?(?P<minute>\d{1,2})[:.分분] ?(?P<second>\d{1,2})[秒초]?\s?(?P<post>[AaPp]\.?\s?[Mm]\.?)?"
_WORD = r"[^\W\d_]{3,12}"
_DATES = (
    re.compile(rf"(?:{_WORD},? )?(?P<month>{_WORD})\.? (?P<day>\d{{1,2}}), (?P<year>\d{{4}}),?(?: at)? (?P<pre>){_CLOCK} UTC"),
    re.compile(
        rf"(?:{_WORD}(?:-feira)?,? )?(?P<day>\d{{1,2}})\.?º? (?:de )?(?P<month>{_WORD})\.? (?:de )?(?P<year>\d{{4}})(?: г\.)?,?"
        rf"(?: (?:at|um|à|às|a las|alle(?: ore)?|om|o|в))? (?P<pre>){_CLOCK} UTC"
    ),
    re.compile(
        r"(?P<year>\d{4})[年년] ?(?P<month>\d{1,2})[月월] ?(?P<day>\d{1,2})[日일] ?\S{0,4}? ?(?:UTC )?"
        r"(?P<pre>上午|下午|午前|午後|오전|오후)? ?" + _CLOCK + "(?: UTC)?"
    ),
)
_MOST_FILES = 20_000


def matches(head: Head) -> bool:
    """An object of messages that begin with a creator or a sentence for a date."""
    return shape_of(head.text).has_row("created_date") or (_SHAPE.match(head.text.lstrip()) is not None and '"created_date"' in head.text)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message of the file."""
    chat = _open_chat(source)
    with json_of(source) as parts:
        for key in parts.members(anchors=("messages",)):
            if key != "messages" or parts.peek() != "[":
                parts.skip()
                continue
            for number, row in enumerate(parts.elements(), start=1):
                yield from _row(row, f"{source.name}#{number}", chat, options.timezone)
        if parts.is_damaged:
            yield Skipped(source=source.name, reason="damaged, cannot be decoded")


def _row(row: object, place: str, chat: Chat, zone: ZoneInfo) -> Iterator[Record]:
    if not isinstance(row, dict):
        is_end = isinstance(row, Damaged) and row.is_end
        yield Skipped(source=place, reason="cut off in the middle" if is_end else "damaged, cannot be decoded")
        return
    sent_at = read_sentence(text_in(row.get("created_date")), zone)
    if sent_at is None:
        yield Skipped(source=place, reason="no time stamp")
        return
    yield from chat.add(_bubble(row, sent_at, place))


def _bubble(row: Row, sent_at: datetime, place: str) -> Bubble:
    creator = row_in(row.get("creator"))
    name = text_in(creator.get("name"))
    quote = row_in(row.get("quoted_message_metadata"))
    files = [text_in(one.get("original_name")) or text_in(one.get("export_name")) for one in rows_in(row.get("attached_files"))]
    words = text_in(row.get("text"))
    if text_in(row.get("message_state")) == "DELETED" or (not words and row.get("deletion_metadata")):
        kind, words = Kind.RECALL, ""
    elif words:
        kind = Kind.REPLY if quote else Kind.TEXT
    else:
        kind = kind_of_file(files[0]) if files else Kind.CARD if row.get("annotations") else Kind.UNKNOWN
    return Bubble(
        sender=text_in(creator.get("email")).lower() or named(name),
        sender_name=name,
        sent_at=sent_at,
        kind=kind,
        text=words,
        quoted=text_in(quote.get("text")),
        reply_to=text_in(quote.get("message_id")) or None,
        source_id=text_in(row.get("message_id")) or None,
        attachments=tuple(name for name in files if name),
        source=place,
    )


def _open_chat(source: Source) -> Chat:
    info = row_of(source.beside("group_info.json"))
    folder = source.parent().name if source.path.count("/") or source.tree.label else ""
    people = rows_in(info.get("members"))
    name = text_in(info.get("name"))
    is_direct = folder.startswith("DM ")
    owner = _owner(source)
    if not name and is_direct:
        name = ", ".join(text_in(one.get("name")) for one in people if text_in(one.get("email")).lower() != owner)
    kind = (ChatKind.PRIVATE if is_direct and len(people) <= 2 else ChatKind.GROUP) if folder.startswith(("DM ", "Space ")) else None
    return Chat(PLATFORM, chat_id(PLATFORM, folder or name or source.stem), name=name, kind=kind, owner=owner)


def _owner(source: Source) -> str | None:
    data = source.above("Users/*/user_info.json", levels=2)
    if data is None:
        names = source.tree.names if len(source.tree.names) <= _MOST_FILES else ()
        path = next((name for name in names if file_name(name) == "user_info.json"), None)
        data = Source(tree=source.tree, path=path).beside("user_info.json") if path is not None else None
    user = row_in(row_of(data).get("user"))
    return text_in(user.get("email")).lower() or None


def read_sentence(written: str, zone: ZoneInfo) -> datetime | None:
    """The moment that a date in words names; None where it names none or in a language that is not known."""
    text = re.sub("[\u202f\u00a0\u2009]", " ", written).strip()
    found = next((match for one in _DATES if (match := one.fullmatch(text)) is not None), None)
    if found is None:
        return None
    month = found["month"]
    try:
        number = int(month) if month.isdigit() else _month(month)
        clock = (hour_of(found), int(found["minute"]), int(found["second"]))
        return datetime(int(found["year"]), number, int(found["day"]), *clock, tzinfo=UTC).astimezone(zone)
    except ValueError:
        return None


def _month(written: str) -> int:
    """The number of a month by its name; 0, which no date has, where none begins so."""
    return next((number for number, name in enumerate(_MONTHS, start=1) if name.match(written)), 0)
