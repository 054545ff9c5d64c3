"""Files that are known and not read: databases and backups that are still encrypted, and what to do instead.

    SQLCipher, WCDB         MSG0.db, MicroMsg.db, message_0.db, EnMicroMsg.db of WeChat, Signal's db.sqlite: a salt where SQLite's first
                            16 bytes would be, and noise behind it
    msgstore.db.crypt15     WhatsApp on Android, by its name
    signal-….backup         Signal on Android, by its name
    Msg3.0.db, *.bak        QQ for Windows: `SQLite header 3`, or noise
    Manifest.plist          a backup of an iPhone, where its `IsEncrypted` is true
    TDF$                    Telegram Desktop's own store

No key is looked for and nothing is decrypted.
"""

import math
import plistlib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from xml.parsers.expat import ExpatError

from clone_agent.importers.format import Head
from clone_agent.importers.sqlite_files import SQLITE

_NOISE = 7.2  # bits a byte; databases and texts stay below 6, a few kilobytes of noise come to 7.9
_LOOKED_AT = 8192
_SMALLEST = 1024
_WECHAT = re.compile(
    r"(?i)(?:en)?micromsg.*\.db|msg\d*\.db|(?:biz_)?message_\d+\.db|(?:publicmsg|mediamsg\d*|favorite|contact|session)\.db|(?:chat)?msg.*\.db"
)
_DATABASE = re.compile(r"(?i).*\.(?:db|sqlite3?|db3)")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file is not read, and what to do."""

    problem: str  # goes behind the file's name
    remedy: str


def refusal(head: Head) -> Refusal | None:
    """Why a file is known and not read; None where it is not known."""
    return next((one for matches, one in _KNOWN if matches(head)), None)


def _is_noise(head: Head) -> bool:
    data = head.data[:_LOOKED_AT]
    if len(data) < _SMALLEST:
        return False
    counts = Counter(data)
    return -sum(many / len(data) * math.log2(many / len(data)) for many in counts.values()) > _NOISE


def _is_noisy_database(head: Head) -> bool:
    return _DATABASE.fullmatch(head.name) is not None and not head.data.startswith(SQLITE) and _is_noise(head)


def _is_wechat(head: Head) -> bool:
    return _WECHAT.fullmatch(head.name) is not None and _is_noisy_database(head)


def _is_signal(head: Head) -> bool:
    return head.name.lower() in {"db.sqlite", "signal.db", "signal.sqlite"} and _is_noisy_database(head)


def _is_iphone_backup(head: Head) -> bool:
    if head.name != "Manifest.plist":
        return False
    try:
        manifest = plistlib.loads(head.data)
    except (plistlib.InvalidFileException, ValueError, ExpatError, OverflowError, RecursionError):
        return False
    return isinstance(manifest, dict) and manifest.get("IsEncrypted") is True


def _named(pattern: str) -> Callable[[Head], bool]:
    compiled = re.compile(pattern)
    return lambda head: compiled.fullmatch(head.name) is not None


_KNOWN: tuple[tuple[Callable[[Head], bool], Refusal], ...] = (
    (
        _is_wechat,
        Refusal(
            "is a database of WeChat that is still encrypted",
            "Export the chat with a tool that you have (WeFlow, MemoTrace, chatlog), or mail chosen messages out of WeChat.",
        ),
    ),
    (
        _is_signal,
        Refusal("is a database of Signal that is still encrypted", "Export with sigtop (export-messages) or signal-export instead."),
    ),
    (
        _named(r"(?i).*\.crypt\d*"),
        Refusal("is an encrypted backup of WhatsApp", "In WhatsApp open a chat, then ⋮ → More → Export chat, and name the zip or text."),
    ),
    (
        _named(r"(?i)signal-.*\.backup"),
        Refusal("is an encrypted backup of Signal", "Export with sigtop or signal-export from Signal Desktop instead."),
    ),
    (
        lambda head: head.data.startswith(b"SQLite header 3") or (head.name.lower().endswith(".bak") and _is_noise(head)),
        Refusal("is encrypted by QQ for Windows", "In QQ's 消息管理器 export the chats as text (*.txt) or web page (*.mht) instead."),
    ),
    (
        _is_iphone_backup,
        Refusal(
            "belongs to an encrypted backup of an iPhone", "Make a backup without a password, or export with imessage-exporter -f txt."
        ),
    ),
    (
        lambda head: head.data.startswith(b"TDF$"),
        Refusal("is Telegram Desktop's own store, encrypted", "In Telegram Desktop: Settings → Advanced → Export Telegram data → JSON."),
    ),
    (_is_noisy_database, Refusal("is an encrypted database, or no database at all", "Export the chats from the program itself instead.")),
    (
        lambda head: head.data.startswith(SQLITE),
        Refusal(
            "is a database with tables that no reader knows", "Export the chats from the program that wrote it, or save a table as CSV."
        ),
    ),
)
