"""Values for the slots of the reading tasks: words of a kind, and strings that nobody has seen before.

A model that meets the same fifty restaurants over and over learns the restaurants. So half of the open kinds are random characters with a
fitting ending, and every eighth word of the lists is kept for evaluation alone.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from random import Random
from zlib import crc32

from finetune.base_model.tokenizer import han_characters

HELD_OUT = 8  # one word or pattern of so many is for evaluation alone
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜"
    "范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
_FIRST = 3_755  # characters of level 1 of GB 2312
# Endings of invented names, by kind of slot.
_ENDINGS = {
    "city": "市 县 镇 岛 州 城 港 村 湾",
    "spot_far": "山 湖 古镇 寺 公园 海边 水库 草原 峡谷 古城 岛 博物馆 乐园 村 塔 温泉 森林公园",
    "eatery": "火锅 面馆 小馆 烧烤 咖啡 饭店 食堂 私房菜 酒家 茶餐厅 大排档 串串 记 居 楼 厨房",
    "dish": "面 鱼 鸡 汤 饼 粉 饭 糕 包 虾 豆腐 排骨 丸子 牛肉 茶 粥",
    "object": "杯 包 伞 盒 机 表 灯 鞋 帽 书 琴 壶 笔 锅 卡 本 器 椅 球拍 耳机",
    "shop": "商场 超市 市场 百货 小店 书店 广场",
    "company": "科技 传媒 公司 银行 集团 设计院 工作室 研究所 物流 出版社",
    "estate": "小区 花园 家园 公寓 路 街 新村 里 苑",
    "hospital": "医院 诊所 卫生院 人民医院",
    "spot_city": "站 路口 机场 广场 地铁站 北门 驿站 桥",
    "team": "队 俱乐部 联",
}


@cache
def words(kind: str, language: str) -> tuple[str, ...]:
    """The listed words of a kind."""
    text = files("finetune.base_model").joinpath(f"words_{language}.txt").read_text("utf-8")
    table = dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))
    return tuple(word.replace("\\n", "\n") for word in table[kind].split("|")) if kind in table else ()


def is_held_out(text: str) -> bool:
    """Whether a word or pattern is kept for evaluation."""
    return crc32(text.encode()) % HELD_OUT == 0


def pick(rng: Random, choices: Sequence[str], *, held_out: bool) -> str:
    """One of the choices of this side of the split (any, where a side is empty)."""
    side = [choice for choice in choices if is_held_out(choice) == held_out]
    return rng.choice(side or list(choices))


def slot_value(kind: str, rng: Random, *, language: str, held_out: bool) -> str:
    """A value of a kind of slot."""
    listed = words(kind, language)
    if language == "en":
        return _english(kind, listed, rng, held_out=held_out)
    number = _number(kind, rng)
    if number:
        return number
    if kind in {"person", "petname"} and rng.random() < 0.8:
        return person_name(rng, language, held_out=held_out)
    if kind == "title" and rng.random() < 0.7:
        return random_han(rng, 2, 5)
    if kind in _ENDINGS and (rng.random() < 0.55 or not listed):
        return random_han(rng, 1, 3) + rng.choice(_ENDINGS[kind].split())
    if not listed or rng.random() < 0.2:
        return random_han(rng, 2, 4)
    return pick(rng, listed, held_out=held_out)


def random_han(rng: Random, least: int, most: int) -> str:
    """Random Han characters: common ones half of the time, else any of GB 2312."""
    size = rng.randint(least, most)
    if rng.random() < 0.5:
        return "".join(rng.choices(_everyday_characters(), k=size))
    table = han_characters_once()
    return "".join(table[rng.randrange(_FIRST if rng.random() < 0.9 else len(table))] for _ in range(size))


@cache
def _everyday_characters() -> tuple[str, ...]:
    """The Han characters of the word lists."""
    text = files("finetune.base_model").joinpath("words_zh.txt").read_text("utf-8")
    return tuple(sorted({character for character in text if "一" <= character <= "鿿"}))


@cache
def han_characters_once() -> tuple[str, ...]:
    """The characters of GB 2312, made once."""
    return tuple(han_characters())


def person_name(rng: Random, language: str, *, held_out: bool) -> str:
    """A name or nick as a chat shows it."""
    if language == "en":
        return pick(rng, words("person", "en"), held_out=held_out) if rng.random() < 0.7 else _invented(rng).capitalize()
    form = rng.random()
    if form < 0.45:
        return rng.choice(_SURNAMES) + random_han(rng, 1, 2)
    if form < 0.53:
        return rng.choice(("小", "老", "阿", "大")) + (rng.choice(_SURNAMES) if rng.random() < 0.4 else random_han(rng, 1, 1))
    if form < 0.68:
        return pick(rng, words("person", "zh"), held_out=held_out)
    if form < 0.85:
        return random_han(rng, 2, 4)
    if form < 0.9:
        return (character := random_han(rng, 1, 1)) + character
    return (
        pick(rng, words("person", "en"), held_out=held_out)
        if rng.random() < 0.5
        else _invented(rng) + rng.choice(("", "", "_", str(rng.randrange(100))))
    )


def _invented(rng: Random) -> str:
    """A pronounceable word that means nothing."""
    return "".join(rng.choice("bcdfghjklmnprstvwz") + rng.choice("aeiou") for _ in range(rng.randint(1, 3))) + rng.choice(
        ("", "n", "r", "l", "x")
    )


def _clock(rng: Random) -> str:
    hour, minute = rng.randint(0, 23), rng.choice((0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, rng.randrange(60)))
    spoken = "一两三四五六七八九十"
    form = rng.random()
    if form < 0.45:
        return f"{hour}:{minute:02}"
    if form < 0.65:
        part = rng.choice(("早上", "上午", "") if hour < 12 else ("下午", "晚上", ""))
        return f"{part}{(hour - 1) % 12 + 1}点" + ("" if minute == 0 else "半" if minute == 30 else f"{minute:02}")
    if form < 0.8:
        return f"{rng.choice(('早上', '下午', '晚上', ''))}{rng.choice(spoken)}点{rng.choice(('', '半', '一刻'))}"
    return f"{hour}点{minute}" if minute else f"{hour}点"


def _number(kind: str, rng: Random) -> str:
    """A value of the kinds that are made of digits; empty for other kinds."""
    if kind == "code":
        return rng.choice(
            (
                str(rng.randrange(1_000, 9_999_999)),
                f"{rng.randint(1, 30)}-{rng.randint(1, 9)}-{rng.randrange(1_000, 9_999)}",
                _invented(rng) + str(rng.randrange(1_000)),
            )
        )
    if kind == "money":
        amount = rng.choice((rng.randint(2, 99), rng.randint(100, 999), rng.randint(1_000, 19_999), rng.randint(1, 50) * 100))
        return (
            f"{amount}{rng.choice(('块', '元', '', '块钱'))}"
            if rng.random() < 0.85
            else rng.choice("一二三四五六七八九") + rng.choice(("百", "千", "万", "百五", "千二"))
        )
    plain = {
        "age": (1, 99), "small": (2, 30), "score": (20, 150), "shoe": (34, 46), "weight": (80, 220), "minutes": (3, 90),
    }  # fmt: skip
    if kind in plain:
        return str(rng.randint(*plain[kind]))
    match kind:
        case "clock":
            return _clock(rng)
        case "md":
            return f"{rng.randint(1, 12)}月{rng.randint(1, 28)}{rng.choice('号日')}"
        case "room":
            return rng.choice(
                (
                    f"{rng.randint(1, 30)}{rng.randint(0, 9):02}",
                    f"{rng.choice('ABCDEF')}{rng.randint(101, 620)}",
                    f"{rng.randint(1, 20)}栋{rng.randint(101, 2_804)}",
                )
            )
        case "flight":
            return "".join(rng.choice("ABCFGHMSUZ389") for _ in range(2)) + str(rng.randrange(1_000, 9_999))
        case _:
            return ""


def _english(kind: str, listed: Sequence[str], rng: Random, *, held_out: bool) -> str:
    match kind:
        case "clock":
            return rng.choice(
                (
                    f"{rng.randint(1, 12)}{rng.choice(('am', 'pm'))}",
                    f"{rng.randint(1, 12)}:{rng.randrange(0, 60, 5):02}",
                    f"{rng.randint(0, 23)}:{rng.randrange(60):02}",
                )
            )
        case "money":
            return rng.choice((f"${rng.randint(2, 999)}", f"{rng.randint(2, 99)} bucks", f"${rng.randint(1, 99)}.{rng.randint(10, 99)}"))
        case "age" | "small" | "score":
            return str(rng.randint(2, 99))
        case "code":
            return rng.choice((str(rng.randrange(1_000, 999_999)), _invented(rng) + str(rng.randrange(1_000))))
        case "person" | "petname":
            return person_name(rng, "en", held_out=held_out)
    word = pick(rng, listed, held_out=held_out) if listed else _invented(rng)
    return f"{_invented(rng).capitalize()} {word}" if kind in {"eatery", "place", "company"} and rng.random() < 0.6 else word
