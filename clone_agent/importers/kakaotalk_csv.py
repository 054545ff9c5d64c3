"""KakaoTalk on a Mac: a chat's history as CSV.

    Date,User,Message
    2024-03-11 09:12:33,"김세진","배포 완료했습니다!"       RFC quoting, line ends inside quotes; 사진, 이모티콘 as in the text
    2024-03-11 09:13:00,"박팀장","박팀장님이 나갔습니다."     the program's lines stand under somebody's name

UTF-8 with a byte order mark, local time. There are only names. The file is called `KakaoTalk_Chat_NAME_2024-03-11-22-14-03.csv`; where
NAME speaks in it, the one other who speaks is the owner. Seen in programs that read it; no genuine file was at hand.
"""

import re
from collections.abc import Iterator
from itertools import chain, islice

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.generic_csv import columns_of, rows_of
from clone_agent.importers.identity import chat_id
from clone_agent.importers.kakaotalk_txt import PLATFORM, PROGRAM, is_notice, owner_among, read_content
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.records import Kind, Skipped

_COLUMNS = ["Date", "User", "Message"]
_FILE = re.compile(r"KakaoTalk_Chat_(?P<name>.+?)(?:_\d{4}(?:-\d{2}){5})?(?: ?\(\d+\))?")
_LOOK_AHEAD = 5000  # rows


def matches(head: Head) -> bool:
    """The three columns, called as the program calls them."""
    return columns_of(head.text) == _COLUMNS


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row of the table."""
    rows = rows_of(source, {})[1]
    ahead = list(islice(rows, _LOOK_AHEAD))
    title = _FILE.fullmatch(source.stem)
    name = clean_name(title["name"]) if title is not None else ""
    chat = Chat(PLATFORM, chat_id(PLATFORM, name) if name else chat_id(PLATFORM, "unnamed", source.stem), name=name)
    owner = owner_among({clean_name(row[1].get("User", "")) for row in ahead if not isinstance(row, Skipped)}, name)
    if owner is not None:
        chat.learn_owner(named(owner))
    for row in chain(ahead, rows):
        if isinstance(row, Skipped):
            yield row
            continue
        place, cells = row
        sent_at, who = read_time(cells.get("Date"), options.timezone), clean_name(cells.get("User", ""))
        if sent_at is None:
            yield Skipped(source=place, reason="no time stamp")
            continue
        text = cells.get("Message", "").strip()
        is_program = not who or is_notice(text)
        kind, words, quoted, files = (Kind.SYSTEM, text, "", ()) if is_program else read_content(text)
        sender = PROGRAM if is_program else who
        yield from chat.add(
            Bubble(
                sender=named(sender),
                sender_name=sender,
                sent_at=sent_at,
                kind=kind,
                text=words,
                quoted=quoted,
                attachments=files,
                source=place,
            )
        )
