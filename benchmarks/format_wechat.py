"""Seeded exports of WeChat's tools, for `format_speed.py`."""

from datetime import datetime

from format_layout import Layout, cells, clock, day_lines, dumped, millis, name, seconds, wxid


def old_memotrace(number: int, moment: datetime, who: int, text: str) -> str:
    return cells(number, 1, 1, 0, int(who == 0), seconds(moment), 3, text, clock(moment), name(who), name(who), wxid(who))


WECHAT: dict[str, Layout] = {
    "wechat_pywxdump_csv": Layout(
        "room_0_5000.csv",
        lambda n, t, who, text: cells(n, 10**18 + n, "文本", int(who == 0), wxid(who), "9@chatroom", text, "", clock(t)),
        "id,MsgSvrID,type_name,is_sender,talker,room_name,msg,src,CreateTime\n",
    ),
    "wechat_pywxdump_json": Layout(
        "room.json",
        lambda n, t, who, text: dumped(
            id=n,
            MsgSvrID=str(10**18 + n),
            type_name="文本",
            is_sender=int(who == 0),
            talker=wxid(who),
            room_name="9@chatroom",
            msg=text,
            src="",
            CreateTime=clock(t),
        ),
        "[",
        "]",
        ",\n",
    ),
    "wechat_weflow_json": Layout(
        "room.json",
        lambda n, t, who, text: dumped(
            localId=n,
            createTime=seconds(t),
            formattedTime=clock(t),
            type="文本消息",
            localType=1,
            content=text,
            isSend=int(who == 0),
            senderUsername=wxid(who),
            senderDisplayName=name(who),
        ),
        '{"weflow":{"version":"1.0.0"},"session":{"wxid":"9@chatroom","displayName":"群","type":"群聊"},"messages":[\n',
        "]}",
        ",\n",
    ),
    "wechat_weflow_txt": Layout("群.txt", lambda n, t, who, text: f"{clock(t)} '{name(who)}'\n{text}\n\n"),
    "wechat_memotrace_csv": Layout(
        "群.csv",
        lambda n, t, who, text: cells(n, "文本", name(who) if who else "我", clock(t), text, name(who), name(who), "more"),
        "\ufeff消息ID,类型,发送人,时间,内容,备注,昵称,更多信息\n",
    ),
    "wechat_memotrace_old_csv": Layout(
        "群.csv",
        old_memotrace,
        "\ufefflocalId,TalkerId,Type,SubType,IsSender,CreateTime,Status,StrContent,StrTime,Remark,NickName,Sender\n",
    ),
    "wechat_memotrace_txt": Layout("群.txt", lambda n, t, who, text: f"{clock(t)} {name(who) if who else '我'}\n{text}\n\n"),
    "wechat_chatlog_json": Layout(
        "room.json",
        lambda n, t, who, text: dumped(
            seq=millis(t) + n % 1000,
            time=t.isoformat(),
            talker="9@chatroom",
            talkerName="群",
            isChatRoom=True,
            sender=wxid(who),
            senderName=name(who),
            isSelf=who == 0,
            type=1,
            subType=0,
            content=text,
        ),
        "[",
        "]",
        ",\n",
    ),
    "wechat_chatlog_csv": Layout(
        "room.csv",
        lambda n, t, who, text: cells(clock(t), name(who), wxid(who), "群", "9@chatroom", text),
        "Time,SenderName,Sender,TalkerName,Talker,Content\n",
    ),
    "wechat_keeper_json": Layout(
        "room.jsonl",
        lambda n, t, who, text: (
            dumped(
                ts=seconds(t),
                sender=name(who),
                sender_wxid=wxid(who),
                chat_room="9@chatroom",
                conversation_id="9@chatroom",
                content=text,
                msg_type=1,
                is_self=who == 0,
            )
            + "\n"
        ),
    ),
    "wechat_dump_txt": Layout("群.txt", lambda n, t, who, text: f"1|{name(who) if who else 'me'}:{clock(t)}:{text}\n"),
    "wechat_mail_text": Layout(
        "mail.txt",
        day_lines(lambda t: f"—————  {t:%Y-%m-%d}  —————\n\n", lambda n, t, who, text: f"{name(who % 2)}  {t:%H:%M}\n\n{text}\n\n"),
        "成员0 和 成员1 在微信上的聊天记录如下，请查收。\n\n",
    ),
}
