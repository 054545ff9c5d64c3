"""QQ Chat Exporter (QQNT), one JSON file.

    {"metadata":{"name":"QQChatExporter V5 / https://github.com/shuakami/qq-chat-exporter","version":"5.5.77"},
     "chatInfo":{"name":"测试群","type":"group","selfUid":"u_me","selfUin":"10000","peerUid":"600100"},
     "statistics":{…},
     "messages":[{…},                     one message a line in V5 and V6, spread over lines in V4
                 {…}],
     "avatars":{…}}                       may be larger than everything else

UTF-8. `qce_rows` tells what a message looks like. V6 calls itself `QQChatExporter` version 0.1.0 and puts the group's number into
`chatInfo.peerUid`. Early V4 can lay the messages into `chunks`, beside a `chunkInfo`. The oldest versions (V2, V3) write a bare array of
`{"id","time","sender","content"}`, read here too.
"""

import re
from collections.abc import Iterator
from contextlib import suppress

from clone_agent.errors import ExportError
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.json_facts import facts_of
from clone_agent.importers.json_shape import shape_of
from clone_agent.importers.json_stream import Damaged, JsonStream
from clone_agent.importers.opening import json_of
from clone_agent.importers.qce_chat import QceChat, Survey
from clone_agent.importers.qce_rows import read_row, speakers_of
from clone_agent.importers.source import Source
from clone_agent.records import Skipped

DAMAGED = "damaged, cannot be decoded"
CUT = "cut off in the middle"
_KEYS = ("metadata", "chatInfo", "messages", "chunks")
_NAME = re.compile(r'"name"\s*:\s*"QQChatExporter')


def matches(head: Head) -> bool:
    """An object that names the exporter or holds `chatInfo` with `messages`, and is not the manifest of a chunked export."""
    text = head.text.lstrip()
    shape = shape_of(head.text)
    if text.startswith("["):
        row = shape.row_with("id", "time", "sender", "content")
        return "talker" not in row and all(isinstance(row.get(key), str) for key in ("time", "sender"))
    if shape.has("messages") and isinstance(shape.row_with("sender", "content").get("content"), dict):
        return True
    if not text.startswith("{") or '"_type"' in text[:200]:
        return False
    is_manifest = '"messages"' not in text and ('"chunked"' in text or head.name == "manifest.json")
    is_named = _NAME.search(text[:4000]) is not None and text.find("\n{") < 0
    return (is_named or ('"chatInfo"' in text and '"messages"' in text)) and not is_manifest


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message of the array `messages`, or of the bare array."""
    chat = QceChat(Survey().add(source), options=options, file=source.name, stem=source.stem)
    facts = facts_of(source, ("metadata", "chatInfo"), needed=("chatInfo",))
    yield from chat.take_metadata(facts.get("metadata"))
    chat.take_info(facts.get("chatInfo"))
    with json_of(source) as parts, suppress(ExportError):
        chat.take_speakers(speakers_of((row for _ in _arrays(parts) for row in parts.elements()), chat))
    with json_of(source) as parts:
        for _ in _arrays(parts):
            yield from _rows(parts, chat)
        if parts.is_damaged:
            yield Skipped(source=source.name, reason=DAMAGED)


def _arrays(parts: JsonStream) -> Iterator[None]:
    """Stops before each array of messages, which early V4 lays into chunks: arrays of them, or objects with one under `messages`."""
    if parts.peek() == "[":
        yield
        return
    for key in parts.members(anchors=_KEYS):
        if key == "messages" and parts.peek() == "[":
            yield
        elif key == "chunks" and parts.peek() == "[":
            yield from _chunks(parts)
        else:
            parts.skip()


def _chunks(parts: JsonStream) -> Iterator[None]:
    for _ in parts.places():
        if parts.peek() == "[":
            yield
            continue
        for key in parts.members() if parts.peek() == "{" else ():
            if key == "messages" and parts.peek() == "[":
                yield
            else:
                parts.skip()


def _rows(parts: JsonStream, chat: QceChat) -> Iterator[Record]:
    yield chat.conversation
    for row in parts.elements():
        chat.row += 1
        if isinstance(row, Damaged):
            yield Skipped(source=f"{chat.file}#{chat.row}", reason=CUT if row.is_end else DAMAGED)
        else:
            yield from read_row(row, chat)
