"""Reading tasks out of real sentences: a part of what somebody wrote becomes the answer, the rest of it the question.

The scenes know some forty kinds of facts; people talk about more. Here a sentence of the corpora gets a new name, place, number, thing or
time at a spot where it had one, and is asked for just that, in words that are mostly, but never all, its own. Chinese only: English would
need its words put in another order.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from finetune.base_model.facts import World, draw_time
from finetune.base_model.questions import Question, dress_question
from finetune.base_model.slots import person_name, slot_value

_NUMERAL = "0-9一二两三四五六七八九十百千万"
_WORD = "[一-鿿A-Za-z]"
_UNITS = (
    "个月|个小时|个人|块钱|分钟|小时|公里|个|块|元|点|号|岁|次|年|天|米|斤|分|名|遍|条|只|本|张|杯|瓶|层|楼|人|公斤|毫升|页|首|句|章|趟|顿"
)
_END = r"(?=$|[，。！？、 的了吧呢吗])"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gap:
    """A spot of a sentence that can be asked for."""

    kind: str
    pattern: re.Pattern[str]  # group "x" is the answer
    fresh: Callable[[Random, bool], str]  # a new value; "" keeps the old one
    asked: tuple[str, ...]  # what stands for it in the question


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A line and the question that it answers."""

    at: datetime
    speaker: str
    text: str
    question: Question
    shadows: tuple[str, ...] = ()  # lines that share a part of the question and do not answer it
    former: str = ""  # what the same speaker said of it before


def _kinds(*kinds: str, keep: float = 0.0) -> Callable[[Random, bool], str]:
    def fresh(rng: Random, held_out: bool) -> str:
        return "" if rng.random() < keep else slot_value(rng.choice(kinds), rng, language="zh", held_out=held_out)

    return fresh


def _number(rng: Random, held_out: bool) -> str:
    if rng.random() < 0.65:
        return str(rng.choice((rng.randint(2, 20), rng.randint(2, 99), rng.randint(100, 999), rng.randint(1_000, 20_000))))
    tens = rng.choice(("", "十", "二十", "三十", "五十", "八十", "一百"))
    return tens + rng.choice("一二三四五六七八九") if tens else rng.choice("两三四五六七八九十")


def _time(rng: Random, held_out: bool) -> str:
    month, week = f"{rng.randint(1, 12)}月", rng.choice(("周", "星期", "礼拜")) + rng.choice("一二三四五六日")
    part = rng.choice(("", "", "早上", "下午", "晚上", "中午"))
    return rng.choice(
        (
            month + rng.choice(("底", "初", "份", f"{rng.randint(1, 28)}号")),
            week + part,
            "上" + week,
            "下" + week,
            *("暑假", "寒假", "国庆", "春节", "五一", "元旦", "中秋"),
        )
    )


_GAPS = (
    _Gap(
        kind="who",
        pattern=re.compile(
            r"(?:我的?)?(?P<x>(?<!其)他(?!人)|她|男朋友|女朋友|男友|女友|好朋友|(?<![男女小])朋友|同学|室友|妈妈|爸爸|老师|同事|老公|老婆|姐姐|弟弟|哥哥|妹妹|孩子|领导|老板|对方|别人)(?!们|人)"
        ),
        fresh=lambda rng, held_out: person_name(rng, "zh", held_out=held_out),
        asked=("谁", "谁", "哪个人", "哪位"),
    ),
    _Gap(
        kind="where",
        pattern=re.compile(
            rf"(?<=[在去到回住])(?P<x>(?!了|的|不|过|底|于|我|你|他|她|一起){_WORD}{{2,6}}?)(?=$|[，。！？ 的了吃玩上见工买看做住])"
        ),
        fresh=_kinds("city", "spot_far", "eatery", "spot", "spot_city", "estate", "shop", "company", keep=0.1),
        asked=("哪", "哪里", "哪儿", "什么地方", "哪个地方", "啥地方"),
    ),
    _Gap(
        kind="number",
        pattern=re.compile(rf"(?<![{_NUMERAL}第])(?P<x>[{_NUMERAL}]{{1,6}})(?=(?:{_UNITS})(?!样|些))"),
        fresh=_number,
        asked=("几", "多少", "几", "多少"),
    ),
    _Gap(
        kind="what",
        pattern=re.compile(
            rf"(?<=[吃买看喝玩学送做叫找带拿写听穿用选养拍点修换借丢画唱读])(?:了|过|着|到)?(?:一?[个本只条件杯份部张])?(?P<x>(?!了|的|不|过|着|到|我|你|他|她|什么|起来|出来){_WORD}{{2,7}}?){_END}"
        ),
        fresh=_kinds("object", "dish", "title", "activity", "dish", "object", keep=0.35),
        asked=("什么", "啥", "什么", "什么东西", "啥东西"),
    ),
    _Gap(
        kind="time",
        pattern=re.compile(
            r"(?P<x>(?:今天|昨天|明天|前天|后天|(?:上|下|这)?(?:周|星期)[一二三四五六日末]|上周|下周|去年|今年|前年|暑假|寒假|国庆|春节|过年|最近|现在|之前|以前)(?:早上|晚上|下午|中午)?)"
        ),
        fresh=_time,
        asked=("什么时候", "哪天", "啥时候", "什么时候", "几时"),
    ),
    _Gap(
        kind="clock",
        pattern=re.compile(r"(?P<x>早上|晚上|下午|中午|半夜|凌晨|当时)"),
        fresh=_kinds("clock"),
        asked=("几点", "几点", "几点钟", "什么时候"),
    ),
    _Gap(kind="why", pattern=re.compile(r"因为(?P<x>[^，。！？ ]{3,14})"), fresh=_kinds("reason", keep=0.7), asked=("什么", "啥")),
)
_FILLERS = ("最后", "到底", "后来", "究竟", "具体", "当时", "那次", "那天", "上次", "那回", "一共", "最终", "之前说的", "以前")
_COUNTED = frozenset({"number", "clock"})
_TERSE = 0.3  # share of lines that are the answer alone
_CHANGED = 0.12  # share of lines that take back an earlier one
_PAUSES = re.compile(r"[，。！？、]+")
_LIGHT = re.compile("[的了吧啊就都很也还又吗呢呀真太]")


def draw_cloze(world: World, rng: Random) -> Told | None:
    """A line and its question; None where the sentence drawn has nothing to ask for."""
    sentence = rng.choice(world.stories)
    gaps = [(gap, found) for gap in _GAPS for found in gap.pattern.finditer(sentence)]
    if not gaps:
        return None
    kind = rng.choice(sorted({gap.kind for gap, _ in gaps}))
    gap, found = rng.choice([pair for pair in gaps if pair[0].kind == kind])
    value = gap.fresh(rng, world.held_out) or found["x"]
    before = sentence[: found.start() if gap.kind == "who" else found.start("x")]
    after = sentence[found.end("x") :]
    text = before + value + after
    speaker = world.owner if rng.random() < 0.35 else rng.choice(world.people)
    asked = _asked(before, after, gap, rng)
    if text.count(value) > 1 or len(_LIGHT.sub("", asked)) < 5 + len(gap.asked[0]):
        return None
    asked = dress_question(addressed(asked, speaker, world, rng), world, rng)
    question = Question(kind=f"cloze.{gap.kind}", text=asked, gold=value)
    former = ""
    if rng.random() < _TERSE:  # the question was asked before it, and the answer is all that the line says
        return Told(at=draw_time(world, rng), speaker=speaker, text=_terse(value, gap, rng), question=question)
    if rng.random() < _CHANGED and (old := gap.fresh(rng, world.held_out)) and old != value:
        former = plain_pauses(before + old + after)
    return Told(at=draw_time(world, rng), speaker=speaker, text=plain_pauses(text), question=question, former=former)


def plain_pauses(text: str) -> str:
    """A sentence as a chat line: blanks for its commas and stops."""
    return _PAUSES.sub(" ", text).strip()


def _asked(before: str, after: str, gap: _Gap, rng: Random) -> str:
    """The clause around the gap with a question word in it, some light words dropped and others put in."""
    left, right = re.split(r"[，。！？ ]", before)[-1][-12:], re.split(r"[，。！？ ]", after)[0][:10]
    if gap.kind == "why":
        left, right = "", ""
        other = [clause for clause in re.split(r"[，。！？ ]", before.removesuffix("因为") + "，" + after) if len(clause) > 3]
        return rng.choice(("为什么", "为啥", "怎么")) + rng.choice(other)[:12] if other else ""
    if len(left) + len(right) < 6:  # too little to know it by: take the clause before as well
        clauses = [clause for clause in re.split(r"[，。！？ ]", before)[:-1] if clause]
        left = (clauses[-1][-8:] + rng.choice(("，", " ", "")) if clauses else "") + left
    drop = rng.choice((0.0, 0.3, 0.7))
    left = _LIGHT.sub(lambda match: "" if rng.random() < drop else match[0], left)
    right = _LIGHT.sub(lambda match: "" if rng.random() < drop else match[0], right)
    if rng.random() < 0.25:
        left = (
            rng.choice(_FILLERS) + left
            if rng.random() < 0.6
            else left + rng.choice(("到底", "最后", "究竟")) * (not left.endswith(("在", "去", "到", "回", "住")))
        )
    return left + rng.choice(gap.asked) + right


def _terse(value: str, gap: _Gap, rng: Random) -> str:
    """An answer as one gives it when just asked."""
    before = rng.choice(("", "", "", "是", "就", "嗯 ", "好像", "应该是", "我看看 ", "对 "))
    after = (
        rng.choice(("", "", "", "吧", "啊", "左右", "呀", "多", " 怎么了"))
        if gap.kind in _COUNTED
        else rng.choice(("", "", "吧", "啊", "的"))
    )
    return before + value + after


def addressed(asked: str, speaker: str, world: World, rng: Random) -> str:
    """The question as put to the owner: "I" of the line is "you", or the name of who said it."""
    if world.language == "en":
        return asked if speaker == world.owner or rng.random() < 0.6 else f"{speaker} {asked}"
    if speaker == world.owner:
        return asked.replace("我", "你" if rng.random() < 0.8 else "我")
    if "我" in asked:
        return asked.replace("我", speaker, 1).replace("我", "他")
    return speaker + asked if rng.random() < 0.25 else asked
