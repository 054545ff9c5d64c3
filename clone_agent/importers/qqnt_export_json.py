"""QQNT_Export: JSON of one chat out of QQNT's database.

    [{"time":"2024-05-01 12:00:09","direction":"发","contents":[["[文本]","在"],["[图片]","abc.jpg"]]}]
    [{"time":"2024-05-02 12:00:00","sender":"群名片丙","sender_qq":10003,"contents":[["[文本]","大家好"]]}]

UTF-8, local time. The chat's name is the file's name. Private rows have a direction (发 is the owner), group rows a sender and a number.
`qqnt_tags` tells what a part is.
"""

import re
from collections.abc import Iterator

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.identity import chat_id
from clone_agent.importers.json_fields import Row, list_in, text_in
from clone_agent.importers.json_shape import shape_of
from clone_agent.importers.json_stream import Damaged
from clone_agent.importers.opening import json_of
from clone_agent.importers.qq_pc_blocks import PLATFORM, group_chat_id
from clone_agent.importers.qqnt_tags import Part, is_tag, understand
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.records import ChatKind, Kind, Skipped

_OWNER = "我"
_SYSTEM = "系统消息"


def matches(head: Head) -> bool:
    """An array whose first object has `contents` beside a direction or a number."""
    shape = shape_of(head.text)
    row = shape.row_with("contents", "time")
    is_named = not row.keys().isdisjoint({"direction", "sender", "sender_qq"})
    return not shape.keys and isinstance(row.get("contents"), list) and is_named


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every row of the array."""
    chat: Chat | None = None
    with json_of(source) as parts:
        for number, row in enumerate(parts.elements(), start=1):
            place = f"{source.name}#{number}"
            if not isinstance(row, dict):
                is_end = isinstance(row, Damaged) and row.is_end
                yield Skipped(source=place, reason="cut off in the middle" if is_end else "damaged, cannot be decoded")
                continue
            sent_at = read_time(row.get("time"), options.timezone)
            contents = [part for one in list_in(row.get("contents")) if (part := _part(one)) is not None]
            if sent_at is None or not contents:
                yield Skipped(source=place, reason="no time stamp" if sent_at is None else "an empty row")
                continue
            chat = chat or _open_chat(row, source)
            found = understand(contents, is_forwarded=row.get("direction") == "转发")
            sender, name = _sender(row, clean_name(source.stem), is_system=found.kind is Kind.SYSTEM)
            yield from chat.add(
                Bubble(
                    sender=sender,
                    sender_name=name,
                    sent_at=sent_at,
                    kind=found.kind,
                    text=found.text,
                    quoted=found.quoted,
                    attachments=found.attachments,
                    source=place,
                )
            )


def _part(written: object) -> Part | None:
    """A pair of tag and content; a card may be one string that begins with its tag."""
    if isinstance(written, list) and len(written) >= 2:
        tag = text_in(written[0]) or "None"
        return Part(tag if is_tag(tag) else f"[{tag}]", text_in(written[1]))
    found = re.match(r"(\[[^\[\]]{1,12}\])(.*)", written, re.S) if isinstance(written, str) else None
    return Part(found[1], found[2]) if found is not None else None


def _open_chat(row: Row, source: Source) -> Chat:
    name = clean_name(source.stem)
    if "direction" in row:
        return Chat(PLATFORM, chat_id(PLATFORM, "private", name), name=name, kind=ChatKind.PRIVATE, owner=named(_OWNER))
    return Chat(PLATFORM, group_chat_id(name), name=name, kind=ChatKind.GROUP)


def _sender(row: Row, peer: str, *, is_system: bool) -> tuple[str, str]:
    if is_system:
        return named(_SYSTEM), _SYSTEM
    if "direction" in row:
        name = {"收": peer, "发": _OWNER}.get(text_in(row["direction"]), "未知")
        return named(name), name
    name, number = clean_name(text_in(row.get("sender"))), text_in(row.get("sender_qq")).strip()
    return (number if number not in {"", "0"} else named(name)), name
