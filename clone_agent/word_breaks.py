"""Where Chinese words end that would read as words of time with what follows: no 前天 in 以前天天, no 五一 in 上周五一起.

Chinese is written without blanks, so two neighbouring words may hold a third. Whoever looks for words of time looks in `break_words`.
"""

import re

BREAK = "\0"  # no chat program writes it

# A weekday's own character; not where it begins another word: 上周天气, 上周一直, 上周四川, 上周三个人.
WEEKDAY = (
    "(?!一[直起共样些路模]|二[手模]|三[亚国明星]|四[川级季]|五金|六级|日[本语常程历]|天[气空津]|天天(?!气)|[一二三四五六1-7][个次])"
    r"(?:[一二三四五六日天末]|[1-7](?![\d.:点号天人月年岁]))"
)
_WEEK = "(?:周|星期|礼拜)"
_UNIT = "(?:分钟|小时|钟头|天|日|周|星期|礼拜|月|年)"
_COUNT = r"(?:\d|[一二两三四五六七八九十百几半])[ 个半多来]*"
_BREAKS = re.compile(
    "|".join(
        [
            # 从前 is left out: 从前天起. 所以前天, 因此前天, 项目前天 hold the day.
            r"(?:(?<![所可难足])以|(?<![总反])之|(?<!因)此|(?<![项题节科数])目)前(?=[天年月日周晚星礼])",
            r"(?:(?<![所可难足])以|(?<![总反])之|(?<!因)此|今|往|然|最|随)后(?=[天年])",
            rf"{_COUNT}{_UNIT}半?多?[以之]?前(?=[天年月日周晚星礼])|{_COUNT}{_UNIT}半?多?[以之]?后(?=[天年])",
            # What begins behind decides: 考试前|天天, but 前天|天气; 出门前|天气, but 前天|气死.
            "[前后](?=天天(?![气津空猫台亮黑冷热晴阴没])|天气(?![死坏炸急得哭人疯])|年轻(?!轻)|年龄)",
            rf"(?:[晚早马身楼赶碰遇]|在(?:微信|QQ|钉钉|飞书|网|路|街|车|船|床|山|会|课|飞机|高铁|火车|地铁|公交))上(?=上?一?个?(?:{_WEEK}|[月年]))",
            rf"[一楼乡底私剩余当眼]下(?=下?个?(?:{_WEEK}|月))",
            rf"[日课版基剧书原根成]本(?={_WEEK}|[月年])",
            rf"{_WEEK}{WEEKDAY}(?![岁年围到])",
        ]
    )
)


def break_words(text: str) -> str:
    """The text with a `BREAK` at the end of every such word."""
    return _BREAKS.sub(lambda found: found[0] + BREAK, text)
