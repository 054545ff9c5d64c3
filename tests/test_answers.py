"""Among the lines near a question's words, those that could be its answer."""

import pytest

from memory.answers import asks, settles, suits
from memory.asked import Kind, wanted, wants_the_end


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("店里一天能出多少碗冰粉", Kind.AMOUNT),
        ("那台相机多重", Kind.AMOUNT),
        ("how many books did she buy", Kind.AMOUNT),
        ("你哪天搬的家", Kind.DAY),
        ("几点集合", Kind.CLOCK),
        ("她什么时候走的", Kind.MOMENT),
        ("When did Ann move?", Kind.MOMENT),
        ("那首歌是谁唱的", Kind.PERSON),
        ("who sang that song", Kind.PERSON),
        ("这几乎是最好的一天", None),
        ("那只猫叫什么", Kind.NAME),
        ("房租一个月多少", Kind.MONEY),
        ("那趟花了几块钱", Kind.MONEY),
        ("他吃了多少包子", Kind.AMOUNT),
        ("她在哪个城市上班", Kind.PLACE),
        ("where did they stay", Kind.PLACE),
        ("伤的是哪边膝盖", Kind.SIDE),
        ("相机什么型号", Kind.MODEL),
        ("来杭州那几天你住在哪儿", Kind.PLACE),
        ("买了好几件的那家店叫什么", Kind.NAME),
        ("牌子上写的哪几个字", None),
        ("公交坐过头几站", Kind.AMOUNT),
        ("西瓜你吃了几块", Kind.AMOUNT),
        ("那双鞋花了好多钱", Kind.MONEY),
        ("每人交了多少电费", Kind.MONEY),
        ("是哪个先发烧的", Kind.PERSON),
        ("在哪个路口碰头", Kind.PLACE),
        ("书店开在哪条街", Kind.PLACE),
        ("装空调的师傅姓什么", Kind.NAME),
        ("how old was he when you met", Kind.AMOUNT),
        ("where were we when you told me", Kind.PLACE),
        ("what did she bring when we landed", None),
        ("do you remember when we moved", Kind.MOMENT),
        ("which of your cousins sings", Kind.PERSON),
    ],
)
def test_a_question_tells_the_kind_of_its_answer(question: str, kind: Kind | None) -> None:
    want = wanted(question)
    assert (want.kind if want else None) is kind


@pytest.mark.parametrize(
    ("question", "better", "worse"),
    [
        ("一天能出多少碗", "冰粉一百二十碗", "楼上住了3个人"),
        ("退了多少钱", "退了98块", "第3天才退"),
        ("一共多少年", "三十三年。", "好久了"),
        ("how much was it", "it was 40 dollars", "it was expensive"),
        ("哪天开店", "18号开", "等通知吧"),
        ("哪天开店", "18号开", "九点半开"),
        ("几点开店", "九点半开", "18号开"),
        ("几点开店", "9:30", "周一吧"),
        ("when does she land", "she lands on the 14th", "she lands with us"),
        ("谁唱的", "小明唱的", "唱得真好"),
        ("谁中的奖", "李阿姨中了", "唱得真好"),
        ("房租多少", "谈到2300", "9月3号到15号"),
        ("房租多少", "谈到2300", "楼上36度"),
        ("倒了几锅", "倒了八锅", "第八锅"),
        ("一天喝多少茶", "一杯", "今天泡茶吧"),
        ("哪天走", "周五", "九月中"),
        ("原说9号，最后几号交的", "21号交了", "9号交"),
        ("住哪个小区", "春江花园", "不远"),
        ("那只猫叫什么", "叫饭团", "好可爱"),
        ("哪边膝盖", "左膝", "膝盖疼"),
        ("什么型号", "是G9", "是老款"),
    ],
)
def test_a_line_of_the_kind_suits_better(question: str, better: str, worse: str) -> None:
    want = wanted(question)
    assert want is not None
    assert suits(better, want, ["小明"], question=question) > suits(worse, want, ["小明"], question=question)


def test_a_line_that_asks_is_told_from_one_that_tells() -> None:
    assert all(asks(text) for text in ("几点到？", "你吃了吗", "他叫什么来着", "Where are you? "))
    assert not any(asks(text) for text in ("七点到", "我吃了", "What a day", "什么都好 就是贵了点", "一共九百二十几 一人232"))


def test_how_it_ended_is_asked_for_and_told() -> None:
    assert wants_the_end("最后定的哪天")
    assert not wants_the_end("哪天走的")
    assert settles("一共两千三")
    assert not settles("我想吃两碗")
