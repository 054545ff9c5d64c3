"""What a WeChat message is, by the name or the number that the tools give its type.

Numbers are those of WeChat's own database: the low 32 bits are the type, the high 32 bits (WeChat 4) or a column of its own (WeChat 3) are
the sub-type of an app message (type 49). Android adds flags above the low 16 bits of app messages.
"""

import re

from clone_agent.records import Kind

APP = 49
_TYPES = {
    1: Kind.TEXT,
    3: Kind.IMAGE,
    34: Kind.VOICE,
    37: Kind.SYSTEM,
    42: Kind.CARD,
    43: Kind.VIDEO,
    47: Kind.STICKER,
    48: Kind.LOCATION,
    50: Kind.CALL,
    53: Kind.CALL,
    62: Kind.VIDEO,
    64: Kind.CALL,
    65: Kind.SYSTEM,
    66: Kind.CARD,
    10000: Kind.SYSTEM,
    10002: Kind.SYSTEM,
    11000: Kind.SYSTEM,
    1048625: Kind.STICKER,
    419430449: Kind.TRANSFER,
    436207665: Kind.RED_PACKET,
    469762097: Kind.RED_PACKET,
    822083633: Kind.REPLY,
    922746929: Kind.SYSTEM,
    -1879048186: Kind.LOCATION,
    -1879048185: Kind.CARD,
}
_APPS = {
    1: Kind.CARD,
    6: Kind.FILE,
    8: Kind.STICKER,
    17: Kind.LOCATION,
    19: Kind.FORWARD,
    40: Kind.FORWARD,
    57: Kind.REPLY,
    62: Kind.SYSTEM,
    74: Kind.FILE,
    87: Kind.SYSTEM,
    2000: Kind.TRANSFER,
    2001: Kind.RED_PACKET,
    2003: Kind.RED_PACKET,
}
_NAMES = (
    (re.compile("引用|回复|^quote$|^reply$", re.I), Kind.REPLY),
    (re.compile("转发|聊天记录|^(?:forward|chat history)$", re.I), Kind.FORWARD),
    (re.compile("表情|GIF|^sticker$|^emoji$", re.I), Kind.STICKER),
    (
        re.compile(
            "小程序|链接|公众号|名片|卡片|视频号|音乐|分享|图文|笔记|接龙|收藏"
            "|^(?:link|share|music|note|mini program|channels?(?: video)?|(?:\\w+ )?card)$",
            re.I,
        ),
        Kind.CARD,
    ),
    (re.compile("文本|文字|^text$", re.I), Kind.TEXT),
    (re.compile("图片|照片|^(?:image|photo|picture)$", re.I), Kind.IMAGE),
    (re.compile("通话|^(?:voip|call|(?:voice|video|audio) call)$", re.I), Kind.CALL),
    (re.compile("语音|^(?:voice|audio|voice message)$", re.I), Kind.VOICE),
    (re.compile("视频|^video$", re.I), Kind.VIDEO),
    (re.compile("文件|^file$", re.I), Kind.FILE),
    (re.compile("位置|^(?:real-time )?location$", re.I), Kind.LOCATION),
    (re.compile("红包|^(?:wechat )?red.?packet$", re.I), Kind.RED_PACKET),
    (re.compile("转账|收款|退还|^(?:wechat )?transfer$", re.I), Kind.TRANSFER),
    (re.compile("系统|拍一拍|撤回|添加好友|打招呼|公告|邀请|通知|^system$", re.I), Kind.SYSTEM),
)
# Some tools' names hold two kinds: 红包卡片, 转账卡片, 位置分享, 语音转文字.
_BEFORE_CARDS = (
    (re.compile("红包"), Kind.RED_PACKET),
    (re.compile("转账"), Kind.TRANSFER),
    (re.compile("位置"), Kind.LOCATION),
    (re.compile("通话"), Kind.CALL),
    (re.compile("语音"), Kind.VOICE),
)
_UNKNOWN_NUMBER = re.compile(r"(?:未知|其他|unknown)\D*(\d{1,20})\D*", re.I)


def kind_of_name(name: str) -> Kind:
    """The kind behind a type's name in any of the tools' languages: 文本消息, 引用回复, sticker, 未知类型(42)."""
    if (numbered := _UNKNOWN_NUMBER.fullmatch(name.strip())) is not None:
        return kind_of_number(int(numbered[1]))
    told = name.strip()
    return next((kind for pattern, kind in (*_BEFORE_CARDS, *_NAMES) if pattern.search(told)), Kind.UNKNOWN)


def kind_of_number(number: int, sub_type: int = 0) -> Kind:
    """The kind behind a type's number, with or without the sub-type in its high bits."""
    if number in _TYPES:
        return _TYPES[number]
    if number > 0xFFFFFFFF:
        number, sub_type = number & 0xFFFFFFFF, number >> 32
        if number in _TYPES:
            return _TYPES[number]
    if number == APP:
        return _APPS.get(sub_type, Kind.CARD)
    return Kind.CARD if number & 0xFFFF == APP else Kind.UNKNOWN
