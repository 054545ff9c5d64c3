"""Bodies of WeChat's text exports: placeholders, quotes and notices told apart from the sender's own words.

    [图片]   【表情包】 挥手   [图片: a.jpg(请在附件中查看)]   ![图片](http://…)   [文件|报告.pdf](http://…)   [语音转文字] 到了
    好的[引用 小红：在吗]           WeFlow: the own words before the quote
    好的 / 引用:小红:在吗           MemoTrace: the quote on a line below; 引用：小红: 在吗 in its newer versions
    > 小红(wxid_red) 01-02 11:04:05 / > 在吗 / 好的      chatlog: the quote above
    「小红：在吗」 / - - - - - - - - / 好的               WeChat itself until 2019, in any tool's plain text

WeChat sends a picture by itself, so `[图片]哈哈` is typed text; `[微笑]` is one of its faces and belongs to the words.
"""

import re

from clone_agent.importers.body import Body
from clone_agent.importers.cleaning import clean_name
from clone_agent.importers.wechat_kinds import kind_of_name
from clone_agent.records import Kind

_WORDS = (
    "图片|照片|Photo|Image|视频|小视频|Video|语音|语音消息|语音转文字|Voice|表情|表情包|动画表情|自定义表情|GIF表情|Sticker|文件|File|链接|分享链接|分享|"
    "卡片|卡片式链接|卡片消息|图文消息|小程序|视频号|视频号直播|视频号名片|直播|音乐|音乐分享|笔记|收藏笔记|名片|个人名片|公众号名片|企业微信名片|位置|位置分享|"
    "位置共享|实时位置|共享实时位置|Location|聊天记录|合并转发|合并转发的聊天记录|合并转发聊天记录|转账|微信转账|发起转账|发起非实时转账|非实时转账收款|已收款|"
    "已退还|红包|微信红包|红包封面|语音通话|视频通话|音视频通话|通话|系统消息|拍一拍|群公告|接龙|引用消息"
    "|Picture|Emoji|Audio|Voice Message|Link|Mini Program|Music|Channels?|Channels Video|Note|(?:Contact|Name|Business) Card"
    "|Real-time Location|Chat History|(?:WeChat )?Transfer|(?:WeChat )?Red ?Packet|(?:Voice|Video|Audio) Call"
)
_PLACEHOLDER = re.compile(
    rf"!?(?:\[|【)(?P<word>{_WORDS})(?:(?P<mark>[|:：])(?P<inside>.{{0,2000}}?))?(?:\]|】)"
    r"(?P<rest>\((?:https?://|[\w./%-])[^\n]*\)|[\s:：].*|(?<=】).*|)",
    re.S | re.I,
)
_ALONE = frozenset({Kind.IMAGE, Kind.VIDEO, Kind.STICKER})  # nothing but a path or a description stands behind them
_SEE_MAIL = re.compile(r"\s*[(（]请在附件中查看[)）]\s*")
_NOTICE = re.compile(
    r"(?:你|\"[^\"\n]{1,60}\"|“[^”\n]{1,60}”|.{1,40}) ?撤回了一条消息(?: ?重新编辑)?|(?:我|你|\"[^\"\n]{1,60}\") ?拍了拍.{1,60}"
    r"|你已添加了.{1,60}，(?:现在|以上).{1,30}|以上是打招呼的(?:内容|消息)|.{1,80}(?:邀请.{1,200})?加入了?群聊.{0,20}|你将.{1,60}移出了?群聊"
    r"|.{1,60}修改群名为.{1,60}|.{1,60}退出了群聊|.{0,40}领取了.{1,40}的?红包.{0,20}"
)
_QUOTED = r"(?:[Yy]ou|[\"“][^\"“”\n]{1,60}[\"”])"  # who, in the sentences of WeChat in English
_ENGLISH_NOTICE = re.compile(
    r"(?:You(?: have|'ve)?|.{1,60}?(?: has)?) (?:recalled|withdrew|withdrawn) a message\.?(?: ?Re-?edit)?"
    rf"|{_QUOTED} invited .{{1,200}} to (?:the|a) group chat.{{0,80}}|{_QUOTED} joined (?:the|a) group chat.{{0,120}}"
    rf"|{_QUOTED} (?:removed {_QUOTED} from|left) the group chat\.?|{_QUOTED} changed the group name to .{{1,60}}"
    rf"|(?:I|{_QUOTED}) (?:tickled|nudged) (?:{_QUOTED}|myself|.{{1,20}}self).{{0,40}}"
    r"|You(?: have|'ve) added .{1,60} as your WeChat contact.{0,30}"
    rf"|{_QUOTED} opened .{{1,60}} Red Packet\.?|(?:Message sent|Request sent) but rejected by the receiver\.?",
    re.S,
)
_ENGLISH_WORD = re.compile("recalled|withdr|group|tickled|nudged|WeChat contact|Red Packet|rejected")
_NOTICE_LETTER = re.compile("[撤拍添招群红]")  # a text without any of these has none of the words below: most texts
_NOTICE_WORD = re.compile("撤回了|拍了拍|已添加了|打招呼|群聊|修改群名|红包")
_BELOW = re.compile(r"(?P<own>.*?)(?:^|\n)引用[:：](?:未知|(?P<name>[^:：\n]{0,60})[:：] ?(?P<quoted>.*))", re.S)
_BEHIND = re.compile(r"(?P<own>.*?)\[引用 (?:(?P<name>[^:：\[\]\n]{0,60})：)?(?P<quoted>.*)\]", re.S)
_OLD_QUOTE = re.compile(r"「(?:(?P<name>[^：:」\n]{0,60})[：:] ?)?(?P<quoted>.*?)」\s*\n\s*(?:[-—] ?){5,}\s*\n(?P<own>.*)", re.S)
_ABOVE = re.compile(r"(?P<quote>(?:> [^\n]*(?:\n|\Z))+)(?P<own>.*)", re.S)
_ABOVE_HEAD = re.compile(r"(?:.*\(.*\)|\S+) (?:\d{4}-)?(?:\d{2}-\d{2} )?\d{2}:\d{2}:\d{2}|\[引用\]")


def read_body(body: str) -> Body:
    """Kind and words of a cleaned body without a type beside it."""
    body = body.strip()
    if not body:
        return Body(Kind.UNKNOWN)
    found = _PLACEHOLDER.fullmatch(body) if body[0] in "![【" else None
    if found is not None:
        return _placeholder(found, body)
    return Body(Kind.SYSTEM, body) if is_notice(body) else Body(Kind.TEXT, body)


def read_quote(body: str) -> Body | None:
    """A reply with the quote below or behind the own words; None where there is no quote."""
    body = body.strip()
    if "引用" not in body:
        return None
    found = _BEHIND.fullmatch(body) or _BELOW.fullmatch(body)
    if found is None:
        return None
    own = found["own"].strip()
    return Body(Kind.REPLY if own else Kind.UNKNOWN, own, (found["quoted"] or "").strip())


def read_old_quote(text: str) -> Body | None:
    """A reply as WeChat wrote it into plain text until 2019; None where it is none."""
    found = _OLD_QUOTE.fullmatch(text) if text.startswith("「") else None
    if found is None:
        return None
    own = found["own"].strip()
    return Body(Kind.REPLY if own else Kind.UNKNOWN, own, found["quoted"].strip())


def read_quote_above(body: str) -> Body | None:
    """A reply with the quote in lines that begin with `> `; None where there is none or no head of a quote."""
    found = _ABOVE.fullmatch(body.strip("\n"))
    if found is None:
        return None
    lines = [line[2:] for line in found["quote"].splitlines()]
    if _ABOVE_HEAD.fullmatch(lines[0].strip()) is None:
        return None
    own = found["own"].strip()
    return Body(Kind.REPLY if own else Kind.UNKNOWN, own, "\n".join(lines[1:]).strip())


def is_notice(text: str) -> bool:
    """Whether a text is one of WeChat's own sentences: somebody took a message back, joined, patted."""
    if len(text) >= 400:
        return False
    if _NOTICE_LETTER.search(text) is not None and _NOTICE_WORD.search(text) is not None and _NOTICE.fullmatch(text) is not None:
        return True
    return " " in text and _ENGLISH_WORD.search(text) is not None and _ENGLISH_NOTICE.fullmatch(text) is not None


def described(body: str, kind: Kind) -> Body:
    """A body whose type is told: what remains of it beside the placeholder."""
    body = body.strip()
    if kind is Kind.TEXT:
        return Body(kind if body else Kind.UNKNOWN, body)
    if kind is Kind.SYSTEM:
        return Body(kind, body)
    if kind is Kind.REPLY:
        return read_quote(body) or Body(Kind.REPLY if body else Kind.UNKNOWN, body)
    found = _PLACEHOLDER.fullmatch(body)
    inside, rest = (found["inside"] or "", found["rest"]) if found else ("", body)
    shown = "" if rest.startswith("(") and found else rest.lstrip(" :：\n").strip()
    if kind is Kind.FILE:
        return Body(kind, attachments=_file_names(inside or (shown if found else "")))
    return Body(kind, quoted=inside.strip() or shown if kind in {Kind.CARD, Kind.FORWARD} else "", attachments=_media_names(kind, inside))


def _placeholder(found: re.Match[str], body: str) -> Body:
    kind = kind_of_name(found["word"])
    rest = found["rest"].strip()
    if kind in _ALONE and rest and not rest.startswith("(") and "【" not in body[:2]:
        return Body(Kind.TEXT, body)
    if kind is Kind.SYSTEM:
        return Body(kind, rest.lstrip(":： ") or body)
    return described(body, kind)


def _file_names(told: str) -> tuple[str, ...]:
    """A file's name; MemoTrace puts size, path and checksum behind it."""
    name = _SEE_MAIL.sub("", told)
    cut = re.match(r"(.+?) [\d.]+ ?[KMG]?B\b", name)
    name = clean_name(cut[1] if cut else name)
    return (name,) if name else ()


def _media_names(kind: Kind, inside: str) -> tuple[str, ...]:
    name = clean_name(_SEE_MAIL.sub("", inside))
    return (name,) if name and kind in {Kind.IMAGE, Kind.VIDEO, Kind.VOICE} else ()
