"""The rules of `scrub`: what personal data looks like, and what tells it from numbers that only look like it.

A rule is a pattern and, where the pattern alone is too wide, a test: checksums of ID cards (GB 11643), bank cards (Luhn) and IBANs
(mod 97), words around a number that tell what it is. Digits are fenced with look-arounds and not with word boundaries, which do not see
the edge between a digit and a Chinese character. Every repetition is bounded, so no line takes long. Texts come with full-width digits and
letters turned into ASCII.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

_PROVINCES = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12]")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"
_ORDER = re.compile(
    r"(?:会议号?|meeting|单号?|编号|流水号?|订单|运单|快递|物流|尾号|序列号|货号|型号|案号|卷号|时间戳|uid|UID)\s?[:：#是为]?\s?\Z"
)
# What couriers write right before the digits of a waybill: SF Express, YTO, ZTO, STO, Yunda, J&T, Deppon, TTK, Best, EMS, JD.
_COURIER = re.compile(r"(?<![A-Za-z])(?:SF|YTO?|ZTO|STO|YD|JT|DPK|TTK|HTKY|EMS|JD[A-Z]{0,2})\Z")
_VERSION = re.compile(r"(?:版本号?|[vV]|[vV]er|[vV]ersion|固件)\s?[:：]?\s?\Z")
_STREET_WORDS = re.compile(r"(?:[一走赶上半迷带顺铁公在多几出问开绕堵逛沿]路|[逛上沿扫]街|[知难说频通味渠一管赛跑轨报只几谁讲]道|[搞]弄)\Z")
_STREET_START = re.compile(r"[到在住放是去寄送离从搬回往址于给叫][^\u4e00-\u9fff]?|[^\u4e00-\u9fffA-Za-z0-9]")
_REGION = re.compile(r"[\u4e00-\u9fff]{2,3}(?:省|市|区|县|镇|乡)")
_STREET_REACH = 24  # characters to the left of a house number that may belong to its address


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One sort of personal data."""

    kind: str
    placeholder: str
    pattern: re.Pattern[str]
    is_real: Callable[[re.Match[str]], bool] | None = None
    reaches_left: bool = False  # the name of the street stands before what the pattern finds


def street_start(text: str, house: int) -> int:
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


def _is_iban(found: re.Match[str]) -> bool:
    account = found[0].replace(" ", "")
    return 15 <= len(account) <= 34 and int("".join(str(int(letter, 36)) for letter in account[4:] + account[:4])) % 97 == 1


def _is_no_order(found: re.Match[str]) -> bool:
    return _ORDER.search(_before(found)) is None


def _is_mobile(found: re.Match[str]) -> bool:
    return _is_no_order(found) and _COURIER.search(_before(found)) is None


def _is_plate(found: re.Match[str]) -> bool:
    return sum(letter.isdigit() for letter in found[0]) >= 3


def _is_wechat(found: re.Match[str]) -> bool:
    value = found["value"]
    return any(letter.isdigit() or letter in "_-" for letter in value) or bool(found["told"])


def _is_ip(found: re.Match[str]) -> bool:
    return all(int(part) < 256 for part in found[0].split(".")) and _VERSION.search(_before(found)) is None


def _is_secret(found: re.Match[str]) -> bool:
    """A word alone is a password only after a colon: "what's the password again?" holds none."""
    value = found["value"]
    return any(letter.isdigit() for letter in value) or (bool(found["told"]) and any(letter.isalnum() for letter in value))


def _is_street(found: re.Match[str]) -> bool:
    return _STREET_WORDS.search(found.string[max(0, found.start() - 1) : found.start() + 1]) is None


_SEP = "[-–. ]?"
# What stands before a WeChat id and before a secret, the only personal data without a digit or an @.
_WECHAT = r"[微薇威vV]信|(?<![A-Za-z])(?i:vx|wx|wechat|weixin)|\+[vV](?=\s)|(?<![A-Za-z])[vV](?=[:：])"
_CODES = (
    r"密码|口令|(?<![A-Za-z])(?i:wifi)(?=\s?[:：])(?![^\n]{0,40}(?:密码|password))"
    r"|(?<![A-Za-z])(?i:password|passwd|pwd|passcode|pin|verification code|security code)"
    r"|验证码|校验码|动态码|取件码|提取码|取餐码|邀请码"
)
OPENINGS = rf"wxid_|{_WECHAT}|{_CODES}"  # what rules find without a digit or an @ begins with one of these
_FLOORS = (
    r"(?:[\u4e00-\u9fffA-Za-z0-9]{0,8}?(?:\d{1,4}(?:号楼|号院|栋|幢|座|单元|室|层|楼|房|户|号)|[A-Za-z]座)){0,4}"
    r"(?:[\u4e00-\u9fff]{0,6}\d{1,3}-\d{1,2}-\d{2,4}(?!\d)|(?:[\u4e00-\u9fff]{1,6}(?:大厦|大楼|广场|中心))?\d{2,4}室?(?!\d))?"
)
RULES = (
    Rule(
        kind="id_card",
        placeholder="[身份证号]",
        pattern=re.compile(
            r"(?<!\d)(?P<value>[1-9]\d{5}[- ]?(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[- ]?\d{3}[\dXx])(?![\dA-Za-z])"
        ),
        is_real=_is_id_card,
    ),
    Rule(
        kind="id_card",
        placeholder="[身份证号]",
        pattern=re.compile(
            r"(?:身份证(?:号码|号)?|护照(?:号码|号)?|(?i:passport)(?: (?i:no|number)\.?)?)(?: is|[:： 是为#]){0,3}"
            r"(?P<value>\d{17}[\dXx]|\d{15}|[A-Za-z]{1,2}\d{7,8})(?![\dA-Za-z])"
        ),
    ),
    Rule(  # United States; no such number begins with 000, 666 or 9
        kind="id_card",
        placeholder="[身份证号]",
        pattern=re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"),
        is_real=_is_no_order,
    ),
    Rule(  # Hong Kong, with its check digit in brackets
        kind="id_card",
        placeholder="[身份证号]",
        pattern=re.compile(r"(?<![A-Za-z0-9])[A-Z]{1,2}\d{6}\([0-9A]\)"),
    ),
    Rule(
        kind="bank_card",
        placeholder="[银行卡号]",
        pattern=re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"),
        is_real=_is_iban,
    ),
    Rule(
        kind="bank_card",
        placeholder="[银行卡号]",
        pattern=re.compile(
            r"(?<![\d.])[3-6]\d{3}(?:[ -]?\d{4}){2,3}(?:[ -]?\d{1,3})?(?![\d.]?\d)|(?<![\d.])3[47]\d{2}[ -]?\d{6}[ -]?\d{5}(?!\d)"
        ),
        is_real=_is_bank_card,
    ),
    Rule(
        kind="phone",
        placeholder="[手机号]",
        pattern=re.compile(
            rf"(?<![\d.])(?:(?:\+|00)?86[- ]?|\(\+?86\) ?)?"
            rf"1[3-9](?:\d{_SEP}\d{{4}}{_SEP}\d{{4}}|\d{{2}}{_SEP}\d{{3}}{_SEP}\d{{4}}|\d{_SEP}\d{{3}}{_SEP}\d{{5}}"
            r"|\d{3}[- ]\d{6}|\d{4}[- ]\d{5})"
            r"(?!\d|\.\d|\s?(?:元|块|万|亿|次|步|字节))"
        ),
        is_real=_is_mobile,
    ),
    Rule(  # with the country's code
        kind="phone",
        placeholder="[手机号]",
        pattern=re.compile(r"(?<![\d+])\+[1-9]\d{0,2}[- ]?(?:\(\d{1,4}\)|\d{1,5})(?:[- ]?\d{2,5}){1,4}(?![\d%])"),
        is_real=lambda found: 9 <= len(_digits(found[0])) <= 15,
    ),
    Rule(  # North America: neither part begins with 0 or 1
        kind="phone",
        placeholder="[手机号]",
        pattern=re.compile(r"(?<![\d.-])(?:1[-. ])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}(?![\d-]|\.\d)"),
        is_real=_is_no_order,
    ),
    Rule(
        kind="landline",
        placeholder="[座机号]",
        pattern=re.compile(r"(?<![\d.-])(?:\+?86[- ]?)?\(?0(?:10|2\d|[3-9]\d{2})\)?[- ]?[2-8]\d{2,3}[- ]?\d{4}(?:[-转]\d{1,5})?(?![\d-])"),
        is_real=_is_no_order,
    ),
    Rule(
        kind="email",
        placeholder="[邮箱]",
        pattern=re.compile(
            r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9_][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,6}[A-Za-z]{2,24}(?![A-Za-z0-9])"
        ),
    ),
    Rule(
        kind="plate",
        placeholder="[车牌号]",
        pattern=re.compile(
            r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Za-hj-np-z][-·•.\s]?"
            r"(?:[DFdf][A-HJ-NP-Za-hj-np-z0-9]\d{4}|\d{5}[DFdf]|[A-HJ-NP-Za-hj-np-z0-9]{4}[A-HJ-NP-Za-hj-np-z0-9挂学警])(?![A-Za-z0-9])"
        ),
        is_real=_is_plate,
    ),
    Rule(kind="wechat", placeholder="[微信号]", pattern=re.compile(r"(?<![A-Za-z0-9])wxid_[0-9a-z]{6,24}")),
    Rule(
        kind="wechat",
        placeholder="[微信号]",
        pattern=re.compile(
            rf"(?:{_WECHAT})"
            r"(?P<told>号码?|\s?(?i:id)|(?=\s?[:：是]))?\s?(?:还是|就是|改成|改为|换成|(?i:is)(?= )|[:：是为叫])?\s?"
            r"(?P<value>[a-zA-Z][-_a-zA-Z0-9]{5,19})(?![-_a-zA-Z0-9@.])"
        ),
        is_real=_is_wechat,
    ),
    Rule(  # 微信加不上就搜 …
        kind="wechat",
        placeholder="[微信号]",
        pattern=re.compile(r"微信[^\n]{0,12}?搜(?:索|下|一下|[:：])?\s?(?P<value>[a-zA-Z][-_a-zA-Z0-9]{5,19})(?![-_a-zA-Z0-9@.])"),
    ),
    Rule(
        kind="qq",
        placeholder="[QQ号]",
        pattern=re.compile(
            r"(?:(?:(?<![A-Za-z])(?i:qq)|扣扣|企鹅|扣我|[qQ](?=[群号])|(?<=[我加])[qQ](?![A-Za-z]))群?(?:号码?)?|群号码?)"
            r"(?: is|\s?[:：]|(?:还|就)?[是为]|加)?\s?(?P<value>[1-9]\d{4,10})(?!\d|\.\d|\s?[元块])"
        ),
    ),
    Rule(kind="ip", placeholder="[IP地址]", pattern=re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]?\d)"), is_real=_is_ip),
    Rule(
        kind="address",
        placeholder="[地址]",
        pattern=re.compile(
            r"(?:[路街道巷弄]|胡同|条|村|小区|花园|家园|公寓|新村|苑)\s?(?:[东西南北中]段?|[甲乙])?\s?\d{1,5}(?:-\d{1,4})?(?:号楼|号院|号|弄|组|栋|幢|座)"
            r"(?![线口机球桌位场馆店选])" + _FLOORS
        ),
        is_real=_is_street,
        reaches_left=True,
    ),
    Rule(  # a named house without its street
        kind="address",
        placeholder="[地址]",
        pattern=re.compile(
            r"(?:大厦|广场|中心|大楼|银座|写字楼|科技楼|商城|小区|花园|家园|公寓|新村|苑|园|湾|区)"
            r"(?:[A-Za-z]座\s?\d{2,4}|\d{1,3}-\d{1,2}-\d{2,4}|\d{1,3}号楼\d{1,3}层)室?(?!\d)"
        ),
        reaches_left=True,
    ),
    Rule(
        kind="address",
        placeholder="[地址]",
        pattern=re.compile(
            r"(?<![\d.])\d{1,5}[A-Za-z]? (?:[A-Z][a-z]{1,15} ){1,3}"
            r"(?:St|Street|Ave|Avenue|Road|Rd|Lane|Ln|Drive|Dr|Blvd|Boulevard|Court|Ct|Place|Pl|Square|Sq|Terrace|Crescent)\b"
            r"(?:,? (?:Apt|Apartment|Unit|Flat|Suite|Room|#)\.? ?\d{1,4}[A-Za-z]?)?"
        ),
    ),
    Rule(
        kind="address",
        placeholder="[地址]",
        pattern=re.compile(r"(?<!\d)\d{1,2}(?:舍|号?宿舍楼?|号?公寓楼?)\s?\d{3,4}室?(?!\d)"),
    ),
    Rule(
        kind="address",
        placeholder="[地址]",
        pattern=re.compile(
            r"(?<!\d)\d{1,3}(?:号楼|栋|幢|座)\s?(?:\d{1,2}|[一二三四五六七八九十东西]{1,2})?(?:单元|门)?\s?-?\d{2,4}(?:室|房|号|户)?(?![\d.年月人元块点分])"
        ),
    ),
    Rule(
        kind="secret",
        placeholder="[密码]",
        pattern=re.compile(
            rf"(?:{_CODES})"
            r"(?:还是|就是|是|为|改成|改为|改|换成|了|(?i: is| code)(?= )|(?P<told>[:：=])|\s){0,3}(?P<value>[!-~]{4,32})"
        ),
        is_real=_is_secret,
    ),
    Rule(
        kind="secret",
        placeholder="[密码]",
        pattern=re.compile(r"(?<![A-Za-z])(?i:code)(?: is|:)? ?(?P<value>\d{4,8})(?![\d.])"),
        is_real=lambda found: re.search(r"(?i:error|zip|area|status|http|exit) ?\Z", _before(found)) is None,
    ),
    Rule(
        kind="secret",
        placeholder="[密码]",
        pattern=re.compile(
            r"(?<![\d.])(?P<value>\d{4,8})\s?(?:[(（]|是|为)?(?:你的|您的|本次)?(?:登录|短信|动态|手机)?(?:验证码|校验码|动态码|取件码)"
        ),
    ),
)
