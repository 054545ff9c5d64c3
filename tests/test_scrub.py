"""Personal data is masked by type; what only looks like it stays."""

import random
import re
import string
from pathlib import Path

import pytest

import clone_agent.scrub
from clone_agent.masking_score import WORST_LENGTH, WORST_UNITS, read_labelled
from clone_agent.scrub import find, scrub

SETS = Path(__file__).parent.parent / "benchmarks" / "masking"

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def id_card(draw: random.Random) -> str:
    region = draw.choice(("110101", "310104", "440305", "510107"))
    body = f"{region}{draw.randint(1950, 2008)}{draw.randint(1, 12):02d}{draw.randint(1, 28):02d}{draw.randint(0, 999):03d}"
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, ID_WEIGHTS, strict=True)) % 11]


def bank_card(draw: random.Random) -> str:
    body = "6222" + "".join(draw.choices(string.digits, k=14))
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body))]
    return body + str(-sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10)


def phone(draw: random.Random) -> str:
    return f"1{draw.choice('3456789')}{draw.randrange(10**9):09d}"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("我的号码13812345678啊", "我的号码[手机号]啊"),
        ("打138-1234-5678", "打[手机号]"),
        ("+86 138 1234 5678 找我", "[手机号] 找我"),
        ("１３８１２３４５６７８", "[手机号]"),
        ("座机010-62345678转801", "座机[座机号]"),
        ("发我邮箱ab12@qq.com呀", "发我邮箱[邮箱]呀"),
        ("车牌京A·12345停门口", "车牌[车牌号]停门口"),
        ("绿牌粤BD12345", "绿牌[车牌号]"),
        ("加我qq12345678", "加我qq[QQ号]"),
        ("扣扣号：1234567", "扣扣号：[QQ号]"),
        ("微信号：ab_123456", "微信号：[微信号]"),
        ("vx abc12345 备注来意", "vx [微信号] 备注来意"),
        ("wxid_a1b2c3d4e5f6g7", "[微信号]"),
        ("连192.168.1.20试试", "连[IP地址]试试"),
        ("wifi密码是abc1234", "wifi密码是[密码]"),
        ("验证码 482913，5分钟内有效", "验证码 [密码]，5分钟内有效"),
        ("取件码3-2-1047", "取件码[密码]"),
        ("482913是你的验证码", "[密码]是你的验证码"),
        ("寄到海淀区中关村大街27号3号楼502", "寄到[地址]"),
        ("我住武林路88号2单元301室 别走错", "我住[地址] 别走错"),
        ("快递放5栋2单元301", "快递放[地址]"),
        ("身份证号：110101900307123", "身份证号：[身份证号]"),
        ("加我VX13812345678", "加我VX[手机号]"),
        ("TEL13812345678", "TEL[手机号]"),
        ("提取码：kxyz", "提取码：[密码]"),
        ("邀请码: QWERTY", "邀请码: [密码]"),
        ("wifi: abcdefgh", "wifi: [密码]"),
        ("passcode: hunter", "passcode: [密码]"),
        ("pin: abcd", "pin: [密码]"),
        ("验证码：ABCD", "验证码：[密码]"),
        ("V：abc_def", "V：[微信号]"),
        ("weixin: abc_defg", "weixin: [微信号]"),
        ("ＶＸ：ａｂｃ_ｄｅｆ", "ＶＸ：[微信号]"),
    ],
)
def test_personal_data_is_masked_and_the_rest_stays(text: str, masked: str) -> None:
    assert scrub(text).text == masked


@pytest.mark.parametrize(
    "text",
    [
        "订单号20231104123456789",
        "快递单号13800138000",
        "单号SF1380012345678",
        "快递到了 SF13800123456",
        "JDVA13800123456已签收",
        "现在是2023年11月4日",
        "2020-01-01 12:00:00",
        "时间戳1699999999999",
        "一共12345块",
        "1234567890123456789",
        "哈哈哈哈666666666",
        "666666",
        "我跑了10公里用了59分钟",
        "版本1.2.3.4567",
        "固件版本 1.2.3.4",
        "房价100000一平",
        "打10086或者95588",
        "淘口令￥abc123￥",
        "uid=9223372036854775807",
        "今天走了13800步",
        "这条路很长",
        "难道3号考试？",
        "我知道5号放假",
        "一路2号线",
        "密码是什么来着",
        "密码忘了",
        "用微信wechat登录",
        "[图片]{ABC-123}.jpg",
        "@小明 周五见",
        "云南昆明见",
        "苏打水12345",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert scrub(text).text == text
    assert scrub(text).found == {}


def test_the_quick_look_passes_whatever_a_rule_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where letters stand for the digits by which most texts are suspected."""
    texts = [message.text for name in ("messages", "marked") for message in read_labelled(SETS / f"{name}.jsonl")]
    texts += [text.translate(str.maketrans("0123456789", "qwertyuiop")) for text in texts]
    found = [find(text) for text in texts]
    monkeypatch.setattr(clone_agent.scrub, "_SUSPECT", re.compile(""))
    assert [text for text, pieces in zip(texts, found, strict=True) if find(text) != pieces] == []


def test_numbers_with_checksums_are_found_in_every_spelling() -> None:
    draw = random.Random(1)
    for _ in range(300):
        card, bank = id_card(draw), bank_card(draw)
        assert scrub(f"身份证{card}帮我买票").text == "身份证[身份证号]帮我买票"
        assert scrub(f"他的是{card.lower()}。").text == "他的是[身份证号]。"
        assert scrub(f"转到{bank}建行").text == "转到[银行卡号]建行"
        assert scrub(" ".join(bank[at : at + 4] for at in range(0, 19, 4))).text == "[银行卡号]"
        assert scrub(f"call {phone(draw)}").text == "call [手机号]"


def test_a_wrong_checksum_is_no_card() -> None:
    draw = random.Random(2)
    for _ in range(100):
        bank = bank_card(draw)
        wrong = bank[:-1] + str((int(bank[-1]) + 1) % 10)
        assert "[银行卡号]" not in scrub(wrong).text


def test_what_was_replaced_is_counted() -> None:
    assert scrub("13812345678 和 13912345678，邮箱 a@b.cn").found == {"phone": 2, "email": 1}


def test_masking_twice_changes_nothing() -> None:
    text = "我住武林路88号2单元301室，电话13812345678，wifi密码是abc1234"
    once = scrub(text).text
    assert scrub(once).text == once


@pytest.mark.usefixtures("ends")
def test_short_messages_are_fast() -> None:
    draw = random.Random(3)
    words = ["今天晚上一起吃饭吗我们去吃火锅好不好呀哈哈哈哈", "6", "12:30 门口见", "好的好的", "1块5一斤", "@阿宝 明天8点"]
    messages = [draw.choice(words) for _ in range(20_000)]
    for message in messages:
        scrub(message)


@pytest.mark.usefixtures("ends")
@pytest.mark.parametrize("unit", WORST_UNITS)
def test_no_line_takes_long(unit: str) -> None:
    scrub(unit * (WORST_LENGTH // len(unit)))
