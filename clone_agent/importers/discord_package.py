"""Discord's own data package: `messages/c123/messages.json` with what the owner wrote in one channel, and nothing of the others.

    [{"ID":1188,"Timestamp":"2024-01-01 00:00:00","Contents":"hi","Attachments":"https://cdn.discordapp.com/…/x.png"}]
    channel.json beside it    {"id":"123","type":1,"name":"general","recipients":["1","2"],"guild":{"name":"…"}}
    ../../account/user.json   {"id":"1","username":"ann"}

Times are UTC. Style can be learnt from it; there is no talk before the words.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from clone_agent.importers.chats import Bubble, Chat
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.json_fields import file_name, row_in, row_of, text_in
from clone_agent.importers.json_shape import shape_of
from clone_agent.importers.json_stream import Damaged
from clone_agent.importers.media import kind_of_file
from clone_agent.importers.opening import json_of
from clone_agent.importers.source import Source
from clone_agent.records import ChatKind, Kind, Skipped

PLATFORM = "discord"
_KINDS = {1: ChatKind.PRIVATE, 3: ChatKind.GROUP, "DM": ChatKind.PRIVATE, "GROUP_DM": ChatKind.GROUP}
_SELF = "name:me"


def matches(head: Head) -> bool:
    """A list of rows with these three names."""
    shape = shape_of(head.text)
    return not shape.keys and shape.has_row("ID", "Timestamp", "Contents")


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message of the channel, all of them the owner's."""
    channel = row_of(source.beside("channel.json"))
    owner, name = _owner(source)
    number = text_in(channel.get("id")) or source.parent().name.removeprefix("c") or source.stem
    title = text_in(channel.get("name")) or text_in(row_in(channel.get("guild")).get("name"))
    told = channel.get("type")
    kind = _KINDS.get(told, ChatKind.GROUP) if isinstance(told, int | str) else ChatKind.OTHER
    chat = Chat(PLATFORM, f"{PLATFORM}:{number}", name=title, kind=kind, owner=owner)
    with json_of(source) as parts:
        for place_number, row in enumerate(parts.elements(), start=1):
            place = f"{source.name}#{place_number}"
            if not isinstance(row, dict):
                is_end = isinstance(row, Damaged) and row.is_end
                yield Skipped(source=place, reason="cut off in the middle" if is_end else "damaged, cannot be decoded")
                continue
            sent_at = _time(text_in(row.get("Timestamp")))
            if sent_at is None:
                yield Skipped(source=place, reason="no time stamp")
                continue
            words = text_in(row.get("Contents"))
            files = tuple(file_name(url) for url in text_in(row.get("Attachments")).split())
            yield from chat.add(
                Bubble(
                    sender=owner,
                    sender_name=name,
                    sent_at=sent_at.astimezone(options.timezone),
                    kind=Kind.TEXT if words.strip() else kind_of_file(files[0]) if files else Kind.UNKNOWN,
                    text=words,
                    source_id=text_in(row.get("ID")) or None,
                    attachments=files,
                    source=place,
                )
            )


def _owner(source: Source) -> tuple[str, str]:
    """Id and name of who asked for the package; `me` where the file that tells it is not there."""
    places = ("account/user.json", "Account/user.json")
    data = next((data for place in places if (data := source.above(place, levels=2)) is not None), None)
    if data is None:
        path = next((name for name in source.tree.names if name.lower().endswith("account/user.json")), None)
        data = Source(tree=source.tree, path=path).beside("user.json") if path is not None else None
    user = row_of(data)
    number = text_in(user.get("id"))
    return number or _SELF, text_in(user.get("global_name")) or text_in(user.get("username")) or "me"


def _time(written: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(written.strip())
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
