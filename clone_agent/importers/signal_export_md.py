"""Signal: text of signal-export (`index.md`, `chat.md`, `.txt`), one conversation a file, named by its folder.

    [2019-05-29, 15:04] Me: How is everyone?
    a second line
    [2019-05-29, 15:10] Aya:                            a quote stands in lines with `>`
    > How is everyone?
    fine! ![photo.jpg](./media/photo.jpg)  (- Me: 👍 -)   files as links, reactions at the end

UTF-8, LF, local time. `Me` is the owner. A comma stands behind the date and there are no seconds, which tells it from WhatsApp.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.damage import is_damaged
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.json_fields import file_name
from clone_agent.importers.media import kind_of_file
from clone_agent.importers.opening import TextEntry, entries_of
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.records import Kind, Skipped

PLATFORM = "signal"
_PROGRAM = "Signal"
_OWNER = "Me"
_RECORD = re.compile(r"\[(?P<date>\d{4}-\d{2}-\d{2}), (?P<clock>\d{2}:\d{2}(?::\d{2})?)\] (?P<rest>.*)")
_SHAPES = ("[0000-00-00, 00:00] ", "[0000-00-00, 00:00:00] ")
_LINK = re.compile(r"!?\[(?P<name>[^\[\]\n]*)\]\((?P<path>(?:\./)?media/[^()\n]*|[^()\s]+\.\w{2,5})\)")
_REACTIONS = re.compile(r"\s*\(- .{1,300}? -\)\s*\Z", re.S)
_OWN_FILES = frozenset({"index", "chat", "messages"})


def matches(head: Head) -> bool:
    """The first line is a record."""
    first = head.text.lstrip("\ufeff\r\n ").split("\n", 1)[0].rstrip("\r")
    found = _RECORD.fullmatch(first)
    return found is not None and ":" in found["rest"] and len(found["clock"]) == len("15:04")


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every record of the text."""
    name = source.stem
    if name.lower() in _OWN_FILES:
        name = PurePosixPath(source.path).parent.name or source.tree.label
    chat = Chat(PLATFORM, chat_id(PLATFORM, clean_name(name)), name=name)
    for entry in entries_of(source, _RECORD.fullmatch, is_damaged=lambda line: is_damaged(line, *_SHAPES)):
        place = f"{source.name}:{entry.line}"
        sent_at = read_time(f"{entry.head['date']} {entry.head['clock']}", options.timezone) if entry.head is not None else None
        if sent_at is None or entry.head is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        who, sign, text = entry.head["rest"].partition(":")
        if not sign:
            yield from chat.add(
                Bubble(
                    sender=named(_PROGRAM), sender_name=_PROGRAM, sent_at=sent_at, kind=Kind.SYSTEM, text=_whole(who, entry), source=place
                )
            )
            continue
        if clean_name(who) == _OWNER:
            chat.learn_owner(named(_OWNER))
        kind, words, quoted, files = _content(_whole(text, entry))
        yield from chat.add(
            Bubble(
                sender=named(who),
                sender_name=who,
                sent_at=sent_at,
                kind=kind,
                text=words,
                quoted=quoted,
                attachments=files,
                source=place,
            )
        )


def _whole(first: str, entry: TextEntry) -> str:
    return "\n".join([first.strip(), *entry.body]).strip()


def _content(written: str) -> tuple[Kind, str, str, tuple[str, ...]]:
    """Kind, own words, the quote, names of files."""
    written = _REACTIONS.sub("", written)
    lines = written.split("\n")
    quoted = "\n".join(line[1:].strip() for line in lines if line.startswith(">")).strip()
    own = "\n".join(line for line in lines if not line.startswith(">"))
    files = tuple(found["name"] or file_name(found["path"]) for found in _LINK.finditer(own))
    words = _LINK.sub("", own).strip()
    if words:
        return (Kind.REPLY if quoted else Kind.TEXT), words, quoted, files
    return (kind_of_file(files[0]) if files else Kind.UNKNOWN), "", quoted, files
