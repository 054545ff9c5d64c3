"""Orders within a chat: 记住… and 忘掉…, "remember that …" and "forget …"."""

import re
from dataclasses import dataclass

_REMEMBER = re.compile(
    r"^\s*(?:(?:请|麻烦|帮我|你要|你)?\s*(?:记住|记一下|记下来|记着)[了]?[\s:：,，]*|(?:please\s+)?remember\b"
    r"(?!\s+(?:when|how|what|where|who|why|if|the\s+time|me|us|that\s+time)\b)(?:\s+that\b)?[\s:,]*)(?P<what>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_FORGET = re.compile(
    # A bare 忘记 mostly tells what somebody forgot: 忘记带钥匙了.
    r"^\s*(?:(?:请|麻烦|帮我|你)?\s*(?:忘掉|把)\s*|(?:请|麻烦|帮我)\s*忘记\s*|忘记\s*(?=关于|有关|所有|[「『《“\"]))(?P<what>.+)$"
    r"|^\s*(?:please\s+)?forget\s+(?:(?:everything\s+)?about\s+)?(?P<english>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_ABOUT = re.compile(
    r"^(?:关于|有关|所有|和|跟|与)+|(?:的)?(?:所有)?(?:聊天记录|聊天|记录|消息|一切|事情|事|话)$|(?:都)?忘(?:掉|记|了)(?:吧)?$|吧$"
)
_QUOTES = "「」『』“”\"'‘’《》 。.!！"
_QUESTION = re.compile(r"[?？]\s*$|(?:吗|呢|没有)\s*$")
# "Forget it" is a way of speaking, and whoever wants everything forgotten removes the data home.
_NOTHING = re.compile(
    r"it|this|that|these|those|me|you|him|her|them|us|everything|all|anything|一切|所有|[这那][些个事]|[我你他她它]们|自己", re.IGNORECASE
)
_PARTICLES = "了啦哦噢哈呀呢嘛吧。.!！~～ "
# The page's button says "确认忘掉" and "Yes, forget it".
_YES = frozenset({"确认", "确认忘掉", "确定", "是", "是的", "好", "好的", "忘掉", "忘掉吧", "yes", "yes, forget it", "y", "confirm", "ok"})


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
    if (found := _REMEMBER.match(text)) and (what := found["what"].strip()).strip(_PARTICLES):
        return Remember(what)
    if (found := _FORGET.match(text)) and _is_forget(text, wish := found["what"] or found["english"]):
        what = _bare(wish)
        return Forget(what) if len(what) > 1 and not _NOTHING.fullmatch(what) else None
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
