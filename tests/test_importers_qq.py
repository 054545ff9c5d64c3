"""QQ's exports: whose words are whose, also where people write like the program or a file is damaged."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clone_agent.importers import read_export
from clone_agent.importers.qq_pc_bodies import read_body
from clone_agent.records import ChatKind, Conversation, Kind, Message, Skipped

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    "written",
    [
        "结束后我们视频聊天",
        "取消晚上的视频聊天吧",
        "我拒绝视频通话",
        "视频聊天 10点开始",
        "视频聊天 10分钟就好",
        "语音聊天结束再吃饭",
        "无应答是因为我在视频聊天",
        "通话时长太短了",
        "我看到她撤回了一条消息",
        "你撤回了一条消息并不代表我没看到",
        "恭喜发财，加我QQ",
        "你已接收那个文件了吗",
        "取消发送这个文件吧",
        "我想发送一个窗口抖动试试",
    ],
)
def test_what_people_say_of_calls_and_files_is_theirs(written: str) -> None:
    assert read_body(written) == (Kind.TEXT, written)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("语音通话 时长 03:21", Kind.CALL),
        ("视频聊天 时长：5分20秒", Kind.CALL),
        ("通话时长 01:02:03", Kind.CALL),
        ("对方已取消了语音通话[图片]", Kind.CALL),
        ("你已拒绝了视频聊天", Kind.CALL),
        ("未接听语音通话", Kind.CALL),
        ("视频通话 对方无应答", Kind.CALL),
        ("[语音通话] 00:32", Kind.CALL),
        ("你撤回了一条消息", Kind.SYSTEM),
        ("对方撤回了一条消息", Kind.SYSTEM),
        ("[图片]对方已成功接收了你发送的离线文件“a.docx”。", Kind.SYSTEM),
        ("[图片]你已下载文件“b.zip” 打开文件", Kind.SYSTEM),
        ("成功接收文件“a.docx”，打开所在文件夹", Kind.SYSTEM),
        ("[QQ红包]请使用新版手机QQ查收红包。", Kind.RED_PACKET),
        ("[QQ红包]我发了一个“口令红包”，请使用新版手机QQ查收红包。", Kind.RED_PACKET),
        ("恭喜发财，请使用新版手机QQ查收", Kind.RED_PACKET),
        ("对方向您发送了一个窗口抖动。", Kind.UNKNOWN),
    ],
)
def test_what_the_program_says_is_nobodys(written: str, kind: Kind) -> None:
    assert read_body(written) == (kind, "")
