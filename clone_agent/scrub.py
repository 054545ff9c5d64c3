"""Personal data in chat text to placeholders such as `[手机号]`, without touching the rest of the sentence.

A rule is a pattern and, where the pattern alone is too wide, a test: checksums of ID cards (GB 11643) and bank cards (Luhn), words around
a number that tell what it is. Digits are fenced with look-arounds and not with word boundaries, which do not see the edge between a digit
and a Chinese character. Full-width digits and letters count as their ASCII twins. Every repetition is bounded, so no line takes long.

Names are not masked here: they are known from the export itself.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_WIDE = str.maketrans(
    {code: chr(code - 0xFEE0) for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B), 0xFF20, 0xFF0E, 0xFF0D)}
)
_SUSPECT = re.compile(r"[0-9０-９@＠]|密码|口令|wxid_|(?i:passw|pwd|微信|薇信|威信|v[xX]|wx|wechat)")

_PROVINCES = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12]")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"
_ORDER = re.compile(r"(?:单号?|编号|流水号?|订单|运单|快递|物流|尾号|序列号|货号|型号|案号|卷号|时间戳|uid|UID)\s?[:：#是为]?\s?\Z")
_VERSION = re.compile(r"(?:版本号?|[vV]|[vV]er|[vV]ersion|固件)\s?[:：]?\s?\Z")
_STREET_WORDS = re.compile(r"(?:[一走赶上半迷带顺铁公在多几出问开绕堵逛沿]路|[逛上沿扫]街|[知难说频通味渠一管赛跑轨报只几谁讲]道|[搞]弄)\Z")
_STREET_START = re.compile(r"[到在住放是去寄送离从搬回往址于给叫][^\u4e00-\u9fff]?|[^\u4e00-\u9fffA-Za-z0-9]")
_REGION = re.compile(r"[\u4e00-\u9fff]{2,3}(?:省|市|区|县|镇|乡)")
_STREET_REACH = 24  # characters to the left of a house number that may belong to its address


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrubbed:
    """A text without personal data, and what was replaced in it."""

    text: str
    found: dict[str, int] = field(default_factory=dict)  # kind -> how many


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    kind: str
    placeholder: str
    pattern: re.Pattern[str]
    is_real: Callable[[re.Match[str]], bool] | None = None
    reaches_left: bool = False  # the name of the street stands before what the pattern finds


def scrub(text: str) -> Scrubbed:
    """Replace personal data by type: ID and bank cards, numbers, addresses of every sort, passwords and codes.

    Kinds in `found`: id_card, bank_card, phone, landline, email, plate, wechat, qq, ip, address, secret.
    """
    if _SUSPECT.search(text) is None:
        return Scrubbed(text=text)
    spans = sorted(_spans(text.translate(_WIDE)))
    if not spans:
        return Scrubbed(text=text)
    found: dict[str, int] = {}
    parts: list[str] = []
    at = 0
    for start, end, rule in spans:
        parts += (text[at:start], _RULES[rule].placeholder)
        found[_RULES[rule].kind] = found.get(_RULES[rule].kind, 0) + 1
        at = end
    return Scrubbed(text="".join((*parts, text[at:])), found=found)


def _spans(text: str) -> Iterator[tuple[int, int, int]]:
    """Start, end and rule of each piece of personal data, none over another; the earlier rule wins."""
    taken = bytearray(len(text))
    for number, rule in enumerate(_RULES):
        for found in rule.pattern.finditer(text):
            if rule.is_real is not None and not rule.is_real(found):
                continue
            start, end = found.span("value") if "value" in rule.pattern.groupindex else found.span()
            if rule.reaches_left:
                start = _street_start(text, start)
            if not any(taken[start:end]):
                taken[start:end] = b"\x01" * (end - start)
                yield start, end, number


def _street_start(text: str, house: int) -> int:
    """Where the address begins whose street or building ends at `house`: after the last word that leads to it, or at its region."""
    left = max(0, house - _STREET_REACH)
    reach = text[left:house]
    region = _REGION.search(reach)
    starts = [found.end() for found in _STREET_START.finditer(reach) if region is None or found.end() <= region.end() - 2]
    start = max(starts, default=region.start() if region else max(0, len(reach) - 6))
    return left + start


def _before(found: re.Match[str], width: int = 8) -> str:
    return found.string[max(0, found.start() - width) : found.start()]


def _digits(written: str) -> str:
    return "".join(letter for letter in written if letter.isdigit())


def _is_id_card(found: re.Match[str]) -> bool:
    number = found["value"].upper().replace(" ", "").replace("-", "")
    if _PROVINCES.match(number) is None or _ORDER.search(_before(found)):
        return False
    return _ID_CHECKS[sum(int(digit) * weight for digit, weight in zip(number, _ID_WEIGHTS, strict=False)) % 11] == number[17]


def _is_bank_card(found: re.Match[str]) -> bool:
    number = _digits(found[0])
    is_issued = (number.startswith("62") and 16 <= len(number) <= 19) or (number[0] in "45" and len(number) == 16)
    if not is_issued and not (re.match("3[47]", number) and len(number) == 15):
        return False
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number)))
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0 and not _ORDER.search(_before(found))


def _is_no_order(found: re.Match[str]) -> bool:
    return _ORDER.search(_before(found)) is None


def _is_plate(found: re.Match[str]) -> bool:
    return sum(letter.isdigit() for letter in found[0]) >= 3


def _is_wechat(found: re.Match[str]) -> bool:
    value = found["value"]
    return any(letter.isdigit() or letter in "_-" for letter in value) or bool(found["told"])


def _is_ip(found: re.Match[str]) -> bool:
    return all(int(part) < 256 for part in found[0].split(".")) and _VERSION.search(_before(found)) is None


def _is_street(found: re.Match[str]) -> bool:
    return _STREET_WORDS.search(found.string[max(0, found.start() - 1) : found.start() + 1]) is None


_SEP = "[-–. ]?"
_FLOORS = r"(?:[\u4e00-\u9fffA-Za-z0-9]{0,8}?\d{1,4}(?:号楼|号院|栋|幢|座|单元|室|层|楼|房|户)){0,4}(?:\d{2,4}(?!\d))?"
_RULES = (
    _Rule(
        kind="id_card",
        placeholder="[身份证号]",
        pattern=re.compile(
            r"(?<!\d)(?P<value>[1-9]\d{5}[- ]?(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[- ]?\d{3}[\dXx])(?![\dA-Za-z])"
        ),
        is_real=_is_id_card,
    ),
    _Rule(
        kind="id_card",
        placeholder="[身份证号]",
        pattern=re.compile(
            r"(?:身份证(?:号码|号)?|护照(?:号码|号)?)[:： 是为]{0,3}(?P<value>\d{17}[\dXx]|\d{15}|[A-Za-z]{1,2}\d{7,8})(?![\dA-Za-z])"
        ),
    ),
    _Rule(
        kind="bank_card",
        placeholder="[银行卡号]",
        pattern=re.compile(
            r"(?<![\d.])[3-6]\d{3}(?:[ -]?\d{4}){2,3}(?:[ -]?\d{1,3})?(?![\d.]?\d)|(?<![\d.])3[47]\d{2}[ -]?\d{6}[ -]?\d{5}(?!\d)"
        ),
        is_real=_is_bank_card,
    ),
    _Rule(
        kind="phone",
        placeholder="[手机号]",
        pattern=re.compile(
            rf"(?<![\d.])(?<![A-Z]{{2}})(?:(?:\+|00)?86[- ]?|\(\+?86\) ?)?"
            rf"1[3-9](?:\d{_SEP}\d{{4}}{_SEP}\d{{4}}|\d{{2}}{_SEP}\d{{3}}{_SEP}\d{{4}}|\d{{3}}[- ]\d{{6}}|\d{{4}}[- ]\d{{5}})"
            r"(?!\d|\.\d|\s?(?:元|块|万|亿|次|步|字节))"
        ),
        is_real=_is_no_order,
    ),
    _Rule(
        kind="landline",
        placeholder="[座机号]",
        pattern=re.compile(r"(?<![\d.-])(?:\+?86[- ]?)?\(?0(?:10|2\d|[3-9]\d{2})\)?[- ]?[2-8]\d{2,3}[- ]?\d{4}(?:[-转]\d{1,5})?(?![\d-])"),
        is_real=_is_no_order,
    ),
    _Rule(
        kind="email",
        placeholder="[邮箱]",
        pattern=re.compile(
            r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9_][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,6}[A-Za-z]{2,24}(?![A-Za-z0-9])"
        ),
    ),
    _Rule(
        kind="plate",
        placeholder="[车牌号]",
        pattern=re.compile(
            r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Za-hj-np-z][·•.\s]?"
            r"(?:[DFdf][A-HJ-NP-Za-hj-np-z0-9]\d{4}|\d{5}[DFdf]|[A-HJ-NP-Za-hj-np-z0-9]{4}[A-HJ-NP-Za-hj-np-z0-9挂学警])(?![A-Za-z0-9])"
        ),
        is_real=_is_plate,
    ),
    _Rule(kind="wechat", placeholder="[微信号]", pattern=re.compile(r"(?<![A-Za-z0-9])wxid_[0-9a-z]{6,24}")),
    _Rule(
        kind="wechat",
        placeholder="[微信号]",
        pattern=re.compile(
            r"(?:微信|薇信|威信|(?<![A-Za-z])(?i:vx|wx|wechat|weixin))(?P<told>号码?|(?i:id)|(?=\s?[:：是]))?\s?[:：是为]?\s?"
            r"(?P<value>[a-zA-Z][-_a-zA-Z0-9]{5,19})(?![-_a-zA-Z0-9@.])"
        ),
        is_real=_is_wechat,
    ),
    _Rule(
        kind="qq",
        placeholder="[QQ号]",
        pattern=re.compile(
            r"(?:(?<![A-Za-z])(?i:qq)|扣扣|企鹅)群?(?:号码?)?(?:\s?[:：是为]|加)?\s?(?P<value>[1-9]\d{4,10})(?!\d|\.\d|\s?[元块])"
        ),
    ),
    _Rule(kind="ip", placeholder="[IP地址]", pattern=re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]?\d)"), is_real=_is_ip),
    _Rule(
        kind="address",
        placeholder="[地址]",
        pattern=re.compile(
            r"(?:[路街道巷弄]|胡同|条|村|小区|花园|家园|公寓|新村|苑)\s?(?:[东西南北中]段?|[甲乙])?\s?\d{1,5}(?:-\d{1,4})?(?:号楼|号院|号|弄|组|栋|幢|座)"
            r"(?![线口机球桌位场馆店选])" + _FLOORS
        ),
        is_real=_is_street,
        reaches_left=True,
    ),
    _Rule(
        kind="address",
        placeholder="[地址]",
        pattern=re.compile(
            r"(?<!\d)\d{1,3}(?:号楼|栋|幢|座)\s?(?:\d{1,2}|[一二三四五六七八九十东西]{1,2})?(?:单元|门)?\s?-?\d{2,4}(?:室|房|号|户)?(?![\d.年月人元块点分])"
        ),
    ),
    _Rule(
        kind="secret",
        placeholder="[密码]",
        pattern=re.compile(
            r"(?:密码|口令|(?i:password|passwd|pwd)|验证码|校验码|动态码|取件码|提取码|取餐码)(?:是|为|改成|[:：=\s]){0,3}"
            r"(?P<value>[!-~]{4,32})"
        ),
        is_real=lambda found: any(letter.isalnum() for letter in found["value"]),
    ),
    _Rule(
        kind="secret",
        placeholder="[密码]",
        pattern=re.compile(
            r"(?<![\d.])(?P<value>\d{4,8})\s?(?:[(（]|是|为)?(?:你的|您的|本次)?(?:登录|短信|动态|手机)?(?:验证码|校验码|动态码|取件码)"
        ),
    ),
)
