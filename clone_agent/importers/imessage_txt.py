"""iMessage: text of imessage-exporter, one conversation a file.

    May 17, 2022  5:29:42 PM (Read by you after 1 second)     two blanks before an hour of one digit
    +15558675309                                              the sender: a number, an address, a contact's name, or `Me`
    Hello world                                               the body; a file is a line with its path
    Sent with Confetti                                        an effect, below what it was given to
    May 17, 2022  5:29:42 PM Helo                             first words, where they were changed later, and
    Edited 30 seconds later: Hello                            the words as they are now
    Tapbacks:                                                 answers by a sign, no words
    Loved by Me
                                                              (blank)
    May 17, 2022  5:32:00 PM Me renamed the conversation to 测试     one line: the program's

UTF-8, LF, local time. A blank line ends every message, so that a stamp with words directly below a line begins none. Answers in a thread
stand again, indented, below what they answer: only their own place counts. `Me` is the owner.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.damage import is_damaged
from clone_agent.importers.dates import hour_of
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.json_fields import file_name
from clone_agent.importers.media import kind_of_file
from clone_agent.importers.opening import entries_of
from clone_agent.importers.source import Source
from clone_agent.records import Kind, Skipped

PLATFORM = "imessage"
PROGRAM = "Messages"
OWNER = "Me"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HEADER = re.compile(
    rf"(?P<month>{'|'.join(_MONTHS)}) (?P<day>\d{{2}}), (?P<year>\d{{4}}) {{1,2}}"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})"
    r" (?P<post>AM|PM)(?P<pre>)(?P<rest>(?: .*)?)"
)
_SHAPES = ("aaa 00, 0000 00:00:00 aM", "aaa 00, 0000  0:00:00 aM")
_READ = re.compile(r"\s*(?:\((?:Read|Delivered|Sent).*\))?\s*")
_THREAD = re.compile(rf"\s{{4,}}(?:{'|'.join(_MONTHS)}) \d{{2}}, \d{{4}} ")
_TAPBACKS = re.compile(r"\s*(?:Tapbacks|Reactions):\s*")
_REACTION = re.compile(r"\s*(?:\S.{0,80}? by \S.*|Sticker from .*)")
_NOTES = re.compile(r"This message responded to an earlier message\.|This message was deleted from the conversation!")
# All that the program knows; it writes the identifier of any other.
_EFFECT = re.compile(
    r"Sent with (?:Confetti|Echo|Fireworks|Balloons|Heart|Lasers|Shooting Start?|Sparkles|Spotlight|Slam|Loud|Gentle|Invisible Ink)"
    r"|com\.apple\.(?:MobileSMS\.expressivesend|messages\.effect)\.\w+"
)
_SPAN = r"\d+ (?:day|hour|minute|second)s?(?:, \d+ (?:hour|minute|second)s?)*"
_EDITED = re.compile(rf"Edited (?:{_SPAN})? later: ?(?P<words>.*)")
_UNSENT = re.compile(rf".{{1,80}} unsent this message part(?: (?:{_SPAN})? after sending)?!")
_STICKER = re.compile(r"Sticker from .{1,80}: (?P<path>.*)")
_CASH = re.compile(r"Apple Cash transaction: .*")
_FILE = re.compile(
    r"(?:~|[A-Z]:)?[/\\](?:[^/\\\n]+[/\\])+[^/\\\n]+\.\w{2,5}"  # where Messages keeps it
    r"|(?:[^/\\\n]+[/\\])*attachments[/\\][^\n]+\.\w{2,5}"  # copied beside the text
    r"|(?:[^\n]*[/\\])?[0-9a-f]{2}[/\\][0-9a-f]{40}"  # in a backup of the phone
    r"|[^\s/\\]+\.(?:heic|jpe?g|png|gif|mov|mp4|caf|m4a|pdf|vcf)|Attachment (?:missing|unavailable)(?: name metadata)?!?",
    re.I,
)
# A line without any of these is plain words, as most are.
_MARKED = re.compile(
    r"/|\\|\.|    |\t|\d:\d\d:\d\d [AP]M |Tapbacks|Reactions|This message|Sent with|Edited|unsent|Sticker from|Apple Cash|Attachment"
)
_ADDRESS = re.compile(r"\+?\d{4,16}|\S+@\S+\.\S+")


def matches(head: Head) -> bool:
    """The first line is a header, with a sender or a notice."""
    lines = [line.rstrip("\r") for line in head.text.lstrip("\ufeff\r\n ").split("\n", 2)]
    found = _HEADER.fullmatch(lines[0])
    return found is not None and (_READ.fullmatch(found["rest"]) is None or (len(lines) > 1 and bool(lines[1].strip())))


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message of the text."""
    name = clean_name(source.stem)
    chat = Chat(PLATFORM, chat_id(PLATFORM, name), name=name)
    for entry in entries_of(source, _Heads(), is_damaged=lambda line: _HEADER.fullmatch(line) is None and is_damaged(line, *_SHAPES)):
        place = f"{source.name}:{entry.line}"
        sent_at = _time(entry.head, options.timezone) if entry.head is not None else None
        if sent_at is None or entry.head is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        rest = entry.head["rest"]
        if _READ.fullmatch(rest) is None:
            text = "\n".join([rest.strip(), *entry.body]).strip()
            yield from chat.add(
                Bubble(sender=named(PROGRAM), sender_name=PROGRAM, sent_at=sent_at, kind=Kind.SYSTEM, text=text, source=place)
            )
            continue
        who = clean_name(entry.body[0]) if entry.body else ""
        if not who:
            yield Skipped(source=place, reason="no sender")
            continue
        if who == OWNER:
            chat.learn_owner(named(OWNER))
        kind, words, files = _content(entry.body[1:])
        yield from chat.add(
            Bubble(
                sender=who if _ADDRESS.fullmatch(who) else named(who),
                sender_name=who,
                sent_at=sent_at,
                kind=kind,
                text=words,
                attachments=files,
                source=place,
            )
        )


class _Heads:
    """Recognises heads; a stamp with words, directly below a line, is followed by the first words of what was changed later."""

    def __init__(self) -> None:
        self._is_below = False

    def __call__(self, line: str) -> re.Match[str] | None:
        is_below, self._is_below = self._is_below, bool(line.strip())
        found = _HEADER.fullmatch(line)
        return None if found is not None and is_below and _READ.fullmatch(found["rest"]) is None else found


def _content(body: list[str]) -> tuple[Kind, str, tuple[str, ...]]:
    """Kind, own words, names of files."""
    own: list[str] = []
    files: list[str] = []
    notes: list[tuple[Kind, str]] = []
    is_reply = is_tapback = False
    begun = 0  # the line of `own` that the part begins with
    for line in body:
        if not is_tapback and _MARKED.search(line) is None:
            own.append(line)
            continue
        if _THREAD.match(line):
            break
        is_tapback = _TAPBACKS.fullmatch(line) is not None or (is_tapback and _REACTION.fullmatch(line) is not None)
        if is_tapback:
            continue
        if _NOTES.fullmatch(line):
            is_reply = is_reply or line.startswith("This message responded")
        elif (own or files or notes) and _EFFECT.fullmatch(line):
            continue
        elif (first := _HEADER.fullmatch(line)) is not None:
            begun = len(own)
            own.append(first["rest"].strip())
        elif (edited := _EDITED.fullmatch(line)) is not None:
            own[begun:] = [edited["words"]] if edited["words"] else own[begun:]
        elif (told := _told(line)) is not None:
            notes.append(told)
        elif _FILE.fullmatch(line.strip()):
            files.append(file_name(line.strip()))
        else:
            own.append(line)
    words = "\n".join(own).replace("\ufffc", "").strip()
    if words:
        return (Kind.REPLY if is_reply else Kind.TEXT), words, tuple(files)
    if notes:
        kind, path = notes[0]
        return kind, "", (*files, *((file_name(path),) if path else ()))
    return (kind_of_file(files[0]) if files else Kind.UNKNOWN), "", tuple(files)


def _told(line: str) -> tuple[Kind, str] | None:
    """The kind, and the file's path, of a line in which the program tells what stood there."""
    if (sticker := _STICKER.fullmatch(line)) is not None:
        return Kind.STICKER, sticker["path"]
    if _UNSENT.fullmatch(line):
        return Kind.RECALL, ""
    return (Kind.TRANSFER, "") if _CASH.fullmatch(line) else None


def _time(head: re.Match[str], zone: ZoneInfo) -> datetime | None:
    try:
        day = (int(head["year"]), _MONTHS.index(head["month"]) + 1, int(head["day"]))
        return datetime(*day, hour_of(head), int(head["minute"]), int(head["second"]), tzinfo=zone)
    except ValueError:
        return None
