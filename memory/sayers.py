"""Who said what a question asks for: "我喊你先换啥" asks for words of who asks, "你说几点" for the owner's, "方姐嫌它怎么了" for hers."""

import re
from collections.abc import Callable

_SAYS = re.compile(
    r"(?:说|讲(?!机|座|究)|喊|让|教|劝|嫌|骂|夸|写(?!字楼|真)|赌|叮嘱|吩咐|告诉|提醒|问|答应|保证|建议|推荐|形容|评价|承认|叫(?=[你我他她咱]))"
    r"|\b(?:say|said|tell|told|ask|asked|promise[ds]?|swear|swore|suggest(?:ed)?|advise[ds]?|call|called)\b",
    re.IGNORECASE,
)
_SUBJECT = 8  # characters before the word in which its subject stands, in English three words
_TO_WHOM = re.compile(r"[跟对给向][^跟对给向]{1,6}$|和[我你他她咱]们?$")
_ANOTHERS = re.compile(r"[他她](?:爸|妈|哥|姐|弟|妹|爷|奶|叔|姨|舅|外|同)")  # "周屿他爸" is nobody of ours
_PRONOUN = re.compile(r"(?P<asker>我(?!们)|\bi\b)|你(?!们)|\byou\b", re.IGNORECASE)


def who_said(question: str, *, called: Callable[[str], frozenset[str]], asker: frozenset[str], owner: frozenset[str]) -> frozenset[str]:
    """The ids of who said it; empty where the question does not tell.

    Args:
        question: one that stands alone.
        called: the people whom a text names.
        asker: who asks, "I".
        owner: whose clone is asked, "you".
    """
    for verb in _SAYS.finditer(question):
        clause = re.split(r"[，。,;；？?！!]", question[: verb.start()])[-1]
        before = _TO_WHOM.sub("", " ".join(clause.split(" ")[-4:]) if clause.isascii() else clause[-_SUBJECT:])
        if _ANOTHERS.search(before):
            return frozenset()
        if people := called(before):
            return people
        pronouns = list(_PRONOUN.finditer(before))
        if pronouns:
            return asker if pronouns[-1]["asker"] else owner
    return frozenset()
