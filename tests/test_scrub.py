"""Personal data is masked by type; everything else stays as it was."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clone_agent.scrub import TYPES, scrub

FOUND = [
    ("我的号码13800138000啊", "我的号码[手机号]啊", "phone"),
    ("打138-0013-8000", "打[手机号]", "phone"),
    ("+86 13800138000 找我", "[手机号] 找我", "phone"),
    ("１３８００１３８０００", "[手机号]", "phone"),
    ("身份证11010519491231002X帮我买票", "身份证[身份证号]帮我买票", "id_card"),
    ("转到6222021234567890128建行", "转到[银行卡号]建行", "bank_card"),
    ("卡号4111 1111 1111 1111", "卡号[银行卡号]", "bank_card"),
    ("发我邮箱ab12@qq.com呀", "发我邮箱[邮箱]呀", "email"),
    ("家里电话0571-86543210", "家里电话[电话]", "landline"),
    ("车牌京A·12345", "车牌[车牌]", "plate"),
    ("浙AD12345停哪了", "[车牌]停哪了", "plate"),
    ("加我微信：lin_wan0417", "加我微信：[微信号]", "wechat_id"),
    ("wxid_linwan0417abc", "[微信号]", "wechat_id"),
    ("加我qq20010417", "加我qq[QQ号]", "qq"),
    ("服务器192.168.1.20", "服务器[IP地址]", "ip"),
    ("寄到海淀区中关村大街27号3号楼502", "[地址]", "address"),
    ("取件码是6-3-2041", "取件码是[密码]", "secret"),
    ("wifi密码是abc12345", "wifi密码是[密码]", "secret"),
]
KEPT = [
    "转到6222021234567890129",  # the check digit is wrong
    "订单号20231104123456789",
    "现在是2023年11月4日",
    "一共12345块",
    "1234567890123456789",
    "哈哈哈哈666666666",
    "单号SF1380012345678",
    "版本1.2.3.4567",
    "2020-01-01 12:00:00",
    "房价100000一平",
    "10086",
    "uid=9223372036854775807",
    "时间戳1699999999999",
    "今天走了13800步",
    "这条路很长",
    "密码忘了怎么办",
    "@小明 微信说",
    "在微信上聊",
    "京东A了",
    "8.5公里跑了2:14:36",
    "2栋楼都停电",
]


@pytest.mark.parametrize(("text", "masked", "kind"), FOUND)
def test_personal_data_is_masked_by_type(text: str, masked: str, kind: str) -> None:
    scrubbed = scrub(text)
    assert (scrubbed.text, scrubbed.found) == (masked, {kind: 1})


@pytest.mark.parametrize("text", KEPT)
def test_what_only_looks_like_it_is_kept(text: str) -> None:
    assert scrub(text).text == text


def test_several_kinds_in_one_message_are_all_masked() -> None:
    scrubbed = scrub("13800138000或者ab@qq.com，13900139000也行")
    assert scrubbed.text == "[手机号]或者[邮箱]，[手机号]也行"
    assert scrubbed.found == {"phone": 2, "email": 1}


@given(
    st.text(
        alphabet=st.characters(codec="utf-8", exclude_categories=("Nd",)).filter(lambda character: character not in "@．＠"), max_size=80
    )
)
def test_text_without_digits_and_signs_comes_back_unchanged(text: str) -> None:
    if not any(word in text.lower() for word in ("密码", "口令", "pass", "pwd", "码", "wx", "微信", "vx", "薇信")):
        assert scrub(text).text == text


@given(st.text(max_size=60))
def test_masking_twice_masks_nothing_more_of_what_was_masked(text: str) -> None:
    once = scrub(text).text
    assert all(kind in TYPES for kind in scrub(once).found)


@pytest.mark.parametrize(
    "evil",
    ["1" * 200_000, "路" * 100_000 + "a" * 100_000, "a" * 200_000, "6222 " * 40_000, "微信" * 100_000, "a@" * 100_000, "密码是" * 60_000],
)
def test_a_hostile_line_takes_no_longer_than_a_long_one(evil: str) -> None:
    started = time.process_time()
    scrub(evil)
    assert time.process_time() - started < 20  # quadratic patterns take minutes; a bound on kind, not on speed
