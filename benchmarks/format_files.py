"""Seeded exports of any size in every format that is read, for `format_speed.py`.

A layout is what stands before, between and behind the messages, and one message. The talk is that of `import_speed.py`: short Chinese
lines, a few of several lines, 200 people. It is no measure of correctness; `tests/exports` is.
"""

import json
from collections.abc import Callable
from html import escape
from pathlib import Path

from format_databases import write_imessage, write_qqnt
from format_layout import Layout, cells, clock, day_lines, dumped, html_lines, millis, name, quoted_line, seconds
from format_wechat import WECHAT
from import_speed import qce_row

RULE = "=" * 64
LAYOUTS: dict[str, Layout] = {
    **WECHAT,
    "qq_pc_txt": Layout(
        "group.txt",
        lambda n, t, who, text: f"{t:%Y-%m-%d} {t.hour}:{t:%M:%S} {name(who)}({10_000_000 + who})\r\n{text}\r\n\r\n",
        f"\ufeff消息记录（此消息记录为文本格式，不支持重新导入）\r\n\r\n{RULE}\r\n消息分组:我的QQ群\r\n{RULE}\r\n消息对象:大群\r\n{RULE}\r\n\r\n",
    ),
    "qq_mht": Layout(
        "group.mht",
        day_lines(
            lambda t: f"<tr><td style=height:24px;>日期: {t:%Y-%m-%d}</td></tr>",
            lambda n, t, who, text: (
                f"<tr><td><div style=color:{'#42B475' if who == 0 else '#006EFE'};padding-left:10px;>"
                f"<div style=float:left;margin-right:6px;>{name(who)}({10_000_000 + who})</div>{t.hour}:{t:%M:%S}</div>"
                f"<div style=padding-left:20px;><font color='000000'>{html_lines(text)}</font></div></td></tr>\r\n"
            ),
        ),
        "\ufeffFrom: <Save by Tencent MsgMgr>\r\nSubject: Tencent IM Message\r\nContent-Type:multipart/related\r\n\r\n--x\r\n"
        "Content-Type: text/html\r\n\r\n<html><head><title>QQ Message</title></head><body><table>"
        "<tr><td><div>消息分组:我的QQ群</div></td></tr>\r\n<tr><td><div>消息对象:大群</div></td></tr>\r\n",
        "</table></body></html>\r\n--x\r\n",
    ),
    "qce_json": Layout(
        "group.json",
        lambda n, t, who, text: "    " + qce_row(n, t, who, text),
        '{\n  "metadata":{"name":"QQChatExporter V5","version":"5.5.77"},"chatInfo":{"name":"大群","type":"group"},\n  "messages":[\n',
        "\n  ]\n}\n",
        ",\n",
    ),
    "qce_chunked": Layout("chunks/c000001.jsonl", lambda n, t, who, text: qce_row(n, t, who, text) + "\n"),
    "qce_txt": Layout(
        "group.txt",
        lambda n, t, who, text: f"{name(who)}:\n时间: {clock(t)}\n内容: {text}\n\n\n",
        "[QQChatExporter V5 / https://github.com/shuakami/qq-chat-exporter]\n\n聊天名称: 大群\n聊天类型: 群聊\n\n\n",
    ),
    "qce_tab_txt": Layout("group.txt", lambda n, t, who, text: f"{n}\t{clock(t)}\t{name(who)}\t{text}\n"),
    "qce_html": Layout(
        "group.html",
        lambda n, t, who, text: (
            f'<div class="message" data-message-id="m_{n}"><div class="message-header"><span class="message-sender">{name(who)}</span>'
            f'<span class="message-time">{clock(t)}</span></div><div class="message-content">{html_lines(text)}</div></div>\n'
        ),
        "<!DOCTYPE html><html><head><title>大群 - 聊天记录</title></head><body><!-- QQChatExporter 群聊 -->\n",
        "</body></html>\n",
    ),
    "qce_viewer": Layout(
        "c000001.js",
        lambda n, t, who, text: dumped(
            id=f"msg-{n}",
            ts=millis(t),
            uid=f"u_{who}",
            name=name(who),
            text=text,
            html=f'<div class="message"><div class="message-content">{html_lines(text)}</div></div>',
        ),
        'window.__QCE_CHUNK__ && window.__QCE_CHUNK__({id:"c000001",messages:[\n',
        "\n]});\n",
        ",\n",
    ),
    "qqnt_export_txt": Layout("大群.txt", lambda n, t, who, text: f"{clock(t)} {name(who)}\n[文本]\n{text}\n\n"),
    "qqnt_export_json": Layout(
        "大群.json",
        lambda n, t, who, text: dumped(time=clock(t), sender=name(who), sender_qq=10_000_000 + who, contents=[["文本", text]]),
        "[",
        "]",
        ",\n",
    ),
    "qq_root_txt": Layout(
        "10002_小明_1714536000.txt",
        lambda n, t, who, text: f"[{clock(t)}] {'小明' if who % 2 else '我的昵称'}: {text}\n".replace(text, text.replace("\n", "[%\\n%]")),
    ),
    "qq_clipboard": Layout(
        "paste.txt", lambda n, t, who, text: f"【潜水】{name(who)}({10_000_000 + who}) {t:%Y/%m/%d} {t.hour}:{t:%M:%S}\n{text}\n\n"
    ),
    "whatsapp_txt": Layout("WhatsApp Chat with 大群.txt", lambda n, t, who, text: f"{t:%d/%m/%Y, %H:%M} - {name(who)}: {text}\n"),
    "telegram_json": Layout(
        "result.json",
        lambda n, t, who, text: dumped(
            id=n,
            type="message",
            date=clock(t, "%Y-%m-%dT%H:%M:%S"),
            date_unixtime=str(seconds(t)),
            **{"from": name(who)},
            from_id=f"user{who}",
            text=text,
            text_entities=[{"type": "plain", "text": text}],
        ),
        '{"name":"群","type":"private_supergroup","id":9,"messages":[\n',
        "]}",
        ",\n",
    ),
    "telegram_html": Layout(
        "messages.html",
        lambda n, t, who, text: (
            f'<div class="message default clearfix" id="message{n}"><div class="body">'
            f'<div class="pull_right date details" title="{t:%d.%m.%Y %H:%M:%S} UTC+08:00">{t:%H:%M}</div>'
            f'<div class="from_name">{name(who)}</div><div class="text">{html_lines(text)}</div></div></div>\n'
        ),
        '<!DOCTYPE html><html><head><title>Exported Data</title></head><body><div class="page_wrap"><div class="page_body chat_page">'
        '<div class="page_header"><div class="text bold">群</div></div><div class="history">\n',
        "</div></body></html>",
    ),
    "chatlab": Layout(
        "group.jsonl",
        lambda n, t, who, text: (
            dumped(_type="message", sender=str(who), accountName=name(who), timestamp=seconds(t), type=0, content=text) + "\n"
        ),
        dumped(_type="header", chatlab={"version": "0.0.2"}, meta={"name": "群", "platform": "qq", "type": "group", "groupId": "9"}) + "\n",
    ),
    "discord_json": Layout(
        "general.json",
        lambda n, t, who, text: dumped(
            id=str(10**18 + n),
            type="Default",
            timestamp=t.isoformat(),
            timestampEdited=None,
            isPinned=False,
            content=text,
            author={"id": str(who), "name": name(who), "nickname": name(who), "isBot": False, "roles": []},
            attachments=[],
            embeds=[],
            stickers=[],
            reactions=[],
            mentions=[],
        ),
        '{"guild":{"id":"1","name":"g"},"channel":{"id":"2","type":"GuildTextChat","name":"general"},"messages":[\n',
        "]}",
        ",\n",
    ),
    "discord_package": Layout(
        "messages/c123/messages.json",
        lambda n, t, who, text: dumped(ID=10**18 + n, Timestamp=clock(t), Contents=text, Attachments=""),
        "[",
        "]",
        ",\n",
    ),
    "generic_csv": Layout("chat.csv", lambda n, t, who, text: cells(clock(t), name(who), text), "time,sender,text\n"),
    "generic_jsonl": Layout("chat.jsonl", lambda n, t, who, text: dumped(time=seconds(t), sender=name(who), text=text) + "\n"),
    "line_txt": Layout(
        "line.txt",
        day_lines(lambda t: f"{t:%Y/%m/%d}(金)", lambda n, t, who, text: f"{t:%H:%M}\t{name(who)}\t{quoted_line(text)}\n"),
        "[LINE] Chat history in 群\nSaved on: 2026/01/01 10:00\n\n",
    ),
    "kakaotalk_txt": Layout(
        "kakao.txt",
        day_lines(
            lambda t: f"--------------- {t.year}년 {t.month}월 {t.day}일 월요일 ---------------",
            lambda n, t, who, text: f"[{name(who)}] [오전 {t.hour % 12 or 12}:{t:%M}] {text}\n",
        ),
        "群 님과 카카오톡 대화\n저장한 날짜 : 2024-03-11 22:14:03\n\n",
    ),
    "kakaotalk_csv": Layout(
        "KakaoTalk_Chat_群_2024-03-11-22-14-03.csv",
        lambda n, t, who, text: f'{clock(t)},"{name(who)}","{text}"\r\n',
        "\ufeffDate,User,Message\r\n",
    ),
    "signal_sigtop_txt": Layout(
        "chat.txt",
        lambda n, t, who, text: f"From: {name(who)} (+1555{who:04d})\nType: incoming\nSent: {t:%a, %-d %b %Y %H:%M:%S %z}\n\n{text}\n\n",
        "Conversation: 群 (group)\n\n",
    ),
    "signal_sigtop_json": Layout(
        "群 (group).json",
        lambda n, t, who, text: dumped(
            id=str(n),
            conversationId="c1",
            type="incoming" if who else "outgoing",
            sent_at=millis(t),
            body=text,
            source=f"+1555{who:04d}",
            attachments=[],
        ),
        "[",
        "]",
        ",\n",
    ),
    "signal_export_md": Layout("index.md", lambda n, t, who, text: f"[{t:%Y-%m-%d, %H:%M}] {name(who) if who else 'Me'}: {text}\n"),
    "meta_json": Layout(
        "message_1.json",
        lambda n, t, who, text: dumped(sender_name=name(who), timestamp_ms=millis(t), content=text),
        '{"participants":[{"name":"a"},{"name":"b"},{"name":"c"}],"title":"群","thread_path":"inbox/x_1","messages":[\n',
        "]}",
        ",\n",
    ),
    "sms_xml": Layout(
        "sms-1.xml",
        lambda n, t, who, text: (
            f'  <sms protocol="0" address="+1555{who:04d}" date="{millis(t)}" type="{1 + who % 2}" '
            f'body="{escape(text)}" contact_name="{name(who)}" />\n'
        ),
        "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n<smses count=\"9\">\n",
        "</smses>\n",
    ),
    "google_chat_json": Layout(
        "Google Chat/Groups/Space x/messages.json",
        lambda n, t, who, text: dumped(
            creator={"name": name(who), "email": f"m{who}@example.org", "user_type": "Human"},
            created_date=f"{t:%A, %B %-d, %Y at %-I:%M:%S %p} UTC",
            text=text,
            topic_id="t",
            message_id=f"m{n}",
        ),
        '{"messages":[\n',
        "]}",
        ",\n",
    ),
    "slack_zip": Layout(
        "slack/general/2024-01-31.json",
        lambda n, t, who, text: dumped(type="message", user=f"U{who}", text=escape(text, quote=False), ts=f"{seconds(t)}.{n % 10**6:06d}"),
        "[",
        "]",
        ",\n",
    ),
    "imessage_txt": Layout("群.txt", lambda n, t, who, text: f"{t:%b %d, %Y %I:%M:%S %p}\n{name(who) if who else 'Me'}\n{text}\n\n"),
}


def write_chunked(folder: Path, size: int) -> Path:
    home = folder / "group_chunked_jsonl"
    LAYOUTS["qce_chunked"].write(home, size)
    (home / "manifest.json").write_text(
        '{"metadata":{"name":"QQChatExporter V5"},"chatInfo":{"name":"大群","type":"group"}}', encoding="utf-8"
    )
    return home


def write_slack(folder: Path, size: int) -> Path:
    LAYOUTS["slack_zip"].write(folder, size)
    users = [{"id": f"U{who}", "name": name(who)} for who in range(201)]
    (folder / "slack" / "users.json").write_text(json.dumps(users), encoding="utf-8")
    (folder / "slack" / "channels.json").write_text('[{"id":"C1","name":"general"}]', encoding="utf-8")
    return folder / "slack"


SPECIAL: dict[str, Callable[[Path, int], Path]] = {
    "qce_chunked": write_chunked,
    "slack_zip": write_slack,
    "qqnt_db": write_qqnt,
    "imessage_db": write_imessage,
}


def write(format_name: str, folder: Path, size: int) -> Path:
    """Write an export of a format, `size` bytes long, into a folder."""
    return (SPECIAL.get(format_name) or LAYOUTS[format_name].write)(folder, size)


FORMAT_NAMES = sorted({*LAYOUTS, *SPECIAL})
