"""The masking figures of safety.md hold on the labelled set, and the set and its score mean what they say."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from clone_agent.errors import DatasetError
from clone_agent.masking_score import WORST_LENGTH, LabelledMessage, read_labelled, score
from clone_agent.pseudonyms import NamedPerson, Pseudonyms
from clone_agent.scrub import find, scrub
from ui.cli import main

SET = Path(__file__).parent.parent / "benchmarks" / "masking" / "messages.jsonl"
MARKED = SET.with_name("marked.jsonl")
TARGETS = {"id_card": 0.99, "bank_card": 0.99, "phone": 0.99, "email": 0.99, "plate": 0.95, "qq": 0.95, "wechat": 0.95, "address": 0.85}


def test_the_set_has_a_thousand_messages_and_every_label_stands_on_its_text() -> None:
    messages = read_labelled(SET)
    assert len(messages) == 1000
    for message in messages:
        for start, end, kind in message.spans:
            assert 0 <= start < end <= len(message.text)
            assert message.text[start:end].strip() == message.text[start:end]
            assert kind
    held_out = [message for message in messages if message.half == "held_out"]
    assert 400 < len(held_out) < 600
    assert not {message.text for message in held_out} & {message.text for message in messages if message.half == "mend" and message.spans}


@pytest.mark.parametrize("half", ["mend", "held_out"])
def test_recall_and_precision_reach_their_targets_on_both_halves(half: str) -> None:
    figures = score([message for message in read_labelled(SET) if message.half == half])
    assert {kind: figures.recall(kind) for kind, target in TARGETS.items() if figures.recall(kind) < target} == {}
    assert figures.precision >= 0.98


@pytest.mark.parametrize("half", ["mend", "held_out"])
def test_the_second_set_is_masked_without_a_wrong_piece_and_names_of_one_character_among_it(half: str) -> None:
    messages = [message for message in read_labelled(MARKED) if message.half == half]
    numbers, names = score([one for one in messages if not one.people]), score([one for one in messages if one.people])
    assert (numbers.precision, names.precision) == (1, 1)
    assert sum(numbers.found.values()) >= 0.95 * sum(numbers.labelled.values())
    assert names.recall("name") >= 0.7
    assert sum(not one.spans for one in messages) > len(messages) / 4, "what only looks like it is part of the set"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("@花 来不来", "@友甲 来不来"),
        ("花姐到了", "友甲姐到了"),
        ("花：明天不去", "友甲：明天不去"),
        ("我叫花，在读书", "我叫友甲，在读书"),
        ("花说她不来", "友甲说她不来"),
        ("买花了吗", "买花了吗"),
        ("花钱如流水", "花钱如流水"),
        ("花，开了三朵", "花，开了三朵"),
        ("葱花说明书", "葱花说明书"),
        ("大哥来了", "大哥来了"),
        ("听说他病了", "听说他病了"),
        ("K：收到", "友丁：收到"),
        ("4K：清楚", "4K：清楚"),
        ("今天花总是不开", "今天花总是不开"),
        ("听花说要搬", "听友甲说要搬"),
        ("花你别买", "花你别买"),
        ("和花一起埋", "和花一起埋"),
        ("敏你别催", "友戊你别催"),
        ("和敏打球去了", "和友戊打球去了"),
        ("过敏你别吃", "过敏你别吃"),
        ("敏感的人", "敏感的人"),
        ("给K打电话", "给友丁打电话"),
        ("K也可以", "K也可以"),
        ("给敏留个门", "给友戊留个门"),
        ("敏最近忙啥", "友戊最近忙啥"),
        ("敏的围巾落我车上", "友戊的围巾落我车上"),
        ("敏买的票", "友戊买的票"),
        ("过敏的人", "过敏的人"),
        ("过敏最近好多了", "过敏最近好多了"),
        ("给花留个门", "给花留个门"),
        ("花买的多", "花买的多"),
    ],
)
def test_a_name_of_one_character_is_replaced_only_where_it_can_be_nothing_else(text: str, masked: str) -> None:
    people = [NamedPerson(names=(name,), is_owner=False) for name in ("花", "大", "听", "K", "敏")]
    assert Pseudonyms(people, language="zh").replace(text) == masked


@pytest.mark.usefixtures("ends")
def test_names_of_one_character_are_looked_for_fast_in_any_line() -> None:
    names = Pseudonyms([NamedPerson(names=("静", "K", "花"), is_owner=False)], language="zh")
    for unit in ("静说", "@静", "叫静", "昨天静", "K：", "听花", "和静", " 静", "，静你", "给K"):
        assert names.replace(unit * (WORST_LENGTH // len(unit)))


def test_a_label_counts_as_found_only_when_nothing_telling_is_left() -> None:
    whole = LabelledMessage(text="打13812345678", spans=((1, 12, "phone"),))
    longer = LabelledMessage(text="打13812345678转9", spans=((1, 14, "phone"),))  # the extension stays readable
    assert score([whole]).recall("phone") == 1
    assert score([longer]).recall("phone") == 0
    nothing = score([LabelledMessage(text="打13812345678", spans=())])
    assert (nothing.precision, nothing.masked) == (0, 1)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("香港打+852 9123 4567", "香港打[手机号]"),
        ("call (415) 555-0133 ok", "call [手机号] ok"),
        ("护照号E12345678", "护照号[身份证号]"),
        ("IBAN DE89370400440532013000", "IBAN [银行卡号]"),
        ("IBAN DE89370400440532013001", "IBAN DE89370400440532013001"),
        ("at 221B Baker Street, Flat 2 tonight", "at [地址] tonight"),
        ("宿舍12舍405", "宿舍[地址]"),
        ("金色家园14-3-1002", "[地址]"),
        ("what's the password again?", "what's the password again?"),
        ("password: hunter22", "password: [密码]"),
        ("会议号 415-555-0133", "会议号 415-555-0133"),
        ("error code 50012", "error code 50012"),
        ("5 minute drive to the Main Road", "5 minute drive to the Main Road"),
    ],
)
def test_kinds_that_the_set_taught(text: str, masked: str) -> None:
    assert scrub(text).text == masked


def test_places_are_those_of_the_text_as_it_was_written() -> None:
    text = "号码１３８１２３４５６７８，邮箱ab12@qq.com"
    assert [text[piece.start : piece.end] for piece in find(text)] == ["１３８１２３４５６７８", "ab12@qq.com"]


def test_the_command_prints_the_figures() -> None:
    result = CliRunner().invoke(main, ["evaluate", "masking", str(SET), "--json"])
    assert result.exit_code == 0, result.stderr
    printed = json.loads(result.stdout)
    assert set(printed["sets"]) == {"mend", "held_out", "all"}
    assert printed["sets"]["all"]["messages"] == 1000
    assert printed["messages_per_second"] > 0  # how many is a figure of a quiet machine; that no line takes long is tested in test_scrub.py
    assert printed["worst_line_s"] > 0


def test_a_damaged_set_says_what_a_line_is(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text('{"text": "x"}\n', encoding="utf-8")
    with pytest.raises(DatasetError, match=r"set\.jsonl:1") as error:
        read_labelled(tmp_path / "set.jsonl")
    assert "spans" in error.value.remedy
    (tmp_path / "gbk.jsonl").write_bytes('{"text": "电话"}'.encode("gbk"))
    with pytest.raises(DatasetError, match=r"gbk\.jsonl:1"):
        read_labelled(tmp_path / "gbk.jsonl")
    with pytest.raises(DatasetError, match="no labelled set"):
        read_labelled(tmp_path / "none.jsonl")
