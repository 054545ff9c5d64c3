"""Seeded databases of any size, for `format_speed.py`."""

import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from format_layout import talk


def write_database(
    folder: Path, size: int, tables: str, insert: str, values: Callable[[int, datetime, int, str], tuple[object, ...]], file: str
) -> Path:
    path = folder / file
    with sqlite3.connect(path) as database:
        database.executescript(tables)
        for number, (moment, who, text) in enumerate(talk(), start=1):
            database.execute(insert, values(number, moment, who, text))
            if number % 5000 == 0:
                database.commit()
                if path.stat().st_size >= size:
                    break
    database.close()
    return path


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def qqnt_body(number: int, text: str) -> bytes:
    """One text element, as the column 40800 holds it."""
    data = text.encode()
    element = varint(45001 << 3) + varint(number) + varint(45002 << 3) + varint(1) + varint(45101 << 3 | 2) + varint(len(data)) + data
    return varint(40800 << 3 | 2) + varint(len(element)) + element


def write_qqnt(folder: Path, size: int) -> Path:
    columns = '"40001","40003","40013","40020","40021","40027","40033","40050","40090","40800"'
    return write_database(
        folder,
        size,
        f'CREATE TABLE group_msg_table({columns}); CREATE TABLE c2c_msg_table({columns});CREATE TABLE nt_uid_mapping_table("48902","1002")',
        f"INSERT INTO group_msg_table({columns}) VALUES (?,?,?,?,?,?,?,?,?,?)",
        lambda n, t, who, text: (
            n,
            n,
            int(who == 0),
            f"u_{who}",
            "600100",
            600100,
            10_000_000 + who,
            int(t.timestamp()),
            f"成员{who}",
            qqnt_body(n, text),
        ),
        "nt_msg.db",
    )


def write_imessage(folder: Path, size: int) -> Path:
    return write_database(
        folder,
        size,
        "CREATE TABLE message(ROWID INTEGER PRIMARY KEY, guid TEXT, text TEXT, attributedBody BLOB,"
        " handle_id INTEGER, date INTEGER, is_from_me INTEGER);"
        "CREATE TABLE handle(ROWID INTEGER PRIMARY KEY, id);"
        "CREATE TABLE chat(ROWID INTEGER PRIMARY KEY, chat_identifier, display_name, style);"
        "CREATE TABLE chat_message_join(chat_id INTEGER, message_id INTEGER); CREATE INDEX joined ON chat_message_join(message_id);"
        "INSERT INTO handle VALUES (1, '+15550100'); INSERT INTO chat VALUES (1, '+15550100', '', 45);"
        "CREATE TRIGGER put AFTER INSERT ON message BEGIN INSERT INTO chat_message_join VALUES (1, new.ROWID); END",
        "INSERT INTO message VALUES (?,?,?,?,?,?,?)",
        lambda n, t, who, text: (n, f"g{n}", text, None, 1, (int(t.timestamp()) - 978_307_200) * 10**9, who % 2),
        "chat.db",
    )
