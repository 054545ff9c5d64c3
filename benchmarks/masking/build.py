"""Fills the slots of `templates.txt` and writes `messages.jsonl`: 1,000 invented chat messages with labelled personal data.

Also reads `marked.txt`, a second set of single messages with marks around what is personal, and writes `marked.jsonl`.

    python benchmarks/masking/build.py

Every value is drawn with a seed and belongs to nobody: numbers are random, with valid checksums where their kind has one. Each message
carries `half`: the rules were mended on `mend`, while `held_out`, made of other templates, was only measured.
"""

import json
import random
import re
import string
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
MESSAGES = 1000
ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
MARK = re.compile(r"⟦(\w+)\|([^⟧]+)⟧")
WIDE = str.maketrans(string.digits, "０１２３４５６７８９")
Draw = random.Random


def digits(draw: Draw, many: int) -> str:
    return "".join(draw.choices(string.digits, k=many))


def phone(draw: Draw) -> str:
    number = f"1{draw.choice(('38', '39', '50', '51', '59', '77', '86', '91', '98', '55', '66', '73'))}{digits(draw, 8)}"
    a, b, c = number[:3], number[3:7], number[7:]
    return draw.choice(
        [number] * 6
        + [f"{a} {b} {c}", f"{a}-{b}-{c}", f"+86 {number}", f"+86{number}", f"86-{number}", f"{number[:3]} {number[3:6]} {number[6:]}"]
        + [number.translate(WIDE), f"{a}.{b}.{c}", f"(+86){number}", f"+86 {a} {b} {c}"]
    )


def phone_abroad(draw: Draw) -> str:
    us = f"{draw.choice((212, 415, 646, 718, 617))}", f"{draw.randint(200, 999)}", digits(draw, 4)
    return draw.choice(
        (
            f"({us[0]}) {us[1]}-{us[2]}",
            f"+1 {us[0]}-{us[1]}-{us[2]}",
            f"+1{''.join(us)}",
            f"{'-'.join(us)}",
            f"+44 7{digits(draw, 3)} {digits(draw, 6)}",
            f"+81 90-{digits(draw, 4)}-{digits(draw, 4)}",
            f"+65 9{digits(draw, 3)} {digits(draw, 4)}",
        )
    )


def phone_hk(draw: Draw) -> str:
    return draw.choice(
        (f"+852 9{digits(draw, 3)} {digits(draw, 4)}", f"+8526{digits(draw, 7)}", f"+853 6{digits(draw, 3)} {digits(draw, 4)}")
    )


def landline(draw: Draw) -> str:
    area = draw.choice(("010", "021", "0571", "0755", "028", "0512", "0898"))
    local = draw.choice("2345678") + digits(draw, 7 if len(area) == 3 or area in ("0571", "0755", "0512") else 6)
    return draw.choice((f"{area}-{local}", f"{area}{local}", f"({area}){local}", f"{area} {local}", f"{area}-{local[:4]} {local[4:]}"))


def id_card(draw: Draw) -> str:
    region = draw.choice(("110105", "310104", "330106", "440305", "510107", "420111", "610113", "320508"))
    body = f"{region}{draw.randint(1950, 2012)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}{digits(draw, 3)}"
    card = body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, ID_WEIGHTS, strict=True)) % 11]
    return draw.choice([card] * 5 + [card.lower(), f"{card[:6]} {card[6:14]} {card[14:]}", card.translate(WIDE)])


def luhn(body: str) -> str:
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body))]
    return body + str(-sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10)


def card(draw: Draw) -> str:
    prefix, length = draw.choice(
        (("622202", 19), ("621700", 19), ("622848", 19), ("625802", 16), ("4392", 16), ("5187", 16), ("622588", 16))
    )
    number = luhn(prefix + digits(draw, length - len(prefix) - 1))
    fours = [number[at : at + 4] for at in range(0, len(number), 4)]
    return draw.choice((number, number, number, " ".join(fours), "-".join(fours)))


def iban(draw: Draw) -> str:
    body = f"{digits(draw, 18)}"
    check = 98 - int(body + "131400") % 97  # D = 13, E = 14
    text = f"DE{check:02}{body}"
    return draw.choice((text, " ".join(text[at : at + 4] for at in range(0, len(text), 4))))


def email(draw: Draw) -> str:
    user = draw.choice(
        ("linwan", "wan.lin", "abao_88", "lw1998", "hr", "contact", "xiaoming-li", "zz.top", "nightowl", "c.wong", "lao.zheng")
    )
    user += draw.choice(("", digits(draw, 2), digits(draw, 4)))
    host = draw.choice(
        ("qq.com", "163.com", "gmail.com", "outlook.com", "foxmail.com", "zju.edu.cn", "firm-mail.co.uk", "126.com", "icloud.com")
    )
    return draw.choice((f"{user}@{host}",) * 5 + (f"{digits(draw, 9)}@qq.com", f"{user}@{host}".upper()))


def plate(draw: Draw) -> str:
    place = draw.choice("京沪浙苏粤川鲁鄂湘陕闽皖津渝") + draw.choice("ABCDEFGHJK")
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    five = draw.choice(
        (digits(draw, 5), f"{draw.choice(letters)}{digits(draw, 4)}", f"{digits(draw, 2)}{draw.choice(letters)}{digits(draw, 2)}")
    )
    five = draw.choice(
        (five, five, five, f"{digits(draw, 3)}{draw.choice(letters)}{draw.choice(letters)}", f"D{digits(draw, 5)}", f"F{digits(draw, 5)}")
    )
    text = place + draw.choice(("", "", "·", " ", "-")) + five
    return draw.choice((text, text, text, text.lower()))


def qq(draw: Draw) -> str:
    return draw.choice("123456789") + digits(draw, draw.randint(5, 9))


def wechat(draw: Draw) -> str:
    return draw.choice(
        (
            f"lin{draw.choice(('wan', 'lin', 'xi'))}_{digits(draw, 4)}",
            f"{draw.choice(('cat', 'moon', 'night', 'abao'))}{draw.choice(('lover', 'rider', 'owl'))}{digits(draw, 2)}",
            f"w{digits(draw, 6)}w",
            f"Xiao-Ming{digits(draw, 3)}",
            f"zhengge{digits(draw, 5)}",
        )
    )


def wxid(draw: Draw) -> str:
    return "wxid_" + "".join(draw.choices(string.ascii_lowercase + string.digits, k=14))


def ip(draw: Draw) -> str:
    return ".".join(str(draw.randint(1, 254)) for _ in range(4))


ROADS = (
    "文三路",
    "中山北路",
    "建设大街",
    "学院路",
    "人民南路",
    "解放路",
    "幸福街",
    "滨江大道",
    "科技园路",
    "桃花弄",
    "太平巷",
    "凤起路",
    "朝阳西街",
)
DISTRICTS = ("西湖区", "海淀区", "徐汇区", "天河区", "雨花台区", "江北区", "高新区", "洪山区", "工业园区")
CITIES = ("杭州市", "北京市", "上海", "广州市", "南京", "重庆市", "成都", "武汉市", "苏州市", "浙江省杭州市")
ESTATES = ("金色家园", "阳光花园", "翠苑小区", "望京西园", "万科城市花园", "绿城桂花园", "幸福新村", "御景湾", "枫林公寓", "天通苑北区")
TOWNS, VILLAGES = ("龙坞镇", "三墩镇", "杨柳青镇"), ("桃源村", "大李村", "新河村")
TOWERS = ("国际大厦", "创新中心", "银座", "世贸广场", "科技楼", "财富中心")


def address(draw: Draw) -> str:
    city, district, road, estate = draw.choice(CITIES), draw.choice(DISTRICTS), draw.choice(ROADS), draw.choice(ESTATES)
    flat = draw.choice(
        (
            f"{draw.randint(1, 30)}栋{draw.randint(1, 6)}单元{draw.randint(1, 33)}0{draw.randint(1, 6)}",
            f"{draw.randint(1, 30)}号楼{draw.randint(1, 33)}0{draw.randint(1, 6)}室",
            f"{draw.randint(1, 30)}幢{draw.randint(1, 33)}0{draw.randint(1, 6)}",
            f"{draw.randint(1, 20)}-{draw.randint(1, 4)}-{draw.randint(1, 18)}0{draw.randint(1, 4)}",
        )
    )
    number = f"{draw.randint(1, 999)}号"
    return draw.choice(
        (
            f"{city}{district}{road}{number}{estate}{flat}",
            f"{district}{road}{number}",
            f"{road}{number}{flat}",
            f"{estate}{flat}",
            f"{city}{road}{number}{draw.choice(TOWERS)}{draw.choice('ABC')}座{draw.randint(3, 28)}0{draw.randint(1, 9)}",
            f"{district}{road}{draw.randint(1, 999)}弄{draw.randint(1, 60)}号{draw.randint(1, 6)}0{draw.randint(1, 4)}室",
            f"{city}{district}{draw.choice(TOWNS)}{draw.choice(VILLAGES)}{draw.randint(1, 12)}组{draw.randint(1, 99)}号",
            f"{draw.choice(TOWERS)}{draw.randint(1, 3)}号楼{draw.randint(5, 28)}层",
        )
    )


def dorm(draw: Draw) -> str:
    return draw.choice(
        (
            f"紫金港{draw.randint(1, 30)}舍{draw.randint(100, 699)}",
            f"东区{draw.randint(1, 20)}栋{draw.randint(100, 699)}",
            f"{draw.randint(1, 20)}号宿舍楼{draw.randint(100, 699)}室",
        )
    )


def address_en(draw: Draw) -> str:
    street = draw.choice(("Elm", "Maple", "Baker", "Mission", "Harbour", "King", "Station", "Greenwood")) + " "
    street += draw.choice(("St", "Street", "Ave", "Avenue", "Road", "Rd", "Lane", "Drive"))
    number = draw.choice((f"{draw.randint(1, 9999)}", f"{draw.randint(1, 99)}B"))
    flat = draw.choice(
        ("", f", Apt {draw.randint(1, 30)}{draw.choice('ABC')}", f" Unit {draw.randint(1, 99)}", f", Flat {draw.randint(1, 40)}")
    )
    return f"{number} {street}{flat}"


def secret(draw: Draw) -> str:
    word = draw.choice(("miaomiao", "Summer", "hunter", "woaini", "Qwer", "catnip", "xiaoyu"))
    return word + draw.choice(("", "!", "@", "_", "#")) + digits(draw, draw.randint(2, 5))


def code(draw: Draw) -> str:
    return "".join(draw.choices(string.ascii_lowercase + string.digits, k=3)) + draw.choice(string.digits)


def day_and_time(draw: Draw) -> str:
    day = f"{draw.randint(2015, 2025)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
    return f"{day} {draw.randint(0, 23):02}:{draw.randint(0, 59):02}"


VALUES: dict[str, tuple[str, Callable[[Draw], str]]] = {
    "phone": ("phone", phone),
    "phone_abroad": ("phone", phone_abroad),
    "phone_hk": ("phone", phone_hk),
    "landline": ("landline", landline),
    "id": ("id_card", id_card),
    "passport": ("id_card", lambda draw: draw.choice(("E", "EJ", "G")) + digits(draw, 8) if draw.random() < 0.7 else "E" + digits(draw, 8)),
    "ssn": ("id_card", lambda draw: f"{draw.randint(100, 665)}-{draw.randint(10, 99)}-{draw.randint(1000, 9999)}"),
    "card": ("bank_card", card),
    "iban": ("bank_card", iban),
    "email": ("email", email),
    "plate": ("plate", plate),
    "qq": ("qq", qq),
    "wechat": ("wechat", wechat),
    "wxid": ("wechat", wxid),
    "ip": ("ip", ip),
    "address": ("address", address),
    "dorm": ("address", dorm),
    "address_en": ("address", address_en),
    "secret": ("secret", secret),
    "pin": ("secret", lambda draw: digits(draw, draw.choice((4, 6, 6)))),
    "code": ("secret", code),
    "pickup": ("secret", lambda draw: f"{draw.randint(1, 20)}-{draw.randint(1, 9)}-{digits(draw, 4)}"),
    # What only looks like personal data has no kind.
    "order": ("", lambda draw: draw.choice(("2024", "20231104", "E", "XJ", "7")) + digits(draw, draw.randint(9, 16))),
    "date": ("", day_and_time),
    "timestamp": ("", lambda draw: f"1{digits(draw, draw.choice((9, 12)))}"),
    "version": ("", lambda draw: ".".join(str(draw.randint(0, 30)) for _ in range(draw.choice((2, 3, 4))))),
    "amount": ("", lambda draw: str(draw.randint(5, 99) * 10 ** draw.randint(1, 4))),
    "count": ("", lambda draw: str(draw.randint(2, 99999))),
    "isbn": ("", lambda draw: f"978-7-{digits(draw, 4)}-{digits(draw, 4)}-{digits(draw, 1)}"),
    "room": ("", lambda draw: digits(draw, draw.choice((4, 6, 8)))),
    "meeting": ("", lambda draw: f"{draw.randint(100, 999)}-{digits(draw, 3)}-{digits(draw, 3)}"),
    "flight": ("", lambda draw: draw.choice(("CA", "MU", "3U", "HO")) + digits(draw, 4)),
    "train": ("", lambda draw: draw.choice("GDK") + str(draw.randint(1, 9999))),
    "hex": ("", lambda draw: f"{draw.randrange(16**6):06x}"),
    "sha": ("", lambda draw: f"{draw.randrange(16**40):040x}"),
    "tail": ("", lambda draw: digits(draw, 4)),
    "bv": ("", lambda draw: "".join(draw.choices(string.ascii_letters + string.digits, k=9))),
    "imgdate": ("", lambda draw: f"20{draw.randint(18, 25)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}"),
}


def fill(template: str, draw: Draw) -> tuple[str, list[list[object]]]:
    """A message and its labels [start, end, kind], in characters."""
    text, spans = "", []
    for place, piece in enumerate(re.split(r"\{(\w+)\}", template)):
        if place % 2:
            kind, value = VALUES[piece][0], VALUES[piece][1](draw)
            if kind:
                spans.append([len(text), len(text) + len(value), kind])
            text += value
        else:
            text += piece
    return text, spans


def marked() -> list[dict[str, object]]:
    """The messages of `marked.txt` without their marks; below a line of people, also with what these are called."""
    rows: list[dict[str, object]] = []
    people: list[list[str]] = []
    half = ""
    for line in (HERE / "marked.txt").read_text("utf-8").splitlines():
        if line.startswith("people:"):
            people = [[name.strip() for name in line.removeprefix("people:").split("/") if name.strip()]]
        elif line.startswith("half:"):
            half = line.removeprefix("half:").strip()
        elif line and not line.startswith("#"):
            spans, text, at = [], "", 0
            for found in MARK.finditer(line):
                text += line[at : found.start()]
                spans.append([len(text), len(text) + len(found[2]), found[1]])
                text, at = text + found[2], found.end()
            row: dict[str, object] = {"half": half, "text": text + line[at:], "spans": spans}
            rows.append({**row, "people": people} if any(people) else row)
    return rows


def main() -> None:
    draw = Draw(20240915)
    templates = [line for line in (HERE / "templates.txt").read_text("utf-8").splitlines() if line and not line.startswith("#")]
    chatter = [line for line in (HERE / "chatter.txt").read_text("utf-8").splitlines() if line]
    rows = []
    for number, template in enumerate(templates):
        half = "mend" if number % 2 == 0 else "held_out"
        kinds = [VALUES[slot][0] for slot in re.findall(r"\{(\w+)\}", template)]
        for _ in range(3 if any(kinds) else 1):
            text, spans = fill(template, draw)
            rows.append({"half": half, "text": text, "spans": spans})
    rows += [{"half": "mend" if number % 2 == 0 else "held_out", "text": text, "spans": []} for number, text in enumerate(chatter)]
    kept = rows[:MESSAGES]
    print(f"{len(rows)} made, {len(kept)} kept; {sum(len(row['spans']) for row in kept)} labels")
    draw.shuffle(kept)
    with (HERE / "messages.jsonl").open("w", encoding="utf-8") as file:
        for row in kept:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    with (HERE / "marked.jsonl").open("w", encoding="utf-8") as file:
        for one in marked():
            file.write(json.dumps(one, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
