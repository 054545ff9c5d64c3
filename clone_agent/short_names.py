"""Names of one letter or character, which are words too: a name only where the words around say so.

花 is a friend in "@花", "花姐", "花：明天不去", "我叫花", "花说她不来", and a flower elsewhere. What these frames hold is found; the rest
stays, so that no sentence loses its words. Characters that make other words in a frame (大哥, 听说, 好，) are never taken for a name
there.
"""

import re
from collections.abc import Sequence

_TITLES = (
    "哥 姐 弟 妹 叔 姨 婶 伯 爷 奶 嫂 总(?![是会在不得能有要之共算体结]) 工(?![作夫程人资厂具]) 导(?![致航游师入出弹演]) "
    "老师 同学 老板 经理 医生 师傅 学长 学姐 学弟 学妹 女士 先生"
)
_NOT_TITLED = (  # 大哥, 帅哥, 空姐, 师姐 …
    "大二三四五六七八九十小老亲表堂干我你他她它男女的这那哪好师学帅美警空的保护某各两几每"
)
_ASKS = (
    "问 说 让 叫 喊 约 催 骂 陪 请 给 跟 和 找 替 帮 等 对 向 被 与 @ 下 "
    "上 了 是 有 去 到 又 都 就 才 还 也 连 昨天 今天 明天 刚才 刚刚 后来 然后 但是 所以 听"
)
_NOT_SAYING = (  # 听说, 据说, 再说 …
    "我你他她它谁话听据再别不要就来想可总也都小学演解传胡乱瞎假申述老常难又还一先后这那怎么好没人是能会敢真"
)
_SAYS = (
    r"(?:说|问|讲|回|告诉|通知|喊|叫)(?:[我你他她它咱]|今|明|昨|下|上|周|她们|他们|没|不[来去想要行在能会]|要|想|等|让|会|有|[:：，, ]|$)"
)
_NOT_CALLED = (
    "好嗯哦啊是对行不没有在来去嘿哈哎唉诶喂哇呀咦嘻呵切草靠我你他她它谁啥额呃噢"
    "喔哼早晚干走停滚快慢看听说等这那今明昨前后上下左右一二三四五六七八九十百千万"
)
_NOT_LABEL = "问答注附说日晚早图例题甲乙丙丁男女"
_NO_HAN, _NO_LATIN = r"(?<![\u4e00-\u9fff])", r"(?<![A-Za-z0-9'])"


def short_names_pattern(names: Sequence[str]) -> re.Pattern[str] | None:
    """Where some names of one letter or character stand as names, each in a group of its own; None: there are none."""
    signs = [name for name in names if len(name) == 1]
    latin, others = [sign for sign in signs if sign.isascii()], [sign for sign in signs if not sign.isascii()]
    frames = [*_frames(others, before=_NO_HAN, after=""), *_frames(latin, before=_NO_LATIN, after="(?![A-Za-z0-9'])")]
    return re.compile("|".join(f"(?:{frame})" for frame in frames)) if frames else None


def short_name_at(found: re.Match[str]) -> tuple[int, int]:
    """Where the name itself stands in a frame."""
    return next((start, end) for start, end in found.regs[1:] if start >= 0)


def _frames(signs: Sequence[str], *, before: str, after: str) -> list[str]:
    """What stands around a name; `before` and `after` keep it from being cut out of a longer word."""
    asked = "|".join(rf"(?<={word})" for word in _ASKS.split())
    frames = (
        ("", r"(?<=@){}(?=[\s，,。.!！?？:：]|$|[\u4e00-\u9fff])"),
        ("", r"(?:[我他她你]叫|叫[我他她]|[妹弟哥姐友学儿事]叫|名叫|名字叫|外号){}(?=[\s，,。.!！?？~]|$|就[行好]|吧|吗|的)"),
        (_NOT_TITLED, rf"(?:{before}|{asked}){{}}(?={'|'.join(_TITLES.split())})"),
        (_NOT_LABEL, r"(?:(?<=\n)|\A){}(?=[:：])"),
        (_NOT_SAYING, rf"(?:{before}|(?<=昨天|今天|刚才|刚刚|后来|上次)){{}}(?={_SAYS})"),
        (_NOT_CALLED, r"(?:(?<=\n)|\A){}(?=[，, ]\s?(?:你|在吗|在不在|帮我|快|借我|给我|明天|今晚|我到))"),
    )
    found = []
    for without, frame in frames:
        if some := "".join(re.escape(sign) for sign in signs if sign not in without):
            found.append(frame.replace("{}", f"([{some}]){after}"))
    return found
