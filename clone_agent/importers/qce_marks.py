"""What QQ Chat Exporter writes into a text beside the words: the quote before a reply, and the names of files. Both may hold brackets.

[回复 Alice: 看[图片]]              the quote, then a line end
收到
[回复消息]收到[图片:a[1].png]       the newer dialect, whose marks have no blank before the name
"""

import re
from collections.abc import Iterable

from clone_agent.records import Kind

_BARE = "[回复消息]"
_HEAD = re.compile(r"\[回复(?:消息)?(?:\s[^:：\n]{0,80})?[:：]\s?")
_LONGEST_NAME = 100  # characters, with what stands around it
_BRACKET = re.compile(r"[\[\]]")
_FILES = {
    "图片": Kind.IMAGE,
    "动画表情": Kind.IMAGE,
    "语音": Kind.VOICE,
    "视频": Kind.VIDEO,
    "文件": Kind.FILE,
}


def split_quote(text: str, *, quoted: str = "") -> tuple[str, str]:
    """A reply's own words, and the quote that its text carries; the whole text where it carries none.

    Args:
        text: as exported.
        quoted: the quote where the export tells it elsewhere too; "" where it does not.
    """
    if text.startswith(_BARE):
        return text[len(_BARE) :].strip(), ""
    told = text.find(f": {quoted}]", 0, _LONGEST_NAME + len(quoted)) if quoted and text.startswith("[回复 ") else -1
    if told >= 0 and "\n" not in text[:told]:
        return text[told + len(quoted) + 3 :].strip(), quoted
    head = _HEAD.match(text)
    end = _end_of_quote(text) if head is not None else 0
    return (text[end:].strip(), text[head.end() : end - 1].strip()) if head is not None and end else (text, "")


def _end_of_quote(text: str) -> int:
    """Where the bracket that begins a text is closed; 0 where it is not.

    Brackets in a quote need not come in pairs, but behind the quote the line ends: so a bracket there counts for more than the first one
    that fits, unless it closes one of the reply's own.
    """
    depth = first = 0
    for found in _BRACKET.finditer(text):
        depth += 1 if found[0] == "[" else -1
        if depth > 0 or (depth == 0 and first):
            continue
        depth = 0
        if text.startswith("\n", found.end()):
            return found.end()
        first = first or found.end()
    return first or text.find("]\n") + 1


def without_files(text: str, names: Iterable[str]) -> tuple[str, list[Kind]]:
    """A text without the marks of the files with these names, and the kinds of the marks that were there."""
    kinds: list[Kind] = []
    for name in dict.fromkeys(name for name in names if name):
        for mark, kind in _FILES.items():
            for exact in (f"[{mark}: {name}]", f"[{mark}:{name}]"):
                kinds += [kind] * text.count(exact)
                text = text.replace(exact, "")
    return text, kinds
