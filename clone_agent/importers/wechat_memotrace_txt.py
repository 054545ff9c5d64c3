"""MemoTrace's (WeChatMsg's) text of one WeChat chat.

    2024-01-02 11:04:05 小红                 local time, the name shown; the owner is 我, 你 in older versions, or by name
    你好                                     body, may hold blank lines; ends with a blank line
    第二行

    2024-01-02 11:05:06 我
    好的
    引用:小红:你好                            a reply's quote, 引用：小红: 你好 in newer versions, 引用:未知 where it is lost

    2024-01-02 11:05:20 你撤回了一条消息       the program's lines stand where a name stands

UTF-8; CRLF where it was written on Windows. What is no text is `[图片]`, in newer versions `【图片】`, `【文件】name size …`. The file lies
in `聊天记录/小红(wxid_red)/`. An excerpt of QQ without numbers looks the same: `excerpts` tells when the user has to be asked.
"""

from collections.abc import Iterator

from clone_agent.importers.excerpts import Writer, writers_of
from clone_agent.importers.format import Head, ReadOptions, Record
from clone_agent.importers.source import Source
from clone_agent.importers.wechat_bodies import is_notice, read_body, read_quote
from clone_agent.importers.wechat_chat import SYSTEM
from clone_agent.importers.wechat_stamped_txt import Spoken, notice, read_stamped


def matches(head: Head) -> bool:
    """Stamped names without numbers; QQ's reader claims the same file where nothing tells them apart."""
    return Writer.MEMOTRACE in writers_of(head.text)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Every message; the file is one conversation."""
    return read_stamped(source, options, _understand)


def _understand(name: str, body: str, is_speaker: bool) -> Spoken:
    """A name with nothing below it is the program's line, unless somebody of this name speaks elsewhere."""
    if (not body.strip() and (is_notice(name) or not is_speaker)) or name in {"系统消息", SYSTEM}:
        return notice("" if name == "系统消息" else name, body)
    return Spoken(name, read_quote(body) or read_body(body))
