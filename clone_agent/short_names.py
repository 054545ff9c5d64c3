"""Names of one letter or character, which are words too: a name only where the words around say so.

花 is a friend in "@花", "花姐", "花：明天不去", "我叫花", "花说她不来", "听花说要搬", and a flower elsewhere. What these frames hold is
found; the rest stays, so that no sentence loses its words. Characters that make other words in a frame (大哥, 听说, 好，) are never
taken for a name there. Of a character that is no word by itself (敏, 磊) more frames are telling: "敏你别催" is not about a thing.
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
    r"(?:说|问|讲|回|告诉|通知|喊|叫)"
    r"(?:[我你他她它咱]|今|明|昨|[下上][周个次午班]|周|她们|他们|没|不[来去想要行在能会]|要|想|等|让|会|有|[:：，, ]|$)"
)
_HEARD = r"(?:说|讲)(?![明书法戏话唱辞评])|提[起过到]"  # 听明说要裁员
_CALLED = r"你(?:在[哪干]|到[哪家]|作业|先睡|几点|啥时候|什么时候|回[我家来]|来接)"  # not 鱼你快吃, 雪你看见没
_DO_TOGETHER = r"双排|聊[天到了]|去[看吃玩逛游医]|吃[饭火]|喝[酒咖]|打球|视频|一起去"  # not 和鱼一起炖
_NOT_MET = "风团车饭球面酒床课练"  # 跟风, 跟团, 约车, 陪练
_HANDS = "留占取倒订捎抢写拍挑找放做买拿带送"  # what is done for somebody: 给萱留个门
_WHEN = "最近|现在|平时|以前|已经|一直|正在|老是|怎么|咋|为什么|为啥|没(?!有|事)"  # 琪最近忙啥
_THINGS = (  # 萱的围巾
    "围巾|帽子|外套|衣服|鞋|包|伞|耳机|钥匙|手机|电脑|充电器|杯子|书|票|快递|行李|头像|微信|电话|生日|婚礼|对象|孩子|房间|车|照片|朋友圈|"
    "[爸妈哥姐弟妹爷奶]"
)
_TELLS = r"说(?!明|法|服|话|教|唱|辞)"
_ACTS = (  # 敏你别催, 磊到楼下了, 宁妈也来
    r"你(?!的|们)|呢(?:[ ?？]|$)|在(?:吗|不在|家|哪)|到(?:了|哪|楼下|家|没)|别(?!人|的|处)|快(?:来|看|到)|[妈爸](?!的)|"
    rf"{_TELLS}|[他她](?!们)|[也还又把被刚]|[今昨明]天|周[一二三四五六日天末]|[上下]周|{_WHEN}|的(?:{_THINGS})|[{_HANDS}](?:的|了|好|完|过)"
)
_MEETS = (  # 和磊打球去了, 给磊打个电话; not 找静的地方
    rf"[{_HANDS}先少到]|"
    r"去|来(?!的)|吃|喝|打(?!扰|开|包)|聊|看|玩|逛|走|说(?!法|明|服)|讲|要|约|双排|[下上]班|一起|一块|视频|[\s，,。!！?？]|$|[借吵拿取寄发帮也]|周[一二三四五六日天末]|[今明昨后]天|还有|"
    r"[他她]|的(?:合照|照片|车|生日|微信|电话|婚礼|事|意思|对象|孩子|手机|号)"
)
_NOT_CALLED = (
    "好嗯哦啊是对行不没有在来去嘿哈哎唉诶喂哇呀咦嘻呵切草靠我你他她它谁啥额呃噢"
    "喔哼早晚干走停滚快慢看听说等这那今明昨前后上下左右一二三四五六七八九十百千万"
)
_NOT_LABEL = "问答注附说日晚早图例题甲乙丙丁男女"
_NOT_HEARD = _NOT_SAYING + "歌书戏课曲琴雨风话力众人"  # 听书说, 听风说雨
_WORDS = (  # said by themselves, as things, deeds or qualities; what is not here is a name when it stands alone
    "花鱼雪风雨云水火山石树草叶虫鸟猫狗猪牛马羊鸡鸭鹅兔龙虎蛇熊狼鹿猴象米面饭菜肉蛋糖茶酒果瓜豆盐油醋汤粥饼糕奶咖啡梨桃枣杏李莓"
    "车船门窗灯床桌椅书笔纸包鞋衣帽裤裙钱票卡手脚头脸眼嘴牙心腿腰背天日月星光春夏秋冬年歌琴棋画球网电药病梦家人冰雷海河湖江沙土泥"
    "铁金银铜玉珠刀枪剑锅碗盘杯瓶盒箱袋伞表镜糊团群店楼城村路桥街站房屋墙井田园地国省市县区校班课题字词句诗文曲戏影片"
    "爸妈爷奶哥姐弟妹叔姨婶伯嫂姑舅娘爹婆公孙儿女男老小大多少高低长短远近快慢早晚新旧好坏美丑真假对错冷热干湿轻重松紧软硬"
    "甜酸苦辣咸香臭红黄蓝绿白黑灰紫青粉安乐喜怒哀爱恨怕想思念盼信笑哭闹吵骂打吃喝玩看听说讲问答叫喊唱跳跑走站坐躺睡醒买卖送接"
    "带拿放给让请求劝催等找约陪帮跟和与同被把对向从在是有没不别要会能可得行成到来去上下进出回起开关停换用做写读学教懂知见"
    "晴阴明亮满空圆方正反平直弯尖全半零一二三四五六七八九十百千万亿双单我你他她它咱谁这那哪嗯哦啊哈唉诶喂哇呀咦随凭由任使为比"
    "吧吗呢了的地得着过再又还也都就才只最更太很挺先后前左右里外中间内旁边本各每某两几第些点下次回场件条张只个"
)
_NO_HAN, _NO_LATIN = r"(?<![\u4e00-\u9fff])", r"(?<![A-Za-z0-9'])"


def short_names_pattern(names: Sequence[str]) -> re.Pattern[str] | None:
    """Where some names of one letter or character stand as names, each in a group of its own; None: there are none."""
    signs = [name for name in names if len(name) == 1]
    latin, others = [sign for sign in signs if sign.isascii()], [sign for sign in signs if not sign.isascii()]
    frames = [*_frames(others, before=_NO_HAN, after=""), *_frames(latin, before=_NO_LATIN, after="(?![A-Za-z0-9'])")]
    frames += [*_bare_frames([sign for sign in others if sign not in _WORDS]), *_latin_frames(latin)]
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
        (_NOT_CALLED, rf"(?:(?<=\n)|\A){{}}(?={_CALLED})"),
        (_NOT_HEARD, rf"(?<=听){{}}(?={_HEARD})"),
        (_NOT_MET, rf"(?<=[和跟约陪]){{}}(?={_DO_TOGETHER})"),
    )
    return _filled(frames, signs, after)


def _bare_frames(signs: Sequence[str]) -> list[str]:
    """More frames for characters that are no words by themselves: they are called, they do something, somebody does something with them."""
    frames = (
        ("", rf"(?:(?<=[\n\s，,。.!！?？~])|\A){{}}(?={_ACTS})"),
        ("", r"(?:(?<=\n)|\A){}(?=[ ，,]\S)"),
        ("", r"(?<=昨天|今天|明天|刚才|刚刚|上次|后来|周末){}(?=[请给把来去说问也还没在到打带买送借发约叫要])"),
    )
    return [*_filled(frames, signs, ""), *_company_frames(signs, "")]


def _company_frames(signs: Sequence[str], after: str) -> list[str]:
    """Somebody does something with them: 跟磊去打球, 给J打个电话."""
    return _filled((("", rf"(?<=[和跟约陪找问等给叫喊让帮替带接送请见听]){{}}(?={_MEETS})"),), signs, after)


def _latin_frames(signs: Sequence[str]) -> list[str]:
    """Likewise for letters, which also number things: not H也可以."""
    alone = "(?![A-Za-z0-9'])"
    return [*_filled((("", rf"(?:(?<=\n)|\A){{}}(?={_TELLS})"),), signs, alone), *_company_frames(signs, alone)]


def _filled(frames: Sequence[tuple[str, str]], signs: Sequence[str], after: str) -> list[str]:
    """The frames with the signs that each may hold; one that may hold none is left out."""
    found = []
    for without, frame in frames:
        if some := "".join(re.escape(sign) for sign in signs if sign not in without):
            found.append(frame.replace("{}", f"([{some}]){after}"))
    return found
