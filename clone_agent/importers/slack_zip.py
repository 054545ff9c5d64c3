"""Slack: the export of a workspace, a zip or its folder.

    users.json                       [{"id":"U1","name":"ann","profile":{"display_name":"Ann","real_name":"Ann Lee"}}]
    channels.json groups.json        [{"id":"C1","name":"general","members":["U1"]}]
    dms.json mpims.json              [{"id":"D1","members":["U1","U2"]}]
    general/2024-01-31.json          [{"type":"message","user":"U1","text":"hi <@U2>","ts":"1452837318.000002","thread_ts":"…"}]

A day a file, a folder a channel (named by the id for direct messages). `ts` is the id, to be kept as a string. A `subtype` makes it the
program's, but for `thread_broadcast`, `me_message` and `file_share`; a `bot_message` is the bot's, and no speech. The owner is not told.
"""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from clone_agent.importers.chats import Bubble, Chat, named
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.json_fields import Row, list_in, row_in, rows_in, text_in
from clone_agent.importers.json_stream import Damaged
from clone_agent.importers.media import kind_of_type
from clone_agent.importers.opening import json_of
from clone_agent.importers.source import Source
from clone_agent.records import ChatKind, Kind, Skipped

PLATFORM = "slack"
_PROGRAM = "Slack"
_LISTS = {"channels.json": ChatKind.GROUP, "groups.json": ChatKind.GROUP, "mpims.json": ChatKind.GROUP, "dms.json": ChatKind.PRIVATE}
_DAY = re.compile(r"(?P<folder>[^/]+)/\d{4}-\d{2}-\d{2}\.json")
_SPEECH = frozenset({"", "thread_broadcast", "me_message", "file_share", "bot_message"})
_MARKUP = re.compile(r"<(?P<sign>[@#!]?)(?P<target>[^<>|]*)(?:\|(?P<label>[^<>]*))?>")
_UPLOAD = re.compile(r"<@\w+(?:\|[^<>]*)?> (?:uploaded|shared) a file:.*", re.S)


def matches(head: Head) -> bool:
    """A folder with the people, a list of channels and days in folders."""
    has_lists = "users.json" in head.listing and any(name in head.listing for name in _LISTS)
    return has_lists and any(_DAY.fullmatch(name) for name in head.listing)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message of every channel, day by day."""
    workspace = _Workspace.of(source)
    chats: dict[str, Chat] = {}
    for name in sorted(source.listing()):
        day = _DAY.fullmatch(name)
        if day is None:
            continue
        chat = chats.setdefault(day["folder"], workspace.chat(day["folder"]))
        file = source.inside(name)
        with json_of(file) as parts:
            if parts.peek() != "[":
                yield Skipped(source=name, reason="damaged, cannot be decoded")
                continue
            for number, row in enumerate(parts.elements(), start=1):
                yield from _row(row, f"{name}#{number}", chat, workspace, options.timezone)


@dataclass(slots=True)
class _Workspace:
    """People and channels."""

    names: dict[str, str] = field(default_factory=dict)  # user -> shown name
    channels: dict[str, tuple[str, str, ChatKind]] = field(default_factory=dict)  # folder -> id, name, kind

    @classmethod
    def of(cls, source: Source) -> "_Workspace":
        workspace = cls()
        for user in _listed(source, "users.json"):
            profile = row_in(user.get("profile"))
            names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
            workspace.names[text_in(user.get("id"))] = next((name for one in names if (name := text_in(one))), "")
        for file, kind in _LISTS.items():
            for channel in _listed(source, file):
                number, name = text_in(channel.get("id")), text_in(channel.get("name"))
                members = [workspace.names.get(text_in(one), text_in(one)) for one in list_in(channel.get("members"))]
                shown = name if kind is ChatKind.GROUP and not name.startswith("mpdm-") else ", ".join(members)
                workspace.channels[name or number] = workspace.channels[number] = (number, shown, kind)
        return workspace

    def chat(self, folder: str) -> Chat:
        number, name, kind = self.channels.get(folder, (folder, folder, ChatKind.GROUP))
        return Chat(PLATFORM, f"{PLATFORM}:{number}", name=name, kind=kind)


def _listed(source: Source, name: str) -> list[Row]:
    written = source.inside(name).beside(name) if name in source.listing() else None
    try:
        return rows_in(json.loads(written)) if written is not None else []
    except (ValueError, RecursionError):
        return []


def _row(row: object, place: str, chat: Chat, workspace: _Workspace, zone: ZoneInfo) -> Iterator[Record]:
    if not isinstance(row, dict):
        is_end = isinstance(row, Damaged) and row.is_end
        yield Skipped(source=place, reason="cut off in the middle" if is_end else "damaged, cannot be decoded")
        return
    sent_at = _time(row.get("ts"), zone)
    if sent_at is None or row.get("type", "message") != "message":
        yield Skipped(source=place, reason="no time stamp" if sent_at is None else "no message")
        return
    yield from chat.add(_bubble(row, sent_at, place, workspace))


def _bubble(row: Row, sent_at: datetime, place: str, workspace: _Workspace) -> Bubble:
    told = text_in(row.get("subtype"))
    source_id = text_in(row.get("ts"))
    text = _plain(text_in(row.get("text")), workspace)
    if told not in _SPEECH:
        kind = Kind.RECALL if told == "tombstone" else Kind.SYSTEM
        words = text if kind is Kind.SYSTEM else ""
        return Bubble(
            sender=named(_PROGRAM), sender_name=_PROGRAM, sent_at=sent_at, kind=kind, text=words, source_id=source_id, source=place
        )
    user = text_in(row.get("user")) or text_in(row.get("bot_id"))
    profile = row_in(row.get("user_profile"))
    name = workspace.names.get(user) or text_in(profile.get("display_name")) or text_in(profile.get("real_name"))
    name = name or text_in(row.get("username")) or user
    files = rows_in(row.get("files")) or ([row_in(row.get("file"))] if row.get("file") else [])
    words = "" if _UPLOAD.fullmatch(text_in(row.get("text"))) else text
    thread = text_in(row.get("thread_ts"))
    target = thread if thread and thread != source_id else None
    kinds = [kind_of_type(text_in(one.get("mimetype"))) for one in files]
    others = "\n".join(part for one in rows_in(row.get("attachments")) for key in ("title", "text") if (part := text_in(one.get(key))))
    if told == "bot_message":
        words, others = "", "\n".join(part for part in (words, others) if part)
    is_card = bool(others) and not words
    return Bubble(
        sender=user or named(name),
        sender_name=name,
        sent_at=sent_at,
        kind=(Kind.REPLY if target else Kind.TEXT) if words else kinds[0] if kinds else Kind.CARD if is_card else Kind.UNKNOWN,
        text=words,
        quoted=others,
        reply_to=target,
        source_id=source_id,
        mentions=tuple(dict.fromkeys(one["target"] for one in _MARKUP.finditer(text_in(row.get("text"))) if one["sign"] == "@")),
        attachments=tuple(name for one in files if (name := text_in(one.get("name")) or text_in(one.get("title")))),
        source=place,
    )


def _plain(text: str, workspace: _Workspace) -> str:
    """The text without Slack's marks: people and channels by name, links by label, `&amp;` as &."""

    def shown(found: re.Match[str]) -> str:
        target, label = found["target"], found["label"]
        match found["sign"]:
            case "@":
                return f"@{workspace.names.get(target) or label or target}"
            case "#":
                return f"#{label or target}"
            case "!":
                return f"@{(label or target).removeprefix('@')}"
        return label or target.removeprefix("mailto:")

    return html.unescape(_MARKUP.sub(shown, text))


def _time(written: object, zone: ZoneInfo) -> datetime | None:
    try:
        seconds, _, rest = text_in(written).partition(".")
        moment = datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(f"{rest:0<6}"[:6]))
        return moment.astimezone(zone)
    except (ValueError, OverflowError, OSError):
        return None
