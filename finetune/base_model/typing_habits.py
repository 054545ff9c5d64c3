"""How lines are typed: the same clauses with blanks, commas, full stops, many exclamation marks, laughter, bills.

The patterns and sentences of the tasks come without punctuation. People type all of it, and a model that has only seen blanks loses its
place at the first comma of a line that it quotes.
"""

import re
from random import Random

from finetune.base_model.slots import random_han

_HAN = "\u4e00-\u9fff"
_GAP = re.compile(rf"(?<=[{_HAN}0-9A-Za-z）)]) +(?=[{_HAN}0-9A-Za-z（(])")
_WITHIN = ("，", "，", "，", "，", "。", "！", "、", "；", " ，", "。 ", "…", "：", "～", ",")
_ENDS = (
    "。",
    "。",
    "！",
    "！！！",
    "？",
    "~",
    "…",
    "哈哈",
    "哈哈哈哈",
    "了",
    "呀",
    "！！",
    "。。。",
    "？！",
    "[捂脸]",
    "[图片]",
    "😂",
    "）",
    ".",
)
_QUOTES = ("“”", '""', "「」", "《》", "（）")
_BILL = ("民宿", "吃饭", "打车", "门票", "房租", "水电", "押金", "奶茶", "快递", "合计", "一共", "油费")
_PUNCTUATED, _ENDED, _BILLED, _QUOTING = 0.6, 0.4, 0.04, 0.05  # shares of the lines


def typed(text: str, rng: Random) -> str:
    """A Chinese line in some hand's punctuation; its clauses stay as they are."""
    if rng.random() < _PUNCTUATED:
        mark = rng.choice(_WITHIN)  # most people keep to one
        text = _GAP.sub(lambda _: mark if rng.random() < 0.8 else rng.choice(_WITHIN), text)
    if rng.random() < _BILLED:
        text = f"{_bill(rng)} {text}" if rng.random() < 0.5 else f"{text} {_bill(rng)}"
    if rng.random() < _QUOTING:
        quotes = rng.choice(_QUOTES)
        text = f"{quotes[0]}{random_han(rng, 2, 4)}{quotes[1]}{text}"
    return text + (rng.choice(_ENDS) if rng.random() < _ENDED else "")


def _bill(rng: Random) -> str:
    """Some things with what they cost."""
    rows = [rng.choice(_BILL) + rng.choice(("", "", "：", " ")) + str(rng.randint(2, 3_000)) for _ in range(rng.randint(1, 4))]
    return rng.choice((" ", "，", " ")).join(rows)
