"""Orders within a chat: 记住… and 忘掉…, "remember that …" and "forget …"."""

import re
from dataclasses import dataclass

_REMEMBER = re.compile(
    r"^\s*(?:(?:请|麻烦|帮我|你要|你)?\s*(?:记住|记一下|记下来|记着)[了]?[\s:：,，]*|(?:please\s+)?remember\b"
    r"(?!\s+(?:when|how|what|where|who|why|if|the\s+time|me|us|that\s+time)\b)(?:\s+that\b)?[\s:,]*)(?P<what>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_FORGET = re.compile(
    r"^\s*(?:(?:请|麻烦|帮我|你)?\s*(?:忘掉|忘记|把)\s*|(?:please\s+)?forget\s+(?:(?:everything\s+)?about\s+)?)(?P<what>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_ABOUT = re.compile(
    r"^(?:关于|有关|所有|和|跟|与)+|(?:的)?(?:所有)?(?:聊天记录|聊天|记录|消息|一切|事情|事|话)$|(?:都)?忘(?:掉|记|了)(?:吧)?$|吧$"
)
_QUOTES = "「」『』“”\"'‘’《》 。.!！"
_QUESTION = re.compile(r"[?？]\s*$|(?:吗|呢|没有)\s*$")
_YES = frozenset({"确认", "确定", "是", "是的", "好", "好的", "忘掉", "忘掉吧", "yes", "y", "confirm", "ok"})


@dataclass(frozen=True, slots=True)
class Remember:
    """The visitor wants something kept."""

    what: str


@dataclass(frozen=True, slots=True)
class Forget:
    """The visitor wants something forgotten: a person's or a chat's name, or words."""

    what: str


def read_order(text: str) -> Remember | Forget | None:
    """The order that a line of a chat gives; None for ordinary talk. A question is never an order."""
    if _QUESTION.search(text):
        return None
    if (found := _REMEMBER.match(text)) and (what := found["what"].strip()):
        return Remember(what)
    if (found := _FORGET.match(text)) and _is_forget(text, found["what"]) and len(what := _bare(found["what"])) > 1:
        return Forget(what)
    return None


def is_consent(text: str) -> bool:
    """Whether a line agrees to what was just asked."""
    return text.strip().strip("。.!！").lower() in _YES


def _is_forget(text: str, what: str) -> bool:
    """「把…忘掉」 is an order, 「把门关上」 is none."""
    return not re.match(r"^\s*(?:请|麻烦|帮我|你)?\s*把", text) or bool(re.search(r"忘(?:掉|记|了)(?:吧)?\W*$", what))


def _bare(what: str) -> str:
    what = what.strip(_QUOTES)
    while (shorter := _ABOUT.sub("", what).strip(_QUOTES)) != what and shorter:
        what = shorter
    return what
