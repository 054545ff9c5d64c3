"""QQ Chat Exporter (QQNT), chunked JSONL: a folder (or a zip of it) with a manifest and the messages in pieces.

    <name>_chunked_jsonl/
        manifest.json          {"metadata":…,"chatInfo":…,"statistics":…,"chunked":{"chunks":[{"relativePath":…}]}}
        chunks/c000001.jsonl   one message a line; `qce_rows` tells what it looks like
        avatars.json

`statistics.senders` can be so large that `chunked` stands far into the manifest, and some versions leave it out: the chunks are then read
in the order of their names. The last line may lack its line end. A single chunk without its manifest is read too.
"""

import json
from collections.abc import Iterable, Iterator, Sequence

from clone_agent.importers.encoding import find_encoding, text_pieces
from clone_agent.importers.format import HEAD_SIZE, Head, ReadOptions, Record
from clone_agent.importers.json_lines import Undecoded, json_lines
from clone_agent.importers.json_stream import JsonStream
from clone_agent.importers.qce_chat import QceChat, Survey
from clone_agent.importers.qce_json import DAMAGED
from clone_agent.importers.qce_rows import read_row, speakers_of
from clone_agent.importers.source import Source
from clone_agent.records import Skipped

_MANIFEST = "manifest.json"
_CHUNKS = "chunks/"
_KEYS = ("metadata", "chatInfo", "chunked")


def matches(head: Head) -> bool:
    """A folder with the manifest and chunks, the manifest itself, or a chunk on its own."""
    if head.listing:
        return _MANIFEST in head.listing and any(name.startswith(_CHUNKS) for name in head.listing)
    text = head.text.lstrip()
    if head.name == _MANIFEST:
        return text.startswith("{") and '"chatInfo"' in text and '"messages"' not in text
    return _is_chunk_line(text.partition("\n")[0])


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message of every chunk that the manifest names."""
    if not source.is_folder and source.name != _MANIFEST:
        yield from _read_chunks([source], QceChat(_survey([source]), options=options, file=source.name, stem=source.stem))
        return
    folder = source if source.is_folder else source.parent()
    manifest = folder.inside(_MANIFEST)
    notices: list[Skipped] = []
    with manifest.open() as stream:
        encoding = find_encoding(stream.read(HEAD_SIZE))
    with manifest.open() as stream:
        facts = _facts(JsonStream(text_pieces(stream, encoding), name=manifest.name))
    chunks = list(_chunks(folder, facts.get("chunked"), notices))
    chat = QceChat(_survey(chunks), options=options, file=folder.name, stem=folder.name)
    chat.take_info(facts.get("chatInfo"))
    yield from chat.take_metadata(facts.get("metadata"))
    yield from notices
    yield from _read_chunks(chunks, chat)


def _facts(parts: JsonStream) -> dict[str, object]:
    facts: dict[str, object] = {}
    for key in parts.members(anchors=_KEYS):
        if key in _KEYS:
            facts[key] = parts.value_or_none()
        else:
            parts.skip()
    return facts


def _chunks(folder: Source, chunked: object, notices: list[Skipped]) -> Iterator[Source]:
    """The chunks in the manifest's order, then those that it does not know, in the order of their names."""
    present = sorted(name for name in folder.listing() if name.startswith(_CHUNKS) and name.endswith((".jsonl", ".json", ".ndjson")))
    listed = chunked.get("chunks") if isinstance(chunked, dict) else None
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    for entry in entries:
        path = entry.get("relativePath") or f"{_CHUNKS}{entry.get('fileName')}"
        name = str(path).replace("\\", "/").removeprefix("./")
        if name in present:
            present.remove(name)
            yield folder.inside(name)
        else:
            notices.append(Skipped(source=folder.name, reason="a chunk that the manifest names is missing"))
    yield from (folder.inside(name) for name in present)


def _survey(chunks: Iterable[Source]) -> Survey:
    survey = Survey()
    for chunk in chunks:
        survey.add(chunk)
    return survey


def _read_chunks(chunks: Sequence[Source], chat: QceChat) -> Iterator[Record]:
    chat.take_speakers(speakers_of((row for chunk in chunks for _, row in json_lines(chunk)), chat))
    yield chat.conversation
    for chunk in chunks:
        chat.file, chat.row = chunk.name, 0
        for chat.row, row in json_lines(chunk):
            if isinstance(row, Undecoded):
                yield Skipped(source=f"{chat.file}#{chat.row}", reason=DAMAGED)
            else:
                yield from read_row(row, chat)


def _is_chunk_line(line: str) -> bool:
    if not line.startswith('{"') or '"timestamp"' not in line:
        return False
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and isinstance(row.get("sender"), dict) and isinstance(row.get("content"), dict)
