"""When festivals fall. Lunar ones come from a table of 2000 to 2040, so that no calendar library is needed."""

from datetime import date

# name: month, first day, number of days; holidays begin with their eve, since that is when people travel and write
FIXED = {
    "new year": (1, 1, 3),
    "new year's eve": (12, 31, 1.5),
    "valentine": (2, 14, 1),
    "women": (3, 8, 1),
    "fools": (4, 1, 1),
    "qingming": (4, 3, 4),
    "labour": (5, 1, 5),
    "youth": (5, 4, 1),
    "520": (5, 20, 1),
    "children": (6, 1, 1),
    "618": (6, 16, 4),
    "independence": (7, 4, 1),
    "teachers": (9, 10, 1),
    "national": (9, 30, 9),
    "halloween": (10, 31, 1),
    "singles": (11, 10, 3),
    "double twelve": (12, 11, 3),
    "christmas eve": (12, 24, 1),
    "christmas": (12, 24, 3),
    "summer holiday": (6, 28, 66),
    "winter holiday": (1, 8, 50),
}

# name: month, weekday (Monday is 0), which one of the month, days added, number of days
MOVING = {
    "mother": (5, 6, 2, 0, 1),
    "father": (6, 6, 3, 0, 1),
    "thanksgiving": (11, 3, 4, 0, 4),
    "black friday": (11, 3, 4, 1, 1),
    "labor day": (9, 0, 1, -2, 3),
}

# year: first day of the first lunar month, 5th of the 5th, 7th of the 7th, 15th of the 8th, 9th of the 9th
_TABLE = {
    2000: "0205 0606 0806 0912 1006",
    2001: "0124 0625 0825 1001 1025",
    2002: "0212 0615 0815 0921 1014",
    2003: "0201 0604 0804 0911 1004",
    2004: "0122 0622 0822 0928 1022",
    2005: "0209 0611 0811 0918 1011",
    2006: "0129 0531 0731 1006 1030",
    2007: "0218 0619 0819 0925 1019",
    2008: "0207 0608 0807 0914 1007",
    2009: "0126 0528 0826 1003 1026",
    2010: "0214 0616 0816 0922 1016",
    2011: "0203 0606 0806 0912 1005",
    2012: "0123 0623 0823 0930 1023",
    2013: "0210 0612 0813 0919 1013",
    2014: "0131 0602 0802 0908 1002",
    2015: "0219 0620 0820 0927 1021",
    2016: "0208 0609 0809 0915 1009",
    2017: "0128 0530 0828 1004 1028",
    2018: "0216 0618 0817 0924 1017",
    2019: "0205 0607 0807 0913 1007",
    2020: "0125 0625 0825 1001 1025",
    2021: "0212 0614 0814 0921 1014",
    2022: "0201 0603 0804 0910 1004",
    2023: "0122 0622 0822 0929 1023",
    2024: "0210 0610 0810 0917 1011",
    2025: "0129 0531 0829 1006 1029",
    2026: "0217 0619 0819 0925 1018",
    2027: "0206 0609 0808 0915 1008",
    2028: "0126 0528 0826 1003 1026",
    2029: "0213 0616 0816 0922 1016",
    2030: "0203 0605 0805 0912 1005",
    2031: "0123 0624 0824 1001 1024",
    2032: "0211 0612 0812 0919 1012",
    2033: "0131 0601 0801 0908 1001",
    2034: "0219 0620 0820 0927 1020",
    2035: "0208 0610 0810 0916 1009",
    2036: "0128 0530 0828 1004 1027",
    2037: "0215 0618 0817 0924 1017",
    2038: "0204 0607 0807 0913 1007",
    2039: "0124 0527 0826 1002 1026",
    2040: "0212 0614 0814 0920 1014",
}


def _column(number: int) -> dict[int, date]:
    found = {}
    for year, row in _TABLE.items():
        text = row.split()[number]
        found[year] = date(year, int(text[:2]), int(text[2:]))
    return found


_SPRING, _BOAT, _SEVENTH, _AUTUMN, _NINTH = map(_column, range(5))

# name: its column, days added, number of days
LUNAR = {
    "spring festival": (_SPRING, -2, 10),
    "spring festival eve": (_SPRING, -1, 1.5),
    "first month": (_SPRING, 0, 29),
    "lantern": (_SPRING, 14, 1),
    "dragon boat": (_BOAT, -1, 4),
    "qixi": (_SEVENTH, 0, 1),
    "mid-autumn": (_AUTUMN, -1, 4),
    "double ninth": (_NINTH, 0, 1),
    "laba": (_SPRING, -23, 2),
}
