"""WeFlow's text of one WeChat chat.

    2024-01-02 03:04:05 '我'                 local time, the name in quotes; the owner is 我, in groups the owner's own name
    hi
    第二行

    2024-01-02 03:05:06 '好友'
    好的[引用 我：hi
    第二行]                                   a reply's quote behind the own words

UTF-8, LF, a blank line after each message. What is no text is `[图片]`, `[链接] title`, `[语音转文字] transcript`.
"""

from collections.abc import Iterator

from clone_agent.importers.excerpts import Writer, writers_of
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.source import Source
from clone_agent.importers.wechat_bodies import read_body, read_quote
from clone_agent.importers.wechat_stamped_txt import Spoken, notice, read_stamped

_SYSTEM = frozenset({"系统消息", "系统", "System"})


def matches(head: Head) -> bool:
    """Stamped names in quotes."""
    return Writer.WEFLOW in writers_of(head.text)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message; the file is one conversation."""
    return read_stamped(source, options, _understand)


def _understand(name: str, body: str, is_speaker: bool) -> Spoken:
    if len(name) > 1 and name[0] == name[-1] == "'":
        name = name[1:-1].strip()
    elif not body.strip() or not is_speaker:
        return notice(name, body)
    if name in _SYSTEM or name.endswith("@chatroom"):
        return notice("", body)
    return Spoken(name, read_quote(body) or read_body(body))
