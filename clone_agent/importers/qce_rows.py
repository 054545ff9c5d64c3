"""One message of QQ Chat Exporter, in every shape that it was written in.

    {"id":"7400","seq":"1006","timestamp":1704067440000,"time":"2024-01-01 08:04:00",
     "sender":{"uid":"u_alice","uin":"11111","name":"群名片","nickname":"Alice","groupCard":"群名片","title":"龙王"},
     "type":"type_3","content":{"text":"[回复 Alice: 原话] 收到","elements":[…],"resources":[],"mentions":[]},
     "recalled":false,"system":false}

Two dialects of `elements`. With `type_N` the first element repeats the whole `content.text`, placeholders and all; with word types
(`text`, `reply`, `image` …) the text elements are pure. Early V4 writes `messageId`, an ISO `timestamp`, `isSystemMessage`, `isRecalled`
and `rawMessage`; V2 and V3 only `id`, `time`, `sender` and `content` as strings.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from clone_agent.importers.cleaning import clean, clean_name
from clone_agent.importers.new_message import new_message
from clone_agent.importers.qce_chat import NOBODY, QceChat
from clone_agent.importers.qce_marks import split_quote, without_files
from clone_agent.importers.stamps import read_time
from clone_agent.message_ids import second_of
from clone_agent.records import Conversation, Kind, Message, Skipped

Row = dict[str, Any]  # somebody's JSON; every field is checked where it is used

_SYSTEM = ("name:系统消息", "系统消息")
_TYPES = {
    "type_6": Kind.VOICE,
    "type_7": Kind.VIDEO,
    "type_8": Kind.FILE,
    "type_11": Kind.FORWARD,
    "type_17": Kind.STICKER,
    "image": Kind.IMAGE,
    "audio": Kind.VOICE,
    "voice": Kind.VOICE,
    "video": Kind.VIDEO,
    "file": Kind.FILE,
    "forward": Kind.FORWARD,
    "json": Kind.CARD,
    "location": Kind.LOCATION,
    "system": Kind.SYSTEM,
    "face": Kind.STICKER,
    "market_face": Kind.STICKER,
}
_ELEMENTS = {
    "image": Kind.IMAGE,
    "face": Kind.STICKER,
    "market_face": Kind.STICKER,
    "audio": Kind.VOICE,
    "voice": Kind.VOICE,
    "video": Kind.VIDEO,
    "file": Kind.FILE,
    "forward": Kind.FORWARD,
    "json": Kind.CARD,
    "markdown": Kind.CARD,
    "location": Kind.LOCATION,
}
_WORDLESS = frozenset({Kind.FORWARD, Kind.CARD, Kind.LOCATION})  # what stands in their text is a placeholder or somebody else's
_PLAIN_TYPES = frozenset({"type_1", "text"})
_REPLY_TYPES = frozenset({"type_3", "reply"})
_PLACEHOLDERS = {
    Kind.IMAGE: r"\[(?:图片|动画表情)(?:[:：][^\]\n]*)?\]",
    Kind.VOICE: r"\[语音(?:[:： ][^\]\n]*)?\]",
    Kind.VIDEO: r"\[视频(?:[:：][^\]\n]*)?\]",
    Kind.FILE: r"\[文件(?:[:：][^\]\n]*)?\]",
    Kind.STICKER: r"\[\[[^\[\]\n]{1,16}\]\]|\[(?:表情|商城表情)[^\[\]\n]{0,20}\]",
    Kind.FORWARD: r"\[合并转发[:：][^\]]*\](?:\"?/?></msg>\])?",
    Kind.CARD: r"\[(?:卡片消息|JSON消息|Markdown消息)(?:[:：][^\]\n]*)?\]",
    Kind.LOCATION: r"\[位置(?:消息)?(?:[:：][^\]\n]*)?\]",
}
_ANY_PLACEHOLDER = {kind: re.compile(pattern, re.S) for kind, pattern in _PLACEHOLDERS.items()}
_LONE = re.compile(
    r"\[(?:图片|动画表情|视频|文件|语音)(?:[:：] ?|\s)[^\]\n]+\]|\[合并转发[:：] ?\d+条\]|\[卡片消息[:：][^\]\n]+\]|\[JSON消息\]"
)
_EMPTY = re.compile(r"\[(?:无文本内容|系统消息|表情消息|\w+消息)\]")


def read_row(row: object, chat: QceChat) -> Iterator[Conversation | Message | Skipped]:
    """The message of a row; before it the conversation where a new sender changes what is known of it."""
    source = f"{chat.file}#{chat.row}"
    if not isinstance(row, dict):
        yield Skipped(source=source, reason="no message")
        return
    time = _time(row, chat)
    if time is None:
        yield Skipped(source=source, reason="no time stamp")
        return
    if _is_system(row):
        yield _message(row, chat, time, sender=_SYSTEM, content=_system_content(row), source=source)
        return
    sender = _sender(row, chat)
    if (better := chat.meet(sender[0])) is not None:
        yield better
    yield _message(row, chat, time, sender=sender, content=_read_content(row, chat), source=source)


def speakers_of(rows: Iterable[object], chat: QceChat) -> Iterator[tuple[str, frozenset[str]]]:
    """Who wrote each row that somebody wrote: the id and all names. Nothing inside of rows counts."""
    for row in rows:
        if isinstance(row, dict) and not _is_system(row):
            fields = _dict(row.get("sender"))
            names = (_text(fields.get(key)).strip() for key in ("name", "remark", "nickname"))
            yield _sender(row, chat)[0], frozenset(name for name in names if name)


class _Content(NamedTuple):
    """What a row says."""

    kind: Kind
    text: str
    quoted: str = ""
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()


def _message(row: Row, chat: QceChat, time: tuple[datetime, int], *, sender: tuple[str, str], content: _Content, source: str) -> Message:
    source_id = _text(row.get("id") or row.get("messageId")) or None
    kind, text, quoted, reply_to, mentions, attachments = content
    return new_message(
        chat.ids.next(sender[0], time[1], kind, text, source_id),
        chat.conversation.id,
        *sender,
        time[0],
        kind,
        text,
        quoted,
        reply_to,
        source_id,
        mentions,
        attachments,
        source,
    )


def _system_content(row: Row) -> _Content:
    content = row.get("content")
    written = content.get("text") if isinstance(content, dict) else content
    return _Content(Kind.SYSTEM, clean(_text(written)).strip())


def _read_content(row: Row, chat: QceChat) -> _Content:
    raw = row.get("content")
    content: Row = raw if isinstance(raw, dict) else {"text": _text(raw)}
    is_recalled = _flag(row.get("recalled", row.get("isRecalled"))) and not chat.are_flags_broken
    if len(content) == 1 and "type" not in row and isinstance(content.get("text"), str) and "[" not in content["text"]:
        words = clean(content["text"]).strip()  # a row of a text export: without a bracket it is plain words
        if words:
            return _Content(Kind.RECALL if is_recalled else Kind.TEXT, words)
    if _is_plain(row, content):
        words = clean(content["text"]).strip()
        if words and _EMPTY.fullmatch(words) is None and _LONE.fullmatch(words) is None:
            return _Content(Kind.RECALL if is_recalled else Kind.TEXT, words)
    elements = [(str(one.get("type")), _dict(one.get("data"))) for one in _list(content.get("elements")) if isinstance(one, dict)]
    kind, words = _kind_and_words(row, content, elements)
    reply_to, quoted = _quote(content, elements)
    if is_recalled:
        kind = Kind.RECALL
    elif kind is Kind.REPLY and not words:
        kind = Kind.UNKNOWN
    return _Content(kind, words, quoted, reply_to, _mentions(content, elements, chat), _attachments(content, elements))


def _is_plain(row: Row, content: Row) -> bool:
    """Whether a row is nothing but text: most are, and need no closer look."""
    elements = content.get("elements")
    if row.get("type") not in _PLAIN_TYPES or not isinstance(elements, list) or len(elements) != 1:
        return False
    has_more = content.get("resources") or content.get("mentions") or content.get("reply")
    return not has_more and elements[0] == {"type": "text", "data": {"text": content.get("text")}} and isinstance(content.get("text"), str)


def _time(row: Row, chat: QceChat) -> tuple[datetime, int] | None:
    """When, and the same in seconds since 1970: from the epoch field; from the local `time` only where there is nothing better."""
    stamp = row.get("timestamp")
    if isinstance(stamp, str) and re.fullmatch(r"-?\d{9,14}", stamp):
        stamp = int(stamp)
    try:
        if isinstance(stamp, int | float) and not isinstance(stamp, bool) and stamp:
            seconds = stamp / 1000 if abs(stamp) >= 10**11 else stamp
            return datetime.fromtimestamp(seconds, chat.timezone), int(seconds // 1)
        written = stamp if isinstance(stamp, str) and stamp else row.get("time")
        if isinstance(written, str) and written:
            moment = read_time(written.strip().replace("/", "-"), chat.timezone)
            return (moment, second_of(moment)) if moment is not None else None
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _is_system(row: Row) -> bool:
    if _flag(row.get("system", row.get("isSystemMessage"))) or row.get("type") == "system":
        return True
    sender = row.get("sender")
    return isinstance(sender, dict) and sender.get("uid") == "未知" and _text(sender.get("uin")) in NOBODY


def _sender(row: Row, chat: QceChat) -> tuple[str, str]:
    """Id and shown name. A person's number is known from other rows where this one lacks it."""
    written = row.get("sender")
    if not isinstance(written, dict) or "rawMessage" in row:
        return _read_sender(written, _dict(row.get("rawMessage")), chat)
    try:
        key = tuple(written.items())
        known = chat.senders.get(key)
    except TypeError:  # a list or an object where a name should be
        return _read_sender(written, {}, chat)
    return known or chat.remember(key, _read_sender(written, {}, chat))


def _read_sender(sender: object, raw: Row, chat: QceChat) -> tuple[str, str]:
    if isinstance(sender, str):
        name = clean_name(sender)
        return f"name:{name}", name
    fields = _dict(sender)
    uid, number = _known(fields.get("uid"), raw.get("senderUid")), _known(fields.get("uin"), raw.get("senderUin"))
    names = (fields.get("groupCard"), fields.get("remark"), fields.get("nickname"), raw.get("sendMemberName"), raw.get("sendNickName"))
    name = clean_name(_known(*names, fields.get("name")))
    number = chat.numbers.get(uid, number)
    if number or uid:
        return number or uid, name
    return f"name:{name}", name


def _kind_and_words(row: Row, content: Row, elements: list[tuple[str, Row]]) -> tuple[Kind, str]:
    written = _text(content.get("text"))
    told = str(row.get("type", ""))
    kinds = [_ELEMENTS[name] for name, _ in elements if name in _ELEMENTS]
    kinds += [_ELEMENTS[name] for one in _list(content.get("resources")) if (name := str(_dict(one).get("type"))) in _ELEMENTS]
    if not kinds and told in _TYPES:
        kinds = [_TYPES[told]]  # some exports leave the elements out
    elif not kinds and _LONE.fullmatch(written.strip()) is not None:
        kinds = [kind for kind, placeholder in _ANY_PLACEHOLDER.items() if placeholder.search(written)]
    if told == "error":
        return Kind.UNKNOWN, ""  # the exporter says here that it could not read the message
    if told in {"type_17", "market_face"}:
        return Kind.STICKER, ""
    if any(kind in _WORDLESS for kind in kinds) or _TYPES.get(told) in _WORDLESS:
        return next((kind for kind in kinds if kind in _WORDLESS), _TYPES.get(told, Kind.UNKNOWN)), ""
    first = next((_text(data.get("text")) for name, data in elements if name == "text"), None)
    is_reply = told in _REPLY_TYPES or any(name == "reply" for name, _ in elements) or bool(_dict(content.get("reply")))
    repeats = first == written and (len(elements) > 1 or told.startswith("type_"))
    if elements and not repeats:
        words = "".join(_element_words(name, data) for name, data in elements)
    elif elements and len(elements) == 1 and not is_reply and not kinds:
        words = written
    else:
        words = _without_placeholders(written, content, elements, kinds, is_reply=is_reply)
    words = clean(words).strip()
    if _EMPTY.fullmatch(words):
        words = ""
    if words:
        return (Kind.REPLY if is_reply else Kind.TEXT), words
    if not kinds:
        kinds = [kind for kind, placeholder in _ANY_PLACEHOLDER.items() if placeholder.search(written)]
    default = _TYPES.get(told, Kind.REPLY if is_reply else Kind.UNKNOWN)
    return next((kind for kind in kinds if kind is not Kind.STICKER), kinds[0] if kinds else default), ""


def _element_words(name: str, data: Row) -> str:
    if name == "text":
        return _text(data.get("text"))
    if name == "at":
        return "@" + _text(data.get("name")).removeprefix("@")
    return ""


def _without_placeholders(written: str, content: Row, elements: list[tuple[str, Row]], kinds: list[Kind], *, is_reply: bool) -> str:
    """The words of a text that holds a placeholder for each element; all kinds of placeholders when nobody says which."""
    if is_reply:
        written, _ = split_quote(written, quoted=_text(_replied_to(content, elements).get("content")))
    written, _ = without_files(written, _files(content, elements))
    for name, data in elements:
        if name in {"face", "market_face"} and (face := _text(data.get("name"))):
            marked = next((one for one in (f"[[{face}]]", f"[{face}]") if one in written), face)
            written = written.replace(marked, "", 1)
    for kind in dict.fromkeys(kinds or (() if elements else _ANY_PLACEHOLDER)):
        written = _ANY_PLACEHOLDER[kind].sub("", written)
    return written


def _replied_to(content: Row, elements: list[tuple[str, Row]]) -> Row:
    return next((data for name, data in elements if name == "reply"), None) or _dict(content.get("reply"))


def _quote(content: Row, elements: list[tuple[str, Row]]) -> tuple[str | None, str]:
    """The message replied to, and other people's words that came along."""
    if reply := _replied_to(content, elements):
        target = _text(reply.get("referencedMessageId") or reply.get("messageId"))
        return target or None, clean(_text(reply.get("content"))).strip()
    for name, data in elements:
        if name == "forward":
            return None, _passed_on(data)
        if name == "json":
            return None, clean(_text(data.get("title")))
    return None, ""


def _passed_on(data: Row) -> str:
    """The lines of a forward: its messages where they are kept, else what the card shows of them."""
    inside = [(_dict(one.get("sender")), _dict(one.get("content"))) for one in _list(data.get("messages")) if isinstance(one, dict)]
    said = [(_text(sender.get("name")), _text(content.get("text"))) for sender, content in inside]
    lines = [f"{name}: {words}" if name else words for name, words in said if words]
    lines = lines or [one for one in _list(data.get("preview")) if isinstance(one, str)] or [_text(data.get("title"))]
    return clean("\n".join(lines)).strip()


def _mentions(content: Row, elements: list[tuple[str, Row]], chat: QceChat) -> tuple[str, ...]:
    found = [data for name, data in elements if name == "at"] or [_dict(one) for one in _list(content.get("mentions"))]
    uids = [(_known(one.get("uid")), clean_name(_text(one.get("name")))) for one in found]
    return tuple(dict.fromkeys(chat.numbers.get(uid, uid) or name for uid, name in uids if uid or name)) if uids else ()


def _attachments(content: Row, elements: list[tuple[str, Row]]) -> tuple[str, ...]:
    return tuple(map(clean_name, _files(content, elements)))


def _files(content: Row, elements: list[tuple[str, Row]]) -> list[str]:
    """The names of the files of a row, as written."""
    named = [data for name, data in elements if name in {"image", "video", "audio", "file"}]
    named = named or [_dict(one) for one in _list(content.get("resources"))]
    return [name for one in named if (name := _text(one.get("filename") or one.get("localPath")))]


def _flag(value: object) -> bool:
    return value.strip().lower() not in {"", "0", "false"} if isinstance(value, str) else bool(value)


def _known(*values: object) -> str:
    return next((text for value in values if (text := _text(value).strip()) not in NOBODY), "")


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _dict(value: object) -> Row:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
