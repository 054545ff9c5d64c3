"""QQ Chat Exporter (QQNT): HTML with a viewer, which keeps the messages as data in scripts.

    <name>_chunked/ index.html
                    data/manifest.json         {"format":"qce-modern-html-chunked","chat":{"name","type","selfUid","selfUin"},…}
                    data/chunks/c000001.js     window.__QCE_CHUNK__ && window.__QCE_CHUNK__({id:"c000001",messages:[
                                               {"id":"msg-7001","ts":1704067440000,"uid":"u_alice","name":"Alice","html":"<div …>"},
                                               …]});

V6 writes the same scripts into one page. `ts` is milliseconds. A field `text` is in lower case and cut, for searching; the words are in
`html`, as on the classic page.
"""

import json
import re
from collections.abc import Iterator
from itertools import chain

from clone_agent.importers.chats import Bubble, Chat
from clone_agent.importers.encoding import LONGEST_RECORD, find_encoding, text_pieces
from clone_agent.importers.format import HEAD_SIZE, Head, ReadOptions, Record
from clone_agent.importers.html_parts import tree_of
from clone_agent.importers.identity import chat_id
from clone_agent.importers.json_fields import Row, decode, row_in, text_in
from clone_agent.importers.qce_page import read_message
from clone_agent.importers.qq_pc_blocks import PLATFORM, group_chat_id
from clone_agent.importers.source import Source
from clone_agent.importers.stamps import read_time
from clone_agent.records import ChatKind, Kind, Skipped

CHUNK = re.compile(r"__QCE_CHUNK__\(\{\s*\"?id\"?\s*:\s*\"[^\"\n]{0,40}\"\s*,\s*\"?messages\"?\s*:\s*\[")
_BETWEEN = re.compile(r"[,\s]*")
_NEXT = re.compile(r'(?<=\}),\s*(?=\{\s*"id"\s*:)')  # in what people wrote the quotes are escaped
_DECODER = json.JSONDecoder()
_MARK_SIZE = 200  # characters in which the beginning of a chunk fits
_MANIFESTS = ("data/manifest.json", "data/manifest.js")
_CALL = re.compile(r"[^({]*\((?P<object>\{.*\})\)\s*;?\s*", re.S)
_KINDS = {"group": ChatKind.GROUP, "private": ChatKind.PRIVATE, "temp": ChatKind.PRIVATE, "friend": ChatKind.PRIVATE}
_MOST_MANIFEST = 1 << 24


def matches(head: Head) -> bool:
    """A folder with the viewer's manifest, or a chunk on its own."""
    if head.listing:
        return any(name in head.listing for name in _MANIFESTS)
    return head.text.lstrip()[:1] != "<" and CHUNK.search(head.text[:1000]) is not None


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message of every chunk."""
    if not source.is_folder:
        yield from read_scripts(source, options, _open_chat({}, source))
        return
    inside = (name.removeprefix(source.path) for name in source.tree.names if name.startswith(source.path))
    chunks = sorted(name for name in inside if name.startswith("data/chunks/") and name.endswith(".js"))
    chat = _open_chat(_manifest(source), source)
    for name in chunks:
        yield from read_scripts(source.inside(name), options, chat)


def read_scripts(source: Source, options: ReadOptions, chat: tuple[Chat, dict[str, str]]) -> Iterator[Record]:
    """Every message in the scripts of one file."""
    opened, numbers = chat
    with source.open() as stream:
        encoding = find_encoding(stream.read(HEAD_SIZE))
    with source.open() as stream:
        for number, row in enumerate(_rows(text_pieces(stream, encoding)), start=1):
            place = f"{source.name}#{number}"
            sent_at = read_time(row.get("ts"), options.timezone) if row is not None else None
            if row is None or sent_at is None:
                yield Skipped(source=place, reason="damaged, cannot be decoded" if row is None else "no time stamp")
                continue
            tree = tree_of(text_in(row.get("html")))
            message = tree.first("message") or tree
            bubble = read_message(message, sent_at, place)
            yield from opened.add(_with_sender(bubble, row, numbers))


def _with_sender(bubble: Bubble, row: Row, numbers: dict[str, str]) -> Bubble:
    """The message with the id that the row knows and the page does not show."""
    source_id = text_in(row.get("id")).removeprefix("msg-") or bubble.source_id
    if bubble.kind is Kind.SYSTEM:
        return bubble._replace(source_id=source_id)
    uid, name = text_in(row.get("uid")), text_in(row.get("name")) or bubble.sender_name
    return bubble._replace(sender=numbers.get(uid, uid) or f"name:{name}", sender_name=name, source_id=source_id)


def _rows(pieces: Iterator[str]) -> Iterator[Row | None]:
    """The objects of every chunk, None for one that is damaged."""
    text, is_inside = "", False
    for piece in chain(pieces, [""]):
        text += piece
        at = 0
        while True:
            if not is_inside:
                begin = CHUNK.search(text, at)
                at = begin.end() if begin is not None else max(at, len(text) - _MARK_SIZE)
                is_inside = begin is not None
                if begin is None:
                    break
            between = _BETWEEN.match(text, at)
            at = between.end() if between is not None else at
            if text[at : at + 1] == "]":
                is_inside = False
                continue
            try:
                value, at = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError):
                behind = _NEXT.search(text, at + 1)
                if behind is not None:  # a whole row follows, so this one is not just cut by the end of the piece
                    yield None
                    at = behind.end()
                    continue
                if piece and len(text) - at < LONGEST_RECORD:
                    break  # the rest of it comes with the next piece
                if at < len(text):
                    yield None
                if not piece:
                    return
                is_inside = False
                continue
            yield value if isinstance(value, dict) else None
        text = text[at:]


def _manifest(source: Source) -> Row:
    for name in _MANIFESTS:
        try:
            with source.inside(name).open() as stream:
                written = stream.read(_MOST_MANIFEST).decode("utf-8", "replace").strip()
            call = _CALL.fullmatch(written)
            return row_in(decode(call["object"] if call is not None and not written.startswith("{") else written))
        except (KeyError, ValueError, RecursionError):
            continue
    return {}


def _open_chat(manifest: Row, source: Source) -> tuple[Chat, dict[str, str]]:
    """The chat, and the owner's number by uid."""
    told = row_in(manifest.get("chat"))
    name, kind = text_in(told.get("name")), _KINDS.get(text_in(told.get("type")))
    uid, number = text_in(told.get("selfUid")), text_in(told.get("selfUin"))
    if not name:
        identity = chat_id(PLATFORM, "unnamed", source.stem)
    else:
        identity = chat_id(PLATFORM, "private", name) if kind is ChatKind.PRIVATE else group_chat_id(name)
    chat = Chat(PLATFORM, identity, name=name, kind=kind, owner=number or uid or None)
    return chat, {uid: number} if uid and number else {}
