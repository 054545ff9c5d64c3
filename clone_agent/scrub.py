r"""Personal data in chat text -> placeholders. Pure: text in, text and counts out.

Han characters count as word characters, so a rule bounded by `\b` misses digits that touch them; every rule here looks at the neighbouring
digits and letters instead. Numbers with a check digit must pass it: mainland ID cards (GB 11643), bank cards (Luhn, ISO/IEC 7812). What is
replaced keeps its type, the rest of the message stays: `我的号码是[手机号]`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType

_FULL_WIDTH = str.maketrans("０１２３４５６７８９ＸｘＡａ＠．－：", "0123456789XxAa@.-:")
_HAN = "\u4e00-\u9fff"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """A text without the personal data that was found in it."""

    text: str
    found: dict[str, int] = field(default_factory=dict)  # type -> how many were replaced


def _is_identity_card(digits: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(digits, _ID_WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == digits[17].upper()


def _is_bank_card(text: str) -> bool:
    digits = [int(character) for character in text if character.isdigit()]
    if not 15 <= len(digits) <= 19 or len(set(digits)) < 2:
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _always(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Rule:
    """One kind of personal data. Group 1, where the pattern has one, is the part to replace."""

    name: str
    placeholder: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = _always


_RULES = (
    _Rule(
        "id_card",
        "[身份证号]",
        re.compile(r"(?<![0-9A-Za-z])[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![0-9A-Za-z])"),
        _is_identity_card,
    ),
    _Rule(
        "bank_card",
        "[银行卡号]",
        re.compile(r"(?<![\dA-Za-z.])(?:[3-6]\d{14,18}|[3-6]\d{3}(?:[ -]\d{4}){3}(?:[ -]\d{1,3})?)(?![\dA-Za-z])"),
        _is_bank_card,
    ),
    _Rule(
        "email", "[邮箱]", re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,12}")
    ),
    _Rule("phone", "[手机号]", re.compile(r"(?<![\dA-Za-z.])(?:\+?86[- ]?)?1[3-9]\d(?:\d{8}|-\d{4}-\d{4}| \d{4} \d{4})(?![\dA-Za-z])")),
    _Rule("landline", "[电话]", re.compile(r"(?<![\dA-Za-z.-])0\d{2,3}[- ]?[2-8]\d{6,7}(?![\dA-Za-z])")),
    _Rule(
        "plate",
        "[车牌]",
        re.compile(rf"[{_PROVINCES}][A-HJ-NP-Z][·•\s]?(?=[A-Z]*\d)(?:[A-HJ-NP-Z0-9]{{6}}|[A-HJ-NP-Z0-9]{{5}})(?![A-Za-z0-9])"),
    ),
    _Rule("wechat_id", "[微信号]", re.compile(r"(wxid_[0-9a-z]{8,20})(?![0-9A-Za-z])")),
    _Rule(
        "wechat_id",
        "[微信号]",
        re.compile(
            r"(?i)(?:微信|薇信|(?<![a-z])(?:vx|wx))号?(?:[:是]|\s){0,3}(?<![a-z])([a-z](?=[a-z_-]{0,18}\d)[-_a-z0-9]{5,19})(?![a-z0-9])"
        ),
    ),
    _Rule("qq", "[QQ号]", re.compile(r"(?i)(?:(?<![a-z])qq|扣扣|企鹅)号?(?:[:是]|\s){0,3}([1-9]\d{4,10})(?!\d)")),
    _Rule(
        "ip",
        "[IP地址]",
        re.compile(r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?![\d.])"),
    ),
    _Rule(
        "address",
        "[地址]",
        re.compile(
            rf"[{_HAN}A-Za-z0-9]{{2,16}}(?:路|街|道|巷|弄|胡同|大街|大道)\d{{1,5}}(?:号|弄)(?:[{_HAN}]{{0,8}}\d{{1,4}}(?:号楼|栋|幢|座|单元|室|楼|层|号)?){{0,3}}"
        ),
    ),
    _Rule(
        "address",
        "[地址]",
        re.compile(
            rf"(?<!\d)(?:[{_HAN}]{{2,8}}(?:小区|花园|公寓|苑|里|府|城))?\d{{1,3}}(?:号楼|栋|幢)(?:\d{{1,2}}单元)?-?\d{{2,4}}室?(?!\d)"
        ),
    ),
    _Rule(
        "secret",
        "[密码]",
        re.compile(
            r"(?i)(?:密码|口令(?!红包)|password|passwd|pwd|验证码|取件码|提取码)(?:[:=是为]|\s){1,3}([A-Za-z0-9!@#$%^&*._-](?:[A-Za-z0-9!@#$%^&*._-]|-(?=\d)){3,31})"
        ),
    ),
)
TYPES = tuple(dict.fromkeys(rule.name for rule in _RULES))
PLACEHOLDERS = MappingProxyType({rule.name: rule.placeholder for rule in _RULES})

# Every kind holds a run of digits, an @, or one of these words: most messages hold none and are done after one look.
_CANDIDATE = re.compile(
    r"\d{4}|@|wxid_|微信|薇信|vx|wx|密码|口令|password|passwd|pwd|验证码|取件码|提取码|\d(?:号|弄|栋|幢)|\d\.\d|\d-\d", re.IGNORECASE
)


def scrub(text: str) -> Scrubbed:
    """Replace personal data by placeholders.

    Where two kinds overlap, the one listed first in the table wins. Full-width digits count as digits. Text without a find comes back as it
    was, character by character.
    """
    plain = text.translate(_FULL_WIDTH)
    if not _CANDIDATE.search(plain):
        return Scrubbed(text)
    spans: list[tuple[int, int, _Rule]] = []
    for rule in _RULES:
        for match in rule.pattern.finditer(plain):
            start, end = match.span(match.re.groups and 1)
            if rule.holds(match[0]) and not any(start < other_end and other_start < end for other_start, other_end, _ in spans):
                spans.append((start, end, rule))
    return _replace(text, sorted(spans, key=lambda span: span[0]))


def _replace(text: str, spans: list[tuple[int, int, _Rule]]) -> Scrubbed:
    pieces: list[str] = []
    found: dict[str, int] = {}
    done = 0
    for start, end, rule in spans:
        pieces += [text[done:start], rule.placeholder]
        found[rule.name] = found.get(rule.name, 0) + 1
        done = end
    return Scrubbed("".join([*pieces, text[done:]]), found)
