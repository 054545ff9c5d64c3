"""Whether a message is small talk, which a person answers out of the moment, or asks for something that memory may hold.

Recall always finds something: to 在干嘛呢 somebody once said 在，干嘛. A large model leaves such lines alone; a small one quotes
them. So for a model that reads few lines, small talk is answered without memory. Small talk is what asks nothing (今天好热, 晚安),
and what asks after the present (吃了吗, 你在哪, 周末干嘛); whoever asks to be told or reminded of something does not make it.
"""

import re

_ASKS = re.compile(
    r"[?？]|什么|啥|谁|哪|多少|多[大久长高远重贵]|几(?!乎)|好多[^了啊]|怎么|咋|为何|吗|呢$|没有$|[了过]没|是不是|有没有|来着"
    r"|\b(?:what|when|who|whom|whose|where|which|why|how|did|do|does|is|are|was|were|have|has|had|can|could|will|would)\b",
    re.IGNORECASE,
)
_REMINDS = re.compile(
    r"记[得不住]|忘|想不?起|想得起|上次|那次|那回|那天|那年|去年|前年|以前|当年|小时候|昨|前天|说说|讲讲|聊聊|告诉|提醒"
    r"|\b(?:remember|remind|forg[eo]t|tell me|last|yesterday|ago|used to|when we)\b",
    re.IGNORECASE,
)
_NOW = re.compile(
    r"^(?:[你您]|那你?|宝贝?|亲爱的|现在|今天|今晚|明天|明晚|晚上|中午|早上|下午|周末|最近|这会儿?|还|都|又|好|hey|hi|hello|[\s，,])*"
    r"(?:在(?:吗|嘛|么|不在?|干(?:嘛|啥|什么)|做(?:什么|啥)|忙(?:吗|什么|啥)?|哪[儿里]?|家吗?)"
    r"|干(?:嘛|啥|什么)|忙(?:吗|什么|啥|不忙)|有空|有时间|有安排"
    r"|怎么样|怎样|咋样|好吗|好不好|还好吗|怎么了|咋了|怎么啦|咋啦|没事[吧吗]"
    r"|吃(?:什么|啥|了|饭|过|没)|喝(?:什么|啥|了)|睡(?:了|着|没|觉)|起(?:床)?(?:了|没)"
    r"|下班|上班|放学|到家|到了|回来|回家|出来|去哪[儿里]?(?!了)|来吗"
    r"|真的吗|怎么办|咋办|(?:你觉得|你说)呢|几点(?:了|下班|放学)?|啊[?？]|没(?:什么|啥)|你知道吗|忙着呢|语音吗|视频吗|方便吗|运动吗|加班吗"
    r"|(?<![你您])(?:去|来|吃|喝|点|打|看|玩|走|约)[^过了]{0,5}吗"
    r"|累(?:吗|不累)|冷(?:吗|不冷)|热(?:吗|不热)|喜欢(?:我|吗)|想我|爱我|是谁$"
    r"|what'?s up|how are you|how'?s it going|what are you (?:doing|up to)|where are you"
    r"|are you (?:ok|okay|there|busy|home|up|awake|free)|(?:have )?you eaten|did you eat"
    r"|really|seriously|guess what|can (?:you talk|i call you)|what do you think|(?:dinner|lunch|hungry|weekend plans)(?=[?？]))"
    r"(?:现在|今天|今晚|明天|玩|干|做|的|呢|呀|啊|了|吗|嘛|没|没有|么|不|吧|哦"
    r"|now|today|tonight|so far|[\s，,?？!！。.~～])*$",
    re.IGNORECASE,
)


def is_small_talk(message: str) -> bool:
    """Whether nothing of the past is asked for."""
    text = message.strip()
    if _REMINDS.search(text):
        return False
    return not _ASKS.search(text) or bool(_NOW.match(text))
