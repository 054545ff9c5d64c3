"""What kind of answer a question wants: an amount of something, money, a day, a person, a place, a name.

"一天卖出去多少碗" wants a number and best one before 碗, "工资拿多少" money, "几点" a time of the clock, "哪天" a day, "谁唱的" a person,
"哪个城市" a place, "叫什么" a name, "哪边脚" a side, "什么型号" letters and digits.
"""

import re
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What is asked for."""

    AMOUNT = "amount"
    MONEY = "money"
    MOMENT = "moment"
    DAY = "day"
    CLOCK = "clock"
    PERSON = "person"
    PLACE = "place"
    NAME = "name"
    SIDE = "side"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The kind of answer, with the unit that stands behind the number, as alternatives of a regular expression; "" for any."""

    kind: Kind
    unit: str = ""


# Words that stand between a number and what is counted, and units.
MEASURES = (
    "公斤|公里|厘米|毫升|分钟|小时|星期|人次|个月|平米|个|只|条|张|次|回|遍|趟|岁|斤|克|吨|米|里|碗|锅|杯|盘|盏|份|包|袋|盒|箱|瓶|罐|块|元|毛|分|秒|天|年|月|周"
    "|页|本|台|辆|件|套|人|位|名|家|间|层|楼|棵|朵|篇|首|届|道|圈|步|口|句|字|寸|盆|桶|根|颗|粒|片|双|副|对|班|站|号|排|节|门|集|章|场|顿|轮|票|批|单|度|级|样|种|把|任|针|勺|晚"
)
_NOT_MEASURED = "(?![子水])"  # 多少包子, 多少口水
_MOMENT_WORDS = re.compile(
    r"哪[天日年]|哪个?月|什么时候|啥时候?|何时|几点|几号|几月|[周星期]几|礼拜几|初几|\bwhat (?:time|day|date|year|month)\b"
    r"|^(?:(?!\b(?:how|what|which|who|whose|whom|where|why)\b).)*\bwhen\b",  # "how old was he when you met" asks for no moment
    re.IGNORECASE,
)
_CLOCK_WORDS = re.compile(r"几点|什么时间|\bwhat time\b", re.IGNORECASE)
_DAY_WORDS = re.compile(r"几号|哪一?[天日]|初几|[周星期]几|礼拜几|\bwhat (?:day|date)\b", re.IGNORECASE)
_SOME = "(?<![那这前后哪])(?<!(?<!过)头)(?<!(?<!说)好)几"  # 那几天, 好几个 and 哪几个 ask for no number
_COUNTED = re.compile(rf"(?:多少|好多|{_SOME}(?![乎何率]))[十百千万]?(?:来|多)?({MEASURES}){_NOT_MEASURED}")
_COUNTS = re.compile(rf"多少|{_SOME}(?![乎何率个])")
_MONEY_WORDS = re.compile(
    r"[多好][少多]钱|(?<![吃切分剩咬])(?<![吃切分剩咬]了)几块|几毛|几个钱|多少[块元]|多贵|[花摊掏付收赚挣赔退]了?(?:你|我|他|她)?(?:掉|出去)?(?:多少|几)"
    r"|(?:工资|房租|租金|押金|成本|价格|报价|奖金|红包|月薪)[^，。]{0,6}多少"
    r"|多少(?:工资|房租|租金|押金|成本|奖金|红包|份子|[\u4e00-\u9fff]{1,2}费)"
    r"|\bhow much (?:money|did .* (?:cost|pay|spend)|was|is)\b|\bwhat price\b",
    re.IGNORECASE,
)
_MEASURED = re.compile(r"多([大高重长久远宽深快])")
_ENGLISH_AMOUNT = re.compile(
    r"\bhow (?:much|many|long|old|far|late|often|big|tall|heavy|fast|high|deep|cold|hot|warm)\b"
    r"|\bwhat (?:price|score|number|percentage|size|age)\b",
    re.IGNORECASE,
)
_ANY_OF_THEM = re.compile(r"[谁哪啥何几多]|什么|\b(?:wh|how\b)", re.IGNORECASE)  # without one, none of the kinds is asked for
_PERSON_WORDS = re.compile(
    r"谁|哪位|哪个(?:人|同事|同学|朋友|老师|室友)|什么人|[给跟和找让请]哪个|哪个(?=[给先说挑摘帮教送写唱赢输]|最先)"
    r"|\bwho(?:se|m)?\b|\bwhich of (?:us|you|them|the|your|his|her|their|our|my)\b",
    re.IGNORECASE,
)
_PLACE_WORDS = re.compile(
    r"哪里|哪儿|[去在到回住]哪(?![个天位种边一些几])|哪个?(?:城市|地方|国家|省|市场|商场|医院|学校|公园|车站|机场|酒店|饭店|餐厅|店|庙|村|镇|区|小区|馆|站|路口|海边|园子|场子|雪场|车位)"
    r"|哪一?(?:座山|条[路街巷河]|段路|片(?!药)|层)"
    r"|哪家(?:店|馆|医院|酒店|饭店|餐厅)?|(?:什么|啥)(?:地方|位置|城市)|\bwhere\b|\b(?:what|which) (?:city|country|town|place)\b",
    re.IGNORECASE,
)
_NAME_WORDS = re.compile(
    r"(?:叫(?:做|个)?|姓)(?:什么|啥)|什么名字|啥名字?|\bwhat(?:'s| is| was) .{0,30}(?:called|name)\b|\bname of\b", re.IGNORECASE
)
_SIDE_WORDS = re.compile(r"哪一?[边侧只条]的?(?:手|脚|腿|眼|耳|膝|肩|胳膊|脸)|哪一?[边侧]|\bwhich (?:side|hand|foot|leg|eye|arm)\b")
_MODEL_WORDS = re.compile(r"型号|哪一?款|\bwhich model\b|\bwhat model\b", re.IGNORECASE)
# What stands behind a number that measures, by the word that asks for it.
_UNITS = {
    "大": "岁|平|寸|号|升|毫升|ml",
    "高": "米|厘米|公分|层|cm|m",
    "重": "斤|公斤|克|两|吨|kg|g",
    "长": "米|厘米|公里|年|个?月|天|小时|钟头|分钟|cm|m",
    "久": "年|个?月|天|小时|钟头|分钟|秒|周|星期",
    "远": "米|公里|里|站|km",
    "宽": "米|厘米",
    "深": "米",
    "快": "秒|分|码|公里",
}
_HOW_IT_ENDED = re.compile(
    r"最后|最终|到底|究竟|后来|现在|如今|改[到成]|定的|算下来|结果|正式|一共|总共"
    r"|\b(?:in total|altogether|end(?:ed)? up|in the end|final(?:ly)?|now|currently|these days)\b",
    re.IGNORECASE,
)


def wants_the_end(question: str) -> bool:
    """Whether a question asks how something came out, or how it is now."""
    return _HOW_IT_ENDED.search(question) is not None


def wanted(question: str) -> Wanted | None:
    """The kind of answer that a question wants; None where it does not tell."""
    if not _ANY_OF_THEM.search(question):
        return None
    if _CLOCK_WORDS.search(question):
        return Wanted(Kind.CLOCK)
    if _DAY_WORDS.search(question):
        return Wanted(Kind.DAY)
    if _MOMENT_WORDS.search(question):
        return Wanted(Kind.MOMENT)
    if _MONEY_WORDS.search(question):
        return Wanted(Kind.MONEY)
    return _amount(question) or _something(question)


def _amount(question: str) -> Wanted | None:
    if match := _COUNTED.search(question):
        return Wanted(Kind.AMOUNT, "个|人|位|名" if match[1] == "个" else match[1])
    if match := _MEASURED.search(question):
        return Wanted(Kind.AMOUNT, _UNITS[match[1]])
    if _COUNTS.search(question) or _ENGLISH_AMOUNT.search(question):
        return Wanted(Kind.AMOUNT)
    return None


def _something(question: str) -> Wanted | None:
    words = {
        Kind.PERSON: _PERSON_WORDS,
        Kind.SIDE: _SIDE_WORDS,
        Kind.MODEL: _MODEL_WORDS,
        Kind.PLACE: _PLACE_WORDS,
        Kind.NAME: _NAME_WORDS,
    }
    return next((Wanted(kind) for kind, asking in words.items() if asking.search(question)), None)
