"""Which column of somebody's table is the time, the sender, the text: suggested by the words in its head, or told by the user."""

import re
from collections.abc import Iterable, Mapping, Sequence

from clone_agent.errors import UsageError

FIELDS = ("time", "date", "sender", "sender_id", "text", "chat", "id", "is_owner", "kind")
NEEDED = ("time", "sender", "text")
_WORDS = {
    "time": "datetime sentat sendtime senttime timestamp createdat createtime createdtime messagetime msgtime sent time ts when "
    "发送时间 消息时间 聊天时间 创建时间 时间 日期时间 時間 date 日期",
    "date": "date day 日期",
    "sender": "sendername fromname authorname sendernickname sender from author speaker user username nickname who name talkername "
    "发送者 发送人 发言人 发信人 发件人 说话人 昵称 用户名 用户 姓名 名字 发送者昵称 發送者",
    "sender_id": "senderid fromid authorid userid uid senderuin uin wxid qq accountid account 发送者id 用户id 账号 qq号 微信号",
    "text": "content text message body msg strcontent messagetext words 内容 消息内容 聊天内容 消息 文本 正文 內容 訊息",
    "chat": "chatname conversation chat room roomname group groupname channel thread 会话 群名 群聊 聊天 对话 会话名称 聊天对象",
    "id": "messageid msgid id 消息id 编号 序号",
    "is_owner": "isself issender isme isowner ismine fromme outgoing issent 是否自己 是否本人 是否我发送",
    "kind": "type kind messagetype msgtype typename 类型 消息类型",
}
_NOT_LETTERS = re.compile(r"[\s_\-./()（）:：]+")


def suggest(columns: Sequence[str]) -> dict[str, str]:
    """Field to column, for each field that some column's name tells. A lone date is the time; date and clock apart are both named."""
    plain = {_NOT_LETTERS.sub("", column).lower(): column for column in reversed(columns)}
    found: dict[str, str] = {}
    for name in FIELDS:
        column = next((plain[word] for word in _WORDS[name].split() if word in plain and plain[word] not in found.values()), None)
        if column is not None:
            found[name] = column
    return found


def map_columns(columns: Sequence[str], told: Mapping[str, str]) -> dict[str, str]:
    """Field to column: as the user tells, else as suggested.

    Raises:
        UsageError: a field or column that does not exist is told, or a needed column is neither told nor plain.
    """
    wrong = [name for name in told if name not in FIELDS] + [column for column in told.values() if column not in columns]
    if wrong:
        raise UsageError(
            f"There is no field or column {', '.join(wrong)}.", remedy=f"Fields are {', '.join(FIELDS)}; columns are {', '.join(columns)}."
        )
    suggested = {name: column for name, column in suggest(columns).items() if name not in told and column not in told.values()}
    mapped = suggested | dict(told)
    if missing := [name for name in NEEDED if name not in mapped and not (name == "sender" and "sender_id" in mapped)]:
        example = ",".join(f"{name}={mapped.get(name, '…')}" for name in NEEDED)
        raise UsageError(
            f"Which column is the {' and the '.join(missing)} is not plain; columns are {', '.join(columns)}.",
            remedy=f"Name them, as in --columns {example}.",
        )
    return mapped


def is_chat(columns: Iterable[str]) -> bool:
    """Whether columns with these names surely hold a chat: a time and a text, and a sender or a chat."""
    found = suggest(list(columns))
    return "time" in found and "text" in found and bool(found.keys() & {"sender", "sender_id"})
