"""Bodies of QQ PC exports: what kind of message it is, and which of it are the sender's own words.

Pictures and faces stand in the text as `[图片]` and `[表情]`, old faces with their names; red packets, flash pictures and new faces are
only a hint to use the phone; calls and file transfers are sentences of the program under the sender's name.
"""

import re

from clone_agent.records import Kind

_PLACEHOLDERS = {
    "图片": Kind.IMAGE,
    "闪照": Kind.IMAGE,
    "表情": Kind.STICKER,
    "动画表情": Kind.STICKER,
    "自定义表情": Kind.STICKER,
    "语音": Kind.VOICE,
    "语音消息": Kind.VOICE,
    "视频": Kind.VIDEO,
    "短视频": Kind.VIDEO,
    "文件": Kind.FILE,
    "位置": Kind.LOCATION,
    "红包": Kind.RED_PACKET,
    "QQ红包": Kind.RED_PACKET,
    "动作消息": Kind.UNKNOWN,
    "戳一戳": Kind.UNKNOWN,
    "窗口抖动": Kind.UNKNOWN,
}
_FACES = (
    r"微笑|撇嘴|色|发呆|得意|流泪|害羞|闭嘴|睡|大哭|尴尬|发怒|调皮|呲牙|惊讶|难过|酷|冷汗|抓狂|吐|偷笑|可爱|白眼|傲慢|饥饿|困|"
    r"惊恐|流汗|憨笑|大兵|悠闲|奋斗|咒骂|疑问|嘘|晕|折磨|衰|骷髅|敲打|再见|擦汗|抠鼻|鼓掌|糗大了|坏笑|左哼哼|右哼哼|哈欠|鄙视|"
    r"委屈|快哭了|阴险|亲亲|吓|可怜|菜刀|西瓜|啤酒|篮球|乒乓|咖啡|饭|猪头|玫瑰|凋谢|示爱|爱心|心碎|蛋糕|闪电|炸弹|刀|足球|瓢虫|"
    r"便便|月亮|太阳|礼物|拥抱|强|弱|握手|胜利|抱拳|勾引|拳头|差劲|爱你|NO|OK|爱情|飞吻|跳跳|发抖|怄火|转圈|磕头|回头|跳绳|"
    r"挥手|激动|街舞|献吻|左太极|右太极|双喜|鞭炮|灯笼|发财|K歌|购物|邮件|帅|喝彩|祈祷|爆筋|棒棒糖|喝奶|下面|香蕉|飞机|开车|"
    r"高铁左车头|车厢|高铁右车头|多云|下雨|钞票|熊猫|灯泡|风车|闹钟|打伞|彩球|钻戒|沙发|纸巾|药|手枪|青蛙|茶|眨眼睛|泪奔|无奈|"
    r"卖萌|小纠结|喷血|斜眼笑|doge|惊喜|骚扰|笑哭|我最美|河蟹|羊驼|幽灵|蛋|菊花|托腮|拜谢|捂脸|吃瓜|呵呵|惊呆|嘿哈|加油|机智|"
    r"奸笑|耶"
)
_PLACEHOLDER = re.compile(rf"\[({'|'.join(_PLACEHOLDERS)}|{_FACES})\]")
_TEXT, _UNKNOWN = Kind.TEXT, Kind.UNKNOWN  # to look up a member of an enumeration takes as long as a call
_MARKED = re.compile(r"[\[Q音频您撤件包抖话]")  # a body without any of these is plain words
_MAY_BE_BOILERPLATE = re.compile(r"[Q音频您撤件包抖话]|自动")
_ALONE = {f"[{name}]": (kind, "") for name, kind in _PLACEHOLDERS.items()}  # most bodies that have a mark at all

_HINT = re.compile(
    r"\[([^\[\]\n]{1,16})\]\s*(?:我发了一个.{0,40})?请(?:使用|升级|用|更新|在).{0,12}QQ.{0,12}(?:查收|查看|体验|版本|领取|接收).{0,16}",
    re.S,
)
_RED_PACKET = re.compile(
    r"(?=.*(?:请使用|查收))(?:\[[^\[\]\n]{1,16}\])?\s*(?:我发了一个[“\"].{0,12}红包[”\"]|恭喜发财).{0,40}QQ.{0,20}", re.S
)
# Whole forms of the program alone: people talk of calls, files and what was taken back in the same words.
_DOCUMENT = r"(?:的|你|对方|您)?(?:发送|发出|传送)?的?(?:离线|在线)?文件夹?(?:[\s“\"（(:：，。].{0,300})?"
_FILE = re.compile(
    rf"(?:\[图片\]\s*(?:对方已|你已|您已|成功|取消).{{0,20}}文件.{{0,300}}|对方已成功(?:接收|发送)了?{_DOCUMENT}"
    rf"|[你您]已(?:成功)?(?:下载|接收|取消|发送|拒绝)了?{_DOCUMENT}|(?:成功|取消)(?:接收|发送|存入){_DOCUMENT})",
    re.S,
)
_CLOCK = r"(?:\d{1,2}[:：])?\d{2}[:：]\d{2}"
_LENGTH = rf"(?:{_CLOCK}|(?=\d)(?:\d{{1,2}} ?小时)?(?:\d{{1,2}} ?分钟?)?(?:\d{{1,2}} ?秒)?)"
_END_OF_CALL = (
    rf"(?:(?:通话)?时长[:：]? ?{_LENGTH}|(?:对方)?(?:已取消|已拒绝|未接听|无应答|忙线中?)|已?中断|已结束|已?结束 ?{_LENGTH}| ?{_CLOCK})"
)
_CALL = re.compile(
    r"(?:\[图片\])?\s*(?:"
    r"(?:(?:对方|[你您])?已(?:取消|拒绝|挂断|结束)|对方(?:取消|拒绝|挂断|结束)|(?:对方)?(?:未接听|无应答|忙线中?))了?(?:你的|您的|对方的)?"
    rf"[，, ]?(?:语音|视频)(?:通话|聊天)(?:请求|邀请)?(?:[，, ]?{_END_OF_CALL})?"
    rf"|(?:语音|视频)(?:通话|聊天)[，, ]?{_END_OF_CALL}|\[(?:语音|视频)(?:通话|聊天)\] ?(?:{_END_OF_CALL})?"
    rf"|通话时长[:：]? ?{_LENGTH})[。.]?\s*(?:\[图片\])?"
)
_AUTO_REPLY = re.compile(r"(?:\[自动回复\].*|您好，我现在有事不在，一会再和您联系。)", re.S)
_RECALL = re.compile(r"(?:[你您]|对方) ?撤回了一条消息(?:[，, ]{0,2}重新编辑)?[。.]?")  # one that a name stands in comes from 系统消息
_SHAKE = re.compile(r"(?:[你您]|对方)?(?:[向给][你您]|[向给]对方)?已?发送了?一个窗口抖动[。.]?")
_CLIENT_TAIL = re.compile(r"\s*[(（]来自手机QQ[^\n]{0,80}[)）]\s*\Z")


def read_body(body: str) -> tuple[Kind, str]:
    """The kind of a cleaned body, and the sender's own words: "" where there are none."""
    if _MARKED.search(body) is None:
        words = body.strip()
        return (_TEXT, words) if words else (_UNKNOWN, "")
    if (alone := _ALONE.get(body)) is not None:
        return alone
    if _MAY_BE_BOILERPLATE.search(body) is not None and (kind := _boilerplate(body.strip())) is not None:
        return kind, ""
    body = _CLIENT_TAIL.sub("", body)
    kinds = [_PLACEHOLDERS.get(name, Kind.STICKER) for name in _PLACEHOLDER.findall(body)]
    words = _PLACEHOLDER.sub("", body).strip() if kinds else body.strip()
    if words:
        return _TEXT, words
    return min(kinds, key=lambda kind: kind is Kind.STICKER, default=_UNKNOWN), ""


def _boilerplate(body: str) -> Kind | None:
    """The kind of a body that the program wrote; None for a person's."""
    if _RED_PACKET.fullmatch(body):
        return Kind.RED_PACKET
    if (hint := _HINT.fullmatch(body)) is not None:
        return _PLACEHOLDERS.get(hint[1], Kind.STICKER if re.fullmatch(_FACES, hint[1]) else Kind.CARD)
    if _FILE.fullmatch(body) or _RECALL.fullmatch(body):
        return Kind.SYSTEM
    if _CALL.fullmatch(body):
        return Kind.CALL
    return Kind.UNKNOWN if _AUTO_REPLY.fullmatch(body) or _SHAKE.fullmatch(body) else None
